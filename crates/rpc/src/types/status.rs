//! What a node says about itself: health, node, consensus, mempool and limits.
//!
//! - `/health` names role and address, and nothing else: old smoke tests read it.
//! - `/health/live` fails only when the runtime has stopped; `/health/ready` says why not, one reason a line.
//! - Lists in a status are cut at [`crate::limits::QUEUE_VIEW_MAX`]; `size` always counts everything.

use primitives::{Address, Amount, Engine, Hash, Height, PublicKey, Rejection, Round, Timestamp};
use primitives::{action::BATCH_PAYMENTS_MAX, action::MEMO_BYTES_MAX, transaction::TRANSACTION_BYTES_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::standing::VrfMetrics;
use crate::error::ApiError;
use crate::limits;
use crate::rate::Rates;
use crate::schema::{AddressText, AmountInteger, EngineText, HashText, PublicKeyText};
use crate::types::proving::{BackendHealth, FamilyStatus, VerifierMetrics};

/// `GET /health`: the legacy shape, without any judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthReport {
    /// What the process runs as, such as `validator` or `full`.
    pub role: String,
    /// Where it listens for RPC, such as `127.0.0.1:26658`.
    pub address: String,
}

/// `GET /health/live`: the runtime answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Liveness {
    /// Always true in an answer with status 200.
    pub live: bool,
    /// The last finalized height.
    #[schema(value_type = u64)]
    pub finalized_height: Height,
}

/// One reason for not being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// The reason by name, such as `syncing`.
    pub code: String,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// `GET /health/ready`: status 200 when ready, 503 with the same shape when not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// True when every service that this mode needs is up.
    pub ready: bool,
    /// What the readiness is judged for: `node`, `wallet` or `orchestrator`.
    pub mode: String,
    /// Why not; empty exactly when ready.
    pub reasons: Vec<Reason>,
}

impl Ready {
    /// Ready exactly when there is no reason against it.
    pub fn judged(mode: impl Into<String>, reasons: Vec<Reason>) -> Self {
        Self { ready: reasons.is_empty(), mode: mode.into(), reasons }
    }

    /// The HTTP status of the answer.
    pub const fn http_status(&self) -> u16 {
        if self.ready { 200 } else { 503 }
    }

    /// The refusal of a request that needs a ready node, or `None` when it is ready.
    pub fn refusal(&self) -> Option<ApiError> {
        let first = self.reasons.first()?;
        Some(ApiError::from(Rejection::NotReady).because(first.message.clone()).with_hint(first.hint.clone()))
    }
}

/// The base fee of each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BaseFees {
    /// µBLOCK per weight unit in the consumer lane.
    #[schema(value_type = AmountInteger)]
    pub consumer: Amount,
    /// µBLOCK per weight unit in the industrial lane.
    #[schema(value_type = AmountInteger)]
    pub industrial: Amount,
    /// µBLOCK per weight unit in the reserved lane; true evidence pays none.
    #[serde(default)]
    #[schema(value_type = AmountInteger)]
    pub reserved: Amount,
}

/// Who a gate binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Every node of the chain, from a height in state on.
    Chain,
    /// This node alone, by its configuration.
    Local,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateStatus {
    /// Its name.
    pub name: String,
    /// Who it binds.
    pub kind: GateKind,
    /// True when it is in force at the finalized height.
    pub active: bool,
    /// The height from which it is in force, if one is set.
    #[schema(value_type = Option<u64>)]
    pub activation_height: Option<Height>,
}

