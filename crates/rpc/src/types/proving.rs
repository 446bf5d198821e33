//! Window proofs and the chain proof: where they stand, what a prover needs, what a light client fetches.
//!
//! The bytes of proofs travel raw, not in JSON: `window 8 LE ‖ payout 30 ‖ proof`, and for the chain proof
//! `last height 8 LE ‖ payout 30 ‖ proof`, see `spec/light.md`.

use primitives::block::BLOCK_OPS_MAX;
use primitives::{
    Address, BoundedVec, CommitCertificate, Hash, Header, Height, LedgerDigest, LedgerOp, Timestamp, ValidatorSet,
    decode, encode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proof::ProofError;
use super::text::{BlockId, Hex};
use crate::limits::{OPERATIONS_DEFAULT, OPERATIONS_MAX};
use crate::schema::{AddressText, BlockIdText, DigestText, HashText, HexText};

/// Longest name of a prover, characters.
pub const PROVER_NAME_MAX: usize = 64;

/// Query of `GET /blocks/{block}/operations`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationsQuery {
    /// The first operation, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Operations, 1 to 16,384; 4,096 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl OperationsQuery {
    /// First operation and most operations of the page; a limit above the largest is cut.
    pub fn resolve(&self) -> (u64, u64) {
        (self.from.unwrap_or(0), self.limit.unwrap_or(OPERATIONS_DEFAULT).clamp(1, OPERATIONS_MAX))
    }
}

/// Parameters of `block.operations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationsRequest {
    /// Height or hash.
    #[schema(value_type = BlockIdText)]
    pub block: BlockId,
    /// The first operation, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Operations, 1 to 16,384; 4,096 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// `GET /blocks/{block}/operations`: the ledger operations of a block, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationPage {
    /// The block.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The block's header, canonical bytes: the operations are checked against it.
    #[schema(value_type = HexText)]
    pub header: Hex,
    /// Operations of the whole block, the last of which is its seal.
    pub total: u64,
    /// The first operation of this page, counted from 0.
    pub from: u64,
    /// Canonical bytes of the page's operations, a list.
    #[schema(value_type = HexText)]
    pub operations: Hex,
    /// Where the next page starts; none at the end.
    pub next_from: Option<u64>,
}

impl OperationPage {
    /// A page of the operations of `header`'s block.
    pub fn new(header: &Header, operations: &[LedgerOp], query: OperationsQuery) -> Self {
        let total = u64::try_from(operations.len()).unwrap_or(u64::MAX);
        let (from, limit) = query.resolve();
        let from = from.min(total);
        let end = from.saturating_add(limit).min(total);
        let place = |at: u64| usize::try_from(at).unwrap_or(operations.len());
        let page = operations.get(place(from)..place(end)).unwrap_or_default();
        Self {
            height: header.height,
            header: Hex(encode(header)),
            total,
            from,
            operations: Hex(encode(&page.to_vec())),
            next_from: (end < total).then_some(end),
        }
    }

    /// The header.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn header(&self) -> Result<Header, ProofError> {
        decode(&self.header.0).map_err(|_| ProofError::Malformed("header"))
    }

    /// The operations of this page.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn operations(&self) -> Result<Vec<LedgerOp>, ProofError> {
        let list: BoundedVec<LedgerOp, BLOCK_OPS_MAX> =
            decode(&self.operations.0).map_err(|_| ProofError::Malformed("operations"))?;
        Ok(list.into_inner())
    }
}

/// `GET /blocks/{block}/certified`: what shows a light client that a block was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertifiedBlock {
    /// The block.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The header, canonical bytes.
    #[schema(value_type = HexText)]
    pub header: Hex,
    /// The certificate that decided it, canonical bytes.
    #[schema(value_type = HexText)]
    pub certificate: Hex,
    /// The set that decided it, canonical bytes; its hash is in the header.
    #[schema(value_type = HexText)]
    pub validators: Hex,
}

impl CertifiedBlock {
    /// The three of them.
    pub fn new(header: &Header, certificate: &CommitCertificate, validators: &ValidatorSet) -> Self {
        Self {
            height: header.height,
            header: Hex(encode(header)),
            certificate: Hex(encode(certificate)),
            validators: Hex(encode(validators)),
        }
    }

