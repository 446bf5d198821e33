//! Identity: registered subjects with keys and attestations.
//!
//! Read next: [`block`], `spec/identity.md`.

pub mod block;
pub mod execute;
