//! When a running command has to stop: a signal, or the end of its standard input.
//!
//! Rule: the first request stops in order; a second one ends the process at once, which is safe because nothing
//! that matters is only in memory.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Failure;

/// Bytes of standard input that are read over at a time.
const STDIN_BYTES: usize = 256;

/// Becomes true at the first SIGINT or SIGTERM, and with `stdin` also when standard input ends. Needs a running
/// runtime.
///
/// # Errors
/// [`Failure`] when the system refuses the signal handlers.
pub fn requested(stdin: bool) -> Result<watch::Receiver<bool>, Failure> {
    let handler = |kind| {
        signal(kind).map_err(|cause| {
            Failure::new(
                rpc::ExitCode::Unexpected,
                "signals",
                format!("the system refused a signal handler: {cause}"),
                "try again; a limit of the system may be reached",
            )
        })
    };
    let (mut interrupt, mut terminate) = (handler(SignalKind::interrupt())?, handler(SignalKind::terminate())?);
    let (sender, receiver) = watch::channel(false);
    let on_signal = sender.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                on_signal.send_replace(true);
            } else {
                std::process::exit(i32::from(rpc::ExitCode::Unexpected.number()));
            }
        }
    });
    if stdin {
        // A thread of its own: a read of standard input cannot be called off, and a runtime would wait for it.
        std::thread::spawn(move || {
            let mut bytes = [0; STDIN_BYTES];
            let mut input = std::io::stdin().lock();
            while input.read(&mut bytes).is_ok_and(|count| count > 0) {}
            sender.send_replace(true);
        });
    }
    Ok(receiver)
}

/// Waits until stopping is requested.
pub async fn wait(stop: &mut watch::Receiver<bool>) {
    // The sender lives as long as the signal task; if it is gone, stopping is right too.
    let _ = stop.wait_for(|stopping| *stopping).await;
}
