//! What is looked at before a node is started, and beside a running one: one finding for each question.
//!
//! Rules
//! - Nothing is written, and no lock is taken.
//! - A finding that fails says what to do. What cannot be judged, such as a clock without a peer, is told as skipped.
//! - The bounds are named here, and a node itself has none of them; those of the disk are what the node was told.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use config::{Home, Mode, NodeConfig, Severity, SignerConfig};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use primitives::{Genesis, Hash};
use rpc::Client;
use serde::Serialize;

use crate::provision::read_genesis;

/// Free space below which somebody should make room soon, bytes.
pub const DISK_BYTES_ADVISED: u64 = 20 << 30;
/// Open files that a node needs beside its RPC connections: the store, peers, logs.
pub const FILES_BESIDE_CONNECTIONS: u64 = 512;
/// Fewest open files with which a node runs at all.
pub const FILES_MIN: u64 = 256;
/// How far the newest block's time may lie ahead of this clock, milliseconds.
pub const CLOCK_BEHIND_MS_MAX: u64 = 500;
/// How far it may lie behind, milliseconds: the chain stands still, or this clock is ahead.
pub const CLOCK_AHEAD_MS_MAX: u64 = 15_000;

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// A node would not start, or would not serve for long.
    Failed,
    /// It could not be judged.
    Skipped,
}

impl Standing {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The question.
    pub check: &'static str,
    /// How it was answered.
    pub standing: Standing,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing has to be done.
    pub hint: String,
}

fn ok(check: &'static str, found: impl Into<String>) -> Finding {
    Finding { check, standing: Standing::Ok, found: found.into(), hint: String::new() }
}

fn other(check: &'static str, standing: Standing, found: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { check, standing, found: found.into(), hint: hint.into() }
}

/// What `tb config check` says, in one finding for each problem.
pub fn configuration(
    home: &Home,
    flags: &[(String, String)],
    environment: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let report = config::check(home, flags, environment);
    if report.is_clean() {
        return vec![ok("configuration", "no problem")];
    }
    let finding = |problem: &config::Problem| {
        let standing = match problem.severity {
            Severity::Error => Standing::Failed,
            Severity::Warning => Standing::Warning,
        };
        let (found, hint) = problem.text.split_once("; ").unwrap_or((&problem.text, "tb config check says more"));
        other("configuration", standing, found, hint)
    };
    report.problems.iter().map(finding).collect()
}

/// Whether the genesis file is that of the wanted chain.
pub fn genesis(home: &Home, wanted: Option<Hash>) -> (Finding, Option<Genesis>) {
    let path = home.genesis_json();
    let genesis = match read_genesis(&path) {
        Ok(genesis) => genesis,
        Err(failure) => return (other("genesis", Standing::Failed, failure.error.error, failure.error.hint), None),
    };
    let hash = genesis.hash();
    let finding = match wanted {
        Some(wanted) if wanted != hash => other(
            "genesis",
            Standing::Failed,
            format!("{} has the hash {hash}, wanted is {wanted}", path.display()),
            "copy the genesis file of the chain that you mean",
        ),
        _ => ok("genesis", format!("chain {}, hash {hash}", genesis.chain_id)),
    };
    (finding, Some(genesis))
}

/// The keys that the mode needs, and who may read them.
pub fn keys(home: &Home, mode: Mode) -> Vec<Finding> {
    let validator = (mode == Mode::Validator).then(|| ("validator key", home.validator_key()));
    let node = mode.has_chain().then(|| ("node key", home.node_key()));
    validator.into_iter().chain(node).map(|(check, path)| key(check, &path)).collect()
}

/// What a validator has whose key is with a remote signer.
pub fn remote_signer(home: &Home, mode: Mode, signer: &SignerConfig) -> Vec<Finding> {
    let node = mode.has_chain().then(|| ("node key", home.node_key()));
    let own = [("VRF key", home.vrf_key()), ("signer certificate key", signer.key.clone())];
    let mut found: Vec<Finding> = own.into_iter().chain(node).map(|(check, path)| key(check, &path)).collect();
    let left = home.validator_key();
    found.push(match left.exists() {
        false => ok("guard", format!("the remote signer at {} keeps it", signer.address)),
        true => other(
            "guard",
            Standing::Failed,
            format!("{} is in this home although signer.address names a remote signer", left.display()),
            "a key in two places signs twice: remove signer.address, or give the key away with tb signer init",
        ),
    });
    found
}

fn key(check: &'static str, path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let missing = Standing::Failed;
    match std::fs::metadata(path) {
        Err(error) => other(
            check,
            missing,
            format!("{shown}: {error}"),
            "copy it here, restore a backup made with --with-keys, or make a new one in another home with: tb init --home DIR",
        ),
        Ok(found) => match found.permissions().mode() & 0o777 {
            mode if mode & 0o077 != 0 => {
                let found = format!("{shown} can be used by others (mode {mode:o})");
                other(check, Standing::Failed, found, format!("run: chmod 600 {shown}"))
            }
            mode => ok(check, format!("{shown}, mode {mode:o}")),
        },
    }
}

