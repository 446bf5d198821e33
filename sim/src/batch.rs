//! Many seeds on several threads. Each run stays in one thread; only whole runs are spread.
//!
//! Model: a batch is a plan for each seed. Its journal is text: a first line that says what the batch is, then one
//! line for each run that is done, in any order, each the JSON of its report. Lines are only appended, so a process
//! that dies leaves whole lines and at most one torn one at the end, which is dropped when the batch goes on.
//!
//! Rule: a journal of another batch, or of a program that simulates otherwise, is refused. To see the latter, the
//! first run of the journal is run again and its trace hash compared.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;

use crate::plan::Plan;
use crate::report::Report;
use crate::run::run;

/// Most threads.
pub const JOBS_MAX: usize = 256;
/// The first word of a journal, with the version of its format.
const FORMAT: &str = "tb-sim-journal-1";

/// The plans of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The seeds.
    pub seeds: Range<u64>,
    /// What each seed is put into; without it, each seed makes its own plan.
    pub plan: Option<Plan>,
}

/// Why a batch does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A file that is something else.
    #[error("the file is not the journal of a simulation; next: name another file, or remove this one")]
    Foreign,
    /// Other seeds or another plan.
    #[error("the journal is of another batch ({0}); next: ask for the same seeds and plan, or name another file")]
    OtherBatch(String),
    /// A line in the middle that cannot be read.
    #[error("line {line} of the journal cannot be read: {reason}; next: remove the file and start again")]
    Damaged {
        /// Which, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The same seed gives another run than when the journal was written.
    #[error(
        "seed {seed} ran differently when the journal was written, by another version of this program; next: go on \
         with that version, or remove the file and start again"
    )]
    OtherProgram {
        /// The seed that was run again.
        seed: u64,
    },
}

impl Batch {
    /// The plan of one seed.
    pub fn plan(&self, seed: u64) -> Plan {
        match &self.plan {
            Some(plan) => Plan { seed, ..plan.clone() },
            None => Plan::of_seed(seed),
        }
    }

    /// How many runs it has.
    pub fn count(&self) -> u64 {
        self.seeds.end.saturating_sub(self.seeds.start)
    }

    /// The first line of its journal, without the line end.
    pub fn journal_head(&self) -> String {
        let plan = self.plan.as_ref().map_or_else(
            || "of_seed".to_owned(),
            |plan| {
                let text = serde_json::to_string(plan).expect("a plan is plain data");
                blake3::hash(text.as_bytes()).to_hex().to_string()
            },
        );
        format!("{FORMAT} seeds {} to {} plan {plan}", self.seeds.start, self.seeds.end)
    }

    /// The runs that a journal says are done, and how many of its bytes are whole lines.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn read_journal(&self, text: &str) -> Result<(Vec<Report>, usize), JournalError> {
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].lines();
        let Some(head) = lines.next() else {
            // A process that died in its first write leaves a part of the first line.
            let is_ours = self.journal_head().starts_with(text);
            return if is_ours { Ok((Vec::new(), 0)) } else { Err(JournalError::Foreign) };
        };
        if !head.starts_with(FORMAT) {
            return Err(JournalError::Foreign);
        }
        if head != self.journal_head() {
            return Err(JournalError::OtherBatch(head.trim_start_matches(FORMAT).trim().to_owned()));
        }
        let mut done = BTreeMap::new();
        for (line, text) in (2..).zip(lines) {
            let report = Report::from_json(text).map_err(|reason| JournalError::Damaged { line, reason })?;
            if !self.seeds.contains(&report.seed) {
                let reason = format!("seed {} is not of this batch", report.seed);
                return Err(JournalError::Damaged { line, reason });
            }
            done.insert(report.seed, report);
        }
        if let Some((seed, first)) = done.first_key_value()
            && run(self.plan(*seed)).trace_hash != first.trace_hash
        {
            return Err(JournalError::OtherProgram { seed: *seed });
        }
        Ok((done.into_values().collect(), whole))
    }

    /// Runs what is not done yet on `jobs` threads. `progress` is told each new report as it comes, in any order,
    /// and may stop the batch by answering false. The answer holds all reports in the order of their seeds.
    pub fn run(&self, done: Vec<Report>, jobs: usize, mut progress: impl FnMut(&Report) -> bool) -> Vec<Report> {
        let known: std::collections::BTreeSet<u64> = done.iter().map(|report| report.seed).collect();
        let left = Mutex::new(self.seeds.clone().filter(|seed| !known.contains(seed)));
        let (sender, reports) = mpsc::sync_channel(jobs.clamp(1, JOBS_MAX));
        let mut all = done;
        std::thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, JOBS_MAX) {
                let (sender, left) = (sender.clone(), &left);
                scope.spawn(move || {
                    loop {
                        let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some(seed) = next else { return };
                        // A receiver that is gone wants no more.
                        if sender.send(run(self.plan(seed))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            while let Ok(report) = reports.recv() {
                let goes_on = progress(&report);
                all.push(report);
                if !goes_on {
                    break;
                }
            }
            drop(reports);
        });
        all.sort_by_key(|report| report.seed);
        all
    }
}

/// Runs every seed of `seeds` on `jobs` threads. `progress` is told each report as it comes, in any order; the
/// answer is in the order of the seeds.
pub fn run_seeds(seeds: Range<u64>, jobs: usize, mut progress: impl FnMut(&Report)) -> Vec<Report> {
    Batch { seeds, plan: None }.run(Vec::new(), jobs, |report| {
        progress(report);
        true
    })
}
