//! The catalogue's rules, the text of `/metrics`, logs, readiness.

mod catalogue;
mod health;
mod logging;
mod otlp;
mod process;
mod registry;
