//! Blocks assembled from proposal parts.
//!
//! ```text
//! part ─► stream (publisher, stream id) ─► whole ─► judged now, or held until its height starts
//! ```
//! Rules
//! - Parts are grouped by the peer that published them, whoever relayed them.
//! - Before its first part, a stream may hold [`EARLY_PARTS_MAX`] parts; after it, exactly what the proposer
//!   signed for. A first part without a valid signature of a possible proposer ends the stream.
//! - Streams of later heights are kept, up to [`HEIGHTS_AHEAD_MAX`]: finalizing forgets only what is past.
//! - A publisher over [`PUBLISHER_STREAMS_MAX`] loses its own oldest stream; when all streams or all bytes
//!   are taken, the newcomer is refused.

use std::collections::BTreeMap;

use arc_malachitebft_app_channel::app::streaming::{StreamId, StreamMessage};
use arc_malachitebft_app_channel::app::types::PeerId;
use bytes::{Bytes, BytesMut};
use primitives::Height;
use primitives::block::BLOCK_BYTES_MAX;

use crate::types::{PART_BYTES_MAX, ProposalInit, ProposalPart};

/// Most streams at once.
pub const STREAMS_MAX: usize = 128;
/// Most streams of one publisher.
pub const PUBLISHER_STREAMS_MAX: usize = 16;
/// Most parts a stream may hold before its first part arrives.
pub const EARLY_PARTS_MAX: usize = 16;
/// Most bytes in all streams and held blocks together.
pub const STREAM_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How far above the last finalized height a stream may be.
pub const HEIGHTS_AHEAD_MAX: u64 = 16;
/// Most whole blocks held for later heights.
pub const HELD_MAX: usize = 32;

/// Who opened a stream, and its number there.
pub type StreamKey = (PeerId, StreamId);

/// A whole proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The proposer's signed offer.
    pub init: ProposalInit,
    /// The block's bytes.
    pub bytes: Bytes,
}

/// Why a part was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartRefused {
    /// For a finalized height, or too far ahead.
    #[error("height {0} is finalized or too far ahead")]
    Height(Height),
    /// Not signed by a possible proposer of its round.
    #[error("the proposal is not signed by a proposer of its round")]
    Proposer,
    /// Not where or as long as the first part said.
    #[error("the part does not fit its stream")]
    Shape,
    /// A bound of the module header.
    #[error("no room for another stream or part")]
    Full,
}

#[derive(Debug, Default)]
struct Stream {
    init: Option<ProposalInit>,
    data: BTreeMap<u64, Bytes>,
    bytes: usize,
    opened: u64,
    /// How many finalized heights an unopened stream has outlived.
    idle: u32,
}

/// All streams of parts, and the whole blocks of later heights.
#[derive(Debug, Default)]
pub struct Streams {
    streams: BTreeMap<StreamKey, Stream>,
    held: BTreeMap<Height, Vec<Assembled>>,
    bytes: usize,
    opened: u64,
}

impl Streams {
    /// Takes one part. `finalized` is the last finalized height; `is_offer` tells whether a first part is
    /// signed by a possible proposer. Returns the proposal once it is whole.
    ///
    /// # Errors
    /// [`PartRefused`]; a part that breaks its stream's shape takes the stream with it.
    pub fn insert(
        &mut self,
        key: StreamKey,
        message: StreamMessage<ProposalPart>,
        finalized: Height,
        is_offer: impl FnOnce(&ProposalInit) -> bool,
    ) -> Result<Option<Assembled>, PartRefused> {
        let sequence = message.sequence;
        let Some(part) = message.content.into_data() else { return Ok(None) };
        self.open(&key)?;
        let outcome = match part {
            ProposalPart::Init(init) => self.insert_init(&key, sequence, init, finalized, is_offer),
            ProposalPart::Data { last, bytes } => self.insert_data(&key, sequence, last, bytes.into_bytes()),
        };
        if outcome.is_err() {
            self.close(&key);
        }
        outcome?;
        Ok(self.assemble(&key))
    }

    /// Keeps a whole proposal of a later height; false when there is no room.
    pub fn hold(&mut self, proposal: Assembled) -> bool {
        if self.held() >= HELD_MAX || self.bytes.saturating_add(proposal.bytes.len()) > STREAM_BYTES_MAX {
            return false;
        }
        self.bytes = self.bytes.saturating_add(proposal.bytes.len());
        self.held.entry(proposal.init.proposal.height).or_default().push(proposal);
        true
    }

    /// Hands out the whole proposals of `height`.
    pub fn take(&mut self, height: Height) -> Vec<Assembled> {
        let taken = self.held.remove(&height).unwrap_or_default();
        self.bytes = taken.iter().fold(self.bytes, |bytes, proposal| bytes.saturating_sub(proposal.bytes.len()));
        taken
    }

    /// Forgets finalized heights, and streams that never opened.
    pub fn prune(&mut self, finalized: Height) {
        /// Heights that a stream may wait for its first part.
        const IDLE_MAX: u32 = 4;
        self.streams.retain(|_, stream| match &stream.init {
            Some(init) => init.proposal.height > finalized,
            None => {
                stream.idle = stream.idle.saturating_add(1);
                stream.idle <= IDLE_MAX
            }
        });
        self.held.retain(|height, _| *height > finalized);
        let held = self.held.values().flatten().map(|proposal| proposal.bytes.len());
        self.bytes = self.streams.values().map(|stream| stream.bytes).chain(held).sum();
    }

