//! Places where a test stops the process around the sync of the write-ahead log, to show that every rule holds
//! afterwards.
//!
//! ```text
//! inputs logged ─► BeforeSync ─► log synced ─► AfterSync ─► guard records and syncs ─► message sent
//! ```
//! The points inside the guard are `wallet::signer::GuardCrashPoint`; its last one lies between guard and network.

use std::fmt;
use std::str::FromStr;

/// A place around the sync of the write-ahead log where the process aborts when the point is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalCrashPoint {
    /// What led to a vote is handed to the operating system and not yet synced.
    BeforeSync,
    /// It is durable, and the guard has not been asked.
    AfterSync,
}

/// Text that names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such crash point; there are wal_before_sync and wal_after_sync")]
pub struct WalCrashPointError;

impl WalCrashPoint {
    /// Both points, in the order in which they are passed.
    pub const ALL: [Self; 2] = [Self::BeforeSync, Self::AfterSync];

    /// The name used in commands and tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeSync => "wal_before_sync",
            Self::AfterSync => "wal_after_sync",
        }
    }

    /// Aborts the process, as a power cut would, when `armed` is this point.
    pub(crate) fn pass(self, armed: Option<Self>) {
        if armed == Some(self) {
            std::process::abort();
        }
    }
}

impl fmt::Display for WalCrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for WalCrashPoint {
    type Err = WalCrashPointError;
    fn from_str(text: &str) -> Result<Self, WalCrashPointError> {
        Self::ALL.into_iter().find(|point| point.name() == text).ok_or(WalCrashPointError)
    }
}
