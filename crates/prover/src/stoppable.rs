//! The proof stack's prover, which can be stopped within a proof.
//!
//! ```text
//!   prover ── each challenge: observe, sample ──► watched transcript ── called off? ──► unwinds to prove()
//! ```
//! The proof stack has no way to end a proof early. It does ask for its challenges throughout: after each commitment, in each round of each
//! sumcheck, before each opening. The transcript that gives them looks at the flag, and leaves the proof by unwinding, which frees all that
//! it holds. It is not a panic: no message, no hook, and it is caught where the proof was begun.
//!
//! Rules
//! - The challenges are those of the proof stack's own transcript, so the proofs are the same.
//! - Grinding is not looked into: it is one call, and short.
//!
//! Read next: [`crate::CallOff`].

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::proof::Proof;
use openvm_stark_backend::prover::{Coordinator, DeviceMultiStarkProvingKey, Prover, ProvingContext};
use openvm_stark_backend::{FiatShamirTranscript, StarkEngine};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2CpuEngine, CpuTranscript, Digest, F};
use proof::keys::Config;

use crate::call_off::{CallOff, CalledOff};

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Nobody wants it any more.
    CalledOff,
    /// The proof stack's reason.
    Backend(String),
}

impl From<CalledOff> for Stopped {
    fn from(CalledOff: CalledOff) -> Self {
        Self::CalledOff
    }
}

/// The proof stack's transcript, as long as the proof is wanted.
#[derive(Clone)]
struct Watched<'a> {
    inner: CpuTranscript,
    off: &'a CallOff,
}

impl Watched<'_> {
    fn look(&self) {
        if let Err(called_off) = self.off.check() {
            resume_unwind(Box::new(called_off));
        }
    }
}

impl FiatShamirTranscript<Config> for Watched<'_> {
    fn observe(&mut self, value: F) {
        self.look();
        self.inner.observe(value);
    }

    fn sample(&mut self) -> F {
        self.look();
        self.inner.sample()
    }

    fn observe_commit(&mut self, digest: Digest) {
        self.look();
        FiatShamirTranscript::<Config>::observe_commit(&mut self.inner, digest);
    }

    fn grind(&mut self, bits: usize) -> F {
        self.look();
        self.inner.grind(bits)
    }
}

/// Proves tables, unless it is called off before the proof is made.
///
/// # Errors
/// [`Stopped`].
pub(crate) fn prove(
    engine: &BabyBearPoseidon2CpuEngine,
    key: &DeviceMultiStarkProvingKey<CpuBackend<Config>>,
    context: ProvingContext<CpuBackend<Config>>,
    off: &CallOff,
) -> Result<Proof<Config>, Stopped> {
    let transcript = Watched { inner: engine.initial_transcript(), off };
    let mut prover: Coordinator<Config, _, _, _> =
        Coordinator::new(CpuBackend::new(), engine.device().clone(), transcript);
    match catch_unwind(AssertUnwindSafe(|| prover.prove(key, context))) {
        Ok(done) => done.map_err(|error| Stopped::Backend(error.to_string())),
        Err(cause) if cause.is::<CalledOff>() => Err(Stopped::CalledOff),
        Err(cause) => resume_unwind(cause),
    }
}
