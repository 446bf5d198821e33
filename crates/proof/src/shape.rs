//! The shape of a proof: how many field elements the heights of its tables ask for, and what each is for.
//!
//! Model: the key and the heights fix everything. A blank proof of that shape is made and walked; reading puts elements
//! in, writing takes them out. Both visit the same places in the same order.
//!
//! Rules
//! - Nothing is allocated that the length of the input does not cover.
//! - Public values and the commitments of fixed columns are not visited: the verifier puts in what it expects.
//!
//! Read next: [`crate::encoding`], [`crate::folded`].

use std::cmp::Reverse;

use openvm_stark_backend::calculate_n_logup;
use openvm_stark_backend::keygen::types::{MultiStarkVerifyingKey, StarkVerifyingKey};
use openvm_stark_backend::p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::proof::{
    BatchConstraintProof, GkrLayerClaims, GkrProof, Proof, StackingProof, TraceVData, WhirProof,
};
use openvm_stark_backend::prover::stacked_pcs::StackedLayout;
use openvm_stark_sdk::config::baby_bear_poseidon2::{Digest, EF, F};

use crate::encoding::EncodingError;
use crate::keys::Config;

/// Bytes of a field element.
pub(crate) const ELEMENT_BYTES: usize = 4;

/// The key that gives a proof its shape.
type Key = MultiStarkVerifyingKey<Config>;

/// Fills a proof of the shape that the heights ask for from `body`; `head` bytes came before it.
pub(crate) fn read(key: &Key, log_rows: &[u8], head: usize, body: &[u8]) -> Result<Proof<Config>, EncodingError> {
    let mut proof = blank(key, log_rows, head, body.len() / ELEMENT_BYTES)?;
    let expected = head + ELEMENT_BYTES * elements(&mut proof);
    if head + body.len() != expected {
        return Err(EncodingError::Length { expected, bytes: head + body.len() });
    }
    let mut words = body.chunks_exact(ELEMENT_BYTES);
    let (mut read, mut refused) = (0_usize, None);
    walk(&mut proof, &mut |element| {
        let mut word = [0_u8; ELEMENT_BYTES];
        word.copy_from_slice(words.next().unwrap_or(&[0xFF; ELEMENT_BYTES]));
        let value = u32::from_le_bytes(word);
        if value >= F::ORDER_U32 {
            refused.get_or_insert(read);
        }
        *element = F::from_u32(value);
        read += 1;
    });
    refused.map_or(Ok(proof), |element| Err(EncodingError::NotCanonical { element }))
}

/// The heights of a proof's tables, as powers of two.
pub(crate) fn heights(key: &Key, proof: &Proof<Config>) -> Result<Vec<u8>, EncodingError> {
    if proof.trace_vdata.len() != key.inner.per_air.len() {
        return Err(EncodingError::Shape);
    }
    let height = |data: &Option<TraceVData<Config>>| {
        let rows = data.as_ref().map(|data| data.log_height).ok_or(EncodingError::Shape)?;
        u8::try_from(rows).map_err(|_| EncodingError::Shape)
    };
    proof.trace_vdata.iter().map(height).collect()
}

/// Appends the elements of a proof to the `head` that is already in `bytes`.
pub(crate) fn write(
    key: &Key,
    log_rows: &[u8],
    proof: &Proof<Config>,
    bytes: &mut Vec<u8>,
) -> Result<(), EncodingError> {
    let mut proof = proof.clone();
    let count = elements(&mut proof);
    if elements(&mut blank(key, log_rows, bytes.len(), count)?) != count {
        return Err(EncodingError::Shape);
    }
    bytes.reserve(ELEMENT_BYTES * count);
    walk(&mut proof, &mut |element| bytes.extend(element.as_canonical_u32().to_le_bytes()));
    Ok(())
}

/// The places of the tables in the order of their heights, the highest first.
fn by_height(log_rows: &[u8]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..log_rows.len()).collect();
    order.sort_by_key(|table| (Reverse(log_rows[*table]), *table));
    order
}

