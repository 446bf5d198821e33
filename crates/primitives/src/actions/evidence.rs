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

use crate::address::Address;
use crate::codec::encode;
use crate::crypto::{PublicKey, Signature};
use crate::hash::{Domain, Hash, hash};
use crate::ids::Height;
use crate::outcome::Rejection;
use crate::vote::{Proposal, Vote};

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

    /// The name used in JSON, metrics and commands.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DoubleVote(_) => "evidence_double_vote",
            Self::DoubleProposal(_) => "evidence_double_proposal",
        }
    }

    /// Who broke the rule.
    pub fn offender(&self) -> Address {
        match self {
            Self::DoubleVote(pair) => pair.first.vote.voter,
            Self::DoubleProposal(pair) => pair.first.proposal.proposer,
        }
    }

    /// The height whose messages conflict.
    pub fn height(&self) -> Height {
        match self {
            Self::DoubleVote(pair) => pair.first.vote.height,
            Self::DoubleProposal(pair) => pair.first.proposal.height,
        }
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
        let (conflict, voter, key, messages) = match self {
            Self::DoubleVote(pair) => {
                let (one, two) = (&pair.first.vote, &pair.second.vote);
                let same = (one.kind, one.height, one.round, one.voter) == (two.kind, two.height, two.round, two.voter);
                let conflict = same && one.value != two.value && encode(one) < encode(two);
                let messages = [
                    (one.signing_bytes(genesis), pair.first.signature),
                    (two.signing_bytes(genesis), pair.second.signature),
                ];
                (conflict, one.voter, pair.key, messages)
            }
            Self::DoubleProposal(pair) => {
                let (one, two) = (&pair.first.proposal, &pair.second.proposal);
                let same = (one.height, one.round, one.proposer) == (two.height, two.round, two.proposer);
                let conflict = same && one.value != two.value && encode(one) < encode(two);
                let messages = [
                    (one.signing_bytes(genesis), pair.first.signature),
                    (two.signing_bytes(genesis), pair.second.signature),
                ];
                (conflict, one.proposer, pair.key, messages)
            }
        };
        if !conflict {
            return Err(Rejection::EvidenceNotConflicting);
        }
        let signed = |(message, signature): &(Vec<u8>, Signature)| key.verify(message, signature);
        if Address::of_key(&key) != voter || !messages.iter().all(signed) {
            return Err(Rejection::EvidenceBadSignature);
        }
        Ok(())
    }
}
