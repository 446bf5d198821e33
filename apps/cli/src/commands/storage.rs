//! `tb storage`: what a node keeps of its chain, and whether it is what the chain committed to.
//!
//! Rules
//! - A stopped node's store is opened here; `status`, `scrub` and `export --live` ask a running one.
//! - `verify` reads every value twice: through every checksum when the store is opened, and against the hashes of the headers. It checks the
//!   chain proof too, and says whether that covers what was pruned.
//!
//! Read next: `spec/recovery.md`.

use std::path::PathBuf;

use ::config::NodeConfig;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use primitives::{Genesis, Hash, Height};
use rpc::ExitCode;
use rpc::types::{PruningStatus, StorageStatus};
use serde::Serialize;
use storage::{Finding, StorageError, Store, StoreConfig, Verify};
use tree::{LedgerTree, MemoryNodes, StateTree};

use crate::chain_proof::{ChainProofError, Covered, covered_to};
use crate::commands::config::Files;
use crate::commands::snapshots::{load, read_genesis};
use crate::commands::{export, storage_repair};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Output, count, fields, time};

const EXAMPLES: &str = "\
Examples:
  tb storage status
  tb storage scrub
  tb storage verify --home /var/lib/the-block
  tb storage repair --peer-url http://192.0.2.1:26658
  tb storage export --live --to s3://blocks/main";
const EXAMPLES_STATUS: &str = "\
Examples:
  tb storage status
  tb storage status --rpc http://192.0.2.1:26658 --json";
const EXAMPLES_SCRUB: &str = "\
Examples:
  tb storage scrub
  tb storage scrub --rpc http://192.0.2.1:26658 --json";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb storage verify                                    while the node is stopped
  tb storage verify --home /var/lib/the-block --json";

/// The code of a store with findings, whose report was printed.
pub const FINDINGS_CODE: &str = "storage_findings";
/// Most findings that are shown.
pub const FINDINGS_MAX: usize = 100;

/// Arguments of `tb storage`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a running node has deleted of old blocks, what it keeps and why
    #[command(after_help = EXAMPLES_STATUS)]
    Status,
    /// Build the damaged store of a stopped node anew; what cannot be read is taken from others and checked
    #[command(after_help = storage_repair::EXAMPLES)]
    Repair(storage_repair::Repair),
    /// What the scrub of a running node has checked and found, and which heights are damaged and not back yet
    #[command(after_help = EXAMPLES_SCRUB)]
    Scrub,
    /// Write what a node keeps of each block to an archive, for nodes that have pruned it
    #[command(after_help = export::EXAMPLES)]
    Export(export::Export),
    /// Check every value, the pruning checkpoint and the chain proof of a stopped node's store against the committed roots
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(Files),
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] by name.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Status => {
            let status = context.client()?.pruning_status().await?;
            context.output.result(&status, || describe(&status));
            Ok(())
        }
        Command::Scrub => {
            let status = context.client()?.storage_status().await?;
            context.output.result(&status, || scrubbed(&status));
            Ok(())
        }
        Command::Verify(files) => verify(files, context),
        Command::Repair(repair) => repair.run(context),
        Command::Export(export) => export.run(context).await,
    }
}

fn describe(status: &PruningStatus) -> String {
    let mut rows = vec![
        ("pruning", if status.active { status.state.clone() } else { "off: nothing is deleted".to_owned() }),
        ("blocks from", count(status.oldest_height.0)),
        ("headers from", count(status.oldest_header.0)),
        ("deleted", format!("{} blocks", count(status.removed_blocks))),
        ("may go up to", format!("{}, held by {}", count(status.prunable_to.0), status.held_by)),
        ("behind", format!("{} blocks", count(status.lag_blocks))),
    ];
    if let Some(checkpoint) = &status.checkpoint {
        rows.push(("checkpoint", format!("height {}, block {}", count(checkpoint.height.0), checkpoint.block)));
    }
    if let Some(failure) = &status.failure {
        rows.push(("failure", failure.clone()));
    }
    fields(&rows)
}

