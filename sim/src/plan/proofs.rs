//! Proofs on chain: from when blocks take them, who makes them, and how many of them are bad.
//!
//! Model: with this key the gate `recursive_proofs` is on from some height and `consensus_enforcement` from another one, windows
//! are short, and provers bond, work for a while and hand in chain proofs. The proofs are stand-ins (`stand_in.rs`): a real one takes
//! minutes.

use serde::{Deserialize, Serialize};

/// Most provers of a plan.
pub const PROVERS_MAX: u16 = 16;

/// Proofs on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    /// How many provers there are.
    #[serde(default = "provers")]
    pub provers: u16,
    /// Heights of a window.
    #[serde(default = "window_heights")]
    pub window_heights: u64,
    /// Heights in which only the assigned prover may prove a window.
    #[serde(default = "turn_heights")]
    pub turn_heights: u64,
    /// How long a proof takes at most, milliseconds.
    #[serde(default = "work_ms")]
    pub work_ms: u64,
    /// How many of the proofs are bad, parts per million.
    #[serde(default = "bad_ppm")]
    pub bad_ppm: u32,
    /// The height from which on blocks take proofs.
    #[serde(default)]
    pub taken_from: u64,
    /// The height from which on blocks get lighter while proofs lag.
    #[serde(default)]
    pub enforced_from: u64,
}

const fn provers() -> u16 {
    4
}

const fn window_heights() -> u64 {
    4
}

const fn turn_heights() -> u64 {
    4
}

const fn work_ms() -> u64 {
    4_000
}

const fn bad_ppm() -> u32 {
    200_000
}
