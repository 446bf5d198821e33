//! The rows of every table of one window, before they become matrices.
//!
//! Model: the rows of the seven tables that say something come from [`crate::replay`]. What they look up follows
//! from the rows alone ([`Tables::lookups`]) and fills the two tables that everyone looks things up in.
//!
//! Read next: [`crate::replay`], `airs/`.

use std::collections::BTreeMap;

use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::airs::TABLES;
use proof::airs::accesses::AccessColumns;
use proof::airs::boundary::BoundaryColumns;
use proof::airs::limbs::LIMB;
use proof::airs::merkle::MerkleColumns;
use proof::airs::opens::OpenColumns;
use proof::airs::operations::OperationColumns;
use proof::airs::statement::StatementColumns;
use proof::airs::supply::SupplyColumns;

use crate::airs::{accesses, boundary, merkle, opens, operations, poseidon2, range, supply};
use crate::hash::{Half, join};

/// The rows that say something.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// The public values.
    pub public_values: Vec<F>,
    /// The statement's row.
    pub statement: StatementColumns<F>,
    /// One row per operation.
    pub operations: Vec<OperationColumns<F>>,
    /// One row per seal or burn.
    pub supply: Vec<SupplyColumns<F>>,
    /// One row per debit or credit.
    pub accesses: Vec<AccessColumns<F>>,
    /// One row per opened slot.
    pub opens: Vec<OpenColumns<F>>,
    /// One row per touched slot.
    pub boundary: Vec<BoundaryColumns<F>>,
    /// One row per inner node above them.
    pub merkle: Vec<MerkleColumns<F>>,
}

/// How often one permutation is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HashLookups {
    /// For the upper half.
    pub absorb: u32,
    /// For the lower half.
    pub compress: u32,
}

/// What the rows look up.
#[derive(Debug, Clone)]
pub struct Lookups {
    /// Inputs of permutations.
    pub hashes: BTreeMap<[F; 16], HashLookups>,
    /// 16-bit values, by value.
    pub range: Vec<u32>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { hashes: BTreeMap::new(), range: vec![0; usize::try_from(LIMB).expect("2^16 fits a usize")] }
    }
}

impl Lookups {
    /// Looks up the upper half of a permutation.
    pub fn absorb(&mut self, lower: Half, upper: Half) {
        self.hashes.entry(join(lower, upper)).or_default().absorb += 1;
    }

    /// Looks up the lower half of a permutation.
    pub fn compress(&mut self, lower: Half, upper: Half) {
        self.hashes.entry(join(lower, upper)).or_default().compress += 1;
    }

    /// Looks up a 16-bit value. A value that is none is in no table, so the bus would not balance.
    pub fn range(&mut self, value: F) {
        let value = usize::try_from(value.as_canonical_u32()).expect("a usize has at least 32 bits");
        if let Some(count) = self.range.get_mut(value) {
            *count += 1;
        }
    }
}

/// One matrix per table and the public values, as the prover and the checker take them.
#[derive(Debug, Clone)]
pub struct Traces {
    /// In the order of the key.
    pub matrices: [RowMajorMatrix<F>; TABLES],
    /// Of the statement table.
    pub public_values: Vec<F>,
}

impl Tables {
    /// Everything that the rows look up.
    pub fn lookups(&self) -> Lookups {
        let mut lookups = Lookups::default();
        self.operations.iter().for_each(|row| operations::look_up(row, &mut lookups));
        self.supply.iter().for_each(|row| supply::look_up(row, &mut lookups));
        self.accesses.iter().for_each(|row| accesses::look_up(row, &mut lookups));
        self.opens.iter().for_each(|row| opens::look_up(row, &mut lookups));
        self.boundary.iter().for_each(|row| boundary::look_up(row, &mut lookups));
        self.merkle.iter().for_each(|row| merkle::look_up(row, &mut lookups));
        lookups
    }

    /// The matrices, with the tables of what is looked up.
    pub fn traces(&self) -> Traces {
        let lookups = self.lookups();
        Traces {
            matrices: [
                matrix(&[self.statement], StatementColumns::<F>::WIDTH, StatementColumns::write),
                matrix(&self.operations, OperationColumns::<F>::WIDTH, OperationColumns::write),
                matrix(&self.supply, SupplyColumns::<F>::WIDTH, SupplyColumns::write),
                matrix(&self.accesses, AccessColumns::<F>::WIDTH, AccessColumns::write),
                matrix(&self.opens, OpenColumns::<F>::WIDTH, OpenColumns::write),
                matrix(&self.boundary, BoundaryColumns::<F>::WIDTH, BoundaryColumns::write),
                matrix(&self.merkle, MerkleColumns::<F>::WIDTH, MerkleColumns::write),
                poseidon2::trace(&lookups.hashes),
                range::trace(&lookups.range),
            ],
            public_values: self.public_values.clone(),
        }
    }
}

/// The rows as a matrix, filled with rows of zeros up to a power of two. Such a row is padding in every table.
fn matrix<R: Copy>(rows: &[R], width: usize, write: impl Fn(R, &mut Vec<F>)) -> RowMajorMatrix<F> {
    let height = rows.len().next_power_of_two();
    let mut cells = Vec::with_capacity(height * width);
    for row in rows {
        write(*row, &mut cells);
    }
    cells.resize(height * width, F::ZERO);
    RowMajorMatrix::new(cells, width)
}
