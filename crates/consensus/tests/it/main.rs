//! Tests of the consensus adapter that need no network. Four engines run in `examples/net4.rs`.

mod codec;
mod context;
mod memory_chain;
mod queue;
mod signer;
mod solo;
mod streaming;
mod wal;
