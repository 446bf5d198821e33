//! Proofs that a caller can check without trusting the node that served them.
//!
//! ```text
//! transaction bytes ─leaf─► path ─► transactions_root ─┐
//! ledger slot       ─leaf─► path ─► ledger_root ───────┼─► header ─hash─► block ◄─ certificate ◄─ validators
//! module-state key  ──────► proof ► state_root ────────┘
//! ```
//! Rules
//! - The header travels as its canonical bytes: its hash is the block's, and every root is read from it.
//! - A proof without a certificate shows only that the pieces belong together.
//! - The checks here are total: any bytes give a result, none a panic.
//! - The ledger and module-state proofs are opaque here; `tree` checks them against the roots of
//!   [`AccountProof::header`].

use primitives::merkle::{self, InclusionProof};
use primitives::{Address, Block, CertificateError, CommitCertificate, Hash, Header, Height, LedgerDigest};
use primitives::{Transaction, TransactionId, ValidatorSet, decode, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::Hex;
use crate::schema::{AddressText, DigestText, HashText, HexText, TransactionIdText};

/// Why a proof shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the canonical bytes of what they should be.
    #[error("the {0} of the proof does not decode; ask another node")]
    Malformed(&'static str),
    /// Two pieces of the proof name different things.
    #[error("the {0} of the proof does not match its header; ask another node")]
    Mismatch(&'static str),
    /// The path does not lead to the root of the header.
    #[error("the path does not lead to the root in the header; ask another node")]
    WrongPath,
    /// The node sent no certificate.
    #[error("the proof has no certificate; ask another node")]
    NoCertificate,
    /// The certificate does not decide this block.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A path from one leaf to the root of a block's transactions or receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerkleProof {
    /// Position of the leaf, from 0.
    pub index: u64,
    /// Leaves in the tree.
    pub count: u64,
    /// Sibling hashes from the leaf up.
    #[schema(value_type = Vec<HashText>)]
    pub path: Vec<Hash>,
}

impl From<InclusionProof> for MerkleProof {
    fn from(proof: InclusionProof) -> Self {
        Self { index: proof.index, count: proof.count, path: proof.path }
    }
}

impl From<MerkleProof> for InclusionProof {
    fn from(proof: MerkleProof) -> Self {
        Self { index: proof.index, count: proof.count, path: proof.path }
    }
}

/// `GET /transactions/{id}/proof`: the transaction is in a decided block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionProof {
    /// The transaction's id.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
    /// Its block's height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Its block's hash.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// The transaction's canonical bytes.
    #[schema(value_type = HexText)]
    pub transaction: Hex,
    /// The path to the header's transactions root.
    pub proof: MerkleProof,
    /// The header's canonical bytes.
    #[schema(value_type = HexText)]
    pub header: Hex,
    /// The canonical bytes of the certificate that decided the block; every finalized block has one.
    #[schema(value_type = Option<HexText>)]
    pub certificate: Option<Hex>,
}

impl TransactionProof {
    /// The proof for transaction `index` of `block`, or `None` when there is no such transaction.
    pub fn new(block: &Block, index: usize, certificate: Option<&CommitCertificate>) -> Option<Self> {
        let transaction = block.transactions.get(index)?;
        Some(Self {
            id: transaction.id(),
            height: block.header.height,
            block: block.hash(),
            transaction: Hex(encode(transaction)),
            proof: merkle::prove(&block.transaction_leaves(), index)?.into(),
            header: Hex(encode(&block.header)),
            certificate: certificate.map(|certificate| Hex(encode(certificate))),
        })
    }

    /// Checks everything except who decided the block, and gives the transaction and the header.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails.
    pub fn verify_inclusion(&self) -> Result<(Transaction, Header), ProofError> {
        let header = checked_header(&self.header, self.height, &self.block)?;
        let transaction =
            Transaction::from_bytes(&self.transaction.0).map_err(|_| ProofError::Malformed("transaction"))?;
        if transaction.id() != self.id {
            return Err(ProofError::Mismatch("transaction id"));
        }
        let leaf = merkle::leaf(&self.transaction.0);
        if !merkle::verify(&self.proof.clone().into(), &leaf, &header.transactions_root) {
            return Err(ProofError::WrongPath);
        }
        Ok((transaction, header))
    }

    /// Checks that `validators` decided the block on the chain with this genesis hash; gives the power
    /// that signed.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails.
    pub fn verify_certificate(&self, validators: &ValidatorSet, genesis: &Hash) -> Result<u64, ProofError> {
        let header = checked_header(&self.header, self.height, &self.block)?;
        checked_certificate(self.certificate.as_ref(), &header, validators, genesis)
    }
}

/// Inclusion or exclusion of one key in the module-state tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateProof {
    /// The key.
    #[schema(value_type = HexText)]
    pub key: Hex,
    /// Its value; none when the proof shows that there is no such key.
    #[schema(value_type = Option<HexText>)]
    pub value: Option<Hex>,
    /// The root that the proof is for: `state_root` of the header.
    #[schema(value_type = HashText)]
    pub root: Hash,
    /// The proof, in the encoding of `tree`.
    #[schema(value_type = HexText)]
    pub proof: Hex,
}

