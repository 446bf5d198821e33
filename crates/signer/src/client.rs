//! The asking side: one connection, one question at a time, a deadline for each, a pause after failures.
//!
//! ```text
//! ask ─► connected? ─no─► waiting after a failure? ─yes─► Later
//!            │               └no─► connect, handshake, hello ─► another chain or key? refused
//!            └► write, read ─► answer          all of it before one deadline
//!                  └ the connection had ended ─► once more on a new one
//! ```
//!
//! Rules
//! - A question may be asked twice: the same fields get the stored signature (GRD-1), so a lost answer does no harm.
//! - After a deadline the connection is dropped: an answer that comes late must not be taken for the next one.
//! - After a failure the next try waits, twice as long each time, from [`PAUSE_MIN`] to [`PAUSE_MAX`]; meanwhile every
//!   question fails at once. So a signer that is away never holds up consensus.
//! - Chain and key are checked at every connection, not only at the first.
//!
//! Read next: `server.rs`, the other end.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use primitives::{FormatVersion, Hash, PublicKey, Signature};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::message::{
    Answer, FRAME_BYTES_MAX, Place, Refusal, Request, Welcome, read_length, read_message, write_frame,
};
use crate::timed::Timed;

/// Pause after the first failure.
pub const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause between two tries.
pub const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Failures after which the pause grows no more.
const DOUBLINGS_MAX: u32 = 8;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// It could not be reached, or did not answer in time.
    #[error("the signer at {address} does not answer: {cause}")]
    Unreachable {
        /// Where it was looked for.
        address: SocketAddr,
        /// The system's words.
        cause: String,
    },
    /// It was not reached a moment ago.
    #[error("the signer at {address} did not answer; it is tried again in {wait_ms} ms")]
    Later {
        /// Where it is.
        address: SocketAddr,
        /// Time to the next try, milliseconds.
        wait_ms: u64,
    },
    /// It signs for another chain.
    #[error("the signer at {address} signs for the chain with genesis {found}, this node is of {wanted}")]
    OtherChain {
        /// Where it is.
        address: SocketAddr,
        /// Its chain.
        found: Hash,
        /// Ours.
        wanted: Hash,
    },
    /// It has another key.
    #[error("the signer at {address} has the key {found}, this validator's is {wanted}")]
    OtherKey {
        /// Where it is.
        address: SocketAddr,
        /// Its key.
        found: PublicKey,
        /// Ours.
        wanted: PublicKey,
    },
    /// It refuses.
    #[error("the signer refuses: {0}")]
    Refused(Refusal),
    /// It answers another question.
    #[error("the signer at {address} gave an answer that belongs to another question")]
    Nonsense {
        /// Where it is.
        address: SocketAddr,
    },
}

/// Which signer, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The authority to trust and the certificate to show.
    pub tls: Arc<ClientConfig>,
    /// The chain.
    pub genesis: Hash,
    /// The validator's key; `None` takes any.
    pub key: Option<PublicKey>,
    /// Longest time for one answer, with everything that it takes to get it.
    pub timeout: Duration,
}

/// A signer as a node sees it.
#[derive(Debug)]
pub struct Client {
    settings: ClientSettings,
    stream: Option<Stream>,
    failures: u32,
    wait_until: Option<Instant>,
}

type Stream = StreamOwned<ClientConnection, Timed>;

impl Client {
    /// A client that has not connected yet.
    pub const fn new(settings: ClientSettings) -> Self {
        Self { settings, stream: None, failures: 0, wait_until: None }
    }

