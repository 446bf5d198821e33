//! Places where a test stops the process while the guard writes, to show that every rule holds afterwards.

use std::fmt;
use std::str::FromStr;

/// A place in the guard's write where the process aborts when the point is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardCrashPoint {
    /// Nothing of the record is written.
    BeforeWrite,
    /// The record is handed to the operating system and not yet synced.
    AfterWrite,
    /// The record is durable and the signature is not yet returned.
    AfterSync,
}

/// Text that names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such crash point; there are guard_before_write, guard_after_write and guard_after_sync")]
pub struct GuardCrashPointError;

impl GuardCrashPoint {
    /// All points, in the order in which they are passed.
    pub const ALL: [Self; 3] = [Self::BeforeWrite, Self::AfterWrite, Self::AfterSync];

    /// The name used in commands and tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeWrite => "guard_before_write",
            Self::AfterWrite => "guard_after_write",
            Self::AfterSync => "guard_after_sync",
        }
    }

    /// Aborts the process, as a power cut would, when `armed` is this point.
    pub(super) fn pass(self, armed: Option<Self>) {
        if armed == Some(self) {
            std::process::abort();
        }
    }
}

impl fmt::Display for GuardCrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GuardCrashPoint {
    type Err = GuardCrashPointError;
    fn from_str(text: &str) -> Result<Self, GuardCrashPointError> {
        Self::ALL.into_iter().find(|point| point.name() == text).ok_or(GuardCrashPointError)
    }
}
