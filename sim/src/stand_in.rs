//! Stand-ins for chain proofs: bytes that only show that somebody knew the claim.
//!
//! ```text
//! proof = hash of the claim under a key that every simulator has        (a real one takes minutes to make)
//! block ─► Watched ─► proof::ChainJudge, which keeps verdicts ─► StandIn
//!             └─► Answers: what everybody was told about each claim and its bytes
//! ```
//!
//! Rules
//! - A verdict is a pure function of claim and bytes, as that of a real proof system is. It says nothing about the ledger: whoever
//!   can read the claim can make the proof. What real proofs show is shown by the tests of `proof` and `prover`.
//! - This is in no crate that a node has: `node` makes its judge by the name in the genesis file.
//!
//! Read next: `provers.rs` (who makes them), `proving.rs` (what the judge knows).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primitives::actions::{ProofClaim, ProofSystemKind};
use primitives::{Hash, encode};
use proof::{ChainError, ChainJudge, ProofError, ProofSystem, WindowError, WindowStatement};
use replica::ProofVerifier;

use crate::plan::SeededBug;

/// Bytes of a stand-in.
pub const STAND_IN_BYTES: usize = 32;
/// Longest proof that a block takes in a simulation, bytes.
pub const BYTES_MAX: u64 = 64;
/// What the key of stand-ins is derived from.
const CONTEXT: &str = "the-block v1 simulated chain proof";

/// The stand-in that shows a claim.
pub fn prove(claim: &ProofClaim) -> [u8; STAND_IN_BYTES] {
    *blake3::Hasher::new_derive_key(CONTEXT).update(&encode(claim)).finalize().as_bytes()
}

/// Whether these bytes show the claim.
pub fn shows(claim: &ProofClaim, proof: &[u8]) -> bool {
    proof == prove(claim)
}

/// The proof system of a simulation.
struct StandIn;

impl ProofSystem for StandIn {
    fn kind(&self) -> ProofSystemKind {
        ProofSystemKind::default()
    }

    fn circuits(&self) -> &'static [&'static str] {
        &[]
    }

    /// None: anybody can make one.
    fn security_bits_min(&self) -> u32 {
        0
    }

    /// No window of a simulation is proven for itself.
    fn verify_window(&self, _: &WindowStatement, _: &[u8]) -> Result<(), WindowError> {
        Err(ProofError::Unreadable.into())
    }

    fn verify_chain(&self, claim: &ProofClaim, proof: &[u8]) -> Result<(), ChainError> {
        let wrong = ChainError::Window { height: claim.end.height, error: ProofError::Unreadable };
        if shows(claim, proof) { Ok(()) } else { Err(wrong) }
    }
}

/// Two answers to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Who was asked last.
    pub node: u16,
    /// Hash of the proof's bytes.
    pub proof: Hash,
    /// What it said; somebody, perhaps itself in an earlier life, said the other thing.
    pub said: bool,
}

/// What everybody was told about each claim and its bytes.
#[derive(Debug, Default)]
pub struct Answers {
    said: BTreeMap<Hash, bool>,
    repeated: u64,
    contradiction: Option<Contradiction>,
}

impl Answers {
    fn hear(&mut self, node: u16, claim: &ProofClaim, proof: &[u8], said: bool) {
        let proof = Hash(*blake3::hash(proof).as_bytes());
        let mut name = blake3::Hasher::new();
        name.update(&encode(claim)).update(proof.as_bytes());
        match self.said.insert(Hash(*name.finalize().as_bytes()), said) {
            None => {}
            Some(before) if before == said => self.repeated += 1,
            Some(_) => self.contradiction = Some(Contradiction { node, proof, said }),
        }
    }

    /// How often a question was asked again since the last call, and the contradiction that was heard, if there is one.
    pub fn news(&mut self) -> (u64, Option<Contradiction>) {
        (std::mem::take(&mut self.repeated), self.contradiction.take())
    }
}

/// The answers of a run, which all its validators share.
pub type Shared = Arc<Mutex<Answers>>;

/// The answers, for one look.
pub fn look(answers: &Shared) -> MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The judge of one validator in one life; what it keeps is gone with it.
pub struct Watched {
    node: u16,
    judge: ChainJudge,
    answers: Shared,
    /// The next proof is taken as it is.
    trusts: Mutex<bool>,
}

impl Watched {
    /// The judge of a validator that starts, with what is wrong with it on purpose.
    pub fn new(node: u16, answers: Shared, bug: Option<SeededBug>) -> Self {
        let trusts = bug == Some(SeededBug::TrustsAfterAStart);
        Self { node, judge: ChainJudge::of(Box::new(StandIn)), answers, trusts: Mutex::new(trusts) }
    }
}

impl ProofVerifier for Watched {
    fn verify(&self, claim: &ProofClaim, proof: &[u8]) -> bool {
        let trusted = std::mem::take(&mut *self.trusts.lock().unwrap_or_else(PoisonError::into_inner));
        let said = self.judge.judge(claim, proof).accepted || trusted;
        look(&self.answers).hear(self.node, claim, proof, said);
        said
    }
}
