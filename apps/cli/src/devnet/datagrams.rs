//! The lines of a drill whose packets can be lost: relays of datagrams, for nodes that speak QUIC.
//!
//! ```text
//! node i ──► relay (i to j) ──► node j          one socket for who dials, one towards the node for each of them
//!        ◄──────────────────          each packet by itself: lost, doubled, held back, overtaken by a later one
//! ```
//!
//! Rules
//! - A packet is lost or doubled by chance, before the QUIC of the nodes sees it. They notice, send again what is missing
//!   and drop what came twice: that they do, and what it costs the chain, is what such a drill shows.
//! - A cut loses every packet of its direction and closes nothing: the nodes find out by themselves.
//! - At most [`HELD_MAX`] packets of a relay wait for their time; further ones are lost, as in a full router.
//! - Works without any right of the system.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::devnet::relay::{Chance, Line, Weather};

/// Largest packet: UDP has no larger one.
const PACKET_BYTES: usize = 64 * 1024;
/// Packets of one relay that are on their way.
pub const HELD_MAX: usize = 4_096;
/// Sockets that may dial through one relay; a node dials from one, and from another after each start.
const DIALLERS_MAX: usize = 64;
/// Pause after an error of a socket, which is the echo of a packet for a node that is down.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// Parts in a whole chance.
const PPM: u64 = 1_000_000;

/// What became of the packets of all relays of a drill.
#[derive(Debug, Default)]
pub struct Traffic {
    carried: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
}

/// [`Traffic`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Packets {
    /// Packets that reached a relay.
    pub carried: u64,
    /// Of those, lost by chance, in a cut, or for want of room.
    pub lost: u64,
    /// Of those, delivered twice.
    pub doubled: u64,
}

impl Traffic {
    /// How many so far.
    pub fn packets(&self) -> Packets {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Packets { carried: of(&self.carried), lost: of(&self.lost), doubled: of(&self.doubled) }
    }
}

/// One relay. It ends when it is dropped.
#[derive(Debug)]
pub struct DatagramRelay {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl DatagramRelay {
    /// Starts a relay on a free port of this machine. `seed` is its chance.
    ///
    /// # Errors
    /// The system refuses a port.
    pub async fn start(
        line: Line,
        target: SocketAddr,
        weather: watch::Receiver<Weather>,
        seed: u64,
        traffic: Arc<Traffic>,
    ) -> std::io::Result<Self> {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let address = front.local_addr()?;
        let held = Arc::new(Semaphore::new(HELD_MAX));
        let way = Way { line, weather, chance: Chance::new(seed), traffic, held };
        let task = tokio::spawn(serve(front, target, way));
        Ok(Self { address, task })
    }
}

impl Drop for DatagramRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What packets of one relay meet on their way out; [`Way::back`] is the other direction.
#[derive(Debug, Clone)]
struct Way {
    line: Line,
    weather: watch::Receiver<Weather>,
    chance: Chance,
    traffic: Arc<Traffic>,
    held: Arc<Semaphore>,
}

/// Where a packet goes.
#[derive(Debug, Clone)]
struct Target {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
}

impl Way {
    fn back(&self) -> Self {
        Self { line: Line { from: self.line.to, to: self.line.from, ..self.line }, ..self.clone() }
    }

    /// Decides what becomes of a packet, and lets it go.
    fn carry(&self, packet: &[u8], target: &Target) {
        let (is_cut, loss_ppm, duplicate_ppm, jitter_ms) = {
            let weather = self.weather.borrow();
            let loss_ppm = weather.loss().saturating_add(u64::from(self.line.loss_ppm));
            let duplicate_ppm = weather.duplicates().saturating_add(u64::from(self.line.duplicate_ppm));
            let jitter_ms = self.line.jitter_ms.saturating_add(weather.jitter());
            (weather.loses(self.line.from, self.line.to), loss_ppm, duplicate_ppm, jitter_ms)
        };
        let count = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
        count(&self.traffic.carried);
        if is_cut || self.happens(loss_ppm) {
            count(&self.traffic.lost);
            return;
        }
        let copies = if self.happens(duplicate_ppm) { 2 } else { 1 };
        for copy in 0..copies {
            let Ok(room) = Arc::clone(&self.held).try_acquire_owned() else {
                count(&self.traffic.lost);
                return;
            };
            if copy > 0 {
                count(&self.traffic.doubled);
            }
            let delay_ms = self.line.delay_ms.saturating_add(self.chance.up_to(jitter_ms));
            let (packet, target) = (packet.to_vec(), target.clone());
            tokio::spawn(async move {
                if delay_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                }
                // A node that is down takes no packet, and one more is lost.
                let _ = target.socket.send_to(&packet, target.to).await;
                drop(room);
            });
        }
    }

    fn happens(&self, ppm: u64) -> bool {
        ppm > 0 && self.chance.up_to(PPM - 1) < ppm
    }
}

/// Takes packets of diallers and of the node behind, until the relay is dropped.
async fn serve(front: Arc<UdpSocket>, target: SocketAddr, out: Way) {
    let mut buffer = vec![0; PACKET_BYTES];
    let mut diallers: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut answers = JoinSet::new();
    loop {
        let Ok((length, near)) = front.recv_from(&mut buffer).await else {
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        };
        if !diallers.contains_key(&near) {
            if diallers.len() >= DIALLERS_MAX {
                // Nodes have been started again that often: the sockets of their earlier lives go.
                diallers.clear();
                answers.abort_all();
                answers.detach_all();
            }
            let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await else { continue };
            let socket = Arc::new(socket);
            let to = Target { socket: Arc::clone(&front), to: near };
            answers.spawn(answer(Arc::clone(&socket), target, to, out.back()));
            diallers.insert(near, socket);
        }
        if let Some(socket) = diallers.get(&near) {
            out.carry(&buffer[..length], &Target { socket: Arc::clone(socket), to: target });
        }
    }
}

/// Takes what the node behind says to one dialler.
async fn answer(socket: Arc<UdpSocket>, node: SocketAddr, to: Target, way: Way) {
    let mut buffer = vec![0; PACKET_BYTES];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) if from == node => way.carry(&buffer[..length], &to),
            Ok(_) => {}
            Err(_) => tokio::time::sleep(ERROR_PAUSE).await,
        }
    }
}
