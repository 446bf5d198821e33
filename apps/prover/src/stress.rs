//! Proofs under stress: windows are proven and checked on this machine, and altered copies of each are handed to the verifier.
//!
//! ```text
//!   seed ──► payments of a window ──► prove (timed) ──► verify (timed) ──► ALTERED copies and statements ──► each refused?
//! ```
//!
//! Rules
//! - Nothing is modelled: keys, proofs and verification are those of the network. The times are of this machine and this moment.
//! - The seed decides payments and alterations, not the times.
//!
//! Read next: [`crate::worker`]; `tb sim --proofs` shows what is found here beside the simulated network.

use std::time::{Duration, Instant};

use blake3::OutputReader;
use primitives::{Address, Amount, Hash, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use proof::{WindowStatement, verify_window, verifying_key};
use prover::{ChainConstants, ProvingKey, WindowWitness, prove_window};
use serde::Serialize;
use tree::{LedgerTree, ops_digest};

use crate::worker::WorkError;

/// Blocks of a window.
const BLOCKS: u64 = 30;
/// Payments of a block, each with its charge.
const PAYMENTS: u64 = 10;
/// Accounts that pay each other.
const ACCOUNTS: u64 = 100;
/// Coins of each account at the start, micro.
const BALANCE: u64 = 10_000_000_000;
/// Altered proofs and statements of each window.
pub const ALTERED: u32 = 40;
/// Most windows of one call.
pub const WINDOWS_MAX: u32 = 1_000;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofStress {
    /// Windows that were proven and checked.
    pub windows: u32,
    /// Ledger operations of each.
    pub operations: usize,
    /// Time to prove one, median, milliseconds.
    pub prove_p50_ms: u64,
    /// Time to prove one that 95 of 100 keep, milliseconds.
    pub prove_p95_ms: u64,
    /// Time to check one, median, milliseconds.
    pub verify_p50_ms: u64,
    /// Time to check one that 95 of 100 keep, milliseconds.
    pub verify_p95_ms: u64,
    /// Altered proofs and statements that the verifier was given.
    pub tamper_attempts: u32,
    /// How many of them it took.
    pub tamper_accepted: u32,
}

/// Proves `windows` windows, at most [`WINDOWS_MAX`], checks each and [`ALTERED`] altered copies of each.
///
/// # Errors
/// [`WorkError`]: no window was asked for, a key is not the pinned one, or an honest window cannot be proven or checked.
pub fn stress(windows: u32, seed: u64) -> Result<ProofStress, WorkError> {
    if windows == 0 || windows > WINDOWS_MAX {
        return Err(WorkError(format!("{windows} windows were asked for, 1 to {WINDOWS_MAX} can be")));
    }
    let key = ProvingKey::generate().map_err(WorkError::of)?;
    let pinned = verifying_key().map_err(WorkError::of)?;
    let mut random = Random::of(seed);
    let (mut proving, mut checking) = (Vec::new(), Vec::new());
    let (mut operations, mut tamper_accepted) = (0, 0);
    for _ in 0..windows {
        let witness = witness(&mut random)?;
        operations = witness.blocks.iter().map(|(_, ops)| ops.len()).sum();
        let started = Instant::now();
        let made = prove_window(&key, &witness).map_err(WorkError::of)?;
        proving.push(started.elapsed());
        let started = Instant::now();
        verify_window(pinned, &made.statement, &made.bytes).map_err(WorkError::of)?;
        checking.push(started.elapsed());
        for index in 0..ALTERED {
            let (statement, bytes) = altered(&made.statement, &made.bytes, index, &mut random)?;
            tamper_accepted += u32::from(verify_window(pinned, &statement, &bytes).is_ok());
        }
    }
    Ok(ProofStress {
        windows,
        operations,
        prove_p50_ms: percentile(&mut proving, 50),
        prove_p95_ms: percentile(&mut proving, 95),
        verify_p50_ms: percentile(&mut checking, 50),
        verify_p95_ms: percentile(&mut checking, 95),
        tamper_attempts: windows.saturating_mul(ALTERED),
        tamper_accepted,
    })
}

/// A flipped bit, a cut, a byte too many, or one field of the statement; never what it was.
fn altered(
    statement: &WindowStatement,
    bytes: &[u8],
    index: u32,
    random: &mut Random,
) -> Result<(WindowStatement, Vec<u8>), WorkError> {
    let (mut statement, mut bytes) = (*statement, bytes.to_vec());
    let place = usize::try_from(random.below(u64::try_from(bytes.len()).unwrap_or(u64::MAX))).unwrap_or(0);
    match index % 8 {
        0 => bytes.truncate(place),
        1 => bytes.push(0),
        2 => statement.payout = Address::of_module("another"),
        3 => statement.after.supply = micro(statement.after.supply.micro().saturating_add(1))?,
        4 => statement.genesis.0[0] ^= 1,
        5 => std::mem::swap(&mut statement.before.ledger_root, &mut statement.after.ledger_root),
        _ => {
            let bit = 1_u8 << random.below(8);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= bit;
            }
        }
    }
    Ok((statement, bytes))
}

