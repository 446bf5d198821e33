//! What the benchmarks of proofs share: times, memory, and how long a call to stop would not have been heard.

use std::thread;
use std::time::{Duration, Instant};

use prover::CallOff;
use serde_json::json;

/// How often the watcher looks whether the work has looked.
const WATCH: Duration = Duration::from_millis(1);

/// The most memory this process has had, as the kernel counts it.
pub fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1_024)
}

/// A figure: milliseconds, of one piece of work over so many children.
pub fn timed<T>(name: &str, children: usize, measured: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = measured();
    println!("{}", json!({ "bench": name, "children": children, "ms": milliseconds(start.elapsed()) }));
    value
}

/// Does work that can be called off, and says the longest time that a call would not have been heard.
pub fn watched<T>(name: &str, measured: impl FnOnce(&CallOff) -> T) -> T {
    let off = CallOff::default();
    let (done, watcher) = (CallOff::default(), off.clone());
    let ended = done.clone();
    let longest = thread::spawn(move || {
        let (mut seen, mut since, mut longest) = (watcher.looks(), Instant::now(), Duration::ZERO);
        while ended.check().is_ok() {
            thread::sleep(WATCH);
            longest = longest.max(since.elapsed());
            if watcher.looks() != seen {
                (seen, since) = (watcher.looks(), Instant::now());
            }
        }
        longest
    });
    let value = measured(&off);
    done.call_off();
    let longest = longest.join().expect("it only waits");
    println!("{}", json!({ "bench": name, "longest_to_stop_ms": milliseconds(longest) }));
    value
}

/// Milliseconds with their fraction.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Cells that are proven in a second, as a whole number.
pub fn cells_per_second(cells: usize, proven: Duration) -> u128 {
    let cells = u128::try_from(cells).unwrap_or(u128::MAX);
    cells.saturating_mul(1_000_000) / proven.as_micros().max(1)
}
