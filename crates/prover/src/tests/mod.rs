//! Tests of the crate.

mod attacks;
mod chain;
mod forge;
mod forgeries;
mod honest;
mod kill;
mod refusals;
mod world;
