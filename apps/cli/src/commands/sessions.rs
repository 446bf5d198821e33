//! `tb validator snapshot`: the session in which a running node takes the newest snapshot of its peers on its own shelf.
//!
//! Rules
//! - The node does the work; this steers it and shows how far it is. Ending the command does not end the session.
//! - A session that failed ends the command with the exit code of a node that is not ready.

use std::time::Duration;

use clap::{Args, Subcommand};
use futures::StreamExt;
use rpc::types::{BreakerStatus, SyncPhase, SyncProgress};
use rpc::{Client, ExitCode};
use serde::Serialize;
use snapshots::Progress;

use super::snapshots as shelf;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, duration_ms, fields};

const EXAMPLES: &str = "\
Examples:
  tb validator snapshot start                 take the newest snapshot of the node's peers
  tb validator snapshot status --watch
  tb validator snapshot verify
  tb validator snapshot breaker --reset";
const EXAMPLES_START: &str = "\
Examples:
  tb validator snapshot start
  tb validator snapshot start --detach --json";
const EXAMPLES_RESUME: &str = "\
Examples:
  tb validator snapshot resume                go on with the chunks of a session that was ended";
const EXAMPLES_STATUS: &str = "\
Examples:
  tb validator snapshot status --json
  tb validator snapshot status --watch";
const EXAMPLES_CANCEL: &str = "\
Examples:
  tb validator snapshot cancel                the chunks that are here stay";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb validator snapshot verify                the highest of snapshot_dir
  tb validator snapshot verify --path /backup/snapshots";
const EXAMPLES_BREAKER: &str = "\
Examples:
  tb validator snapshot breaker
  tb validator snapshot breaker --reset";

/// Pause between two looks where the stream of the session ended early.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments of `tb validator snapshot`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take the newest snapshot of the node's peers on its shelf
    #[command(after_help = EXAMPLES_START)]
    Start(Follow),
    /// Show how far the session is, or how the last one ended
    #[command(after_help = EXAMPLES_STATUS)]
    Status(Status),
    /// Go on with the chunks of a session that was ended
    #[command(after_help = EXAMPLES_RESUME)]
    Resume(Follow),
    /// End the running session; the chunks that are here stay
    #[command(after_help = EXAMPLES_CANCEL)]
    Cancel,
    /// Check every byte of the newest snapshot of this home, as tb snapshots verify does
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(shelf::Verify),
    /// Show whether sessions begin, or close the breaker that holds them back
    #[command(after_help = EXAMPLES_BREAKER)]
    Breaker(Breaker),
}

#[derive(Debug, Args)]
struct Follow {
    /// Do not wait for the end
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Args)]
struct Status {
    /// Wait for the end of a running session and show how far it is
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
struct Breaker {
    /// Close it
    #[arg(long)]
    reset: bool,
}

/// The session and the breaker.
#[derive(Debug, Serialize)]
struct View {
    #[serde(flatten)]
    session: SyncProgress,
    breaker: BreakerStatus,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] by name.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    if let Command::Verify(verify) = &arguments.command {
        return verify.run(context).await;
    }
    let client = context.client()?;
    let (session, waits) = match &arguments.command {
        // Done above, without a node.
        Command::Verify(_) => return Ok(()),
        Command::Breaker(breaker) => return show_breaker(&client, breaker.reset, context).await,
        Command::Start(follow) => (client.start_session().await?, !follow.detach),
        Command::Resume(follow) => (client.resume_session().await?, !follow.detach),
        Command::Cancel => (client.cancel_session().await?, true),
        Command::Status(status) => (client.state_sync_session().await?.fetch, status.watch),
    };
    let session = if waits { follow(&client, session, context).await? } else { session };
    let has_failed = session.phase == SyncPhase::Failed;
    let is_status = matches!(arguments.command, Command::Status(_));
    if has_failed && !is_status {
        let reason = session.reason.unwrap_or_default();
        let (what, hint) = reason.split_once("; next: ").unwrap_or((&reason, "tb validator snapshot status"));
        return Err(Failure::new(ExitCode::NotReady, "session_failed", what, hint));
    }
    let view = View { session, breaker: client.snapshot_breaker().await? };
    context.output.result(&view, || describe(&view));
    Ok(())
}

async fn show_breaker(client: &Client, reset: bool, context: &Context) -> Result<(), Failure> {
    let breaker = if reset { client.reset_snapshot_breaker().await? } else { client.snapshot_breaker().await? };
    context.output.result(&breaker, || fields(&[("breaker", breaker_text(&breaker))]));
    Ok(())
}

/// Shows how far the session is until it ends.
async fn follow(client: &Client, mut session: SyncProgress, context: &Context) -> Result<SyncProgress, Failure> {
    let bar = shelf::Bar::new(context.output);
    while session.phase.is_running() {
        let mut stream = client.state_sync_session_stream().await?;
        while let Some(next) = stream.next().await {
            session = next?;
            let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
            if session.chunks > 0 {
                bar.tell(Progress { done: whole(session.chunks_done), count: whole(session.chunks) });
            }
            if !session.phase.is_running() {
                break;
            }
        }
        if session.phase.is_running() {
            // The node closed the stream; whether it still runs is seen at the next look.
            tokio::time::sleep(LOOK).await;
        }
    }
    bar.end();
    Ok(session)
}

fn breaker_text(breaker: &BreakerStatus) -> String {
    let BreakerStatus { state, failures, failures_max, .. } = breaker;
    format!("{}, {failures} of {failures_max} failures in a row", state.name())
}

fn describe(view: &View) -> String {
    let session = &view.session;
    let mut rows = vec![("phase", session.phase.name().to_owned())];
    if let Some(height) = session.height {
        rows.push(("height", count(height.0)));
        let (done, all) = (count(session.chunks_done), count(session.chunks));
        rows.push(("chunks", format!("{done} of {all}, {} kept from before", count(session.chunks_resumed))));
        rows.push(("fetched", format!("{} bytes", count(session.bytes_done))));
    }
    rows.extend(session.sources.iter().map(|source| ("source", source.clone())));
    rows.extend(session.dropped.iter().map(|one| ("dropped", format!("{}: {}", one.source, one.reason))));
    if let Some(reason) = &session.reason {
        rows.push(("reason", reason.clone()));
    }
    if session.milliseconds > 0 {
        rows.push(("time", duration_ms(session.milliseconds)));
    }
    rows.push(("breaker", breaker_text(&view.breaker)));
    fields(&rows)
}
