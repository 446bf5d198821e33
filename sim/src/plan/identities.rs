//! Identities: who registers and answers, and what of the traffic is about it.
//!
//! Model: with this key the chain has short epochs and hours of six seconds, so that a run has many challenges, samples and
//! payouts. Accounts register, answer challenges, attest samples, claim and revoke; validators attest identities. The gates of
//! the witness network and of timetoke rewards open at some height of the run.

use serde::{Deserialize, Serialize};

/// Traffic of identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identities {
    /// How much of the traffic is about identities, parts per million.
    #[serde(default = "actions_ppm")]
    pub actions_ppm: u32,
    /// The height from which witnesses and timetoke are paid.
    #[serde(default)]
    pub paid_from: u64,
}

const fn actions_ppm() -> u32 {
    600_000
}
