//! The catalogue's rules, the text of `/metrics`, logs, readiness.

mod catalogue;
mod health;
mod logging;
mod process;
mod registry;
