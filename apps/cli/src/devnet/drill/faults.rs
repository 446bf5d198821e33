//! Faults of a drill that begin and end.
//!
//! Rules
//! - A node is down while at least one fault holds it down, and is started when the last of them ends.
//! - The end of a process is expected while a fault holds it down, and a failure of the node at any other time.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::devnet::children::{Children, Exit};
use crate::devnet::drill::disk::SmallDisk;
use crate::devnet::drill::{Planned, ProcessFault, name_of};
use crate::devnet::layout::NodeHome;
use crate::devnet::relay::{Cut, Weather};
use crate::exit::Failure;

/// Longest time for a process to end after it was told to.
const STOP_TIME: Duration = Duration::from_secs(10);
/// The variable of the clock that is off.
const CLOCK_VARIABLE: &str = "TB_CLOCK_OFFSET_MS";

/// The processes of a drill and what holds them down.
pub struct Machines {
    /// The processes.
    pub children: Children,
    /// What all lines suffer.
    pub weather: watch::Sender<Weather>,
    homes: Vec<NodeHome>,
    /// Variables of each node: where its peers are.
    environments: Vec<Vec<(&'static str, String)>>,
    disks: BTreeMap<usize, SmallDisk>,
    /// How many faults hold each node down.
    held: Vec<u32>,
    /// The clocks that are off, milliseconds.
    clocks: BTreeMap<usize, i64>,
    /// Processes that ended though nothing held them down, one sentence each.
    pub unexpected: Vec<String>,
}

impl Machines {
    /// Machines that do not run yet.
    pub fn new(
        children: Children,
        weather: watch::Sender<Weather>,
        homes: Vec<NodeHome>,
        environments: Vec<Vec<(&'static str, String)>>,
        disks: BTreeMap<usize, SmallDisk>,
    ) -> Self {
        let held = vec![0; homes.len()];
        let (clocks, unexpected) = (BTreeMap::new(), Vec::new());
        Self { children, weather, homes, environments, disks, held, clocks, unexpected }
    }

    /// Starts every node that nothing holds down and that does not run.
    ///
    /// # Errors
    /// [`Failure`] when a process cannot be started.
    pub fn start_all(&mut self) -> Result<(), Failure> {
        (0..self.homes.len()).try_for_each(|node| self.start(node))
    }

    fn start(&mut self, node: usize) -> Result<(), Failure> {
        if self.held.get(node).is_some_and(|held| *held > 0) {
            return Ok(());
        }
        let mut environment = self.environments.get(node).cloned().unwrap_or_default();
        if let Some(offset_ms) = self.clocks.get(&node) {
            environment.push((CLOCK_VARIABLE, offset_ms.to_string()));
        }
        self.children.start_one(node, &environment)
    }

    /// A process has ended.
    pub fn exited(&mut self, exit: &Exit) {
        if self.held.get(exit.index).is_none_or(|held| *held == 0) {
            let how = exit.status.map_or("in an unknown way".to_owned(), |status| status.to_string());
            let last = self.children.last_words(exit.index).pop().unwrap_or_default();
            let name = name_of(u16::try_from(exit.index).unwrap_or(u16::MAX));
            self.unexpected.push(format!("{name} ended by itself ({how}): {last}"));
        }
    }

    /// Begins fault `number`.
    ///
    /// # Errors
    /// [`Failure`] of the system.
    pub async fn begin(&mut self, number: usize, planned: &Planned) -> Result<(), Failure> {
        match &planned.fault {
            ProcessFault::Partition { side, one_way } => {
                let cut = Cut { side: side.clone(), one_way: *one_way };
                self.weather.send_modify(|weather| weather.cuts.push((number, cut)));
            }
            ProcessFault::Delay { jitter_ms } => {
                self.weather.send_modify(|weather| weather.jitter_ms.push((number, *jitter_ms)));
            }
            ProcessFault::Loss { ppm } => {
                self.weather.send_modify(|weather| weather.loss_ppm.push((number, *ppm)));
            }
            ProcessFault::Duplicates { ppm } => {
                self.weather.send_modify(|weather| weather.duplicate_ppm.push((number, *ppm)));
            }
            ProcessFault::Kill { node } => self.hold(usize::from(*node), Signal::SIGKILL).await,
            ProcessFault::Restart { node } => self.hold(usize::from(*node), Signal::SIGTERM).await,
            ProcessFault::Pause { node } => self.children.signal_one(usize::from(*node), Signal::SIGSTOP),
            ProcessFault::PowerLoss => {
                // All at once, then each end is waited for.
                (0..self.homes.len()).for_each(|node| self.hold_one(node));
                (0..self.homes.len()).for_each(|node| self.children.signal_one(node, Signal::SIGKILL));
                for node in 0..self.homes.len() {
                    self.wait_for_end(node).await;
                }
            }
            ProcessFault::LostDisk { node } => {
                let node = usize::from(*node);
                self.hold(node, Signal::SIGKILL).await;
                if let Some(home) = self.homes.get(node) {
                    let data = home.home.root().join("data");
                    std::fs::remove_dir_all(&data).map_err(|cause| Failure::disk(&data, &cause))?;
                }
            }
            ProcessFault::FullDisk { node } => {
                let node = usize::from(*node);
                // It begins no more blocks; one whose write was under way when the last byte went may end.
                self.hold_one(node);
                if let Some(disk) = self.disks.get(&node) {
                    disk.fill();
                }
            }
            ProcessFault::Clock { node, offset_ms } => {
                let node = usize::from(*node);
                self.hold(node, Signal::SIGTERM).await;
                self.clocks.insert(node, *offset_ms);
                self.release(node)?;
            }
        }
        Ok(())
    }

    /// Ends fault `number`.
    ///
    /// # Errors
    /// [`Failure`] of the system.
    pub async fn end(&mut self, number: usize, planned: &Planned) -> Result<(), Failure> {
        match &planned.fault {
            ProcessFault::Partition { .. }
            | ProcessFault::Delay { .. }
            | ProcessFault::Loss { .. }
            | ProcessFault::Duplicates { .. } => {
                self.weather.send_modify(|weather| weather.clear(number));
                Ok(())
            }
            ProcessFault::Kill { node } | ProcessFault::Restart { node } | ProcessFault::LostDisk { node } => {
                self.release(usize::from(*node))
            }
            ProcessFault::Pause { node } => {
                self.children.signal_one(usize::from(*node), Signal::SIGCONT);
                Ok(())
            }
            ProcessFault::PowerLoss => (0..self.homes.len()).try_for_each(|node| self.release(node)),
            ProcessFault::FullDisk { node } => {
                let node = usize::from(*node);
                if let Some(disk) = self.disks.get(&node) {
                    disk.empty();
                }
                // One that still runs goes on by itself.
                self.release(node)
            }
            ProcessFault::Clock { node, .. } => {
                let node = usize::from(*node);
                self.hold(node, Signal::SIGTERM).await;
                self.clocks.remove(&node);
                self.release(node)
            }
        }
    }

    fn hold_one(&mut self, node: usize) {
        if let Some(held) = self.held.get_mut(node) {
            *held = held.saturating_add(1);
        }
    }

    /// Takes a node down and waits until its process has ended.
    async fn hold(&mut self, node: usize, signal: Signal) {
        self.hold_one(node);
        self.children.signal_one(node, signal);
        // One that stands still hears SIGTERM only when it goes on.
        self.children.signal_one(node, Signal::SIGCONT);
        self.wait_for_end(node).await;
    }

    /// Waits until a process has ended; one that takes too long is killed.
    async fn wait_for_end(&mut self, node: usize) {
        for is_last in [false, true] {
            let deadline = Instant::now() + STOP_TIME;
            while self.children.is_running(node) {
                match tokio::time::timeout_at(deadline, self.children.next_exit()).await {
                    Ok(exit) => self.exited(&exit),
                    Err(_) => break,
                }
            }
            if self.children.is_running(node) && !is_last {
                let name = name_of(u16::try_from(node).unwrap_or(u16::MAX));
                self.unexpected.push(format!("{name} did not stop within {} s", STOP_TIME.as_secs()));
                self.children.signal_one(node, Signal::SIGKILL);
            }
        }
    }

    fn release(&mut self, node: usize) -> Result<(), Failure> {
        if let Some(held) = self.held.get_mut(node) {
            *held = held.saturating_sub(1);
        }
        self.start(node)
    }
}
