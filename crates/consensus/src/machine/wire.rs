//! Between bytes and what the core takes, and the forging of messages for dishonest validators.

use arc_malachitebft_app_channel::app::consensus::{Input, LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::{StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::codec::Codec;
use arc_malachitebft_app_channel::app::types::core::{SignedMessage, ValueOrigin};
use arc_malachitebft_app_channel::app::types::sync::{RawDecidedValue, Response};
use arc_malachitebft_sync::ValueResponse as SyncAnswer;
use bytes::Bytes;
use primitives::{Hash, Height, Proposal, Signature, Vote};

use super::effects::Work;
use super::{Channel, EffectHost, LogEntry};
use crate::codec::{CodecError, NetworkCodec};
use crate::context::ChainContext;
use crate::streaming::parts_of;
use crate::types::{ChainHeight, ProposalInit, ProposalMessage, ProposalPart, VoteMessage};

/// The engine's name for the peer with this number.
pub(super) fn peer_id(number: u16) -> PeerId {
    let [high, low] = number.to_be_bytes();
    // An identity multihash of two bytes: code, length, bytes.
    PeerId::from_bytes(&[0, 2, high, low]).expect("two bytes are an identity multihash")
}

fn codec() -> NetworkCodec {
    NetworkCodec::reader()
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

/// A vote or proposal with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// A vote.
    Vote(Vote, Signature),
    /// A proposal.
    Proposal(Proposal, Signature),
}

/// The signed message in these bytes, if they are one.
pub fn decode_signed(channel: Channel, bytes: &Bytes) -> Option<Signed> {
    let vote =
        |vote: SignedMessage<ChainContext, VoteMessage>| Some(Signed::Vote(vote.message.signed()?, vote.signature));
    match channel {
        Channel::Consensus => match codec().decode(bytes.clone()).ok()? {
            SignedConsensusMsg::Vote(signed) => vote(signed),
            SignedConsensusMsg::Proposal(offer) => Some(Signed::Proposal(offer.message.signed()?, offer.signature)),
        },
        Channel::Liveness => match codec().decode(bytes.clone()).ok()? {
            LivenessMsg::Vote(signed) => vote(signed),
            LivenessMsg::PolkaCertificate(_) | LivenessMsg::SkipRoundCertificate(_) => None,
        },
        Channel::Parts => None,
    }
}

/// A message in words, for a log that people read.
pub fn describe(channel: Channel, bytes: &Bytes) -> String {
    if let Some(signed) = decode_signed(channel, bytes) {
        return match signed {
            Signed::Vote(vote, _) => {
                let value = vote.value.map_or_else(|| "nil".to_owned(), short);
                format!("{:?} {}/{} {value}", vote.kind, vote.height, vote.round).to_lowercase()
            }
            Signed::Proposal(offer, _) => {
                let pol = offer.pol_round.map_or_else(String::new, |round| format!(" with the polka of round {round}"));
                format!("proposal {}/{} {}{pol}", offer.height, offer.round, short(offer.value))
            }
        };
    }
    let name = match channel {
        Channel::Consensus => None,
        Channel::Liveness => match codec().decode(bytes.clone()) {
            Ok(LivenessMsg::PolkaCertificate(polka)) => {
                Some(format!("polka {}/{} {}", polka.height.0, polka.round, short(polka.value_id.0)))
            }
            Ok(LivenessMsg::SkipRoundCertificate(round)) => {
                Some(format!("round certificate {}/{}", round.height.0, round.round))
            }
            _ => None,
        },
        Channel::Parts => {
            let part: Result<StreamMessage<ProposalPart>, _> = codec().decode(bytes.clone());
            part.ok().map(|part| format!("part {} of a proposal", part.sequence))
        }
    };
    name.unwrap_or_else(|| format!("{} bytes that are no message", bytes.len()))
}

/// The beginning of a hash.
fn short(hash: Hash) -> String {
    hash.to_string().chars().take(8).collect()
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
