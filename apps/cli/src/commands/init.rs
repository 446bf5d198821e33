//! `tb init`: makes the home directory of a node.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use config::Mode;
use primitives::Hash;
use serde::Serialize;
use wallet::ValidatorKey;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::fields;
use crate::provision::{self, NewHome, ValidatorPublic};

const EXAMPLES: &str = "\
Examples:
  tb init                                                a node that follows a chain
  tb init --mode validator --moniker alice-1             a validator; send validator_public.json to who makes the genesis
  tb init --genesis genesis.json                         put the finished genesis file into this home";

/// Arguments of `tb init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// What the node does
    #[arg(long, value_enum, default_value_t = ModeArgument::Node)]
    mode: ModeArgument,
    /// Name of the node, shown to its peers
    #[arg(long, value_name = "NAME", default_value = "node")]
    moniker: String,
    /// Genesis file of the chain, copied into the home; makes a validator's double-sign guard. In a home that has keys
    /// already, nothing else is done
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// What a node does, as a word of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArgument {
    /// Votes, and does all that a node does
    Validator,
    /// Follows the chain and serves RPC
    Node,
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Self {
        match mode {
            ModeArgument::Validator => Self::Validator,
            ModeArgument::Node => Self::Node,
        }
    }
}

#[derive(Debug, Serialize)]
struct Made {
    home: PathBuf,
    mode: &'static str,
    validator: Option<ValidatorPublic>,
    genesis_hash: Option<Hash>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; nothing that exists is overwritten.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let home = context.home();
    // Read first: a bad genesis file must not leave half a home directory behind.
    let genesis = arguments.genesis.as_deref().map(provision::read_genesis).transpose()?;
    let joins_only = genesis.is_some() && home.node_key().exists();
    let mut validator = None;
    if !joins_only {
        let new = NewHome { home: &home, mode: arguments.mode.into(), moniker: &arguments.moniker, settings: &[] };
        validator = new.create()?;
    }
    if let Some(genesis) = &genesis {
        let key = match home.validator_key().exists() {
            true => Some(ValidatorKey::load(&home.validator_key(), None)?.key),
            false => None,
        };
        validator = validator.or_else(|| key.as_ref().map(|key| ValidatorPublic::of(key, &arguments.moniker)));
        provision::join_chain(&home, genesis, key)?;
    }
    let made = Made {
        home: home.root().to_owned(),
        mode: if validator.is_some() { "validator" } else { "node" },
        validator,
        genesis_hash: genesis.as_ref().map(primitives::Genesis::hash),
    };
    context.output.result(&made, || describe(&made, &home));
    Ok(())
}

fn describe(made: &Made, home: &config::Home) -> String {
    let mut rows = vec![("home", made.home.display().to_string()), ("mode", made.mode.to_owned())];
    if let Some(validator) = &made.validator {
        rows.push(("validator", validator.address.to_string()));
        rows.push(("public keys", provision::public_file(home).display().to_string()));
    }
    let next = match &made.genesis_hash {
        Some(hash) => {
            rows.push(("genesis", hash.to_string()));
            "set the peers in node.toml, then run: tb node start"
        }
        None => "when the genesis file is there, run: tb init --genesis FILE",
    };
    rows.push(("next", next.to_owned()));
    fields(&rows)
}
