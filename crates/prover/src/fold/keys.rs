//! The keys of lifting and folding, made from the tables.
//!
//! ```text
//!   window key ──► lift circuit ──► lift key ──► fold circuit ──► fold key ──► fold circuit (the same one)
//! ```
//!
//! Each circuit comes from its file when that is whole and pinned ([`super::stored`]), and is made and kept otherwise.
//!
//! The fold circuit knows the keys of windows and of lifted windows as constants. It cannot know its own: that one is a
//! public value, equal in all folds below and checked at the top. Making it once more over its own key gives the same
//! key, which is what lets folds be folded; [`FoldingKey::generate`] refuses when it does not.

use primitives::LedgerDigest;
use proof::KeyError;
use proof::folded::FoldKey;

use super::air::Children;
use super::layer::{Constraints, Key, Layer, ProvingKey, proving_key, widening};
use super::stored::{CircuitFiles, Columns, NoFiles, encode, lift_pins, load, on_device, shown};

/// The circuits that a chain proof is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// The tables of a window.
    Application,
    /// Verifies windows: lifting.
    Leaf,
    /// Verifies lifted windows and folds: folding.
    Internal,
}

impl Circuit {
    /// All of them, in the order in which each needs the one before.
    pub const ALL: [Self; 3] = [Self::Application, Self::Leaf, Self::Internal];

    /// The circuit with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|circuit| circuit.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Leaf => "leaf",
            Self::Internal => "internal",
        }
    }
}

/// A circuit that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyCircuit {
    /// Which.
    pub circuit: Circuit,
    /// The hash of everything in its key.
    pub key: LedgerDigest,
    /// Whether it comes from its file.
    pub is_from_file: bool,
}

/// Is told of circuits.
pub type Told<'a> = &'a mut dyn FnMut(ReadyCircuit);

/// What windows are lifted and folded with.
pub struct FoldingKey {
    pub(crate) window: Key,
    pub(crate) lift: Layer,
    pub(crate) fold: Layer,
    /// Constraints of windows, for lifting.
    pub(crate) window_constraints: Constraints,
    /// Constraints of lifted windows, for a first fold.
    pub(crate) lift_constraints: Constraints,
    /// The own constraints, for a later fold.
    pub(crate) fold_constraints: Constraints,
    verifying: FoldKey,
}

impl FoldingKey {
    /// Makes the keys.
    ///
    /// # Errors
    /// [`KeyError`] when the tables have no key, or when the fold circuit is another one over its own key.
    pub fn generate() -> Result<Self, KeyError> {
        Self::ready(&NoFiles, &mut |_| {})
    }

    /// Reads the circuits that there are files of, makes and keeps the others, and tells of each once it is ready.
    ///
    /// # Errors
    /// As [`FoldingKey::generate`].
    pub fn ready(files: &dyn CircuitFiles, told: Told<'_>) -> Result<Self, KeyError> {
        let mut tell = |circuit, key: &Key, is_from_file| {
            told(ReadyCircuit { circuit, key: shown(&key.pre_hash), is_from_file });
        };
        let (application, columns) = load(files, Circuit::Application).unzip();
        let application = application.map_or_else(proof::keys::generate, Ok)?;
        let window = application.get_vk();
        let (lift, lift_columns) = load(files, Circuit::Leaf).unzip();
        let children = Children::Windows { key: window.pre_hash };
        let lift = lift.map_or_else(|| proving_key(&window, children, widening(&window)?), Ok)?;
        let lift = Layer::of(&window, children, lift);
        let is_from_file = [columns.is_some(), lift_columns.is_some()];
        let window_constraints = constraints(files, Circuit::Application, &application, &lift, columns);
        tell(Circuit::Application, &window, is_from_file[0]);
        // The fold circuit's constants include commitments made with its own parameters, which the lift circuit has too.
        let lift_constraints = constraints(files, Circuit::Leaf, lift.proving(), &lift, lift_columns);
        tell(Circuit::Leaf, lift.key(), is_from_file[1]);
        let children = Children::Ranges {
            lift_key: lift.key().pre_hash,
            window_constraints: window_constraints.commitment,
            lift_constraints: lift_constraints.commitment,
        };
        let (fold, columns) = load(files, Circuit::Internal).unzip();
        let is_from_file = columns.is_some();
        let fold = fold_layer(lift.key(), children, fold)?;
        let fold_constraints = constraints(files, Circuit::Internal, fold.proving(), &fold, columns);
        tell(Circuit::Internal, fold.key(), is_from_file);
        let verifying = FoldKey::new(fold.key().clone(), lift_constraints.commitment, fold_constraints.commitment);
        Ok(Self { window, lift, fold, window_constraints, lift_constraints, fold_constraints, verifying })
    }

    /// The pinned text of the lift circuit, for `fixtures/fold_lift.txt`.
    pub fn lift_pins(&self) -> String {
        lift_pins(&self.lift.key().pre_hash, &self.window_constraints.commitment)
    }

    /// What the proofs are verified with.
    pub fn verifying(&self) -> &FoldKey {
        &self.verifying
    }

    /// Columns that nothing reads in the lift circuit.
    #[cfg(test)]
    pub(crate) fn widening(&self) -> usize {
        self.lift.wider().1
    }
}

/// The fold circuit. One that is made is compared with the circuit over its own key; a kept one has the pinned key.
fn fold_layer(lift: &Key, children: Children, kept: Option<ProvingKey>) -> Result<Layer, KeyError> {
    if let Some(kept) = kept {
        return Ok(Layer::of(lift, children, kept));
    }
    let fold = Layer::generate(lift, children, 0)?;
    let over_itself = proving_key(fold.key(), children, 0)?.vk_pre_hash;
    if over_itself == fold.key().pre_hash { Ok(fold) } else { Err(KeyError::NotRecursive) }
}

/// The constraints of `key`, as a verifier with the parameters of `layer` takes them: as they were kept, or committed to and kept.
fn constraints(
    files: &dyn CircuitFiles,
    circuit: Circuit,
    key: &ProvingKey,
    layer: &Layer,
    kept: Option<Columns>,
) -> Constraints {
    if let Some(kept) = kept {
        return on_device(&kept, layer.engine());
    }
    let constraints = layer.constraints(&key.get_vk());
    // One that cannot be written is made again next time.
    match encode(key, &constraints) {
        Ok(bytes) => files.save(circuit, &bytes),
        Err(error) => files.unused(circuit, &error),
    }
    constraints
}
