//! Reads the whole store again and again, slowly, so that what rots is found before it is needed.
//!
//! ```text
//!   each second: at most scrub_bytes_per_sec ─► height after height against its header ─► bad? quarantined
//!   at the newest height ─► slots and module state by their checksums ─► files by those of the engine ─► snapshots by their names
//!                        ─► a pass is done ─► from the oldest again
//! ```
//!
//! Rules
//! - It waits while more than [`BACKLOG_MAX`] transactions wait, and [`PASS_PAUSE`] between two passes.
//! - Values may come out of a cache; files are read from the disk. A bad file is named and remembered, and the next start builds the store anew.
//! - The position is kept in `data/scrub.json`, so a restart goes on where it was. A file that cannot be read begins a new pass.
//! - The newest [`NEWEST_HEIGHTS`] heights are left out: they were written a moment ago.
//! - No state is held while files are read: the engine gives no room back of what a reader of an earlier state could ask for.
//! - A disk that refuses is no finding: the look is tried again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use primitives::{Height, Timestamp, encode};
use serde::{Deserialize, Serialize};
use storage::{Finding, StorageError};

use crate::shared::Shared;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Transactions that wait, above which the scrub waits too.
pub const BACKLOG_MAX: usize = 2_048;
/// Newest heights that are left out.
pub const NEWEST_HEIGHTS: u64 = 2;
/// Most heights of one look.
const HEIGHTS_MAX: usize = 4_096;
/// Shortest time from one pass to the next.
const PASS_PAUSE: Duration = Duration::from_secs(60);
/// Findings that are remembered.
pub const FINDINGS_MAX: usize = 100;
/// Largest file of the position, bytes.
const FILE_BYTES_MAX: u64 = 4_096;
/// The column of a finding about a file of the engine.
const FILES: &str = "files";
/// The column of a finding about a snapshot.
const SHELF: &str = "snapshots";
/// The file of the position in the data folder.
const FILE: &str = "scrub.json";

/// Where the scrub is; what outlives restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The height that is checked next.
    pub next: Height,
    /// Times that it was through the whole store.
    pub passes: u64,
    /// When it last was.
    pub passed: Option<Timestamp>,
    /// Whether a file was bad at the last pass: the next start reads all of them.
    #[serde(default)]
    pub is_file_bad: bool,
}

/// What the scrub is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Activity {
    /// It is turned off.
    #[default]
    Off,
    /// Everything was checked a moment ago.
    Idle,
    /// Reading.
    Scrubbing,
    /// Waiting for the mempool to empty.
    Backlog,
    /// Waiting for room on the disk, which a quarantine would take.
    DiskFull,
    /// The last look failed, for this reason.
    Failed(String),
}

impl Activity {
    /// The word in the status.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Idle => "idle",
            Self::Scrubbing => "scrubbing",
            Self::Backlog => "backlog",
            Self::DiskFull => "disk_full",
            Self::Failed(_) => "failed",
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    activity: Activity,
    position: Position,
    findings: Vec<Finding>,
}

/// The scrub of one node.
#[derive(Debug)]
pub struct Scrub {
    file: PathBuf,
    seen: Mutex<Seen>,
    /// Bytes checked since the start.
    bytes: AtomicU64,
    /// Findings since the start.
    findings: AtomicU64,
}

impl Scrub {
    /// Goes on where the last start was, if its file in `data_dir` can be read.
    pub fn open(data_dir: &Path) -> Self {
        let file = data_dir.join(FILE);
        let position = read(&file).unwrap_or_default();
        let seen = Mutex::new(Seen { position, ..Seen::default() });
        Self { file, seen, bytes: AtomicU64::default(), findings: AtomicU64::default() }
    }

