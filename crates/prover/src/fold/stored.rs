//! A circuit as bytes: its proving key and its constraints as committed columns.
//!
//! ```text
//!   version 1 │ proving key │ layout, stacked matrix, codeword and tree of the constraints     postcard, some 42 MB
//! ```
//! The keys are small and quick to make. What takes the time is the tree over the codeword of the constraints, which whoever verifies
//! proofs of the circuit *inside* a proof needs.
//!
//! Rules
//! - Bytes are used when the hash of everything in the key and the root of the tree are the pinned ones, and every length is that of
//!   this version. Nothing else in them is trusted: what is wrong makes proofs that do not verify.
//! - Where the bytes are kept is the caller's business ([`CircuitFiles`]).
//!
//! Read next: [`super::keys`].

use openvm_stark_backend::hasher::MerkleHasher;
use openvm_stark_backend::p3_field::{PrimeCharacteristicRing, PrimeField32};
use openvm_stark_backend::prover::stacked_pcs::{StackedLayout, StackedPcsData};
use openvm_stark_backend::prover::{ColMajorMatrix, DeviceDataTransporter, MatrixDimensions};
use openvm_stark_backend::{StarkEngine, StarkProtocolConfig, SystemParams};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2CpuEngine, Digest, F};
use openvm_stark_sdk::config::internal_params_with_100_bits_security;
use primitives::{LedgerDigest, ProofKeys};
use proof::keys::Config;

use super::keys::Circuit;
use super::layer::{Constraints, ProvingKey};

/// The hash of the key of lifted ranges, and the commitment to the constraints of windows. Both are constants of the fold circuit.
const LIFT: &str = include_str!("../../../../fixtures/fold_lift.txt");
/// First byte of the bytes.
const VERSION: u8 = 1;
/// Version of the proof stack's encodings, which its keys' hashes begin with.
const CODEC_VERSION: u32 = 3;
/// Columns of the constraints of any key.
const CONSTRAINT_COLUMNS: usize = 12;

/// Keeps circuits that were made.
pub trait CircuitFiles {
    /// The bytes that are kept for a circuit; none when there are none that are whole.
    fn load(&self, circuit: Circuit) -> Option<Vec<u8>>;

    /// Keeps the bytes of a circuit in place of those before.
    fn save(&self, circuit: Circuit, bytes: &[u8]);

    /// Bytes that were loaded are not used, and made again.
    fn unused(&self, circuit: Circuit, error: &StoredError);
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl CircuitFiles for NoFiles {
    fn load(&self, _: Circuit) -> Option<Vec<u8>> {
        None
    }

    fn save(&self, _: Circuit, _: &[u8]) {}

    fn unused(&self, _: Circuit, _: &StoredError) {}
}

/// Why the bytes of a circuit are not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// They are of another version.
    #[error("it was written by another version of the program")]
    Version,
    /// They do not decode.
    #[error("it does not decode: {0}")]
    Decode(postcard::Error),
    /// They have another key.
    #[error("its key {found} is not the pinned one {pinned}")]
    Key {
        /// The hash of the key.
        found: LedgerDigest,
        /// The pinned one.
        pinned: LedgerDigest,
    },
    /// The committed constraints are others.
    #[error("its constraints are committed to as {found}, {pinned} is pinned")]
    Commitment {
        /// The root that they have.
        found: LedgerDigest,
        /// The pinned one.
        pinned: LedgerDigest,
    },
    /// A length is not that of this version.
    #[error("its {0} has another length than in this version")]
    Length(&'static str),
    /// There is no such pinned digest.
    #[error("the pinned digest {0} is missing from this build")]
    Unpinned(&'static str),
}

/// Constraints as committed columns, as the proof stack keeps them apart from any machine.
pub(crate) type Columns = StackedPcsData<F, Digest>;

/// The digest as it is shown.
pub(crate) fn shown(digest: &Digest) -> LedgerDigest {
    let elements = digest.map(|element| element.as_canonical_u32());
    LedgerDigest::new(elements).expect("canonical elements are below the modulus")
}

/// The pinned text of a lift circuit: the hash of its key, and the commitment to the constraints of windows.
pub(crate) fn lift_pins(lift_key: &Digest, window_constraints: &Digest) -> String {
    format!("lift_key {}\nwindow_constraints {}\n", shown(lift_key), shown(window_constraints))
}

/// The pinned hash of a circuit's key, and the pinned commitment to its constraints.
fn pins(circuit: Circuit) -> Result<[LedgerDigest; 2], StoredError> {
    let lift = |name: &'static str| {
        let line = LIFT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|line| line.trim().parse().ok()).ok_or(StoredError::Unpinned(name))
    };
    let ProofKeys { window, fold, lift_constraints, fold_constraints } = ProofKeys::default();
    Ok(match circuit {
        Circuit::Application => [window, lift("window_constraints")?],
        Circuit::Leaf => [lift("lift_key")?, lift_constraints],
        Circuit::Internal => [fold, fold_constraints],
    })
}

