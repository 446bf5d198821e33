//! The wire form of every engine message, with a bound on every length.
//!
//! ```text
//! consensus topic   Message   = 0 Vote ‖ signature | 1 Proposal ‖ signature
//! liveness topic    Liveness  = 0 Vote ‖ signature | 1 Polka | 2 RoundSkip
//! parts topic       Stream    = stream id ‖ sequence ‖ (1 part | 0 end)
//! value sync        Status, Request, Response
//! WAL               Message, Polka, Offer = proposed value ‖ verdict ‖ (1 block | 0)
//! ```
//! Signed bodies are the `primitives` ones, so an encoding exists once. Rules: the nil round and withheld
//! signatures have no wire form; a certificate has at most one entry per validator of the largest set.

use arc_malachitebft_app_channel::app::consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::core::{
    NilOrVal, PolkaCertificate, PolkaSignature, RoundCertificate, RoundCertificateType, RoundSignature, SignedMessage,
    SigningScheme, ValidatorProof, Validity, VoteType,
};
use arc_malachitebft_app_channel::app::types::sync::{RawDecidedValue, Request, Response, Status};
use borsh::{BorshDeserialize, BorshSerialize};
use primitives::block::BLOCK_BYTES_MAX;
use primitives::validator::VALIDATORS_MAX;
use primitives::{
    Address, BoundedBytes, BoundedVec, CommitCertificate, CommitSignature, Hash, Height, Proposal, PublicKey, Round,
    Signature, Vote, VoteKind, encode,
};

use super::{Blob, CodecError};
use crate::certificate;
use crate::context::ChainContext;
use crate::signer::WITHHELD;
use crate::types::{BlockId, ChainHeight, Ed25519, ProposalPart, ValidatorAddress, chain_round, engine_round};
use crate::vote_queue::MessageId;

/// Longest stream id in bytes.
pub const STREAM_ID_BYTES_MAX: usize = 32;
/// Longest peer id in bytes.
pub const PEER_ID_BYTES_MAX: usize = 64;
/// Most decided values in one answer.
pub const SYNC_VALUES_MAX: usize = 64;

/// A value with a wire form.
pub(super) trait Wire<T>: BorshSerialize + BorshDeserialize + Sized {
    fn of(value: &T) -> Result<Self, CodecError>;
    fn value(self) -> Result<T, CodecError>;
}

fn shown(signature: &Signature) -> Result<Signature, CodecError> {
    if *signature == WITHHELD { Err(CodecError::Withheld) } else { Ok(*signature) }
}

fn bounded<T, const MAX: usize>(items: Vec<T>) -> Result<BoundedVec<T, MAX>, CodecError> {
    BoundedVec::new(items).ok_or(CodecError::TooLong)
}

/// A signed vote.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct SignedVote {
    pub(crate) vote: Vote,
    signature: Signature,
}

impl SignedVote {
    fn of(message: &SignedMessage<ChainContext, crate::types::VoteMessage>) -> Result<Self, CodecError> {
        let vote = message.message.signed().ok_or(CodecError::NilRound)?;
        Ok(Self { vote, signature: shown(&message.signature)? })
    }

    fn value(self) -> SignedMessage<ChainContext, crate::types::VoteMessage> {
        SignedMessage::new(self.vote.into(), self.signature)
    }
}

/// What may wait for a later height.
pub(crate) trait Waits {
    /// The height it is for.
    fn height(&self) -> Height;
    /// Tells it from every other message, whichever topic it came on.
    fn id(&self) -> MessageId;
    /// The same message with another height, under which its signature is worth nothing.
    fn of_height(self, height: Height) -> Self;
}

impl Waits for SignedVote {
    fn height(&self) -> Height {
        self.vote.height
    }

    fn id(&self) -> MessageId {
        id_of(b"vote", self)
    }

    fn of_height(mut self, height: Height) -> Self {
        self.vote.height = height;
        self
    }
}

fn id_of(kind: &[u8], body: &impl BorshSerialize) -> MessageId {
    *blake3::Hasher::new().update(kind).update(&encode(body)).finalize().as_bytes()
}