/// Columns of each committed matrix when the tables have so many rows, as powers of two: first the one of all tables,
/// then one for each table with fixed columns, the highest first.
pub(crate) fn columns(key: &Key, log_rows: &[u8]) -> Result<Vec<usize>, EncodingError> {
    let inner = &key.inner;
    let params = &inner.params;
    for (table, log_rows) in log_rows.iter().enumerate() {
        if usize::from(*log_rows) > params.log_stacked_height() {
            return Err(EncodingError::TooManyRows { table, log_rows: *log_rows });
        }
    }
    let order = by_height(log_rows);
    let rows = |table: usize| usize::from(log_rows[table]);
    let common = order.iter().map(|table| (inner.per_air[*table].params.width.common_main, rows(*table))).collect();
    let fixed = order.iter().flat_map(|table| {
        inner.per_air[*table].params.width.cached_mains.iter().map(|width| vec![(*width, rows(*table))])
    });
    let matrices: Vec<Vec<(usize, usize)>> = std::iter::once(common).chain(fixed).collect();
    let width = |sizes: Vec<(usize, usize)>| {
        let layout = StackedLayout::new(params.l_skip, params.log_stacked_height(), sizes);
        layout.map(|layout| layout.width()).map_err(|_| EncodingError::Shape)
    };
    let columns = matrices.into_iter().map(width).collect::<Result<Vec<usize>, EncodingError>>()?;
    let total: usize = columns.iter().sum();
    if total > params.w_stack {
        return Err(EncodingError::TooManyCells { columns: total, max: params.w_stack });
    }
    Ok(columns)
}

/// A proof of zeros with the shape that the heights ask for. `elements_max` bounds what is allocated.
fn blank(key: &Key, log_rows: &[u8], head: usize, elements_max: usize) -> Result<Proof<Config>, EncodingError> {
    let inner = &key.inner;
    let params = &inner.params;
    let tables = inner.per_air.len();
    let columns = columns(key, log_rows)?;
    let heights: Vec<usize> = log_rows.iter().map(|log| usize::from(*log)).collect();
    let order = by_height(log_rows);
    let whir = blank_whir(key, &columns, head, elements_max)?;

    let interactions = inner.per_air.iter().zip(&heights).fold(0_u64, |sum, (air, height)| {
        sum + (u64::try_from(air.num_interactions()).unwrap_or(u64::MAX) << params.l_skip.max(*height))
    });
    let layers = params.l_skip + calculate_n_logup(params.l_skip, interactions);
    let claim = || GkrLayerClaims { p_xi_0: EF::ZERO, p_xi_1: EF::ZERO, q_xi_0: EF::ZERO, q_xi_1: EF::ZERO };
    let highest = heights.iter().copied().max().unwrap_or(0);
    let skip_points = (1_usize << params.l_skip) - 1;
    let openings = |table: &usize| {
        let air = &inner.per_air[*table].params;
        let widths = std::iter::once(&air.width.common_main).chain(&air.width.cached_mains);
        widths.map(|width| vec![EF::ZERO; width * if air.need_rot { 2 } else { 1 }]).collect()
    };
    let data = |(air, log_height): (&StarkVerifyingKey<F, Digest>, &usize)| {
        let cached_commitments = vec![[F::ZERO; 8]; air.num_cached_mains()];
        Some(TraceVData { log_height: *log_height, cached_commitments })
    };
    Ok(Proof {
        common_main_commit: [F::ZERO; 8],
        trace_vdata: inner.per_air.iter().zip(&heights).map(data).collect(),
        public_values: vec![Vec::new(); tables],
        gkr_proof: GkrProof {
            logup_pow_witness: F::ZERO,
            q0_claim: EF::ZERO,
            claims_per_layer: (0..layers).map(|_| claim()).collect(),
            sumcheck_polys: (1..layers).map(|round| vec![[EF::ZERO; 3]; round]).collect(),
        },
        batch_constraint_proof: BatchConstraintProof {
            numerator_term_per_air: vec![EF::ZERO; tables],
            denominator_term_per_air: vec![EF::ZERO; tables],
            univariate_round_coeffs: vec![EF::ZERO; (params.max_constraint_degree + 1) * skip_points + 1],
            sumcheck_round_polys: vec![
                vec![EF::ZERO; params.max_constraint_degree + 1];
                highest.saturating_sub(params.l_skip)
            ],
            column_openings: order.iter().map(openings).collect(),
        },
        stacking_proof: StackingProof {
            univariate_round_coeffs: vec![EF::ZERO; 2 * skip_points + 1],
            sumcheck_round_polys: vec![[EF::ZERO; 2]; params.n_stack],
            stacking_openings: columns.iter().map(|columns| vec![EF::ZERO; *columns]).collect(),
        },
        whir_proof: whir,
    })
}

