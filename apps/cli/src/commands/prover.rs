//! `tb prover`: proves the windows of a chain, folds them into the chain proof and hands both to nodes.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use config::NodeConfig;
use primitives::part::PART_OPS_MAX;
use primitives::{Action, Address, Amount, Genesis, PartLimits, ProvingAction};
use rpc::Client;
use rpc::types::ProversStatus;
use serde_json::Value;
use wallet::KeyName;

use super::stake::{Signing, signer, submit};
use crate::context::{Context, environment};
use crate::exit::Failure;
use crate::output::{Output, blocks, count, duration_ms, fields};
use crate::proving::{ProverRunner, ProverStart, ProverTask, missing};
use crate::provision::read_genesis;
use crate::stop;

const EXAMPLES: &str = "\
Examples:
  tb prover --node http://127.0.0.1:26658
  tb prover --node http://127.0.0.1:26658 --once
  tb prover --node http://127.0.0.1:26658 --windows-only
  tb prover --node http://127.0.0.1:26658 --part-operations 16384
  tb prover --node http://127.0.0.1:26658 --submit alice --bond 20
  tb prover --node http://10.0.0.1:26658 --node http://10.0.0.2:26658 --genesis genesis.json --threads 8

The first node is followed; all of them get the proofs. What is proven lies in proof_cache_dir below --home and is used
again. Several provers of one node share the windows, and one of them at a time extends the chain proof. Folding takes
some 3 GB of memory. Ctrl-C stops; what is in hand is proven again later.";

const EXAMPLES_BOND: &str = "\
Examples:
  tb prover bond 20 --from alice
  tb prover bond 5 --from alice --json

The bond is lost when a proof that this account brings does not verify. tb prover status shows the least one.";
const EXAMPLES_UNBOND: &str = "\
Examples:
  tb prover unbond --from alice
  tb prover unbond --from alice --json";
const EXAMPLES_STATUS: &str = "\
Examples:
  tb prover status
  tb prover status --json";

/// Steps below normal priority at most.
const NICE_MAX: i64 = 19;
/// The module account that proofs name when nobody is to be paid.
const NOBODY: &str = "prover_pool";

/// Arguments of `tb prover`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// URL of a node, may be repeated [default: --rpc]
    #[arg(long, value_name = "URL")]
    node: Vec<String>,
    /// The genesis file of the chain [default: <home>/genesis.json, else the first node's]
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Prove windows only: others fold them into the chain proof
    #[arg(long)]
    windows_only: bool,
    /// Stop once every closed window is proven, and folded unless --windows-only is given
    #[arg(long)]
    once: bool,
    /// Most ledger operations that are proven at once: a window of more is proven in parts, which only the fold joins
    #[arg(long, value_name = "N", default_value_t = PART_OPS_MAX, value_parser = part_operations)]
    part_operations: usize,
    /// Threads that prove; 0 for one on each core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: u16,
    /// Steps below normal priority, 0 to 19
    #[arg(long, value_name = "STEPS", default_value_t = 10, value_parser = clap::value_parser!(i32).range(0..=NICE_MAX))]
    nice: i32,
    /// Who is to be paid for the proofs: an address or the name of a key [default: nobody]
    #[arg(long, value_name = "ADDRESS|KEY")]
    payout: Option<String>,
    /// Wallet key that brings the chain proof onto the chain and is paid for it [default: nobody does]
    #[arg(long, value_name = "KEY", conflicts_with = "windows_only")]
    submit: Option<KeyName>,
    /// What that key bonds when it has no bond, BLOCK
    #[arg(long, value_name = "BLOCK", requires = "submit")]
    bond: Option<Amount>,
    /// File whose first line is the password of that key
    #[arg(long, value_name = "FILE", requires = "submit")]
    password_file: Option<PathBuf>,
    /// Stop when standard input ends, so that the prover never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put a bond behind the signer's chain proofs
    #[command(after_help = EXAMPLES_BOND)]
    Bond(BondArguments),
    /// Ask for the whole bond back
    #[command(after_help = EXAMPLES_UNBOND)]
    Unbond(UnbondArguments),
    /// Show what the chain took as proven, who may prove what, and what a lag costs
    #[command(after_help = EXAMPLES_STATUS)]
    Status,
}

#[derive(Debug, Args)]
struct BondArguments {
    /// How much more, BLOCK
    #[arg(value_name = "BLOCK")]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct UnbondArguments {
    #[command(flatten)]
    signing: Signing,
}

impl Command {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let (action, signing) = match self {
            Self::Bond(bond) => (ProvingAction::Bond { amount: bond.amount }, &bond.signing),
            Self::Unbond(unbond) => (ProvingAction::Unbond, &unbond.signing),
            Self::Status => {
                let status = context.client()?.provers().await?;
                context.output.result(&status, || describe_status(&status));
                return Ok(());
            }
        };
        submit(signer(signing, context)?, Action::Proving(action), signing, context).await
    }
}

