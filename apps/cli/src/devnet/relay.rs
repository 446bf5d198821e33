//! The lines between the nodes of a drill: small TCP relays that this process owns, so that they can be cut.
//!
//! ```text
//! node i ──► relay (i to j) ──► node j          one relay for each direction of dialling, and for each network
//!        ◄──────────────────          weather: which lines are cut, how much later everything arrives
//! ```
//!
//! Rules
//! - A line that is cut in both directions closes its connections, and those that come meanwhile.
//! - A line that is cut in one direction loses what is sent that way. Afterwards its connections are closed, since an
//!   encrypted stream with a hole cannot go on; the nodes make new ones.
//! - Bytes of one direction of one connection keep their order, as TCP does: a delay never lets them overtake.
//! - Works without any right of the system. Packets are lost and doubled in [`crate::devnet::datagrams`]: here TCP would have
//!   repaired it before a byte is read.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks on their way in one direction of one connection.
const CHUNKS_MAX: usize = 1_024;
/// Connections of one relay.
const CONNECTIONS_MAX: usize = 64;

/// Whom a line joins, and what it is like in fair weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Who dials, counted from 0.
    pub from: u16,
    /// Who is dialled.
    pub to: u16,
    /// Shortest way of a message, milliseconds.
    pub delay_ms: u64,
    /// Up to this much is added, milliseconds.
    pub jitter_ms: u64,
    /// How many packets of a million are lost.
    pub loss_ppm: u32,
    /// How many packets of a million come twice.
    pub duplicate_ppm: u32,
}

/// Lines that are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// One side.
    pub side: BTreeSet<u16>,
    /// Only what leaves `side` is lost.
    pub one_way: bool,
}

/// What all lines suffer at the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weather {
    /// Cuts by the number of their fault.
    pub cuts: Vec<(usize, Cut)>,
    /// Delays by the number of their fault: up to so many milliseconds more.
    pub jitter_ms: Vec<(usize, u64)>,
    /// Losses by the number of their fault: so many packets of a million.
    pub loss_ppm: Vec<(usize, u32)>,
    /// Duplicates by the number of their fault: so many packets of a million.
    pub duplicate_ppm: Vec<(usize, u32)>,
}

impl Weather {
    /// Whether what goes from one node to another is lost.
    pub fn loses(&self, from: u16, to: u16) -> bool {
        self.cuts.iter().any(|(_, cut)| {
            let (out, into) = (cut.side.contains(&from), cut.side.contains(&to));
            (out && !into) || (!cut.one_way && into && !out)
        })
    }

    /// Takes back what fault `number` did.
    pub fn clear(&mut self, number: usize) {
        self.cuts.retain(|(fault, _)| *fault != number);
        self.jitter_ms.retain(|(fault, _)| *fault != number);
        self.loss_ppm.retain(|(fault, _)| *fault != number);
        self.duplicate_ppm.retain(|(fault, _)| *fault != number);
    }

    /// How many packets of a million are lost.
    pub(super) fn loss(&self) -> u64 {
        self.loss_ppm.iter().fold(0, |sum, (_, ppm)| sum.saturating_add(u64::from(*ppm)))
    }

    /// How many packets of a million come twice.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicate_ppm.iter().fold(0, |sum, (_, ppm)| sum.saturating_add(u64::from(*ppm)))
    }

    /// Up to how much later everything arrives, milliseconds.
    pub(super) fn jitter(&self) -> u64 {
        self.jitter_ms.iter().fold(0, |sum, (_, ms)| sum.saturating_add(*ms))
    }
}

/// One relay. It ends when it is dropped, with all its connections.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts a relay on a free port of this machine. `seed` chooses the delays within their bounds.
    ///
    /// # Errors
    /// The system refuses a port.
    pub async fn start(
        line: Line,
        target: SocketAddr,
        weather: watch::Receiver<Weather>,
        seed: u64,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let chance = Chance::new(seed);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                if connections.len() < CONNECTIONS_MAX {
                    connections.spawn(connection(near, target, line, weather.clone(), chance.clone()));
                }
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Numbers of chance, shared by the connections of one relay.
#[derive(Debug, Clone)]
pub(super) struct Chance(Arc<AtomicU64>);

impl Chance {
    /// The numbers of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A number up to `most`, by SplitMix64.
    pub(super) fn up_to(&self, most: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(most.saturating_add(1)).unwrap_or(0)
    }
}

/// One direction of one connection.
struct Way {
    line: Line,
    weather: watch::Receiver<Weather>,
    chance: Chance,
    /// What is read is thrown away.
    lost: Arc<AtomicBool>,
}

async fn connection(
    near: TcpStream,
    target: SocketAddr,
    line: Line,
    weather: watch::Receiver<Weather>,
    chance: Chance,
) {
    let cut = |weather: &Weather| weather.loses(line.from, line.to) && weather.loses(line.to, line.from);
    if cut(&weather.borrow()) {
        return;
    }
    // When the node behind does not listen yet, the near one is closed and will dial again.
    let Ok(far) = TcpStream::connect(target).await else { return };
    if near.set_nodelay(true).is_err() || far.set_nodelay(true).is_err() {
        return;
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let (out, back) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let way =
        |lost: &Arc<AtomicBool>| Way { line, weather: weather.clone(), chance: chance.clone(), lost: Arc::clone(lost) };
    tokio::select! {
        () = direction(near_read, far_write, way(&out)) => {}
        () = direction(far_read, near_write, way(&back)) => {}
        () = torn(line, weather.clone(), &out, &back) => {}
    }
}

/// Follows the weather until the connection has to be closed.
async fn torn(line: Line, mut weather: watch::Receiver<Weather>, out: &AtomicBool, back: &AtomicBool) {
    let mut has_hole = false;
    loop {
        let now = weather.borrow_and_update().clone();
        let lost = (now.loses(line.from, line.to), now.loses(line.to, line.from));
        out.store(lost.0, Ordering::Relaxed);
        back.store(lost.1, Ordering::Relaxed);
        let any = lost.0 || lost.1;
        if (lost.0 && lost.1) || (has_hole && !any) {
            return;
        }
        has_hole |= any;
        if weather.changed().await.is_err() {
            return;
        }
    }
}

/// Carries bytes until one end is closed.
async fn direction(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way) {
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let read = async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut last = Instant::now();
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if way.lost.load(Ordering::Relaxed) {
                continue;
            }
            let jitter_ms = way.line.jitter_ms.saturating_add(way.weather.borrow().jitter());
            let delay_ms = way.line.delay_ms.saturating_add(way.chance.up_to(jitter_ms));
            last = last.max(Instant::now() + Duration::from_millis(delay_ms));
            if queue.send((last, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
