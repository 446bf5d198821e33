//! Bounds of the API, each with its unit. `GET /status/limits` shows them ([`crate::types::Limits`]).
//!
//! A value that a client may not exceed and a value that a server may not exceed are the same constant.

use std::time::Duration;

use primitives::transaction::{PROOF_TRANSACTION_BYTES_MAX, TRANSACTION_BYTES_MAX};

/// Largest request body in bytes: a full batch of ordinary transactions, or [`BATCH_MAX`] / 3 of the largest.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Largest request body of the one route that takes transactions with proofs, bytes: the longest of them in hexadecimal,
/// and what is around it. A node whose `max_proof_size_bytes` is less takes less.
pub const SUBMISSION_BYTES_MAX: usize = submission_bytes(PROOF_TRANSACTION_BYTES_MAX);
/// Longest head of a request, bytes: request line and headers, as they are written in HTTP/1.1.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of arrays and objects in a request.
pub const JSON_DEPTH_MAX: usize = 32;
/// Most calls in one JSON-RPC batch.
pub const BATCH_MAX: usize = 100;
/// Entries of a page when the request names no limit.
pub const PAGE_DEFAULT: u32 = 20;
/// Most entries of a page; a higher limit is refused.
pub const PAGE_MAX: u32 = 100;
/// Most hashes and most senders that the mempool status lists per queue.
pub const QUEUE_VIEW_MAX: usize = 100;
/// Ledger operations of a page when the request names no limit.
pub const OPERATIONS_DEFAULT: u64 = 4_096;
/// Most ledger operations of a page; a higher limit is cut.
pub const OPERATIONS_MAX: u64 = 16_384;
/// Largest window proof, bytes; a node may take less (`max_proof_size_bytes`).
pub const PROOF_REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a wait request waits when it names no timeout, milliseconds.
pub const WAIT_DEFAULT_MS: u64 = 10_000;
/// Longest wait of one request, milliseconds; a higher timeout is refused.
pub const WAIT_MAX_MS: u64 = 60_000;
/// Shortest and longest time after which a browser without scripts asks for the page of a node again, seconds.
pub const REFRESH_SECONDS: (u64, u64) = (2, 3_600);
/// Most open event streams of one node, whatever its `rpc.connections_max`.
pub const STREAMS_MAX: usize = 256;
/// Most events that wait for one slow reader before its stream is closed.
pub const STREAM_QUEUE_MAX: usize = 256;
/// A server sends a comment on an idle stream this often.
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A client gives a stream up after this much silence (three missed comments).
pub const STREAM_SILENCE_MAX: Duration = Duration::from_secs(30);
/// A client of the stream of heads opens it again after this much silence: a beat is missing.
pub const HEAD_SILENCE_MAX: Duration = Duration::from_secs(15);
/// Shortest and longest pause before it is opened again; it doubles from one failure to the next.
pub const HEAD_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Largest event of a stream in bytes.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// Largest reply a client reads, bytes: the ids of the largest block fit.
pub const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest plan of a state sync a client reads, bytes: a largest manifest in Base64, and its list of chunks.
pub const PLAN_REPLY_BYTES_MAX: usize = 40 * 1024 * 1024;
/// Largest body of a block a client reads, bytes: a largest block with all that is kept of it, in Base64.
pub const BODY_REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest chunk of a state sync a client reads, bytes: a largest file in Base64.
pub const CHUNK_REPLY_BYTES_MAX: usize = 6 * 1024 * 1024;
/// How long a client waits for a snapshot to be made.
pub const SNAPSHOT_TIME_MAX: Duration = Duration::from_secs(600);
/// Largest genesis file a client reads, bytes.
pub const GENESIS_REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of a request that hands in a transaction of so many bytes, at most.
pub const fn submission_bytes(transaction_bytes: usize) -> usize {
    transaction_bytes.saturating_mul(2).saturating_add(1024)
}

const _: () = assert!(REQUEST_BYTES_MAX < SUBMISSION_BYTES_MAX, "a proof is the longest thing that is handed in");
const _: () = assert!(REQUEST_BYTES_MAX > 2 * TRANSACTION_BYTES_MAX + 1024, "one largest transaction in hex must fit");
const _: () = assert!(PAGE_DEFAULT <= PAGE_MAX, "the default page must be allowed");
const _: () = assert!(WAIT_DEFAULT_MS <= WAIT_MAX_MS, "the default wait must be allowed");
