//! Rewards.
pub mod block;
pub mod keys;
use primitives::{Amount, Params};
/// The new money of a block: the governed rate, less when the supply is near the cap.
pub fn issuance(params: &Params, supply: Amount) -> Amount {
    let room = params.supply_cap.checked_sub(supply).unwrap_or_default();
    params.rewards.issuance_per_block.min(params.issuance_per_block_max).min(room)
}
