//! The thread that proves: work that nobody wants any more ends, and the thread goes on with the next.

use std::time::Duration;

use primitives::actions::ProofSystemKind;
use proof::light::SealedWindow;
use prover::fold::NoFiles;
use prover::{CallOff, proving_system};

use super::quorum::first_window;
use crate::circuits::CircuitFolder;
use crate::worker::{Answer, Task, Worker};

/// Hands the thread a task once it has room for one.
async fn ask(worker: &Worker, window: u64) -> Answer {
    let mut tries = 0;
    loop {
        let task = Task::Window { window, witness: Box::new(first_window()) };
        match worker.ask(task) {
            Ok(answer) => return answer,
            Err(busy) => assert!(tries < 1_000, "{busy}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn work_is_called_off_by_word_and_by_nobody_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = CircuitFolder::open(folder.path(), false).expect("it is ours");
    let worker = Worker::start(ProofSystemKind::Plonky3, files, 1, 0).expect("it starts");
    let mut first = ask(&worker, 0).await;
    // It waits behind the first one, so it is called off before its first stage.
    let mut second = ask(&worker, 1).await;
    second.call_off();
    let made = first.ended().await.expect("it is provable").expect("it was wanted");
    assert_eq!(SealedWindow::from_bytes(&made.bytes).expect("it is one").window, 0);
    assert!(second.ended().await.expect("that is no failure").is_none());
    // Nobody waits for the third, and the fourth is done all the same.
    drop(ask(&worker, 2).await);
    let mut fourth = ask(&worker, 3).await;
    assert!(fourth.ended().await.expect("it is provable").is_some());
}

#[test]
fn what_is_called_off_is_told_apart_from_what_fails() {
    let system = proving_system(ProofSystemKind::Plonky3, Box::new(NoFiles)).expect("this build has it");
    let off = CallOff::default();
    off.call_off();
    let refused = system.prove_window(&first_window(), &off).expect_err("nobody wants it");
    assert!(refused.is_called_off(), "{refused}");
    let mut wrong = first_window();
    wrong.blocks.clear();
    let failed = system.prove_window(&wrong, &CallOff::default()).expect_err("it has no seal");
    assert!(!failed.is_called_off(), "{failed}");
}
