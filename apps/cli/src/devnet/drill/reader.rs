//! Reads one node again and again, in a task of its own, so that one that stands still delays nobody.

use std::time::Duration;

use primitives::{Hash, Height};
use rpc::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Pause between two readings; recovery times are that coarse.
pub const POLL: Duration = Duration::from_millis(100);
/// Pause between two readings of the node's series.
const SERIES_EVERY: Duration = Duration::from_secs(1);

/// What a node last said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Its last finalized block; `None` while it does not answer.
    pub head: Option<(Height, Hash)>,
    /// Whether it calls itself ready.
    pub ready: bool,
    /// Peers that it misses.
    pub affected: u64,
    /// The most that it missed at a time.
    pub affected_max: u64,
    /// Whether it suspects a partition.
    pub suspected: bool,
    /// Suspected partitions that it saw end, since its last start.
    pub recoveries: u64,
    /// Double signatures that it saw.
    pub equivocations: u64,
}

/// A reader, which ends when it is dropped.
#[derive(Debug)]
pub struct Reader {
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
}

impl Reader {
    /// Starts reading.
    pub fn start(client: Client) -> Self {
        let (sender, view) = watch::channel(View::default());
        let task = tokio::spawn(async move {
            let mut series_at: Option<Instant> = None;
            loop {
                let status = client.node_status().await.ok();
                sender.send_modify(|view| {
                    view.head = status.as_ref().map(|status| (status.finalized_height, status.finalized_hash));
                    view.ready = status.as_ref().is_some_and(|status| status.readiness.ready);
                });
                if series_at.is_none_or(|at| at.elapsed() >= SERIES_EVERY)
                    && let Ok(text) = client.metrics().await
                {
                    series_at = Some(Instant::now());
                    sender.send_modify(|view| view.take_series(&text));
                }
                tokio::time::sleep(POLL).await;
            }
        });
        Self { view, task }
    }

    /// What the node last said.
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl View {
    fn take_series(&mut self, text: &str) {
        self.affected = series(text, "partition_watch_affected_peers");
        self.affected_max = self.affected_max.max(self.affected);
        self.suspected = series(text, "partition_watch_suspected") > 0;
        self.recoveries = series(text, "partition_watch_recoveries_total");
        // A restart begins at 0 again.
        self.equivocations = self.equivocations.max(series(text, "consensus_equivocations_total"));
    }
}

/// The sum of the samples of a series of whole numbers.
pub fn series(text: &str, name: &str) -> u64 {
    let samples = text.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']));
    samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
