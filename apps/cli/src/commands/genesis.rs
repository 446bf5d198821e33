//! `tb genesis`: the file that starts a chain.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use primitives::genesis::{CHAIN_GATES, GateActivation};
use primitives::{
    Address, Amount, Engine, FormatVersion, Genesis, GenesisAccount, Hash, Height, LedgerSlot, Params, Timestamp,
};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields};
use crate::planning::{read_payments, split_payment};
use crate::provision::{ValidatorPublic, read_genesis, read_text, write_new};

const EXAMPLES: &str = "\
Examples:
  tb genesis new --chain-id my-net --validator a/validator_public.json --validator b/validator_public.json \\
      --account tb1…=1000 --out genesis.json
  tb genesis check genesis.json
  tb genesis hash genesis.json";
const EXAMPLES_NEW: &str = "\
Examples:
  tb genesis new --chain-id my-net --validator a/validator_public.json --account tb1…=1000 --out genesis.json
  tb genesis new --chain-id my-net --validator validator_public.json --accounts-file accounts.csv --out genesis.json
  tb genesis new --chain-id my-net --validator validator_public.json --account tb1…=1000 \\
      --gate recursive_proofs --gate consensus_enforcement@100000 --out genesis.json

The accounts file has one line per account: ADDRESS,AMOUNT in BLOCK. Lines that start with # are comments.";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb genesis show                 the chain of the node at --rpc
  tb genesis show genesis.json";
const EXAMPLES_HASH: &str = "\
Examples:
  tb genesis hash genesis.json
  tb genesis hash                 <home>/genesis.json";
const EXAMPLES_CHECK: &str = "\
Examples:
  tb genesis check genesis.json";

/// Largest file of accounts that is read, bytes.
const ACCOUNTS_FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Largest file of parameters that is read, bytes.
const PARAMS_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Arguments of `tb genesis`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a genesis file from the validators' public files and a list of accounts
    #[command(after_help = EXAMPLES_NEW)]
    New(New),
    /// Print a genesis file as JSON
    #[command(after_help = EXAMPLES_SHOW)]
    Show(File),
    /// Print the hash that names the chain
    #[command(after_help = EXAMPLES_HASH)]
    Hash(File),
    /// Check every rule of a genesis file
    #[command(after_help = EXAMPLES_CHECK)]
    Check(File),
}

#[derive(Debug, Args)]
struct New {
    /// Name of the network: 1 to 50 of a-z, 0-9 and '-'
    #[arg(long, value_name = "NAME")]
    chain_id: String,
    /// A validator_public.json, once for each validator
    #[arg(long = "validator", value_name = "FILE", required = true)]
    validators: Vec<PathBuf>,
    /// Money at the start in BLOCK, for an address or a key of the home directory, once for each account
    #[arg(long = "account", value_name = "ADDRESS|KEY=AMOUNT")]
    accounts: Vec<String>,
    /// File with one account per line
    #[arg(long, value_name = "FILE")]
    accounts_file: Option<PathBuf>,
    /// What makes blocks
    #[arg(long, value_enum, default_value_t = EngineArgument::Bft)]
    engine: EngineArgument,
    /// Target time between blocks, milliseconds
    #[arg(long, value_name = "MS")]
    block_interval_ms: Option<u64>,
    /// JSON file with the parameters that differ from their defaults
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Gate that is in force from height 1, or from HEIGHT on; once for each gate
    #[arg(long = "gate", value_name = "NAME[@HEIGHT]")]
    gates: Vec<GateArgument>,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct File {
    /// The file [default: <home>/genesis.json; for show the node's]
    file: Option<PathBuf>,
}

/// A gate as a word of the command line: `NAME` or `NAME@HEIGHT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateArgument(GateActivation);

/// The gate that comes with the engine.
const ENGINE_GATE: &str = "malachite_consensus";

/// Why a word is no gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAGate {
    /// No gate has this name.
    #[error("no gate has the name {0:?}; there are {known}", known = gate_names())]
    Unknown(String),
    /// The height is no number above 0.
    #[error("{0:?} is no height; write a number from 1 on, such as recursive_proofs@1000")]
    Height(String),
}

/// The names of the gates that a person chooses.
fn gate_names() -> String {
    CHAIN_GATES.into_iter().filter(|name| *name != ENGINE_GATE).collect::<Vec<_>>().join(", ")
}

impl FromStr for GateArgument {
    type Err = NotAGate;

    fn from_str(text: &str) -> Result<Self, NotAGate> {
        let (name, height) = text.split_once('@').unwrap_or((text, "1"));
        if name == ENGINE_GATE || !CHAIN_GATES.contains(&name) {
            return Err(NotAGate::Unknown(name.to_owned()));
        }
        let at = height.parse().ok().filter(|height| *height > 0);
        let height = Height(at.ok_or_else(|| NotAGate::Height(height.to_owned()))?);
        Ok(Self(GateActivation { name: name.to_owned(), height }))
    }
}

impl GateArgument {
    /// Whether it is the gate of this name.
    pub fn is(&self, name: &str) -> bool {
        self.name() == name
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What a genesis file with it says.
    pub fn activation(&self) -> &GateActivation {
        &self.0
    }
}

/// What makes blocks, as a word of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineArgument {
    /// Consensus of all validators
    Bft,
    /// One process makes every block
    Solo,
}

#[derive(Debug, Serialize)]
struct Summary {
    file: Option<PathBuf>,
    chain_id: String,
    engine: Engine,
    genesis_hash: Hash,
    validators: u64,
    accounts: u64,
    supply: Amount,
}

