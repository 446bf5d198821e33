//! What the system tells about processes: time on the cores and memory, from `/proc`.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

/// Microseconds of one tick in `/proc`. Linux shows 100 ticks per second to programs on every machine.
const TICK_US: u64 = 10_000;

/// Time on the cores up to one moment, microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// When.
    pub at: Instant,
    /// Of the nodes.
    pub nodes_us: u64,
    /// Of the program that sends.
    pub sender_us: u64,
    /// Of everything on the machine.
    pub machine_us: u64,
}

impl Usage {
    /// Up to now.
    ///
    /// # Errors
    /// One of the processes is gone.
    pub fn now(nodes: &[u32], sender: u32) -> Result<Self> {
        let mut nodes_us = 0;
        for pid in nodes {
            nodes_us += process_us(*pid)?;
        }
        Ok(Self { at: Instant::now(), nodes_us, sender_us: process_us(sender)?, machine_us: machine_us()? })
    }
}

/// Time on the cores of one process, microseconds.
fn process_us(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read; has the process ended?"))?;
    // The name of the program stands in brackets and may have spaces: what counts begins behind it.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Ok(ticks.sum::<u64>() * TICK_US)
}

/// Time on the cores of everything, microseconds.
fn machine_us() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat cannot be read")?;
    let line = text.lines().next().unwrap_or_default();
    // user, nice, system, idle, waiting for disks, interrupts (two kinds), taken by other guests.
    let ticks: Vec<u64> =
        line.split_ascii_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Ok((ticks.iter().sum::<u64>() - idle) * TICK_US)
}

/// The most memory a process has had so far, KiB.
///
/// # Errors
/// The process is gone.
pub fn peak_memory_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read; has the process ended?"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the system tells no peak memory")?;
    let number = line.split_ascii_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("no number: {line:?}"))
}
