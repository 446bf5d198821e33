//! The remote signer: a validator's key in a process of its own, asked over mutual TLS for typed messages only.
//!
//! ```text
//! node                                          tb signer serve
//!   Client ── TLS, both show a certificate ──►  Server ── one at a time ──►  Keyholder
//!     Request::Vote(vote) …                                                   │ its own guard: durable before signed
//!     ◄──────────────── Answer::Signature, or a named Refusal ────────────────┘
//! ```
//!
//! Model
//! - [`message`] is what travels: a request names a *message* (a vote, a proposal, a heartbeat …), never bytes. The
//!   signer makes the signed bytes itself, for the one chain that it was started with.
//! - [`keyholder`] decides and signs, without network or clock. It is the place to read for what a stolen node can ask.
//! - [`server`] and [`client`] carry messages over blocking sockets with a deadline for each: a handful of connections
//!   that ask one question at a time need no runtime, and a key needs no more code around it than that.
//! - [`discovery`] finds addresses of signers. An address is no trust: that comes from the certificates.
//! - [`certificates`] makes them: an authority that is thrown away after it vouched for one signer and one node.
//!
//! Rules
//! - Every length, wait and number of connections has a bound with a name.
//! - No answer in time is no signature: the node abstains.
//!
//! Read next: [`message`], [`keyholder`], then `spec/signer.md`.

pub mod certificates;
pub mod client;
pub mod discovery;
mod guests;
pub mod keyholder;
pub mod message;
pub mod server;
mod timed;

#[cfg(test)]
mod tests;

pub use client::{Client, ClientError, ClientSettings};
pub use keyholder::{Keyholder, Limits};
pub use message::{Answer, Logged, Refusal, RefusalCode, Request, Welcome};
pub use rustls::ServerConfig;
pub use server::{News, Server};

/// The port of a signer, TCP for requests and UDP for discovery.
pub const PORT: u16 = 26_600;
/// What both sides agree on in the TLS handshake: the name carries the version of the messages.
pub const PROTOCOL: &[u8] = b"the-block-signer/1";
