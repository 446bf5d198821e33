//! Old guards that were taken all the same: which, when and why, kept beside the guard.
//!
//! ```text
//! guard/overrides.log = one line of JSON for each: { "time", "from", "guard_height", "reason" }
//! ```
//!
//! Rules
//! - The line is durable before the guard is there: a guard whose key may have signed since never stands without it.
//! - Lines are only added. A line that a crash cut short stays, and the next one begins on a line of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use primitives::{Height, Timestamp};
use serde_json::json;

use super::GuardError;
use crate::durable::{KEY_FILE_MODE, create_folder, folder_of, read_bounded, sync_folder};

/// Name of the file beside the guard.
pub const OVERRIDES: &str = "overrides.log";
/// Largest such file that is read, bytes.
pub const OVERRIDES_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

/// Why a guard is taken although its key may have signed since it was written.
#[derive(Debug, Clone, Copy)]
pub struct Override<'a> {
    /// The file or folder that it is taken from.
    pub from: &'a Path,
    /// The reason, in the words of who takes it.
    pub reason: &'a str,
    /// When.
    pub time: Timestamp,
}

impl Override<'_> {
    /// Whether a reason was given.
    pub fn has_reason(&self) -> bool {
        !self.reason.trim().is_empty()
    }

    /// Adds the line beside the guard at this path, durable when it returns. `highest` is what that guard knows of.
    ///
    /// # Errors
    /// [`GuardError::Disk`].
    pub fn note(&self, guard_path: &Path, highest: Option<Height>) -> Result<(), GuardError> {
        let Self { from, reason, time } = *self;
        let from = from.display().to_string();
        let line = json!({ "time": time, "from": from, "guard_height": highest, "reason": reason });
        append(guard_path, &[line.to_string()])
    }
}

/// Adds those lines of another such file that are not here yet, durable when it returns.
///
/// # Errors
/// [`GuardError::Disk`]; among them a file that is too large to be one.
pub fn keep(guard_path: &Path, other: &str) -> Result<(), GuardError> {
    let path = overrides_path(guard_path);
    let disk = |cause| GuardError::Disk { path: path.clone(), cause };
    let own = match read_bounded(&path, OVERRIDES_BYTES_MAX) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(disk)?.ok_or_else(|| disk(io::ErrorKind::FileTooLarge.into()))?,
    };
    let own = String::from_utf8_lossy(&own);
    let missing: Vec<String> =
        other.lines().filter(|line| !own.lines().any(|own| own == *line)).map(str::to_owned).collect();
    if missing.is_empty() { Ok(()) } else { append(guard_path, &missing) }
}

/// The file beside the guard at this path.
pub fn overrides_path(guard_path: &Path) -> PathBuf {
    guard_path.with_file_name(OVERRIDES)
}

fn append(guard_path: &Path, lines: &[String]) -> Result<(), GuardError> {
    let path = overrides_path(guard_path);
    let append = || {
        create_folder(folder_of(&path))?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(KEY_FILE_MODE).open(&path)?;
        let cut = if ends_within_a_line(&mut file)? { "\n" } else { "" };
        file.write_all(format!("{cut}{}\n", lines.join("\n")).as_bytes())?;
        file.sync_all()?;
        // The name of the file, and that of its folder, which may be new too.
        sync_folder(&path)?;
        sync_folder(folder_of(&path))
    };
    append().map_err(|cause| GuardError::Disk { path: path.clone(), cause })
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
