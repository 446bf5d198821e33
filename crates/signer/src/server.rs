//! The listening side: mutual TLS, a bounded number of connections, one thread for each, one question at a time.
//!
//! ```text
//! accept ─► newcomer ─ TLS handshake ─► node, or closed where there are CONNECTIONS_MAX ─ hello ─► question, answer, question …
//!           └──────── all this within HANDSHAKE_TIME ────────┘                a pause of IDLE_TIME, or a wrong frame, ends it
//! ```
//!
//! Rules
//! - Who has shown no certificate takes no node's place, and few wait to show one (`guests.rs`).
//! - Nothing of a peer is read before its certificate is one of the authority's, except the handshake itself.
//! - A question must arrive whole, and its answer must be taken, within [`REQUEST_TIME`].
//! - The key is asked by one connection at a time; which of several nodes asks does not matter to the guard.
//!
//! Read next: `keyholder.rs`, which decides.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::guests::{CONNECTIONS_MAX, Guests, Seat};
use crate::keyholder::Keyholder;
use crate::message::{
    Answer, FRAME_BYTES_MAX, HELLO_BYTES_MAX, Refusal, RefusalCode, Request, read_length, read_message, write_frame,
};
use crate::timed::Timed;

/// Longest time for a handshake with the first message.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(2);
/// Longest time for a question to arrive whole, and for its answer to be taken.
pub const REQUEST_TIME: Duration = Duration::from_secs(2);
/// Longest pause between two questions; a node that comes back later connects again.
pub const IDLE_TIME: Duration = Duration::from_secs(60);
/// Pause after the system refused a connection, so that a lasting refusal does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What happened, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A node showed a certificate and is of this chain.
    Joined(SocketAddr),
    /// A peer did not come as far as that.
    TurnedAway(SocketAddr, String),
    /// A question was refused.
    Refused(SocketAddr, Refusal),
    /// A node's connection ended.
    Left(SocketAddr),
}

/// Is told the news; must return quickly.
pub type Listener = Arc<dyn Fn(News) + Send + Sync>;

/// Who is inside, and how to show them out.
#[derive(Default)]
struct Inside {
    guests: Guests,
    streams: BTreeMap<u64, TcpStream>,
}

