//! What a node asks a signer and what it answers, to the byte.
//!
//! ```text
//! frame    = length 4, big-endian ‖ message length       (canonical encoding, as everywhere)
//! request  = tag 1 ‖ fields
//!   0 hello      version 1 ‖ genesis 32                  first, and only then
//!   1 vote       vote
//!   2 proposal   proposal
//!   3 heartbeat  identity 30 ‖ challenge 8 ‖ seed 32 ‖ value 32
//!   4 attestation identity 30 ‖ height 8 ‖ seed 32 ‖ value 32
//!   5 duty       transaction body
//!   6 reaches    height 8
//!   7 recover    finalized 8 ‖ n 4 ‖ n logged messages (0 vote, 1 proposal)
//! answer   = tag 1 ‖ fields
//!   0 welcome    version 1 ‖ genesis 32 ‖ key 32 ‖ highest place, or none
//!   1 signature  64
//!   2 done
//!   3 recovered  place that is held, or none
//!   4 refused    code 1 ‖ n 4 ‖ text n
//! place    = height 8 ‖ round 4 ‖ step 1
//! ```
//!
//! Rules
//! - A request names fields. There is none that carries bytes to sign, and none for a transfer: the signer cannot be
//!   asked for what has no message here.
//! - One question at a time: an answer belongs to the request before it.
//! - A frame above its bound, and bytes that are not canonical, end the connection.
//!
//! The encodings are pinned by `tests/formats.rs`. Read next: `keyholder.rs`, `spec/signer.md`.

use std::fmt;
use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::actions::timetoke::Heartbeat;
use primitives::actions::witness::Attestation;
use primitives::{
    BoundedBytes, BoundedVec, FormatVersion, Hash, Height, Proposal, PublicKey, Round, Signature, TransactionBody,
    Vote, decode, encode,
};
use wallet::signer::{Position, SignedStep};

/// Largest first frame, bytes: nobody is known yet.
pub const HELLO_BYTES_MAX: usize = 64;
/// Largest frame, bytes: the most logged messages with room to spare.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Most logged messages of one recovery: more rounds of one height than a guard remembers.
pub const LOGGED_MAX: usize = 4_096;
/// Longest text of a refusal, bytes.
pub const TEXT_BYTES_MAX: usize = 512;

/// What a node asks.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// Which chain the node is of.
    Hello {
        /// Version of the messages.
        version: FormatVersion<1>,
        /// Hash of its genesis.
        genesis: Hash,
    } = 0,
    /// Sign this vote.
    Vote(Vote) = 1,
    /// Sign this proposal.
    Proposal(Proposal) = 2,
    /// Sign this answer to a challenge.
    Heartbeat(Heartbeat) = 3,
    /// Sign that the data of this block is here.
    Attestation(Attestation) = 4,
    /// Sign this transaction, which must be a validator's duty.
    Duty(TransactionBody) = 5,
    /// Refuse when the guard ends below this height (GRD-7).
    Reaches(Height) = 6,
    /// Compare the guard with the node's consensus log (GRD-7, GRD-13).
    Recover {
        /// The last height of the node's store.
        finalized: Height,
        /// This key's messages in the log, oldest first.
        logged: BoundedVec<Logged, LOGGED_MAX>,
    } = 7,
}

/// A message of the validator in the consensus log.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Logged {
    /// A vote.
    Vote(Vote) = 0,
    /// A proposal.
    Proposal(Proposal) = 1,
}

/// A place in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Place {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: Step,
}

/// What is signed in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Step {
    /// The proposer's offer.
    Proposal = 1,
    /// The first vote.
    Prevote = 2,
    /// The second vote.
    Precommit = 3,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        let step = match position.step {
            SignedStep::Proposal => Step::Proposal,
            SignedStep::Prevote => Step::Prevote,
            SignedStep::Precommit => Step::Precommit,
        };
        Self { height: position.height, round: position.round, step }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Proposal => SignedStep::Proposal,
            Step::Prevote => SignedStep::Prevote,
            Step::Precommit => SignedStep::Precommit,
        };
        Position { height: self.height, round: self.round, step }.fmt(f)
    }
}

