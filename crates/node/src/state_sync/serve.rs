//! What this node gives to peers that sync their state.
//!
//! Rules
//! - What is read is bounded by the network: few requests wait here at once, whoever asks.
//! - All that is given, to peers and over HTTP, is counted against one pace; who would wait too long is told to ask again.

use std::sync::Arc;
use std::time::Duration;

use p2p::{P2pHandle, QuestionId, SnapshotAnswer, SnapshotBytes, SnapshotRequest};
use primitives::{Height, encode};
use replica::Application;

use super::source::CertifiedParts;
use crate::shared::Shared;

/// Longest time that a piece waits for its turn before it is sent.
pub const WAIT_MAX: Duration = Duration::from_secs(5);

/// Answers one request.
pub async fn answer(shared: Arc<Shared>, network: P2pHandle, question: QuestionId, request: SnapshotRequest) {
    let reader = Arc::clone(&shared);
    let read = tokio::task::spawn_blocking(move || look(&reader, &request)).await;
    // A panic in there is our fault; the peer asks somebody else.
    let piece = read.unwrap_or_default().and_then(SnapshotBytes::new);
    let answer = match piece {
        None => SnapshotAnswer::Nothing,
        Some(piece) => match shared.sync.serve.pass(piece.len(), WAIT_MAX).await {
            Ok(()) => SnapshotAnswer::Piece(piece),
            Err(wait) => SnapshotAnswer::Busy(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
        },
    };
    network.answer_snapshot(question, answer);
}

fn look(shared: &Shared, request: &SnapshotRequest) -> Option<Vec<u8>> {
    match request {
        SnapshotRequest::Manifest => shared.snapshots.session().map(|snapshot| snapshot.manifest.to_bytes()),
        SnapshotRequest::Header(height) => certified(shared, *height),
        SnapshotRequest::Chunk(id) => {
            let (snapshot, _, entry) = shared.snapshots.find(id)?;
            let file = shared.snapshots.give(&snapshot, &entry);
            file.inspect_err(|error| tracing::error!(%error, "a chunk cannot be read")).ok()
        }
        SnapshotRequest::ChainProof => shared.store.chain_proof().ok().flatten().map(|(_, bytes)| bytes),
    }
}

fn certified(shared: &Shared, height: Height) -> Option<Vec<u8>> {
    let (header, certificate) = shared.store.header(height).ok()??;
    let electorate = shared.chain().ok()?.electorate(height)?;
    let parts: CertifiedParts = (header, certificate?, electorate.validators);
    Some(encode(&parts))
}
