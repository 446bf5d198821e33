//! The node's clock: the one that consensus goes by, so that a drill puts both off together.

pub use consensus::pacing::now;
