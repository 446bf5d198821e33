//! `tb keys`: wallet keys, one encrypted file each.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use primitives::{Address, PublicKey, SecretKey};
use serde::Serialize;
use wallet::{KeyEntry, KeyMaterial, KeyName, Mnemonic, MnemonicError, draw};
use zeroize::Zeroizing;

use crate::context::{Context, prompt};
use crate::exit::Failure;
use crate::output::{fields, table};
use crate::provision::read_text;

const EXAMPLES: &str = "\
Examples:
  tb keys new alice
  tb keys list
  tb keys show alice";
const EXAMPLES_NEW: &str = "\
Examples:
  tb keys new alice
  tb keys new alice --password-file secret --json";
const EXAMPLES_IMPORT: &str = "\
Examples:
  tb keys import alice                       asks for the 24 words
  tb keys import alice --words-file words    reads them from a file
  tb keys import alice --seed-file seed      reads a secret of 64 hexadecimal digits";
const EXAMPLES_LIST: &str = "\
Examples:
  tb keys list
  tb keys list --json";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb keys show alice
  tb keys show alice --json";
const EXAMPLES_EXPORT: &str = "\
Examples:
  tb keys export alice                       shows the recovery words: write them down on paper";
const EXAMPLES_DELETE: &str = "\
Examples:
  tb keys delete alice --yes";

/// Longest file of words or of a seed that is read, bytes.
const SECRET_FILE_BYTES_MAX: u64 = 1_024;

/// Arguments of `tb keys`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key from fresh recovery words, which are shown once
    #[command(after_help = EXAMPLES_NEW)]
    New(NameAndPassword),
    /// Take over a key from recovery words or a secret
    #[command(after_help = EXAMPLES_IMPORT)]
    Import(Import),
    /// List the keys of the home directory
    #[command(after_help = EXAMPLES_LIST)]
    List,
    /// Show address and public key
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Name),
    /// Show the recovery words
    #[command(after_help = EXAMPLES_EXPORT)]
    Export(NameAndPassword),
    /// Delete a key file for ever
    #[command(after_help = EXAMPLES_DELETE)]
    Delete(Delete),
}

#[derive(Debug, Args)]
struct Name {
    /// Name of the key: 1 to 32 of a-z, 0-9 and '-'
    name: KeyName,
}

#[derive(Debug, Args)]
struct NameAndPassword {
    /// Name of the key: 1 to 32 of a-z, 0-9 and '-'
    name: KeyName,
    /// File whose first line is the password [default: <home>/password if it exists, else asked]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Import {
    #[command(flatten)]
    key: NameAndPassword,
    /// File with the recovery words [default: asked]
    #[arg(long, value_name = "FILE", conflicts_with = "seed_file")]
    words_file: Option<PathBuf>,
    /// File with the secret as 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// Which account of the recovery words
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "seed_file")]
    account: u32,
    /// Ask for the passphrase that belongs to the recovery words
    #[arg(long, conflicts_with = "seed_file")]
    passphrase: bool,
}

#[derive(Debug, Args)]
struct Delete {
    /// Name of the key
    name: KeyName,
    /// Really delete it
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct KeyView {
    name: String,
    address: Address,
    public_key: PublicKey,
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
}

impl KeyView {
    fn of(entry: &KeyEntry) -> Self {
        Self {
            name: entry.name.to_string(),
            address: entry.address,
            public_key: entry.public_key,
            path: entry.path.clone(),
            words: None,
        }
    }

