//! `tb light`: checks a chain by its proofs and certificates, without executing it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config::NodeConfig;
use primitives::{Address, Amount, Hash, Height, LedgerDigest, Nonce};
use rpc::{Client, ExitCode};
use serde::Serialize;

use crate::commands::genesis::now;
use crate::context::{Context, environment};
use crate::exit::Failure;
use crate::light::{Checkpoint, Found, ProvenSlot, Session, TAIL_WINDOWS_MAX};
use crate::output::{blocks, count, duration_ms, fields};
use crate::proof_tracker::{ProofTracker, Tracked};
use crate::provision::read_genesis;

const EXAMPLES: &str = "\
Examples:
  tb light verify --rpc http://127.0.0.1:26658 --genesis genesis.json
  tb light status";
const EXAMPLES_STATUS: &str = "\
Examples:
  tb light status
  tb light status --json

Each check that held is remembered in a file (proof_tracker_path, TB_PROOF_TRACKER_PATH). The next check asks whether the block that was
attested then is still in the history, and refuses another one by name: other_history.";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb light verify --rpc http://127.0.0.1:26658 --genesis genesis.json
  tb light verify --genesis genesis.json --trust 1200:5d41402abc4b2a76b9719d911017c592ae3f1c66e1e9b0a37d0f5b61c2a4e8f9
  tb light verify --genesis genesis.json --account tb1… --json
  tb light verify --genesis genesis.json --windows 4

One proof of some 270 KB covers the whole chain; the download is the same at any height. It is extended some time after
windows are proven: --windows N checks up to N newer ones besides, some 300 KB each. The genesis file must come from
somebody you trust; it counts as a checkpoint only while the chain is younger than its trusting period.";

/// What the proofs show.
const PROVEN: [&str; 4] = [
    "no coin from nowhere: since genesis the supply grew only by seals within the issuance bound and the cap",
    "the balances of the ledger with this root add up to this supply, and none was ever below zero",
    "the ledger comes from exactly the operations whose digest is in the header, one seal for each height",
    "a slot, once opened, stays its address's",
];
/// What only certificates say.
const ATTESTED: [&str; 4] = [
    "that owners signed for what was taken from their accounts",
    "that no transaction was left out, and that there is one chain",
    "module state, receipts, parameters, validator sets, block times",
    "that an address has one slot only, or no account",
];
/// What more than two thirds of the validators could do together.
const QUORUM_COULD: [&str; 4] = [
    "move coins without their owner's signature (full nodes would refuse the block)",
    "leave transactions out, or order them as they like",
    "sign two chains, each with valid proofs",
    "lie about everything outside the ledger; it could not make coins or take a balance below zero",
];

/// Arguments of `tb light`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the ledger of a chain from genesis on, and what its validators have signed
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(Verify),
    /// Show what was verified with this home, and where that is remembered
    #[command(after_help = EXAMPLES_STATUS)]
    Status,
}

#[derive(Debug, Args)]
struct Verify {
    /// The genesis file of the chain
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// A height and its block hash that you trust, no older than the trusting period
    #[arg(long, value_name = "HEIGHT:HASH")]
    trust: Option<Checkpoint>,
    /// Show an account at the proven height, or that there is none: an address or the name of a key
    #[arg(long, value_name = "ADDRESS|KEY")]
    account: Option<String>,
    /// Check up to this many windows after the chain proof as well, 0 to 1,000
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=TAIL_WINDOWS_MAX))]
    windows: u64,
}

/// An account in the proven ledger.
#[derive(Debug, Serialize)]
struct AccountShown {
    address: Address,
    slot: u32,
    balance: Amount,
    nonce: Nonce,
    height: Height,
    /// What is not proven about it.
    attested: &'static str,
}

/// That an address has no account, which validators attest and no proof shows.
#[derive(Debug, Serialize)]
struct NoAccount {
    address: Address,
    height: Height,
    block: Hash,
}

/// An earlier check of this chain with this home.
#[derive(Debug, Serialize)]
struct Before {
    /// Checks that held.
    runs: u64,
    /// The block that was attested by the highest of them.
    height: Height,
    /// Whether the node shows that block in its history; it may be behind it, or not show it.
    is_confirmed: bool,
}

/// What the home remembers.
#[derive(Debug, Serialize)]
struct Remembered {
    path: PathBuf,
    chains: Vec<Tracked>,
}