/// The chain's proofs for people.
fn describe_status(status: &ProversStatus) -> String {
    let on_off = |on| if on { "on" } else { "off" }.to_owned();
    let mut rows = vec![
        ("proofs in blocks", on_off(status.taken)),
        ("lag slows blocks", on_off(status.enforced)),
        ("proof system", status.proof_system.clone()),
        ("finalized height", count(status.finalized_height.0)),
        ("proven height", count(status.proven_height.0)),
        ("lag", format!("{} windows", count(status.lag_windows))),
        ("block weight", format!("{} %", status.block_weight_bps / 100)),
        ("prover pool", format!("{}, {} a height", blocks(status.pool), blocks(status.reward_per_height))),
        ("least bond", blocks(status.bond_min)),
    ];
    if let Some(last) = &status.last {
        rows.push(("last proof", format!("{} by {} at height {}", last.proof, last.prover, count(last.accepted_at.0))));
        rows.push(("paid", format!("{} to {}", blocks(last.reward), last.payout)));
    }
    for one in &status.waiting {
        let turn = one.assigned.map_or_else(
            || "anyone".to_owned(),
            |turn| format!("{turn}, anyone from height {}", count(one.anyone_from.0)),
        );
        rows.push(("waiting", format!("window {} to height {}: {turn}", count(one.window), count(one.end_height.0))));
    }
    for one in &status.provers {
        let leaves = one.leaves_at.map_or_else(String::new, |at| format!(", leaves after height {}", count(at.0)));
        rows.push(("prover", format!("{}  {}{leaves}", one.address, blocks(one.bond))));
    }
    fields(&rows)
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when the service cannot go on.
pub async fn run(arguments: &Arguments, context: &Context, runner: Option<ProverRunner>) -> Result<(), Failure> {
    if let Some(command) = &arguments.command {
        return command.run(context).await;
    }
    let runner = runner.ok_or_else(missing)?;
    let stop = stop::requested(arguments.stop_with_stdin)?;
    let nodes = match arguments.node.as_slice() {
        [] => vec![context.client()?],
        urls => urls.iter().map(|url| context.client_at(url)).collect::<Result<Vec<Client>, Failure>>()?,
    };
    let genesis = arguments.genesis(context, &nodes).await?;
    let loaded = NodeConfig::load(&context.home(), &[], environment)?;
    let submitter = match &arguments.submit {
        Some(name) => Some(context.unlock(name, arguments.password_file.as_deref())?.key),
        None => None,
    };
    let payout = match &arguments.payout {
        Some(text) => context.address(text)?,
        None => submitter.as_ref().map_or_else(|| Address::of_module(NOBODY), |key| Address::of_key(&key.public_key())),
    };
    let output = context.output;
    let start = ProverStart {
        nodes,
        genesis,
        cache_dir: loaded.config.proof_cache_dir,
        payout,
        submit: submitter,
        bond: arguments.bond,
        fold: !arguments.windows_only,
        limits: PartLimits { operations: arguments.part_operations, ..PartLimits::PART },
        once: arguments.once,
        threads: usize::from(arguments.threads),
        nice: arguments.nice,
        stop,
        news: Arc::new(move |news| say(output, &news)),
    };
    runner(ProverTask::Run(Box::new(start))).await.map(|_| ())
}

impl Arguments {
    async fn genesis(&self, context: &Context, nodes: &[Client]) -> Result<Genesis, Failure> {
        let at_home = context.home().genesis_json();
        match (&self.genesis, nodes.first()) {
            (Some(path), _) => read_genesis(path),
            (None, _) if at_home.exists() => read_genesis(&at_home),
            (None, Some(node)) => {
                let genesis = node.genesis().await?;
                context.output.talk(format!("genesis {} is the one that the node names", genesis.hash()));
                Ok(genesis)
            }
            (None, None) => Err(Failure::usage("no node is named", "name one with --node")),
        }
    }
}

/// From one operation to what a proof takes.
fn part_operations(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|number| (1..=PART_OPS_MAX).contains(number));
    number.ok_or_else(|| format!("it is a whole number from 1 to {PART_OPS_MAX}"))
}

fn say(output: Output, news: &Value) {
    output.event(news, || describe(news));
}

/// One line for people.
fn describe(news: &Value) -> String {
    let number = |field: &str| news.get(field).and_then(Value::as_u64).unwrap_or_default();
    let text = |field: &str| news.get(field).and_then(Value::as_str).unwrap_or_default();
    let window = match number("parts") {
        0 | 1 => count(number("window")),
        parts => format!("{} part {} of {}", count(number("window")), count(number("part")), count(parts)),
    };
    match text("event") {
        "started" => format!("prover {}; next is window {}", text("prover"), count(number("next_window"))),
        "proving" => format!(
            "window {window}: proving heights {} to {}, {} operations, {} windows wait",
            count(number("first_height")),
            count(number("last_height")),
            count(number("operations")),
            count(number("queue_depth"))
        ),
        "proven" => {
            let elapsed = duration_ms(number("elapsed_ms"));
            format!("window {window}: proven in {elapsed}, {} bytes", count(number("bytes")))
        }
        "delivered" => {
            format!("window {window}: taken by {}, proven height {}", text("node"), count(number("proven_height")))
        }
        "needs_fold" => format!(
            "window {}: its {} parts have no proof but the folded one, which --windows-only leaves to others",
            count(number("window")),
            count(number("parts"))
        ),
        "called_off" => format!(
            "to height {}: somebody else was quicker, called off after {}",
            count(number("last_height")),
            duration_ms(number("elapsed_ms"))
        ),
        "submitted" => format!("to height {}: taken by {}", count(number("height")), text("node")),
        "not_submitted" => format!("to height {}: not on the chain: {}", count(number("height")), text("reason")),
        "folding" => format!(
            "chain proof: folding {} windows, to height {}",
            count(number("windows")),
            count(number("last_height"))
        ),
        "folded" => format!(
            "chain proof: to height {} in {}, {} bytes",
            count(number("last_height")),
            duration_ms(number("elapsed_ms")),
            count(number("bytes"))
        ),
        "chain_delivered" => {
            format!("chain proof: taken by {}, to height {}", text("node"), count(number("chain_height")))
        }
        _ => format!(
            "failed (attempt {}): {}; again in {}",
            number("attempt"),
            text("reason"),
            duration_ms(number("retry_in_ms"))
        ),
    }
}
