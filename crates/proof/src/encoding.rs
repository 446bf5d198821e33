//! The bytes of a window proof.
//!
//! ```text
//!   version 1 | log2 of the rows of each table, 9 × 1 byte | field elements, 4 bytes each, little-endian
//! ```
//!
//! Model: the key and the heights of the tables fix how many elements there are and what each is for, so the bytes
//! hold no lengths. Decoding makes an empty proof of that shape and fills it; encoding walks it the same way.
//!
//! Rules
//! - One proof has one encoding: the length is exact and every element is below the modulus.
//! - Public values are not in the bytes; the verifier puts in those of the statement.
//! - Nothing is allocated that the length of the input does not cover.
//!
//! The proof stack has an encoding of its own with lengths inside; it makes some of them loop counts before any
//! byte is read for them, so it is not used on input from others.
//!
//! Read next: [`crate::verify_window`].

use std::cmp::Reverse;

use openvm_stark_backend::calculate_n_logup;
use openvm_stark_backend::p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::proof::{
    BatchConstraintProof, GkrLayerClaims, GkrProof, Proof, StackingProof, TraceVData, WhirProof,
};
use openvm_stark_backend::prover::stacked_pcs::StackedLayout;
use openvm_stark_sdk::config::baby_bear_poseidon2::{Digest, EF, F};

use crate::airs::TABLES;
use crate::keys::{Config, VerifyingKey};
use crate::params::{LOG_ROWS_MAX, PROOF_BYTES_MAX};

/// The only version.
const VERSION: u8 = 1;
/// Bytes before the elements.
const HEAD_BYTES: usize = 1 + TABLES;
/// Bytes of a field element.
const ELEMENT_BYTES: usize = 4;

/// Bytes that are no window proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Not even a head.
    #[error("{bytes} bytes are too few for a window proof")]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// More than any window proof has.
    #[error("{bytes} bytes are more than a window proof may have, which is {PROOF_BYTES_MAX}")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Of a version that does not exist.
    #[error("window proofs have version {VERSION}, this one has {version}")]
    Version {
        /// What was found.
        version: u8,
    },
    /// A table is higher than it may be.
    #[error("table {table} claims 2^{log_rows} rows, at most 2^{LOG_ROWS_MAX} are possible")]
    TooManyRows {
        /// Place of the table in the key.
        table: usize,
        /// The claim.
        log_rows: u8,
    },
    /// The tables together are larger than they may be.
    #[error("the tables need {columns} columns of 2^{LOG_ROWS_MAX} cells, at most {max} are possible")]
    TooManyCells {
        /// What is needed.
        columns: usize,
        /// The bound.
        max: usize,
    },
    /// Another number of elements than the heights ask for.
    #[error("a proof with these table heights has {expected} bytes, this one has {bytes}")]
    Length {
        /// What the heights ask for.
        expected: usize,
        /// What is there.
        bytes: usize,
    },
    /// An element at or above the modulus.
    #[error("field element {element} is not below the modulus")]
    NotCanonical {
        /// Its place among the elements.
        element: usize,
    },
    /// A proof in memory that has not the shape of its heights.
    #[error("the proof has not the shape that its table heights ask for")]
    Shape,
}