/// `GET /accounts/{address}/proof`: the address has this slot, or none, at this height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountProof {
    /// The address.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The height the proof is for.
    #[schema(value_type = u64)]
    pub height: Height,
    /// That block's hash.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// The address's slot; none when it has no account.
    pub slot: Option<u32>,
    /// Shows the slot of the address, or that it has none.
    pub state: StateProof,
    /// The root of the ledger: `ledger_root` of the header.
    #[schema(value_type = DigestText)]
    pub ledger_root: LedgerDigest,
    /// The canonical bytes of the ledger slot; none when the address has no account.
    #[schema(value_type = Option<HexText>)]
    pub ledger_slot: Option<Hex>,
    /// The path from that slot to the ledger root, in the encoding of `tree`.
    #[schema(value_type = Option<HexText>)]
    pub ledger_proof: Option<Hex>,
    /// The header's canonical bytes.
    #[schema(value_type = HexText)]
    pub header: Hex,
    /// The canonical bytes of the certificate that decided the block; every finalized block has one.
    #[schema(value_type = Option<HexText>)]
    pub certificate: Option<Hex>,
}

impl AccountProof {
    /// The header, once it is the block's and both roots are its own. The proofs are then checked against
    /// these roots with `tree`.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails.
    pub fn header(&self) -> Result<Header, ProofError> {
        let header = checked_header(&self.header, self.height, &self.block)?;
        if header.ledger_root != self.ledger_root {
            return Err(ProofError::Mismatch("ledger root"));
        }
        if header.state_root != self.state.root {
            return Err(ProofError::Mismatch("state root"));
        }
        Ok(header)
    }

    /// Checks that `validators` decided the block on the chain with this genesis hash; gives the power
    /// that signed.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails.
    pub fn verify_certificate(&self, validators: &ValidatorSet, genesis: &Hash) -> Result<u64, ProofError> {
        let header = self.header()?;
        checked_certificate(self.certificate.as_ref(), &header, validators, genesis)
    }
}

pub(super) fn checked_header(bytes: &Hex, height: Height, block: &Hash) -> Result<Header, ProofError> {
    let header: Header = decode(&bytes.0).map_err(|_| ProofError::Malformed("header"))?;
    if header.height != height {
        return Err(ProofError::Mismatch("height"));
    }
    if header.hash() != *block {
        return Err(ProofError::Mismatch("block hash"));
    }
    Ok(header)
}

pub(super) fn checked_certificate(
    bytes: Option<&Hex>,
    header: &Header,
    validators: &ValidatorSet,
    genesis: &Hash,
) -> Result<u64, ProofError> {
    let bytes = bytes.ok_or(ProofError::NoCertificate)?;
    let certificate: CommitCertificate = decode(&bytes.0).map_err(|_| ProofError::Malformed("certificate"))?;
    if header.genesis != *genesis {
        return Err(ProofError::Mismatch("genesis hash"));
    }
    if header.validators != validators.hash() {
        return Err(ProofError::Mismatch("validator set"));
    }
    if certificate.height != header.height || certificate.block != header.hash() {
        return Err(CertificateError::WrongBlock.into());
    }
    Ok(certificate.verify(validators, genesis)?)
}
