//! What the engines tell the node while they run.

use primitives::{Address, Evidence, Hash, Height, PublicKey, Round};

use crate::vote_queue::VoteQueueStatus;

/// Most events a slow reader may fall behind before it loses the oldest.
pub const EVENTS_MAX: usize = 1_024;

/// Which message was signed twice with different content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EquivocationKind {
    /// Two votes of one step.
    Vote,
    /// Two proposals of one round.
    Proposal,
}

/// Why an engine stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// [`crate::EngineHandle::shutdown`] was called.
    Requested,
    /// The chain reported a fault of its own; nothing was signed after it.
    Fault(String),
    /// The engine ended by itself; its log says why.
    Engine(String),
    /// The engine stopped for safety, as after a failed write of its log: nothing is signed until somebody has looked and starts it again.
    Safety(String),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsensusEvent {
    /// A round began.
    RoundStarted {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// Who proposes in it.
        proposer: Address,
    },
    /// A whole proposal arrived from a peer and was judged.
    ProposalReceived {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// The block.
        block: Hash,
        /// Whether every rule held.
        valid: bool,
    },
    /// A block was built here and offered.
    Proposed {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// The block.
        block: Hash,
    },
    /// A certificate exists.
    Decided {
        /// The height.
        height: Height,
        /// The round that decided.
        round: Round,
        /// The block.
        block: Hash,
        /// Power in the certificate.
        power: u64,
        /// Power of the set.
        total_power: u64,
        /// Validators of the set that are not in the certificate.
        missing: Vec<Address>,
        /// Whether block and certificate were fetched from a peer after the others had decided.
        fetched: bool,
    },
    /// The block is durable here.
    Finalized {
        /// The height.
        height: Height,
        /// The block.
        block: Hash,
    },
    /// A validator signed two different messages for one step.
    Equivocation {
        /// The height at which it surfaced.
        height: Height,
        /// Who.
        validator: Address,
        /// What.
        kind: EquivocationKind,
        /// The two signed messages as anybody can check them; none when they have no signed form.
        evidence: Option<Box<Evidence>>,
    },
    /// The engine stopped.
    Stopped(StopReason),
}

/// Where a round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// Between heights.
    Unstarted,
    /// Waiting for the proposal.
    Propose,
    /// First votes.
    Prevote,
    /// Second votes.
    Precommit,
    /// Decided.
    Commit,
}

/// A connected peer of the consensus network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its peer id.
    pub peer: String,
    /// The name it gives itself.
    pub moniker: String,
    /// Its address.
    pub address: String,
}

/// What `/status/consensus` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The height being decided.
    pub height: Height,
    /// The round; `None` before the first.
    pub round: Option<Round>,
    /// The step.
    pub step: StepName,
    /// Who proposes in this round.
    pub proposer: Option<Address>,
    /// Our validator key, unless this is a full node.
    pub validator: Option<PublicKey>,
    /// Whether that key is in the voting set of the height.
    pub voting: bool,
    /// Connected peers.
    pub peers: Vec<PeerStatus>,
    /// Messages that wait for later heights.
    pub vote_queue: VoteQueueStatus,
    /// Signatures that the signer refused since the start.
    pub sign_refusals: u64,
    /// Double-signed messages seen since the start.
    pub equivocations: u64,
}