    /// How many streams are open.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whole blocks that are held for later heights.
    pub fn held(&self) -> usize {
        self.held.values().map(Vec::len).sum()
    }

    /// Bytes of all streams and held blocks.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True when no stream is open.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    fn open(&mut self, key: &StreamKey) -> Result<(), PartRefused> {
        if self.streams.contains_key(key) {
            return Ok(());
        }
        let own = || self.streams.iter().filter(|((publisher, _), _)| *publisher == key.0);
        if own().count() >= PUBLISHER_STREAMS_MAX {
            let oldest = own().min_by_key(|(_, stream)| stream.opened).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.close(&oldest);
            }
        }
        if self.streams.len() >= STREAMS_MAX {
            return Err(PartRefused::Full);
        }
        self.opened = self.opened.saturating_add(1);
        self.streams.insert(key.clone(), Stream { opened: self.opened, ..Stream::default() });
        Ok(())
    }

    fn close(&mut self, key: &StreamKey) {
        if let Some(stream) = self.streams.remove(key) {
            self.bytes = self.bytes.saturating_sub(stream.bytes);
        }
    }

    fn insert_init(
        &mut self,
        key: &StreamKey,
        sequence: u64,
        init: ProposalInit,
        finalized: Height,
        is_offer: impl FnOnce(&ProposalInit) -> bool,
    ) -> Result<(), PartRefused> {
        let height = init.proposal.height;
        if height <= finalized || height.0.saturating_sub(finalized.0) > HEIGHTS_AHEAD_MAX {
            return Err(PartRefused::Height(height));
        }
        let stream = self.streams.get_mut(key).ok_or(PartRefused::Full)?;
        if sequence != 0 || init.data_parts().is_none() || stream.init.is_some_and(|known| known != init) {
            return Err(PartRefused::Shape);
        }
        if !is_offer(&init) {
            return Err(PartRefused::Proposer);
        }
        stream.init = Some(init);
        let fits = stream.data.iter().all(|(sequence, bytes)| is_piece(&init, *sequence, bytes.len()));
        if fits { Ok(()) } else { Err(PartRefused::Shape) }
    }

    fn insert_data(&mut self, key: &StreamKey, sequence: u64, last: bool, bytes: Bytes) -> Result<(), PartRefused> {
        let stream = self.streams.get_mut(key).ok_or(PartRefused::Full)?;
        let fits = match &stream.init {
            Some(init) => is_piece(init, sequence, bytes.len()) && last == (init.data_parts() == Some(sequence)),
            None => stream.data.len() < EARLY_PARTS_MAX && is_early_piece(sequence),
        };
        if !fits {
            return Err(PartRefused::Shape);
        }
        if stream.data.contains_key(&sequence) {
            return Ok(());
        }
        if self.bytes.saturating_add(bytes.len()) > STREAM_BYTES_MAX {
            return Err(PartRefused::Full);
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        stream.bytes = stream.bytes.saturating_add(bytes.len());
        stream.data.insert(sequence, bytes);
        Ok(())
    }

    fn assemble(&mut self, key: &StreamKey) -> Option<Assembled> {
        let stream = self.streams.get(key)?;
        let init = stream.init?;
        let parts = usize::try_from(init.data_parts()?).ok()?;
        if stream.data.len() < parts {
            return None;
        }
        let mut bytes = BytesMut::with_capacity(stream.bytes);
        for piece in stream.data.values() {
            bytes.extend_from_slice(piece);
        }
        self.close(key);
        Some(Assembled { init, bytes: bytes.freeze() })
    }
}

/// True when a data part of this length belongs at this place of the stream.
fn is_piece(init: &ProposalInit, sequence: u64, length: usize) -> bool {
    let (Some(parts), Ok(total)) = (init.data_parts(), usize::try_from(init.bytes)) else { return false };
    let rest = total % PART_BYTES_MAX;
    let last = if rest == 0 { PART_BYTES_MAX } else { rest };
    sequence >= 1 && sequence <= parts && length == if sequence == parts { last } else { PART_BYTES_MAX }
}

/// True when some stream has a data part at this place.
fn is_early_piece(sequence: u64) -> bool {
    let parts = u64::try_from(BLOCK_BYTES_MAX.div_ceil(PART_BYTES_MAX)).unwrap_or(u64::MAX);
    sequence >= 1 && sequence <= parts
}

/// Cuts a block into the messages of one stream.
pub fn parts_of(id: &StreamId, init: ProposalInit, block: &Bytes) -> Vec<StreamMessage<ProposalPart>> {
    use arc_malachitebft_app_channel::app::streaming::StreamContent;

    let message = |sequence, part| StreamMessage::new(id.clone(), sequence, StreamContent::Data(part));
    let mut messages = vec![message(0, ProposalPart::Init(init))];
    let (mut start, mut sequence) = (0, 0_u64);
    while start < block.len() {
        let end = block.len().min(start.saturating_add(PART_BYTES_MAX));
        sequence = sequence.saturating_add(1);
        let bytes = crate::codec::Blob::new(block.slice(start..end)).expect("a piece is at most PART_BYTES_MAX");
        messages.push(message(sequence, ProposalPart::Data { last: end == block.len(), bytes }));
        start = end;
    }
    messages
}