/// A signed vote or proposal.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) enum Message {
    Vote(SignedVote),
    Proposal { proposal: Proposal, signature: Signature },
}

impl Waits for Message {
    fn height(&self) -> Height {
        match self {
            Self::Vote(vote) => vote.height(),
            Self::Proposal { proposal, .. } => proposal.height,
        }
    }

    fn id(&self) -> MessageId {
        match self {
            Self::Vote(vote) => vote.id(),
            Self::Proposal { .. } => id_of(b"proposal", self),
        }
    }

    fn of_height(self, height: Height) -> Self {
        match self {
            Self::Vote(vote) => Self::Vote(vote.of_height(height)),
            Self::Proposal { proposal, signature } => {
                Self::Proposal { proposal: Proposal { height, ..proposal }, signature }
            }
        }
    }
}

impl Wire<SignedConsensusMsg<ChainContext>> for Message {
    fn of(value: &SignedConsensusMsg<ChainContext>) -> Result<Self, CodecError> {
        Ok(match value {
            SignedConsensusMsg::Vote(vote) => Self::Vote(SignedVote::of(vote)?),
            SignedConsensusMsg::Proposal(message) => Self::Proposal {
                proposal: message.message.signed().ok_or(CodecError::NilRound)?,
                signature: shown(&message.signature)?,
            },
        })
    }

    fn value(self) -> Result<SignedConsensusMsg<ChainContext>, CodecError> {
        Ok(match self {
            Self::Vote(vote) => SignedConsensusMsg::Vote(vote.value()),
            Self::Proposal { proposal, signature } => {
                SignedConsensusMsg::Proposal(SignedMessage::new(proposal.into(), signature))
            }
        })
    }
}

/// A quorum of prevotes for one block.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Polka {
    pub(crate) height: Height,
    round: Round,
    value: Hash,
    signatures: BoundedVec<CommitSignature, VALIDATORS_MAX>,
}

impl Wire<PolkaCertificate<ChainContext>> for Polka {
    fn of(polka: &PolkaCertificate<ChainContext>) -> Result<Self, CodecError> {
        let signatures = polka
            .polka_signatures
            .iter()
            .map(|entry| Ok(CommitSignature { address: entry.address.0, signature: shown(&entry.signature)? }))
            .collect::<Result<Vec<_>, CodecError>>()?;
        Ok(Self {
            height: polka.height.0,
            round: chain_round(polka.round).ok_or(CodecError::NilRound)?,
            value: polka.value_id.0,
            signatures: bounded(signatures)?,
        })
    }

    fn value(self) -> Result<PolkaCertificate<ChainContext>, CodecError> {
        let signatures = self.signatures.into_inner();
        Ok(PolkaCertificate {
            height: ChainHeight(self.height),
            round: engine_round(Some(self.round)),
            value_id: BlockId(self.value),
            polka_signatures: signatures
                .into_iter()
                .map(|entry| PolkaSignature::new(ValidatorAddress(entry.address), entry.signature))
                .collect(),
        })
    }
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct RoundEntry {
    kind: VoteKind,
    value: Option<Hash>,
    address: Address,
    signature: Signature,
}

/// Votes that justify entering a round.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct RoundSkip {
    height: Height,
    round: Round,
    precommits_only: bool,
    signatures: BoundedVec<RoundEntry, VALIDATORS_MAX>,
}

impl RoundSkip {
    fn of(certificate: &RoundCertificate<ChainContext>) -> Result<Self, CodecError> {
        let entries = certificate.round_signatures.iter().map(|entry| {
            Ok(RoundEntry {
                kind: match entry.vote_type {
                    VoteType::Prevote => VoteKind::Prevote,
                    VoteType::Precommit => VoteKind::Precommit,
                },
                value: match entry.value_id {
                    NilOrVal::Nil => None,
                    NilOrVal::Val(id) => Some(id.0),
                },
                address: entry.address.0,
                signature: shown(&entry.signature)?,
            })
        });
        Ok(Self {
            height: certificate.height.0,
            round: chain_round(certificate.round).ok_or(CodecError::NilRound)?,
            precommits_only: certificate.cert_type == RoundCertificateType::Precommit,
            signatures: bounded(entries.collect::<Result<Vec<_>, CodecError>>()?)?,
        })
    }

