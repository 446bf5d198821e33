//! Tests of the crate.

mod attacks;
mod forge;
mod forgeries;
mod honest;
mod kill;
mod world;