/// Blocks of payments between random accounts, each with its charge, as the chain makes them.
fn witness(random: &mut Random) -> Result<WindowWitness, WorkError> {
    let account = |index: u64| {
        Ok(LedgerSlot {
            address: Address::of_module(&index.to_string()),
            nonce: Nonce::default(),
            balance: micro(BALANCE)?,
        })
    };
    let slots = (0..ACCOUNTS).map(account).collect::<Result<Vec<_>, WorkError>>()?;
    let ledger = LedgerTree::new(slots).map_err(WorkError::of)?;
    let mut blocks = Vec::new();
    for height in 1..=BLOCKS {
        let mut ops = Vec::new();
        for _ in 0..PAYMENTS {
            // The first account collects the fees.
            let (from, to) = (slot(1 + random.below(ACCOUNTS - 1))?, slot(1 + random.below(ACCOUNTS - 1))?);
            ops.push(LedgerOp::Charge { slot: from, fee: micro(1_000 + random.below(100))? });
            ops.push(LedgerOp::Transfer { from, to, amount: micro(1 + random.below(100_000))? });
        }
        ops.push(LedgerOp::Burn { slot: slot(0)?, amount: micro(900 * PAYMENTS)? });
        ops.push(LedgerOp::Seal { height: Height(height), issuance: micro(1_000)? });
        blocks.push((Height(height), ops));
    }
    let genesis = Hash([1; 32]);
    let chain = ChainConstants { genesis, issuance_max: micro(1_000_000)?, supply_cap: micro(40_000_000_000_000)? };
    let start = ops_digest::start(&genesis);
    Ok(WindowWitness::of_ledger(&ledger, chain, Height::GENESIS, start, Address([1; 30]), blocks))
}

fn micro(value: u64) -> Result<Amount, WorkError> {
    Amount::new(value).ok_or_else(|| WorkError(format!("{value} is no amount")))
}

fn slot(index: u64) -> Result<SlotIndex, WorkError> {
    let index = u32::try_from(index).ok().and_then(SlotIndex::new);
    index.ok_or_else(|| WorkError("there is no such slot".to_owned()))
}

/// The time that so many of 100 keep, milliseconds: the nearest rank.
fn percentile(times: &mut [Duration], percent: usize) -> u64 {
    times.sort_unstable();
    let rank = times.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
    let time = times.get(rank).copied().unwrap_or_default();
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Random numbers from a seed.
struct Random(OutputReader);

impl Random {
    fn of(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(b"proof stress").update(&seed.to_le_bytes()).finalize_xof())
    }

    /// One number below `bound`, which is at least 1. The tiny bias does not matter here.
    fn below(&mut self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_proven_and_checked_and_no_altered_copy_is_taken() {
        let found = stress(1, 7).expect("honest windows");
        assert_eq!((found.windows, found.tamper_attempts, found.tamper_accepted), (1, ALTERED, 0));
        let blocks = usize::try_from(BLOCKS * (2 * PAYMENTS + 2)).expect("few");
        assert_eq!(found.operations, blocks);
        assert!(found.prove_p50_ms > 0 && found.prove_p95_ms >= found.prove_p50_ms, "{found:?}");
        for windows in [0, WINDOWS_MAX + 1] {
            assert!(stress(windows, 7).expect_err("refused").0.contains("can be"));
        }
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let mut times: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!((percentile(&mut times, 50), percentile(&mut times, 95), percentile(&mut times, 100)), (10, 19, 20));
        assert_eq!(percentile(&mut [Duration::from_millis(3)], 95), 3);
    }
}