fn scrubbed(status: &StorageStatus) -> String {
    let passes = match status.passed_at_ms {
        Some(at) => format!("{}, the last one ended at {}", count(status.passes), time(at)),
        None => "none yet".to_owned(),
    };
    let mut rows = vec![
        ("scrub", if status.scrub == "off" { "off: nothing is checked".to_owned() } else { status.scrub.clone() }),
        ("next height", count(status.next_height.0)),
        ("passes", passes),
        ("checked", format!("{} bytes since the start", count(status.scrubbed_bytes))),
        ("findings", count(status.findings_total)),
        ("quarantined", format!("{} heights", count(status.quarantined_total))),
        (
            "taken back",
            format!("{} heights, {} wrong answers of peers", count(status.refetched), count(status.refused)),
        ),
        ("journals", format!("{} bytes of {}", count(status.journal_bytes), count(status.journal_bytes_max))),
    ];
    if let Some(path) = &status.mended_from {
        rows.push(("damaged store", format!("{path}: built anew at this start")));
    }
    if let (Some(path), Some(by)) = (&status.rebuilt_from, &status.rebuilt_by) {
        rows.push(("damaged store", format!("{path}: the chain was taken again from {by} at this start")));
    }
    if let Some(failure) = &status.failure {
        rows.push(("failure", failure.clone()));
    }
    let mut text = fields(&rows);
    for finding in &status.findings {
        text.push_str(&format!("\n{:>10} {:<14} {}", finding.height, finding.column, finding.reason));
    }
    text
}

/// One finding in the output.
#[derive(Debug, Serialize)]
pub struct FindingView {
    height: Height,
    column: &'static str,
    reason: String,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self { height: finding.height, column: finding.column, reason: finding.reason }
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Verified {
    whole: bool,
    height: Height,
    block: Hash,
    oldest_height: Height,
    oldest_header: Height,
    headers: u64,
    blocks: u64,
    checkpoint: Option<Height>,
    /// The last height whose block was pruned; none where nothing was.
    pruned_to: Option<Height>,
    /// The last height of the chain proof, which holds; none without one.
    covered_to: Option<Height>,
    /// Whether the chain proof covers all that was pruned; none where nothing was.
    pruned_is_covered: Option<bool>,
    findings: Vec<FindingView>,
    findings_total: u64,
}

/// How far it is, in heights.
pub fn bar(output: Output, heights: u64) -> ProgressBar {
    let target = if output.is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} height {pos} of {len}, {eta} left").expect("a fixed template");
    ProgressBar::with_draw_target(Some(heights), target).with_style(style)
}

/// The folder of the store of a stopped node, in which there is one: opening one that is not there would make it.
///
/// # Errors
/// [`Failure`] `store_missing`.
pub fn existing(config: &NodeConfig) -> Result<PathBuf, Failure> {
    let path = config.store_dir();
    if path.join("store").exists() || path.join("store.repaired").exists() {
        return Ok(path);
    }
    let what = format!("there is no store in {}", path.display());
    Err(Failure::new(ExitCode::NotFound, "store_missing", what, "name the home of a node with --home"))
}

fn verify(files: &Files, context: &Context) -> Result<(), Failure> {
    let (home, config) = load(files, context)?;
    let genesis = read_genesis(&home)?;
    let path = existing(&config)?;
    let failed = |error: StorageError| Failure::of_store(&error);
    let store = Store::open(&StoreConfig::Disk { path, verify: Verify::Full }, &genesis.hash()).map_err(failed)?;
    let head = store.head().ok_or_else(|| failed(StorageError::NotInitialised))?;
    let mut findings = findings(&store, &genesis, context.output).map_err(failed)?;
    let checkpoint = store.pruning().map_err(failed)?.map(|pruning| pruning.checkpoint.height);
    let covered_to = match covered_to(&store, &genesis) {
        Ok(height) => height,
        Err(ChainProofError::Storage(error)) => return Err(failed(error)),
        Err(error @ ChainProofError::Wrong { height, .. }) => {
            findings.push(Finding { column: "chain_proof", height, reason: error.to_string() });
            None
        }
    };
    let covered = Covered { pruned_to: checkpoint, covered_to };
    let oldest_header = oldest_header(&store).map_err(failed)?;
    let total = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    let verified = Verified {
        whole: total == 0,
        height: head.height,
        block: head.block,
        oldest_height: store.oldest(),
        oldest_header,
        headers: head.height.next().0.saturating_sub(oldest_header.0),
        blocks: head.height.next().0.saturating_sub(store.oldest().0),
        checkpoint,
        pruned_to: covered.pruned_to,
        covered_to: covered.covered_to,
        pruned_is_covered: covered.is_covered(),
        findings: findings.into_iter().take(FINDINGS_MAX).map(FindingView::from).collect(),
        findings_total: total,
    };
    context.output.result(&verified, || verified.lines());
    if verified.whole {
        return Ok(());
    }
    let what = format!("{} findings: the store is not what the chain committed to", count(total));
    Err(Failure::new(
        ExitCode::Damaged,
        FINDINGS_CODE,
        what,
        "run tb storage repair with the URL of a node that has every block, or begin again from a snapshot as \
         docs/storage_recovery.md says",
    ))
}

