//! Blocks: a header that commits to everything, the transactions and the previous height's certificate.
//!
//! ```text
//! Block = Header ‖ transactions (count 4, then each) ‖ last_commit (0, or 1 and the certificate)
//! ```
//! Header fields are drawn to the byte in `spec/blocks.md`. Roots are those *after* executing the block;
//! validators execute before they prevote. The block's hash is the hash of its header.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::address::Address;
use crate::amount::Amount;
use crate::certificate::CommitCertificate;
use crate::codec::{BoundedVec, DecodeError, FormatVersion, decode, encode};
use crate::crypto::VrfProof;
use crate::hash::{Domain, Hash, hash};
use crate::ids::{Height, Timestamp};
use crate::ledger::{LedgerDigest, LedgerOp};
use crate::merkle;
use crate::part::PART_OPS_MAX;
use crate::transaction::{Transaction, TransactionId};

/// Most transactions a block can encode; the governed cap is lower.
pub const BLOCK_TRANSACTIONS_MAX: usize = 16_384;
/// Largest encoded block in bytes; the governed cap is lower.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The last chain proof that was accepted before a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProofMark {
    /// The height it proves.
    pub height: Height,
    /// Hash of the proof.
    pub proof: Hash,
}

/// Commits to a block and to the state after it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// Format version.
    pub version: FormatVersion<1>,
    /// The chain.
    pub genesis: Hash,
    /// Position in the chain, from 1.
    pub height: Height,
    /// Block time, above the parent's.
    pub time: Timestamp,
    /// Hash of the block before; of the genesis file at height 1.
    pub parent: Hash,
    /// Who built it.
    pub proposer: Address,
    /// Root over the transactions' canonical bytes.
    pub transactions_root: Hash,
    /// Hash of the included certificate for the block before; zero at height 1.
    pub last_commit: Hash,
    /// Root of the ledger tree.
    pub ledger_root: LedgerDigest,
    /// Running digest of every ledger operation since genesis.
    pub ops_digest: LedgerDigest,
    /// All money there is.
    pub supply: Amount,
    /// Ledger slots used so far.
    pub next_slot: u32,
    /// Root of the module-state tree.
    pub state_root: Hash,
    /// Root over the receipts' canonical bytes.
    pub receipts_root: Hash,
    /// The set that decides this height.
    pub validators: Hash,
    /// The set that decides the next height.
    pub next_validators: Hash,
    /// The governed parameters in force.
    pub params: Hash,
    /// Randomness of this block.
    pub beacon: Hash,
    /// The proposer's proof of the beacon.
    pub beacon_proof: VrfProof,
    /// The gates in force.
    pub gates: Hash,
    /// The last chain proof accepted.
    pub last_proof: Option<ProofMark>,
}

impl Header {
    /// The block's hash, which consensus decides on.
    pub fn hash(&self) -> Hash {
        hash(Domain::Header, &[&encode(self)])
    }
}

/// The bytes a proposer's VRF key proves: `genesis hash ‖ height ‖ previous beacon`.
pub fn beacon_input(genesis: &Hash, height: Height, previous: &Hash) -> Vec<u8> {
    [genesis.as_bytes().as_slice(), &height.0.to_le_bytes(), previous.as_bytes()].concat()
}

/// The beacon made of a VRF output.
pub fn beacon_of(output: &[u8; 64]) -> Hash {
    hash(Domain::Beacon, &[output])
}

/// The beacon before the first block.
pub fn genesis_beacon(genesis: &Hash) -> Hash {
    hash(Domain::Beacon, &[genesis.as_bytes()])
}

/// A proposed or decided block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// What consensus decides on.
    pub header: Header,
    /// In execution order.
    pub transactions: BoundedVec<Transaction, BLOCK_TRANSACTIONS_MAX>,
    /// The proposer's certificate for the block before; none at height 1.
    pub last_commit: Option<CommitCertificate>,
}

impl Block {
    /// Reads a block that came from outside.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are over [`BLOCK_BYTES_MAX`] or not canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(DecodeError { reason: format!("block is larger than {BLOCK_BYTES_MAX} bytes") });
        }
        decode(bytes)
    }

    /// The hash of the header.
    pub fn hash(&self) -> Hash {
        self.header.hash()
    }

    /// Leaf hashes of the transactions tree.
    pub fn transaction_leaves(&self) -> Vec<Hash> {
        self.transactions.iter().map(|transaction| merkle::leaf(&encode(transaction))).collect()
    }

    /// Ids of the transactions, in order.
    pub fn transaction_ids(&self) -> Vec<TransactionId> {
        self.transactions.iter().map(Transaction::id).collect()
    }
}

/// Most ledger operations of one block: a block fits into one part of a proof.
pub const BLOCK_OPS_MAX: usize = PART_OPS_MAX;

/// The ledger operations of one block, in order, ending in its seal.
pub type BlockOps = Vec<LedgerOp>;
