//! The one table of routes. Server, client, OpenAPI, OpenRPC and JSON-RPC are all made from it.
//!
//! Rules
//! - Every [`Operation`] has exactly one line in [`ROUTES`]; a handler is found by matching on the operation,
//!   so a server that forgets one does not compile.
//! - Paths use `{name}` for a part that varies. A fixed part wins over a varying one (`/blocks/latest`).
//! - [`Access::Write`] needs the bearer token where the node has one; [`Access::Open`] only where `rpc.open_reads` is off; [`Access::Token`] is
//!   refused without one.
//! - Every route has one [`Scope`] ([`Route::scope`]), which a token must have where one is asked for.
//! - Streams and plain text have no JSON-RPC method.
//! - `errors` lists what the route itself can answer; [`COMMON_ERRORS`] can come from any route.

mod events;
mod lookup;
mod operation;
mod parameters;
mod snapshots;

use self::lookup::SUBMIT_ERRORS;
use self::parameters::{
    ADDRESS, AUDIT_LIMIT, BEFORE_CURSOR, BEFORE_HEIGHT, BLOCK, GENERATION_MS, HEIGHT, ID, LIMIT, OPERATIONS_FROM,
    OPERATIONS_LIMIT, REFRESH, STAGE, TIMEOUT, WINDOW,
};
use crate::error::ErrorCode;
use crate::schema::{GenesisObject, TypeSchema};
use crate::types::{
    AccountProof, AccountRequest, AccountView, AuditPage, AuditQuery, BlockEvents, BlockPage, BlockProof, BlockRequest,
    BlockSummary, BlockView, BlocksRequest, CertifiedBlock, ChainAccepted, Claim, ClaimRequest, ConsensusStatus, Empty,
    HealthReport, HeightRequest, HistoryEntry, HistoryPage, HistoryRequest, IdentityProof, IdentityView, KeptBody,
    LightHead, Limits, Liveness, MempoolStatus, NodeStatus, OperationPage, OperationsRequest, OwnVrf,
    PipelineDashboard, PipelineTelemetry, ProofStatus, ProvenAccount, ProversStatus, PruningStatus, Ready, ReceiptView,
    ReputationBoard, ReputationView, RolloutStatus, StakerView, StorageStatus, SubmitResult, SubmitTransaction,
    TimetokeView, TransactionProof, TransactionRequest, TransactionStatus, ValidatorList, ValidatorPeers,
    ValidatorStatistics, ValidatorView, VrfStanding, VrfThreshold, WaitRequest, WindowAccepted,
};

pub use events::{
    EVENT_BLOCK, EVENT_ERROR, EVENT_HEAD, EVENT_PAYMENT, EVENT_PIPELINE, EVENT_PROGRESS, EVENT_PRUNING, EVENT_STATUS,
};
pub use lookup::COMMON_ERRORS;
pub use operation::Operation;

pub use crate::route::{Access, BodyOf, Method, Parameter, Place, Reply, Route, Scope, Shape};

/// Where JSON-RPC is served.
pub const RPC_PATH: &str = "/rpc";

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.operation == other.operation
    }
}

/// A route that reads; the table fills in what differs.
const fn get(operation: Operation, path: &'static str, operation_id: &'static str, reply: Reply) -> Route {
    Route {
        operation,
        method: Method::Get,
        path,
        operation_id,
        method_name: None,
        access: Access::Open,
        summary: "",
        parameters: &[],
        body: None,
        params: TypeSchema::of::<Empty>(),
        reply,
        errors: &[],
    }
}

const fn json<T: utoipa::ToSchema>() -> Reply {
    Reply::Json(TypeSchema::of::<T>())
}

const fn events<T: utoipa::ToSchema>(event: &'static str) -> Reply {
    Reply::Events { event, data: TypeSchema::of::<T>() }
}

