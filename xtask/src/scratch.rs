//! Where tests put their files: in memory, where a machine has room for it.
//!
//! Model: what tests kill are processes, whose writes the system keeps, and a loss of power is simulated. So nothing is shown by what a
//! disk has made durable, and waiting for one takes half of their time.
//!
//! Rules
//! - `TMPDIR` of whoever starts the tests comes first.
//! - The folder must be in memory, programs must be allowed to run from it, and [`FREE_BYTES_MIN`] must be free.

use std::env;
use std::fs;
use std::path::Path;

use crate::process::{Workspace, output_of};

/// The folder in memory.
const FOLDER: &str = "/dev/shm";
/// Free bytes that it must have: two large tests at a time, each with several nodes.
const FREE_BYTES_MIN: u64 = 8 * 1024 * 1024 * 1024;

/// The folder in memory, if the machine has one that is good for tests.
pub(crate) fn in_memory(workspace: &Workspace) -> Option<&'static Path> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let room = output_of(workspace.program("df").args(["--output=avail", "--block-size=1", FOLDER])).ok()?;
    let is_good =
        env::var_os("TMPDIR").is_none() && runs_programs(&mounts) && has_room(&String::from_utf8_lossy(&room));
    is_good.then(|| Path::new(FOLDER))
}

/// Whether the list of what is mounted has the folder, in memory, and with programs allowed.
fn runs_programs(mounts: &str) -> bool {
    let found = mounts.lines().rfind(|line| line.split(' ').nth(1) == Some(FOLDER));
    let words: Vec<&str> = found.unwrap_or_default().split(' ').collect();
    words.get(2) == Some(&"tmpfs") && words.get(3).is_some_and(|how| !how.split(',').any(|one| one == "noexec"))
}

/// Whether what `df` says of the folder is enough.
fn has_room(said: &str) -> bool {
    said.lines().nth(1).and_then(|bytes| bytes.trim().parse::<u64>().ok()).is_some_and(|bytes| bytes >= FREE_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::{has_room, runs_programs};

    #[test]
    fn the_folder_is_in_memory_and_programs_may_run_from_it() {
        let disk = "/dev/vda / ext4 rw 0 0\n";
        assert!(!runs_programs(disk));
        for (how, expected) in [("rw,nosuid,nodev", true), ("rw,nosuid,nodev,noexec", false)] {
            assert_eq!(runs_programs(&format!("{disk}tmpfs /dev/shm tmpfs {how} 0 0\n")), expected, "{how}");
        }
        assert!(!runs_programs("/dev/vdb /dev/shm ext4 rw 0 0\n"), "a disk");
    }

    #[test]
    fn a_folder_with_little_room_is_left_alone() {
        for (said, expected) in
            [("Avail\n25300000000\n", true), ("Avail\n67108864\n", false), ("Avail\n", false), ("", false)]
        {
            assert_eq!(has_room(said), expected, "{said:?}");
        }
    }
}
