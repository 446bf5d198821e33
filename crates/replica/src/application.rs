//! What consensus asks of the chain, and nothing else.
//!
//! Model: the [`Application`] is always between two heights. It knows every finalized height and the
//! candidate blocks of the height after it. The Malachite adapter (`consensus`), the `solo` engine and
//! the simulator drive the same trait; all of its methods are synchronous and take time as an argument.
//!
//! ```text
//!            ┌── build(round, now) ──► candidate, durable ─┐
//! finalized ─┤                                             ├─► commit(certificate) ──► finalized + 1
//!            └── verify(bytes, …) ───► candidate or refusal┘
//! ```
//!
//! Rules
//! - A built block is durable before it is returned, and the same round returns it again after a restart.
//! - A block is executed before it is called valid; the verdict on the same bytes does not change.
//! - [`Application::commit`] returns after the block is durable. An `Err` is our own fault: the caller
//!   must stop the node ([`Fault`]); nothing wrong has been written.
//!
//! Read next: `replica.rs`, then `consensus/src/app.rs`.

use primitives::{Address, CommitCertificate, Genesis, Hash, Height, Round, Timestamp, ValidatorSet};

/// Our own failure (disk, corruption, broken invariant): stop the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// Who decides a height and in which order they propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Electorate {
    /// The voting set.
    pub validators: ValidatorSet,
    /// Beacon of the block before, seed of `primitives::proposer::proposer`.
    pub beacon: Hash,
}

/// A candidate block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The block's hash, the value consensus decides on.
    pub hash: Hash,
    /// Its canonical bytes.
    pub bytes: std::sync::Arc<[u8]>,
}

/// How a proposed block reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A live first offer: its time is compared with ours, and the builder must be the round's proposer.
    Live {
        /// Our clock.
        now: Timestamp,
        /// The round it is offered in.
        round: Round,
        /// Who proposes in that round.
        proposer: Address,
    },
    /// Decided elsewhere (sync), replayed from the log, or offered again with a proof of lock: the clock
    /// is not read.
    Replayed,
}

/// The verdict on a proposed block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every rule holds; the block is a candidate now.
    Valid(Candidate),
    /// Some rule does not hold: prevote nil.
    Invalid {
        /// The block's hash, if the bytes hold a header.
        hash: Option<Hash>,
        /// Which rule.
        reason: String,
    },
}

/// The chain as consensus sees it.
pub trait Application: Send {
    /// The chain's genesis.
    fn genesis(&self) -> &Genesis;

    /// Hash of the genesis, bound into every signature.
    fn genesis_hash(&self) -> Hash;

    /// The last finalized height.
    fn finalized(&self) -> Height;

    /// The lowest height whose block can be served to others.
    fn oldest(&self) -> Height;

    /// Who decides `height`: known from 1 up to finalized + 1.
    fn electorate(&self, height: Height) -> Option<Electorate>;

    /// Block time of the last finalized block (of genesis at height 0).
    fn finalized_time(&self) -> Timestamp;

    /// Builds the block of finalized + 1 for `round`, durable on return. Asked again for the same
    /// round, also after a restart, it returns the same block.
    ///
    /// # Errors
    /// [`Fault`]: stop the node.
    fn build(&mut self, round: Round, now: Timestamp) -> Result<Candidate, Fault>;

    /// Judges proposed bytes for finalized + 1 by executing them. A valid block is kept as a candidate.
    ///
    /// # Errors
    /// [`Fault`]: stop the node. Bad bytes are a [`Verdict`], never an error.
    fn verify(&mut self, bytes: &[u8], freshness: Freshness) -> Result<Verdict, Fault>;

    /// The candidate of finalized + 1 with this hash, if it was built or verified here.
    fn candidate(&self, hash: &Hash) -> Option<Candidate>;

    /// Finalizes the candidate that `certificate` names; durable on return.
    ///
    /// # Errors
    /// [`Fault`]: stop the node (also when the candidate is unknown or the certificate does not verify).
    fn commit(&mut self, certificate: CommitCertificate) -> Result<(), Fault>;

    /// A finalized block's bytes with its certificate; none where it is not here or is damaged. A damaged one is quarantined (RCV-55).
    ///
    /// # Errors
    /// [`Fault`]: stop the node.
    fn decided(&self, height: Height) -> Result<Option<(Vec<u8>, CommitCertificate)>, Fault>;
}
