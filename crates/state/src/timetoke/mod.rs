//! Timetoke: non-transferable credit for proven online time.
//!
//! Read next: [`block`], `spec/timetoke.md`.

pub mod block;
pub mod execute;
