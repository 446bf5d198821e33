//! `tb snapshots rebuild` and `tb snapshots account`: the state after an earlier height, and an account in a snapshot.
//!
//! Rules
//! - The rebuild is the node's (`node::state_at`): this file asks for it and shows what came out.
//! - An account is shown after every chunk was checked against the header; nothing of a snapshot that is refused is shown.
//!
//! Read next: `snapshots.rs`, `spec/recovery.md` (RCV-52 to 54).

use std::path::PathBuf;

use clap::Args;
use primitives::{Address, Amount, Hash, Height, Nonce};
use rpc::ExitCode;
use serde::Serialize;
use snapshots::{Chunk, Snapshot};

use crate::StateRebuilder;
use crate::commands::config::Files;
use crate::commands::snapshots::{Place, read_genesis};
use crate::commands::storage::bar;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, fields};

/// Shown with the help of `tb snapshots rebuild`.
pub const EXAMPLES_REBUILD: &str = "\
Examples:
  tb snapshots rebuild --height 3600 --path /backup/at-3600        while the node is stopped
  tb snapshots rebuild --height 3600 --set reconstruction.archive=s3://blocks/main --json

The gate reconstruction must be on. Blocks that the node has pruned are taken from reconstruction.archive.";
/// Shown with the help of `tb snapshots account`.
pub const EXAMPLES_ACCOUNT: &str = "\
Examples:
  tb snapshots account alice --path /backup/at-3600
  tb snapshots account tb1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5z5tpwxqergd3c8g7ndw8me --json";

/// Arguments of `tb snapshots rebuild`.
#[derive(Debug, Args)]
pub struct Rebuild {
    #[command(flatten)]
    files: Files,
    /// The height after which the state is wanted; the node must keep its header
    #[arg(long, value_name = "HEIGHT")]
    height: u64,
    /// Folder for the snapshot of it [default: snapshot_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// Arguments of `tb snapshots account`.
#[derive(Debug, Args)]
pub struct Account {
    /// Address, or name of a key of the home
    account: String,
    #[command(flatten)]
    place: Place,
}

/// The state that was made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateRebuilt {
    /// After which height.
    pub height: Height,
    /// Hash of its block.
    pub block: Hash,
    /// The height of the snapshot that it was begun from; 0: genesis.
    pub from: Height,
    /// Blocks that were executed.
    pub replayed: u64,
    /// How many of them came out of the archive.
    pub archived: u64,
    /// How many of them were compared with a header that the node keeps.
    pub headers: u64,
    /// Where the chain proof ends that covers the height and was verified.
    pub proven_to: Option<Height>,
    /// The folder of the new snapshot.
    pub path: PathBuf,
}

impl Rebuild {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`] by name; nothing is left of the attempt.
    pub async fn run(&self, context: &Context, rebuilder: Option<StateRebuilder>) -> Result<(), Failure> {
        let rebuilder = rebuilder.ok_or_else(|| {
            let what = "this program holds no node, so it cannot execute blocks";
            Failure::new(ExitCode::Refused, "not_in_this_version", what, "use the tb program")
        })?;
        let shown = bar(context.output, self.height);
        let (home, flags) = (self.files.home(context), self.files.flags()?);
        let mut tell = |done: u64, _: u64| shown.set_position(done);
        let wanted = (Height(self.height), self.path.as_deref());
        let rebuilt = rebuilder(&home, &flags, wanted, &mut tell).await;
        shown.finish_and_clear();
        let rebuilt = rebuilt?;
        context.output.result(&rebuilt, || {
            let StateRebuilt { height, block, from, replayed, archived, headers, proven_to, path } = &rebuilt;
            let proof = match proven_to {
                Some(end) => format!("verified: the chain proof to height {} covers it", count(end.0)),
                None => "no chain proof covers it".to_owned(),
            };
            fields(&[
                ("height", count(height.0)),
                ("block", block.to_string()),
                (
                    "begun from",
                    if from.0 == 0 {
                        "genesis".to_owned()
                    } else {
                        format!("the snapshot of height {}", count(from.0))
                    },
                ),
                ("executed", format!("{} blocks, {} of them from the archive", count(*replayed), count(*archived))),
                ("checked", format!("{} against headers that are kept here", count(*headers))),
                ("proof", proof),
                ("path", path.display().to_string()),
            ])
        });
        Ok(())
    }
}

/// An account in a snapshot.
#[derive(Debug, Serialize)]
struct AccountAt {
    height: Height,
    block: Hash,
    address: Address,
    balance: Amount,
    nonce: Nonce,
}

impl Account {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`] for a snapshot that is refused, and for an account that is not in it.
    pub fn run(&self, context: &Context) -> Result<(), Failure> {
        let address = context.address(&self.account)?;
        let snapshot = Snapshot::find(&self.place.folder(context)?)?;
        let home = self.place.files.home(context);
        if home.genesis_json().exists() {
            snapshot.manifest.check_chain(&read_genesis(&home)?.hash())?;
        }
        let mut found = None;
        snapshot.read(&mut |_| {}, &mut |_, chunk| {
            if let Chunk::Ledger { slots, .. } = chunk {
                found = found.take().or_else(|| slots.iter().find(|slot| slot.address == address).copied());
            }
        })?;
        let (height, block) = (snapshot.manifest.height(), snapshot.manifest.content.header.hash());
        let slot = found.ok_or_else(|| {
            let what = format!("the account {address} is not in the snapshot of height {height}");
            Failure::new(ExitCode::NotFound, "not_found", what, "it may have been made later")
        })?;
        let shown = AccountAt { height, block, address, balance: slot.balance, nonce: slot.nonce };
        context.output.result(&shown, || {
            fields(&[
                ("height", count(height.0)),
                ("address", address.to_string()),
                ("balance", shown.balance.to_string()),
                ("nonce", count(shown.nonce.get())),
            ])
        });
        Ok(())
    }
}
