//! Tests of the crate: the pinned key, statements, and a golden proof. What needs a prover is in the `prover` crate.

mod acceptance;
mod assets;
mod borders;
mod chain;
mod folded;
pub(crate) mod golden;
mod statement;
mod systems;