    fn describe(&self) -> String {
        let mut rows = vec![
            ("name", self.name.clone()),
            ("address", self.address.to_string()),
            ("public key", self.public_key.to_string()),
            ("file", self.path.display().to_string()),
        ];
        if let Some(words) = &self.words {
            rows.push(("words", words.clone()));
        }
        fields(&rows)
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    keys: Vec<KeyView>,
    unreadable: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; no key file is ever overwritten.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(key) => new(key, context),
        Command::Import(import) => take_over(import, context),
        Command::List => list(context),
        Command::Show(key) => {
            let view = KeyView::of(&context.keystore().entry(&key.name)?);
            context.output.result(&view, || view.describe());
            Ok(())
        }
        Command::Export(key) => export(key, context),
        Command::Delete(delete) => remove(delete, context),
    }
}

fn new(key: &NameAndPassword, context: &Context) -> Result<(), Failure> {
    let password = context.new_password(key.password_file.as_deref(), &key.name)?;
    let (entry, mnemonic) = context.keystore().create(&key.name, &password, &*draw()?)?;
    let view = KeyView { words: Some(mnemonic.phrase().to_string()), ..KeyView::of(&entry) };
    context.output.result(&view, || view.describe());
    context.output.talk("Write the words down on paper: they restore the key, and whoever has them has the money.");
    Ok(())
}

fn take_over(import: &Import, context: &Context) -> Result<(), Failure> {
    let material = match &import.seed_file {
        Some(path) => KeyMaterial::from_secret(seed_of(path)?),
        None => words_of(import)?,
    };
    let password = context.new_password(import.key.password_file.as_deref(), &import.key.name)?;
    let view = KeyView::of(&context.keystore().import(&import.key.name, &password, &material)?);
    context.output.result(&view, || view.describe());
    Ok(())
}

fn seed_of(path: &std::path::Path) -> Result<SecretKey, Failure> {
    let text = Zeroizing::new(read_text(path, SECRET_FILE_BYTES_MAX)?);
    let mut seed = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(text.trim(), &mut seed[..]).map_err(|_| {
        Failure::usage(format!("{} does not hold a secret", path.display()), "a secret is 64 hexadecimal digits")
    })?;
    Ok(SecretKey::from_seed(*seed))
}

fn words_of(import: &Import) -> Result<KeyMaterial, Failure> {
    let told = |error: MnemonicError| Failure::told(rpc::ExitCode::Usage, "bad_words", error, "type them again");
    let text = match &import.words_file {
        Some(path) => Zeroizing::new(read_text(path, SECRET_FILE_BYTES_MAX)?),
        None => prompt("Recovery words: ")?,
    };
    let mnemonic = Mnemonic::parse(&text).map_err(told)?;
    let passphrase = if import.passphrase { prompt("Passphrase: ")? } else { Zeroizing::default() };
    KeyMaterial::from_mnemonic(&mnemonic, &passphrase, import.account)
        .map_err(|error| Failure::told(rpc::ExitCode::Usage, "bad_account", error, "use a smaller index"))
}

fn list(context: &Context) -> Result<(), Failure> {
    let listing = context.keystore().list()?;
    let listed = Listed {
        keys: listing.keys.iter().map(KeyView::of).collect(),
        unreadable: listing.unreadable.iter().map(ToString::to_string).collect(),
    };
    for problem in &listed.unreadable {
        context.output.talk(format!("warning: {problem}"));
    }
    context.output.result(&listed, || {
        if listed.keys.is_empty() {
            return format!("no keys in {}; make one with: tb keys new NAME", context.home().keys().display());
        }
        let rows: Vec<[String; 2]> =
            listed.keys.iter().map(|key| [key.name.clone(), key.address.to_string()]).collect();
        table(["NAME", "ADDRESS"], &rows)
    });
    Ok(())
}

fn export(key: &NameAndPassword, context: &Context) -> Result<(), Failure> {
    let keystore = context.keystore();
    let entry = keystore.entry(&key.name)?;
    let password = context.password(key.password_file.as_deref(), &format!("Password of key {}: ", key.name))?;
    let phrase = keystore.export_mnemonic(&key.name, &password)?;
    let view = KeyView { words: Some(phrase.mnemonic.phrase().to_string()), ..KeyView::of(&entry) };
    context.output.result(&view, || view.describe());
    if phrase.needs_passphrase {
        context.output.talk("A passphrase belongs to these words; without it they give another key.");
    }
    if phrase.account != 0 {
        context.output.talk(format!("The key is account {} of these words.", phrase.account));
    }
    Ok(())
}

fn remove(delete: &Delete, context: &Context) -> Result<(), Failure> {
    let entry = context.keystore().entry(&delete.name)?;
    if !delete.yes {
        return Err(Failure::usage(
            format!("deleting {} takes its money away for ever unless its words are kept", entry.path.display()),
            "check with tb keys export that you have the words, then repeat with --yes",
        ));
    }
    std::fs::remove_file(&entry.path).map_err(|cause| Failure::disk(&entry.path, &cause))?;
    let view = KeyView::of(&entry);
    context.output.result(&view, || format!("deleted {}", entry.path.display()));
    Ok(())
}