    /// Header, certificate and set, decoded and not yet checked against each other.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] for the first that does not decode.
    pub fn decode(&self) -> Result<(Header, CommitCertificate, ValidatorSet), ProofError> {
        let header = decode(&self.header.0).map_err(|_| ProofError::Malformed("header"))?;
        let certificate = decode(&self.certificate.0).map_err(|_| ProofError::Malformed("certificate"))?;
        let validators = decode(&self.validators.0).map_err(|_| ProofError::Malformed("validators"))?;
        Ok((header, certificate, validators))
    }
}

/// One event of `GET /state-sync/head/stream`: the newest block, for who does not execute blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LightHead {
    /// Hash of the block.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// What shows that it was decided, with its height.
    pub certified: CertifiedBlock,
    /// The last height that is proven on this node.
    #[schema(value_type = u64)]
    pub proven_height: Height,
    /// The last height that the chain proof covers; 0 without one.
    #[schema(value_type = u64)]
    pub chain_height: Height,
}

/// What is known about a family of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FamilyState {
    /// Window proofs show it; not even all validators together can fake it.
    Proven,
    /// More than two thirds of the power signed for it; full nodes check it by executing.
    Attested,
}

/// One family of claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FamilyStatus {
    /// Its name.
    pub name: String,
    /// Whether it is proven or attested.
    pub state: FamilyState,
    /// What exactly.
    pub says: String,
}

/// A window that a prover works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimStatus {
    /// Which window, from 0.
    pub window: u64,
    /// The name that the prover gave itself.
    pub prover: String,
    /// Until when, this node's clock.
    #[schema(value_type = u64)]
    pub expires_ms: Timestamp,
}

/// The one proof of the chain, from genesis on: its bytes are at `GET /proofs/chain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainStatus {
    /// First height that it covers: 1.
    #[schema(value_type = u64)]
    pub first_height: Height,
    /// Last height that it covers.
    #[schema(value_type = u64)]
    pub last_height: Height,
    /// Windows that it covers, from 0 on.
    pub windows: u64,
    /// Who is paid for the proof of its last window: part of its statement.
    #[schema(value_type = AddressText)]
    pub payout: Address,
    /// Length with its head, bytes.
    pub bytes: u64,
}

/// `GET /proofs/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofStatus {
    /// The proof system.
    pub backend: String,
    /// Hash of the key that proofs are verified under.
    #[schema(value_type = DigestText)]
    pub key: LedgerDigest,
    /// Proven bits of security of that key, rounded down.
    pub security_bits: u32,
    /// Heights in one window.
    pub window_blocks: u64,
    /// Windows proven, from 0 on without a gap: the next one has this number.
    pub next_window: u64,
    /// The last height whose ledger is proven on this node; 0 before the first window.
    #[schema(value_type = u64)]
    pub proven_height: Height,
    /// The last finalized height.
    #[schema(value_type = u64)]
    pub finalized_height: Height,
    /// Heights that are finalized and not proven.
    pub lag_blocks: u64,
    /// Windows that are closed and not proven.
    pub queue_depth: u64,
    /// Largest proof that this node takes, bytes.
    pub max_proof_size_bytes: u64,
    /// Who works on what.
    pub claims: Vec<ClaimStatus>,
    /// The one proof of the chain; none before the first windows are folded.
    pub chain: Option<ChainStatus>,
    /// Hash of the key that chain proofs are verified under.
    #[schema(value_type = DigestText)]
    pub chain_key: LedgerDigest,
    /// Proven bits of security of that key, rounded down.
    pub chain_security_bits: u32,
    /// What is proven and what is only attested.
    pub families: Vec<FamilyStatus>,
}

/// A window's proof was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowAccepted {
    /// Which window.
    pub window: u64,
    /// The last height that is proven with it.
    #[schema(value_type = u64)]
    pub proven_height: Height,
}

/// A chain proof was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainAccepted {
    /// Windows that it covers, from 0 on.
    pub windows: u64,
    /// The last height that it covers.
    #[schema(value_type = u64)]
    pub chain_height: Height,
    /// The last height that is proven, by it or by windows after it.
    #[schema(value_type = u64)]
    pub proven_height: Height,
}

/// Query of `POST /proofs/windows` and `POST /proofs/chain`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitWindowQuery {
    /// How long the prover worked on it, by its own clock, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_ms: Option<u64>,
}

