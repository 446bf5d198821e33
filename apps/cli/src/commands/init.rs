//! `tb init`: makes the home directory of a node.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use config::Mode;
use primitives::Hash;
use serde::Serialize;
use wallet::{KeyFileError, ValidatorKey};

use crate::context::{Context, environment};
use crate::exit::Failure;
use crate::output::fields;
use crate::provision::{self, NewHome, ValidatorPublic};

const EXAMPLES: &str = "\
Examples:
  tb init                                                a node that follows a chain
  tb init --mode validator --moniker alice-1             a validator; send validator_public.json to who makes the genesis
  tb init --mode validator --encrypt --password-file F   the same with an encrypted key; node start reads F too
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
    /// Genesis file of the chain, copied into the home; makes the double-sign guard of a new validator key. In a home that has
    /// keys already, nothing else is done
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Make an empty double-sign guard for a key that may have signed, for this reason; it is kept in guard/overrides.log
    #[arg(long, value_name = "REASON", requires = "genesis")]
    override_guard: Option<String>,
    /// Encrypt the validator's key with a password: the first line of --password-file, or what is typed
    #[arg(long)]
    encrypt: bool,
    /// File whose first line is the password of the validator's key; it is set in node.toml too
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// What a node does, as a word of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArgument {
    /// Votes, and does all that a node does
    Validator,
    /// Follows the chain and serves RPC
    Node,
    /// As a node, with the wallet routes at an address of their own
    Hybrid,
    /// Keeps no chain, and serves the wallet routes of another node
    Wallet,
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Self {
        match mode {
            ModeArgument::Validator => Self::Validator,
            ModeArgument::Node => Self::Node,
            ModeArgument::Hybrid => Self::Hybrid,
            ModeArgument::Wallet => Self::Wallet,
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
        validator = arguments.create(&home, context)?;
    }
    if let Some(genesis) = &genesis {
        let key = match home.validator_key().exists() {
            true => Some(arguments.key(&home, context)?),
            false => None,
        };
        validator = validator.or_else(|| key.as_ref().map(|key| ValidatorPublic::of(key, &arguments.moniker)));
        provision::join_chain(&home, genesis, key, arguments.override_guard.as_deref())?;
    }
    // A home that was made before has its mode already.
    let mode = config::NodeConfig::load(&home, &[], environment).map(|loaded| loaded.config.mode);
    let made = Made {
        home: home.root().to_owned(),
        mode: if validator.is_some() { "validator" } else { mode.unwrap_or(arguments.mode.into()).as_str() },
        validator,
        genesis_hash: genesis.as_ref().map(primitives::Genesis::hash),
    };
    context.output.result(&made, || describe(&made, &home));
    Ok(())
}

impl Arguments {
    /// Makes the home.
    fn create(&self, home: &config::Home, context: &Context) -> Result<Option<ValidatorPublic>, Failure> {
        let mode = Mode::from(self.mode);
        if (self.encrypt || self.password_file.is_some()) && (mode != Mode::Validator || !self.encrypt) {
            return Err(Failure::usage(
                "a password was given for a key that is not encrypted",
                "use --mode validator, --encrypt and --password-file together, or leave the password out",
            ));
        }
        let file = self.absolute_password_file()?;
        let password = self.encrypt.then(|| context.new_validator_password(file.as_deref())).transpose()?;
        let settings: Vec<(&str, String)> =
            file.iter().map(|file| ("validator_key_password_file", file.display().to_string())).collect();
        let password = password.as_ref();
        NewHome { home, mode, moniker: &self.moniker, settings: &settings, password }.create()
    }

    /// The node may be started from another folder.
    fn absolute_password_file(&self) -> Result<Option<PathBuf>, Failure> {
        let absolute = |file: &PathBuf| std::path::absolute(file).map_err(|cause| Failure::disk(file, &cause));
        self.password_file.as_ref().map(absolute).transpose()
    }

    /// The key that is there, with its password if it is encrypted.
    fn key(&self, home: &config::Home, context: &Context) -> Result<ValidatorKey, Failure> {
        let path = home.validator_key();
        match ValidatorKey::load(&path, None) {
            Err(KeyFileError::PasswordNeeded { .. }) => {
                let file = self.password_file.as_deref();
                let password = match file {
                    Some(_) => context.password(file, "")?,
                    None => context.typed("Password of the validator key: ")?,
                };
                Ok(ValidatorKey::load(&path, Some(&password))?.key)
            }
            loaded => Ok(loaded?.key),
        }
    }
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
            match made.mode {
                mode if mode == Mode::Wallet.as_str() => {
                    "set wallet.upstream in node.toml to the node that answers, then run: tb node start"
                }
                _ => "set the peers in node.toml, then run: tb node start",
            }
        }
        None => "when the genesis file is there, run: tb init --genesis FILE",
    };
    rows.push(("next", next.to_owned()));
    fields(&rows)
}
