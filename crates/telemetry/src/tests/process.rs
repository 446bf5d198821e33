//! Reading what the operating system says about this process.

use std::time::Duration;

use crate::Metrics;
use crate::process::{Usage, parse, record, usage};

const STATUS: &str = "Name:\ttb\nVmPeak:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t12\n";
// The program's name holds a space and a parenthesis.
const STAT: &str = "77 (t) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 12 0 99 0 0";

#[test]
fn the_figures_are_read_at_their_places() {
    let expected = Usage { resident_bytes: 2_048 * 1_024, cpu: Duration::from_secs(2), open_files: 8, threads: 12 };
    assert_eq!(parse(STATUS, STAT, 8), Some(expected));
    let metrics = Metrics::new();
    record(&metrics.node, &expected);
    assert_eq!(metrics.node.resident_memory.get(), 2_097_152);
    assert_eq!((metrics.node.open_files.get(), metrics.node.threads.get()), (8, 12));
}

#[test]
fn text_of_another_shape_gives_nothing() {
    for (status, stat) in [("", STAT), (STATUS, ""), (STATUS, "77 (tb) S 1 2"), ("VmRSS: many\nThreads: 1\n", STAT)] {
        assert_eq!(parse(status, stat, 1), None, "{status} {stat}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn this_process_has_figures() {
    let usage = usage().expect("Linux has /proc");
    assert!(usage.resident_bytes > 0 && usage.open_files > 0 && usage.threads > 0, "{usage:?}");
}