/// What was shown.
#[derive(Debug, Serialize)]
struct Shown {
    genesis_hash: Hash,
    trusted_height: Height,
    proven_height: Height,
    ledger_root: LedgerDigest,
    supply: Amount,
    attested_height: Height,
    attested_hash: Hash,
    windows: u64,
    chain_height: Height,
    chain_bytes: u64,
    certificates: u64,
    downloaded_bytes: u64,
    verify_ms: u64,
    key: LedgerDigest,
    account: Option<AccountShown>,
    no_account: Option<NoAccount>,
    verified_before: Option<Before>,
    proven: [&'static str; 4],
    attested: [&'static str; 4],
    quorum_could: [&'static str; 4],
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] that names the first thing that does not hold.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = NodeConfig::load(&context.home(), &[], environment)?.config.proof_tracker;
    let tracker = ProofTracker::read(&path)?;
    match &arguments.command {
        Command::Verify(verify) => verify.run(tracker, context).await,
        Command::Status => {
            status(&tracker, context);
            Ok(())
        }
    }
}

fn status(tracker: &ProofTracker, context: &Context) {
    let shown = Remembered { path: tracker.path().to_owned(), chains: tracker.chains().to_vec() };
    context.output.result(&shown, || {
        let mut text = fields(&[("remembered in", shown.path.display().to_string())]);
        if shown.chains.is_empty() {
            text.push_str("\nnothing was verified with this home yet: tb light verify");
        }
        for one in shown.chains.iter().rev() {
            let rows = [
                ("chain", format!("{} ({})", one.chain_id, one.genesis_hash)),
                (
                    "verified",
                    format!("{} times, last {} ago", count(one.runs), duration_ms(now().since(one.verified_at_ms))),
                ),
                ("proven height", count(one.proven_height.0)),
                ("ledger root", one.ledger_root.to_string()),
                ("supply", blocks(one.supply)),
                ("attested height", format!("{} ({})", count(one.attested_height.0), one.attested_hash)),
            ];
            text.push_str("\n\n");
            text.push_str(&fields(&rows));
        }
        text
    });
}

impl Verify {
    async fn run(&self, mut tracker: ProofTracker, context: &Context) -> Result<(), Failure> {
        let genesis = read_genesis(&self.genesis)?;
        let address = self.account.as_deref().map(|text| context.address(text)).transpose()?;
        let client = context.client()?;
        let mut session = Session::start(&client, &genesis, self.trust, now()).await?;
        let has_chain = session.prove_chain().await?;
        if self.windows > 0 {
            check_windows(&client, &mut session, self.windows, context).await?;
        } else if !has_chain {
            return Err(nothing("no windows of this chain are folded into one proof on this node yet"));
        }
        // The account comes first: what is attested afterwards is newer than everything that is proven.
        let (mut account, mut no_account) = (None, None);
        if let Some(address) = address {
            match session.account(&address).await? {
                Found::Proven(ProvenSlot { slot, index, height }) => {
                    let attested = "that the address has no second slot";
                    let (balance, nonce) = (slot.balance, slot.nonce);
                    account = Some(AccountShown { address, slot: index, balance, nonce, height, attested });
                }
                Found::Absent { height, block } => no_account = Some(NoAccount { address, height, block }),
            }
        }
        session.attest().await?;
        let verified_before = match tracker.of(&genesis.hash()) {
            Some(before) => {
                let (runs, height) = (before.runs, before.attested_height);
                Some(Before { runs, height, is_confirmed: session.confirm(before.attested()).await? })
            }
            None => None,
        };
        let shown = Shown { no_account, verified_before, ..Shown::of(&session, genesis.hash(), self.trust, account)? };
        tracker.note(shown.tracked(genesis.chain_id.clone()));
        if let Err(failure) = tracker.write() {
            context.output.talk(format!("warning: the check holds and is not remembered: {}", failure.error.error));
        }
        context.output.result(&shown, || shown.describe());
        Ok(())
    }
}

fn nothing(what: &str) -> Failure {
    let hint = "a prover folds windows some time after it has proven them; --windows N checks newer windows one by one";
    Failure::new(ExitCode::NotReady, "nothing_proven", what, hint)
}

/// Checks up to `most` windows after the chain proof, as many as the node has.
async fn check_windows(
    client: &Client,
    session: &mut Session<'_>,
    most: u64,
    context: &Context,
) -> Result<(), Failure> {
    let proven = session.proven().windows();
    let windows = client.proof_status().await?.next_window.min(proven.saturating_add(most));
    if windows == 0 {
        return Err(nothing("no window is proven on this node yet"));
    }
    let output = context.output;
    let said = |window: u64, height: Height| {
        if output.is_watched() {
            output.talk(format!("window {} of {} holds: height {height}", count(window + 1), count(windows)));
        }
    };
    session.prove_windows(windows, said).await
}

impl Shown {
    fn of(
        session: &Session<'_>,
        genesis_hash: Hash,
        trust: Option<Checkpoint>,
        account: Option<AccountShown>,
    ) -> Result<Self, Failure> {
        let (proven, attested) = (session.proven(), session.attested());
        let (chain_height, chain_bytes) = session.chain();
        Ok(Self {
            genesis_hash,
            trusted_height: trust.map_or(Height::GENESIS, |trust| trust.height),
            proven_height: proven.point().height,
            ledger_root: proven.point().ledger_root,
            supply: proven.point().supply,
            attested_height: attested.height(),
            attested_hash: attested.hash(),
            windows: proven.windows(),
            chain_height,
            chain_bytes,
            certificates: attested.certificates(),
            downloaded_bytes: session.downloaded(),
            verify_ms: u64::try_from(session.verifying().as_millis()).unwrap_or(u64::MAX),
            key: session.key().verifying().hash(),
            account,
            no_account: None,
            verified_before: None,
            proven: PROVEN,
            attested: ATTESTED,
            quorum_could: QUORUM_COULD,
        })
    }

    /// What is remembered of it.
    fn tracked(&self, chain_id: String) -> Tracked {
        Tracked {
            genesis_hash: self.genesis_hash,
            chain_id,
            runs: 0,
            verified_at_ms: now(),
            proven_height: self.proven_height,
            ledger_root: self.ledger_root,
            supply: self.supply,
            attested_height: self.attested_height,
            attested_hash: self.attested_hash,
        }
    }

    fn describe(&self) -> String {
        let mut rows = vec![
            ("proven height", count(self.proven_height.0)),
            ("ledger root", self.ledger_root.to_string()),
            ("supply", format!("{}: no coin from nowhere since genesis", blocks(self.supply))),
            ("attested height", format!("{} ({})", count(self.attested_height.0), self.attested_hash)),
            ("genesis", self.genesis_hash.to_string()),
            (
                "trusting",
                match self.trusted_height {
                    Height::GENESIS => "the genesis file".to_owned(),
                    height => format!("the genesis file, and the checkpoint at height {height}"),
                },
            ),
            (
                "checked",
                format!(
                    "chain proof to height {}, {} and {} certificates in {}",
                    count(self.chain_height.0),
                    match self.proven_height.0.saturating_sub(self.chain_height.0) {
                        0 => "no windows after it".to_owned(),
                        heights => format!("windows of {} heights after it", count(heights)),
                    },
                    count(self.certificates),
                    duration_ms(self.verify_ms)
                ),
            ),
            (
                "downloaded",
                format!("{} bytes, the chain proof {} of them", count(self.downloaded_bytes), count(self.chain_bytes)),
            ),
        ];
        if let Some(Before { runs, height, is_confirmed }) = &self.verified_before {
            let found = if *is_confirmed { "is in this history" } else { "is not shown by this node" };
            rows.push(("before", format!("{} times; the block of height {} {found}", count(*runs), count(height.0))));
        }
        if let Some(account) = &self.account {
            let money = format!("{} and nonce {}", blocks(account.balance), count(account.nonce.get()));
            let place = format!("in slot {} at height {}", account.slot, count(account.height.0));
            rows.push(("account", format!("{} has {money} {place}", account.address)));
        }
        if let Some(NoAccount { address, height, .. }) = &self.no_account {
            rows.push(("account", format!("{address} has no account at height {} (attested)", count(height.0))));
        }
        let list = |title: &str, lines: &[&str]| format!("{title}\n  - {}", lines.join("\n  - "));
        format!(
            "{}\n\n{}\n\n{}\n\n{}",
            fields(&rows),
            list("Proven, whoever lies:", &self.proven),
            list("Attested by more than two thirds of the power, not proven:", &self.attested),
            list("What a dishonest quorum could do:", &self.quorum_could)
        )
    }
}
