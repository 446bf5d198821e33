//! What the operating system says about this process. Linux only; elsewhere nothing is known and nothing is set.

use std::fs;
use std::time::Duration;

use crate::areas::Node;

/// Length of one tick in `/proc/self/stat`: Linux reports 100 ticks a second to programs on every architecture that
/// this project builds for.
const TICK: Duration = Duration::from_millis(10);

/// Figures of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory in RAM, bytes.
    pub resident_bytes: u64,
    /// Processor time, user and system.
    pub cpu: Duration,
    /// Open file descriptors.
    pub open_files: usize,
    /// Threads.
    pub threads: u64,
}

/// Reads the figures; `None` where `/proc` does not exist.
pub fn usage() -> Option<Usage> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let open_files = fs::read_dir("/proc/self/fd").ok()?.count();
    parse(&status, &stat, open_files)
}

/// Puts the figures into the metrics.
pub fn record(node: &Node, usage: &Usage) {
    node.resident_memory.set(usage.resident_bytes);
    node.cpu.set_total(usage.cpu);
    node.open_files.set_len(usage.open_files);
    node.threads.set(usage.threads);
}

/// Reads `/proc/self/status` and `/proc/self/stat`.
pub(crate) fn parse(status: &str, stat: &str, open_files: usize) -> Option<Usage> {
    let number = |field: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse().ok()
    };
    // The program's name may hold spaces and parentheses; the numbers follow the last one. utime and stime are the
    // twelfth and thirteenth field after it.
    let mut times = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(Usage {
        resident_bytes: number("VmRSS:")?.saturating_mul(1_024),
        cpu: TICK.saturating_mul(user).saturating_add(TICK.saturating_mul(system)),
        open_files,
        threads: number("Threads:")?,
    })
}
