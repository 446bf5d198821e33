//! The proof stack alone: the library's own Poseidon2 table, without buses and other tables, under the parameters of window proofs.
//!
//! What it proves in a second is what our tables are compared with: cells of the library's table, proven by the same stack on the same
//! machine. Run with `cargo bench -p prover --profile release --bench raw`, optionally with `-- LOG_ROWS`. Not a test: nothing here has
//! a limit.

use std::sync::Arc;
use std::time::Instant;

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::interaction::InteractionBuilder;
use openvm_stark_backend::keygen::MultiStarkKeygenBuilder;
use openvm_stark_backend::p3_air::{Air, BaseAir};
use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use openvm_stark_backend::prover::{AirProvingContext, DeviceDataTransporter, ProvingContext};
use openvm_stark_backend::{BaseAirWithPublicValues, PartitionedBaseAir, StarkEngine};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2CpuEngine, F};
use p3_baby_bear::BabyBear;
use p3_poseidon2_air::generate_trace_rows;
use proof::airs::poseidon2::{
    HALF_FULL_ROUNDS, LinearLayers, PARTIAL_ROUNDS, Permutation, SBOX_DEGREE, SBOX_REGISTERS, WIDTH, constants,
};
use proof::keys::Config;
use proof::params::system_params;
use serde_json::json;

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod shared;

use shared::{cells_per_second, milliseconds, peak_memory_mb};

/// Rows, as a power of two, unless named: some 20 million cells, as many as a window of the documents has.
const LOG_ROWS: u32 = 16;

/// The library's table as the proof stack takes it.
struct Raw(Permutation);

impl BaseAir<F> for Raw {
    fn width(&self) -> usize {
        BaseAir::<F>::width(&self.0)
    }
}

impl BaseAirWithPublicValues<F> for Raw {}

impl PartitionedBaseAir<F> for Raw {}

impl<AB: InteractionBuilder<F = BabyBear>> Air<AB> for Raw {
    fn eval(&self, builder: &mut AB) {
        self.0.eval(builder);
    }
}

fn main() {
    let asked = std::env::args().find_map(|argument| argument.parse::<u32>().ok());
    let rows = 1_u64 << asked.unwrap_or(LOG_ROWS);
    let mut builder = MultiStarkKeygenBuilder::new(Config::default_from_params(system_params()));
    builder.add_required_air(Arc::new(Raw(Permutation::new(constants()))));
    let key = builder.generate_pk().expect("the table has a key");
    let engine: BabyBearPoseidon2CpuEngine = BabyBearPoseidon2CpuEngine::new(key.params.clone());
    let device = engine.device().transport_pk_to_device(&key);
    let inputs = (0..rows)
        .map(|row| std::array::from_fn(|at| F::from_u64((row << 4) + u64::try_from(at).expect("16 elements"))))
        .collect();
    let start = Instant::now();
    let trace =
        generate_trace_rows::<F, LinearLayers, WIDTH, SBOX_DEGREE, SBOX_REGISTERS, HALF_FULL_ROUNDS, PARTIAL_ROUNDS>(
            inputs,
            &constants(),
            0,
        );
    let (traced, cells) = (start.elapsed(), trace.values.len());
    let context = ProvingContext::<CpuBackend<Config>>::new(vec![(0, AirProvingContext::simple(trace, Vec::new()))]);
    let start = Instant::now();
    let proof = engine.prove(&device, context).expect("permutations satisfy the table");
    let proven = start.elapsed();
    let start = Instant::now();
    engine.verify(&key.get_vk(), &proof).expect("just made");
    println!(
        "{}",
        json!({
            "bench": "raw", "rows": rows, "cells": cells, "trace_ms": milliseconds(traced), "prove_ms": milliseconds(proven),
            "verify_ms": milliseconds(start.elapsed()),
            "cells_per_second": cells_per_second(cells, proven), "peak_memory_mb": peak_memory_mb(),
        })
    );
}
