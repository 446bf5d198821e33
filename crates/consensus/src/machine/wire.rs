//! Between bytes and what the core takes, and the forging of messages for dishonest validators.

use arc_malachitebft_app_channel::app::consensus::{Input, LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::StreamId;
use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::codec::Codec;
use arc_malachitebft_app_channel::app::types::core::{SignedMessage, ValueOrigin};
use arc_malachitebft_app_channel::app::types::sync::{RawDecidedValue, Response};
use arc_malachitebft_sync::ValueResponse as SyncAnswer;
use bytes::Bytes;
use primitives::{Height, Proposal, Signature, Vote};

use super::effects::Work;
use super::{Channel, EffectHost, LogEntry};
use crate::codec::{CodecError, NetworkCodec};
use crate::context::ChainContext;
use crate::streaming::parts_of;
use crate::types::{ChainHeight, ProposalInit, ProposalMessage, ProposalPart, VoteMessage};
use crate::vote_queue::VoteQueue;

/// The engine's name for the peer with this number.
pub(super) fn peer_id(number: u16) -> PeerId {
    let [high, low] = number.to_be_bytes();
    // An identity multihash of two bytes: code, length, bytes.
    PeerId::from_bytes(&[0, 2, high, low]).expect("two bytes are an identity multihash")
}

fn codec() -> NetworkCodec {
    NetworkCodec::new(VoteQueue::new(1))
}

/// A signed vote in its network form.
///
/// # Errors
/// [`CodecError::Withheld`] for the signature that stands for a refusal.
pub fn encode_vote(vote: Vote, signature: Signature) -> Result<Bytes, CodecError> {
    codec().encode(&SignedConsensusMsg::Vote(SignedMessage::new(VoteMessage::from(vote), signature)))
}

/// A signed proposal in its network form.
///
/// # Errors
/// [`CodecError::Withheld`] for the signature that stands for a refusal.
pub fn encode_proposal(proposal: Proposal, signature: Signature) -> Result<Bytes, CodecError> {
    codec().encode(&SignedConsensusMsg::Proposal(SignedMessage::new(ProposalMessage::from(proposal), signature)))
}

/// The vote in these bytes of the consensus channel, if they are one.
pub fn decode_vote(bytes: &Bytes) -> Option<Vote> {
    match codec().decode(bytes.clone()).ok()? {
        SignedConsensusMsg::Vote(vote) => vote.message.signed(),
        SignedConsensusMsg::Proposal(_) => None,
    }
}

/// A signed offer with its block as the parts of one stream, in their network form. `stream` must be new.
///
/// # Errors
/// [`CodecError::TooLong`] for more than a block.
pub fn encode_parts(init: ProposalInit, block: &Bytes, stream: u64) -> Result<Vec<Bytes>, CodecError> {
    let _ = init.data_parts().ok_or(CodecError::TooLong)?;
    let id = StreamId::new(Bytes::copy_from_slice(&stream.to_le_bytes()));
    parts_of(&id, init, block).iter().map(|part| codec().encode(part)).collect()
}

impl EffectHost {
    pub(super) fn decode(&self, from: u16, channel: Channel, bytes: &Bytes) -> Option<Work> {
        let (codec, bytes) = (&self.network_codec, bytes.clone());
        let work = match channel {
            Channel::Consensus => Work::Input(match codec.decode(bytes).ok()? {
                SignedConsensusMsg::Vote(vote) => Input::Vote(vote),
                SignedConsensusMsg::Proposal(offer) => Input::Proposal(offer),
            }),
            Channel::Liveness => Work::Input(match codec.decode(bytes).ok()? {
                LivenessMsg::Vote(vote) => Input::Vote(vote),
                LivenessMsg::PolkaCertificate(polka) => Input::PolkaCertificate(polka),
                LivenessMsg::SkipRoundCertificate(certificate) => Input::RoundCertificate(certificate),
            }),
            Channel::Parts => Work::Part(from, codec.decode(bytes).ok()?),
        };
        Some(work)
    }

    pub(super) fn encode_part(
        &self,
        part: &arc_malachitebft_app_channel::app::streaming::StreamMessage<ProposalPart>,
    ) -> Option<Bytes> {
        self.network_codec.encode(part).ok()
    }

    pub(super) fn encode_answer(&self, first: Height, values: Vec<RawDecidedValue<ChainContext>>) -> Option<Bytes> {
        let answer = Response::ValueResponse(SyncAnswer::new(ChainHeight(first), values));
        self.network_codec.encode(&answer).ok()
    }

    pub(super) fn decode_answer(&self, bytes: &Bytes) -> Vec<RawDecidedValue<ChainContext>> {
        match self.network_codec.decode(bytes.clone()) {
            Ok(Response::ValueResponse(answer)) => answer.values,
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn decode_log(&self, entry: &LogEntry) -> Result<Input<ChainContext>, CodecError> {
        let codec = &self.wal_codec;
        Ok(match entry {
            LogEntry::Message(bytes) => match codec.decode(bytes.clone())? {
                SignedConsensusMsg::Vote(vote) => Input::Vote(vote),
                SignedConsensusMsg::Proposal(offer) => Input::Proposal(offer),
            },
            LogEntry::Offer(bytes) => Input::ProposedValue(codec.decode(bytes.clone())?, ValueOrigin::Consensus),
            LogEntry::Polka(bytes) => Input::PolkaCertificate(codec.decode(bytes.clone())?),
            LogEntry::Timeout(timer) => Input::TimeoutElapsed(timer.0),
        })
    }
}
