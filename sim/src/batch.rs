//! Many seeds on several threads. Each run stays in one thread; only whole runs are spread.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use crate::plan::Plan;
use crate::report::Report;
use crate::run::run;

/// Most threads.
pub const JOBS_MAX: usize = 256;

/// Runs every seed of `seeds` on `jobs` threads. `progress` is told each report as it comes, in any order; the
/// answer is in the order of the seeds.
pub fn run_seeds(seeds: Range<u64>, jobs: usize, mut progress: impl FnMut(&Report)) -> Vec<Report> {
    let next = AtomicU64::new(seeds.start);
    let (sender, reports) = mpsc::channel();
    let mut done: Vec<Report> = std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, JOBS_MAX) {
            let sender = sender.clone();
            let (next, end) = (&next, seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // A receiver that is gone wants no more.
                    if seed >= end || sender.send(run(Plan::of_seed(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let expected = seeds.end.saturating_sub(seeds.start);
        (0..expected).map_while(|_| reports.recv().ok()).inspect(|report| progress(report)).collect()
    });
    done.sort_by_key(|report| report.seed);
    done
}