/// Reads a proof. Its public values are empty.
///
/// # Errors
/// [`EncodingError`] when the bytes are not the one encoding of a proof under this key.
pub fn decode(key: &VerifyingKey, bytes: &[u8]) -> Result<Proof<Config>, EncodingError> {
    if bytes.len() > PROOF_BYTES_MAX {
        return Err(EncodingError::TooLong { bytes: bytes.len() });
    }
    let Some((head, body)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(EncodingError::TooShort { bytes: bytes.len() });
    };
    if head[0] != VERSION {
        return Err(EncodingError::Version { version: head[0] });
    }
    let mut log_rows = [0_u8; TABLES];
    log_rows.copy_from_slice(&head[1..]);
    let mut proof = blank(key, &log_rows, body.len() / ELEMENT_BYTES)?;
    let expected = HEAD_BYTES + ELEMENT_BYTES * elements(&mut proof);
    if bytes.len() != expected {
        return Err(EncodingError::Length { expected, bytes: bytes.len() });
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

/// Writes a proof, without its public values.
///
/// # Errors
/// [`EncodingError::Shape`] when it was not made under this key.
pub fn encode(key: &VerifyingKey, proof: &Proof<Config>) -> Result<Vec<u8>, EncodingError> {
    let mut log_rows = [0_u8; TABLES];
    if proof.trace_vdata.len() != TABLES {
        return Err(EncodingError::Shape);
    }
    for (log, data) in log_rows.iter_mut().zip(&proof.trace_vdata) {
        let rows = data.as_ref().map(|data| data.log_height).ok_or(EncodingError::Shape)?;
        *log = u8::try_from(rows).map_err(|_| EncodingError::Shape)?;
    }
    let mut proof = proof.clone();
    let count = elements(&mut proof);
    if elements(&mut blank(key, &log_rows, count)?) != count {
        return Err(EncodingError::Shape);
    }
    let mut bytes = Vec::with_capacity(HEAD_BYTES + ELEMENT_BYTES * count);
    bytes.push(VERSION);
    bytes.extend(log_rows);
    walk(&mut proof, &mut |element| bytes.extend(element.as_canonical_u32().to_le_bytes()));
    Ok(bytes)
}

/// The places of the tables in the order of their heights, the highest first.
fn by_height(log_rows: &[u8; TABLES]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..TABLES).collect();
    order.sort_by_key(|table| (Reverse(log_rows[*table]), *table));
    order
}

/// Columns of the committed matrix when the tables have so many rows, as powers of two.
///
/// # Errors
/// [`EncodingError::TooManyRows`] or [`EncodingError::TooManyCells`] when no proof can have these heights.
pub fn stacked_columns(key: &VerifyingKey, log_rows: &[u8; TABLES]) -> Result<usize, EncodingError> {
    let inner = &key.inner().inner;
    let params = &inner.params;
    for (table, log_rows) in log_rows.iter().enumerate() {
        if usize::from(*log_rows) > LOG_ROWS_MAX {
            return Err(EncodingError::TooManyRows { table, log_rows: *log_rows });
        }
    }
    let size = |table: usize| (inner.per_air[table].params.width.common_main, usize::from(log_rows[table]));
    let sizes = by_height(log_rows).into_iter().map(size).collect();
    let layout =
        StackedLayout::new(params.l_skip, params.log_stacked_height(), sizes).map_err(|_| EncodingError::Shape)?;
    let columns = layout.width();
    if columns > params.w_stack {
        return Err(EncodingError::TooManyCells { columns, max: params.w_stack });
    }
    Ok(columns)
}

/// A proof of zeros with the shape that the heights ask for. `elements_max` bounds what is allocated.
fn blank(key: &VerifyingKey, log_rows: &[u8; TABLES], elements_max: usize) -> Result<Proof<Config>, EncodingError> {
    let inner = &key.inner().inner;
    let params = &inner.params;
    let columns = stacked_columns(key, log_rows)?;
    let heights = log_rows.map(usize::from);
    let order = by_height(log_rows);
    let whir = blank_whir(key, columns, elements_max)?;

    let interactions = inner.per_air.iter().zip(heights).fold(0_u64, |sum, (air, height)| {
        sum + (u64::try_from(air.num_interactions()).unwrap_or(u64::MAX) << height.max(params.l_skip))
    });
    let layers = params.l_skip + calculate_n_logup(params.l_skip, interactions);
    let claim = || GkrLayerClaims { p_xi_0: EF::ZERO, p_xi_1: EF::ZERO, q_xi_0: EF::ZERO, q_xi_1: EF::ZERO };
    let highest = heights.iter().copied().max().unwrap_or(0);
    let skip_points = (1_usize << params.l_skip) - 1;
    let openings = |table: &usize| {
        let air = &inner.per_air[*table].params;
        vec![vec![EF::ZERO; air.width.common_main * if air.need_rot { 2 } else { 1 }]]
    };
    Ok(Proof {
        common_main_commit: [F::ZERO; 8],
        trace_vdata: heights.map(|log_height| Some(TraceVData { log_height, cached_commitments: Vec::new() })).to_vec(),
        public_values: vec![Vec::new(); TABLES],
        gkr_proof: GkrProof {
            logup_pow_witness: F::ZERO,
            q0_claim: EF::ZERO,
            claims_per_layer: (0..layers).map(|_| claim()).collect(),
            sumcheck_polys: (1..layers).map(|round| vec![[EF::ZERO; 3]; round]).collect(),
        },
        batch_constraint_proof: BatchConstraintProof {
            numerator_term_per_air: vec![EF::ZERO; TABLES],
            denominator_term_per_air: vec![EF::ZERO; TABLES],
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
            stacking_openings: vec![vec![EF::ZERO; columns]],
        },
        whir_proof: whir,
    })
}

/// The part of a blank proof that opens the commitment.
fn blank_whir(key: &VerifyingKey, columns: usize, elements_max: usize) -> Result<WhirProof<Config>, EncodingError> {
    let params = &key.inner().inner.params;
    let rounds = &params.whir.rounds;
    let points = 1_usize << params.k_whir();
    let depth = (params.log_stacked_height() + params.log_blowup).saturating_sub(params.k_whir());
    let first = rounds.first().map_or(0, |round| round.num_queries);
    // The opened rows are by far the largest part; what the input cannot cover is not allocated.
    if first * points * columns > elements_max {
        let expected = HEAD_BYTES + ELEMENT_BYTES * first * points * columns;
        return Err(EncodingError::Length { expected, bytes: HEAD_BYTES + ELEMENT_BYTES * elements_max });
    }
    let paths = |queries: usize, depth: usize| -> Vec<Vec<Digest>> { vec![vec![[F::ZERO; 8]; depth]; queries] };
    Ok(WhirProof {
        mu_pow_witness: F::ZERO,
        whir_sumcheck_polys: vec![[EF::ZERO; 2]; params.num_whir_sumcheck_rounds()],
        codeword_commits: vec![[F::ZERO; 8]; rounds.len().saturating_sub(1)],
        ood_values: vec![EF::ZERO; rounds.len().saturating_sub(1)],
        folding_pow_witnesses: vec![F::ZERO; params.num_whir_sumcheck_rounds()],
        query_phase_pow_witnesses: vec![F::ZERO; rounds.len()],
        initial_round_opened_rows: vec![vec![vec![vec![F::ZERO; columns]; points]; first]],
        initial_round_merkle_proofs: vec![paths(first, depth)],
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
