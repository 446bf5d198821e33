//! `tb backup`: everything of a node that cannot be had from others, and the way back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use primitives::{Hash, Height, SecretKey};
use serde::Serialize;
use snapshots::{Maker, Shelf, Snapshot};
use wallet::NodeKey;

use crate::backup::sealed;
use crate::backup::{Backup, Given, Wanted, create, restore};
use crate::commands::config::Files;
use crate::commands::genesis::now;
use crate::commands::snapshots::{Bar, load, open_store, read_genesis};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{count, fields};

const EXAMPLES: &str = "\
Examples:
  tb backup create --path /backup --with-keys
  tb backup verify --path /backup
  tb backup restore --from /backup --home /var/lib/the-block";
const EXAMPLES_CREATE: &str = "\
Examples:
  tb backup create --path /backup                      of a stopped node, without its secrets
  tb backup create --path /backup --with-keys --live   of a running node on this machine
  tb backup create --path /backup --with-keys --encrypt --password-file /root/backup_password
  tb backup create --path /backup --json";
const EXAMPLES_VERIFY: &str = "\
Examples:
  tb backup verify --path /backup
  tb backup verify --path /backup/00000000000000003600-1763692800000 --json";
const EXAMPLES_RESTORE: &str = "\
Examples:
  tb backup restore --from /backup --home /var/lib/the-block
  tb backup restore --from /backup --home /var/lib/the-block --override-guard disk-lost-key-used-nowhere-else";

/// Arguments of `tb backup`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy the state, the configuration, the peers and the audits of a home; its secrets on request
    #[command(after_help = EXAMPLES_CREATE)]
    Create(Create),
    /// Check every byte of a backup
    #[command(after_help = EXAMPLES_VERIFY)]
    Verify(Verify),
    /// Fill an empty home from a backup; nothing that is there is written over
    #[command(after_help = EXAMPLES_RESTORE)]
    Restore(Restore),
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    files: Files,
    /// Folder of backups; each one gets a folder of its own in it
    #[arg(long, value_name = "DIR")]
    path: PathBuf,
    /// Copy keys, wallets, the double-sign guard and .env as well: the backup is then as secret as they are
    #[arg(long)]
    with_keys: bool,
    /// Let the running node at --rpc, whose home this is, make the snapshot
    #[arg(long)]
    live: bool,
    /// Seal every file under a password; without it nothing of the backup can be read again
    #[arg(long)]
    encrypt: bool,
    /// File with the password of --encrypt; otherwise it is asked for
    #[arg(long, value_name = "FILE", requires = "encrypt")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Verify {
    /// Folder of backups, or of one; of several the newest
    #[arg(long, value_name = "DIR")]
    path: PathBuf,
    /// File with the password of a sealed backup; otherwise it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Restore {
    #[command(flatten)]
    files: Files,
    /// Folder of backups, or of one; of several the newest
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Take a double-sign guard that may be older than what its key has signed, for this reason
    #[arg(long, value_name = "REASON")]
    override_guard: Option<String>,
    /// File with the password of a sealed backup; otherwise it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A backup in the output.
#[derive(Debug, Serialize)]
struct View {
    path: PathBuf,
    chain_id: String,
    genesis: Hash,
    height: Height,
    files: usize,
    file_bytes: u64,
    snapshot_bytes: u64,
    with_keys: bool,
    sealed: bool,
    guard_height: Option<Height>,
}

