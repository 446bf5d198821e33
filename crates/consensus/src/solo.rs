//! The `solo` engine: one process makes every block, for people who build on the RPC.
//!
//! ```text
//! wait (work, or the block interval; room) ─► build ─► verify ─► sign a precommit ─► commit ─► again
//! ```
//! It drives the same [`replica::application::Application`] as the network engine, with the same rules:
//! a block is executed before it is signed, durable before it is announced, and a fault stops everything.

use std::sync::Arc;

use primitives::genesis::Engine as EngineKind;
use primitives::{Address, CommitCertificate, CommitSignature, Hash, Height, Round, Vote, VoteKind};
use replica::application::{Application, Candidate, Fault, Freshness, Verdict};
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

use crate::events::{ConsensusEvent, EVENTS_MAX, StopReason};
use crate::pacing;
use crate::room::Room;
use crate::signer::{SignedStep, VoteSigner};
use crate::state::{SharedApplication, with_app};

/// Most rounds of one height: a refused signature moves to the next round, as after a crash.
const ROUNDS_MAX: u32 = 16;

/// What the solo engine waits for.
#[derive(Debug, Clone, Default)]
pub struct SoloConfig {
    /// Notify when transactions wait; a block is then made at once. Notify again after a block that left
    /// some behind.
    pub work: Arc<Notify>,
    /// Whether the disk has room for another block.
    pub room: Room,
    /// Blocks up to this height are made without a pause: long chains for tests and measurements.
    pub hurry_to: Height,
}

/// Why the solo engine did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoloError {
    /// The genesis file names the other engine.
    #[error("the genesis file says engine = \"bft\": this chain needs its consensus network; start the node instead")]
    WrongEngine,
    /// The key is not the chain's one validator.
    #[error("the validator key {key} is not the one that the genesis file names; use the key this chain was made with")]
    WrongKey {
        /// Address of the key.
        key: Address,
    },
    /// The chain has a fault.
    #[error("the chain has a fault: {0}")]
    Fault(#[from] Fault),
}

/// A running solo engine. Dropping it stops the engine after the block in hand.
pub struct SoloHandle {
    events: broadcast::Sender<ConsensusEvent>,
    height: watch::Receiver<Height>,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<Option<StopReason>>,
    task: JoinHandle<()>,
}

/// Starts making blocks on `app`.
///
/// # Errors
/// [`SoloError`]: nothing was signed.
pub async fn start_solo(
    config: SoloConfig,
    app: SharedApplication,
    signer: Box<dyn VoteSigner>,
) -> Result<SoloHandle, SoloError> {
    let key = Address::of_key(&signer.public_key());
    let (engine, interval_ms, genesis, finalized, electorate) = with_app(&app, |app| {
        let next = app.finalized().next();
        let genesis = app.genesis();
        let (engine, interval_ms) = (genesis.engine, genesis.params.block_interval_ms);
        Ok((engine, interval_ms, app.genesis_hash(), app.finalized(), app.electorate(next)))
    })
    .await?;
    if engine != EngineKind::Solo {
        return Err(SoloError::WrongEngine);
    }
    if electorate.is_none_or(|electorate| electorate.validators.get(&key).is_none()) {
        return Err(SoloError::WrongKey { key });
    }
    let (events, _) = broadcast::channel(EVENTS_MAX);
    let (progress, height) = watch::channel(finalized);
    let (stop, stop_asked) = watch::channel(false);
    let (report, stopped) = watch::channel(None);
    let told = events.clone();
    let maker = BlockMaker { app, signer: Some(signer), key, genesis, interval_ms, events: told.clone(), progress };
    let task = tokio::spawn(async move {
        let reason = maker.run(config, stop_asked).await;
        let _ = told.send(ConsensusEvent::Stopped(reason.clone()));
        let _ = report.send(Some(reason));
    });
    Ok(SoloHandle { events, height, stop, stopped, task })
}

impl SoloHandle {
    /// A new reader of what happens from here on.
    pub fn events(&self) -> broadcast::Receiver<ConsensusEvent> {
        self.events.subscribe()
    }

    /// The last finalized height.
    pub fn finalized(&self) -> Height {
        *self.height.borrow()
    }

    /// Waits until the engine has stopped, and says why.
    pub async fn stopped(&self) -> StopReason {
        let mut stopped = self.stopped.clone();
        let died = || StopReason::Engine("the solo engine's task died".to_owned());
        match stopped.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_else(died),
            Err(_) => died(),
        }
    }

    /// Asks the engine to stop, waits until it has, and says why it did. What runs in the chain is finished first.
    pub async fn stop(&self) -> StopReason {
        let _ = self.stop.send(true);
        self.stopped().await
    }

    /// Stops after the block in hand and waits for it.
    pub async fn shutdown(self) -> StopReason {
        let reason = self.stop().await;
        let _ = self.task.await;
        reason
    }
}

