//! A question, whichever way it came, and its answer as JSON text.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use primitives::{Address, Height, TransactionId};
use rpc::ApiError;
use rpc::types::{
    AuditQuery, AuditStream, BlockId, ChunkId, ClaimRequest, HistoryQuery, OperationsQuery, PageQuery,
    SubmitTransaction, WaitQuery,
};
use serde::Serialize;

use super::server::Server;
use super::{
    accounts, audits, blocks, errors, health, lottery, pipeline, proofs, provers, proving, pruning, rebuilt, snapshots,
    staking, standing, status, transactions, upkeep,
};
use crate::reconstruction::Rebuilt;

/// What is asked. HTTP and JSON-RPC ask the same questions.
pub enum Question {
    /// Whether the node serves.
    Ready,
    /// The node's view of the chain.
    Node,
    /// The queues.
    Mempool,
    /// The height being decided.
    Consensus,
    /// Channel, gates and telemetry.
    Rollout,
    /// What was deleted of old blocks.
    Pruning,
    /// How the store is looked after.
    Storage,
    /// Everything that is kept of a block.
    BlockBody(BlockId),
    /// Every bound.
    Limits,
    /// The newest block.
    BlockLatest,
    /// One block.
    Block(BlockId),
    /// A page of blocks.
    Blocks(PageQuery),
    /// Hands in a transaction.
    Submit(SubmitTransaction),
    /// The stages of a transaction.
    Transaction(TransactionId),
    /// The same, once a stage is reached.
    Wait(TransactionId, WaitQuery),
    /// A transaction is in a block.
    TransactionProof(TransactionId),
    /// What a transaction did.
    Receipt(TransactionId),
    /// Proofs in blocks.
    Provers,
    /// One account.
    Account(Address),
    /// Money in and out of an account.
    History(Address, HistoryQuery),
    /// An account is in the ledger.
    AccountProof(Address),
    /// Every validator candidate.
    Validators,
    /// One validator.
    Validator(Address),
    /// What a validator did and left undone.
    Statistics(Address),
    /// This node's own validator.
    OwnValidator,
    /// This node's peers.
    ValidatorPeers,
    /// This node's own validator in the lottery.
    OwnVrf,
    /// What an account has staked.
    Staker(Address),
    /// The record of an identity.
    Identity(Address),
    /// That an identity is there or not.
    IdentityProof(Address),
    /// A score.
    Reputation(Address),
    /// Scores for people.
    ReputationBoard,
    /// Timetoke.
    Timetoke,
    /// The lottery that takes tickets now.
    VrfThreshold,
    /// One address in the lottery.
    Vrf(Address),
    /// Audit records.
    Audits(AuditStream, AuditQuery),
    /// The ledger operations of a block.
    Operations(BlockId, OperationsQuery),
    /// What the end of a block did by itself.
    BlockEvents(BlockId),
    /// What shows that a block was decided.
    Certified(BlockId),
    /// Where window proofs stand.
    ProofStatus,
    /// Which window a prover works on.
    Claim(ClaimRequest),
    /// The window of a block.
    BlockProof(Height),
    /// An account in the proven ledger.
    ProvenAccount(Address),
    /// How transactions pass through this node, in numbers.
    PipelineTelemetry,
    /// The same with the newest of them.
    PipelineDashboard,
    /// The snapshots of this node.
    Snapshots,
    /// Makes a snapshot now.
    MakeSnapshot,
    /// What a node that syncs its state fetches.
    StateSyncPlan,
    /// What this node gives to others.
    StateSyncSession,
    /// Begins a session, or goes on with the chunks of an earlier one.
    StartSession {
        /// Only where an earlier one left chunks.
        resume: bool,
    },
    /// Ends the running session.
    CancelSession,
    /// The breaker of sessions.
    SnapshotBreaker,
    /// Closes it.
    ResetSnapshotBreaker,
    /// One chunk of a snapshot.
    StateSyncChunk(ChunkId),
    /// The same, as older clients ask.
    StateSyncChunkAt(u64),
    /// The genesis file.
    Genesis,
}

impl Question {
    /// Whether it has parameters in the query of its URL.
    pub const fn takes_query(&self) -> bool {
        matches!(
            self,
            Self::Blocks(_)
                | Self::Wait(..)
                | Self::History(..)
                | Self::Audits(..)
                | Self::Operations(..)
                | Self::StateSyncChunkAt(_)
        )
    }

    /// The transaction it is about, if it names one.
    const fn transaction(&self) -> Option<&TransactionId> {
        match self {
            Self::Transaction(id) | Self::Wait(id, _) | Self::TransactionProof(id) | Self::Receipt(id) => Some(id),
            _ => None,
        }
    }
}

/// Notes in the request's span which transaction it is about.
pub fn record(id: &TransactionId) {
    tracing::Span::current().record("transaction", tracing::field::display(id));
}

