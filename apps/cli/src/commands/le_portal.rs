//! `tb le-portal`: the logs of legal requests, see [`crate::portal`].

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rpc::ExitCode;
use serde::Serialize;

use crate::commands::genesis::now;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, fields, table};
use crate::portal::{self, Entry, Line, Log, PortalError, Report};

const EXAMPLES: &str = "\
Examples:
  tb le-portal request --authority court --reference 12/345 --subject owner-of-an-address
  tb le-portal action --request 0 --action answered
  tb le-portal evidence --request 0 --file answer.pdf
  tb le-portal canary --statement none
  tb le-portal verify --base /srv/le_portal";

/// Arguments of `tb le-portal`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folder of the logs
    #[arg(long, global = true, value_name = "DIR", default_value = portal::BASE_DEFAULT)]
    base: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Log a request that was received
    #[command(after_help = EXAMPLES)]
    Request {
        /// Who asks
        #[arg(long, value_name = "TEXT")]
        authority: String,
        /// Their file number
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// What they ask for
        #[arg(long, value_name = "TEXT")]
        subject: String,
    },
    /// Log what was done about a request
    #[command(after_help = EXAMPLES)]
    Action {
        /// Number of the request
        #[arg(long, value_name = "N")]
        request: u64,
        /// What was done
        #[arg(long, value_name = "TEXT")]
        action: String,
    },
    /// Keep a file that belongs to a request
    #[command(after_help = EXAMPLES)]
    Evidence {
        /// Number of the request
        #[arg(long, value_name = "N")]
        request: u64,
        /// The file; its bytes are copied
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Log a statement of the warrant canary
    #[command(after_help = EXAMPLES)]
    Canary {
        /// The statement
        #[arg(long, value_name = "TEXT")]
        statement: String,
    },
    /// Show the requests with what was done, and the last canary statement
    #[command(after_help = EXAMPLES)]
    List,
    /// Check every line and every file of evidence
    #[command(after_help = EXAMPLES)]
    Verify,
}

/// A line that was added, and the hash by which the next one will name it.
#[derive(Debug, Serialize)]
struct Added {
    #[serde(flatten)]
    line: Line,
    hash: primitives::Hash,
    file: &'static str,
}

/// A request with what belongs to it.
#[derive(Debug, Serialize)]
struct Listed {
    request: Line,
    actions: Vec<Line>,
    evidence: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Listing {
    requests: Vec<Listed>,
    canary: Option<Line>,
}

impl From<PortalError> for Failure {
    fn from(error: PortalError) -> Self {
        match &error {
            PortalError::Disk { path, cause } => Self::disk(path, cause),
            PortalError::Text => Self::usage(&error, "say it shorter, or put it into a file of evidence"),
            PortalError::TooLarge { .. } => Self::new(ExitCode::Refused, "too_large", &error, "split it"),
            PortalError::NoRequest(_) => {
                Self::new(ExitCode::NotFound, "no_request", &error, "see the numbers with `tb le-portal list`")
            }
            PortalError::Damaged { .. } => Self::new(
                ExitCode::Damaged,
                "portal_damaged",
                &error,
                "what follows in that log proves nothing; restore the folder from a copy",
            ),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]: the disk, a text that is too long, a request that is not there, a log that was changed.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let base = arguments.base.as_path();
    let (entry, bytes) = match &arguments.command {
        Command::Request { authority, reference, subject } => {
            let (authority, reference, subject) = (authority.clone(), reference.clone(), subject.clone());
            (Entry::Request { authority, reference, subject }, None)
        }
        Command::Action { request, action } => (Entry::Action { request: *request, action: action.clone() }, None),
        Command::Evidence { request, file } => {
            let (bytes, hash) = portal::evidence(file)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            (Entry::Evidence { request: *request, file: name, bytes: length, hash }, Some(bytes))
        }
        Command::Canary { statement } => (Entry::Canary { statement: statement.clone() }, None),
        Command::List => return list(arguments, context),
        Command::Verify => {
            let report = portal::verify(base)?;
            context.output.result(&report, || describe(&report));
            return Ok(());
        }
    };
    let (line, hash) = portal::add(base, entry, bytes.as_deref(), now().0)?;
    let added = Added { file: line.entry.log().file(), line, hash };
    context.output.result(&added, || {
        fields(&[
            ("log", base.join(added.file).display().to_string()),
            ("number", count(added.line.sequence)),
            ("hash", added.hash.to_string()),
        ])
    });
    Ok(())
}

fn list(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let base = arguments.base.as_path();
    let lines = |log| portal::read(base, log).map(|found| found.lines);
    let (actions, evidence) = (lines(Log::Actions)?, lines(Log::Evidence)?);
    let of =
        |all: &[Line], number: u64| all.iter().filter(|line| line.entry.request() == Some(number)).cloned().collect();
    let requests = lines(Log::Requests)?.into_iter().map(|request| Listed {
        actions: of(&actions, request.sequence),
        evidence: of(&evidence, request.sequence),
        request,
    });
    let listing = Listing { requests: requests.collect(), canary: lines(Log::Canary)?.pop() };
    context.output.result(&listing, || show(&listing));
    Ok(())
}

fn show(listing: &Listing) -> String {
    let rows: Vec<[String; 5]> = listing
        .requests
        .iter()
        .map(|listed| {
            let (authority, reference) = match &listed.request.entry {
                Entry::Request { authority, reference, .. } => (authority.clone(), reference.clone()),
                _ => Default::default(),
            };
            let done = [&listed.actions, &listed.evidence].map(|lines| lines.len().to_string());
            let [actions, evidence] = done;
            [listed.request.sequence.to_string(), authority, reference, actions, evidence]
        })
        .collect();
    let canary = match listing.canary.as_ref().map(|line| &line.entry) {
        Some(Entry::Canary { statement }) => statement.clone(),
        _ => "no statement yet".to_owned(),
    };
    format!("{}\ncanary: {canary}", table(["number", "authority", "reference", "actions", "evidence"], &rows))
}

fn describe(report: &Report) -> String {
    let rows: Vec<[String; 4]> = report
        .logs
        .iter()
        .map(|log| [log.file.to_owned(), count(log.lines), log.last.to_string(), count(log.torn_bytes)])
        .collect();
    format!(
        "{}\nevidence: {} files, all as they were",
        table(["log", "lines", "hash of the last", "torn bytes"], &rows),
        count(report.evidence_files)
    )
}
