//! `tb release`: what this program was built from, and whether a folder of a release may be used.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rpc::ExitCode;
use serde_json::json;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, fields};
use crate::release::info::{BuildInfo, is_commit};
use crate::release::installed::{self, Installed};
use crate::release::sign::Signer;
use crate::release::verify::Package;
use crate::release::{sign, verify};

const EXAMPLES: &str = "\
Examples:
  tb release info
  tb release verify ./the-block-0.1.0 --signers config/release_signers.txt";
const EXAMPLES_INFO: &str = "\
Examples:
  tb release info --json";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb release verify ./the-block-0.1.0 --signers config/release_signers.txt
  tb release verify ./the-block-0.1.0 --commit 0123456789abcdef0123456789abcdef01234567 --json";
const EXAMPLES_USE: &str = "\
Examples:
  tb release use ./the-block-0.1.0 --root /opt/the-block --signers /etc/the-block/release_signers.txt";
const EXAMPLES_ROLLBACK: &str = "\
Examples:
  tb release rollback --root /opt/the-block --signers /etc/the-block/release_signers.txt";
const EXAMPLES_KEY: &str = "\
Examples:
  tb release key --out ~/release.key --name mine";
const EXAMPLES_SIGN: &str = "\
Examples:
  tb release sign ./the-block-0.1.0 --key ~/release.key";

/// The variable that names another list of signers.
pub const SIGNERS_VARIABLE: &str = "TB_RELEASE_SIGNERS";
/// The list of signers of this project, below the folder where the command runs.
pub const SIGNERS_DEFAULT: &str = "config/release_signers.txt";
/// The list of signers of this machine, which counts where there is none of the project.
pub const SIGNERS_OF_MACHINE: &str = "/etc/the-block/release_signers.txt";

/// Where a machine keeps its releases.
const ROOT_DEFAULT: &str = "/opt/the-block";

/// Arguments of `tb release`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say version, commit, features and processor needs of this program
    #[command(after_help = EXAMPLES_INFO)]
    Info,
    /// Check a release: files, signer, sums, list of parts, and the commit inside the program
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(Verify),
    /// Check a release, keep it on this machine and make it the current one; the one before stays
    #[command(after_help = EXAMPLES_USE)]
    Use(Use),
    /// Go back to the release that was current before, after another check of it
    #[command(after_help = EXAMPLES_ROLLBACK)]
    Rollback(Place),
    /// Make a key that signs releases, and print its line for the list of signers
    #[command(after_help = EXAMPLES_KEY)]
    Key(Key),
    /// Sign the provenance of a release
    #[command(after_help = EXAMPLES_SIGN)]
    Sign(Sign),
}

#[derive(Debug, Args)]
struct Verify {
    /// Folder of the release
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// List of accepted signers [default: config/release_signers.txt, or without it /etc/the-block/release_signers.txt]
    #[arg(long, value_name = "FILE", env = SIGNERS_VARIABLE, hide_env_values = true)]
    signers: Option<PathBuf>,
    /// The release must be of this commit
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
}

#[derive(Debug, Args)]
struct Use {
    /// Folder of the release
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// Where this machine keeps its releases; the service starts DIR/current/tb
    #[arg(long, value_name = "DIR", default_value = ROOT_DEFAULT)]
    root: PathBuf,
    /// List of accepted signers [default: config/release_signers.txt, or without it /etc/the-block/release_signers.txt]
    #[arg(long, value_name = "FILE", env = SIGNERS_VARIABLE, hide_env_values = true)]
    signers: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Key {
    /// New file for the key, readable by this user alone
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Name of the signer in the list
    #[arg(long, value_name = "NAME", default_value = "release")]
    name: String,
}

#[derive(Debug, Args)]
struct Sign {
    /// Folder of the release
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File of the key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] naming what does not hold.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Info => info(context),
        Command::Verify(verify) => check(verify, context)?,
        Command::Use(Use { folder, place }) => {
            let installed = installed::use_release(&place.root, folder, &accepted(place.signers.as_deref())?)?;
            context.output.result(&installed, || describe(&installed));
        }
        Command::Rollback(place) => {
            let installed = installed::roll_back(&place.root, &accepted(place.signers.as_deref())?)?;
            context.output.result(&installed, || describe(&installed));
        }
        Command::Key(Key { out, name }) => {
            if name.contains(['\n', '#']) {
                return Err(Failure::usage("the name of a signer is one line without #", "choose another name"));
            }
            let key = sign::text_of(&sign::make_key(out)?);
            context.output.result(&json!({ "signer": key, "name": name, "file": out }), || format!("{key} {name}"));
        }
        Command::Sign(Sign { folder, key }) => {
            let signer = sign::text_of(&sign::sign(folder, key)?);
            context.output.result(&json!({ "signer": signer }), || format!("signed by {signer}"));
        }
    }
    Ok(())
}

