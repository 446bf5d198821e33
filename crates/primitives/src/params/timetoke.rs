//! Governed values of the timetoke module. Rules in `spec/timetoke.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{PPM, ParamsError, range};

/// How online time is proven, kept and lost. Lengths are block time, so a devnet can shrink an hour to a second.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimetokeParams {
    /// One hour of credit, seconds.
    pub hour_seconds: u64,
    /// Length of a window, seconds; at least one hour.
    pub window_seconds: u64,
    /// Challenges in a window.
    pub challenges_per_window: u64,
    /// How long a challenge can be answered, seconds.
    pub answer_seconds: u64,
    /// Part of the challenges of a window (and of a validator's commits) that must be answered, ppm.
    pub participation_min_ppm: u64,
    /// Most hours anyone can hold.
    pub cap_hours: u64,
    /// One hour is lost for each of these since the last accrual, seconds.
    pub decay_seconds: u64,
    /// Least time between two publications of the root, seconds.
    pub sync_seconds: u64,
}

impl Default for TimetokeParams {
    fn default() -> Self {
        Self {
            hour_seconds: 3_600,
            window_seconds: 3_600,
            challenges_per_window: 6,
            answer_seconds: 300,
            participation_min_ppm: 800_000,
            cap_hours: 720,
            decay_seconds: 86_400,
            sync_seconds: 600,
        }
    }
}

impl TimetokeParams {
    /// Checks every bound and relation.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        range("timetoke.hour_seconds", self.hour_seconds, 1, 3_600, "1 to 3,600 seconds")?;
        let rule = "hour_seconds to 86,400 seconds";
        range("timetoke.window_seconds", self.window_seconds, self.hour_seconds, 86_400, rule)?;
        let challenges_max = self.window_seconds.min(60);
        let rule = "1 to 60, and at most one a second";
        range("timetoke.challenges_per_window", self.challenges_per_window, 1, challenges_max, rule)?;
        let answer_max = self.window_seconds / self.challenges_per_window;
        let rule = "1 second to window_seconds / challenges_per_window";
        range("timetoke.answer_seconds", self.answer_seconds, 1, answer_max, rule)?;
        let rule = "500,001 to 1,000,000 ppm: more than half";
        range("timetoke.participation_min_ppm", self.participation_min_ppm, 500_001, PPM, rule)?;
        range("timetoke.cap_hours", self.cap_hours, 1, 8_760, "1 to 8,760 hours")?;
        range("timetoke.decay_seconds", self.decay_seconds, 1, 31_536_000, "1 second to one year")?;
        range("timetoke.sync_seconds", self.sync_seconds, 1, 86_400, "1 to 86,400 seconds")
    }
}
