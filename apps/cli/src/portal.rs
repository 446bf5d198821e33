//! Legal requests that an operator received, kept so that an auditor can re-check them.
//!
//! ```text
//! <base>/le_requests.log       who asked for what
//! <base>/le_actions.log        what was done about a request
//! <base>/le_evidence.log       files that belong to a request
//! <base>/evidence/<BLAKE3>     their bytes, once each
//! <base>/warrant_canary.log    statements that nothing secret was asked
//! <base>/lock                  held while something is added
//! ```
//! Rules
//! - A log is JSON lines. Each names its number and the hash of the line before it ([`rpc::types::audit::line_hash`]),
//!   so a line that is changed, removed or moved is found by [`verify`]. Lines at the end can be cut off unseen: keep
//!   the last hash, which every command prints, where somebody else can see it.
//! - A line is written and synced before the command ends; a torn last line, as after a crash, is cut off by the next one.
//! - Evidence is on disk before the line that names it. Everything is for the owner alone: mode 0600 in folders of 0700.
//! - Actions and evidence name a request that is there. Nothing is ever changed or removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use primitives::Hash;
use rpc::types::audit::line_hash;
use serde::{Deserialize, Serialize};

/// Where the logs are kept when nobody says otherwise.
pub const BASE_DEFAULT: &str = "./le_portal";
/// The version of a line.
pub const VERSION: u32 = 1;
/// Longest text of a field, bytes.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Largest file of evidence, bytes.
pub const EVIDENCE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// Largest log that is read, bytes.
pub const LOG_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// One of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Requests.
    Requests,
    /// Actions.
    Actions,
    /// Evidence.
    Evidence,
    /// Canary statements.
    Canary,
}

impl Log {
    /// Every log.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Actions, Self::Evidence, Self::Canary];

    /// The file in the base folder.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Requests => "le_requests.log",
            Self::Actions => "le_actions.log",
            Self::Evidence => "le_evidence.log",
            Self::Canary => "warrant_canary.log",
        }
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// Somebody asked.
    Request {
        /// Who.
        authority: String,
        /// Their file number.
        reference: String,
        /// For what.
        subject: String,
    },
    /// Something was done.
    Action {
        /// The number of the request.
        request: u64,
        /// What.
        action: String,
    },
    /// A file was added.
    Evidence {
        /// The number of the request.
        request: u64,
        /// Its name where it came from.
        file: String,
        /// Its length.
        bytes: u64,
        /// Its BLAKE3 hash, and its name in the folder `evidence`.
        hash: Hash,
    },
    /// A statement of the operator.
    Canary {
        /// Its text.
        statement: String,
    },
}

impl Entry {
    /// The log it belongs to.
    pub const fn log(&self) -> Log {
        match self {
            Self::Request { .. } => Log::Requests,
            Self::Action { .. } => Log::Actions,
            Self::Evidence { .. } => Log::Evidence,
            Self::Canary { .. } => Log::Canary,
        }
    }

    /// The request that it names.
    pub const fn request(&self) -> Option<u64> {
        match self {
            Self::Action { request, .. } | Self::Evidence { request, .. } => Some(*request),
            Self::Request { .. } | Self::Canary { .. } => None,
        }
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Request { authority, reference, subject } => vec![authority, reference, subject],
            Self::Action { action, .. } => vec![action],
            Self::Evidence { file, .. } => vec![file],
            Self::Canary { statement } => vec![statement],
        }
    }
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// [`VERSION`].
    pub version: u32,
    /// Its number in the log, from 0.
    pub sequence: u64,
    /// The hash of the line before it; zeros for the first.
    pub previous: Hash,
    /// When it was written, by this machine's clock, milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What it says.
    pub entry: Entry,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The disk refused.
    #[error("{path}: {cause}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// Too long or empty.
    #[error("a text is empty or longer than {TEXT_BYTES_MAX} bytes")]
    Text,
    /// Too large.
    #[error("{path} has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// What is read at most.
        limit: u64,
    },
    /// No such request.
    #[error("there is no request {0}")]
    NoRequest(u64),
    /// The logs are not what was written.
    #[error("{path} line {line}: {reason}")]
    Damaged {
        /// The log.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What does not hold.
        reason: String,
    },
}

fn disk(path: &Path) -> impl Fn(io::Error) -> PortalError {
    move |cause| PortalError::Disk { path: path.to_owned(), cause }
}

/// A log as it was read.
#[derive(Debug, Default)]
pub struct Read {
    /// Its whole lines.
    pub lines: Vec<Line>,
    /// The hash of the last of them.
    pub last: Hash,
    /// Bytes of a last line without its end.
    pub torn_bytes: u64,
    whole_bytes: u64,
}

/// What the whole folder holds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Per log: its file, how many lines, the hash of the last one, bytes of a torn last line.
    pub logs: Vec<LogReport>,
    /// Files of evidence whose bytes are what their line says.
    pub evidence_files: u64,
}

/// What one log holds.
#[derive(Debug, Serialize)]
pub struct LogReport {
    /// Its file.
    pub file: &'static str,
    /// Whole lines.
    pub lines: u64,
    /// The hash of the last of them.
    pub last: Hash,
    /// Bytes of a last line without its end.
    pub torn_bytes: u64,
}

