//! Tests of the API contract, one file per topic. [`sample`] makes the chain values that they share.

mod alertmanager;
mod client;
mod display;
mod documents;
mod error;
mod json;
mod jsonrpc;
mod rate;
mod routes;
mod sample;
mod sse;
mod tls;
mod types;