/// Whether a field with this value can be left out.
fn is_false(value: &bool) -> bool {
    !*value
}

/// Most windows that a prover says to wait with their proofs.
pub const WAITING_WINDOWS_MAX: usize = 32;

/// `POST /proofs/claims`: a prover asks which window to work on, or says that it still works on one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The name that the prover gives itself, 1 to 64 letters, digits, `-`, `_`, `.`.
    pub prover: String,
    /// The window it works on; none to be given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// Windows that it has proven already and that wait for an earlier one, at most [`WAITING_WINDOWS_MAX`]: nobody else is given them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<u64>,
    /// Whether it asks to extend the chain proof instead of proving a window.
    #[serde(default, skip_serializing_if = "is_false")]
    pub chain: bool,
    /// Whether it stops: it gives back all that it has claimed, and is given nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leaves: bool,
    /// Why its last attempt failed, if it did: shown in `backend_health` if it has a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The answer to a claim. A claim is a hint among provers: whoever hands in a good proof first has proven the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    /// The window to work on; none while every closed window is proven or claimed. Of a claim on the chain proof, the
    /// first window that it does not cover.
    pub window: Option<u64>,
    /// Until when the claim holds unless it is renewed, this node's clock; none without a window.
    #[schema(value_type = Option<u64>)]
    pub expires_ms: Option<Timestamp>,
    /// Windows proven, from 0 on without a gap.
    pub next_window: u64,
}

/// Parameters of `proof.block`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeightRequest {
    /// The height.
    #[schema(value_type = u64)]
    pub height: Height,
}

/// `GET /proofs/block/{height}`: the proof that covers a block, the chain proof or that of its window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockProof {
    /// The block.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The window that it is in.
    pub window: u64,
    /// First height that the proof covers.
    #[schema(value_type = u64)]
    pub first_height: Height,
    /// Last height that the proof covers.
    #[schema(value_type = u64)]
    pub last_height: Height,
    /// Who is paid for the proof: part of its statement.
    #[schema(value_type = AddressText)]
    pub payout: Address,
    /// Length of the proof with its head, bytes.
    pub bytes: u64,
    /// Where the bytes are.
    pub path: String,
    /// Hash of the last block that the proof covers.
    #[schema(value_type = HashText)]
    pub last_block: Hash,
}

/// `GET /proofs/accounts/{address}`: an account's slot in the ledger that is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProvenAccount {
    /// The account.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The height that the ledger belongs to: the last of the chain proof, or the last proven one while there is none.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Root of that ledger; the header of the height has the same.
    #[schema(value_type = DigestText)]
    pub ledger_root: LedgerDigest,
    /// The slot with its content and path, canonical bytes.
    #[schema(value_type = HexText)]
    pub ledger_proof: Hex,
}

/// What one proof system did on this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifierMetrics {
    /// By proof system.
    pub per_backend: std::collections::BTreeMap<String, BackendVerdicts>,
}

/// Verdicts of one proof system since the start of the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackendVerdicts {
    /// Proofs that verified.
    pub accepted: u64,
    /// Proofs that did not.
    pub rejected: u64,
    /// Time spent verifying, both kinds together, milliseconds.
    pub verification_ms: u64,
}

/// Whether proofs are being made and taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackendHealth {
    /// The one proof system of this version.
    pub plonky3: PlonkyHealth,
}

/// The state of the proof system `plonky3`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlonkyHealth {
    /// False from a failure that a prover reports until the next proof that is accepted.
    pub healthy: bool,
    /// Proofs that this node keeps: of the chain, and of the windows after it.
    pub cache_size: u64,
    /// Circuits that have a file in this node's `proof_cache_dir`: application, internal, leaf.
    #[serde(default)]
    pub cached_circuits: Vec<String>,
    /// Length of these files, bytes.
    #[serde(default)]
    pub circuit_cache_bytes: u64,
    /// When this node first started with other keys than before; none while it has had one release's keys only.
    #[schema(value_type = Option<u64>)]
    pub last_key_rotation_ms: Option<Timestamp>,
    /// Tables of the circuit that are proven.
    pub active_circuits: Vec<String>,
    /// What went wrong last, while it is not healthy.
    pub last_failure: Option<String>,
    /// When it last recovered.
    #[schema(value_type = Option<u64>)]
    pub recovered_ms: Option<Timestamp>,
}
