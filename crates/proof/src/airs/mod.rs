//! The tables of a window proof.
//!
//! | id | table | one row per |
//! |---|---|---|
//! | 0 | [`statement`] | window |
//! | 1 | [`operations`] | ledger operation |
//! | 2 | [`supply`] | seal or burn |
//! | 3 | [`accesses`] | debit or credit |
//! | 4 | [`opens`] | opened slot |
//! | 5 | [`boundary`] | touched slot |
//! | 6 | [`merkle`] | inner node above a touched slot |
//! | 7 | [`poseidon2`] | permutation |
//! | 8 | [`range`] | 16-bit value |
//!
//! Rules
//! - Every table is required: a proof without one of them has the wrong shape.
//! - The order of rows carries no meaning except in the range table; what belongs together is joined by a bus.
//! - Constraints have degree 3 at most, selectors included.
//!
//! Read next: [`bus`], then `spec/proofs.md`, which numbers every constraint.

pub mod accesses;
pub mod boundary;
pub mod bus;
pub mod cells;
pub mod limbs;
pub mod merkle;
pub mod opens;
pub mod operations;
pub mod poseidon2;
pub mod range;
pub mod statement;
pub mod supply;

use std::sync::Arc;

use openvm_stark_backend::AirRef;
use openvm_stark_sdk::config::baby_bear_poseidon2::BabyBearPoseidon2Config;

/// The number of tables.
pub const TABLES: usize = 9;
/// Place of the statement table, the only one with public values.
pub const STATEMENT: usize = 0;
/// The names of the tables in the order of the key.
pub const NAMES: [&str; TABLES] =
    ["statement", "operations", "supply", "accesses", "opens", "boundary", "merkle", "poseidon2", "range"];

/// Every table in the order of the key.
pub fn all() -> [AirRef<BabyBearPoseidon2Config>; TABLES] {
    [
        Arc::new(statement::StatementAir),
        Arc::new(operations::OperationsAir),
        Arc::new(supply::SupplyAir),
        Arc::new(accesses::AccessesAir),
        Arc::new(opens::OpensAir),
        Arc::new(boundary::BoundaryAir),
        Arc::new(merkle::MerkleAir),
        Arc::new(poseidon2::Poseidon2Air::default()),
        Arc::new(range::RangeAir),
    ]
}
