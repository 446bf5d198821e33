//! Traffic that changes over time.
//!
//! Model: a phase lasts until the next one begins; before the first one, `traffic_per_second` transactions come in
//! even steps. Each of the twelve accounts has one transaction on its way at most, so a burst is at most that long.

use serde::{Deserialize, Serialize};

use super::check::PlanError;
use super::{FAULTS_MS_MAX, TRAFFIC_MAX};

/// How transactions come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pattern {
    /// In even steps.
    Steady {
        /// How many.
        per_second: u32,
    },
    /// Independently of each other: waiting times are geometric in steps of a millisecond.
    Poisson {
        /// How many, in the mean.
        per_second: u32,
    },
    /// Many at once, then none.
    Bursty {
        /// How many at once, a millisecond apart.
        burst: u32,
        /// From one burst to the next, milliseconds.
        every_ms: u64,
    },
    /// None.
    Idle,
}

impl Pattern {
    /// The names of all patterns.
    pub const KINDS: [&'static str; 4] = ["steady", "poisson", "bursty", "idle"];

    pub(super) fn check(&self) -> Result<(), PlanError> {
        let wrong = |name, value, rule| Err(PlanError::Bound { name, value, rule });
        match *self {
            Self::Steady { per_second } | Self::Poisson { per_second } if per_second > TRAFFIC_MAX => {
                wrong("per_second", u64::from(per_second), "at most 200")
            }
            Self::Bursty { burst, .. } if burst > TRAFFIC_MAX => wrong("burst", u64::from(burst), "at most 200"),
            Self::Bursty { every_ms, burst } if every_ms <= u64::from(burst) || every_ms > FAULTS_MS_MAX => {
                wrong("every_ms", every_ms, "more milliseconds than the burst has transactions, at most 24 hours")
            }
            _ => Ok(()),
        }
    }
}

/// A pattern and when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// When it begins, milliseconds.
    pub from_ms: u64,
    /// How transactions come from then on.
    pub traffic: Pattern,
}