/// `GET /status/node`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Name of the network.
    pub chain_id: String,
    /// The hash that names the chain; it is signed into every transaction.
    #[schema(value_type = HashText)]
    pub genesis_hash: Hash,
    /// What makes blocks.
    #[schema(value_type = EngineText)]
    pub engine: Engine,
    /// Version of the node program.
    pub version: String,
    /// The rollout channel that the node was configured for, such as `development`.
    pub release_channel: String,
    /// What the process runs as, such as `validator` or `full`.
    pub role: String,
    /// The key that names this node to its peers; none of a node that is older than this field.
    #[serde(default)]
    #[schema(value_type = Option<PublicKeyText>)]
    pub node_key: Option<PublicKey>,
    /// This node's validator address, if it is one.
    #[schema(value_type = Option<AddressText>)]
    pub validator: Option<Address>,
    /// The last finalized height; 0 before the first block.
    #[schema(value_type = u64)]
    pub finalized_height: Height,
    /// Hash of the last finalized block; of genesis at height 0.
    #[schema(value_type = HashText)]
    pub finalized_hash: Hash,
    /// Block time of the last finalized block.
    #[schema(value_type = u64)]
    pub finalized_time_ms: Timestamp,
    /// The last height of the unbroken list of windows whose proofs were verified here; none before the first.
    #[schema(value_type = Option<u64>)]
    pub proven_height: Option<Height>,
    /// The height up to which the chain itself took a proof in a block; none before the first.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    pub chain_proven_height: Option<Height>,
    /// The proof system that the genesis file names.
    #[serde(default)]
    pub proof_system: String,
    /// The lowest height whose block this node still has.
    #[schema(value_type = u64)]
    pub oldest_height: Height,
    /// True while the node fetches old blocks instead of following the newest.
    pub syncing: bool,
    /// Connected peers.
    pub peers: u32,
    /// Price of weight in each lane in the next block.
    pub base_fees: BaseFees,
    /// Price of opening one account in the next block, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub open_fee: Amount,
    /// Ledger slots in use.
    pub next_slot: u32,
    /// All the money there is, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub supply: Amount,
    /// Heights in one epoch.
    pub epoch_blocks: u64,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: u64,
    /// Whether the node serves, and why not.
    pub readiness: Ready,
    /// Every gate.
    pub gates: Vec<GateStatus>,
    /// What lotteries gave.
    #[serde(default)]
    pub vrf_metrics: VrfMetrics,
    /// Proofs that were verified here since the start.
    #[serde(default)]
    pub verifier_metrics: VerifierMetrics,
    /// Whether proofs are being made and taken.
    #[serde(default)]
    pub backend_health: BackendHealth,
    /// What is proven and what is only attested.
    #[serde(default)]
    pub proof_families: Vec<FamilyStatus>,
}

/// Where consensus is within a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Before the round.
    Unstarted,
    /// Waiting for the proposal.
    Propose,
    /// Collecting first votes.
    Prevote,
    /// Collecting second votes.
    Precommit,
    /// Decided.
    Commit,
}

/// One validator of the height being decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorStatus {
    /// Its address.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Its voting power.
    pub power: u64,
    /// Heights of the present epoch whose certificate lacks its precommit.
    pub missed_blocks: u64,
    /// The last height whose certificate has its precommit, if there is one in the present epoch.
    #[schema(value_type = Option<u64>)]
    pub last_signed_height: Option<Height>,
}

/// `GET /status/consensus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsensusStatus {
    /// What makes blocks.
    #[schema(value_type = EngineText)]
    pub engine: Engine,
    /// The height being decided.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The round of that height; none before the first.
    #[schema(value_type = Option<u32>)]
    pub round: Option<Round>,
    /// Where the round is.
    pub step: Step,
    /// Who proposes in this round.
    #[schema(value_type = Option<AddressText>)]
    pub proposer: Option<Address>,
    /// Rounds that the last finalized height needed; 1 is usual, 0 before the first block.
    pub last_rounds: u32,
    /// Time between the last two blocks, milliseconds; none before the second.
    pub last_interval_ms: Option<u64>,
    /// Time since the last block was finalized here, milliseconds.
    pub since_last_block_ms: u64,
    /// True when that is longer than is normal: the limit by which readiness calls the chain stalled.
    pub stalled: bool,
    /// Sum of all power.
    pub total_power: u64,
    /// Least power that decides: more than two thirds.
    pub quorum_power: u64,
    /// The validators of this height, sorted by address.
    pub validators: Vec<ValidatorStatus>,
}

/// One queue of the mempool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueStatus {
    /// Entries.
    pub size: u64,
    /// Most entries.
    pub limit: u64,
    /// Ids of the first entries in queue order, at most 100.
    pub hashes: Vec<String>,
    /// Who sent these entries, each once, at most 100.
    pub senders: Vec<String>,
    /// True when the two lists do not hold everything.
    pub truncated: bool,
}

impl QueueStatus {
    /// A queue whose entries are `(id, sender)` in queue order; the lists are cut at the bound.
    pub fn of<'a, Id: ToString + 'a, Sender: ToString + 'a>(
        size: u64,
        limit: u64,
        entries: impl IntoIterator<Item = (&'a Id, &'a Sender)>,
    ) -> Self {
        let mut status = Self { size, limit, ..Self::default() };
        for (id, sender) in entries.into_iter().take(limits::QUEUE_VIEW_MAX) {
            status.hashes.push(id.to_string());
            let sender = sender.to_string();
            if !status.senders.contains(&sender) {
                status.senders.push(sender);
            }
        }
        status.truncated = u64::try_from(status.hashes.len()).map_or(true, |listed| listed < size);
        status
    }
}