/// The lowest height whose header is kept.
fn oldest_header(store: &Store) -> Result<Height, StorageError> {
    Ok(store.pruning()?.map_or(store.oldest(), |pruning| pruning.first.max(Height(1))))
}

/// Everything in a store that holds a chain which is not what the chain committed to.
///
/// # Errors
/// [`StorageError`] when it cannot be read.
pub fn findings(store: &Store, genesis: &Genesis, output: Output) -> Result<Vec<Finding>, StorageError> {
    let head = store.head().ok_or(StorageError::NotInitialised)?;
    let mut findings = store.check_pruning()?;
    findings.extend(state(store)?);
    let (bar, digest) = (bar(output, head.height.0), snapshots::digest(&genesis.hash()));
    for height in (oldest_header(store)?.0..=head.height.0).map(Height) {
        findings.extend(store.check_height(height, &digest)?);
        bar.set_position(height.0);
    }
    bar.finish_and_clear();
    Ok(findings)
}

/// Ledger and module state against the last header.
fn state(store: &Store) -> Result<Vec<Finding>, StorageError> {
    let Some(head) = store.head() else { return Ok(Vec::new()) };
    let Some((header, _)) = store.header(head.height)? else { return Ok(Vec::new()) };
    let finding = |column, reason: &str| Finding { column, height: head.height, reason: reason.to_owned() };
    let mut findings = Vec::new();
    if LedgerTree::new(store.load_slots()?).map(|ledger| ledger.root()).ok() != Some(header.ledger_root) {
        findings.push(finding("slots", "the ledger does not have the root of the last header"));
    }
    let nodes: MemoryNodes = store.load_nodes()?.into_iter().collect();
    let keys = u64::try_from(store.load_state()?.len()).unwrap_or(u64::MAX);
    if StateTree::check(&nodes, head.height.0).ok() != Some((header.state_root, keys)) {
        findings.push(finding("nodes", "the module state does not have the root of the last header"));
    }
    Ok(findings)
}

impl Verified {
    fn lines(&self) -> String {
        let checkpoint = match self.checkpoint {
            Some(height) => format!("height {}, its roots are those of the header", count(height.0)),
            None => "none: nothing was pruned".to_owned(),
        };
        let proof = match self.covered_to {
            Some(height) => format!("holds: heights 1 to {} are covered", count(height.0)),
            None if self.whole => "none".to_owned(),
            None => "none that holds".to_owned(),
        };
        let mut text = fields(&[
            ("whole", if self.whole { "yes" } else { "no" }.to_owned()),
            ("height", count(self.height.0)),
            ("block", self.block.to_string()),
            ("blocks", format!("{} from height {}", count(self.blocks), count(self.oldest_height.0))),
            ("headers", format!("{} from height {}", count(self.headers), count(self.oldest_header.0))),
            ("pruning checkpoint", if self.whole { checkpoint } else { "see the findings".to_owned() }),
            ("chain proof", proof),
            ("pruned", Covered { pruned_to: self.pruned_to, covered_to: self.covered_to }.to_string()),
        ]);
        for finding in &self.findings {
            text.push_str(&format!("\n{:>10} {:<14} {}", finding.height, finding.column, finding.reason));
        }
        text
    }
}
