//! The keys of lifting and folding, made from the tables.
//!
//! ```text
//!   window key ──► lift circuit ──► lift key ──► fold circuit ──► fold key ──► fold circuit (the same one)
//! ```
//!
//! The fold circuit knows the keys of windows and of lifted windows as constants. It cannot know its own: that one is a
//! public value, equal in all folds below and checked at the top. Making it once more over its own key gives the same
//! key, which is what lets folds be folded; [`FoldingKey::generate`] refuses when it does not.

use openvm_stark_backend::p3_field::PrimeField32;
use primitives::LedgerDigest;
use proof::KeyError;
use proof::folded::FoldKey;

use super::air::Children;
use super::layer::{Constraints, Key, Layer, widening};

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

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Leaf => "leaf",
            Self::Internal => "internal",
        }
    }
}

/// The hash of everything in a key.
fn hash(key: &Key) -> LedgerDigest {
    let elements = key.pre_hash.map(|element| element.as_canonical_u32());
    LedgerDigest::new(elements).expect("canonical elements are below the modulus")
}

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
        Self::generate_telling(&mut |_, _| {})
    }

    /// Makes the keys, and tells of each circuit once it is made, with the hash of its key.
    ///
    /// # Errors
    /// As [`FoldingKey::generate`].
    pub fn generate_telling(told: &mut dyn FnMut(Circuit, LedgerDigest)) -> Result<Self, KeyError> {
        let window = proof::keys::generate()?.get_vk();
        told(Circuit::Application, hash(&window));
        let wider = widening(&window)?;
        let lift = Layer::generate(&window, Children::Windows { key: window.pre_hash }, wider)?;
        told(Circuit::Leaf, hash(lift.key()));
        let window_constraints = lift.constraints(&window);
        // The fold circuit's constants include commitments made with its own parameters, which the lift circuit has too.
        let lift_constraints = lift.constraints(lift.key());
        let children = Children::Ranges {
            lift_key: lift.key().pre_hash,
            window_constraints: window_constraints.commitment,
            lift_constraints: lift_constraints.commitment,
        };
        let fold = Layer::generate(lift.key(), children, 0)?;
        if Layer::generate(fold.key(), children, 0)?.key().pre_hash != fold.key().pre_hash {
            return Err(KeyError::NotRecursive);
        }
        told(Circuit::Internal, hash(fold.key()));
        let fold_constraints = fold.constraints(fold.key());
        let verifying = FoldKey::new(fold.key().clone(), lift_constraints.commitment, fold_constraints.commitment);
        Ok(Self { window, lift, fold, window_constraints, lift_constraints, fold_constraints, verifying })
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
