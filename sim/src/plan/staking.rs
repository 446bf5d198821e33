//! Stake that moves: what of the traffic is about stake, and who has no seat at the start.
//!
//! Model: with this key the chain has short epochs, so that the voting set changes every few heights, also while
//! faults are in effect. Wallets delegate, redelegate, unbond and claim; validators bond, unbond, become candidates and
//! ask to leave jail.
//!
//! With `lottery_seats` a newcomer also registers an identity and hands in a ticket in each epoch in which it may, now and
//! then a wrong one or none.
//!
//! Rule: whoever may break the protocol or forget keeps at most the power of the start, and then no other validator of
//! the start falls below it and nobody is jailed for absence. So the weak ones stay below a third of every set.

use serde::{Deserialize, Serialize};

/// Moves of stake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staking {
    /// So many of the last validators have no seat at the start and bond for one.
    #[serde(default)]
    pub candidates: u16,
    /// How much of the traffic is about stake, parts per million.
    #[serde(default = "actions_ppm")]
    pub actions_ppm: u32,
    /// With a value above zero nobody enters the voting set without the lottery, which admits so many in an epoch; it needs
    /// `identities`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lottery_seats: u64,
}

const fn is_zero(seats: &u64) -> bool {
    *seats == 0
}

const fn actions_ppm() -> u32 {
    300_000
}
