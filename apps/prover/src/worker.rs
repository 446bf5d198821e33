//! The thread that proves: at low priority, with its own small pool of threads, one window at a time.
//!
//! Threads inherit the priority of the one that starts them, so this one lowers its own before it makes the pool.
//! A proof in hand cannot be called off; the process can end at any moment, because nothing is lost with it.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use proof::light::SealedWindow;
use proof::verify_window;
use prover::{ProvingKey, WindowWitness, prove_window};
use tokio::sync::oneshot;

/// A proven window.
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

struct Job {
    window: u64,
    witness: Box<WindowWitness>,
    answer: oneshot::Sender<Result<Made, WorkError>>,
}

/// The proving thread. It ends when this is dropped and its window is done.
pub struct Worker {
    jobs: mpsc::SyncSender<Job>,
}

impl Worker {
    /// Starts the thread: `threads` of them in its pool, `nice` steps below normal priority.
    ///
    /// # Errors
    /// [`WorkError`] when the system refuses threads, or this build makes another key than the pinned one.
    pub fn start(threads: usize, nice: i32) -> Result<Self, WorkError> {
        let (jobs, received) = mpsc::sync_channel::<Job>(1);
        let (ready, started) = mpsc::sync_channel(1);
        let run = move || {
            let key = prepare(threads, nice);
            let failed = key.as_ref().err().cloned();
            let _ = ready.send(failed.map_or(Ok(()), Err));
            let Ok(key) = key else { return };
            for job in received {
                // Whoever asked may be gone.
                let _ = job.answer.send(prove(&key, job.window, &job.witness));
            }
        };
        let spawned = std::thread::Builder::new().name("prover".to_owned()).spawn(run);
        spawned.map_err(|error| WorkError(format!("the system refused a thread: {error}")))?;
        started.recv().map_err(|_| WorkError("the proving thread ended at once".to_owned()))??;
        Ok(Self { jobs })
    }

    /// Proves a window; gives where the answer arrives.
    ///
    /// # Errors
    /// [`WorkError`] when the thread is gone or has a window in hand and one waiting.
    pub fn prove(
        &self,
        window: u64,
        witness: WindowWitness,
    ) -> Result<oneshot::Receiver<Result<Made, WorkError>>, WorkError> {
        let (answer, made) = oneshot::channel();
        let job = Job { window, witness: Box::new(witness), answer };
        self.jobs.try_send(job).map_err(|_| WorkError("the proving thread has ended or is busy".to_owned()))?;
        Ok(made)
    }
}

fn prepare(threads: usize, nice: i32) -> Result<ProvingKey, WorkError> {
    if nice > 0
        && let Err(error) = rustix::process::nice(nice)
    {
        tracing::warn!(target: "plonky3", %error, "the priority could not be lowered");
    }
    // A second service in one process shares the first one's pool.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    let pinned = proof::verifying_key().map_err(|error| WorkError(error.to_string()))?;
    let key = ProvingKey::generate().map_err(|error| WorkError(error.to_string()))?;
    debug_assert_eq!(key.verifying().hash(), pinned.hash(), "both are made of the same tables");
    Ok(key)
}

fn prove(key: &ProvingKey, window: u64, witness: &WindowWitness) -> Result<Made, WorkError> {
    let started = Instant::now();
    let made = prove_window(key, witness).map_err(|error| WorkError(error.to_string()))?;
    let elapsed = started.elapsed();
    // Nobody else finds out cheaper that a proof is bad.
    verify_window(key.verifying(), &made.statement, &made.bytes).map_err(|error| WorkError(error.to_string()))?;
    let sealed = SealedWindow { window, payout: made.statement.payout, proof: made.bytes };
    Ok(Made { bytes: sealed.to_bytes(), elapsed })
}
