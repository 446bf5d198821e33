//! The API contract of a node: routes, types, error codes, a typed client and the generated descriptions.
//!
//! ```text
//!              ┌────────── routes (one table) ──────────┐
//!   node ◄─────┤ types · error codes · limits           ├─────► docs/openapi.json
//! (handlers)   └──────────────┬─────────────────────────┘       docs/openrpc.json
//!                             ▼
//!                    client ◄── command line, programs
//! ```
//!
//! Rules
//! - One table of routes ([`routes::ROUTES`]) feeds the server, the client, OpenAPI, OpenRPC and JSON-RPC.
//! - One table of error codes ([`error`]) gives each code its HTTP status, JSON-RPC number and exit code.
//! - Names are only added, never renamed. Requests refuse unknown fields; readers of replies ignore them.
//! - Amounts are integers in µBLOCK, times are milliseconds since the Unix epoch, hashes and keys are
//!   hexadecimal, addresses are bech32m.
//! - This crate holds no handler, no socket that listens and no clock. Those are in `node/src/rpc`.
//!
//! Read next: [`routes`], then [`types`], then `node/src/rpc/`.

pub mod client;
pub mod display;
pub mod error;
pub mod exit_codes;
pub mod json;
pub mod jsonrpc;
pub mod limits;
pub mod openapi;
pub mod openrpc;
pub mod rate;
mod route;
pub mod routes;
pub mod schema;
pub mod tls;
pub mod types;

#[cfg(test)]
mod tests;

pub use client::{Client, ClientConfig, ClientError};
pub use error::{ApiError, ErrorCode};
pub use exit_codes::ExitCode;
pub use openapi::openapi_json;
pub use openrpc::openrpc_json;
pub use routes::{Operation, ROUTES, Route};
