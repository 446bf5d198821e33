//! Tests of the data, of the reader of expressions, and of the committed files.

mod alertmanager;
mod committed;
mod data;
mod map;
mod native;
mod pace;
mod prometheus_query;
mod promtool;
mod proofs;
mod query;
