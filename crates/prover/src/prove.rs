//! Makes the proof of one window.
//!
//! ```text
//!   witness ── replay ──► rows ──► matrices ──► proof stack ──► bytes
//! ```
//!
//! Rules
//! - With debug assertions the rows are checked against every constraint first, so a wrong trace generator names the
//!   constraint and the row.
//! - A key is made once and used for every window.
//!
//! Read next: [`crate::replay`], `proof/src/verify.rs`.

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::StarkEngine;
use openvm_stark_backend::keygen::types::MultiStarkProvingKey;
use openvm_stark_backend::prover::{
    AirProvingContext, DeviceDataTransporter, DeviceMultiStarkProvingKey, ProvingContext,
};
use openvm_stark_sdk::config::baby_bear_poseidon2::BabyBearPoseidon2CpuEngine;
use proof::airs::{STATEMENT, TABLES};
use proof::keys::{Config, generate};
use proof::{KeyError, VerifyingKey, WindowStatement, encoding};

use crate::call_off::{CallOff, CalledOff};
use crate::check::check;
use crate::replay::{ProveError, replay};
use crate::stoppable::{self, Stopped};
use crate::tables::Traces;
use crate::witness::WindowWitness;

/// What windows are proven with.
pub struct ProvingKey {
    engine: BabyBearPoseidon2CpuEngine,
    device: DeviceMultiStarkProvingKey<CpuBackend<Config>>,
    verifying: VerifyingKey,
}

/// A proven window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowProof {
    /// What is proven.
    pub statement: WindowStatement,
    /// The proof, for `proof::verify_window`.
    pub bytes: Vec<u8>,
}

impl ProvingKey {
    /// Makes the key; some milliseconds.
    ///
    /// # Errors
    /// [`KeyError::Keygen`] when the tables have no key.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::of(&generate()?))
    }

    /// The key as the proof stack makes it.
    pub fn of(key: &MultiStarkProvingKey<Config>) -> Self {
        let engine = BabyBearPoseidon2CpuEngine::new(key.params.clone());
        let device = engine.device().transport_pk_to_device(key);
        Self { engine, device, verifying: VerifyingKey::of(key) }
    }

    /// The proof stack's prover.
    #[cfg(test)]
    pub(crate) fn engine(&self) -> &BabyBearPoseidon2CpuEngine {
        &self.engine
    }

    /// The key as the proof stack's prover takes it.
    #[cfg(test)]
    pub(crate) fn device(&self) -> &DeviceMultiStarkProvingKey<CpuBackend<Config>> {
        &self.device
    }

    /// What the proofs are verified with.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }
}

/// Proves a window.
///
/// # Errors
/// [`ProveError`] when the witness is incomplete, breaks a rule, or is larger than can be proven.
pub fn prove_window(key: &ProvingKey, witness: &WindowWitness) -> Result<WindowProof, ProveError> {
    prove_window_unless(key, witness, &CallOff::default())
}

/// Proves a window unless it is called off: before it is replayed, before its rows become matrices, at any challenge of the proof.
///
/// # Errors
/// As [`prove_window`], and [`ProveError::CalledOff`].
pub fn prove_window_unless(
    key: &ProvingKey,
    witness: &WindowWitness,
    off: &CallOff,
) -> Result<WindowProof, ProveError> {
    off.check()?;
    let (statement, tables) = replay(witness)?;
    off.check()?;
    let traces = tables.traces();
    off.check()?;
    if cfg!(debug_assertions) {
        check_rows(key, &traces)?;
    }
    Ok(WindowProof { statement, bytes: prove_traces_unless(key, traces, off)? })
}

/// Whether the rows satisfy every table. Costs more than the proof, so only debug builds ask.
///
/// # Errors
/// [`ProveError::Unsound`] with the first row and constraint that do not hold.
pub(crate) fn check_rows(key: &ProvingKey, traces: &Traces) -> Result<(), ProveError> {
    let violations = check(key.verifying(), traces, None);
    match violations.first() {
        None => Ok(()),
        Some(first) => Err(ProveError::Unsound { count: violations.len(), first: first.clone() }),
    }
}

/// Proves matrices, whatever they say. What does not satisfy the tables makes bytes that do not verify.
///
/// # Errors
/// [`ProveError::Encoding`] when they are too large, [`ProveError::Backend`] when the proof stack refuses them.
pub fn prove_traces(key: &ProvingKey, traces: Traces) -> Result<Vec<u8>, ProveError> {
    prove_traces_unless(key, traces, &CallOff::default())
}

/// As [`prove_traces`], unless it is called off.
///
/// # Errors
/// As [`prove_traces`], and [`ProveError::CalledOff`].
pub fn prove_traces_unless(key: &ProvingKey, traces: Traces, off: &CallOff) -> Result<Vec<u8>, ProveError> {
    let Traces { matrices, public_values } = traces;
    let heights = matrices.each_ref().map(|matrix| (matrix.values.len() / matrix.width).ilog2());
    let mut log_rows = [0_u8; TABLES];
    for (log, height) in log_rows.iter_mut().zip(heights) {
        *log = u8::try_from(height).unwrap_or(u8::MAX);
    }
    encoding::stacked_columns(&key.verifying, &log_rows)?;
    let tables = matrices.into_iter().enumerate().map(|(table, matrix)| {
        let values = if table == STATEMENT { public_values.clone() } else { Vec::new() };
        (table, AirProvingContext::simple(matrix, values))
    });
    let context = ProvingContext::new(tables.collect());
    let proof = stoppable::prove(&key.engine, &key.device, context, off).map_err(|stopped| match stopped {
        Stopped::CalledOff => CalledOff.into(),
        Stopped::Backend(reason) => ProveError::Backend { reason },
    })?;
    Ok(encoding::encode(&key.verifying, &proof)?)
}