/// The part of a blank proof that opens the commitment.
fn blank_whir(
    key: &Key,
    columns: &[usize],
    head: usize,
    elements_max: usize,
) -> Result<WhirProof<Config>, EncodingError> {
    let params = &key.inner.params;
    let rounds = &params.whir.rounds;
    let points = 1_usize << params.k_whir();
    let depth = (params.log_stacked_height() + params.log_blowup).saturating_sub(params.k_whir());
    let first = rounds.first().map_or(0, |round| round.num_queries);
    // The opened rows are by far the largest part; what the input cannot cover is not allocated.
    let opened = first * points * columns.iter().sum::<usize>();
    if opened > elements_max {
        let expected = head + ELEMENT_BYTES * opened;
        return Err(EncodingError::Length { expected, bytes: head + ELEMENT_BYTES * elements_max });
    }
    let paths = |queries: usize, depth: usize| -> Vec<Vec<Digest>> { vec![vec![[F::ZERO; 8]; depth]; queries] };
    Ok(WhirProof {
        mu_pow_witness: F::ZERO,
        whir_sumcheck_polys: vec![[EF::ZERO; 2]; params.num_whir_sumcheck_rounds()],
        codeword_commits: vec![[F::ZERO; 8]; rounds.len().saturating_sub(1)],
        ood_values: vec![EF::ZERO; rounds.len().saturating_sub(1)],
        folding_pow_witnesses: vec![F::ZERO; params.num_whir_sumcheck_rounds()],
        query_phase_pow_witnesses: vec![F::ZERO; rounds.len()],
        initial_round_opened_rows: columns
            .iter()
            .map(|columns| vec![vec![vec![F::ZERO; *columns]; points]; first])
            .collect(),
        initial_round_merkle_proofs: vec![paths(first, depth); columns.len()],
        codeword_opened_values: rounds
            .iter()
            .skip(1)
            .map(|round| vec![vec![EF::ZERO; points]; round.num_queries])
            .collect(),
        codeword_merkle_proofs: (1_usize..)
            .zip(rounds.iter().skip(1))
            .map(|(at, round)| paths(round.num_queries, depth.saturating_sub(at)))
            .collect(),
        final_poly: vec![EF::ZERO; 1 << params.log_final_poly_len()],
    })
}

/// How many base field elements a proof has.
fn elements(proof: &mut Proof<Config>) -> usize {
    let mut count = 0;
    walk(proof, &mut |_| count += 1);
    count
}

/// Visits every field element in the order of the encoding.
fn walk(proof: &mut Proof<Config>, visit: &mut impl FnMut(&mut F)) {
    proof.common_main_commit.iter_mut().for_each(&mut *visit);
    walk_gkr(&mut proof.gkr_proof, visit);
    let batch = &mut proof.batch_constraint_proof;
    extended(&mut batch.numerator_term_per_air, visit);
    extended(&mut batch.denominator_term_per_air, visit);
    extended(&mut batch.univariate_round_coeffs, visit);
    extended(batch.sumcheck_round_polys.iter_mut().flatten(), visit);
    extended(batch.column_openings.iter_mut().flatten().flatten(), visit);
    let stacking = &mut proof.stacking_proof;
    extended(&mut stacking.univariate_round_coeffs, visit);
    extended(stacking.sumcheck_round_polys.iter_mut().flatten(), visit);
    extended(stacking.stacking_openings.iter_mut().flatten(), visit);
    walk_whir(&mut proof.whir_proof, visit);
}

fn walk_gkr(gkr: &mut GkrProof<Config>, visit: &mut impl FnMut(&mut F)) {
    visit(&mut gkr.logup_pow_witness);
    extended([&mut gkr.q0_claim], visit);
    for layer in &mut gkr.claims_per_layer {
        extended([&mut layer.p_xi_0, &mut layer.p_xi_1, &mut layer.q_xi_0, &mut layer.q_xi_1], visit);
    }
    extended(gkr.sumcheck_polys.iter_mut().flatten().flatten(), visit);
}

fn walk_whir(whir: &mut WhirProof<Config>, visit: &mut impl FnMut(&mut F)) {
    visit(&mut whir.mu_pow_witness);
    extended(whir.whir_sumcheck_polys.iter_mut().flatten(), visit);
    whir.codeword_commits.iter_mut().flatten().for_each(&mut *visit);
    extended(&mut whir.ood_values, visit);
    whir.folding_pow_witnesses.iter_mut().for_each(&mut *visit);
    whir.query_phase_pow_witnesses.iter_mut().for_each(&mut *visit);
    whir.initial_round_opened_rows.iter_mut().flatten().flatten().flatten().for_each(&mut *visit);
    whir.initial_round_merkle_proofs.iter_mut().flatten().flatten().flatten().for_each(&mut *visit);
    extended(whir.codeword_opened_values.iter_mut().flatten().flatten(), visit);
    whir.codeword_merkle_proofs.iter_mut().flatten().flatten().flatten().for_each(&mut *visit);
    extended(&mut whir.final_poly, visit);
}

/// Visits extension elements by their four coefficients.
fn extended<'a>(elements: impl IntoIterator<Item = &'a mut EF>, visit: &mut impl FnMut(&mut F)) {
    for element in elements {
        let coefficients: &[F] = element.as_basis_coefficients_slice();
        let mut coefficients = coefficients.to_vec();
        coefficients.iter_mut().for_each(&mut *visit);
        *element = EF::from_basis_coefficients_fn(|at| coefficients[at]);
    }
}