struct BlockMaker {
    app: SharedApplication,
    /// Away only while a block is made.
    signer: Option<Box<dyn VoteSigner>>,
    key: Address,
    genesis: Hash,
    interval_ms: u64,
    events: broadcast::Sender<ConsensusEvent>,
    progress: watch::Sender<Height>,
}

impl BlockMaker {
    async fn run(mut self, config: SoloConfig, mut stop: watch::Receiver<bool>) -> StopReason {
        while *self.progress.borrow() < config.hurry_to {
            if *stop.borrow() {
                return StopReason::Requested;
            }
            if let Err(Fault(reason)) = self.make_block().await {
                return StopReason::Fault(reason);
            }
        }
        loop {
            let parent = match with_app(&self.app, |app| Ok(app.finalized_time())).await {
                Ok(parent) => parent,
                Err(Fault(reason)) => return StopReason::Fault(reason),
            };
            let wait = pacing::wait(pacing::now(), parent, self.interval_ms);
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return StopReason::Requested,
                () = config.work.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return StopReason::Requested,
                () = config.room.wait() => {}
            }
            if let Err(Fault(reason)) = self.make_block().await {
                tracing::error!(reason, "the chain has a fault: no more blocks");
                return StopReason::Fault(reason);
            }
        }
    }

    async fn make_block(&mut self) -> Result<(), Fault> {
        let mut signer =
            self.signer.take().ok_or_else(|| Fault("the signer was lost in an earlier block".to_owned()))?;
        let (key, genesis) = (self.key, self.genesis);
        let (signer, made) = with_app(&self.app, move |app| {
            let made = decide(app, signer.as_mut(), key, &genesis);
            Ok((signer, made))
        })
        .await?;
        self.signer = Some(signer);
        let Made { height, round, block, power } = made?;
        let events = [
            ConsensusEvent::RoundStarted { height, round, proposer: key },
            ConsensusEvent::Proposed { height, round, block },
            ConsensusEvent::Decided {
                height,
                round,
                block,
                power,
                total_power: power,
                missing: Vec::new(),
                fetched: false,
            },
            ConsensusEvent::Finalized { height, block },
        ];
        for event in events {
            // An error means that nobody listens, which is fine.
            let _ = self.events.send(event);
        }
        let _ = self.progress.send(height);
        Ok(())
    }
}

struct Made {
    height: Height,
    round: Round,
    block: Hash,
    power: u64,
}

/// Builds, executes, signs and commits one block.
fn decide(app: &mut dyn Application, signer: &mut dyn VoteSigner, key: Address, genesis: &Hash) -> Result<Made, Fault> {
    let height = app.finalized().next();
    let power = app
        .electorate(height)
        .and_then(|electorate| electorate.validators.get(&key).map(|validator| validator.power))
        .ok_or_else(|| Fault(format!("the solo validator {key} is not in the set of height {height}")))?;
    for round in (0..ROUNDS_MAX).map(Round) {
        let block = built(app, round, key)?.hash;
        let vote = Vote { kind: VoteKind::Precommit, height, round, value: Some(block), voter: key };
        match signer.sign(SignedStep::Precommit, height, round, &vote.signing_bytes(genesis)) {
            Ok(signature) => {
                let signatures = vec![CommitSignature { address: key, signature }];
                let certificate = CommitCertificate::new(height, round, block, signatures)
                    .ok_or_else(|| Fault("one signature does not fit a certificate".to_owned()))?;
                app.commit(certificate)?;
                return Ok(Made { height, round, block, power });
            }
            Err(refused) => tracing::warn!(%height, %round, %refused, "trying the next round"),
        }
    }
    Err(Fault(format!(
        "the signer refused {ROUNDS_MAX} rounds of height {height}: its double-sign guard is ahead of this chain; \
         use the home directory that belongs to the guard"
    )))
}

fn built(app: &mut dyn Application, round: Round, key: Address) -> Result<Candidate, Fault> {
    let now = pacing::now();
    let candidate = app.build(round, now)?;
    match app.verify(&candidate.bytes, Freshness::Live { now, round, proposer: key })? {
        Verdict::Valid(candidate) => Ok(candidate),
        Verdict::Invalid { reason, .. } => Err(Fault(format!("our own block does not execute: {reason}"))),
    }
}
