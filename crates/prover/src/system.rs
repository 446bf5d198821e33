//! Proof systems by name, on the side that makes proofs.
//!
//! ```text
//!   genesis: proof_system ──► proving_system(kind) ──► a ProvingSystem of this build, or refused by name
//! ```
//!
//! Rules
//! - What is made is verified under the same name in the `proof` crate ([`proof::ProofSystem`]), whose registry says what is in
//!   this build.
//! - The keys are made when they are first needed, and must be the pinned ones: with other keys nothing would verify anywhere.
//!
//! Read next: [`crate::prove_window`], [`crate::fold::extend`].

use primitives::actions::ProofSystemKind;
use proof::{FoldedProof, KeyError, REGISTRY, UnknownSystem, fold_key, require_system, verifying_key};

use crate::call_off::{CallOff, CalledOff};
use crate::fold::{CircuitFiles, FoldError, FoldingKey, Told, extend_unless};
use crate::prove::{ProvingKey, WindowProof, prove_window_unless};
use crate::replay::ProveError;
use crate::witness::WindowWitness;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProvingError {
    /// This build does not have the proof system.
    #[error("{0}")]
    Unknown(#[from] UnknownSystem),
    /// A key cannot be made.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// This build makes other fold keys than the network's.
    #[error("this build makes the fold key {made} but {pinned} is pinned; build it from the locked sources")]
    OtherFoldKey {
        /// What it makes.
        made: String,
        /// What is pinned.
        pinned: String,
    },
    /// The window cannot be proven.
    #[error("{0}")]
    Window(#[from] ProveError),
    /// The chain proof cannot be extended.
    #[error("{0}")]
    Fold(#[from] FoldError),
}

impl ProvingError {
    /// Whether nobody wanted it any more, which is no failure.
    pub const fn is_called_off(&self) -> bool {
        matches!(self, Self::Window(ProveError::CalledOff(CalledOff)) | Self::Fold(FoldError::CalledOff(CalledOff)))
    }
}

/// What makes the proofs of a chain.
pub trait ProvingSystem {
    /// Its name.
    fn kind(&self) -> ProofSystemKind;

    /// Proves a window, unless it is called off.
    ///
    /// # Errors
    /// [`ProvingError::Window`]: the witness breaks a rule or is too large, or it was called off.
    fn prove_window(&self, witness: &WindowWitness, off: &CallOff) -> Result<WindowProof, ProvingError>;

    /// Extends the chain proof by the windows after it, or makes the first one, unless it is called off.
    ///
    /// # Errors
    /// [`ProvingError`]: a child does not verify, the keys are not the network's, or it was called off.
    fn extend(
        &mut self,
        chain: Option<&FoldedProof>,
        windows: &[WindowProof],
        off: &CallOff,
    ) -> Result<FoldedProof, ProvingError>;
}

/// AIRs over BabyBear with Poseidon2, folded by recursion.
struct Plonky3 {
    key: ProvingKey,
    /// Where the circuits of folds are kept.
    files: Box<dyn CircuitFiles>,
    /// Read or made when the first extension is asked for: whoever only proves windows has no memory for it.
    folding: Option<FoldingKey>,
}

impl ProvingSystem for Plonky3 {
    fn kind(&self) -> ProofSystemKind {
        ProofSystemKind::Plonky3
    }

    fn prove_window(&self, witness: &WindowWitness, off: &CallOff) -> Result<WindowProof, ProvingError> {
        Ok(prove_window_unless(&self.key, witness, off)?)
    }

    fn extend(
        &mut self,
        chain: Option<&FoldedProof>,
        windows: &[WindowProof],
        off: &CallOff,
    ) -> Result<FoldedProof, ProvingError> {
        let key = match &self.folding {
            Some(key) => key,
            None => self.folding.insert(folding_key(self.files.as_ref(), &mut |_| {})?),
        };
        Ok(extend_unless(key, chain, windows, off)?)
    }
}

/// The circuits of folds, whose key is the pinned one: those that there are files of are read, the others made and kept. Tells of each
/// once it is ready.
///
/// # Errors
/// [`ProvingError::OtherFoldKey`] when this build makes another key than the pinned one.
pub fn folding_key(files: &dyn CircuitFiles, told: Told<'_>) -> Result<FoldingKey, ProvingError> {
    let key = FoldingKey::ready(files, told)?;
    let [made, pinned] = [key.verifying().pins(), fold_key()?.pins()].map(|pins| pins.trim().replace('\n', " "));
    if made == pinned { Ok(key) } else { Err(ProvingError::OtherFoldKey { made, pinned }) }
}

/// The proof system with this name, whose circuits of folds are kept in `files`; makes the key of its windows, some milliseconds.
///
/// # Errors
/// [`ProvingError`]: this build does not have it, or makes another key than the network's.
pub fn proving_system(
    kind: ProofSystemKind,
    files: Box<dyn CircuitFiles>,
) -> Result<Box<dyn ProvingSystem>, ProvingError> {
    require_system(kind, REGISTRY)?;
    match kind {
        ProofSystemKind::Plonky3 => {
            // Fails when the key that is made is not the pinned one.
            verifying_key()?;
            Ok(Box::new(Plonky3 { key: ProvingKey::generate()?, files, folding: None }))
        }
        ProofSystemKind::Stwo => Err(UnknownSystem { kind, registry: REGISTRY }.into()),
    }
}
