//! The HTTP server of a node: JSON over HTTP, JSON-RPC 2.0 at `/rpc`, event streams, Prometheus.
//!
//! ```text
//! connections ─► http (span, time limit, panics, counting) ─► origin, auth ─► query ─► one function per question
//!                  └─ jsonrpc (batches) ───────────────────────────────┘          │ Server::read
//! hub ◄─ notices of stages          streams, waits ◄─ hub                          ▼ blocking thread
//!                                                                         store · chain lock · submit
//! ```
//!
//! Rules
//! - Handlers only translate: request → question → view of the `rpc` crate. What is said lives there.
//! - The table `rpc::ROUTES` is mounted as a whole and nothing else is. Handlers are found by matching on the
//!   operation without a wildcard, so a route without a handler does not compile.
//! - Disk, the chain lock and signatures are touched on blocking threads only ([`server::Server::read`]); the
//!   chain lock is never held across an await.
//! - Everything is bounded by a named constant: connections, bodies, questions at work, waits, streams, replies.
//! - Every refusal is `{error, code, hint}`. A panic costs its request only, and is counted as status 500.
//!
//! Read next: [`http`], then [`query`], then `rpc/src/routes.rs`.

mod accounts;
mod audits;
mod auth;
mod blocks;
pub mod body;
mod connections;
mod door;
pub mod errors;
pub mod health;
pub mod http;
mod hub;
mod jsonrpc;
mod lottery;
mod metrics;
mod origin;
mod pipeline;
mod places;
mod proofs;
mod provers;
mod proving;
mod pruning;
mod query;
mod rebuilt;
pub mod server;
mod snapshots;
mod staking;
mod standing;
mod status;
mod streams;
mod transactions;
pub mod ui;
mod upkeep;
pub mod writes;

pub use connections::{Serving, Tls, serve, serve_at};
pub use door::Door;
pub use metrics::scrape;
