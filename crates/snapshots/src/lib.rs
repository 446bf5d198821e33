//! Snapshots: copies of the state after one finalized block, made while blocks go on, that anyone can check piece by
//! piece before using any of it.
//!
//! ```text
//!   store ── freeze ──► slots, module state ──► chunks ──► <dir>/.new-…/ ── sync, rename ──► <dir>/<height>-<id>/
//!                                                                                              │
//!   empty store ◄── initialise_at ◄── roots of the header ◄── each chunk against the header ◄──┘  or from strangers
//! ```
//!
//! Model: a [`Manifest`] holds the header with the certificate that decided it, and names every chunk by its hash. A
//! chunk is an aligned sub-tree of the ledger or of the module state and carries its path to the header's root, so it
//! is checked alone, in any order, before it is used ([`Manifest::check_chunk`]).
//!
//! Rules
//! - Two nodes that copy one height make the same chunks: only the time and the signature differ.
//! - The signature says which node made a copy. It is no reason to trust it: the certificate is.
//! - A snapshot is there whole or not at all: it is filled under another name, synced and renamed.
//! - Whatever is read has a bound before it is read: files, lists, decompressed bytes.
//! - Refusals name the chunk and what is wrong with it; nothing is used of a snapshot that is refused.
//!
//! It refuses to: decide whether a certificate is to be trusted (that is `proof::light`), copy blocks and receipts, fill
//! a store that holds anything.
//!
//! Read next: [`manifest`] and [`chunk`] (the format to the byte), [`shelf`] (files), [`make`], [`collect`], [`restore`], then
//! `spec/snapshots.md`.

pub mod chunk;
pub mod collect;
pub mod error;
pub mod make;
pub mod manifest;
pub mod restore;
pub mod shelf;
mod trust;

#[cfg(test)]
mod tests;

pub use chunk::Chunk;
pub use collect::Collection;
pub use error::SnapshotError;
pub use make::{Maker, Progress};
pub use manifest::{ChainProofReference, ChunkEntry, ChunkKind, Manifest};
pub use restore::restore;
pub use shelf::{Shelf, Snapshot};
pub use trust::{certifies, digest};
