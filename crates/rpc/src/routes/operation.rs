//! What a request can ask for: one name for each line of [`super::ROUTES`], in its order.

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Legacy smoke test.
    Health,
    /// The process answers.
    HealthLive,
    /// The node serves.
    HealthReady,
    /// The node's view of the chain.
    NodeStatus,
    /// The queues.
    MempoolStatus,
    /// The height being decided.
    ConsensusStatus,
    /// Channel, gates and telemetry.
    RolloutStatus,
    /// What was deleted of old blocks.
    PruningStatus,
    /// What was deleted of old blocks, as it changes.
    PruningStream,
    /// `GET /status/storage`.
    StorageStatus,
    /// Every bound.
    LimitsStatus,
    /// The newest block.
    BlockLatest,
    /// New blocks as they are finalized.
    BlockStream,
    /// One block.
    BlockGet,
    /// A page of blocks.
    BlockList,
    /// Hands in a transaction.
    TransactionSubmit,
    /// The stages of a transaction.
    TransactionStatus,
    /// The same, once a stage is reached.
    TransactionWait,
    /// The same, at each stage.
    TransactionStream,
    /// A transaction is in a block.
    TransactionProof,
    /// What a transaction did.
    ReceiptGet,
    /// One account.
    AccountGet,
    /// Money in and out of an account.
    AccountHistory,
    /// An account is in the ledger.
    AccountProof,
    /// An account's payments as they are finalized.
    AccountStream,
    /// Every validator candidate.
    ValidatorList,
    /// One validator.
    ValidatorGet,
    /// What a validator did and left undone.
    ValidatorStatistics,
    /// This node's own validator.
    ValidatorStatus,
    /// This node's peers, with what the chain knows of them.
    ValidatorPeers,
    /// This node's own validator in the lottery.
    ValidatorVrf,
    /// What an account has staked.
    StakerGet,
    /// The record of an identity.
    IdentityGet,
    /// That an identity is there, or that its slot is vacant.
    IdentityProof,
    /// A score with everything it is made of.
    ReputationGet,
    /// Scores for people.
    ReputationBoard,
    /// Root, challenge and subjects of timetoke.
    Timetoke,
    /// The lottery that takes tickets now.
    VrfThreshold,
    /// One address in the lottery.
    VrfGet,
    /// Audit records of reputation.
    AuditReputation,
    /// Audit records of slashing.
    AuditSlashing,
    /// The ledger operations of a block.
    BlockOperations,
    /// What the end of a block did by itself.
    BlockEvents,
    /// What shows that a block was decided.
    BlockCertified,
    /// Everything that is kept of a block, for a node that has lost it.
    BlockBody,
    /// Where window proofs stand.
    ProofStatus,
    /// One window's proof.
    ProofWindow,
    /// Hands in a window's proof.
    ProofSubmit,
    /// Which window a prover works on.
    ProofClaim,
    /// The window of a block.
    ProofBlock,
    /// The proof of the whole chain.
    ProofChain,
    /// Proofs in blocks.
    Provers,
    /// Hands in a longer proof of the whole chain.
    ProofChainSubmit,
    /// An account in the proven ledger.
    ProofAccount,
    /// The head of the chain for light clients, as it moves.
    HeadStream,
    /// The snapshots of this node.
    SnapshotList,
    /// Makes a snapshot now.
    SnapshotMake,
    /// What a node that syncs its state fetches.
    StateSyncPlan,
    /// What this node gives to others.
    StateSyncSession,
    /// How far the session of this node is.
    StateSyncSessionStream,
    /// Begins a session.
    StateSyncSessionStart,
    /// Goes on with the chunks of an earlier one.
    StateSyncSessionResume,
    /// Ends the running session.
    StateSyncSessionCancel,
    /// One chunk by place or hash.
    StateSyncChunk,
    /// One chunk by place, as older clients ask.
    StateSyncChunkByIndex,
    /// The breaker of sessions.
    SnapshotBreaker,
    /// Closes it.
    SnapshotBreakerReset,
    /// How transactions pass through this node, in numbers.
    PipelineTelemetry,
    /// The same with the newest of them.
    PipelineDashboard,
    /// The numbers after each height.
    PipelineStream,
    /// A transaction at a stage.
    PipelineWait,
    /// The node as a page for people.
    UiPage,
    /// What keeps that page up to date.
    UiScript,
    /// What it looks like.
    UiStyle,
    /// The genesis file.
    Genesis,
    /// Prometheus.
    Metrics,
    /// JSON-RPC 2.0. Stays the last variant.
    JsonRpc,
}