/// Who the signer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Welcome {
    /// Version of the messages.
    pub version: FormatVersion<1>,
    /// Hash of the genesis that it signs for.
    pub genesis: Hash,
    /// Its key.
    pub key: PublicKey,
    /// The highest place that is signed.
    pub highest: Option<Place>,
}

/// Why there is no signature, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RefusalCode {
    /// Bytes that are no request.
    Malformed = 0,
    /// The first message is not a hello, or a later one is.
    Order = 1,
    /// The node is of another chain.
    OtherChain = 2,
    /// The message names another validator, or the place of another step.
    NotOwn = 3,
    /// Another message is signed at this place.
    Conflict = 4,
    /// The place lies below the highest one.
    Below = 5,
    /// The key is held to a lock that a log has lost.
    Held = 6,
    /// The guard, the log and the store do not fit together.
    Guard = 7,
    /// The guard could not be written.
    Poisoned = 8,
    /// A transaction that is no duty of a validator.
    NotADuty = 9,
    /// A duty that offers a tip or more than the most that it may cost.
    TooDear = 10,
}

impl RefusalCode {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Order,
        Self::OtherChain,
        Self::NotOwn,
        Self::Conflict,
        Self::Below,
        Self::Held,
        Self::Guard,
        Self::Poisoned,
        Self::NotADuty,
        Self::TooDear,
    ];

    /// Whether node and signer are of two chains.
    pub const fn is_other_chain(self) -> bool {
        matches!(self, Self::OtherChain)
    }

    /// The name for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Order => "order",
            Self::OtherChain => "other_chain",
            Self::NotOwn => "not_own",
            Self::Conflict => "conflict",
            Self::Below => "below",
            Self::Held => "held",
            Self::Guard => "guard",
            Self::Poisoned => "poisoned",
            Self::NotADuty => "not_a_duty",
            Self::TooDear => "too_dear",
        }
    }
}

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people, UTF-8.
    pub text: BoundedBytes<TEXT_BYTES_MAX>,
}

impl Refusal {
    /// A refusal with this text, cut to its bound.
    pub fn new(code: RefusalCode, text: impl fmt::Display) -> Self {
        let mut text = text.to_string();
        while text.len() > TEXT_BYTES_MAX {
            text.pop();
        }
        let text = BoundedBytes::new(text.into_bytes()).expect("it was cut to the bound");
        Self { code, text }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The other side may be anybody's program: what is no text is shown as such.
        let text = String::from_utf8_lossy(&self.text);
        write!(f, "{} ({})", text.escape_debug(), self.code.name())
    }
}

/// What a signer answers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Answer {
    /// To a hello.
    Welcome(Welcome) = 0,
    /// To what is signed.
    Signature(Signature) = 1,
    /// To [`Request::Reaches`].
    Done = 2,
    /// To [`Request::Recover`].
    Recovered {
        /// The precommit that the key is held to.
        held: Option<Place>,
    } = 3,
    /// To anything.
    Refused(Refusal) = 4,
}

/// Writes one message as a frame.
///
/// # Errors
/// The stream's, and `InvalidInput` for a message above [`FRAME_BYTES_MAX`].
pub fn write_frame<T: BorshSerialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let bytes = encode(message);
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is over the bound"))?;
    // One write: two small ones would wait for each other's acknowledgement.
    stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat())?;
    stream.flush()
}

/// Reads the length of a frame.
///
/// # Errors
/// The stream's, and `InvalidData` for a length above `bytes_max`.
pub fn read_length(stream: &mut impl Read, bytes_max: usize) -> io::Result<usize> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let over = || io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes is over the bound"));
    if length <= bytes_max { Ok(length) } else { Err(over()) }
}

/// Reads a message of this length.
///
/// # Errors
/// The stream's, and `InvalidData` for bytes that are no canonical message.
pub fn read_message<T: BorshDeserialize>(stream: &mut impl Read, length: usize) -> io::Result<T> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}
