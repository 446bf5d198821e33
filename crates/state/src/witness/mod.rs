//! Witness network: identities outside the committee attest that the data of sampled blocks is available.
//!
//! ```text
//! every interval_blocks ── sample: the block before, drawn witnesses ──► attestations for answer_blocks
//! end of an epoch ── this epoch's part of the pool, by stake × attestations ──► accrued ── Claim ──► account
//! ```
//!
//! Nothing in consensus reads an attestation: whether the data was there cannot be proven later, so a false one costs nothing
//! and decides nothing. Monitors and light clients count them.
//!
//! Invariants
//! - The balance of the pool `witness_pool` covers everything that was promised to witnesses.
//! - Pay goes by stake (bonded, and the bond of the identity) times attestations: splitting stake over identities gains nothing.
//! - Without the gate `witness_network` nothing opens, nothing is taken and nothing is promised.
//!
//! Read next: [`execute`], [`block`], `spec/witness.md`.

pub mod block;
pub mod execute;
pub mod keys;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::actions::witness::witness_ticket;
use primitives::ledger::WITNESS_POOL;
use primitives::params::WitnessParams;
use primitives::{Address, Amount, Hash, Height};

use crate::identity::Identity;
use crate::staking;
use crate::view::{Broken, StateView, gate, read};

/// The gate.
pub const GATE: &str = "witness_network";
/// Most identities whose attestations count in one epoch.
pub const WITNESSES_MAX: usize = 4_096;

/// A block that waits for attestations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sample {
    /// The sampled height.
    pub height: Height,
    /// Hash of the block at that height.
    pub value: Hash,
    /// Beacon of the block that opened the sample.
    pub seed: Hash,
    /// Height of the block that opened it.
    pub opened_at: Height,
    /// Identities that were ever registered by then: what the chance to be drawn is made of.
    pub identities: u32,
    /// Attestations that counted so far.
    pub attested: u32,
}

/// What a witness did in this epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Part {
    /// Attestations that count.
    pub attestations: u32,
    /// The last sampled height that it attested.
    pub last: Height,
}

/// Sums over all witnesses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Totals {
    /// Promised and not claimed, µBLOCK.
    pub accrued: Amount,
    /// Identities with a [`Part`] in this epoch.
    pub witnesses: u32,
}

impl Sample {
    /// A ticket below this is drawn; rounded up, at most everyone. Total on any input.
    pub fn threshold(&self, params: &WitnessParams) -> u64 {
        let share = u128::from(params.committee).saturating_mul(1 << 64).div_ceil(u128::from(self.identities.max(1)));
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// Whether the sample drew this identity.
    pub fn draws(&self, params: &WitnessParams, identity: &Address) -> bool {
        let threshold = self.threshold(params);
        threshold == u64::MAX || witness_ticket(&self.seed, identity) < threshold
    }

    /// Whether an attestation in a block at `height` is in time.
    pub const fn is_open(&self, params: &WitnessParams, height: Height) -> bool {
        height.0 > self.opened_at.0 && height.0 - self.opened_at.0 <= params.answer_blocks
    }
}

/// Whether the network is in force at `height`.
///
/// # Errors
/// [`Broken`] when the gates do not decode.
pub fn is_on(view: &dyn StateView, height: Height) -> Result<bool, Broken> {
    gate(view, GATE, height)
}

/// The last sample that was opened; none before the first, and after the end of an epoch.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn sample(view: &dyn StateView) -> Result<Option<Sample>, Broken> {
    read(view, &keys::sample(), "a witness sample does not decode")
}

/// What an identity attested in this epoch.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn part(view: &dyn StateView, identity: &Address) -> Result<Option<Part>, Broken> {
    read(view, &keys::part(identity), "a witness's part does not decode")
}

/// What an identity earned as a witness and has not claimed.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn accrued(view: &dyn StateView, identity: &Address) -> Result<Amount, Broken> {
    Ok(read(view, &keys::accrued(identity), "a witness's earnings do not decode")?.unwrap_or_default())
}

/// The sums.
///
/// # Errors
/// [`Broken`] when they do not decode.
pub fn totals(view: &dyn StateView) -> Result<Totals, Broken> {
    Ok(read(view, &keys::totals(), "the witness totals do not decode")?.unwrap_or_default())
}

/// What a witness's attestations are weighed by, µBLOCK: its own bonded stake and the bond of its identity.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn stake(view: &dyn StateView, address: &Address, identity: &Identity) -> Result<u64, Broken> {
    let bonded = match staking::candidate(view, address)? {
        Some(candidate) => staking::self_stake(view, address, &candidate)?,
        None => Amount::ZERO,
    };
    Ok(bonded.micro().saturating_add(identity.bond.micro()))
}

/// The pool covers what was promised, and the promises are the sum of what each witness can claim.
///
/// # Errors
/// [`Broken`] when it does not.
pub fn pool_covers_promises(view: &dyn StateView) -> Result<(), Broken> {
    let mut sum = Amount::ZERO;
    for (_, value) in view.scan(&[keys::ACCRUED], usize::MAX) {
        let one: Amount = primitives::decode(&value).map_err(|_| Broken("a witness's earnings do not decode"))?;
        sum = sum.checked_add(one).ok_or(Broken("the witnesses' earnings are out of range"))?;
    }
    let totals = totals(view)?;
    if sum != totals.accrued {
        return Err(Broken("the witnesses' promises are not the sum of what each can claim"));
    }
    match view.slot(WITNESS_POOL) {
        Some(pool) if pool.balance >= sum => Ok(()),
        Some(_) | None => Err(Broken("the witness pool does not cover what was promised")),
    }
}
