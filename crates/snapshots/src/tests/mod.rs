//! Tests of snapshots: copies of a real chain are restored and go on, and every altered one is refused by name.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, reason = "tests fail by panicking")]

mod chain;
mod damage;
mod faulty;
mod format;
mod mend;
mod refused;
mod repair;
mod shelf;
mod whole;
