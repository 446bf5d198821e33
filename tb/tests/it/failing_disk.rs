//! A disk that fails under a running process: `strace` makes system calls on some of its files end with an error of input and output.
//!
//! Model: the fault is the process's. It lasts until that process ends or this is dropped; whoever opens the same files next finds a disk that works, as after
//! the disk was replaced.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::cluster::until;
use crate::command::pid;
use crate::repair::tables;

/// The program; the Debian package has the same name.
pub const PROGRAM: &str = "strace";
/// Longest time until every thread of a process is held.
const HELD: Duration = Duration::from_secs(20);

/// System calls that fail.
pub struct FailingDisk(Child);

impl FailingDisk {
    /// Whether this machine has the program and lets it hold a process of ours.
    pub fn is_possible() -> bool {
        let mut held = Command::new(PROGRAM);
        held.args(["-qq", "-e", "trace=none", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        held.status().is_ok_and(|status| status.success())
    }

    /// From here on all writes of a validator to the log of its consensus fail but the first one. That one begins a height: when it fails, the engine and its
    /// process end, because nothing of that height was signed.
    pub async fn of_log(process: u32, home: &Path) -> Self {
        Self::under(process, "write", 2, &[home.join("data/wal/consensus.wal")], home).await
    }

    /// From here on reads of the tables of its store fail, as far as they are not in memory.
    pub async fn of_tables(process: u32, home: &Path) -> Self {
        Self::under(process, "pread64", 1, &tables(home), home).await
    }

    /// From the `first` one on, counted by thread, this system call fails on these files. What was done goes to `strace.log` in `home`.
    async fn under(process: u32, call: &str, first: u32, files: &[PathBuf], home: &Path) -> Self {
        let log = File::create(home.join("strace.log")).expect("a log");
        let mut command = Command::new(PROGRAM);
        command.args(["-f", "-qq", "-p", &process.to_string()]);
        for file in files {
            command.arg("-P").arg(file.canonicalize().expect("it is there"));
        }
        command.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:error=EIO:when={first}+")]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it is here");
        let disk = Self(child);
        until("strace to hold every thread", HELD, async || is_held(process).then_some(())).await;
        disk
    }
}

/// Whether somebody looks into every thread of a process.
fn is_held(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().all(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    })
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        // It lets go of the process when it is asked to end; it has ended by itself if the process has.
        let _ = kill(pid(self.0.id()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
