//! Tests of the program `xtask`, of the scripts that start it, and of documents whose figures it makes.

#![allow(clippy::panic, reason = "tests fail by panicking")]

mod proof_figures;
mod release;
