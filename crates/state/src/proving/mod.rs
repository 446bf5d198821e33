//! Proofs on chain: which windows wait for a proof, who may bring one, what it pays, and what a lag of proofs does to blocks.
//!
//! ```text
//! window closes ── next block: end record, assigned prover ──► waiting ── chain proof accepted ──► proven, record deleted
//! Bond ──► bonded ── Unbond ──► leaving ── unbonding_blocks ──► returned
//!             └── a proof that does not verify ──► burned
//! ```
//!
//! Whether a proof verifies is not decided here: [`ProofVerifier`] is an argument of execution, as randomness and storage are.
//! It is asked about this module's own records and never about what a submission says.
//!
//! Invariants
//! - The balance of the module account `prover_bonds` is the sum of the bonds in all records.
//! - The proven height only rises, by whole windows. Money is paid out of what `prover_pool` holds and never made.
//! - Without the gate `recursive_proofs` nothing is recorded, taken or paid. Without `consensus_enforcement` besides, blocks are
//!   as heavy as ever.
//!
//! Read next: [`check`], [`execute`], [`block`], `spec/proving.md`.

pub mod block;
pub mod check;
pub mod execute;
pub mod keys;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::actions::{EndRecord, ProofClaim};
use primitives::defect::{Defect, is_seeded};
use primitives::ledger::PROVER_BONDS;
use primitives::params::{BASIS_POINTS, ProvingParams};
use primitives::{Address, Amount, Hash, Height, Params, decode};

use crate::view::{Broken, StateView, gate, read};

/// The gate that lets proofs in.
pub const GATE: &str = "recursive_proofs";
/// The gate that makes blocks lighter while proofs lag.
pub const ENFORCEMENT_GATE: &str = "consensus_enforcement";
/// Most provers with a bond.
pub const PROVERS_MAX: usize = 64;
/// Records of proven windows that one block deletes at most.
pub const DELETED_PER_BLOCK: usize = 64;
/// What is left of the block weight however far proofs lag, basis points: never nothing, so that a missing prover cannot halt
/// the chain.
pub const WEIGHT_FLOOR_BPS: u64 = 500;

/// Says whether a chain proof shows its claim.
///
/// Part of consensus: the verdict must depend on the two arguments alone, and any bytes must give one in bounded time.
pub trait ProofVerifier: Send + Sync {
    /// Whether `proof` shows `claim`.
    fn verify(&self, claim: &ProofClaim, proof: &[u8]) -> bool;
}

/// Refuses every proof: for whoever executes blocks of a chain whose gate `recursive_proofs` is off, where no proof can be asked
/// about.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProofSystem;

impl ProofVerifier for NoProofSystem {
    fn verify(&self, _claim: &ProofClaim, _proof: &[u8]) -> bool {
        false
    }
}

/// A closed window without a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Window {
    /// The ledger after its last block.
    pub end: EndRecord,
    /// The block that recorded it; turns count from here.
    pub opened_at: Height,
    /// Who may prove it first.
    pub assigned: Option<Address>,
}

impl Window {
    /// Who alone may prove it in a block at `height`; `None` when anyone may.
    pub fn turn_of(&self, params: &ProvingParams, height: Height) -> Option<Address> {
        self.assigned.filter(|_| height < self.turn_ends(params))
    }

    /// The first height at which anyone may prove it.
    pub const fn turn_ends(&self, params: &ProvingParams) -> Height {
        Height(self.opened_at.0.saturating_add(params.turn_blocks))
    }
}

/// What a prover has at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bond {
    /// How much.
    pub amount: Amount,
    /// The height at whose end it is paid out, once it was asked for. Who leaves brings no proofs.
    pub leaves_at: Option<Height>,
}

/// The last accepted chain proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proven {
    /// The proven height: the end of a window.
    pub height: Height,
    /// Hash of the proof.
    pub proof: Hash,
    /// Who brought it.
    pub prover: Address,
    /// Who was paid.
    pub payout: Address,
    /// How much.
    pub reward: Amount,
    /// The block that holds it.
    pub accepted_at: Height,
}

/// Which windows were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Windows {
    /// The first one: later than 0 when the gate came later.
    pub first: u64,
    /// One more than the last one.
    pub next: u64,
}

/// Whether proofs are taken at `height`.
///
/// # Errors
/// [`Broken`] when the gates do not decode.
pub fn is_on(view: &dyn StateView, height: Height) -> Result<bool, Broken> {
    gate(view, GATE, height)
}

