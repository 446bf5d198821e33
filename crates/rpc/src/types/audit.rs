//! Audit records: what a node says about reputation and slashing, chained and signed, checkable offline.
//!
//! ```text
//! line n    {"version":1,"sequence":n,"previous":H(line n−1),…,"evidence":{…},"evidence_hash":H(evidence),
//!            "signer":key,"signature":sig(everything before)}
//! ```
//! Rules
//! - A line is the canonical JSON of an [`AuditRecord`]: the bytes that this module writes, and no others.
//! - `evidence_hash` is a function of `evidence` alone, which holds nothing but agreed data: it is the same on every node.
//! - `signature` is the node key's over [`AUDIT_DOMAIN`], the genesis hash and the line without the signature's digits.
//! - A change of one byte breaks the parse, the canonical form, a hash or the signature.

use primitives::{Address, Amount, Domain, Hash, Height, PublicKey, SecretKey, Signature, Timestamp, hash};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::standing::CountersView;
use crate::schema::{AddressText, AmountInteger, HashText, PublicKeyText, SignatureText};

/// First bytes of what a node key signs.
pub const AUDIT_DOMAIN: &[u8] = b"the-block/audit/v1";
/// Format of the records.
pub const AUDIT_VERSION: u8 = 1;
/// Longest line, bytes, without its end.
pub const AUDIT_LINE_MAX: usize = 4_096;

/// Which stream a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditStream {
    /// Changes of reputation.
    Reputation,
    /// Decisions to slash, jail or end an identity.
    Slashing,
}

impl AuditStream {
    /// Both streams.
    pub const ALL: [Self; 2] = [Self::Reputation, Self::Slashing];

    /// The name of its folder and route.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reputation => "reputation",
            Self::Slashing => "slashing",
        }
    }
}

/// A standing on one side of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditStanding {
    /// tl0 to tl5.
    pub tier: String,
    /// With peer feedback, ppm.
    pub score_ppm: u64,
    /// The counters.
    pub counters: CountersView,
}

/// What happened: agreed data only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuditEvidence {
    /// Tier, score or counters of an identity changed, by a write or by the time of the block.
    ReputationChanged {
        /// Whose.
        #[schema(value_type = AddressText)]
        address: Address,
        /// Before the block.
        before: AuditStanding,
        /// After the block.
        after: AuditStanding,
    },
    /// Stake was burned for a proven offence.
    Slashed {
        /// Whose.
        #[schema(value_type = AddressText)]
        validator: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
        /// The offence's evidence.
        #[schema(value_type = HashText)]
        evidence: Hash,
    },
    /// A validator left the voting set for a while.
    Jailed {
        /// Who.
        #[schema(value_type = AddressText)]
        validator: Address,
    },
    /// Evidence ended an identity for ever.
    IdentityPunished {
        /// Whose.
        #[schema(value_type = AddressText)]
        identity: Address,
        /// Burned from its bond, µBLOCK.
        #[schema(value_type = AmountInteger)]
        burned: Amount,
    },
}

impl AuditEvidence {
    /// The hash of the evidence in its block: the same on every node of the chain.
    pub fn hash(&self, genesis: &Hash, height: Height) -> Hash {
        let text = serde_json::to_vec(self).expect("evidence has string keys only");
        hash(Domain::Audit, &[genesis.as_bytes(), &height.0.to_le_bytes(), &text])
    }
}

/// One line of an audit file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// [`AUDIT_VERSION`].
    pub version: u8,
    /// The stream.
    pub stream: AuditStream,
    /// Counts the stream's records from 0, over all files.
    pub sequence: u64,
    /// Hash of the line before; zeros for the first.
    #[schema(value_type = HashText)]
    pub previous: Hash,
    /// The chain.
    #[schema(value_type = HashText)]
    pub genesis: Hash,
    /// The block.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Its hash.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// Its time.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
    /// What happened.
    pub evidence: AuditEvidence,
    /// [`AuditEvidence::hash`].
    #[schema(value_type = HashText)]
    pub evidence_hash: Hash,
    /// The node's public key.
    #[schema(value_type = PublicKeyText)]
    pub signer: PublicKey,
    /// The node key's signature.
    #[schema(value_type = SignatureText)]
    pub signature: Signature,
}

