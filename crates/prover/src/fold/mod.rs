//! Folds window proofs into one proof of constant size.
//!
//! ```text
//!   window ─┐                      window ─┐                  one or two windows become a lifted one,
//!   window ─┴─ lift ─┐             window ─┴─ lift ─┐         one or two lifted ones a first fold,
//!           ┌─ lift ─┴─ fold ─┐                     │         two folds a later fold; each over
//!           …                 ├─ fold ◄── fold ─────┘         neighbouring ranges
//! ```
//!
//! Rules
//! - Nothing here is trusted: what it gets wrong does not verify. The rule is in `air.rs` and in `proof/src/folded`.
//! - A child is verified before it is folded, because the proof stack replays its verifier without looking.
//!
//! Read next: [`extend`], [`lift`], [`fold_lifted`], [`fold`]; then `spec/proofs.md`.

mod air;
mod extend;
mod keys;
mod layer;
mod prove;
mod stored;
mod wider;

#[cfg(test)]
pub(crate) use air::Children;
pub use extend::{EXTENSION_WINDOWS_MAX, FOLD_BYTES, LIFT_BYTES_MAX, extend, extend_unless, extension_size};
pub use keys::{Circuit, FoldingKey, ReadyCircuit, Told};
#[cfg(test)]
pub(crate) use layer::Layer;
pub use prove::{FoldError, LiftedWindows, fold, fold_lifted, lift};
#[cfg(test)]
pub(crate) use prove::{fold_anything, lift_anything, lift_unless};
pub use stored::{CircuitFiles, NoFiles, StoredError, check_stored};