    fn value(self) -> RoundCertificate<ChainContext> {
        let entries = self.signatures.into_inner().into_iter().map(|entry| {
            let kind = match entry.kind {
                VoteKind::Prevote => VoteType::Prevote,
                VoteKind::Precommit => VoteType::Precommit,
            };
            let value = entry.value.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(BlockId(hash)));
            RoundSignature::new(kind, value, ValidatorAddress(entry.address), entry.signature)
        });
        RoundCertificate {
            height: ChainHeight(self.height),
            round: engine_round(Some(self.round)),
            cert_type: if self.precommits_only { RoundCertificateType::Precommit } else { RoundCertificateType::Skip },
            round_signatures: entries.collect(),
        }
    }
}

/// What helps a peer that fell behind within a height.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) enum Liveness {
    Vote(SignedVote),
    Polka(Polka),
    RoundSkip(RoundSkip),
}

impl Wire<LivenessMsg<ChainContext>> for Liveness {
    fn of(value: &LivenessMsg<ChainContext>) -> Result<Self, CodecError> {
        Ok(match value {
            LivenessMsg::Vote(vote) => Self::Vote(SignedVote::of(vote)?),
            LivenessMsg::PolkaCertificate(polka) => Self::Polka(Polka::of(polka)?),
            LivenessMsg::SkipRoundCertificate(skip) => Self::RoundSkip(RoundSkip::of(skip)?),
        })
    }

    fn value(self) -> Result<LivenessMsg<ChainContext>, CodecError> {
        Ok(match self {
            Self::Vote(vote) => LivenessMsg::Vote(vote.value()),
            Self::Polka(polka) => LivenessMsg::PolkaCertificate(polka.value()?),
            Self::RoundSkip(skip) => LivenessMsg::SkipRoundCertificate(skip.value()),
        })
    }
}

impl Wire<ProposalPart> for ProposalPart {
    fn of(value: &ProposalPart) -> Result<Self, CodecError> {
        Ok(value.clone())
    }

    fn value(self) -> Result<ProposalPart, CodecError> {
        Ok(self)
    }
}

/// One message of a stream of proposal parts.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Stream {
    id: BoundedBytes<STREAM_ID_BYTES_MAX>,
    sequence: u64,
    part: Option<ProposalPart>,
}

impl Wire<StreamMessage<ProposalPart>> for Stream {
    fn of(message: &StreamMessage<ProposalPart>) -> Result<Self, CodecError> {
        Ok(Self {
            id: BoundedBytes::new(message.stream_id.to_bytes().to_vec()).ok_or(CodecError::TooLong)?,
            sequence: message.sequence,
            part: message.content.as_data().cloned(),
        })
    }

    fn value(self) -> Result<StreamMessage<ProposalPart>, CodecError> {
        let id = StreamId::new(bytes::Bytes::copy_from_slice(&self.id));
        let content = self.part.map_or(StreamContent::Fin, StreamContent::Data);
        Ok(StreamMessage::new(id, self.sequence, content))
    }
}

/// A validator's claim to a peer id.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Proof {
    key: PublicKey,
    peer: BoundedBytes<PEER_ID_BYTES_MAX>,
    signature: Signature,
}

impl Wire<ValidatorProof<ChainContext>> for Proof {
    fn of(proof: &ValidatorProof<ChainContext>) -> Result<Self, CodecError> {
        Ok(Self {
            key: Ed25519::decode_public_key(&proof.public_key).map_err(|_| CodecError::TooLong)?,
            peer: BoundedBytes::new(proof.peer_id.clone()).ok_or(CodecError::TooLong)?,
            signature: shown(&proof.signature)?,
        })
    }

    fn value(self) -> Result<ValidatorProof<ChainContext>, CodecError> {
        Ok(ValidatorProof::new(self.key.0.to_vec(), self.peer.to_vec(), self.signature))
    }
}

/// What a node tells its peers about its chain.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Tip {
    peer: BoundedBytes<PEER_ID_BYTES_MAX>,
    tip: Height,
    oldest: Height,
}