/// Reads a log and checks its chain; a log that is not there is empty.
///
/// # Errors
/// [`PortalError::Disk`], [`PortalError::TooLarge`], [`PortalError::Damaged`].
pub fn read(base: &Path, log: Log) -> Result<Read, PortalError> {
    let path = base.join(log.file());
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::default()),
        Err(error) => return Err(disk(&path)(error)),
    };
    if length > LOG_BYTES_MAX {
        return Err(PortalError::TooLarge { path, bytes: length, limit: LOG_BYTES_MAX });
    }
    let bytes = fs::read(&path).map_err(disk(&path))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut found = Read { torn_bytes: number(bytes.len() - whole), whole_bytes: number(whole), ..Read::default() };
    for (index, text) in (0_u64..).zip(bytes[..whole].split_inclusive(|byte| *byte == b'\n')) {
        let damaged = |reason: &str| PortalError::Damaged {
            path: path.clone(),
            line: index.saturating_add(1),
            reason: reason.to_owned(),
        };
        let text = std::str::from_utf8(text).map_err(|_| damaged("it is not text"))?.trim_end_matches('\n');
        let line: Line = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
        if line.version != VERSION {
            return Err(damaged("its version is unknown"));
        }
        if line.sequence != index || line.previous != found.last {
            return Err(damaged("it does not follow the line before it"));
        }
        if line.entry.log() != log {
            return Err(damaged("it belongs to another log"));
        }
        found.last = line_hash(text);
        found.lines.push(line);
    }
    Ok(found)
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Adds `entry`, and the bytes that it names, to the folder `base`, which is made if it is not there.
///
/// # Errors
/// As [`PortalError`]; nothing was added.
pub fn add(base: &Path, entry: Entry, evidence: Option<&[u8]>, time_ms: u64) -> Result<(Line, Hash), PortalError> {
    if entry.texts().iter().any(|text| text.trim().is_empty() || text.len() > TEXT_BYTES_MAX) {
        return Err(PortalError::Text);
    }
    let folder = base.join("evidence");
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder).map_err(disk(&folder))?;
    let lock_path = base.join("lock");
    let lock = private(OpenOptions::new().create(true).write(true)).open(&lock_path).map_err(disk(&lock_path))?;
    lock.lock().map_err(disk(&lock_path))?;
    if let Some(request) = entry.request() {
        let requests = read(base, Log::Requests)?.lines.len();
        if request >= number(requests) {
            return Err(PortalError::NoRequest(request));
        }
    }
    let log = entry.log();
    let present = read(base, log)?;
    if let (Entry::Evidence { hash, .. }, Some(bytes)) = (&entry, evidence) {
        keep(&folder, hash, bytes)?;
    }
    let line = Line { version: VERSION, sequence: number(present.lines.len()), previous: present.last, time_ms, entry };
    let text = serde_json::to_string(&line).expect("a line holds only text and numbers");
    let path = base.join(log.file());
    let mut file = private(OpenOptions::new().create(true).append(true)).open(&path).map_err(disk(&path))?;
    if present.torn_bytes > 0 {
        file.set_len(present.whole_bytes).map_err(disk(&path))?;
    }
    file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(disk(&path))?;
    File::open(base).and_then(|folder| folder.sync_all()).map_err(disk(base))?;
    Ok((line, line_hash(&text)))
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(FILE_MODE)
}

/// Writes a file of evidence under its hash, unless it is there.
fn keep(folder: &Path, hash: &Hash, bytes: &[u8]) -> Result<(), PortalError> {
    let path = folder.join(hash.to_string());
    if path.try_exists().map_err(disk(&path))? {
        return Ok(());
    }
    let unfinished = folder.join(format!("{hash}.part"));
    let mut file = private(OpenOptions::new().create(true).write(true).truncate(true))
        .open(&unfinished)
        .map_err(disk(&unfinished))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(disk(&unfinished))?;
    fs::rename(&unfinished, &path).map_err(disk(&path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk(folder))
}

/// The bytes of a file of evidence, with the name by which they are kept.
///
/// # Errors
/// [`PortalError::Disk`], [`PortalError::TooLarge`].
pub fn evidence(path: &Path) -> Result<(Vec<u8>, Hash), PortalError> {
    let bytes = fs::metadata(path).map_err(disk(path))?.len();
    if bytes > EVIDENCE_BYTES_MAX {
        return Err(PortalError::TooLarge { path: path.to_owned(), bytes, limit: EVIDENCE_BYTES_MAX });
    }
    let bytes = fs::read(path).map_err(disk(path))?;
    let hash = Hash(*blake3::hash(&bytes).as_bytes());
    Ok((bytes, hash))
}

/// Checks every log and every file of evidence.
///
/// # Errors
/// [`PortalError::Damaged`] naming the first line that does not hold.
pub fn verify(base: &Path) -> Result<Report, PortalError> {
    let mut report = Report { logs: Vec::new(), evidence_files: 0 };
    let requests = number(read(base, Log::Requests)?.lines.len());
    for log in Log::ALL {
        let path = base.join(log.file());
        let found = read(base, log)?;
        for line in &found.lines {
            let damaged = |reason: String| PortalError::Damaged {
                path: path.clone(),
                line: line.sequence.saturating_add(1),
                reason,
            };
            if let Some(request) = line.entry.request().filter(|request| *request >= requests) {
                return Err(damaged(format!("there is no request {request}")));
            }
            if let Entry::Evidence { hash, .. } = &line.entry {
                let kept = base.join("evidence").join(hash.to_string());
                let (_, found) = evidence(&kept).map_err(|error| damaged(error.to_string()))?;
                if found != *hash {
                    return Err(damaged(format!("{} has other bytes than it had", kept.display())));
                }
                report.evidence_files += 1;
            }
        }
        let (lines, last, torn_bytes) = (number(found.lines.len()), found.last, found.torn_bytes);
        report.logs.push(LogReport { file: log.file(), lines, last, torn_bytes });
    }
    Ok(report)
}
