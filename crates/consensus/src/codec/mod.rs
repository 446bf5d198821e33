//! Codecs of the engine: network, value sync and WAL.
//!
//! Rules
//! - One canonical borsh encoding per message ([`wire`]); decoding refuses truncated and trailing bytes
//!   and what is over a bound, and never panics.
//! - [`NetworkCodec`] refuses to encode a withheld signature: that is how an abstaining node stays silent.
//!   It is also the door for what peers send for later heights ([`crate::vote_queue`]).
//! - [`WalCodec`] stores a proposed value together with its block, so that a replay after a crash can
//!   commit what it decides.

mod blob;
mod wire;

use arc_malachitebft_app_channel::app::consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use arc_malachitebft_app_channel::app::streaming::StreamMessage;
use arc_malachitebft_app_channel::app::types::codec::{Codec, HasEncodedLen};
use arc_malachitebft_app_channel::app::types::core::{PolkaCertificate, ValidatorProof};
use arc_malachitebft_app_channel::app::types::sync::{Request, Response, Status};
use bytes::Bytes;
use primitives::{DecodeError, Height, decode, encode};

pub use blob::Blob;
pub use wire::{PEER_ID_BYTES_MAX, STREAM_ID_BYTES_MAX, SYNC_VALUES_MAX};

use crate::blocks::ProposedBlocks;
use crate::context::ChainContext;
use crate::signer::LoggedMessage;
use crate::types::ProposalPart;
use crate::vote_queue::VoteQueue;
use wire::{Waits, Wire};

/// Why a message was not encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not the canonical encoding.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signer refused this message: it is kept to ourselves.
    #[error("the signature of this message was withheld: the node abstains")]
    Withheld,
    /// The nil round has no wire form.
    #[error("the message names no round")]
    NilRound,
    /// Over a bound.
    #[error("the message is over a bound of the wire format")]
    TooLong,
    /// The signatures of a certificate are in another order than that of their addresses.
    #[error("the signatures of a certificate are not sorted by address")]
    Unsorted,
    /// Not a peer id.
    #[error("the message names no peer")]
    BadPeer,
}

fn write<T, W: Wire<T>>(value: &T) -> Result<Bytes, CodecError> {
    Ok(encode(&W::of(value)?).into())
}

fn read<T, W: Wire<T>>(bytes: &[u8]) -> Result<T, CodecError> {
    decode::<W>(bytes)?.value()
}

/// Codec of everything that crosses the network.
#[derive(Debug, Clone)]
pub struct NetworkCodec {
    queue: Option<VoteQueue>,
}

impl NetworkCodec {
    /// A codec whose messages of later heights have to pass `queue`.
    pub fn new(queue: VoteQueue) -> Self {
        Self { queue: Some(queue) }
    }

    /// A codec for whoever reads messages and keeps none.
    pub fn reader() -> Self {
        Self { queue: None }
    }

    /// The message, when the engine may have it; otherwise the same message for a height that is over, which the
    /// engine drops. An error would do as well, but the engine logs each as bytes that its peer got wrong, and a peer
    /// that is ahead of us, or says a thing twice, has done nothing wrong.
    fn admit<M: Waits>(&self, message: M) -> M {
        let Some(queue) = &self.queue else { return message };
        let height = message.height();
        let arrival = queue.arrived(height, || message.id());
        if let Some(refusal) = arrival.refusal() {
            tracing::debug!(%height, refusal, "a message for a later height was refused");
        }
        if arrival.is_admitted() { message } else { message.of_height(Height::GENESIS) }
    }
}

macro_rules! network_codec {
    ($($message:ty => $wire:ty),+ $(,)?) => {$(
        impl Codec<$message> for NetworkCodec {
            type Error = CodecError;
            fn decode(&self, bytes: Bytes) -> Result<$message, CodecError> {
                read::<_, $wire>(&bytes)
            }
            fn encode(&self, message: &$message) -> Result<Bytes, CodecError> {
                write::<_, $wire>(message)
            }
        }
    )+};
}

network_codec! {
    ProposalPart => ProposalPart,
    StreamMessage<ProposalPart> => wire::Stream,
    ValidatorProof<ChainContext> => wire::Proof,
    Status<ChainContext> => wire::Tip,
    Request<ChainContext> => wire::Range,
    Response<ChainContext> => wire::Answer,
}

impl Codec<SignedConsensusMsg<ChainContext>> for NetworkCodec {
    type Error = CodecError;

