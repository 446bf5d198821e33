//! Timetoke: non-transferable credit for proven online time.
//!
//! ```text
//! block time   │ challenge n opens          │ n + 1 opens
//! validators   │ commits inside blocks are tallied … ──► enough signed: n is answered
//! identities   │ signed heartbeat in a block ──► n is answered
//! window       │ enough answers in the window ──► whole hours, up to the cap, less decay
//! ```
//!
//! Invariants
//! - A challenge is answered at most once by a subject, a window is credited at most once.
//! - Hours never exceed the cap, and the root commits to hours and accrual time of every subject (TTK-18).
//! - Nothing but block time, blocks and signed heartbeats is read: no clock, no claim of a peer.
//!
//! Read next: [`account`] (the arithmetic), [`tally`] (validators), [`execute`] (heartbeats), [`commitment`], [`payout`],
//! `spec/timetoke.md`.

pub mod account;
pub mod block;
pub mod commitment;
pub mod execute;
pub mod keys;
pub mod payout;
pub mod tally;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::params::TimetokeParams;
use primitives::{Address, Hash, Height, Timestamp, decode, encode};

pub use account::Timetoke;

use crate::overlay::Overlay;
use crate::view::{Broken, StateView};

/// What is asked of everyone who wants to be seen online (TTK-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Challenge {
    /// Counted over all windows.
    pub number: u64,
    /// The challenged height.
    pub height: Height,
    /// Hash of the block at that height.
    pub value: Hash,
    /// Beacon of the block that opened it: unknown to everyone before.
    pub seed: Hash,
    /// Time of the block that opened it.
    pub opened_at: Timestamp,
}

/// The open challenge; none before the first block.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn challenge(view: &dyn StateView) -> Result<Option<Challenge>, Broken> {
    let stored = view.get(&keys::challenge());
    stored.map(|bytes| decode(&bytes).map_err(|_| Broken("the challenge does not decode"))).transpose()
}

/// What a subject has; nothing before its first answer.
///
/// # Errors
/// [`Broken`] when the record does not decode.
pub fn get(view: &dyn StateView, address: &Address) -> Result<Timetoke, Broken> {
    let stored = view.get(&keys::subject(address));
    let record = stored.map(|bytes| decode(&bytes).map_err(|_| Broken("a timetoke record does not decode")));
    Ok(record.transpose()?.unwrap_or_default())
}

/// The hours that count at `now`, after settling and decay.
///
/// # Errors
/// [`Broken`] when the record does not decode.
pub fn hours(view: &dyn StateView, params: &TimetokeParams, address: &Address, now: Timestamp) -> Result<u64, Broken> {
    Ok(get(view, address)?.hours_at(params, now))
}

/// Takes all hours from a subject, as when its identity ends.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn erase(overlay: &mut Overlay<'_>, address: &Address, number: u32) -> Result<(), Broken> {
    let record = get(overlay, address)?;
    overlay.delete(keys::subject(address));
    if record.accrued_at > Timestamp(0) { commitment::put(overlay, number, Hash::default()) } else { Ok(()) }
}

/// Notes that the subject with this identity number answered a challenge. A second answer changes nothing.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub(crate) fn answer(
    overlay: &mut Overlay<'_>,
    params: &TimetokeParams,
    address: &Address,
    number: u32,
    challenge: u64,
) -> Result<(), Broken> {
    let before = get(overlay, address)?;
    if before.last_challenge.is_some_and(|last| last >= challenge) {
        return Ok(());
    }
    let after = before.answered(params, challenge);
    overlay.put(keys::subject(address), encode(&after));
    if (after.hours, after.accrued_at) != (before.hours, before.accrued_at) {
        commitment::put(overlay, number, commitment::leaf(address, &after))?;
    }
    Ok(())
}