/// Answers a question.
///
/// # Errors
/// The refusals that the route table lists for it.
pub async fn answer(server: &Arc<Server>, question: Question) -> Result<Bytes, ApiError> {
    if let Some(id) = question.transaction() {
        record(id);
    }
    match question {
        Question::Ready => errors::text(&health::ready(server)),
        Question::Rollout => errors::text(&crate::rollout::status(&server.shared)),
        Question::Limits => errors::text(&status::limits(server)),
        Question::Genesis => Ok(server.genesis.clone()),
        Question::Mempool => errors::text(&status::mempool(server).await?),
        Question::Consensus => errors::text(&status::consensus(server).await?),
        Question::Submit(request) => errors::text(&transactions::submit(server, request).await?),
        Question::Wait(id, wait) => {
            let (target, longest) = wait.resolve()?;
            errors::text(&transactions::wait(server, id, target, longest).await?)
        }
        Question::BlockBody(id) => of_block(server, id, pruning::body, rebuilt::body).await,
        Question::Pruning => view(server, pruning::status).await,
        Question::Storage => view(server, upkeep::status).await,
        Question::Snapshots => view(server, snapshots::list).await,
        Question::MakeSnapshot => view(server, snapshots::make).await,
        Question::StateSyncPlan => view(server, snapshots::plan).await,
        Question::StateSyncSession => view(server, snapshots::session).await,
        Question::StartSession { resume } => errors::text(&snapshots::start(server, resume)?),
        Question::CancelSession => errors::text(&snapshots::cancel(server)?),
        Question::SnapshotBreaker => errors::text(&server.shared.sync.breaker()),
        Question::ResetSnapshotBreaker => errors::text(&server.shared.sync.reset()),
        Question::StateSyncChunk(id) => snapshots::paced_chunk(server, id).await,
        Question::StateSyncChunkAt(index) => snapshots::paced_chunk(server, ChunkId::Place(index)).await,
        Question::Node => view(server, status::node).await,
        Question::PipelineTelemetry => view(server, pipeline::telemetry).await,
        Question::PipelineDashboard => view(server, pipeline::dashboard).await,
        Question::BlockLatest => view(server, blocks::latest).await,
        Question::Block(id) => of_block(server, id, blocks::get, rebuilt::block).await,
        Question::Blocks(page) => view(server, move |server| blocks::page(server, &page)).await,
        Question::Transaction(id) => view(server, move |server| transactions::status(server, id)).await,
        Question::TransactionProof(id) => view(server, move |server| proofs::transaction(server, id)).await,
        Question::Receipt(id) => view(server, move |server| transactions::receipt(server, id)).await,
        Question::Account(address) => view(server, move |server| accounts::get(server, address)).await,
        Question::History(address, page) => view(server, move |server| accounts::history(server, address, &page)).await,
        Question::Validators => view(server, staking::list).await,
        Question::Validator(address) => view(server, move |server| staking::one(server, address)).await,
        Question::Statistics(address) => view(server, move |server| staking::statistics(server, address)).await,
        Question::OwnValidator => view(server, staking::own).await,
        Question::ValidatorPeers => view(server, standing::peers).await,
        Question::OwnVrf => view(server, lottery::own).await,
        Question::Staker(address) => view(server, move |server| staking::staker(server, address)).await,
        Question::Identity(address) => view(server, move |server| standing::identity(server, address)).await,
        Question::IdentityProof(address) => view(server, move |server| proofs::identity(server, address)).await,
        Question::Reputation(address) => view(server, move |server| standing::reputation(server, address)).await,
        Question::ReputationBoard => view(server, standing::board).await,
        Question::Timetoke => view(server, standing::timetoke).await,
        Question::VrfThreshold => view(server, lottery::threshold).await,
        Question::Vrf(address) => view(server, move |server| lottery::one(server, address)).await,
        Question::Audits(stream, query) => view(server, move |server| Ok(audits::page(server, stream, query))).await,
        Question::Operations(id, query) => view(server, move |server| proving::operations(server, id, query)).await,
        Question::BlockEvents(id) => of_block(server, id, blocks::events, rebuilt::events).await,
        Question::Certified(id) => view(server, move |server| proving::certified(server, id)).await,
        Question::ProofStatus => view(server, proving::status).await,
        Question::Provers => view(server, provers::status).await,
        Question::Claim(request) => view(server, move |server| proving::claim(server, &request)).await,
        Question::BlockProof(height) => view(server, move |server| proving::block(server, height)).await,
        Question::ProvenAccount(address) => view(server, move |server| proving::account(server, address)).await,
        Question::AccountProof(address) => view(server, move |server| proofs::account(server, address)).await,
    }
}

/// Shortens the wait of a question to `longest`; other questions stay as they are.
pub fn wait_at_most(question: &mut Question, longest: Duration) {
    if let Question::Wait(_, wait) = question
        && wait.resolve().is_ok_and(|(_, asked)| asked > longest)
    {
        wait.timeout_ms = Some(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
    }
}

/// A view of one block, from what is kept or from what is given again of it.
async fn of_block<T: Serialize + 'static>(
    server: &Arc<Server>,
    id: BlockId,
    kept: fn(&Server, BlockId) -> Result<T, ApiError>,
    again: fn(&Rebuilt) -> T,
) -> Result<Bytes, ApiError> {
    match rebuilt::find(server, id).await? {
        Some(found) => view(server, move |_| Ok(again(&found))).await,
        None => view(server, move |server| kept(server, id)).await,
    }
}

/// A view that is read and made into text on a blocking thread.
pub async fn view<T, F>(server: &Arc<Server>, read: F) -> Result<Bytes, ApiError>
where
    T: Serialize,
    F: FnOnce(&Server) -> Result<T, ApiError> + Send + 'static,
{
    server.read(move |server| errors::text(&read(server)?)).await
}