fn info(context: &Context) {
    let info = BuildInfo::of_this_program();
    context.output.result(&info, || {
        let all = |words: &[String]| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        fields(&[
            ("version", info.version.clone()),
            ("commit", info.commit.clone().unwrap_or_else(|| "none: this build is no release".to_owned())),
            ("platform", info.platform.clone()),
            ("features", all(&info.features)),
            ("processor", all(&info.cpu_features)),
        ])
    });
}

fn check(arguments: &Verify, context: &Context) -> Result<(), Failure> {
    if let Some(commit) = arguments.commit.as_ref().filter(|commit| !is_commit(commit)) {
        return Err(Failure::usage(
            format!("{commit:?} is no commit of 40 digits"),
            "git rev-parse HEAD prints the commit of a checkout",
        ));
    }
    let signers = accepted(arguments.signers.as_deref())?;
    let verified = verify::verify(&arguments.folder, &signers, arguments.commit.as_deref())?;
    context.output.result(&verified, || {
        let bytes = u64::try_from(verified.program_bytes).unwrap_or(u64::MAX);
        fields(&[
            ("commit", verified.commit.clone()),
            ("signed by", format!("{} {}", sign::text_of(&verified.signer), verified.signer_name)),
            ("program", format!("{} bytes, sha256 {}", count(bytes), verified.program_sha256)),
            ("parts", count(u64::try_from(verified.parts).unwrap_or(u64::MAX))),
            ("package", verified.package.as_ref().map_or_else(|| "none".to_owned(), describe_package)),
            ("tests", verified.tests.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)),
        ])
    });
    Ok(())
}

/// The list of signers that was named; else that of the project, else that of the machine.
pub fn signers_list(named: Option<&Path>) -> PathBuf {
    let (project, machine) = (Path::new(SIGNERS_DEFAULT), Path::new(SIGNERS_OF_MACHINE));
    let usual = if !project.exists() && machine.exists() { machine } else { project };
    named.unwrap_or(usual).to_owned()
}

/// The signers of a list that accepts anybody: the one that was named, or the usual one.
///
/// # Errors
/// [`Failure`] for a list that is not there, cannot be read or is empty.
pub fn accepted(named: Option<&Path>) -> Result<Vec<Signer>, Failure> {
    let list = &signers_list(named);
    if !list.exists() {
        let also = if named.is_some() { String::new() } else { format!(", nor at {SIGNERS_OF_MACHINE}") };
        return Err(Failure::new(
            ExitCode::NotFound,
            "signers_missing",
            format!("there is no list of accepted signers at {}{also}", list.display()),
            format!("name the list of whom you trust with --signers FILE or {SIGNERS_VARIABLE}"),
        ));
    }
    let signers = sign::read_signers(list)?;
    if signers.is_empty() {
        return Err(Failure::new(
            ExitCode::Unauthorized,
            "signer_unknown",
            format!("{} accepts no signer, so every release is refused", list.display()),
            "name the list of whom you trust with --signers or TB_RELEASE_SIGNERS",
        ));
    }
    Ok(signers)
}

fn describe_package(package: &Package) -> String {
    let place = if package.is_here { "" } else { ", which is not in this folder" };
    format!("{}, sha256 {}{place}", package.name, package.sha256)
}

fn describe(installed: &Installed) -> String {
    fields(&[
        ("current", installed.current.commit.clone()),
        ("previous", installed.previous.clone().unwrap_or_else(|| "none".to_owned())),
        ("program", installed.program.display().to_string()),
        ("next", "restart the service; `tb release rollback` goes back".to_owned()),
    ])
}