impl Summary {
    fn of(genesis: &Genesis, file: Option<&Path>) -> Self {
        let wide = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let total = |sum: Amount, slot: &LedgerSlot| sum.checked_add(slot.balance);
        Self {
            file: file.map(Path::to_owned),
            chain_id: genesis.chain_id.clone(),
            engine: genesis.engine,
            genesis_hash: genesis.hash(),
            validators: wide(genesis.validators.len()),
            accounts: wide(genesis.accounts.len()),
            supply: genesis.slots().iter().try_fold(Amount::ZERO, total).unwrap_or(Amount::MAX),
        }
    }

    fn describe(&self) -> String {
        let mut rows = vec![
            ("chain", self.chain_id.clone()),
            ("hash", self.genesis_hash.to_string()),
            ("validators", count(self.validators)),
            ("accounts", count(self.accounts)),
            ("supply", blocks(self.supply)),
        ];
        if let Some(file) = &self.file {
            rows.push(("file", file.display().to_string()));
        }
        fields(&rows)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a file that is no genesis file, or that exists already.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = |file: &File| file.file.clone().unwrap_or_else(|| context.home().genesis_json());
    match &arguments.command {
        Command::New(new) => {
            let genesis = new.build(context)?;
            let mut text = genesis.to_json();
            text.push('\n');
            write_new(&new.out, text.as_bytes(), 0o644)?;
            let summary = Summary::of(&genesis, Some(&new.out));
            context.output.result(&summary, || summary.describe());
        }
        Command::Show(file) => {
            let genesis = match &file.file {
                Some(path) => read_genesis(path)?,
                None => context.client()?.genesis().await?,
            };
            context.output.raw(&genesis.to_json());
        }
        Command::Hash(file) => {
            let hash = read_genesis(&path(file))?.hash();
            context.output.result(&serde_json::json!({ "genesis_hash": hash }), || hash.to_string());
        }
        Command::Check(file) => {
            let path = path(file);
            let summary = Summary::of(&read_genesis(&path)?, Some(&path));
            context.output.result(&summary, || format!("{}\nok: every rule holds", summary.describe()));
        }
    }
    Ok(())
}

impl New {
    fn build(&self, context: &Context) -> Result<Genesis, Failure> {
        let mut params = self.params.as_deref().map_or(Ok(Params::default()), read_params)?;
        if let Some(interval) = self.block_interval_ms {
            params.block_interval_ms = interval;
        }
        let mut accounts = Vec::new();
        for text in &self.accounts {
            // Whom it names may be a key of this home; what else is wrong with it, the parser says.
            let named = text.split_once('=').filter(|(who, _)| who.parse::<Address>().is_err());
            let text = match named {
                Some((who, amount)) => &format!("{}={amount}", context.address(who)?),
                None => text,
            };
            accounts.push(split_payment(text, '=')?);
        }
        if let Some(path) = &self.accounts_file {
            accounts.extend(read_payments(&read_text(path, ACCOUNTS_FILE_BYTES_MAX)?)?);
        }
        let validators: Vec<ValidatorPublic> =
            self.validators.iter().map(|path| ValidatorPublic::read(path)).collect::<Result<_, _>>()?;
        let engine = match self.engine {
            EngineArgument::Bft => Engine::Bft,
            EngineArgument::Solo => Engine::Solo,
        };
        let accounts =
            accounts.iter().map(|entry| GenesisAccount { address: entry.to, balance: entry.amount }).collect();
        make(&self.chain_id, engine, params, accounts, &validators, &self.gates)
    }
}

/// The parameters in a JSON file; what it does not name has its default.
///
/// # Errors
/// [`Failure`] when the file does not hold parameters, or one is out of its bounds.
pub fn read_params(path: &Path) -> Result<Params, Failure> {
    let params: Params = serde_json::from_str(&read_text(path, PARAMS_FILE_BYTES_MAX)?).map_err(|error| {
        Failure::usage(
            format!("{} does not hold parameters: {error}", path.display()),
            "write a JSON object with parameters as spec/blocks.md names them, such as {\"epoch_blocks\": 20}",
        )
    })?;
    params.validate().map_err(primitives::genesis::GenesisError::from)?;
    Ok(params)
}

/// A valid genesis of these parts that starts now.
///
/// # Errors
/// [`Failure`] for the rule that does not hold.
pub fn make(
    chain_id: &str,
    engine: Engine,
    params: Params,
    accounts: Vec<GenesisAccount>,
    validators: &[ValidatorPublic],
    gates: &[GateArgument],
) -> Result<Genesis, Failure> {
    let of_engine = GateActivation { name: ENGINE_GATE.to_owned(), height: Height(1) };
    let of_engine = (engine == Engine::Bft).then_some(of_engine);
    let mut gates: Vec<GateActivation> = gates.iter().map(|gate| gate.0.clone()).chain(of_engine).collect();
    gates.sort_by(|one, other| one.name.cmp(&other.name));
    let genesis = Genesis {
        version: FormatVersion,
        chain_id: chain_id.to_owned(),
        engine,
        proof_system: Default::default(),
        genesis_time: now(),
        params,
        accounts,
        validators: validators.iter().map(ValidatorPublic::entry).collect(),
        proof_keys: Default::default(),
        gates,
    };
    genesis.validate()?;
    Ok(genesis)
}

/// The time on this machine's clock.
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
