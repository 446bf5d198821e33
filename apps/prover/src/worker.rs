//! The thread that proves: at low priority, with its own small pool of threads, one window or one extension at a time.
//!
//! Threads inherit the priority of the one that starts them, so this one lowers its own before it makes the pool.
//! The process can end at any moment, because nothing is lost with it.
//!
//! Rules
//! - Nothing leaves the thread that does not verify.
//! - Work in hand is called off when nobody waits for it any more: the thread then ends it at its next look, within a proof too.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use primitives::actions::ProofSystemKind;
use proof::light::{SealedChain, SealedWindow};
use proof::{FoldedProof, verify_folded, verify_window};
use prover::{CallOff, ProvingError, ProvingSystem, WindowProof, WindowWitness, proving_system};
use tokio::sync::oneshot;

use crate::circuits::CircuitFolder;
use crate::part::SealedPart;

/// A proven window, or a longer chain proof.
#[derive(Debug, Clone)]
pub struct Made {
    /// The bytes that are handed in.
    pub bytes: Vec<u8>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why there is no proof.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct WorkError(pub String);

impl WorkError {
    pub(crate) fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// How a task ended: with what was made, or with nothing because it was called off.
pub type Ended = Result<Option<Made>, WorkError>;

/// What the thread is asked for.
pub enum Task {
    /// Proves a window.
    Window {
        /// Which.
        window: u64,
        /// Its operations and what they touch.
        witness: Box<WindowWitness>,
    },
    /// Proves a part of a window.
    Part {
        /// Its operations and what they touch.
        witness: Box<WindowWitness>,
    },
    /// Extends the chain proof, or makes the first one.
    Extend {
        /// The chain proof so far.
        chain: Option<Box<FoldedProof>>,
        /// The windows or parts after it.
        windows: Vec<WindowProof>,
    },
}

/// A task that the thread has: where its answer arrives. Dropping it calls the task off.
pub struct Answer {
    ended: oneshot::Receiver<Ended>,
    off: CallOff,
}

impl Answer {
    /// Nobody wants it any more: the thread ends it at its next look and answers then.
    pub fn call_off(&self) {
        self.off.call_off();
    }

    /// How it ended.
    ///
    /// # Errors
    /// [`WorkError`], also when the thread is gone.
    pub async fn ended(&mut self) -> Ended {
        let gone = |_| WorkError("the proving thread has ended; its last words are above".to_owned());
        (&mut self.ended).await.map_err(gone).and_then(|ended| ended)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.off.call_off();
    }
}

struct Job {
    task: Task,
    off: CallOff,
    answer: oneshot::Sender<Ended>,
}

/// The proving thread. It ends when this is dropped and its task is done or called off.
pub struct Worker {
    jobs: mpsc::SyncSender<Job>,
}

impl Worker {
    /// Starts the thread for a chain with this proof system, whose circuits of folds are kept in `files`: `threads` of them in its pool, `nice` steps below normal
    /// priority.
    ///
    /// # Errors
    /// [`WorkError`] when the system refuses threads, or this build has another proof system or key than the network.
    pub fn start(kind: ProofSystemKind, files: CircuitFolder, threads: usize, nice: i32) -> Result<Self, WorkError> {
        let (jobs, received) = mpsc::sync_channel::<Job>(1);
        let (ready, started) = mpsc::sync_channel(1);
        let run = move || {
            let system = prepare(kind, files, threads, nice);
            let failed = system.as_ref().err().cloned();
            let _ = ready.send(failed.map_or(Ok(()), Err));
            let Ok(mut system) = system else { return };
            for Job { task, off, answer } in received {
                let ended = match task {
                    Task::Window { window, witness } => {
                        prove(system.as_ref(), &witness, &off, |made| seal_window(window, made))
                    }
                    Task::Part { witness } => prove(system.as_ref(), &witness, &off, seal_part),
                    Task::Extend { chain, windows } => fold(system.as_mut(), chain.as_deref(), &windows, &off),
                };
                // Whoever asked may be gone.
                let _ = answer.send(ended);
            }
        };
        let spawned = std::thread::Builder::new().name("prover".to_owned()).spawn(run);
        spawned.map_err(|error| WorkError(format!("the system refused a thread: {error}")))?;
        started.recv().map_err(|_| WorkError("the proving thread ended at once".to_owned()))??;
        Ok(Self { jobs })
    }

    /// Gives the thread a task, and the caller where the answer arrives.
    ///
    /// # Errors
    /// [`WorkError`] when the thread is gone or has a task in hand and one waiting.
    pub fn ask(&self, task: Task) -> Result<Answer, WorkError> {
        let (answer, ended) = oneshot::channel();
        let off = CallOff::default();
        let busy = |_| WorkError("the proving thread has ended or is busy".to_owned());
        self.jobs.try_send(Job { task, off: off.clone(), answer }).map_err(busy)?;
        Ok(Answer { ended, off })
    }
}

fn prepare(
    kind: ProofSystemKind,
    files: CircuitFolder,
    threads: usize,
    nice: i32,
) -> Result<Box<dyn ProvingSystem>, WorkError> {
    if nice > 0
        && let Err(error) = rustix::process::nice(nice)
    {
        tracing::warn!(target: "plonky3", %error, "the priority could not be lowered");
    }
    // A second service in one process shares the first one's pool.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    proving_system(kind, Box::new(files)).map_err(WorkError::of)
}

/// What was made; nothing when it was called off.
fn unless_called_off<T>(done: Result<T, ProvingError>) -> Result<Option<T>, WorkError> {
    match done {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.is_called_off() => Ok(None),
        Err(error) => Err(WorkError::of(error)),
    }
}

/// A window's proof as it is handed in.
fn seal_window(window: u64, made: WindowProof) -> Vec<u8> {
    SealedWindow { window, payout: made.statement.payout, proof: made.bytes }.to_bytes()
}

/// A part's proof as it is kept.
fn seal_part(made: WindowProof) -> Vec<u8> {
    let (before, last) = (made.statement.before.height, made.statement.after.height);
    SealedPart { before, last, payout: made.statement.payout, proof: made.bytes }.to_bytes()
}

fn prove(
    system: &dyn ProvingSystem,
    witness: &WindowWitness,
    off: &CallOff,
    seal: impl FnOnce(WindowProof) -> Vec<u8>,
) -> Ended {
    let started = Instant::now();
    let Some(made) = unless_called_off(system.prove_window(witness, off))? else { return Ok(None) };
    let elapsed = started.elapsed();
    // Nobody else finds out cheaper that a proof is bad.
    verify_window(proof::verifying_key().map_err(WorkError::of)?, &made.statement, &made.bytes)
        .map_err(WorkError::of)?;
    Ok(Some(Made { bytes: seal(made), elapsed }))
}

fn fold(system: &mut dyn ProvingSystem, chain: Option<&FoldedProof>, windows: &[WindowProof], off: &CallOff) -> Ended {
    let started = Instant::now();
    let Some(made) = unless_called_off(system.extend(chain, windows, off))? else { return Ok(None) };
    let elapsed = started.elapsed();
    let FoldedProof { statement, bytes } = made;
    verify_folded(proof::fold_key().map_err(WorkError::of)?, &statement, &bytes).map_err(WorkError::of)?;
    let sealed = SealedChain { height: statement.after.height, payout: statement.payout, proof: bytes };
    Ok(Some(Made { bytes: sealed.to_bytes(), elapsed }))
}
