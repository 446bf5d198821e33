//! The JSON views: what requests carry and what replies look like.
//!
//! Rules
//! - A view is made of chain types by a total conversion; it never holds less than the docs say.
//! - Amounts are µBLOCK, times are milliseconds since the Unix epoch, heights count from 1 (0 is genesis).
//! - Requests refuse unknown fields. Replies may gain fields; readers ignore what they do not know.
//!
//! One file per topic: [`status`] (node, consensus, mempool, limits), [`block`], [`closing`], [`transaction`],
//! [`account`], [`staking`], [`standing`], [`audit`], [`pipeline`], [`proof`], [`proving`], [`request`],
//! [`snapshot`], [`sync`]; [`text`] holds the text forms that are ours alone.

pub mod account;
pub mod audit;
pub mod block;
pub mod closing;
pub mod pipeline;
pub mod proof;
pub mod provers;
pub mod proving;
pub mod pruning;
pub mod request;
pub mod rollout;
pub mod snapshot;
pub mod staking;
pub mod standing;
pub mod status;
pub mod storage;
pub mod sync;
pub mod text;
pub mod transaction;

pub use account::{AccountView, HistoryEntry, HistoryKind, HistoryPage};
pub use audit::{AuditError, AuditEvidence, AuditPage, AuditRecord, AuditStanding, AuditStream};
pub use block::{BlockPage, BlockSummary, BlockView, CertificateSummary, HeaderView, ProofMarkView};
pub use closing::BlockEvents;
pub use pipeline::{PipelineDashboard, PipelineErrors, PipelineFlow, PipelineGossip, PipelineStage, PipelineTelemetry};
pub use proof::{AccountProof, MerkleProof, ProofError, StateProof, TransactionProof};
pub use provers::{AcceptedProof, ProverView, ProversStatus, WaitingWindow};
pub use proving::{
    BackendHealth, BackendVerdicts, BlockProof, CertifiedBlock, ChainAccepted, ChainStatus, Claim, ClaimRequest,
    ClaimStatus, FamilyState, FamilyStatus, HeightRequest, LightHead, OperationPage, OperationsQuery,
    OperationsRequest, PlonkyHealth, ProofStatus, ProvenAccount, SubmitWindowQuery, VerifierMetrics, WindowAccepted,
};
pub use pruning::{KeptBody, PruningCheckpoint, PruningStatus};
pub use request::{
    AccountRequest, AuditQuery, BlockRequest, BlocksRequest, Empty, HistoryQuery, HistoryRequest, PageQuery,
    SubmitResult, SubmitTransaction, TransactionRequest, UiQuery, WaitQuery, WaitRequest, page_limit,
};
pub use rollout::{ExporterStatus, RolloutStatus, TelemetryStatus};
pub use snapshot::{
    ChunkId, ChunkQuery, ChunkView, PayloadError, SnapshotList, SnapshotView, StateSyncChunk, StateSyncPlan,
    StateSyncSession,
};
pub use staking::{
    DelegationView, StakerView, UnbondingView, ValidatorList, ValidatorState, ValidatorStatistics, ValidatorView,
};
pub use standing::{
    ChallengeView, CountersView, IdentityProof, IdentityRecord, IdentityView, NextTier, OwnVrf, ReputationBoard,
    ReputationLine, ReputationView, ScorePart, TimetokeSubject, TimetokeView, ValidatorPeer, ValidatorPeers,
    VrfAdmitted, VrfCandidate, VrfKeyView, VrfMetrics, VrfRaise, VrfResult, VrfStanding, VrfThreshold,
};
pub use status::{
    BaseFees, ConsensusStatus, GateKind, GateStatus, HealthReport, LaneStatus, LaneStatuses, Limits, Liveness,
    MempoolStatus, NodeStatus, QueueStatus, QueueWeights, Ready, Reason, Step, ValidatorStatus,
};
pub use storage::{ScrubFinding, StorageStatus};
pub use sync::{BreakerState, BreakerStatus, DroppedSource, SyncPhase, SyncProgress};
pub use text::{BlockId, Hex, HistoryCursor};
pub use transaction::{
    ActionView, EventView, PaymentView, ReceiptView, Stage, StageTime, TransactionStatus, TransactionView,
};
