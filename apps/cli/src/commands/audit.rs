//! `tb audit`: check exported audit files on this machine, without any block.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use primitives::{Hash, PublicKey};
use rpc::ExitCode;
use rpc::types::AuditRecord;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, fields};

const EXAMPLES: &str = "\
Examples:
  tb audit verify data/audits/reputation/*.jsonl";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb audit verify data/audits/slashing/00000001763692800000.jsonl
  tb audit verify --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a audits/*.jsonl";

/// Largest audit file that is read, bytes.
const FILE_BYTES_MAX: u64 = 4 * 1_024 * 1_024 * 1_024;

/// Arguments of `tb audit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check form, hashes, signatures and order of audit files, oldest file first
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Verify {
    /// Files of one stream
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The node's public key: records of another key are refused [default: the key of the first record]
    #[arg(long, value_name = "HEX")]
    key: Option<PublicKey>,
    /// The chain: records of another genesis hash are refused [default: that of the first record]
    #[arg(long, value_name = "HASH")]
    genesis: Option<Hash>,
}

/// What a check found.
#[derive(Debug, Default, Serialize)]
struct Report {
    records: u64,
    first_sequence: Option<u64>,
    last_sequence: Option<u64>,
    signer: Option<PublicKey>,
    genesis: Option<Hash>,
    /// Bytes of a last line without its end, which a crash leaves.
    torn_bytes: usize,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] naming file and line of the first record that does not hold.
pub fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Command::Verify(verify) = &arguments.command;
    let mut report = Report::default();
    let mut before: Option<(AuditRecord, String)> = None;
    for path in &verify.files {
        read(path, verify, &mut report, &mut before)?;
    }
    context.output.result(&report, || describe(&report));
    Ok(())
}

fn read(
    path: &Path,
    verify: &Verify,
    report: &mut Report,
    before: &mut Option<(AuditRecord, String)>,
) -> Result<(), Failure> {
    let failed = |cause| Failure::disk(path, &cause);
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display()), "split it"));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    report.torn_bytes = text.len() - whole;
    for (index, line) in text[..whole].lines().enumerate() {
        let refuse = |cause: String| {
            Failure::new(
                ExitCode::Refused,
                "audit_invalid",
                format!("{} line {}: {cause}", path.display(), index + 1),
                "records from here on prove nothing; ask the node's operator for the untouched file",
            )
        };
        let record = AuditRecord::check(line).map_err(|error| refuse(error.to_string()))?;
        if verify.key.is_some_and(|key| key != record.signer) {
            return Err(refuse(format!("it is signed by {}", record.signer)));
        }
        if verify.genesis.is_some_and(|genesis| genesis != record.genesis) {
            return Err(refuse(format!("it is of the chain {}", record.genesis)));
        }
        if let Some((last, text)) = &*before {
            record.follows(last, text).map_err(|error| refuse(error.to_string()))?;
        }
        report.records += 1;
        report.first_sequence.get_or_insert(record.sequence);
        report.last_sequence = Some(record.sequence);
        report.signer = Some(record.signer);
        report.genesis = Some(record.genesis);
        *before = Some((record, line.to_owned()));
    }
    Ok(())
}

fn describe(report: &Report) -> String {
    let mut rows = vec![("records", format!("{}, all valid", count(report.records)))];
    if let (Some(first), Some(last)) = (report.first_sequence, report.last_sequence) {
        rows.push(("sequence", format!("{} to {}", count(first), count(last))));
    }
    if let Some(signer) = report.signer {
        rows.push(("signer", signer.to_string()));
    }
    if let Some(genesis) = report.genesis {
        rows.push(("genesis", genesis.to_string()));
    }
    if report.torn_bytes > 0 {
        rows.push(("torn", format!("{} bytes of a last line without its end were left out", report.torn_bytes)));
    }
    fields(&rows)
}
