//! Blocks as JSON: the whole header, the ids of the transactions, and who signed.

use primitives::{Address, Amount, Block, CommitCertificate, Hash, Header, Height, LedgerDigest, Round};
use primitives::{ProofMark, Timestamp, TransactionId, VrfProof, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{AddressText, AmountInteger, DigestText, HashText, TransactionIdText, VrfProofText};

/// The last chain proof that was accepted before a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofMarkView {
    /// The height it proves.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Hash of the proof.
    #[schema(value_type = HashText)]
    pub proof: Hash,
}

impl From<ProofMark> for ProofMarkView {
    fn from(mark: ProofMark) -> Self {
        Self { height: mark.height, proof: mark.proof }
    }
}

/// A block's header, field by field. Roots are those after the block was executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderView {
    /// The chain.
    #[schema(value_type = HashText)]
    pub genesis: Hash,
    /// Position in the chain, from 1.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Block time.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
    /// Hash of the block before; of the genesis file at height 1.
    #[schema(value_type = HashText)]
    pub parent: Hash,
    /// Who built it.
    #[schema(value_type = AddressText)]
    pub proposer: Address,
    /// Root over the transactions' bytes.
    #[schema(value_type = HashText)]
    pub transactions_root: Hash,
    /// Hash of the included certificate for the block before; zero at height 1.
    #[schema(value_type = HashText)]
    pub last_commit: Hash,
    /// Root of the ledger tree.
    #[schema(value_type = DigestText)]
    pub ledger_root: LedgerDigest,
    /// Running digest of every ledger operation since genesis.
    #[schema(value_type = DigestText)]
    pub ops_digest: LedgerDigest,
    /// All money there is, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub supply: Amount,
    /// Ledger slots used so far.
    pub next_slot: u32,
    /// Root of the module-state tree.
    #[schema(value_type = HashText)]
    pub state_root: Hash,
    /// Root over the receipts' bytes.
    #[schema(value_type = HashText)]
    pub receipts_root: Hash,
    /// Hash of the validator set that decides this height.
    #[schema(value_type = HashText)]
    pub validators: Hash,
    /// Hash of the validator set that decides the next height.
    #[schema(value_type = HashText)]
    pub next_validators: Hash,
    /// Hash of the governed parameters in force.
    #[schema(value_type = HashText)]
    pub params: Hash,
    /// Randomness of this block.
    #[schema(value_type = HashText)]
    pub beacon: Hash,
    /// The proposer's proof of the beacon.
    #[schema(value_type = VrfProofText)]
    pub beacon_proof: VrfProof,
    /// Hash of the gates in force.
    #[schema(value_type = HashText)]
    pub gates: Hash,
    /// The last chain proof accepted.
    pub last_proof: Option<ProofMarkView>,
}

impl From<&Header> for HeaderView {
    fn from(header: &Header) -> Self {
        // Taken apart field by field, so that a new header field cannot be forgotten here.
        let Header {
            version: _,
            genesis,
            height,
            time,
            parent,
            proposer,
            transactions_root,
            last_commit,
            ledger_root,
            ops_digest,
            supply,
            next_slot,
            state_root,
            receipts_root,
            validators,
            next_validators,
            params,
            beacon,
            beacon_proof,
            gates,
            last_proof,
        } = header.clone();
        Self {
            genesis,
            height,
            time_ms: time,
            parent,
            proposer,
            transactions_root,
            last_commit,
            ledger_root,
            ops_digest,
            supply,
            next_slot,
            state_root,
            receipts_root,
            validators,
            next_validators,
            params,
            beacon,
            beacon_proof,
            gates,
            last_proof: last_proof.map(ProofMarkView::from),
        }
    }
}

/// Who decided a block, without the signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateSummary {
    /// Hash of the certificate's bytes.
    #[schema(value_type = HashText)]
    pub hash: Hash,
    /// The decided height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The round that decided.
    #[schema(value_type = u32)]
    pub round: Round,
    /// The decided block.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// Who precommitted, sorted by address.
    #[schema(value_type = Vec<AddressText>)]
    pub signers: Vec<Address>,
}

impl From<&CommitCertificate> for CertificateSummary {
    fn from(certificate: &CommitCertificate) -> Self {
        Self {
            hash: certificate.hash(),
            height: certificate.height,
            round: certificate.round,
            block: certificate.block,
            signers: certificate.signatures.iter().map(|entry| entry.address).collect(),
        }
    }
}

/// `GET /blocks/{block}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// The block's hash: that of its header.
    #[schema(value_type = HashText)]
    pub hash: Hash,
    /// Length of the encoded block, bytes.
    pub bytes: u64,
    /// The header.
    pub header: HeaderView,
    /// Ids of the transactions, in execution order.
    #[schema(value_type = Vec<TransactionIdText>)]
    pub transactions: Vec<TransactionId>,
    /// The certificate for the block before, which this block carries.
    pub last_commit: Option<CertificateSummary>,
    /// The certificate that decided this block; every finalized block has one.
    pub certificate: Option<CertificateSummary>,
}

impl BlockView {
    /// The view of a block and of the certificate that decided it, if there is one.
    pub fn new(block: &Block, certificate: Option<&CommitCertificate>) -> Self {
        Self::of_known(block, block.hash(), encode(block).len(), block.transaction_ids(), certificate)
    }

    /// The same for a block whose hash, encoded length in bytes and transaction ids are known already: encoding and
    /// hashing a full block costs more than the rest of the answer.
    pub fn of_known(
        block: &Block,
        hash: Hash,
        bytes: usize,
        transactions: Vec<TransactionId>,
        certificate: Option<&CommitCertificate>,
    ) -> Self {
        Self {
            hash,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            header: HeaderView::from(&block.header),
            transactions,
            last_commit: block.last_commit.as_ref().map(CertificateSummary::from),
            certificate: certificate.map(CertificateSummary::from),
        }
    }
}

/// One line about a block: an entry of a page, an event of the block stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockSummary {
    /// Position in the chain.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The block's hash.
    #[schema(value_type = HashText)]
    pub hash: Hash,
    /// Block time.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
    /// Who built it.
    #[schema(value_type = AddressText)]
    pub proposer: Address,
    /// How many transactions it has.
    pub transaction_count: u64,
    /// All money there is after it, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub supply: Amount,
}

impl From<&Block> for BlockSummary {
    fn from(block: &Block) -> Self {
        Self {
            height: block.header.height,
            hash: block.hash(),
            time_ms: block.header.time,
            proposer: block.header.proposer,
            transaction_count: u64::try_from(block.transactions.len()).unwrap_or(u64::MAX),
            supply: block.header.supply,
        }
    }
}

/// `GET /blocks`: newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockPage {
    /// The blocks, newest first.
    pub blocks: Vec<BlockSummary>,
    /// Give this as `before` for the next page; none at the oldest block.
    #[schema(value_type = Option<u64>)]
    pub next_before: Option<Height>,
    /// Heights of this page that are damaged on this node and not back yet, newest first; they count towards the limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<u64>)]
    pub damaged: Vec<Height>,
}
