//! Two signed messages that show, by themselves, that their signer broke a rule.
//!
//! Rules
//! - Nothing but the two messages, the signer's key and the genesis hash is needed for the verdict: no
//!   state, no execution, no word of a witness.
//! - The messages are domain-separated and bound to the chain ([`Vote::signing_bytes`]), so a signature
//!   for another chain or of another kind proves nothing.
//! - The pair is ordered by its bytes, so one offence has one form.
//!
//! Read next: `spec/evidence.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::actions::identity::{IdentityAction, KeyKindProven, KeyProof};
use crate::actions::timetoke::SignedHeartbeat;
use crate::address::Address;
use crate::codec::{BoundedBytes, decode, encode};
use crate::crypto::{PublicKey, Signature, VrfProof, VrfPublicKey};
use crate::hash::{Domain, Hash, hash};
use crate::ids::Height;
use crate::outcome::Rejection;
use crate::transaction::TransactionBody;
use crate::vote::{Proposal, Vote};

/// Longest signed body that shows the claim of a key: a registration with both keys has about 400 bytes.
pub const KEY_CLAIM_BYTES_MAX: usize = 1_024;
/// Two proofs of one key for two identities conflict when their heights are at most this far apart: then both are fresh at
/// one height, whatever the chain's `valid_until_max` (at most 1,000).
pub const KEY_PROOF_OVERLAP_HEIGHTS: u64 = 1_000;

/// A vote with its signature.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedVote {
    /// What was signed.
    pub vote: Vote,
    /// Over [`Vote::signing_bytes`].
    pub signature: Signature,
}

/// A proposal with its signature.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedProposal {
    /// What was signed.
    pub proposal: Proposal,
    /// Over [`Proposal::signing_bytes`].
    pub signature: Signature,
}

/// Two votes of one step for different values.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DoubleVote {
    /// The signer's key.
    pub key: PublicKey,
    /// The vote whose encoding sorts first.
    pub first: SignedVote,
    /// The other.
    pub second: SignedVote,
}

/// Two proposals of one round for different values.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DoubleProposal {
    /// The signer's key.
    pub key: PublicKey,
    /// The proposal whose encoding sorts first.
    pub first: SignedProposal,
    /// The other.
    pub second: SignedProposal,
}

/// Two heartbeats of one identity for one challenge.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ConflictingHeartbeats {
    /// The heartbeat that sorts first.
    pub first: SignedHeartbeat,
    /// The other.
    pub second: SignedHeartbeat,
}

/// How a key proves to whom it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PossessionProof {
    /// A VRF key's proof.
    Vrf(VrfProof) = 0,
    /// A peer key's signature.
    Peer(Signature) = 1,
}

/// A wallet that claimed a key which says, at the same time, that it belongs to another identity.
///
/// The wallet's own signature makes it the offender: a stranger's key that says so alone accuses nobody.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct FalseKeyProof {
    /// The wallet's key.
    pub key: PublicKey,
    /// The body of the wallet's transaction, encoded: it registers or rotates the claimed key, whose proof holds.
    pub body: BoundedBytes<KEY_CLAIM_BYTES_MAX>,
    /// The wallet's signature over it.
    pub signature: Signature,
    /// What the same key says about another identity.
    pub other: KeyProof,
    /// The key's proof of it.
    pub proof: PossessionProof,
}

/// What an offence's age is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Messages about a height.
    Height(Height),
    /// Messages about a challenge.
    Challenge(u64),
}

/// Proof of one offence.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Evidence {
    /// Two votes of one height, round and step.
    DoubleVote(Box<DoubleVote>) = 0,
    /// Two proposals of one height and round.
    DoubleProposal(Box<DoubleProposal>) = 1,
    /// Two heartbeats for one challenge.
    ConflictingHeartbeats(Box<ConflictingHeartbeats>) = 2,
    /// One key for two identities.
    FalseKeyProof(Box<FalseKeyProof>) = 3,
}

