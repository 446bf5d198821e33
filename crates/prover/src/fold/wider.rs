//! A table with columns that nothing reads.
//!
//! A fold takes lifted windows and folds with one circuit, so the keys of both must have the same widths. They differ in
//! one table of the verifier, whose width depends on how many tables the child has: a window has nine, a fold forty.


use openvm_stark_backend::air_builders::debug::DebugConstraintBuilder;
use openvm_stark_backend::air_builders::symbolic::SymbolicRapBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::{AirRef, BaseAirWithPublicValues, PartitionedBaseAir};
use openvm_stark_sdk::config::baby_bear_poseidon2::F;
use proof::keys::Config;

/// The table `inner` with `columns` more at its end.
pub(crate) struct Wider {
    inner: AirRef<Config>,
    columns: usize,
}

impl Wider {
    /// The table with so many more columns.
    pub(crate) fn new(inner: AirRef<Config>, columns: usize) -> Self {
        Self { inner, columns }
    }
}

impl BaseAir<F> for Wider {
    fn width(&self) -> usize {
        BaseAir::<F>::width(self.inner.as_ref()) + self.columns
    }
}

impl BaseAirWithPublicValues<F> for Wider {
    fn num_public_values(&self) -> usize {
        BaseAirWithPublicValues::<F>::num_public_values(self.inner.as_ref())
    }
}

impl PartitionedBaseAir<F> for Wider {
    fn common_main_width(&self) -> usize {
        PartitionedBaseAir::<F>::common_main_width(self.inner.as_ref()) + self.columns
    }
}

impl Air<SymbolicRapBuilder<F>> for Wider {
    fn eval(&self, builder: &mut SymbolicRapBuilder<F>) {
        self.inner.eval(builder);
    }
}

impl<'a> Air<DebugConstraintBuilder<'a, Config>> for Wider {
    fn eval(&self, builder: &mut DebugConstraintBuilder<'a, Config>) {
        self.inner.eval(builder);
    }
}
