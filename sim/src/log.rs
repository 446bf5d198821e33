//! A validator's consensus log on a simulated disk.
//!
//! Model: entries are appended, then flushed. A crash keeps what was flushed and any number of the first entries
//! that were not, which is what an operating system may do with a file that is only appended to.

use consensus::machine::LogEntry;
use primitives::Height;

/// The log of one validator.
#[derive(Debug, Clone, Default)]
pub struct Log {
    height: Height,
    durable: Vec<LogEntry>,
    pending: Vec<LogEntry>,
}

impl Log {
    /// A height starts: its entries, which are none unless the log is of that height already.
    pub fn started(&mut self, height: Height) -> Vec<LogEntry> {
        if height != self.height {
            *self = Self { height, ..Self::default() };
        }
        self.flush();
        self.durable.clone()
    }

    /// Appends; an entry of another height is dropped, as the engine's log drops it.
    pub fn append(&mut self, height: Height, entry: LogEntry) {
        if height == self.height {
            self.pending.push(entry);
        }
    }

    /// Makes everything durable.
    pub fn flush(&mut self) {
        self.durable.append(&mut self.pending);
    }

    /// Entries that a crash may lose.
    pub fn at_risk(&self) -> usize {
        self.pending.len()
    }

    /// Entries that a crash cannot lose.
    pub fn durable(&self) -> usize {
        self.durable.len()
    }

    /// The process dies; the first `keep` entries that were not flushed survive.
    pub fn crash(&mut self, keep: usize) {
        self.pending.truncate(keep);
        self.flush();
    }
}
