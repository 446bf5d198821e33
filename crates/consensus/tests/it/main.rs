//! Tests of the consensus adapter that need no peers. Four engines run in `examples/net4.rs`.

mod codec;
mod context;
mod memory_chain;
mod queue;
mod room;
mod signer;
mod solo;
mod streaming;
mod wal;
