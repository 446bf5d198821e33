//! One layer: a circuit that verifies proofs of one key and says what they come to.
//!
//! ```text
//!   fold table │ tables of the verifier, whose first one has the child's constraints as fixed columns
//! ```
//!
//! Rules
//! - `continuations_enabled`, so that the verifier hands out public values, pre-hashes and commitments.
//! - Every table is required.

use std::sync::Arc;

use openvm_cpu_backend::CpuBackend;
use openvm_recursion_circuit::system::{
    AggregationSubCircuit, CachedTraceCtx, VerifierConfig, VerifierExternalData, VerifierSubCircuit, VerifierTraceGen,
};
use openvm_stark_backend::keygen::MultiStarkKeygenBuilder;
use openvm_stark_backend::keygen::types::{KeygenError, MultiStarkProvingKey, MultiStarkVerifyingKey};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::p3_matrix::dense::RowMajorMatrix;
use openvm_stark_backend::proof::Proof;
use openvm_stark_backend::prover::{
    AirProvingContext, CommittedTraceData, DeviceDataTransporter, DeviceMultiStarkProvingKey, ProvingContext,
};
use openvm_stark_backend::{AirRef, PartitionedBaseAir, StarkEngine};
#[cfg(test)]
use openvm_stark_sdk::config::baby_bear_poseidon2::Digest;
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2CpuEngine, F, default_duplex_sponge_recorder};
use openvm_stark_sdk::config::internal_params_with_100_bits_security;
use proof::airs::STATEMENT;
use proof::folded::{CHILDREN_MAX, FoldColumns, FoldValues};
use proof::keys::Config;

use super::air::{Children, FoldAir};
use super::wider::Wider;
use crate::call_off::CallOff;
use crate::stoppable::{self, Stopped};

/// A verifying key of the proof stack.
pub(crate) type Key = MultiStarkVerifyingKey<Config>;
/// A proving key of the proof stack.
pub(crate) type ProvingKey = MultiStarkProvingKey<Config>;
/// The verifier as tables.
type Verifier = VerifierSubCircuit<CHILDREN_MAX>;
/// The fixed columns that hold the constraints of a key, and the commitment to them.
pub(crate) type Constraints = CommittedTraceData<CpuBackend<Config>>;

/// The verifier's table whose width depends on how many tables the child has.
const SHAPE_TABLE: &str = "ProofShapeAir";

/// A circuit with its key.
pub(crate) struct Layer {
    engine: BabyBearPoseidon2CpuEngine,
    device: DeviceMultiStarkProvingKey<CpuBackend<Config>>,
    verifier: Verifier,
    key: Key,
    proving: ProvingKey,
    /// The place of [`SHAPE_TABLE`] and its columns that nothing reads.
    wider: (usize, usize),
}

/// The verifier of proofs under `child`.
fn verifier(child: &Key) -> Verifier {
    let config = VerifierConfig { continuations_enabled: true, final_state_bus_enabled: false, has_cached: true };
    Verifier::new_with_options(Arc::new(child.clone()), config)
}

/// The tables of a layer.
fn tables(verifier: &Verifier, children: Children, wider: usize) -> (Vec<AirRef<Config>>, usize) {
    let buses = verifier.bus_inventory();
    let fold = FoldAir {
        public_values: buses.public_values_bus,
        pre_hash: buses.pre_hash_bus,
        cached_commit: buses.cached_commit_bus,
        children,
    };
    let mut tables: Vec<AirRef<Config>> = vec![Arc::new(fold)];
    tables.extend(verifier.airs());
    let place = tables.iter().position(|table| table.name().starts_with(SHAPE_TABLE)).unwrap_or(tables.len());
    if let Some(table) = tables.get_mut(place) {
        *table = Arc::new(Wider::new(table.clone(), wider));
    }
    (tables, place)
}

fn generate(tables: Vec<AirRef<Config>>) -> Result<ProvingKey, KeygenError> {
    let config = Config::default_from_params(internal_params_with_100_bits_security());
    let mut builder = MultiStarkKeygenBuilder::new(config);
    for table in tables {
        builder.add_required_air(table);
    }
    builder.generate_pk()
}

/// How much wider the shape table of a verifier of `child` must be to be as wide as that of a verifier of its verifier.
pub(crate) fn widening(child: &Key) -> Result<usize, KeygenError> {
    let children = Children::Windows { key: child.pre_hash };
    let width =
        |key: &ProvingKey, place: usize| key.per_air.get(place).map_or(0, |table| table.vk.params.width.common_main);
    let (airs, place) = tables(&verifier(child), children, 0);
    let key = generate(airs)?;
    let (airs, above_place) = tables(&verifier(&key.get_vk()), children, 0);
    let above = generate(airs)?;
    Ok(width(&above, above_place).saturating_sub(width(&key, place)))
}

/// The proving key of the layer over proofs of `child`.
pub(crate) fn proving_key(child: &Key, children: Children, wider: usize) -> Result<ProvingKey, KeygenError> {
    generate(tables(&verifier(child), children, wider).0)
}

impl Layer {
    /// The layer over proofs of `child`.
    pub(crate) fn generate(child: &Key, children: Children, wider: usize) -> Result<Self, KeygenError> {
        Ok(Self::of(child, children, proving_key(child, children, wider)?))
    }