impl Evidence {
    /// The evidence of two conflicting votes, in its one form.
    pub fn of_votes(key: PublicKey, left: SignedVote, right: SignedVote) -> Self {
        let (first, second) = if encode(&left.vote) <= encode(&right.vote) { (left, right) } else { (right, left) };
        Self::DoubleVote(Box::new(DoubleVote { key, first, second }))
    }

    /// The evidence of two conflicting proposals, in its one form.
    pub fn of_proposals(key: PublicKey, left: SignedProposal, right: SignedProposal) -> Self {
        let ordered = encode(&left.proposal) <= encode(&right.proposal);
        let (first, second) = if ordered { (left, right) } else { (right, left) };
        Self::DoubleProposal(Box::new(DoubleProposal { key, first, second }))
    }

    /// The evidence of two conflicting heartbeats, in its one form.
    pub fn of_heartbeats(left: SignedHeartbeat, right: SignedHeartbeat) -> Self {
        let ordered = left.heartbeat <= right.heartbeat;
        let (first, second) = if ordered { (left, right) } else { (right, left) };
        Self::ConflictingHeartbeats(Box::new(ConflictingHeartbeats { first, second }))
    }

    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DoubleVote(_) => "evidence_double_vote",
            Self::DoubleProposal(_) => "evidence_double_proposal",
            Self::ConflictingHeartbeats(_) => "evidence_conflicting_heartbeats",
            Self::FalseKeyProof(_) => "evidence_false_key_proof",
        }
    }

    /// Who broke the rule.
    pub fn offender(&self) -> Address {
        match self {
            Self::DoubleVote(pair) => pair.first.vote.voter,
            Self::DoubleProposal(pair) => pair.first.proposal.proposer,
            Self::ConflictingHeartbeats(pair) => pair.first.heartbeat.identity,
            Self::FalseKeyProof(claim) => Address::of_key(&claim.key),
        }
    }

    /// What the conflicting messages are about.
    pub fn about(&self) -> About {
        match self {
            Self::DoubleVote(pair) => About::Height(pair.first.vote.height),
            Self::DoubleProposal(pair) => About::Height(pair.first.proposal.height),
            Self::ConflictingHeartbeats(pair) => About::Challenge(pair.first.heartbeat.challenge),
            Self::FalseKeyProof(claim) => About::Height(claim.other.valid_from),
        }
    }

    /// True for an offence against the consensus itself, which removes its validator forever.
    pub const fn is_equivocation(&self) -> bool {
        matches!(self, Self::DoubleVote(_) | Self::DoubleProposal(_))
    }

    /// Names the evidence: the same bytes give the same hash on every node.
    pub fn hash(&self) -> Hash {
        hash(Domain::Evidence, &[&encode(self)])
    }

    /// Decides, from the two messages alone, whether they prove the offence on the chain with this genesis.
    ///
    /// # Errors
    /// `evidence_not_conflicting` or `evidence_bad_signature`.
    pub fn check_form(&self, genesis: &Hash) -> Result<(), Rejection> {
        let (conflict, is_signed) = match self {
            Self::DoubleVote(pair) => (pair.conflicts(), pair.is_signed(genesis)),
            Self::DoubleProposal(pair) => (pair.conflicts(), pair.is_signed(genesis)),
            Self::ConflictingHeartbeats(pair) => (pair.conflicts(), pair.is_signed(genesis)),
            Self::FalseKeyProof(claim) => return claim.check_form(genesis),
        };
        if !conflict {
            return Err(Rejection::EvidenceNotConflicting);
        }
        if is_signed { Ok(()) } else { Err(Rejection::EvidenceBadSignature) }
    }
}

impl DoubleVote {
    fn conflicts(&self) -> bool {
        let (one, two) = (&self.first.vote, &self.second.vote);
        let same = (one.kind, one.height, one.round, one.voter) == (two.kind, two.height, two.round, two.voter);
        same && one.value != two.value && encode(one) < encode(two)
    }

