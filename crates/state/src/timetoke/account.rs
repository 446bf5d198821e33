//! One subject's hours: crediting whole windows and decay. Implements TTK-1, TTK-2, TTK-15, TTK-16.
//!
//! Pure: block time comes in, a new record comes out. Invariants: `hours ≤ cap_hours`; a window is settled once; the
//! hours that are read never exceed what the good windows gave.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::Timestamp;
use primitives::params::TimetokeParams;

/// Milliseconds in a second.
const MS: u64 = 1_000;
/// Parts per million in one.
const PPM: u64 = 1_000_000;

/// What a subject has earned and what it is earning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Timetoke {
    /// Whole hours at `accrued_at`.
    pub hours: u64,
    /// End of the last window that was credited; decay counts from here.
    pub accrued_at: Timestamp,
    /// The window of the tally.
    pub window: u64,
    /// Challenges of that window that were answered.
    pub answers: u64,
    /// The last challenge that was answered.
    pub last_challenge: Option<u64>,
}

/// The window that `time` lies in (TTK-1).
pub fn window_at(params: &TimetokeParams, time: Timestamp) -> u64 {
    time.0 / params.window_seconds.saturating_mul(MS).max(1)
}

/// The number of the challenge in whose time `time` lies (TTK-2).
pub fn challenge_at(params: &TimetokeParams, time: Timestamp) -> u64 {
    let length = u128::from(params.window_seconds.saturating_mul(MS).max(1));
    let number = u128::from(time.0) * u128::from(params.challenges_per_window) / length;
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The window that challenge `number` belongs to.
pub fn window_of(params: &TimetokeParams, number: u64) -> u64 {
    number / params.challenges_per_window.max(1)
}

/// Answers that make a window good (TTK-15), rounded up against the subject.
pub fn answers_needed(params: &TimetokeParams) -> u64 {
    params.challenges_per_window.saturating_mul(params.participation_min_ppm).div_ceil(PPM)
}

impl Timetoke {
    /// The record after every window before `window` was settled (TTK-15).
    pub fn settled(self, params: &TimetokeParams, window: u64) -> Self {
        if self.window >= window {
            return self;
        }
        let mut settled = Self { window, answers: 0, ..self };
        if self.answers >= answers_needed(params) {
            let end = Timestamp(self.window.saturating_add(1).saturating_mul(params.window_seconds.saturating_mul(MS)));
            let credit = params.window_seconds / params.hour_seconds.max(1);
            let kept = self.decayed(params, end);
            settled.hours = kept.saturating_add(credit).min(params.cap_hours);
            settled.accrued_at = end;
        }
        settled
    }

    /// The record after challenge `number` was answered.
    pub fn answered(self, params: &TimetokeParams, number: u64) -> Self {
        let mut record = self.settled(params, window_of(params, number));
        record.answers = record.answers.saturating_add(1);
        record.last_challenge = Some(number);
        record
    }

    /// The hours that count at `now`: settled, then decayed (TTK-16).
    pub fn hours_at(self, params: &TimetokeParams, now: Timestamp) -> u64 {
        self.settled(params, window_at(params, now)).decayed(params, now)
    }

    /// The first time after `now` at which [`Self::hours_at`] may differ although nothing is written: the end of a window that is good
    /// already, or the next hour of decay. `None` when time alone changes nothing any more.
    pub fn next_change(self, params: &TimetokeParams, now: Timestamp) -> Option<Timestamp> {
        let record = self.settled(params, window_at(params, now));
        let length = params.window_seconds.saturating_mul(MS);
        let is_good = record.answers >= answers_needed(params);
        let credit = is_good.then(|| Timestamp(record.window.saturating_add(1).saturating_mul(length)));
        let day = params.decay_seconds.saturating_mul(MS).max(1);
        let lost = now.since(record.accrued_at) / day;
        let decay = record.accrued_at.plus(lost.saturating_add(1).saturating_mul(day));
        let decay = (record.decayed(params, now) > 0).then_some(decay);
        credit.into_iter().chain(decay).min()
    }

    fn decayed(self, params: &TimetokeParams, now: Timestamp) -> u64 {
        let day = params.decay_seconds.saturating_mul(MS).max(1);
        self.hours.min(params.cap_hours).saturating_sub(now.since(self.accrued_at) / day)
    }
}
