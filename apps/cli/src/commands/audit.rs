//! `tb audit`: check exported audit files on this machine, without any block, and record what a chain has settled before
//! and after an upgrade ([`crate::settlement`]).

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use primitives::{Hash, Height, PublicKey};
use rpc::ExitCode;
use rpc::types::AuditRecord;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields, table};
use crate::settlement::{self, Difference, Record, Verdict};

const EXAMPLES: &str = "\
Examples:
  tb audit verify data/audits/reputation/*.jsonl
  tb audit settlement --out before.json";
const EXAMPLES_SETTLEMENT: &str = "\
Examples:
  tb audit settlement --out before.json        before an upgrade
  tb audit settlement --since before.json      after it: what changed, and whether it may";
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
    /// Record what the chain has settled, and compare it with an earlier record
    #[command(after_help = EXAMPLES_SETTLEMENT)]
    Settlement(Settlement),
}

#[derive(Debug, Args)]
struct Settlement {
    /// Write the record to a new file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compare with this earlier record of the same chain
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

/// What `tb audit settlement` prints.
#[derive(Debug, Serialize)]
struct Settled {
    record: Record,
    since: Option<Height>,
    differences: Vec<Difference>,
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
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Verify(verify) => self::verify(verify, context),
        Command::Settlement(settlement) => settle(settlement, context).await,
    }
}

async fn settle(arguments: &Settlement, context: &Context) -> Result<(), Failure> {
    let before = arguments.since.as_deref().map(earlier).transpose()?;
    let client = context.client()?;
    let record = settlement::record(&client).await?;
    let differences = match &before {
        Some(before) => settlement::compare(before, &record, settlement::block_of(&client, before).await?),
        None => Vec::new(),
    };
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&record).expect("a record holds only text and numbers");
        crate::provision::write_new(path, format!("{text}\n").as_bytes(), 0o644)?;
    }
    let wrong = differences.iter().filter(|one| one.verdict == Verdict::Wrong).count();
    let settled = Settled { record, since: before.map(|before| before.height), differences };
    if wrong > 0 {
        context.output.talk(table_of(&settled));
        let first = settled.differences.iter().find(|one| one.verdict == Verdict::Wrong);
        let first = first.map(|one| format!("{}: was {}, is {}", one.name, one.before, one.after)).unwrap_or_default();
        return Err(Failure::new(
            ExitCode::Refused,
            "settlement_differs",
            format!("{wrong} of what must not change or shrink did; {first}"),
            "stop the rollout, keep both records, and ask a node that was not upgraded",
        ));
    }
    context.output.result(&settled, || table_of(&settled));
    Ok(())
}

/// An earlier record.
fn earlier(path: &Path) -> Result<Record, Failure> {
    let failed = |cause| Failure::disk(path, &cause);
    let refuse = |cause: &str| {
        let hint = "name a file that `tb audit settlement --out FILE` wrote";
        Failure::new(ExitCode::Refused, "settlement_record", format!("{}: {cause}", path.display()), hint)
    };
    if fs::metadata(path).map_err(failed)?.len() > settlement::FILE_BYTES_MAX {
        return Err(refuse("it is too large for a record"));
    }
    let record: Record =
        serde_json::from_slice(&fs::read(path).map_err(failed)?).map_err(|error| refuse(&error.to_string()))?;
    if record.version != settlement::VERSION {
        return Err(refuse("its version is unknown"));
    }
    Ok(record)
}

fn table_of(settled: &Settled) -> String {
    let record = &settled.record;
    let head = fields(&[
        ("height", count(record.height.0)),
        ("block", record.block.to_string()),
        ("supply", blocks(record.supply)),
        ("candidates", record.candidates.len().to_string()),
    ]);
    let Some(since) = settled.since else { return head };
    let rows: Vec<[String; 4]> = settled
        .differences
        .iter()
        .map(|one| {
            let verdict = if one.verdict == Verdict::Wrong { "WRONG" } else { "changed" };
            [one.name.clone(), one.before.clone(), one.after.clone(), verdict.to_owned()]
        })
        .collect();
    format!("{head}\n\nsince height {}:\n{}", count(since.0), table(["what", "before", "after", "verdict"], &rows))
}

fn verify(verify: &Verify, context: &Context) -> Result<(), Failure> {
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
