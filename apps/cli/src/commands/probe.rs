//! `tb probe`: one question about a running network, answered with an exit number.
//!
//! Model: a check runs until it has an answer or its time is over. Its answer is a value that can be compared with
//! what was expected, and a height where it has one.
//!
//! | check | passes when | value |
//! |---|---|---|
//! | `ping-rpc` | the node answers | chain id |
//! | `tip` | the node tells its newest block | block hash |
//! | `mine-one` | the next block is finalized while it watches; on a chain of one process as well | height of that block |
//! | `gossip-check` | a payment handed to one node waits in the mempool of another | chain id |
//!
//! Rules
//! - An expectation that is a number is a height, any other one is of the kind of the check's value. One that can be neither is
//!   refused before anybody is asked.
//! - Gossip is checked between two nodes. Two URLs of one node, told by its key, are refused before anything is paid.
//! - A check asks at most once in [`POLL`], or four times in its time where that is shorter, and waits where the node says that it was
//!   asked too often: the limits of a node do not make its chain look slow.
//! - With `--prom` stdout holds Prometheus text also when the check fails, so that a textfile collector sees both.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use primitives::{Amount, Hash, Height, TransactionId};
use rpc::types::{NodeStatus, Stage, SubmitTransaction, TransactionStatus};
use rpc::{Client, ExitCode};
use serde::Serialize;
use tokio::time::Instant;
use wallet::KeyName;

use crate::commands::tx::parse_duration;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{duration_ms, fields};
use crate::planning::{Wish, prepare};

const EXAMPLES: &str = "\
Examples:
  tb probe ping-rpc --timeout 2s
  tb probe tip --expect 42
  tb probe mine-one --timeout 10s --prom
  tb probe gossip-check --from account-1 --peer http://127.0.0.1:26668 --home ~/.the_block/devnet";

const EXAMPLES_PING: &str = "\
Examples:
  tb probe ping-rpc --timeout 2s
  tb probe ping-rpc --expect devnet --prom";
const EXAMPLES_GOSSIP: &str = "\
Examples:
  tb probe gossip-check --from account-1 --peer http://127.0.0.1:26668 --home ~/.the_block/devnet";
const EXAMPLES_MINE: &str = "\
Examples:
  tb probe mine-one --timeout 10s
  tb probe mine-one --prom";
const EXAMPLES_TIP: &str = "\
Examples:
  tb probe tip --json
  tb probe tip --expect 42";

/// Longest pause between two questions to a node.
const POLL: Duration = Duration::from_secs(1);
/// Pauses that a check may make at least, however short its time is.
const PAUSES_MIN: u32 = 4;
/// Heights in which the payment of a gossip check may be included.
const VALID_FOR: u64 = 20;
/// What a gossip check pays to the payer itself.
const PAYMENT_MICRO: u64 = 1;

/// Arguments of `tb probe`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Longest duration of the check, such as 500ms, 10s or 2m
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    timeout: Duration,
    /// Fail unless the check finds this: a number is a height, anything else a block hash (tip) or a chain id
    #[arg(long, global = true, value_name = "VALUE")]
    expect: Option<String>,
    /// Print Prometheus text
    #[arg(long, global = true)]
    prom: bool,
    #[command(subcommand)]
    check: Check,
}

#[derive(Debug, Subcommand)]
enum Check {
    /// Whether the node's RPC answers
    #[command(after_help = EXAMPLES_PING)]
    PingRpc,
    /// Whether gossip brings a small payment of the payer to itself from the node to another
    #[command(name = "gossip-check", after_help = EXAMPLES_GOSSIP)]
    Gossip(Gossip),
    /// Whether one more block is finalized
    #[command(after_help = EXAMPLES_MINE)]
    MineOne,
    /// The newest block
    #[command(after_help = EXAMPLES_TIP)]
    Tip,
}

