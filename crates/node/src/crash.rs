//! Crash points: the node dies at a named place, so that a test can show that every rule holds afterwards.
//!
//! Rules
//! - Only a chain whose name starts with [`CHAIN_PREFIX`] honours one; on any other chain the start is refused.
//! - The point is set before any work starts, and holds for the whole life of the process.
//!
//! Read next: `storage/src/crash.rs`, `consensus/src/crash.rs`, `wallet/src/signer/crash.rs`.

use std::str::FromStr;

use consensus::WalCrashPoint;
use primitives::Genesis;
use storage::CrashPoint;
use wallet::signer::GuardCrashPoint;

/// Names of the chains on which a node may be told to crash start with this.
pub const CHAIN_PREFIX: &str = "dev";

/// Where the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashAt {
    /// While the store writes.
    Storage(CrashPoint),
    /// While the double-sign guard writes.
    Guard(GuardCrashPoint),
    /// Around the sync of the consensus log, before the guard is asked.
    Wal(WalCrashPoint),
}

/// What the parts of the node have to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Armed {
    /// For the double-sign guard.
    pub guard: Option<GuardCrashPoint>,
    /// For the consensus log.
    pub wal: Option<WalCrashPoint>,
}

/// Why a crash point is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrashAtError {
    /// Text that names no point.
    #[error("{0} is no crash point; use one of {points}", points = names().join(", "))]
    Unknown(String),
    /// A chain that people may rely on.
    #[error(
        "a crash point was asked for on the chain {0}; leave --crash-at out, only chains named {CHAIN_PREFIX}… take it"
    )]
    Chain(String),
}

/// Every name of a point.
fn names() -> Vec<&'static str> {
    let storage = CrashPoint::all().map(CrashPoint::name);
    let wal = WalCrashPoint::ALL.into_iter().map(WalCrashPoint::name);
    storage.chain(wal).chain(GuardCrashPoint::ALL.into_iter().map(GuardCrashPoint::name)).collect()
}

impl FromStr for CrashAt {
    type Err = CrashAtError;
    fn from_str(text: &str) -> Result<Self, CrashAtError> {
        let storage = text.parse().map(Self::Storage).ok();
        let wal = || text.parse().map(Self::Wal).ok();
        let guard = || text.parse().map(Self::Guard).ok();
        storage.or_else(wal).or_else(guard).ok_or_else(|| CrashAtError::Unknown(text.to_owned()))
    }
}

/// Sets the point `text` for this process, and gives what the parts of the node have to be told.
///
/// # Errors
/// [`CrashAtError`].
pub fn arm(text: Option<&str>, genesis: &Genesis) -> Result<Armed, CrashAtError> {
    let Some(text) = text else { return Ok(Armed::default()) };
    if !genesis.chain_id.starts_with(CHAIN_PREFIX) {
        return Err(CrashAtError::Chain(genesis.chain_id.clone()));
    }
    match text.parse()? {
        CrashAt::Guard(point) => Ok(Armed { guard: Some(point), wal: None }),
        CrashAt::Wal(point) => Ok(Armed { guard: None, wal: Some(point) }),
        CrashAt::Storage(point) => {
            // A second node of one process keeps the first one's point: it dies with it in any case.
            let _ = storage::set_crash_point(point);
            Ok(Armed::default())
        }
    }
}
