//! Whether a node should be given work: a pure function from what was observed to a verdict with reasons.
//!
//! | reason | validator | full | solo | wallet | when |
//! |---|---|---|---|---|---|
//! | `stopping` | x | x | x | x | shutdown has begun |
//! | `service_down` | x | x | x | x | a service this role needs is not up |
//! | `disk_low` | x | x | x | x | the disk has less free room than the configured floor |
//! | `disk_full` | x | x | x | x | the disk has less free room than the second floor: no block is begun |
//! | `quarantined` | x | x | x | | bodies of heights are damaged and nobody has given them whole yet |
//! | `starting` | x | x | | | since its start the node was not yet where its best peer is: what peers said so far may be old |
//! | `syncing` | x | x | | | the node fetches heights that others have |
//! | `stalled` | x | x | x | | no height was finalized for too long |
//! | `no_peers` | x | x | | | nobody is connected, and others vote |
//!
//! A wallet runtime adds what keeps it from its upstream node (`node/src/wallet/upstream.rs`).
//!
//! Rules: all reasons that hold are named, in the order of the table. Liveness is another question: a process that
//! answers is alive, whatever this says. The caller owns the clock. Connected peers do not prove which validator they
//! are, so a quorum that is out of reach shows as `stalled`. Nor do they prove the height that they claim: a node that
//! decides height after height from votes as they are cast is where the chain is, whatever a peer says ([`behind`]).

use std::fmt;

/// A height that takes this many block intervals is stalled …
pub const STALL_INTERVALS: u64 = 10;
/// … but never before this time, milliseconds: two failed rounds fit into it.
pub const STALL_FLOOR_MS: u64 = 10_000;

/// Heights that a node may be behind its best peer without being called syncing: one is being decided,
/// one is on its way.
pub const BEHIND_TOLERATED: u64 = 2;

/// So many heights in a row, decided from votes as they were cast and not fetched from a peer …
pub const LIVE_HEIGHTS_MIN: u64 = BEHIND_TOLERATED + 1;
/// … the last of them at most so many block intervals ago, tell that nobody is ahead: a node that is behind does not
/// see the votes of its height any more.
pub const LIVE_INTERVALS_MAX: u64 = 3;

/// How far a node came by itself, against which the claims of its peers are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The finalized height.
    pub finalized: u64,
    /// Heights decided in a row from votes as they were cast, up to the finalized one; 0 after a fetched one.
    pub live_heights: u64,
    /// Time since the last height was finalized here, or since start if none was yet, milliseconds.
    pub finalized_age_ms: u64,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: u64,
}

/// Heights that the chain has beyond ours, as far as `best`, the highest height that a peer claims, can be believed.
pub const fn behind(best: u64, progress: &Progress) -> u64 {
    let age_max_ms = progress.block_interval_ms.saturating_mul(LIVE_INTERVALS_MAX);
    if progress.live_heights >= LIVE_HEIGHTS_MIN && progress.finalized_age_ms <= age_max_ms {
        return 0;
    }
    best.saturating_sub(progress.finalized)
}

/// True for a node that fetches heights instead of deciding them.
pub const fn is_syncing(behind: u64) -> bool {
    behind > BEHIND_TOLERATED
}

/// What the process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Votes.
    Validator,
    /// Follows the chain.
    Full,
    /// The only process of a development chain.
    Solo,
    /// Serves a wallet and keeps no chain.
    Wallet,
}

impl Role {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Full => "full",
            Self::Solo => "solo",
            Self::Wallet => "wallet",
        }
    }
}

/// What is known at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation<'a> {
    /// The role.
    pub role: Role,
    /// Whether shutdown has begun.
    pub stopping: bool,
    /// Services of this role that are not up.
    pub services_down: &'a [&'static str],
    /// Free bytes of the disk and the floor, while it has less than that.
    pub disk_low: Option<(u64, u64)>,
    /// Free bytes of the disk and the second floor, while it has less than that.
    pub disk_full: Option<(u64, u64)>,
    /// Heights whose bodies are quarantined.
    pub quarantined: usize,
    /// Whether the node was not yet where its best peer is, since the start.
    pub starting: bool,
    /// Time since the last height was finalized here, or since start if none was yet, milliseconds.
    pub finalized_age_ms: u64,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: u64,
    /// Heights that others are known to have beyond ours.
    pub behind: u64,
    /// Whether the node fetches heights instead of deciding them.
    pub syncing: bool,
    /// Connected peers.
    pub peers: usize,
    /// Whether the chain has this validator and no other, so that it decides without peers.
    pub only_validator: bool,
}

