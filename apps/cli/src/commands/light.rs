//! `tb light`: checks a chain by its proofs and certificates, without executing it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use primitives::{Address, Amount, Hash, Height, LedgerDigest, Nonce};
use rpc::ExitCode;
use serde::Serialize;

use crate::commands::genesis::now;
use crate::context::Context;
use crate::exit::Failure;
use crate::light::{Checkpoint, Session};
use crate::output::{blocks, count, duration_ms, fields};
use crate::provision::read_genesis;

const EXAMPLES: &str = "\
Examples:
  tb light verify --rpc http://127.0.0.1:26658 --genesis genesis.json";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb light verify --rpc http://127.0.0.1:26658 --genesis genesis.json
  tb light verify --genesis genesis.json --trust 1200:5d41402abc4b2a76b9719d911017c592ae3f1c66e1e9b0a37d0f5b61c2a4e8f9
  tb light verify --genesis genesis.json --account tb1… --json

One proof of some 300 KB is fetched for each window since genesis: the download grows with the chain until windows are
folded into one proof, which this version does not do. The genesis file must come from somebody you trust; it counts as a
checkpoint only while the chain is younger than its trusting period.";

/// What the window proofs show.
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
    "that an address has one slot only",
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
}

#[derive(Debug, Args)]
struct Verify {
    /// The genesis file of the chain
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// A height and its block hash that you trust, no older than the trusting period
    #[arg(long, value_name = "HEIGHT:HASH")]
    trust: Option<Checkpoint>,
    /// Show an account at the proven height: an address or the name of a key
    #[arg(long, value_name = "ADDRESS|KEY")]
    account: Option<String>,
}

/// An account in the proven ledger.
#[derive(Debug, Serialize)]
struct AccountShown {
    address: Address,
    slot: u32,
    balance: Amount,
    nonce: Nonce,
    /// What is not proven about it.
    attested: &'static str,
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
    certificates: u64,
    downloaded_bytes: u64,
    verify_ms: u64,
    key: LedgerDigest,
    account: Option<AccountShown>,
    proven: [&'static str; 4],
    attested: [&'static str; 4],
    quorum_could: [&'static str; 4],
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] that names the first thing that does not hold.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Command::Verify(verify) = &arguments.command;
    let genesis = read_genesis(&verify.genesis)?;
    let address = verify.account.as_deref().map(|text| context.address(text)).transpose()?;
    let client = context.client()?;
    let mut session = Session::start(&client, &genesis, verify.trust, now()).await?;
    let windows = client.proof_status().await?.next_window;
    if windows == 0 {
        return Err(Failure::new(
            ExitCode::NotReady,
            "nothing_proven",
            "no window is proven on this node yet",
            "a window is proven some time after it is closed; tb status shows both heights",
        ));
    }
    let output = context.output;
    let said = |window: u64, height: Height| {
        if output.is_watched() {
            output.talk(format!("window {} of {} holds: height {height}", count(window + 1), count(windows)));
        }
    };
    session.prove(windows, said).await?;
    session.attest().await?;
    let account = match address {
        None => None,
        Some(address) => {
            let shown = session.account(&address).await?;
            let attested = "that the address has no second slot";
            let (balance, nonce) = (shown.slot.balance, shown.slot.nonce);
            Some(AccountShown { address, slot: shown.index, balance, nonce, attested })
        }
    };
    let shown = Shown::of(&session, genesis.hash(), verify.trust, account)?;
    context.output.result(&shown, || shown.describe());
    Ok(())
}

impl Shown {
    fn of(
        session: &Session<'_>,
        genesis_hash: Hash,
        trust: Option<Checkpoint>,
        account: Option<AccountShown>,
    ) -> Result<Self, Failure> {
        let (proven, attested) = (session.proven(), session.attested());
        let key = proof::verifying_key()
            .map_err(|error| Failure::new(ExitCode::Refused, "other_key", error, "build tb from locked sources"))?;
        Ok(Self {
            genesis_hash,
            trusted_height: trust.map_or(Height::GENESIS, |trust| trust.height),
            proven_height: proven.point().height,
            ledger_root: proven.point().ledger_root,
            supply: proven.point().supply,
            attested_height: attested.height(),
            attested_hash: attested.hash(),
            windows: proven.windows(),
            certificates: attested.certificates(),
            downloaded_bytes: session.downloaded(),
            verify_ms: u64::try_from(session.verifying().as_millis()).unwrap_or(u64::MAX),
            key: key.hash(),
            account,
            proven: PROVEN,
            attested: ATTESTED,
            quorum_could: QUORUM_COULD,
        })
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
                    "{} window proofs and {} certificates in {}",
                    count(self.windows),
                    count(self.certificates),
                    duration_ms(self.verify_ms)
                ),
            ),
            (
                "downloaded",
                format!("{} bytes; it grows with each window until proofs are folded", count(self.downloaded_bytes)),
            ),
        ];
        if let Some(account) = &self.account {
            let money = format!("{} and nonce {}", blocks(account.balance), count(account.nonce.get()));
            rows.push(("account", format!("{} has {money} in slot {}", account.address, account.slot)));
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
