//! The state after the last finalized block, in memory.
//!
//! Module state, ledger slots and both trees live in memory (about 400 bytes per account) and are loaded
//! and verified from the store at start, so reads during execution are fast and cannot fail.

use std::collections::BTreeMap;

use mempool::{AccountReader, AccountState};
use primitives::actions::EndRecord;
use primitives::{
    Address, Amount, CommitCertificate, Hash, Header, Height, LedgerDigest, LedgerSlot, SlotIndex, Timestamp,
};
use state::{StateView, view};
use tree::{LedgerTree, MemoryNodes};

use crate::model::Model;

/// The end of the finalized chain.
#[derive(Debug, Clone)]
pub struct Head {
    /// Last finalized height.
    pub height: Height,
    /// Its block's hash; the genesis hash at height 0.
    pub hash: Hash,
    /// Its time; the genesis time at height 0.
    pub time: Timestamp,
    /// Its beacon.
    pub beacon: Hash,
    /// Digest of all ledger operations so far.
    pub ops_digest: LedgerDigest,
    /// Root of the module-state tree.
    pub state_root: Hash,
    /// Its header; none at height 0.
    pub header: Option<Header>,
    /// Its certificate; none at height 0.
    pub certificate: Option<CommitCertificate>,
}

/// The current state.
pub struct ChainState {
    /// The end of the chain.
    pub head: Head,
    /// Balances and nonces with their tree.
    pub ledger: LedgerTree,
    /// Module state by key.
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Nodes of the module-state tree.
    pub nodes: MemoryNodes,
    /// The independent ledger model.
    pub model: Model,
}

impl ChainState {
    /// The ledger after the last finalized block; that of genesis at height 0.
    pub fn end_record(&self) -> EndRecord {
        EndRecord {
            height: self.head.height,
            ledger_root: self.ledger.root(),
            ops_digest: self.head.ops_digest,
            supply: self.ledger.supply(),
            next_slot: self.ledger.next_slot(),
        }
    }
}

impl StateView for ChainState {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.state.get(key).cloned()
    }
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.state.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        entries.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
    fn slot(&self, slot: SlotIndex) -> Option<LedgerSlot> {
        self.ledger.slot(slot).copied()
    }
    fn next_slot(&self) -> u32 {
        self.ledger.next_slot()
    }
    fn supply(&self) -> Amount {
        self.ledger.supply()
    }
}

impl AccountReader for ChainState {
    fn account(&self, address: &Address) -> Option<AccountState> {
        let (_, slot) = view::account(self, address).ok()??;
        Some(AccountState { nonce: slot.nonce, balance: slot.balance })
    }
}
