//! The state at height 0, made of the genesis file alone.

use std::collections::BTreeMap;

use primitives::{Amount, Genesis, Lane, LedgerSlot, SlotIndex, encode};

use crate::overlay::Overlay;
use crate::view::{Broken, StateView};
use crate::{columns, identity, staking, validators};

/// Module state and ledger of height 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisState {
    /// Ledger slots, in slot order.
    pub slots: Vec<LedgerSlot>,
    /// Module state, by key.
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Nothing: what genesis starts from.
struct Empty;

impl StateView for Empty {
    fn get(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn scan(&self, _prefix: &[u8], _limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
    fn slot(&self, _slot: SlotIndex) -> Option<LedgerSlot> {
        None
    }
    fn next_slot(&self) -> u32 {
        0
    }
    fn supply(&self) -> Amount {
        Amount::ZERO
    }
}

/// The state at height 0 of a validated genesis.
///
/// # Errors
/// [`Broken`] when `genesis` was not validated.
pub fn genesis_state(genesis: &Genesis) -> Result<GenesisState, Broken> {
    let mut overlay = Overlay::new(&Empty);
    let slots = genesis.slots();
    for (index, slot) in slots.iter().enumerate() {
        let index = u32::try_from(index).ok().and_then(SlotIndex::new).ok_or(Broken("too many genesis accounts"))?;
        overlay.put(columns::account(&slot.address), encode(&index));
    }
    for lane in Lane::ALL {
        overlay.put(columns::base_fee(lane), encode(&genesis.params.base_fee_initial));
    }
    let set = genesis.validator_set().map_err(|_| Broken("genesis validators are not a set"))?;
    validators::genesis(&mut overlay, &set);
    overlay.put(columns::params(), encode(&genesis.params));
    overlay.put(columns::gates(), encode(&genesis.gates));
    identity::genesis(&mut overlay, genesis)?;
    staking::genesis(&mut overlay, genesis)?;
    let state = overlay.into_writes().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    Ok(GenesisState { slots, state })
}