impl View {
    fn of(backup: &Backup, snapshot: &Snapshot) -> Self {
        let index = &backup.index;
        Self {
            path: backup.path().to_owned(),
            chain_id: index.chain_id.clone(),
            genesis: index.genesis,
            height: index.height,
            files: index.files.len(),
            file_bytes: index.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add),
            snapshot_bytes: snapshot.manifest.packed_bytes(),
            with_keys: index.with_keys,
            sealed: sealed::is_sealed(backup.path()),
            guard_height: index.guard_height,
        }
    }

    fn secrets(&self) -> &'static str {
        match (self.with_keys, self.sealed) {
            (false, _) => "not in it",
            (true, false) => "in it: keep it as safe as the keys",
            (true, true) => "in it, sealed: keep its password elsewhere",
        }
    }

    fn describe(&self) -> String {
        fields(&[
            ("height", count(self.height.0)),
            ("state", format!("{} bytes", count(self.snapshot_bytes))),
            ("files", format!("{}, {} bytes", self.files, count(self.file_bytes))),
            ("secrets", self.secrets().to_owned()),
            ("path", self.path.display().to_string()),
        ])
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] by name.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Create(create) => create.run(context).await,
        Command::Verify(verify) => verify.run(context),
        Command::Restore(restore) => restore.run(context),
    }
}

/// The backup at `path`, with its key where it is sealed.
fn opened(path: &Path, password_file: Option<&Path>, context: &Context) -> Result<Backup, Failure> {
    let path = Backup::find(path)?;
    let unlock = || sealed::unlock(&path, &context.backup_password(password_file)?);
    let key = sealed::is_sealed(&path).then(unlock).transpose()?;
    Backup::open(&path, key)
}

/// Why the store of a stopped node gives no backup. One of an older schema is the last that the program of before can read, so that
/// program makes it.
fn refused_store(failure: Failure) -> Failure {
    let mut failure = failure.or_live("tb backup create --live");
    if failure.error.code == "old_schema" {
        failure.error.hint =
            "make the backup with the program that wrote the store, so that it can be gone back to, then: tb migrate"
                .to_owned();
    }
    failure
}

impl Create {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let (home, config) = load(&self.files, context)?;
        let genesis = read_genesis(&home)?;
        let ask = || context.new_backup_password(self.password_file.as_deref());
        let password = self.encrypt.then(ask).transpose()?;
        let shelf = Shelf::new(&config.snapshots.dir);
        let snapshot = if self.live {
            let made = context.client()?.make_snapshot().await?;
            Snapshot::open(&config.snapshots.dir.join(&made.name))?
        } else {
            let key = NodeKey::load(&home.node_key(), None)?.key;
            let key = SecretKey::from_seed(*key.identity.seed());
            let store = open_store(&config, &genesis).map_err(refused_store)?;
            let frozen = store.freeze().map_err(|error| Failure::of_store(&error))?;
            let maker = Maker { chain_id: &genesis.chain_id, key: &key, now: now() };
            let bar = Bar::new(context.output);
            let snapshot = shelf.create(&frozen, &maker, &mut |progress| bar.tell(progress))?;
            bar.end();
            snapshot
        };
        snapshot.manifest.check_chain(&genesis.hash())?;
        let wanted = Wanted {
            home: &home,
            config: &config,
            genesis: &genesis,
            snapshot: &snapshot,
            with_keys: self.with_keys,
            now: now(),
        };
        let backup = create(&self.path, &wanted, password.as_ref(), context.output)?;
        let view = View::of(&backup, &snapshot);
        context.output.result(&view, || view.describe());
        Ok(())
    }
}

impl Verify {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let backup = opened(&self.path, self.password_file.as_deref(), context)?;
        let bar = Bar::of(context.output, "files");
        let snapshot = backup.verify(&mut |progress| bar.tell(progress))?;
        bar.end();
        let view = View::of(&backup, &snapshot);
        context.output.result(&view, || view.describe());
        Ok(())
    }
}

impl Restore {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let (home, flags) = (self.files.home(context), self.files.flags()?);
        let backup = opened(&self.from, self.password_file.as_deref(), context)?;
        let override_guard = self.override_guard.as_deref();
        let given = Given { home: &home, flags: &flags, override_guard, now: now() };
        let restored = restore(&backup, &given, context.output)?;
        context.output.result(&restored, || {
            fields(&[
                ("home", restored.home.display().to_string()),
                ("height", count(restored.height.0)),
                ("files", format!("{} written, {} there already", restored.files, restored.same)),
            ])
        });
        Ok(())
    }
}