    fn decode(&self, bytes: Bytes) -> Result<SignedConsensusMsg<ChainContext>, CodecError> {
        self.admit(decode::<wire::Message>(&bytes)?).value()
    }

    fn encode(&self, message: &SignedConsensusMsg<ChainContext>) -> Result<Bytes, CodecError> {
        write::<_, wire::Message>(message)
    }
}

impl Codec<LivenessMsg<ChainContext>> for NetworkCodec {
    type Error = CodecError;

    fn decode(&self, bytes: Bytes) -> Result<LivenessMsg<ChainContext>, CodecError> {
        match decode::<wire::Liveness>(&bytes)? {
            wire::Liveness::Vote(vote) => wire::Liveness::Vote(self.admit(vote)).value(),
            // The engine keeps no certificate for later.
            certificate => certificate.value(),
        }
    }

    fn encode(&self, message: &LivenessMsg<ChainContext>) -> Result<Bytes, CodecError> {
        write::<_, wire::Liveness>(message)
    }
}

impl HasEncodedLen<Response<ChainContext>> for NetworkCodec {
    fn encoded_len(&self, response: &Response<ChainContext>) -> Result<usize, CodecError> {
        let Response::ValueResponse(answer) = response;
        let mut length = size_of::<u64>() + size_of::<u32>();
        for value in &answer.values {
            let certificate = crate::certificate::from_engine(&value.certificate.trim_vote_extensions());
            let certificate = encode(&certificate.ok_or(CodecError::NilRound)?);
            length = length
                .saturating_add(size_of::<u32>())
                .saturating_add(value.value_bytes.len())
                .saturating_add(certificate.len());
        }
        Ok(length)
    }
}

/// Codec of the write-ahead log.
#[derive(Debug, Clone)]
pub struct WalCodec {
    blocks: ProposedBlocks,
}

impl WalCodec {
    /// A codec that takes blocks from, and on replay puts them back into, `blocks`.
    pub fn new(blocks: ProposedBlocks) -> Self {
        Self { blocks }
    }
}

impl Codec<SignedConsensusMsg<ChainContext>> for WalCodec {
    type Error = CodecError;

    fn decode(&self, bytes: Bytes) -> Result<SignedConsensusMsg<ChainContext>, CodecError> {
        read::<_, wire::Message>(&bytes)
    }

    fn encode(&self, message: &SignedConsensusMsg<ChainContext>) -> Result<Bytes, CodecError> {
        write::<_, wire::Message>(message)
    }
}

impl Codec<PolkaCertificate<ChainContext>> for WalCodec {
    type Error = CodecError;

    fn decode(&self, bytes: Bytes) -> Result<PolkaCertificate<ChainContext>, CodecError> {
        read::<_, wire::Polka>(&bytes)
    }

    fn encode(&self, polka: &PolkaCertificate<ChainContext>) -> Result<Bytes, CodecError> {
        write::<_, wire::Polka>(polka)
    }
}

impl Codec<ProposedValue<ChainContext>> for WalCodec {
    type Error = CodecError;

    fn decode(&self, bytes: Bytes) -> Result<ProposedValue<ChainContext>, CodecError> {
        let offer = decode::<wire::Offer>(&bytes)?;
        if let Some(block) = &offer.block {
            self.blocks.insert(offer.height, offer.value, block.clone().into_bytes());
        }
        Ok(offer.value())
    }

    fn encode(&self, value: &ProposedValue<ChainContext>) -> Result<Bytes, CodecError> {
        let block = match self.blocks.get(&value.value.0) {
            Some(bytes) => Some(Blob::new(bytes).ok_or(CodecError::TooLong)?),
            None => None,
        };
        Ok(encode(&wire::Offer::of(value, block)?).into())
    }
}

/// The message of one WAL payload, for the check of the log before it is opened.
pub(crate) fn wal_message(bytes: &[u8]) -> Result<LoggedMessage, CodecError> {
    Ok(match decode::<wire::Message>(bytes)? {
        wire::Message::Vote(vote) => LoggedMessage::Vote(vote.vote),
        wire::Message::Proposal { proposal, .. } => LoggedMessage::Proposal(proposal),
    })
}

/// The height that one WAL payload names: a proposed value's.
pub(crate) fn wal_offer_height(bytes: &[u8]) -> Result<Height, CodecError> {
    Ok(decode::<wire::Offer>(bytes)?.height)
}

/// As [`wal_offer_height`], for a polka.
pub(crate) fn wal_polka_height(bytes: &[u8]) -> Result<Height, CodecError> {
    Ok(decode::<wire::Polka>(bytes)?.height)
}
