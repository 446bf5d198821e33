//! What validators without a seat do where there is a lottery: register an identity, hand in tickets.
//!
//! Rules
//! - A ticket is handed in when the wallet is asked in the right epoch, so that some candidates are silent in some.
//! - One ticket in eight is proven for another epoch; it is refused by name and pays its fee.

use primitives::actions::identity::{Register, VrfBinding};
use primitives::actions::lottery::lottery_input;
use primitives::{Action, Address, Hash, Height, IdentityAction, LotteryAction};

use crate::chain::{IDENTITY_BOND, Keys};
use crate::lottery::Lottery;
use crate::random::Random;
use crate::registry::{Registry, Stage};

/// One ticket in so many is proven for another epoch.
const WRONG_ONE_IN: u64 = 8;

/// What the validator with this number and address does about the lottery after `height`, if anything.
pub fn action(
    (node, address): (u16, Address),
    (lottery, registry): (&Lottery, &Registry),
    height: Height,
    (keys, genesis): (Keys, Hash),
    random: &mut Random,
) -> Option<Action> {
    let secret = keys.vrf(node);
    let has_identity = match registry.get(&address).map(|known| known.stage) {
        None => false,
        Some(Stage::Pending) => !registry.is_late(&address, height),
        Some(Stage::Active | Stage::Ended(_)) => true,
    };
    if !has_identity {
        let vrf = VrfBinding::prove(&secret, address, height, &genesis)?;
        let register = Register { bond: IDENTITY_BOND, vrf, peer: None };
        return Some(Action::Identity(IdentityAction::Register(Box::new(register))));
    }
    let (epoch, seed) = lottery.wants(height, &address)?;
    let proven = if random.below(WRONG_ONE_IN) == 0 { epoch.saturating_add(1) } else { epoch };
    let proof = secret.prove(&lottery_input(&genesis, proven, &seed, &address))?;
    Some(Action::Lottery(LotteryAction::Submit { epoch, proof }))
}