impl Inside {
    /// A newcomer; gives the number of the one who was shown out for it.
    fn enter(&mut self, guest: &Guest, stream: TcpStream) -> Option<u64> {
        self.streams.insert(guest.number, stream);
        let leaves = self.guests.enter(guest.number, guest.peer.ip())?;
        if let Some(stream) = self.streams.get(&leaves) {
            // An error means that it is gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        Some(leaves)
    }

    fn leave(&mut self, number: u64) {
        self.guests.leave(number);
        self.streams.remove(&number);
    }

    fn show_all_out(&self) {
        self.streams.values().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }
}

/// A connection.
#[derive(Clone, Copy)]
struct Guest {
    number: u64,
    peer: SocketAddr,
}

/// What all connections share.
struct Hall {
    keyholder: Mutex<Keyholder>,
    tls: Arc<ServerConfig>,
    inside: Mutex<Inside>,
    stopping: AtomicBool,
    listener: Listener,
}

/// A signer that listens. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    hall: Arc<Hall>,
    door: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at `address`.
    ///
    /// # Errors
    /// The system's, when the address is taken.
    pub fn start(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        keyholder: Keyholder,
        listener: Listener,
    ) -> io::Result<Self> {
        let door = TcpListener::bind(address)?;
        let address = door.local_addr()?;
        let (inside, stopping) = (Mutex::default(), AtomicBool::new(false));
        let hall = Arc::new(Hall { keyholder: Mutex::new(keyholder), tls, inside, stopping, listener });
        let own = Arc::clone(&hall);
        let door = std::thread::Builder::new().name("signer-door".to_owned()).spawn(move || admit(&door, &own))?;
        Ok(Self { address, hall, door: Some(door) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hall.stopping.store(true, Ordering::SeqCst);
        // Whoever is inside is shown out; the one who waits at the door is woken by a visitor.
        locked(&self.hall.inside).show_all_out();
        let _ = TcpStream::connect_timeout(&self.address, HANDSHAKE_TIME);
        if let Some(door) = self.door.take() {
            let _ = door.join();
        }
    }
}

fn locked<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets connections in until the server stops, then waits for those inside.
fn admit(door: &TcpListener, hall: &Arc<Hall>) {
    let mut threads: BTreeMap<u64, JoinHandle<()>> = BTreeMap::new();
    let mut number = 0_u64;
    loop {
        let Ok((stream, peer)) = door.accept() else {
            std::thread::sleep(ACCEPT_PAUSE);
            if hall.stopping.load(Ordering::SeqCst) {
                break;
            }
            continue;
        };
        if hall.stopping.load(Ordering::SeqCst) {
            break;
        }
        threads.retain(|_, thread| !thread.is_finished());
        number = number.wrapping_add(1);
        let Ok(copy) = stream.try_clone() else { continue };
        let guest = Guest { number, peer };
        let left = locked(&hall.inside).enter(&guest, copy);
        // It has nothing to wait for any more, so there are never many more threads than places.
        if let Some(thread) = left.and_then(|left| threads.remove(&left)) {
            let _ = thread.join();
        }
        let host = Arc::clone(hall);
        let thread = std::thread::Builder::new().name("signer-guest".to_owned()).spawn(move || {
            receive(&host, stream, guest);
            locked(&host.inside).leave(guest.number);
        });
        match thread {
            Ok(thread) => drop(threads.insert(number, thread)),
            Err(_) => locked(&hall.inside).leave(number),
        }
    }
    // Someone may have come in while the others were shown out.
    locked(&hall.inside).show_all_out();
    threads.into_values().for_each(|thread| drop(thread.join()));
}

type Stream = StreamOwned<ServerConnection, Timed>;

fn receive(hall: &Hall, stream: TcpStream, guest: Guest) {
    let peer = guest.peer;
    match greet(hall, stream, guest) {
        Ok(stream) => {
            (hall.listener)(News::Joined(peer));
            serve(hall, stream, peer);
            (hall.listener)(News::Left(peer));
        }
        Err(_) if hall.stopping.load(Ordering::SeqCst) => {}
        Err(_) if !locked(&hall.inside).guests.has(guest.number) => {
            (hall.listener)(News::TurnedAway(peer, "others came before it had shown a certificate".to_owned()));
        }
        Err(error) => (hall.listener)(News::TurnedAway(peer, error.to_string())),
    }
}

/// The handshake and the first message.
fn greet(hall: &Hall, stream: TcpStream, guest: Guest) -> io::Result<Stream> {
    let timed = Timed::new(stream, HANDSHAKE_TIME)?;
    let connection = ServerConnection::new(Arc::clone(&hall.tls)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, timed);
    while stream.conn.is_handshaking() {
        // What is refused here is told to the peer by the library.
        stream.conn.complete_io(&mut stream.sock)?;
    }
    if stream.conn.alpn_protocol() != Some(crate::PROTOCOL) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer does not speak the messages of this version"));
    }
    match locked(&hall.inside).guests.sit(guest.number) {
        Seat::Taken => {}
        Seat::Full => return Err(io::Error::other(format!("{CONNECTIONS_MAX} connections are open already"))),
        Seat::Gone => return Err(io::ErrorKind::ConnectionAborted.into()),
    }
    let length = read_length(&mut stream, HELLO_BYTES_MAX)?;
    let request: Request = read_message(&mut stream, length)?;
    let answer = match &request {
        Request::Hello { .. } => locked(&hall.keyholder).answer(&request),
        _ => Answer::Refused(Refusal::new(RefusalCode::Order, "the first message is a hello")),
    };
    write_frame(&mut stream, &answer)?;
    match answer {
        Answer::Refused(refusal) => {
            close(&mut stream);
            (hall.listener)(News::Refused(guest.peer, refusal.clone()));
            Err(io::Error::other(refusal.to_string()))
        }
        _ => Ok(stream),
    }
}

/// Questions and answers until the node leaves.
fn serve(hall: &Hall, mut stream: Stream, peer: SocketAddr) {
    loop {
        stream.sock.allow(IDLE_TIME);
        let length = match read_length(&mut stream, FRAME_BYTES_MAX) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return turn_out(hall, &mut stream, peer, &error);
            }
            Err(_) => return close(&mut stream),
        };
        stream.sock.allow(REQUEST_TIME);
        let request: Request = match read_message(&mut stream, length) {
            Ok(request) => request,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return turn_out(hall, &mut stream, peer, &error);
            }
            Err(_) => return close(&mut stream),
        };
        let answer = match &request {
            Request::Hello { .. } => Answer::Refused(Refusal::new(RefusalCode::Order, "a hello comes first and once")),
            _ => locked(&hall.keyholder).answer(&request),
        };
        if let Answer::Refused(refusal) = &answer {
            (hall.listener)(News::Refused(peer, refusal.clone()));
        }
        if write_frame(&mut stream, &answer).is_err() {
            return;
        }
    }
}

/// Says what was wrong with the bytes, and ends the connection: nothing after them can be trusted to be a frame.
fn turn_out(hall: &Hall, stream: &mut Stream, peer: SocketAddr, error: &io::Error) {
    let refusal = Refusal::new(RefusalCode::Malformed, error);
    stream.sock.allow(REQUEST_TIME);
    let _ = write_frame(stream, &Answer::Refused(refusal.clone()));
    close(stream);
    (hall.listener)(News::Refused(peer, refusal));
}

fn close(stream: &mut Stream) {
    stream.sock.allow(REQUEST_TIME);
    stream.conn.send_close_notify();
    let _ = stream.conn.complete_io(&mut stream.sock);
}
