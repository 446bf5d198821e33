//! Tests of the crate.

mod attacks;
mod chain;
mod checklist;
mod circuits;
mod coverage;
mod fold_rule;
mod folds;
mod foreign;
mod forge;
mod forged_trees;
mod forgeries;
mod golden_windows;
mod honest;
mod kill;
mod leaf;
mod model;
mod mutations;
mod parts;
mod refusals;
mod script;
mod stops;
mod systems;
mod world;