/// What waits in one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneStatus {
    /// Transactions that the next block could take.
    pub pending: u64,
    /// Transactions that wait for an earlier nonce.
    pub queued: u64,
    /// How long the oldest has waited, milliseconds; 0 when the lane is empty.
    pub oldest_age_ms: u64,
}

/// What waits in each lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneStatuses {
    /// The consumer lane.
    pub consumer: LaneStatus,
    /// The industrial lane.
    pub industrial: LaneStatus,
    /// The reserved lane.
    #[serde(default)]
    pub reserved: LaneStatus,
}

/// The weights of the inclusion order, parts per million; they sum to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueWeights {
    /// Weight of age.
    pub priority_ppm: u32,
    /// Weight of the fee.
    pub fee_ppm: u32,
}

/// `GET /status/mempool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MempoolStatus {
    /// Transactions that wait for a block.
    pub transactions: QueueStatus,
    /// Identity registrations that wait for a block.
    pub identities: QueueStatus,
    /// Votes that consensus holds.
    pub votes: QueueStatus,
    /// The transactions of each lane; both share one queue limit.
    pub lanes: LaneStatuses,
    /// Encoded length of all that waits, bytes.
    pub bytes: u64,
    /// The weights in force.
    pub queue_weights: QueueWeights,
}

/// `GET /status/limits`: every bound that a caller can meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Largest request body, bytes.
    pub request_bytes_max: u64,
    /// Largest request body of `POST /transactions`, bytes: a transaction may bring a proof.
    pub submission_bytes_max: u64,
    /// Deepest nesting of a request.
    pub json_depth_max: u64,
    /// Most calls in one JSON-RPC batch.
    pub batch_max: u64,
    /// Entries of a page when no limit is named.
    pub page_default: u32,
    /// Most entries of a page.
    pub page_max: u32,
    /// Wait of a wait request without timeout, milliseconds.
    pub wait_default_ms: u64,
    /// Longest wait of one request, milliseconds.
    pub wait_max_ms: u64,
    /// Most open event streams.
    pub streams_max: u64,
    /// Largest encoded transaction, bytes.
    pub transaction_bytes_max: u64,
    /// Longest memo, bytes.
    pub memo_bytes_max: u64,
    /// Most payments of a batch transfer.
    pub batch_payments_max: u64,
    /// Most heights between now and `valid_until`.
    pub valid_until_max: u64,
    /// Most entries of each mempool queue.
    pub mempool_limit: u64,
    /// Most transactions in a block.
    pub max_block_transactions: u64,
    /// Reads at once of one address or token; absent when they are not limited.
    #[serde(default)]
    pub read_burst: Option<u32>,
    /// Reads of one address or token in the long run, per minute; absent when they are not limited.
    #[serde(default)]
    pub read_per_minute: Option<u32>,
    /// Transactions and proofs at once of one address or token; absent when they are not limited.
    #[serde(default)]
    pub write_burst: Option<u32>,
    /// Transactions and proofs of one address or token in the long run, per minute; absent when they are not limited.
    #[serde(default)]
    pub write_per_minute: Option<u32>,
}

impl Limits {
    /// The constants of this crate with the three values that chain and configuration decide.
    pub fn new(valid_until_max: u64, mempool_limit: u64, max_block_transactions: u64) -> Self {
        let wide = |bound: usize| u64::try_from(bound).unwrap_or(u64::MAX);
        Self {
            request_bytes_max: wide(limits::REQUEST_BYTES_MAX),
            submission_bytes_max: wide(limits::SUBMISSION_BYTES_MAX),
            json_depth_max: wide(limits::JSON_DEPTH_MAX),
            batch_max: wide(limits::BATCH_MAX),
            page_default: limits::PAGE_DEFAULT,
            page_max: limits::PAGE_MAX,
            wait_default_ms: limits::WAIT_DEFAULT_MS,
            wait_max_ms: limits::WAIT_MAX_MS,
            streams_max: wide(limits::STREAMS_MAX),
            transaction_bytes_max: wide(TRANSACTION_BYTES_MAX),
            memo_bytes_max: wide(MEMO_BYTES_MAX),
            batch_payments_max: wide(BATCH_PAYMENTS_MAX),
            valid_until_max,
            mempool_limit,
            max_block_transactions,
            read_burst: None,
            read_per_minute: None,
            write_burst: None,
            write_per_minute: None,
        }
    }

    /// The same with the rates of callers.
    #[must_use]
    pub fn with_rates(self, rates: Rates) -> Self {
        Self {
            read_burst: rates.read.map(|rate| rate.burst),
            read_per_minute: rates.read.map(|rate| rate.per_minute),
            write_burst: rates.write.map(|rate| rate.burst),
            write_per_minute: rates.write.map(|rate| rate.per_minute),
            ..self
        }
    }
}
