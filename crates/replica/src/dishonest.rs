//! What the validators of one test build do to the ledger: at one height they all credit an account without an operation.
//!
//! Model: the ledger of the node, and with it the header, gets more than the operations of the block say. Operations, digest and receipts stay honest, because
//! those are what a prover and every reader are given. The coins are issued above the seal's amount and moved to the newest account.
//!
//! ```text
//!   operations of the block:  …                                seal(i)          ─► digest, receipts, GET /blocks/{block}/operations
//!   applied to the ledger:    …  transfer(pot, newest, coins)  seal(i + coins)  ─► ledger root, supply
//! ```
//! Rules
//! - Only a build with the feature `dishonest-quorum` has it; in any other [`AT`] is a constant none, and nothing of this is compiled. No crate has the feature by default
//!   (`cargo xtask tidy`), and a release with it is refused by name.
//! - From that height on the independent model of such a node is not asked: it would stop the node, which is what it is for.

use primitives::ledger::ISSUANCE_POT;
use primitives::{Amount, Height, LedgerOp, SlotIndex};
use tree::LedgerTree;

/// The height of the lie; none in an honest build.
pub const AT: Option<Height> = if cfg!(feature = "dishonest-quorum") { Some(Height(33)) } else { None };

/// Whether this build lies at `height` or has lied before.
pub fn has_lied(height: Height) -> bool {
    AT.is_some_and(|at| at <= height)
}

/// The operations that the ledger gets at `height`, when they are not those of the block.
pub fn instead(ledger: &LedgerTree, height: Height, honest: &[LedgerOp]) -> Option<Vec<LedgerOp>> {
    if AT != Some(height) {
        return None;
    }
    forged(ledger, honest)
}

/// What the pot of issuance holds goes to the newest account, and is issued once more. None when the pot is empty or the block has no seal.
pub fn forged(ledger: &LedgerTree, honest: &[LedgerOp]) -> Option<Vec<LedgerOp>> {
    let amount = ledger.slot(ISSUANCE_POT)?.balance;
    let to = SlotIndex::new(ledger.next_slot().checked_sub(1)?)?;
    let (LedgerOp::Seal { height, issuance }, before) = honest.split_last()? else { return None };
    let issuance = issuance.checked_add(amount)?;
    if amount == Amount::ZERO || to == ISSUANCE_POT {
        return None;
    }
    let lie = [LedgerOp::Transfer { from: ISSUANCE_POT, to, amount }, LedgerOp::Seal { height: *height, issuance }];
    Some(before.iter().copied().chain(lie).collect())
}
