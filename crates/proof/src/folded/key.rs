//! The key of folds, and their bytes.
//!
//! ```text
//!   version 1 | 0 first, 1 later | log2 of the rows of each table, 40 × 1 byte | field elements, u32 little-endian
//! ```

use std::sync::OnceLock;

use openvm_stark_backend::keygen::types::{MultiStarkVerifyingKey, MultiStarkVerifyingKey0};
use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::proof::Proof;
use openvm_stark_sdk::config::baby_bear_poseidon2::{Digest, F};
use primitives::LedgerDigest;

use super::{CONSTRAINTS_TABLE, FoldValues};
use crate::airs::STATEMENT;
use crate::encoding::{EncodingError, VERSION};
use crate::keys::{Config, KeyError, VerifyingKey};
use crate::params::PROOF_BYTES_MAX;
use crate::shape;
use crate::statement::{WindowStatement, digest};

/// The key as the proof stack encodes it.
const KEY_BYTES: &[u8] = include_bytes!("../../../../fixtures/fold_key.bin");
/// Its pre-hash, and the commitments to the constraints of lifted windows and of folds, 64 hex digits each.
const PINNED: &str = include_str!("../../../../fixtures/fold_key.txt");
/// The first byte after the version of a fold of lifted windows, and of a fold of folds.
const KINDS: [u8; 2] = [0, 1];

/// A fold with what it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedProof {
    /// What is proven, from the first window's start to the last one's end.
    pub statement: WindowStatement,
    /// The proof, for [`super::verify_folded`].
    pub bytes: Vec<u8>,
}

/// What folds are verified with.
pub struct FoldKey {
    key: VerifyingKey,
    lift_constraints: Digest,
    fold_constraints: Digest,
}

impl FoldKey {
    /// The key with the commitments to the constraints of lifted windows and of folds, pinned or not.
    pub fn new(key: MultiStarkVerifyingKey<Config>, lift_constraints: Digest, fold_constraints: Digest) -> Self {
        Self { key: VerifyingKey::of_verifying(key), lift_constraints, fold_constraints }
    }

    /// The pinned text of this key: its pre-hash and the two commitments.
    pub fn pins(&self) -> String {
        let line = |name: &str, digest: &Digest| {
            let elements = digest.map(|element| element.as_canonical_u32());
            let digest = LedgerDigest::new(elements).expect("canonical elements are below the modulus");
            format!("{name} {digest}\n")
        };
        line("fold_key", &self.key.inner().pre_hash)
            + &line("lift_constraints", &self.lift_constraints)
            + &line("fold_constraints", &self.fold_constraints)
    }

    /// The pinned bytes of this key.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] when the key cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KeyError> {
        postcard::to_allocvec(&self.key.inner().inner).map_err(KeyError::Encoding)
    }

    /// Proven bits of security; see [`VerifyingKey::security_bits`].
    pub fn security_bits(&self) -> f64 {
        self.key.security_bits()
    }

    /// The key as window keys are held.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.key
    }

    /// The public values that a fold with this statement must have.
    pub fn values(&self, statement: &WindowStatement, later: bool) -> FoldValues<F> {
        let mut values = statement.public_values();
        values.push(F::from_bool(later));
        values.extend(self.key.inner().pre_hash);
        values.extend(self.fold_constraints);
        FoldValues::read(&values)
    }

    /// Reads a fold and puts in what it must say: the statement, the own key, and the constraints that its children
    /// must have been verified with. What it does say is in none of its bytes but the one that names the kind.
    ///
    /// # Errors
    /// [`EncodingError`] when the bytes are not the one encoding of a fold.
    pub fn decode(&self, statement: &WindowStatement, bytes: &[u8]) -> Result<Proof<Config>, EncodingError> {
        let tables = self.key.inner().inner.per_air.len();
        let head = 2 + tables;
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(EncodingError::TooLong { bytes: bytes.len() });
        }
        let (Some((start, body)), [version, kind, ..]) = (bytes.split_at_checked(head), bytes) else {
            return Err(EncodingError::TooShort { bytes: bytes.len() });
        };
        if *version != VERSION {
            return Err(EncodingError::Version { version: *version });
        }
        if !KINDS.contains(kind) {
            return Err(EncodingError::Kind { kind: *kind });
        }
        let later = *kind == KINDS[1];
        let mut proof = shape::read(self.key.inner(), &start[2..], head, body)?;
        let mut values = Vec::with_capacity(super::FOLD_VALUES);
        self.values(statement, later).write(&mut values);
        proof.public_values[STATEMENT] = values;
        let constraints = if later { self.fold_constraints } else { self.lift_constraints };
        for data in proof.trace_vdata.iter_mut().skip(CONSTRAINTS_TABLE).take(1).flatten() {
            data.cached_commitments = vec![constraints];
        }
        Ok(proof)
    }

    /// Writes a fold.
    ///
    /// # Errors
    /// [`EncodingError::Shape`] when the proof was not made under this key.
    pub fn encode(&self, statement: &WindowStatement, proof: &Proof<Config>) -> Result<FoldedProof, EncodingError> {
        let values = proof.public_values.get(STATEMENT).ok_or(EncodingError::Shape)?;
        if values.len() != super::FOLD_VALUES {
            return Err(EncodingError::Shape);
        }
        let later = FoldValues::read(values).later == F::ONE;
        let log_rows = shape::heights(self.key.inner(), proof)?;
        let mut bytes = vec![VERSION, KINDS[usize::from(later)]];
        bytes.extend(&log_rows);
        shape::write(self.key.inner(), &log_rows, proof, &mut bytes)?;
        Ok(FoldedProof { statement: *statement, bytes })
    }
}

/// The pinned digest with this name.
fn pinned(name: &str) -> Result<Digest, KeyError> {
    let line = PINNED.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let pinned: LedgerDigest =
        line.and_then(|line| line.trim().parse().ok()).ok_or(KeyError::Unpinned { name: name.to_owned() })?;
    Ok(digest(&pinned))
}

/// The pinned key of folds, read once per process.
///
/// # Errors
/// [`KeyError`] when the pinned files are not what this build reads.
pub fn fold_key() -> Result<&'static FoldKey, KeyError> {
    static KEY: OnceLock<FoldKey> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let inner: MultiStarkVerifyingKey0<Config> = postcard::from_bytes(KEY_BYTES).map_err(KeyError::Encoding)?;
    let key = MultiStarkVerifyingKey { inner, pre_hash: pinned("fold_key")? };
    let key = FoldKey::new(key, pinned("lift_constraints")?, pinned("fold_constraints")?);
    Ok(KEY.get_or_init(|| key))
}