    /// Where it is.
    pub fn position(&self) -> Position {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).position
    }

    /// What it is doing.
    pub fn activity(&self) -> Activity {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).activity.clone()
    }

    /// The newest findings, oldest first.
    pub fn findings(&self) -> Vec<Finding> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).findings.clone()
    }

    /// Findings since the start.
    pub fn findings_total(&self) -> u64 {
        self.findings.load(Ordering::Relaxed)
    }

    /// Bytes checked since the start.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Time since the last whole pass; since `started` while there was none.
    pub fn age(&self, now: Timestamp, started: Timestamp) -> Duration {
        Duration::from_millis(now.since(self.position().passed.unwrap_or(started)))
    }

    fn is_now(&self, activity: Activity) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).activity = activity;
    }

    /// Moves on, and keeps it for the next start.
    fn moves(&self, position: Position) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).position = position;
        if let Err(error) = write(&self.file, position) {
            tracing::warn!(path = %self.file.display(), %error, "the position of the scrub was not kept");
        }
    }

    fn found(&self, findings: &[Finding]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.findings.extend_from_slice(findings);
        let surplus = seen.findings.len().saturating_sub(FINDINGS_MAX);
        seen.findings.drain(..surplus);
        drop(seen);
        self.findings.fetch_add(u64::try_from(findings.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Whether the last pass over the store below this folder found a bad file.
pub fn has_found_a_bad_file(data_dir: &Path) -> bool {
    read(&data_dir.join(FILE)).is_some_and(|position| position.is_file_bad)
}

fn read(file: &Path) -> Option<Position> {
    let is_small = fs::metadata(file).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
    let bytes = if is_small { fs::read(file).ok()? } else { return None };
    serde_json::from_slice(&bytes).ok()
}

fn write(file: &Path, position: Position) -> io::Result<()> {
    let temporary = file.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(&position)?)?;
    fs::rename(&temporary, file)
}

/// Scrubs until the process ends; with a pace of 0 it ends at once.
pub async fn run(shared: Arc<Shared>) {
    if shared.config.storage.scrub_bytes_per_sec == 0 {
        return;
    }
    shared.upkeep.scrub.is_now(Activity::Idle);
    loop {
        tokio::time::sleep(EVERY).await;
        let seen = Arc::clone(&shared);
        match tokio::task::spawn_blocking(move || look(&seen)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the scrub could not read the store");
                shared.upkeep.scrub.is_now(Activity::Failed(error.to_string()));
            }
            // The runtime ends.
            Err(_) => return,
        }
    }
}

/// One look: as many heights as the pace allows.
fn look(shared: &Shared) -> Result<(), StorageError> {
    let (scrub, store) = (&shared.upkeep.scrub, &shared.store);
    if shared.disk.is_full() {
        scrub.is_now(Activity::DiskFull);
        return Ok(());
    }
    let waiting = shared.chain().map(|chain| chain.mempool().len()).unwrap_or_default();
    if waiting > BACKLOG_MAX {
        scrub.is_now(Activity::Backlog);
        return Ok(());
    }
    let head = store.head().map_or(Height::GENESIS, |head| head.height);
    let last = Height(head.0.saturating_sub(NEWEST_HEIGHTS));
    let mut position = scrub.position();
    let since = position.passed.map(|passed| crate::clock::now().since(passed));
    if position.next <= store.oldest() && since.is_some_and(|since| Duration::from_millis(since) < PASS_PAUSE) {
        scrub.is_now(Activity::Idle);
        return Ok(());
    }
    position.next = position.next.max(store.oldest());
    if position.next > last && last < store.oldest() {
        scrub.is_now(Activity::Idle);
        return Ok(());
    }
    scrub.is_now(Activity::Scrubbing);
    let digest = snapshots::digest(&shared.genesis_hash);
    let mut left = shared.config.storage.scrub_bytes_per_sec;
    for _ in 0..HEIGHTS_MAX {
        if position.next > last {
            pass(shared, &mut position)?;
            break;
        }
        let height = position.next;
        let bytes = match store.body(height) {
            Ok(body) => body.map_or(0, |body| encode(&body).len()),
            // What cannot be read is found below.
            Err(_) => 0,
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if !store.is_quarantined(height) {
            settle(shared, height, &store.check_height(height, &digest)?)?;
        }
        shared.metrics.storage.scrub_bytes.add(bytes);
        scrub.bytes.fetch_add(bytes, Ordering::Relaxed);
        position.next = height.next();
        left = left.saturating_sub(bytes);
        if left == 0 {
            break;
        }
    }
    scrub.moves(position);
    Ok(())
}

/// Checks the state by its checksums; gives its height. It is let go at the end: reading the files takes long.
fn state(shared: &Shared) -> Result<Height, StorageError> {
    let frozen = shared.store.freeze()?;
    let height = frozen.head().height;
    for (column, read) in [("slots", frozen.slots().map(drop)), ("state", frozen.state().map(drop))] {
        match read {
            Ok(()) => {}
            Err(error) if error.is_damage() => {
                let findings = [Finding { column, height, reason: error.to_string() }];
                report(shared, &findings);
                // Memory holds what the blocks say; the next start has only the disk.
                tracing::error!(
                    event = "storage.state_damaged",
                    "make a snapshot and begin again from it before this node is restarted"
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(height)
}

/// Ends a pass: the state, the files and the snapshots, and from the oldest height again.
fn pass(shared: &Shared, position: &mut Position) -> Result<(), StorageError> {
    let height = state(shared)?;
    let mut budget = Budget::default();
    let bad = shared.store.bad_files(&mut |bytes| budget.spend(shared, bytes))?;
    if shared.is_stopping() {
        return Ok(());
    }
    let findings: Vec<Finding> = bad
        .into_iter()
        .map(|file| Finding { column: FILES, height, reason: format!("{}: {}", file.path.display(), file.reason) })
        .collect();
    let is_file_bad = !findings.is_empty();
    report(shared, &findings);
    shelf(shared, &mut budget)?;
    if shared.is_stopping() {
        return Ok(());
    }
    *position = Position {
        next: shared.store.oldest(),
        passes: position.passes.saturating_add(1),
        passed: Some(crate::clock::now()),
        is_file_bad,
    };
    shared.upkeep.scrub.is_now(Activity::Idle);
    tracing::debug!(passes = position.passes, "the scrub was through the whole store");
    Ok(())
}

/// Reads every chunk of every snapshot against its name. One that rotted is offered no more.
fn shelf(shared: &Shared, budget: &mut Budget) -> Result<(), StorageError> {
    for snapshot in shared.snapshots.listed() {
        for entry in snapshot.manifest.chunks() {
            match snapshot.whole_file(entry) {
                Ok(_) => {}
                Err(error) if error.is_of_the_disk() => {
                    tracing::error!(%error, "the scrub could not read a snapshot");
                    break;
                }
                // Retention, or somebody with a command, may have removed it meanwhile, which is no finding.
                Err(error) if !snapshot.is_damaged_by(&error).unwrap_or(false) => {
                    shared.snapshots.forget_gone();
                    break;
                }
                Err(error) => {
                    shared.snapshots.rots(&snapshot, &error);
                    report(shared, &[Finding { column: SHELF, height: snapshot.height(), reason: error.to_string() }]);
                    break;
                }
            }
            if !budget.spend(shared, u64::from(entry.packed)) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What a pass over the files may read.
#[derive(Default)]
struct Budget {
    spent: u64,
}

impl Budget {
    /// Counts bytes and pauses as the pace asks; false once the node stops.
    fn spend(&mut self, shared: &Shared, bytes: u64) -> bool {
        shared.metrics.storage.scrub_bytes.add(bytes);
        shared.upkeep.scrub.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.spent = self.spent.saturating_add(bytes);
        while self.spent >= shared.config.storage.scrub_bytes_per_sec.max(1) && !shared.is_stopping() {
            std::thread::sleep(EVERY);
            self.spent = self.spent.saturating_sub(shared.config.storage.scrub_bytes_per_sec.max(1));
        }
        !shared.is_stopping()
    }
}

/// Quarantines a height with findings.
fn settle(shared: &Shared, height: Height, findings: &[Finding]) -> Result<(), StorageError> {
    if findings.is_empty() {
        return Ok(());
    }
    report(shared, findings);
    match shared.store.quarantine(height) {
        Ok(true) => tracing::error!(
            event = "storage.quarantined",
            %height,
            "a damaged height is quarantined and asked for again; the next start builds the store anew"
        ),
        Ok(false) => {}
        Err(error @ StorageError::Unquarantinable { .. }) => tracing::error!(%error, "a damaged height stays as it is"),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn report(shared: &Shared, findings: &[Finding]) {
    shared.upkeep.scrub.found(findings);
    for finding in findings {
        shared.metrics.storage.scrub_findings.inc();
        let Finding { column, height, reason } = finding;
        tracing::error!(event = "storage.scrub_finding", column, %height, reason, "the scrub found damage");
    }
}
