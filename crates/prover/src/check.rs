//! Checks rows against every constraint and every bus, without making a proof.
//!
//! Proving says only that something is wrong; this says which constraint of which table, in which row, or which
//! message on which bus. Constraints and interactions are read from the key, so what is checked is what is proven.
//! Any one of them can be left out, which is how the tests show that each is needed.
//!
//! Read next: `proof/src/airs`.

use std::collections::BTreeMap;
use std::fmt;

use openvm_stark_backend::air_builders::symbolic::symbolic_variable::Entry;
use openvm_stark_backend::air_builders::symbolic::{SymbolicConstraintsDag, SymbolicExpressionNode};
use openvm_stark_backend::interaction::BusIndex;
use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::VerifyingKey;
use proof::airs::NAMES;

use crate::tables::Traces;

/// Something that is wrong with the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A constraint is not zero.
    Constraint {
        /// The table's place in the key.
        table: usize,
        /// The constraint's place in the table.
        constraint: usize,
        /// The row.
        row: usize,
    },
    /// A message is not received as often as it is sent.
    Bus {
        /// The bus.
        bus: BusIndex,
        /// The message.
        message: Vec<u32>,
        /// Sent minus received, as a field element.
        surplus: u32,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constraint { table, constraint, row } => {
                write!(out, "constraint {constraint} of table {} in row {row}", NAMES.get(*table).unwrap_or(&"?"))
            }
            Self::Bus { bus, message, surplus } => {
                write!(out, "message {message:?} on bus {bus} has surplus {surplus}")
            }
        }
    }
}

/// What is left out of a check, by place in the key and in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A constraint.
    Constraint(usize, usize),
    /// An interaction.
    Interaction(usize, usize),
}

/// Everything that is wrong with the rows, in the order of the key, constraints first.
pub fn check(key: &VerifyingKey, traces: &Traces, without: Option<Part>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut buses: BTreeMap<(BusIndex, Vec<F>), F> = BTreeMap::new();
    for (table, air) in key.inner().inner.per_air.iter().enumerate() {
        let dag = &air.symbolic_constraints;
        each_row(dag, &traces.matrices[table], &traces.public_values, |row, values| {
            for (constraint, node) in dag.constraints.constraint_idx.iter().enumerate() {
                if values[*node] != F::ZERO && without != Some(Part::Constraint(table, constraint)) {
                    violations.push(Violation::Constraint { table, constraint, row });
                }
            }
            for (at, interaction) in dag.interactions.iter().enumerate() {
                let count = values[interaction.count];
                if count != F::ZERO && without != Some(Part::Interaction(table, at)) {
                    let message = interaction.message.iter().map(|node| values[*node]).collect();
                    *buses.entry((interaction.bus_index, message)).or_default() += count;
                }
            }
        });
    }
    violations.extend(buses.into_iter().filter(|(_, surplus)| *surplus != F::ZERO).map(|((bus, message), surplus)| {
        let message = message.iter().map(|element| element.as_canonical_u32()).collect();
        Violation::Bus { bus, message, surplus: surplus.as_canonical_u32() }
    }));
    violations
}

/// Every constraint and interaction of the key.
pub fn parts(key: &VerifyingKey) -> Vec<Part> {
    let mut parts = Vec::new();
    for (table, air) in key.inner().inner.per_air.iter().enumerate() {
        let dag = &air.symbolic_constraints;
        parts.extend((0..dag.constraints.constraint_idx.len()).map(|at| Part::Constraint(table, at)));
        parts.extend((0..dag.interactions.len()).map(|at| Part::Interaction(table, at)));
    }
    parts
}

/// Evaluates all expressions of a table in each of its rows.
pub(crate) fn each_row(
    dag: &SymbolicConstraintsDag<F>,
    matrix: &RowMajorMatrix<F>,
    public_values: &[F],
    mut visit: impl FnMut(usize, &[F]),
) {
    let height = matrix.values.len() / matrix.width;
    let mut values = vec![F::ZERO; dag.constraints.nodes.len()];
    for row in 0..height {
        for (at, node) in dag.constraints.nodes.iter().enumerate() {
            values[at] = match node {
                SymbolicExpressionNode::Variable(variable) => match variable.entry {
                    Entry::Main { offset, .. } => {
                        matrix.values[((row + offset) % height) * matrix.width + variable.index]
                    }
                    Entry::Public => public_values[variable.index],
                    Entry::Preprocessed { .. } | Entry::Challenge => F::ZERO,
                },
                SymbolicExpressionNode::IsFirstRow => F::from_bool(row == 0),
                SymbolicExpressionNode::IsLastRow => F::from_bool(row + 1 == height),
                SymbolicExpressionNode::IsTransition => F::from_bool(row + 1 != height),
                SymbolicExpressionNode::Constant(value) => *value,
                SymbolicExpressionNode::Add { left_idx, right_idx, .. } => values[*left_idx] + values[*right_idx],
                SymbolicExpressionNode::Sub { left_idx, right_idx, .. } => values[*left_idx] - values[*right_idx],
                SymbolicExpressionNode::Neg { idx, .. } => -values[*idx],
                SymbolicExpressionNode::Mul { left_idx, right_idx, .. } => values[*left_idx] * values[*right_idx],
            };
        }
        visit(row, &values);
    }
}
