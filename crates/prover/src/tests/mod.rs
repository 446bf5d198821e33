//! Tests of the crate.

mod attacks;
mod chain;
mod fold_rule;
mod folds;
mod foreign;
mod forge;
mod forgeries;
mod golden_windows;
mod honest;
mod kill;
mod mutations;
mod refusals;
mod systems;
mod world;