impl Wire<Status<ChainContext>> for Tip {
    fn of(status: &Status<ChainContext>) -> Result<Self, CodecError> {
        Ok(Self {
            peer: BoundedBytes::new(status.peer_id.to_bytes()).ok_or(CodecError::TooLong)?,
            tip: status.tip_height.0,
            oldest: status.history_min_height.0,
        })
    }

    fn value(self) -> Result<Status<ChainContext>, CodecError> {
        Ok(Status {
            peer_id: PeerId::from_bytes(&self.peer).map_err(|_| CodecError::BadPeer)?,
            tip_height: ChainHeight(self.tip),
            history_min_height: ChainHeight(self.oldest),
        })
    }
}

/// A request for decided heights, both ends included.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Range {
    first: Height,
    last: Height,
}

impl Wire<Request<ChainContext>> for Range {
    fn of(request: &Request<ChainContext>) -> Result<Self, CodecError> {
        let Request::ValueRequest(request) = request;
        Ok(Self { first: request.range.start().0, last: request.range.end().0 })
    }

    fn value(self) -> Result<Request<ChainContext>, CodecError> {
        let range = ChainHeight(self.first)..=ChainHeight(self.last);
        Ok(Request::ValueRequest(arc_malachitebft_sync::ValueRequest::new(range)))
    }
}

#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct Decided {
    block: Blob<BLOCK_BYTES_MAX>,
    certificate: CommitCertificate,
}

/// Decided blocks with their certificates, in order of height.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Answer {
    start: Height,
    values: BoundedVec<Decided, SYNC_VALUES_MAX>,
}

impl Wire<Response<ChainContext>> for Answer {
    fn of(response: &Response<ChainContext>) -> Result<Self, CodecError> {
        let Response::ValueResponse(response) = response;
        let values = response.values.iter().map(|value| {
            let certificate = certificate::from_engine(&value.certificate.trim_vote_extensions());
            Ok(Decided {
                block: Blob::new(value.value_bytes.clone()).ok_or(CodecError::TooLong)?,
                certificate: certificate.ok_or(CodecError::NilRound)?,
            })
        });
        Ok(Self { start: response.start_height.0, values: bounded(values.collect::<Result<Vec<_>, CodecError>>()?)? })
    }

    fn value(self) -> Result<Response<ChainContext>, CodecError> {
        // The engine's form has no order, so one that is wrong would be lost here.
        let is_sorted = |certificate: &CommitCertificate| certificate.signatures.is_sorted();
        if !self.values.iter().all(|decided| is_sorted(&decided.certificate)) {
            return Err(CodecError::Unsorted);
        }
        let values = self.values.into_inner().into_iter().map(|decided| {
            RawDecidedValue::new(decided.block.into_bytes(), certificate::to_engine(&decided.certificate))
        });
        let response = arc_malachitebft_sync::ValueResponse::new(ChainHeight(self.start), values.collect());
        Ok(Response::ValueResponse(response))
    }
}

/// A proposed value in the WAL, with the block it names.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Offer {
    pub(crate) height: Height,
    round: Round,
    pol_round: Option<Round>,
    proposer: Address,
    pub(crate) value: Hash,
    valid: bool,
    pub(crate) block: Option<Blob<BLOCK_BYTES_MAX>>,
}

impl Offer {
    pub(super) fn of(
        value: &ProposedValue<ChainContext>,
        block: Option<Blob<BLOCK_BYTES_MAX>>,
    ) -> Result<Self, CodecError> {
        Ok(Self {
            height: value.height.0,
            round: chain_round(value.round).ok_or(CodecError::NilRound)?,
            pol_round: chain_round(value.valid_round),
            proposer: value.proposer.0,
            value: value.value.0,
            valid: value.validity.is_valid(),
            block,
        })
    }

    pub(super) fn value(&self) -> ProposedValue<ChainContext> {
        ProposedValue {
            height: ChainHeight(self.height),
            round: engine_round(Some(self.round)),
            valid_round: engine_round(self.pol_round),
            proposer: ValidatorAddress(self.proposer),
            value: BlockId(self.value),
            validity: Validity::from_bool(self.valid),
        }
    }
}