    /// Connects anew, whatever was before, and gives who answered.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn connect(&mut self) -> Result<Welcome, ClientError> {
        self.stream = None;
        let until = Instant::now() + self.settings.timeout;
        let met = self.meet(until);
        self.note(met.is_ok());
        met
    }

    /// The signature for a request that is signed.
    ///
    /// # Errors
    /// [`ClientError`]; the caller abstains.
    pub fn sign(&mut self, request: &Request) -> Result<Signature, ClientError> {
        match self.ask(request)? {
            Answer::Signature(signature) => Ok(signature),
            _ => Err(self.nonsense()),
        }
    }

    /// Lets the signer refuse a guard that ends below this height.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reaches(&mut self, request: &Request) -> Result<(), ClientError> {
        match self.ask(request)? {
            Answer::Done => Ok(()),
            _ => Err(self.nonsense()),
        }
    }

    /// Lets the signer compare its guard with a log; gives the lock that it holds the key to.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn recover(&mut self, request: &Request) -> Result<Option<Place>, ClientError> {
        match self.ask(request)? {
            Answer::Recovered { held } => Ok(held),
            _ => Err(self.nonsense()),
        }
    }

    /// An answer that belongs to another question: the connection is out of step.
    fn nonsense(&mut self) -> ClientError {
        self.stream = None;
        ClientError::Nonsense { address: self.settings.address }
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let address = self.settings.address;
        let now = Instant::now();
        if let Some(wait) =
            self.wait_until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
        {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            return Err(ClientError::Later { address, wait_ms });
        }
        let until = now + self.settings.timeout;
        let asked = self.ask_until(request, until);
        self.note(!matches!(&asked, Err(error) if !matches!(error, ClientError::Refused(_))));
        asked
    }

    fn ask_until(&mut self, request: &Request, until: Instant) -> Result<Answer, ClientError> {
        if let Some(stream) = &mut self.stream {
            match exchange(stream, request, until) {
                Ok(answer) => return refused(answer),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(self.lost(&error)),
                // The signer closes a connection that was quiet, or was started again.
                Err(_) => self.stream = None,
            }
        }
        self.meet(until)?;
        let Some(stream) = &mut self.stream else { return Err(self.nonsense()) };
        match exchange(stream, request, until) {
            Ok(answer) => refused(answer),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Connects, shows the certificate, says which chain, and checks who answers.
    fn meet(&mut self, until: Instant) -> Result<Welcome, ClientError> {
        let (address, wanted) = (self.settings.address, self.settings.genesis);
        let hello = Request::Hello { version: FormatVersion, genesis: wanted };
        let met = self.open(until).and_then(|mut stream| {
            let answer = exchange(&mut stream, &hello, until)?;
            Ok((stream, answer))
        });
        let (stream, answer) = met.map_err(|error| self.lost(&error))?;
        let welcome = match refused(answer)? {
            Answer::Welcome(welcome) => welcome,
            _ => return Err(self.nonsense()),
        };
        if welcome.genesis != wanted {
            return Err(ClientError::OtherChain { address, found: welcome.genesis, wanted });
        }
        if let Some(wanted) = self.settings.key.filter(|wanted| *wanted != welcome.key) {
            return Err(ClientError::OtherKey { address, found: welcome.key, wanted });
        }
        self.stream = Some(stream);
        Ok(welcome)
    }

    fn open(&self, until: Instant) -> io::Result<Stream> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
        }
        let stream = TcpStream::connect_timeout(&self.settings.address, left)?;
        let mut timed = Timed::new(stream, left)?;
        let name = ServerName::from(self.settings.address.ip());
        let mut connection = ClientConnection::new(Arc::clone(&self.settings.tls), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut timed)?;
        }
        Ok(StreamOwned::new(connection, timed))
    }

    fn lost(&mut self, error: &io::Error) -> ClientError {
        self.stream = None;
        ClientError::Unreachable { address: self.settings.address, cause: error.to_string() }
    }

    fn note(&mut self, is_good: bool) {
        if is_good {
            (self.failures, self.wait_until) = (0, None);
            return;
        }
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.wait_until = Some(Instant::now() + pause);
    }
}

fn exchange(stream: &mut Stream, request: &Request, until: Instant) -> io::Result<Answer> {
    stream.sock.allow_until(until);
    write_frame(stream, request)?;
    let length = read_length(stream, FRAME_BYTES_MAX)?;
    read_message(stream, length)
}

fn refused(answer: Answer) -> Result<Answer, ClientError> {
    match answer {
        Answer::Refused(refusal) => Err(ClientError::Refused(refusal)),
        answer => Ok(answer),
    }
}
