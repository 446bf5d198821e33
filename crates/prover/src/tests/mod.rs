//! Tests of the crate.

mod honest;
mod world;