    fn is_signed(&self, genesis: &Hash) -> bool {
        let signed = |one: &SignedVote| self.key.verify(&one.vote.signing_bytes(genesis), &one.signature);
        Address::of_key(&self.key) == self.first.vote.voter && signed(&self.first) && signed(&self.second)
    }
}

impl DoubleProposal {
    fn conflicts(&self) -> bool {
        let (one, two) = (&self.first.proposal, &self.second.proposal);
        let same = (one.height, one.round, one.proposer) == (two.height, two.round, two.proposer);
        same && one.value != two.value && encode(one) < encode(two)
    }

    fn is_signed(&self, genesis: &Hash) -> bool {
        let signed = |one: &SignedProposal| self.key.verify(&one.proposal.signing_bytes(genesis), &one.signature);
        Address::of_key(&self.key) == self.first.proposal.proposer && signed(&self.first) && signed(&self.second)
    }
}

impl ConflictingHeartbeats {
    fn conflicts(&self) -> bool {
        let (one, two) = (&self.first.heartbeat, &self.second.heartbeat);
        (one.identity, one.challenge) == (two.identity, two.challenge) && one < two
    }

    fn is_signed(&self, genesis: &Hash) -> bool {
        self.first.verify(genesis) && self.second.verify(genesis)
    }
}

impl FalseKeyProof {
    /// The claim of the wallet, when the body makes one of the kind that the other proof is of.
    fn claim(&self) -> Option<(TransactionBody, KeyProof)> {
        let body: TransactionBody = decode(&self.body).ok()?;
        let Action::Identity(action) = &body.action else { return None };
        let (vrf, peer) = match action {
            IdentityAction::Register(register) => (Some(register.vrf), register.peer),
            IdentityAction::RotateVrf(vrf) => (Some(*vrf), None),
            IdentityAction::RotatePeer { peer } => (None, *peer),
            IdentityAction::Attest { .. }
            | IdentityAction::Revoke
            | IdentityAction::Withdraw
            | IdentityAction::Vouch { .. } => (None, None),
        };
        let (key, valid_from) = match self.other.kind {
            KeyKindProven::Vrf => vrf.map(|vrf| (PublicKey(vrf.key.0), vrf.valid_from))?,
            KeyKindProven::Peer => peer.map(|peer| (peer.key, peer.valid_from))?,
        };
        let claim = KeyProof { kind: self.other.kind, identity: body.payer, key, valid_from };
        Some((body, claim))
    }

    fn check_form(&self, genesis: &Hash) -> Result<(), Rejection> {
        let (body, claim) = self.claim().ok_or(Rejection::EvidenceNotConflicting)?;
        let apart = claim.valid_from.0.abs_diff(self.other.valid_from.0);
        if claim.key != self.other.key || claim.identity == self.other.identity || apart > KEY_PROOF_OVERLAP_HEIGHTS {
            return Err(Rejection::EvidenceNotConflicting);
        }
        let message = self.other.signing_bytes(genesis);
        let says_so = match (self.other.kind, &self.proof) {
            (KeyKindProven::Vrf, PossessionProof::Vrf(proof)) => {
                VrfPublicKey(self.other.key.0).verify(&message, proof).is_some()
            }
            (KeyKindProven::Peer, PossessionProof::Peer(signature)) => self.other.key.verify(&message, signature),
            (KeyKindProven::Vrf, PossessionProof::Peer(_)) | (KeyKindProven::Peer, PossessionProof::Vrf(_)) => false,
        };
        // The claim itself must hold, or anybody could name a stranger's key in a body and be framed by it.
        let claimed = body.action.check_form(genesis, &self.key).is_ok();
        let is_signed =
            Address::of_key(&self.key) == body.payer && self.key.verify(&body.signing_bytes(genesis), &self.signature);
        if says_so && claimed && is_signed { Ok(()) } else { Err(Rejection::EvidenceBadSignature) }
    }
}
