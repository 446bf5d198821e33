//! A small disk below a node's data directory, so that it can be filled without filling this machine's.
//!
//! ```text
//! mount (tmpfs, DISK_BYTES) ─► node runs on it ─► fill: a file takes the rest ─► empty: it is gone ─► unmount
//! ```
//!
//! Rules
//! - Needs the right to mount: root, or a namespace of one's own (`unshare --user --map-root-user --mount`). Whether
//!   it is there is tried before anything starts.
//! - Unmounted when it is dropped; the processes on it must have ended by then.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rpc::ExitCode;

use crate::exit::Failure;

/// Size of the disk, bytes: many times what the store of a new chain takes.
pub const DISK_BYTES: u64 = 512 * 1024 * 1024;
/// The file that takes the rest.
const FILLER: &str = "filler";
/// Bytes that are written at a time.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Bytes of the last writes, so that nothing is left.
const CRUMB_BYTES: usize = 512;

/// A mounted disk.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Tries whether a disk can be mounted at all.
    ///
    /// # Errors
    /// [`Failure`] that names what is missing.
    pub fn check(root: &Path) -> Result<(), Failure> {
        Self::mount(&root.join("disk-probe")).map(drop)
    }

    /// Mounts a disk at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// [`Failure`] when the system refuses.
    pub fn mount(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|cause| Failure::disk(path, &cause))?;
        let options = format!("size={DISK_BYTES},mode=700");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tb-drill"])
            .arg(path)
            .stdin(Stdio::null())
            .output();
        let refused = |cause: String| {
            Failure::new(
                ExitCode::Refused,
                "no_mount",
                format!("the scenario fills a disk, and a small one cannot be mounted: {cause}"),
                "run it as root, or in a namespace: unshare --user --map-root-user --mount tb devnet …; or leave the \
                 faults of kind disk out. Nothing was started",
            )
        };
        match output {
            Ok(output) if output.status.success() => Ok(Self { path: path.to_owned() }),
            Ok(output) => Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
            Err(cause) => Err(refused(cause.to_string())),
        }
    }

    /// Takes all that is left.
    pub fn fill(&self) {
        let Ok(mut file) = File::create(self.path.join(FILLER)) else { return };
        for bytes in [CHUNK_BYTES, CRUMB_BYTES] {
            let chunk = vec![0; bytes];
            // The first write that fails is what this is for.
            while file.write_all(&chunk).is_ok() {}
        }
    }

    /// Gives it back.
    pub fn empty(&self) {
        // A file that is not there takes no room either.
        let _ = fs::remove_file(self.path.join(FILLER));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(&self.path).stdin(Stdio::null()).stderr(Stdio::null()).status();
        // It may still be in use by a process that is just ending; then it goes away with the last one.
        if !done.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("-l").arg(&self.path).stdin(Stdio::null()).status();
        }
    }
}