#[derive(Debug, Args)]
struct Gossip {
    /// Name of the key that pays
    #[arg(long, value_name = "KEY")]
    from: KeyName,
    /// URL of the other node's RPC
    #[arg(long, value_name = "URL")]
    peer: String,
    /// File whose first line is the password [default: <home>/password if it exists, else asked]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Check {
    const fn name(&self) -> &'static str {
        match self {
            Self::PingRpc => "ping-rpc",
            Self::Gossip(_) => "gossip-check",
            Self::MineOne => "mine-one",
            Self::Tip => "tip",
        }
    }

    /// What the value of its answer is.
    const fn value(&self) -> &'static str {
        match self {
            Self::PingRpc | Self::Gossip(_) => "chain id",
            Self::MineOne => "height",
            Self::Tip => "block hash",
        }
    }

    /// What the answer must be.
    fn expectation(&self, text: &str) -> Result<Expectation, Failure> {
        let height = || text.parse().ok().map(|height| Expectation::Height(Height(height)));
        let expectation = match self {
            Self::PingRpc | Self::Gossip(_) => height().or_else(|| Some(Expectation::Value(text.to_owned()))),
            Self::MineOne => height(),
            // A hash may have no letter among its digits.
            Self::Tip => text.parse::<Hash>().ok().map(|hash| Expectation::Value(hash.to_string())).or_else(height),
        };
        expectation.ok_or_else(|| {
            let kinds = if matches!(self, Self::Tip) { "neither a height nor a block hash" } else { "no height" };
            let what = format!("--expect {text} is {kinds}, which is what {} finds", self.name());
            Failure::usage(what, "give a whole number, or what the check printed as its value")
        })
    }
}

