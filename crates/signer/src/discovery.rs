//! Finding signers: a question by UDP, and the addresses that answer.
//!
//! ```text
//! question = "TBSIGNER?" 9 ‖ version 1 ‖ nonce 16 ‖ zero 6        32 bytes
//! answer   = "TBSIGNER!" 9 ‖ version 1 ‖ nonce 16 ‖ port 2 ‖ zero 4     32 bytes, to the asker alone
//! ```
//! It goes to this machine, to the group [`GROUP`] of the link, and to the addresses that the asker names, all at one port.
//!
//! Rules
//! - A signer answers only when it was told to announce itself. An answer is as long as its question, so nobody can make
//!   a signer send more than was sent to it, and says where it listens and nothing else: no key, no chain.
//! - An answer is an address and no trust. Whoever connects checks certificate, chain and key.
//! - At most [`FOUND_MAX`] addresses are kept, and at most [`DATAGRAMS_MAX`] answers are looked at.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The group of signers on one link.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 66, 0);
/// Most addresses that are found.
pub const FOUND_MAX: usize = 32;
/// Most answers that are looked at.
pub const DATAGRAMS_MAX: usize = 1_024;
/// Largest file of runs, bytes.
const RUNS_BYTES_MAX: u64 = 256;
/// Bytes of a question and of an answer.
const BYTES: usize = 32;
/// First bytes of a question.
const QUESTION: &[u8; 9] = b"TBSIGNER?";
/// First bytes of an answer.
const ANSWER: &[u8; 9] = b"TBSIGNER!";
/// Version of both.
const VERSION: u8 = 1;
/// How often an announcer looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(200);

/// How often signers were looked for with one home, and found. The counters of a command that ends live in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Runs.
    pub total: u64,
    /// Those that found a signer.
    pub found: u64,
}

impl Runs {
    /// What the file says; nothing when it is missing or is being written.
    pub fn read(path: &Path) -> Self {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(RUNS_BYTES_MAX).read_to_string(&mut text));
        read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Counts one run. Runs that end at once wait for each other.
    ///
    /// # Errors
    /// The system's.
    pub fn count(path: &Path, found: bool) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        let before = Self::read(path);
        let (total, found) = (before.total.saturating_add(1), before.found.saturating_add(u64::from(found)));
        let text = serde_json::to_string(&Self { total, found }).expect("two numbers");
        file.set_len(0)?;
        file.write_all(text.as_bytes())
    }

    /// Those that found a signer over all; 0 before the first. As a time in seconds, which is what gauges take.
    pub fn ratio(&self) -> Duration {
        let millionths = self.found.saturating_mul(1_000_000).checked_div(self.total).unwrap_or(0);
        Duration::from_micros(millionths)
    }
}

/// Drawn for each run, so that answers to another question do not count.
type Nonce = [u8; 16];

fn question(nonce: &Nonce) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..9].copy_from_slice(QUESTION);
    bytes[9] = VERSION;
    bytes[10..26].copy_from_slice(nonce);
    bytes
}

fn answer(nonce: &Nonce, port: u16) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..9].copy_from_slice(ANSWER);
    bytes[9] = VERSION;
    bytes[10..26].copy_from_slice(nonce);
    bytes[26..28].copy_from_slice(&port.to_be_bytes());
    bytes
}

/// The nonce of a question; `None` for anything else.
pub(crate) fn read_question(bytes: &[u8]) -> Option<Nonce> {
    let nonce: Nonce = bytes.get(10..26)?.try_into().ok()?;
    (bytes == question(&nonce)).then_some(nonce)
}

/// The port in an answer to the question with this nonce.
pub(crate) fn read_answer(bytes: &[u8], nonce: &Nonce) -> Option<u16> {
    let port = u16::from_be_bytes(bytes.get(26..28)?.try_into().ok()?);
    (bytes == answer(nonce, port) && port != 0).then_some(port)
}

/// Answers questions until it is dropped.
pub struct Announcer {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Announcer {
    /// Says where `listens` is to whoever asks at `port`: on this machine alone when it listens there, else on the link.
    ///
    /// # Errors
    /// The system's, when the port is taken.
    pub fn start(listens: SocketAddr, port: u16) -> io::Result<Self> {
        let socket = if listens.ip().is_loopback() {
            UdpSocket::bind((listens.ip(), port))?
        } else {
            // A socket of one address does not hear the group.
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
            let interface = match listens.ip() {
                IpAddr::V4(address) => address,
                IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
            };
            // A machine without a link that carries groups is still asked by its address.
            let _ = socket.join_multicast_v4(&GROUP, &interface);
            socket
        };
        socket.set_read_timeout(Some(LOOK))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let asked_to_stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new().name("signer-announce".to_owned()).spawn(move || {
            // One byte more than a question, so that a longer one is not taken for it.
            let mut bytes = [0; BYTES + 1];
            while !asked_to_stop.load(Ordering::SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
                if let Some(nonce) = bytes.get(..length).and_then(read_question) {
                    let _ = socket.send_to(&answer(&nonce, listens.port()), from);
                }
            }
        })?;
        Ok(Self { stopping, thread: Some(thread) })
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks this machine, the link and `candidates`, and gives the addresses of signers that answered within `timeout`, in order.
///
/// # Errors
/// The system's, when no socket is to be had.
pub fn discover(candidates: &[SocketAddr], port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_multicast_ttl_v4(1)?;
    let mut nonce: Nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
    let usual = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((GROUP, port))];
    let asked: BTreeSet<SocketAddr> = usual.into_iter().chain(candidates.iter().copied().take(FOUND_MAX)).collect();
    // A place that cannot be asked, for example because there is no link, has no signer.
    asked.iter().for_each(|place| drop(socket.send_to(&question(&nonce), place)));
    let (until, mut found, mut bytes) = (Instant::now() + timeout, BTreeSet::new(), [0; BYTES + 1]);
    for _ in 0..DATAGRAMS_MAX {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || found.len() >= FOUND_MAX {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut bytes) {
            Ok((length, from)) => {
                let port = bytes.get(..length).and_then(|bytes| read_answer(bytes, &nonce));
                found.extend(port.map(|port| SocketAddr::new(from.ip(), port)));
            }
            // A place without a signer may say so; the others may still answer.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => break,
        }
    }
    Ok(found.into_iter().collect())
}