    /// The layer over proofs of `child` whose proving key is known.
    pub(crate) fn of(child: &Key, children: Children, proving: ProvingKey) -> Self {
        let verifier = verifier(child);
        let (tables, place) = tables(&verifier, children, 0);
        let narrow = tables.get(place).map_or(0, |table| PartitionedBaseAir::<F>::common_main_width(table.as_ref()));
        let wide = proving.per_air.get(place).map_or(0, |table| table.vk.params.width.common_main);
        let engine = BabyBearPoseidon2CpuEngine::new(proving.params.clone());
        let device = engine.device().transport_pk_to_device(&proving);
        let (key, wider) = (proving.get_vk(), (place, wide.saturating_sub(narrow)));
        Self { engine, device, verifier, key, proving, wider }
    }

    /// The layer's own proving key.
    pub(crate) fn proving(&self) -> &ProvingKey {
        &self.proving
    }

    /// The layer's engine.
    pub(crate) fn engine(&self) -> &BabyBearPoseidon2CpuEngine {
        &self.engine
    }

    /// The layer's own key.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Place of the widened table and its columns that nothing reads.
    #[cfg(test)]
    pub(crate) fn wider(&self) -> (usize, usize) {
        self.wider
    }

    /// The same circuit under a key that claims another pre-hash, as a forger may make it.
    #[cfg(test)]
    pub(crate) fn claiming(mut self, pre_hash: Digest) -> Self {
        self.key.pre_hash = pre_hash;
        self.device.vk_pre_hash = pre_hash;
        self
    }

    /// The fixed columns that this layer's verifier takes for children of `key`.
    pub(crate) fn constraints(&self, key: &Key) -> Constraints {
        self.trace().commit_child_vk(&self.engine, key)
    }

    /// The verifier as the trace generator that it is for this machine.
    fn trace(&self) -> &impl VerifierTraceGen<CpuBackend<Config>, Config, ()> {
        &self.verifier
    }

    /// Proves that the verifier accepts the proofs, whatever they say and whatever is said about them.
    ///
    /// # Errors
    /// [`Stopped`]: the reason of the proof stack, or it was called off.
    ///
    /// # Panics
    /// When a child is no proof under `key`: the proof stack replays its verifier without looking at the outcome.
    pub(crate) fn prove(
        &self,
        key: &Key,
        constraints: Constraints,
        children: &[Proof<Config>],
        said: FoldValues<F>,
        off: &CallOff,
    ) -> Result<Proof<Config>, Stopped> {
        off.check()?;
        let (none, numbers) = (Vec::new(), Vec::new());
        let mut external = VerifierExternalData {
            poseidon2_compress_inputs: &none,
            poseidon2_permute_inputs: &none,
            range_check_inputs: &numbers,
            power_check_inputs: &numbers,
            required_heights: None,
            final_transcript_state: None,
        };
        let verified = self.trace().generate_proving_ctxs(
            key,
            CachedTraceCtx::PcsData(constraints),
            children,
            &mut external,
            &(),
            default_duplex_sponge_recorder(),
        );
        let verified = verified.ok_or_else(|| Stopped::Backend("the verifier's tables have no rows".to_owned()))?;
        off.check()?;
        let mut tables = vec![fold_table(children, said)];
        tables.extend(verified);
        if let Some(table) = tables.get_mut(self.wider.0) {
            table.common_main = widened(&table.common_main, self.wider.1);
        }
        let context = ProvingContext::new(tables.into_iter().enumerate().collect());
        stoppable::prove(&self.engine, &self.device, context, off)
    }

    /// Whether the proof is one under this layer's key. It says nothing about what lies below it.
    pub(crate) fn verify(&self, proof: &Proof<Config>) -> bool {
        self.engine.verify(&self.key, proof).is_ok()
    }
}

/// The rows of the fold table, one per child.
fn fold_table(children: &[Proof<Config>], said: FoldValues<F>) -> AirProvingContext<CpuBackend<Config>> {
    let rows = children.len().next_power_of_two();
    let mut cells = Vec::with_capacity(rows * FoldColumns::<F>::WIDTH);
    for (child, proof) in children.iter().enumerate() {
        cells.extend([F::from_usize(child), F::ONE, F::from_bool(child + 1 == children.len())]);
        cells.extend(&proof.public_values[STATEMENT]);
        // A window has fewer values than a fold; its row has zeros for the others.
        cells.resize((child + 1) * FoldColumns::<F>::WIDTH, F::ZERO);
    }
    cells.resize(rows * FoldColumns::<F>::WIDTH, F::ZERO);
    let mut public = Vec::with_capacity(FoldValues::<F>::WIDTH);
    said.write(&mut public);
    AirProvingContext::simple(RowMajorMatrix::new(cells, FoldColumns::<F>::WIDTH), public)
}

/// The matrix with so many columns of zeros at its end.
fn widened(matrix: &RowMajorMatrix<F>, columns: usize) -> RowMajorMatrix<F> {
    let mut cells = Vec::with_capacity(matrix.values.len() / matrix.width * (matrix.width + columns));
    for row in matrix.values.chunks_exact(matrix.width) {
        cells.extend_from_slice(row);
        cells.resize(cells.len() + columns, F::ZERO);
    }
    RowMajorMatrix::new(cells, matrix.width + columns)
}