/// Every route, in the order of the documents.
pub static ROUTES: [Route; 77] = [
    Route {
        summary: "legacy smoke test: role and address only, never a failure state",
        ..get(Operation::Health, "/health", "health", json::<HealthReport>())
    },
    Route {
        summary: "liveness: fails once the runtime has stopped",
        ..get(Operation::HealthLive, "/health/live", "health_live", json::<Liveness>())
    },
    Route {
        summary: "readiness, judged by mode: 503 with the reasons while starting, syncing or stalled",
        method_name: Some("health.ready"),
        ..get(Operation::HealthReady, "/health/ready", "health_ready", json::<Ready>())
    },
    Route {
        summary: "chain, heights, fees, peers, readiness and gates of this node",
        method_name: Some("chain.status"),
        ..get(Operation::NodeStatus, "/status/node", "node_status", json::<NodeStatus>())
    },
    Route {
        summary: "queued transactions, identities and votes: sizes, limits, hashes, senders, queue weights",
        method_name: Some("mempool.status"),
        ..get(Operation::MempoolStatus, "/status/mempool", "mempool_status", json::<MempoolStatus>())
    },
    Route {
        summary: "the height being decided: round, step, proposer, validators and what they missed",
        method_name: Some("consensus.status"),
        ..get(Operation::ConsensusStatus, "/status/consensus", "consensus_status", json::<ConsensusStatus>())
    },
    Route {
        summary: "rollout channel, gates with their activation heights, and what telemetry does",
        method_name: Some("rollout.status"),
        ..get(Operation::RolloutStatus, "/status/rollout", "rollout_status", json::<RolloutStatus>())
    },
    Route {
        summary: "what was deleted of old blocks, what is kept and by which rule",
        method_name: Some("pruning.status"),
        ..get(Operation::PruningStatus, "/status/pruning", "pruning_status", json::<PruningStatus>())
    },
    Route {
        summary: "the same at once and at each change, looked at every second; a beat every 10 s",
        ..get(
            Operation::PruningStream,
            "/status/pruning/stream",
            "pruning_stream",
            events::<PruningStatus>(EVENT_PRUNING),
        )
    },
    Route {
        summary: "what the store's upkeep has checked, found, quarantined and taken back",
        method_name: Some("storage.status"),
        ..get(Operation::StorageStatus, "/status/storage", "storage_status", json::<StorageStatus>())
    },
    Route {
        summary: "every bound that a caller can meet",
        method_name: Some("chain.limits"),
        ..get(Operation::LimitsStatus, "/status/limits", "limits_status", json::<Limits>())
    },
    Route {
        summary: "the newest finalized block",
        method_name: Some("block.latest"),
        errors: &[ErrorCode::NotFound],
        ..get(Operation::BlockLatest, "/blocks/latest", "block_latest", json::<BlockView>())
    },
    Route {
        summary: "each block as it is finalized, one event a block",
        ..get(Operation::BlockStream, "/blocks/stream", "block_stream", events::<BlockSummary>(EVENT_BLOCK))
    },
    Route {
        summary: "one finalized block, by height or hash",
        method_name: Some("block.get"),
        parameters: &[BLOCK],
        params: TypeSchema::of::<BlockRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned],
        ..get(Operation::BlockGet, "/blocks/{block}", "block_get", json::<BlockView>())
    },
    Route {
        summary: "finalized blocks, newest first",
        method_name: Some("block.list"),
        parameters: &[BEFORE_HEIGHT, LIMIT],
        params: TypeSchema::of::<BlocksRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::BlockList, "/blocks", "block_list", json::<BlockPage>())
    },
    Route {
        summary: "hands in a signed transaction; what is refused is an error",
        method: Method::Post,
        method_name: Some("transaction.submit"),
        access: Access::Write,
        body: Some(BodyOf::Json(TypeSchema::of::<SubmitTransaction>())),
        params: TypeSchema::of::<SubmitTransaction>(),
        errors: &SUBMIT_ERRORS,
        ..get(Operation::TransactionSubmit, "/transactions", "transaction_submit", json::<SubmitResult>())
    },
    Route {
        summary: "the stages of a transaction, with receipt once it is finalized",
        method_name: Some("transaction.status"),
        parameters: &[ID],
        params: TypeSchema::of::<TransactionRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound],
        ..get(Operation::TransactionStatus, "/transactions/{id}", "transaction_status", json::<TransactionStatus>())
    },
    Route {
        summary: "the status once a stage is reached or out of reach; timeout when the time is up before",
        method_name: Some("transaction.wait"),
        parameters: &[ID, STAGE, TIMEOUT],
        params: TypeSchema::of::<WaitRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound],
        ..get(Operation::TransactionWait, "/transactions/{id}/wait", "transaction_wait", json::<TransactionStatus>())
    },
    Route {
        summary: "the status at each stage, beginning with the present one; ends after the last",
        parameters: &[ID],
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound],
        ..get(
            Operation::TransactionStream,
            "/transactions/{id}/stream",
            "transaction_stream",
            events::<TransactionStatus>(EVENT_STATUS),
        )
    },
    Route {
        summary: "proof that a transaction is in a finalized block",
        method_name: Some("transaction.proof"),
        parameters: &[ID],
        params: TypeSchema::of::<TransactionRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned, ErrorCode::ProofUnavailable],
        ..get(Operation::TransactionProof, "/transactions/{id}/proof", "transaction_proof", json::<TransactionProof>())
    },
    Route {
        summary: "what a finalized transaction did",
        method_name: Some("receipt.get"),
        parameters: &[ID],
        params: TypeSchema::of::<TransactionRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned],
        ..get(Operation::ReceiptGet, "/receipts/{id}", "receipt_get", json::<ReceiptView>())
    },
    Route {
        summary: "balance, nonce and slot of an address; opened is false when it has no account",
        method_name: Some("account.get"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::AccountGet, "/accounts/{address}", "account_get", json::<AccountView>())
    },
    Route {
        summary: "money in and out of an account, newest first",
        method_name: Some("account.history"),
        parameters: &[ADDRESS, BEFORE_CURSOR, LIMIT],
        params: TypeSchema::of::<HistoryRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::AccountHistory, "/accounts/{address}/history", "account_history", json::<HistoryPage>())
    },
    Route {
        summary: "proof of an account's slot, or that the address has none, at the finalized height",
        method_name: Some("account.proof"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::ProofUnavailable],
        ..get(Operation::AccountProof, "/accounts/{address}/proof", "account_proof", json::<AccountProof>())
    },
    Route {
        summary: "an account's payments as they are finalized, one event each",
        parameters: &[ADDRESS],
        errors: &[ErrorCode::BadRequest],
        ..get(
            Operation::AccountStream,
            "/accounts/{address}/stream",
            "account_stream",
            events::<HistoryEntry>(EVENT_PAYMENT),
        )
    },
    Route {
        summary: "validator candidates with stake, power and state, by falling stake",
        method_name: Some("staking.validators"),
        ..get(Operation::ValidatorList, "/staking/validators", "staking_validators", json::<ValidatorList>())
    },
    Route {
        summary: "one validator: stake, power, commission, missed commits, and why it does not vote",
        method_name: Some("staking.validator"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound],
        ..get(Operation::ValidatorGet, "/staking/validators/{address}", "staking_validator", json::<ValidatorView>())
    },
    Route {
        summary: "what a validator did and left undone: commits missed, votes left out, turns lost, times jailed",
        method_name: Some("staking.statistics"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound],
        ..get(
            Operation::ValidatorStatistics,
            "/staking/validators/{address}/statistics",
            "staking_statistics",
            json::<ValidatorStatistics>(),
        )
    },
    Route {
        summary: "this node's own validator, as /staking/validators/{address} shows it",
        method_name: Some("validator.status"),
        errors: &[ErrorCode::NotFound],
        ..get(Operation::ValidatorStatus, "/validator/status", "validator_status", json::<ValidatorView>())
    },
    Route {
        summary: "this node's peers: height, points, and the identity, tier and vote that belong to the node key",
        method_name: Some("validator.peers"),
        ..get(Operation::ValidatorPeers, "/validator/peers", "validator_peers", json::<ValidatorPeers>())
    },
    Route {
        summary: "this node's VRF keys, its validator's place in the lottery, and what lotteries gave",
        method_name: Some("validator.vrf"),
        errors: &[ErrorCode::NotFound],
        ..get(Operation::ValidatorVrf, "/validator/vrf", "validator_vrf", json::<OwnVrf>())
    },
    Route {
        summary: "what an account has staked behind whom, what is leaving, and what it can claim",
        method_name: Some("staking.account"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::StakerGet, "/staking/accounts/{address}", "staking_account", json::<StakerView>())
    },
    Route {
        summary: "the identity of a wallet: stage, keys, bond, attestations",
        method_name: Some("identity.get"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::IdentityGet, "/ledger/identity/{address}", "identity_get", json::<IdentityView>())
    },
    Route {
        summary: "proof that an identity is registered, or that its slot is vacant, at the finalized height",
        method_name: Some("identity.proof"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::ProofUnavailable],
        ..get(Operation::IdentityProof, "/ledger/identity/{address}/proof", "identity_proof", json::<IdentityProof>())
    },
    Route {
        summary: "score and tier of an identity: each counter, its contribution, the next threshold",
        method_name: Some("reputation.get"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::ReputationGet, "/ledger/reputation/{address}", "reputation_get", json::<ReputationView>())
    },
    Route {
        summary: "weights, thresholds, the best scores and this node's own",
        method_name: Some("reputation.board"),
        ..get(Operation::ReputationBoard, "/ui/reputation", "reputation_board", json::<ReputationBoard>())
    },
    Route {
        summary: "timetoke: root, open challenge, lengths in force, hours of the subjects",
        method_name: Some("timetoke.get"),
        ..get(Operation::Timetoke, "/ledger/timetoke", "timetoke", json::<TimetokeView>())
    },
    Route {
        summary: "the lottery that takes tickets now: seed, seats, candidates with thresholds, and the last result",
        method_name: Some("vrf.threshold"),
        ..get(Operation::VrfThreshold, "/consensus/vrf/threshold", "vrf_threshold", json::<VrfThreshold>())
    },
    Route {
        summary: "one address in the lottery: key, weight, threshold, ticket, and why it was or was not selected",
        method_name: Some("vrf.get"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::VrfGet, "/consensus/vrf/{address}", "vrf_get", json::<VrfStanding>())
    },
    Route {
        summary: "the newest signed audit records of reputation changes, as exported",
        method_name: Some("audits.reputation"),
        parameters: &[AUDIT_LIMIT],
        params: TypeSchema::of::<AuditQuery>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::AuditReputation, "/observability/audits/reputation", "audits_reputation", json::<AuditPage>())
    },
    Route {
        summary: "the newest signed audit records of slashing decisions, as exported",
        method_name: Some("audits.slashing"),
        parameters: &[AUDIT_LIMIT],
        params: TypeSchema::of::<AuditQuery>(),
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::AuditSlashing, "/observability/audits/slashing", "audits_slashing", json::<AuditPage>())
    },
    Route {
        summary: "ledger operations of a finalized block, in order, with the header that they lead to",
        method_name: Some("block.operations"),
        parameters: &[BLOCK, OPERATIONS_FROM, OPERATIONS_LIMIT],
        params: TypeSchema::of::<OperationsRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned],
        ..get(Operation::BlockOperations, "/blocks/{block}/operations", "block_operations", json::<OperationPage>())
    },
    Route {
        summary: "what the end of a block did by itself (payouts, jailing, set changes, draws), with the proof",
        method_name: Some("block.events"),
        parameters: &[BLOCK],
        params: TypeSchema::of::<BlockRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned],
        ..get(Operation::BlockEvents, "/blocks/{block}/events", "block_events", json::<BlockEvents>())
    },
    Route {
        summary: "header, certificate and validator set of a finalized block, for light clients",
        method_name: Some("block.certified"),
        parameters: &[BLOCK],
        params: TypeSchema::of::<BlockRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned, ErrorCode::ProofUnavailable],
        ..get(Operation::BlockCertified, "/blocks/{block}/certified", "block_certified", json::<CertifiedBlock>())
    },
    Route {
        summary: "block, certificate, receipts, operations and closing events as they are kept, for a node that lost them",
        parameters: &[BLOCK],
        params: TypeSchema::of::<BlockRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::Pruned],
        ..get(Operation::BlockBody, "/blocks/{block}/body", "block_body", json::<KeptBody>())
    },
    Route {
        summary: "how far the ledger is proven, under which key, who proves, what is only attested",
        method_name: Some("proof.status"),
        ..get(Operation::ProofStatus, "/proofs/status", "proof_status", json::<ProofStatus>())
    },
    Route {
        summary: "the proof of one window as bytes: window 8 LE, payout address 30, proof",
        parameters: &[WINDOW],
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound],
        ..get(Operation::ProofWindow, "/proofs/windows/{window}", "proof_window", Reply::Bytes)
    },
    Route {
        summary: "hands in the proof of the next window, bytes as GET gives them; kept once it verifies",
        method: Method::Post,
        access: Access::Write,
        parameters: &[GENERATION_MS],
        body: Some(BodyOf::Bytes),
        errors: &[
            ErrorCode::BadRequest,
            ErrorCode::BodyTooLarge,
            ErrorCode::UnsupportedMedia,
            ErrorCode::Unauthorized,
            ErrorCode::ProofRejected,
            ErrorCode::ProofNotNext,
            ErrorCode::ProofExists,
        ],
        ..get(Operation::ProofSubmit, "/proofs/windows", "proof_submit", json::<WindowAccepted>())
    },
    Route {
        summary: "gives a prover a window to work on, or the chain proof, or prolongs its claim; a hint that expires",
        method: Method::Post,
        access: Access::Write,
        method_name: Some("proof.claim"),
        body: Some(BodyOf::Json(TypeSchema::of::<ClaimRequest>())),
        params: TypeSchema::of::<ClaimRequest>(),
        errors: &[
            ErrorCode::BadRequest,
            ErrorCode::ParseError,
            ErrorCode::JsonTooDeep,
            ErrorCode::BodyTooLarge,
            ErrorCode::UnsupportedMedia,
            ErrorCode::Unauthorized,
        ],
        ..get(Operation::ProofClaim, "/proofs/claims", "proof_claim", json::<Claim>())
    },
    Route {
        summary: "the proof that covers a block: the chain proof, or that of its window",
        method_name: Some("proof.block"),
        parameters: &[HEIGHT],
        params: TypeSchema::of::<HeightRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::ProofUnavailable],
        ..get(Operation::ProofBlock, "/proofs/block/{height}", "proof_block", json::<BlockProof>())
    },
    Route {
        summary: "the newest proof of the whole chain as bytes: last height 8 LE, payout address 30, proof",
        errors: &[ErrorCode::ProofUnavailable],
        ..get(Operation::ProofChain, "/proofs/chain", "proof_chain", Reply::Bytes)
    },
    Route {
        summary: "proofs in blocks: what the chain took as proven, its provers, and what a lag costs",
        method_name: Some("proof.provers"),
        ..get(Operation::Provers, "/proofs/provers", "proof_provers", json::<ProversStatus>())
    },
    Route {
        summary: "hands in a longer proof of the whole chain, bytes as GET gives them; kept once it verifies",
        method: Method::Post,
        access: Access::Write,
        parameters: &[GENERATION_MS],
        body: Some(BodyOf::Bytes),
        errors: &[
            ErrorCode::BadRequest,
            ErrorCode::BodyTooLarge,
            ErrorCode::UnsupportedMedia,
            ErrorCode::Unauthorized,
            ErrorCode::ProofRejected,
            ErrorCode::ProofNotNext,
            ErrorCode::ProofExists,
        ],
        ..get(Operation::ProofChainSubmit, "/proofs/chain", "proof_chain_submit", json::<ChainAccepted>())
    },
    Route {
        summary: "an account's slot in the ledger at the last height of the chain proof",
        method_name: Some("proof.account"),
        parameters: &[ADDRESS],
        params: TypeSchema::of::<AccountRequest>(),
        errors: &[ErrorCode::BadRequest, ErrorCode::NotFound, ErrorCode::ProofUnavailable],
        ..get(Operation::ProofAccount, "/proofs/accounts/{address}", "proof_account", json::<ProvenAccount>())
    },
    Route {
        summary: "the head with what certifies it, then each new one; a beat every 10 s. Only with the node's token",
        access: Access::Token,
        errors: &[ErrorCode::Unauthorized, ErrorCode::ProofUnavailable],
        ..get(Operation::HeadStream, "/state-sync/head/stream", "head_stream", events::<LightHead>(EVENT_HEAD))
    },
    snapshots::SNAPSHOT_LIST,
    snapshots::SNAPSHOT_MAKE,
    snapshots::STATE_SYNC_PLAN,
    snapshots::STATE_SYNC_SESSION,
    snapshots::STATE_SYNC_SESSION_STREAM,
    snapshots::STATE_SYNC_SESSION_START,
    snapshots::STATE_SYNC_SESSION_RESUME,
    snapshots::STATE_SYNC_SESSION_CANCEL,
    snapshots::STATE_SYNC_CHUNK,
    snapshots::STATE_SYNC_CHUNK_BY_INDEX,
    snapshots::SNAPSHOT_BREAKER,
    snapshots::SNAPSHOT_BREAKER_RESET,
    Route {
        summary: "how transactions pass through this node: times of each stage, stops, gossip, proposer changes",
        method_name: Some("pipeline.telemetry"),
        ..get(
            Operation::PipelineTelemetry,
            "/wallet/pipeline/telemetry",
            "pipeline_telemetry",
            json::<PipelineTelemetry>(),
        )
    },
    Route {
        summary: "the same numbers with the newest transactions that arrived or stopped, stage by stage",
        method_name: Some("pipeline.dashboard"),
        ..get(
            Operation::PipelineDashboard,
            "/wallet/pipeline/dashboard",
            "pipeline_dashboard",
            json::<PipelineDashboard>(),
        )
    },
    Route {
        summary: "the numbers of the pipeline, then again after each finalized height",
        ..get(
            Operation::PipelineStream,
            "/wallet/pipeline/stream",
            "pipeline_stream",
            events::<PipelineTelemetry>(EVENT_PIPELINE),
        )
    },
    Route {
        summary: "waits for a stage of a transaction, as GET /transactions/{id}/wait does; it changes nothing",
        method: Method::Post,
        body: Some(BodyOf::Json(TypeSchema::of::<WaitRequest>())),
        errors: &lookup::PIPELINE_WAIT_ERRORS,
        ..get(Operation::PipelineWait, "/wallet/pipeline/wait", "pipeline_wait", json::<TransactionStatus>())
    },
    Route {
        summary: "the node as a page for a browser: chain, alerts, transactions, blocks, validators, proofs, peers, storage",
        parameters: &[REFRESH],
        errors: &[ErrorCode::BadRequest],
        ..get(Operation::UiPage, "/ui", "ui_page", Reply::Text("text/html"))
    },
    Route {
        summary: "the script of the page: asks for it again after each block",
        ..get(Operation::UiScript, "/ui/page.js", "ui_script", Reply::Text("text/javascript"))
    },
    Route {
        summary: "the style of the page",
        ..get(Operation::UiStyle, "/ui/page.css", "ui_style", Reply::Text("text/css"))
    },
    Route {
        summary: "the genesis file of the chain",
        method_name: Some("chain.genesis"),
        ..get(Operation::Genesis, "/genesis", "genesis", json::<GenesisObject>())
    },
    Route {
        summary: "every metric in the text format of Prometheus",
        ..get(Operation::Metrics, "/metrics", "metrics", Reply::Text("text/plain"))
    },
    Route {
        summary: "JSON-RPC 2.0: one call or a batch of 1 to 100; docs/openrpc.json lists the methods",
        method: Method::Post,
        errors: &[ErrorCode::BodyTooLarge, ErrorCode::UnsupportedMedia],
        ..get(Operation::JsonRpc, RPC_PATH, "json_rpc", Reply::JsonRpc)
    },
];