/// `GET /observability/audits/{stream}`: the newest records as exported, oldest of them first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The stream.
    pub stream: AuditStream,
    /// The records.
    pub records: Vec<AuditRecord>,
}

/// Why a line proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// Over [`AUDIT_LINE_MAX`].
    #[error("the line is longer than {AUDIT_LINE_MAX} bytes")]
    TooLong,
    /// Not a record.
    #[error("the line is not an audit record: {0}")]
    Malformed(String),
    /// Other bytes than those of the record.
    #[error("the line is not in the form in which records are written")]
    NotCanonical,
    /// A format of another version.
    #[error("the record has format {0}, this program reads {AUDIT_VERSION}")]
    Version(u8),
    /// The evidence was changed.
    #[error("evidence_hash does not fit the evidence")]
    EvidenceHash,
    /// The record was changed, or made by another key.
    #[error("the signature does not fit the record and its signer")]
    Signature,
    /// A record is missing, twice or out of order.
    #[error("the sequence is {found}, expected {expected}")]
    Sequence {
        /// What the record says.
        found: u64,
        /// What follows the record before.
        expected: u64,
    },
    /// The line before was changed or replaced.
    #[error("previous does not fit the line before")]
    Previous,
    /// Another stream, chain or node than the record before.
    #[error("the record is of another stream, chain or node than the one before")]
    Mixed,
}

impl AuditRecord {
    /// Signs a record; `signature` and `signer` of `self` are replaced.
    #[must_use]
    pub fn signed(mut self, secret: &SecretKey) -> Self {
        self.signer = secret.public_key();
        self.signature = Signature([0; 64]);
        self.signature = secret.sign(&self.signing_bytes());
        self
    }

    /// The canonical line, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a record has string keys only")
    }

    /// Reads and checks one line by itself.
    ///
    /// # Errors
    /// [`AuditError`], all but the last three.
    pub fn check(line: &str) -> Result<Self, AuditError> {
        if line.len() > AUDIT_LINE_MAX {
            return Err(AuditError::TooLong);
        }
        let record: Self = serde_json::from_str(line).map_err(|error| AuditError::Malformed(error.to_string()))?;
        if record.version != AUDIT_VERSION {
            return Err(AuditError::Version(record.version));
        }
        if record.line() != line {
            return Err(AuditError::NotCanonical);
        }
        if record.evidence.hash(&record.genesis, record.height) != record.evidence_hash {
            return Err(AuditError::EvidenceHash);
        }
        let unsigned = Self { signature: Signature([0; 64]), ..record.clone() };
        if !record.signer.verify(&unsigned.signing_bytes(), &record.signature) {
            return Err(AuditError::Signature);
        }
        Ok(record)
    }

    /// Checks that this record follows `before`, whose line is `line_before`.
    ///
    /// # Errors
    /// `Mixed`, `Sequence`, `Previous`.
    pub fn follows(&self, before: &Self, line_before: &str) -> Result<(), AuditError> {
        if (self.stream, self.genesis, self.signer) != (before.stream, before.genesis, before.signer) {
            return Err(AuditError::Mixed);
        }
        let expected = before.sequence.saturating_add(1);
        if self.sequence != expected {
            return Err(AuditError::Sequence { found: self.sequence, expected });
        }
        if self.previous == line_hash(line_before) { Ok(()) } else { Err(AuditError::Previous) }
    }

    /// The bytes that are signed: the line with a signature of zeros, so that nothing is left out.
    fn signing_bytes(&self) -> Vec<u8> {
        [AUDIT_DOMAIN, self.genesis.as_bytes(), self.line().as_bytes()].concat()
    }
}

/// The hash by which the next record names this line.
pub fn line_hash(line: &str) -> Hash {
    hash(Domain::Audit, &[line.as_bytes()])
}