/// The ledger of genesis; none before the first block.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn origin(view: &dyn StateView) -> Result<Option<EndRecord>, Broken> {
    read(view, &keys::origin(), "the ledger of genesis does not decode")
}

/// A closed window without a proof.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn window(view: &dyn StateView, number: u64) -> Result<Option<Window>, Broken> {
    read(view, &keys::window(number), "a closed window does not decode")
}

/// A prover's bond.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn bond(view: &dyn StateView, prover: &Address) -> Result<Option<Bond>, Broken> {
    read(view, &keys::prover(prover), "a prover's bond does not decode")
}

/// All provers with their bonds, by address.
///
/// # Errors
/// [`Broken`] when one does not decode.
pub fn provers(view: &dyn StateView) -> Result<Vec<(Address, Bond)>, Broken> {
    let entry = |(key, value): (Vec<u8>, Vec<u8>)| {
        let who = crate::staking::keys::address_at(&key, 1).ok_or(Broken("a prover's key is too short"))?;
        Ok((who, decode(&value).map_err(|_| Broken("a prover's bond does not decode"))?))
    };
    view.scan(&[keys::PROVER], PROVERS_MAX).into_iter().map(entry).collect()
}

/// The last accepted proof.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn proven(view: &dyn StateView) -> Result<Option<Proven>, Broken> {
    read(view, &keys::proven(), "the last accepted proof does not decode")
}

/// The height that the chain itself took a proof for; genesis before the first.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn proven_height(view: &dyn StateView) -> Result<Height, Broken> {
    Ok(proven(view)?.map_or(Height::GENESIS, |last| last.height))
}

/// Which windows were recorded; none before the first.
///
/// # Errors
/// [`Broken`] when it does not decode.
pub fn windows(view: &dyn StateView) -> Result<Option<Windows>, Broken> {
    read(view, &keys::windows(), "the counters of windows do not decode")
}

/// Recorded windows that wait for a proof: how far proofs lag.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn lag(view: &dyn StateView, params: &Params) -> Result<u64, Broken> {
    let Some(windows) = windows(view)? else { return Ok(0) };
    let proven = proven_height(view)?.0 / params.window_blocks.max(1);
    Ok(windows.next.saturating_sub(windows.first.max(proven)))
}

/// What a lag leaves of the block weight, basis points: all of it up to `lag_free_windows`, then less in a straight line,
/// [`WEIGHT_FLOOR_BPS`] from `lag_floor_windows` on. Rounded up, in favour of payers.
pub fn weight_at(params: &ProvingParams, lag: u64) -> u64 {
    let (free, floor) = (params.lag_free_windows, params.lag_floor_windows);
    if lag <= free {
        return BASIS_POINTS;
    }
    if lag >= floor && is_seeded(Defect::StopsAtTheFloor) {
        return 0;
    }
    if lag >= floor {
        return WEIGHT_FLOOR_BPS;
    }
    let fall = u128::from(BASIS_POINTS - WEIGHT_FLOOR_BPS) * u128::from(lag - free) / u128::from((floor - free).max(1));
    BASIS_POINTS.saturating_sub(u64::try_from(fall).unwrap_or(BASIS_POINTS)).max(WEIGHT_FLOOR_BPS)
}

/// What is left of the block weight at `height`, basis points.
///
/// # Errors
/// [`Broken`] when stored values do not decode.
pub fn weight_bps(view: &dyn StateView, params: &Params, height: Height) -> Result<u64, Broken> {
    if !is_on(view, height)? || !gate(view, ENFORCEMENT_GATE, height)? {
        return Ok(BASIS_POINTS);
    }
    Ok(weight_at(&params.proving, lag(view, params)?))
}

/// The pot holds exactly the bonds.
///
/// # Errors
/// [`Broken`] when it does not.
pub fn pot_equals_bonds(view: &dyn StateView) -> Result<(), Broken> {
    let mut sum = Amount::ZERO;
    for (_, bond) in provers(view)? {
        sum = sum.checked_add(bond.amount).ok_or(Broken("the bonds of provers are out of range"))?;
    }
    match view.slot(PROVER_BONDS) {
        Some(pot) if pot.balance == sum => Ok(()),
        Some(_) | None => Err(Broken("the pot of prover bonds is not the sum of the bonds")),
    }
}