/// What somebody wants to be found.
#[derive(Debug, PartialEq, Eq)]
enum Expectation {
    Height(Height),
    /// Anything that is no number.
    Value(String),
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Found {
    /// What an expectation is compared with; a height stands for itself.
    value: String,
    height: Option<Height>,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    check: &'static str,
    #[serde(flatten)]
    found: &'a Found,
    duration_ms: u64,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the check does not pass: no answer, too late, or something else than expected.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    if arguments.prom && context.output.is_json() {
        return Err(Failure::usage("--prom and --json are two forms of one answer", "leave one of them out"));
    }
    let (check, started) = (&arguments.check, Instant::now());
    let expectation = arguments.expect.as_deref().map(|text| check.expectation(text)).transpose()?;
    let found = match tokio::time::timeout(arguments.timeout, find(check, arguments.timeout, context)).await {
        Ok(found) => found.and_then(|found| expected(check, found, expectation.as_ref())),
        Err(_) => Err(too_late(check, arguments.timeout)),
    };
    let taken = started.elapsed();
    if arguments.prom {
        context.output.raw(&prometheus(check.name(), &found, taken));
        return found.map(|_| ());
    }
    let found = found?;
    let taken_ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    let answer = Answer { check: check.name(), found: &found, duration_ms: taken_ms };
    context.output.result(&answer, || {
        let height = found.height.map_or_else(|| "none".to_owned(), |height| height.to_string());
        fields(&[
            ("check", check.name().to_owned()),
            ("value", found.value.clone()),
            ("height", height),
            ("took", duration_ms(taken_ms)),
        ])
    });
    Ok(())
}

async fn find(check: &Check, timeout: Duration, context: &Context) -> Result<Found, Failure> {
    let client = context.patient_client()?;
    let pause = POLL.min(timeout / PAUSES_MIN);
    match check {
        Check::PingRpc => {
            let status = client.node_status().await?;
            Ok(Found { value: status.chain_id, height: Some(status.finalized_height) })
        }
        Check::Tip => {
            let block = client.block_latest().await?;
            Ok(Found { value: block.hash.to_string(), height: Some(block.header.height) })
        }
        Check::MineOne => mine_one(&client, pause).await,
        Check::Gossip(gossip) => gossip_check(gossip, &client, pause, context).await,
    }
}

async fn mine_one(client: &Client, pause: Duration) -> Result<Found, Failure> {
    let next = Height(client.node_status().await?.finalized_height.0.saturating_add(1));
    loop {
        tokio::time::sleep(pause).await;
        // Others may have followed it since.
        if client.node_status().await?.finalized_height >= next {
            return Ok(Found { value: next.to_string(), height: Some(next) });
        }
    }
}

/// Pays until a payment is seen waiting at the other node. One that comes there inside a block says nothing about
/// gossip, so another is tried.
async fn gossip_check(gossip: &Gossip, client: &Client, pause: Duration, context: &Context) -> Result<Found, Failure> {
    let peer = context.client_at(&gossip.peer)?.patient();
    let (node, other) = (client.node_status().await?, peer.node_status().await?);
    are_two(&node, &other, &gossip.peer)?;
    let chain_id = other.chain_id;
    let payer = context.keystore().entry(&gossip.from)?.address;
    let unlocked = context.unlock(&gossip.from, gossip.password_file.as_deref())?;
    let amount = Amount::new(PAYMENT_MICRO).expect("1 µBLOCK is an amount");
    loop {
        let action = wallet::plan::transfer(payer, amount, b"")?;
        let prepared = prepare(client, Wish { payer, action, tip: Amount::ZERO, valid_for: VALID_FOR }).await?;
        let genesis = prepared.status.genesis_hash;
        let transaction = prepared.sign(&unlocked.key);
        let id = client.submit(&SubmitTransaction::new(&transaction, genesis)).await?.id;
        let status = seen(&peer, id, pause).await?;
        if status.reached.iter().any(|reached| reached.stage == Stage::Admitted) {
            return Ok(Found { value: chain_id, height: status.height });
        }
        // The next nonce is known when this one is finalized where the next payment is planned.
        while client.transaction(id).await?.stage < Stage::Finalized {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Refuses a peer that is the node itself, whatever its URL looks like. A node that is too old to tell its key is believed.
fn are_two(node: &NodeStatus, other: &NodeStatus, url: &str) -> Result<(), Failure> {
    match node.node_key {
        Some(key) if other.node_key == Some(key) => Err(Failure::new(
            ExitCode::Usage,
            "same_node",
            format!("--peer {url} is the node itself, with the key {key}: nothing would go from one node to another"),
            "name another node of the network with --peer; GET /validator/peers lists those that are connected",
        )),
        _ => Ok(()),
    }
}

/// What the node says about the transaction once it knows it.
async fn seen(peer: &Client, id: TransactionId, pause: Duration) -> Result<TransactionStatus, Failure> {
    loop {
        match peer.transaction(id).await {
            Ok(status) => return Ok(status),
            Err(error) if error.exit_code() == ExitCode::NotFound => tokio::time::sleep(pause).await,
            Err(error) => return Err(error.into()),
        }
    }
}

fn expected(check: &Check, found: Found, expectation: Option<&Expectation>) -> Result<Found, Failure> {
    let Some(expectation) = expectation else { return Ok(found) };
    let passes = match expectation {
        // A chain may have a number for its name.
        Expectation::Height(height) => found.height == Some(*height) || found.value == height.to_string(),
        Expectation::Value(value) => found.value == *value,
    };
    if passes {
        return Ok(found);
    }
    let height = found.height.map_or_else(|| "no height".to_owned(), |height| format!("height {height}"));
    let what = match expectation {
        Expectation::Height(expected) => format!("expected height {expected}, found {height}"),
        Expectation::Value(expected) => {
            let kind = check.value();
            format!("expected {kind} {expected}, found {kind} {} at {height}", found.value)
        }
    };
    let hint = "see whether the node is behind, on another chain, or the expectation is old: tb status";
    Err(Failure::new(ExitCode::Refused, "unexpected_value", what, hint))
}

fn too_late(check: &Check, timeout: Duration) -> Failure {
    let waited = duration_ms(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    Failure::new(
        ExitCode::Timeout,
        "timeout",
        format!("{} has no answer after {waited}", check.name()),
        "allow more with --timeout, or see what the node is doing: tb status",
    )
}

fn prometheus(check: &str, found: &Result<Found, Failure>, taken: Duration) -> String {
    let success = u8::from(found.is_ok());
    let mut text = format!(
        "# HELP probe_success Whether the check passed.\n# TYPE probe_success gauge\n\
         probe_success{{check=\"{check}\"}} {success}\n\
         # HELP probe_duration_seconds How long the check took.\n# TYPE probe_duration_seconds gauge\n\
         probe_duration_seconds{{check=\"{check}\"}} {}.{:06}\n",
        taken.as_secs(),
        taken.subsec_micros()
    );
    if let Ok(Found { height: Some(height), .. }) = found {
        text.push_str(&format!(
            "# HELP probe_height The height that the check found.\n# TYPE probe_height gauge\n\
             probe_height{{check=\"{check}\"}} {height}\n"
        ));
    }
    text
}