/// The bytes of a circuit.
///
/// # Errors
/// [`StoredError::Decode`] when they cannot be written.
pub(crate) fn encode(key: &ProvingKey, constraints: &Constraints) -> Result<Vec<u8>, StoredError> {
    let data = &constraints.data;
    // As the proof stack's own `StackedPcsData` is encoded, which has the codeword by columns.
    let codeword = ColMajorMatrix::from_row_major(data.tree.backing_matrix());
    let tree = (&codeword, data.tree.digest_layers(), data.tree.rows_per_query());
    postcard::to_allocvec(&(VERSION, key, (&data.layout, &data.matrix, tree))).map_err(StoredError::Decode)
}

/// Whether the bytes of a circuit would be used.
///
/// # Errors
/// [`StoredError`], in the order of its causes.
pub fn check_stored(circuit: Circuit, bytes: &[u8]) -> Result<(), StoredError> {
    decode(circuit, bytes).map(|_| ())
}

/// Reads the bytes of a circuit.
fn decode(circuit: Circuit, bytes: &[u8]) -> Result<(ProvingKey, Columns), StoredError> {
    let Some((&VERSION, rest)) = bytes.split_first() else { return Err(StoredError::Version) };
    let (key, columns): (ProvingKey, Columns) = postcard::from_bytes(rest).map_err(StoredError::Decode)?;
    let [pinned_key, pinned_root] = pins(circuit)?;
    let found = key_hash(&key)?;
    if found != pinned_key || shown(&key.vk_pre_hash) != pinned_key {
        return Err(StoredError::Key { found, pinned: pinned_key });
    }
    // Not in the hash: no table of any circuit has fixed columns, and the degree is that of the parameters.
    if key.per_air.iter().any(|table| table.preprocessed_data.is_some())
        || key.max_constraint_degree != key.params.max_constraint_degree
    {
        return Err(StoredError::Length("proving key"));
    }
    lengths(&columns, &internal_params_with_100_bits_security())?;
    let found = columns.commit().map_err(|_| StoredError::Length("tree"))?;
    if shown(&found) != pinned_root {
        return Err(StoredError::Commitment { found: shown(&found), pinned: pinned_root });
    }
    Ok((key, columns))
}

/// The kept circuit, if there is one that may be used.
pub(crate) fn load(files: &dyn CircuitFiles, circuit: Circuit) -> Option<(ProvingKey, Columns)> {
    let bytes = files.load(circuit)?;
    decode(circuit, &bytes).map_err(|error| files.unused(circuit, &error)).ok()
}

/// The committed constraints as this machine's prover takes them.
pub(crate) fn on_device(columns: &Columns, engine: &BabyBearPoseidon2CpuEngine) -> Constraints {
    let commitment = columns.commit().expect("a tree that was read has a root");
    let trace = columns.mat_view(0).to_row_major_matrix();
    let data = engine.device().transport_pcs_data_to_device(columns);
    Constraints { commitment, trace, data: data.into() }
}

/// The hash of everything in a key, as the proof stack makes it.
fn key_hash(key: &ProvingKey) -> Result<LedgerDigest, StoredError> {
    let bytes = postcard::to_allocvec(&key.get_vk().inner).map_err(StoredError::Decode)?;
    let length = u64::try_from(bytes.len()).map_err(|_| StoredError::Length("key"))?;
    let hashed = CODEC_VERSION.to_le_bytes().into_iter().chain(length.to_le_bytes()).chain(bytes);
    let elements: Vec<F> = hashed.map(F::from_u8).collect();
    let config = Config::default_from_params(internal_params_with_100_bits_security());
    Ok(shown(&config.hasher().hash_slice(&elements)))
}

/// Compares every length with that of this version.
fn lengths(columns: &Columns, params: &SystemParams) -> Result<(), StoredError> {
    let log_height = params.l_skip + params.n_stack;
    let whole = |matrix: &ColMajorMatrix<F>, log_rows: usize| {
        matrix.width() == 1 && matrix.height() == 1 << log_rows && matrix.values.len() == 1 << log_rows
    };
    if !whole(&columns.matrix, log_height) {
        return Err(StoredError::Length("stacked matrix"));
    }
    let tree = &columns.tree;
    let log_code = log_height + params.log_blowup;
    if !whole(tree.backing_matrix(), log_code) || tree.rows_per_query() != 1 << params.k_whir() {
        return Err(StoredError::Length("codeword"));
    }
    let log_leaves = log_code.saturating_sub(params.k_whir());
    let layers = tree.digest_layers();
    let halves = layers.iter().enumerate().all(|(up, layer)| layer.len() << up == 1 << log_leaves);
    if layers.len() != log_leaves + 1 || !halves {
        return Err(StoredError::Length("tree"));
    }
    // One matrix, whose height is that of its first column, and nothing else.
    let wrong = StoredError::Length("layout");
    let (_, _, first) = columns.layout.sorted_cols.first().ok_or(wrong.clone())?;
    if first.log_height() < params.l_skip || first.log_height() > log_height {
        return Err(wrong);
    }
    let layout = StackedLayout::new(params.l_skip, log_height, vec![(CONSTRAINT_COLUMNS, first.log_height())])
        .map_err(|_| wrong.clone())?;
    let [expected, found] = [&layout, &columns.layout].map(postcard::to_allocvec);
    if layout.width() == 1 && expected == found { Ok(()) } else { Err(wrong) }
}