/// Why a node is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Shutdown has begun.
    Stopping,
    /// This service is not up.
    ServiceDown(&'static str),
    /// The disk has less free room than it must.
    DiskLow {
        /// Free bytes.
        free: u64,
        /// The floor.
        floor: u64,
    },
    /// The disk has less free room than a block may need.
    DiskFull {
        /// Free bytes.
        free: u64,
        /// The second floor.
        floor: u64,
    },
    /// Bodies of heights are damaged.
    Quarantined {
        /// How many.
        heights: usize,
    },
    /// Since its start the node was not yet where its best peer is.
    Starting,
    /// Others have this many heights more.
    Syncing {
        /// Heights to fetch, as far as known.
        behind: u64,
    },
    /// No height was finalized for too long.
    Stalled {
        /// For how long, milliseconds.
        age_ms: u64,
        /// What is still fine, milliseconds.
        limit_ms: u64,
    },
    /// Nobody is connected.
    NoPeers,
}

impl Reason {
    /// The code used in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::ServiceDown(_) => "service_down",
            Self::DiskLow { .. } => "disk_low",
            Self::DiskFull { .. } => "disk_full",
            Self::Quarantined { .. } => "quarantined",
            Self::Starting => "starting",
            Self::Syncing { .. } => "syncing",
            Self::Stalled { .. } => "stalled",
            Self::NoPeers => "no_peers",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopping => f.write_str("the node is shutting down; send work to another node"),
            Self::ServiceDown(name) => {
                write!(f, "the {name} service is not up; wait while the node starts, then read its log")
            }
            Self::DiskLow { free, floor } => write!(
                f,
                "the disk has {free} bytes free, less than the floor of {floor}: no transactions are taken; free room, for example with \
                 tb snapshots prune, or lower disk_free_min_bytes"
            ),
            Self::DiskFull { free, floor } => write!(
                f,
                "the disk has {free} bytes free, less than the floor of {floor} below which no block is begun; free room, and the node goes on by \
                 itself, or lower disk_free_stop_bytes"
            ),
            Self::Quarantined { heights } => write!(
                f,
                "the bodies of {heights} heights are damaged and no peer has given them yet; they come back by themselves once a peer with \
                 every block is connected, else run tb storage repair"
            ),
            Self::Starting => f.write_str(
                "since its start this node did not yet finalize the height of its best peer; wait for the next heights",
            ),
            Self::Syncing { behind } => {
                write!(f, "the node is {behind} heights behind its peers and catches up; wait until it is done")
            }
            Self::Stalled { age_ms, limit_ms } => write!(
                f,
                "no height was finalized for {age_ms} ms (at most {limit_ms} ms is normal); \
                 check with GET /status/consensus which validators are missing"
            ),
            Self::NoPeers => f.write_str("no peer is connected; check the listen address, the seeds and the firewall"),
        }
    }
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Every reason against being ready; none when ready.
    pub reasons: Vec<Reason>,
}

impl Readiness {
    /// Whether the node should be given work.
    pub fn ready(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// The longest time without a finalized height that is normal, milliseconds.
pub const fn stall_limit_ms(block_interval_ms: u64) -> u64 {
    let limit = block_interval_ms.saturating_mul(STALL_INTERVALS);
    if limit > STALL_FLOOR_MS { limit } else { STALL_FLOOR_MS }
}

/// Judges an observation by the table at the top of this file.
pub fn readiness(seen: &Observation<'_>) -> Readiness {
    let mut reasons = Vec::new();
    if seen.stopping {
        reasons.push(Reason::Stopping);
    }
    reasons.extend(seen.services_down.iter().map(|name| Reason::ServiceDown(name)));
    if let Some((free, floor)) = seen.disk_low {
        reasons.push(Reason::DiskLow { free, floor });
    }
    if let Some((free, floor)) = seen.disk_full {
        reasons.push(Reason::DiskFull { free, floor });
    }
    if seen.quarantined > 0 && seen.role != Role::Wallet {
        reasons.push(Reason::Quarantined { heights: seen.quarantined });
    }
    let (has_chain, has_peers) = match seen.role {
        Role::Validator | Role::Full => (true, true),
        Role::Solo => (true, false),
        Role::Wallet => (false, false),
    };
    if has_peers && seen.starting {
        reasons.push(Reason::Starting);
    }
    if has_peers && seen.syncing {
        reasons.push(Reason::Syncing { behind: seen.behind });
    }
    let limit_ms = stall_limit_ms(seen.block_interval_ms);
    if has_chain && seen.finalized_age_ms > limit_ms {
        reasons.push(Reason::Stalled { age_ms: seen.finalized_age_ms, limit_ms });
    }
    if has_peers && seen.peers == 0 && !seen.only_validator {
        reasons.push(Reason::NoPeers);
    }
    Readiness { reasons }
}