/// Whether a validator has its double-sign guard; without it the node refuses to start.
pub fn guard(home: &Home, mode: Mode) -> Finding {
    let path = home.guard();
    match (mode, path.exists()) {
        (Mode::Node | Mode::Hybrid | Mode::Wallet, _) => {
            other("guard", Standing::Skipped, "this node does not vote", "")
        }
        (Mode::Validator, true) => ok("guard", path.display().to_string()),
        (Mode::Validator, false) => other(
            "guard",
            Standing::Failed,
            format!("{} is missing", path.display()),
            "copy it from where this key voted last; a new key gets one by tb init --genesis",
        ),
    }
}

/// Whether every port is free; a node that answers at its own RPC port holds them rightly.
pub fn ports(config: &NodeConfig, runs: bool) -> Vec<Finding> {
    if runs {
        return vec![ok("ports", format!("a node runs and answers at {}", config.served_at()))];
    }
    let free = |(key, transport, address): (&'static str, &str, SocketAddr)| {
        let taken = match transport {
            "udp" => UdpSocket::bind(address).err(),
            _ => TcpListener::bind(address).err(),
        };
        match taken {
            None => ok("ports", format!("{key} {transport} {address} is free")),
            Some(error) => other(
                "ports",
                Standing::Failed,
                format!("{key} {transport} {address}: {error}"),
                format!("stop what listens there, or set another {key}"),
            ),
        }
    };
    config.ports().into_iter().map(free).collect()
}

/// Room on the disk of the chain against the floors of this configuration, and whether this user may write there.
pub fn disk(data_dir: &Path, config: &NodeConfig) -> Finding {
    let Some(folder) = nearest(data_dir) else {
        let found = format!("{} and all folders above it are missing", data_dir.display());
        return other("disk", Standing::Failed, found, "make the folder, or set data_dir");
    };
    let shown = folder.display();
    if let Err(error) = access(&folder, AccessFlags::W_OK | AccessFlags::X_OK) {
        return other("disk", Standing::Failed, format!("{shown} cannot be written: {error}"), "change its owner");
    }
    let free = match statvfs(&folder) {
        Ok(found) => found.blocks_available().saturating_mul(found.fragment_size()),
        Err(error) => return other("disk", Standing::Skipped, format!("{shown}: {error}"), ""),
    };
    judge_disk(free, &folder, config)
}

/// The same for room that is known, bytes.
pub fn judge_disk(free: u64, folder: &Path, config: &NodeConfig) -> Finding {
    let found = format!("{} MiB are free at {}", free >> 20, folder.display());
    let hint = "make room, move data_dir, or bound the store with store_limit_bytes";
    let (least, stop) = (config.disk_free_min_bytes, config.disk_free_stop_bytes.min(config.disk_free_min_bytes));
    let below = |key, floor: u64, what| format!("{found}, less than {key} = {floor}: {what}");
    match free {
        _ if free < stop => {
            let found = below("disk_free_stop_bytes", stop, "the node would begin no block");
            other("disk", Standing::Failed, found, hint)
        }
        _ if free < least => {
            let found = below("disk_free_min_bytes", least, "the node would take no transaction and not be ready");
            other("disk", Standing::Warning, found, hint)
        }
        _ if free < DISK_BYTES_ADVISED => other("disk", Standing::Warning, found, hint),
        _ => ok("disk", found),
    }
}

/// The folder itself, or the nearest one above it that is there.
fn nearest(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|path| path.is_dir()).map(Path::to_owned)
}

/// Files that a process of this user may have open.
pub fn open_files(connections_max: usize) -> Finding {
    let needed = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE_CONNECTIONS);
    let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return other("open files", Standing::Skipped, "the system does not tell its limit", "");
    };
    judge_open_files(limit, needed)
}

/// The same for a limit that is known.
pub fn judge_open_files(limit: u64, needed: u64) -> Finding {
    let found = format!("at most {limit}, rpc.connections_max and {FILES_BESIDE_CONNECTIONS} more make {needed}");
    let hint = "raise LimitNOFILE of the service or ulimit -n, or lower rpc.connections_max";
    match limit {
        _ if limit < FILES_MIN => other("open files", Standing::Failed, found, hint),
        _ if limit < needed => other("open files", Standing::Warning, found, hint),
        _ => ok("open files", found),
    }
}

/// This clock against the newest block of another node.
pub async fn clock(peer: &Client) -> Finding {
    let latest = match peer.block_latest().await {
        Ok(latest) => latest,
        Err(error) => {
            let hint = "name a node that runs with --peer URL";
            return other("clock", Standing::Skipped, format!("no block from {}: {error}", peer.base_url()), hint);
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    judge_clock(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), latest.header.time_ms.0, peer.base_url())
}

/// The same for times that are known, both in milliseconds since the Unix epoch.
pub fn judge_clock(now_ms: u64, block_ms: u64, whose: &str) -> Finding {
    let (ahead, behind) = (now_ms.saturating_sub(block_ms), block_ms.saturating_sub(now_ms));
    if behind > CLOCK_BEHIND_MS_MAX {
        let found = format!("the newest block of {whose} lies {behind} ms in the future: this clock is behind");
        return other("clock", Standing::Failed, found, "let chrony or systemd-timesyncd set the clock");
    }
    if ahead > CLOCK_AHEAD_MS_MAX {
        let found = format!("the newest block of {whose} is {ahead} ms old");
        let hint = "the chain stands still (tb probe mine-one), or this clock is ahead: let chrony set it";
        return other("clock", Standing::Warning, found, hint);
    }
    ok("clock", format!("the newest block of {whose} is {ahead} ms old"))
}
