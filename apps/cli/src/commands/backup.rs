//! `tb backup`: everything of a node that cannot be had from others, and the way back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use config::Home;
use primitives::{Hash, Height, SecretKey};
use rpc::{Client, ExitCode};
use serde::Serialize;
use snapshots::{Maker, Shelf, Snapshot};
use wallet::NodeKey;

use crate::backup::sealed;
use crate::backup::{Backup, Given, Restored, Wanted, create, restore};
use crate::commands::config::Files;
use crate::commands::genesis::now;
use crate::commands::snapshot_restore::Unattested;
use crate::commands::snapshot_trust::{Own, Trusted, Verdict, not_attested};
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
  tb backup verify --path /backup --home /var/lib/the-block
  tb backup verify --path /backup/00000000000000003600-1763692800000 --json

A snapshot whose header nobody attests ends the command with not_attested, also where every byte of the backup is whole.";
const EXAMPLES_RESTORE: &str = "\
Examples:
  tb backup restore --from /backup --home /var/lib/the-block
  tb backup restore --from /backup --home /var/lib/the-block --override-guard disk-lost-key-used-nowhere-else
  tb backup restore --from /backup --trust 3600:5d41402abc4b2a76b9719d911017c592ae3f1c66e1e9b0a37d0f5b61c2a4e8f9";

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
    /// Check every byte of a backup, and the header of its snapshot against own blocks, its password, genesis or --trust
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
    #[command(flatten)]
    files: Files,
    /// Folder of backups, or of one; of several the newest
    #[arg(long, value_name = "DIR")]
    path: PathBuf,
    /// File with the password of a sealed backup; otherwise it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    trusted: Trusted,
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
    /// Restore a validator from a backup without secrets, although its key is not in the home
    #[arg(long)]
    without_keys: bool,
    /// File with the password of a sealed backup; otherwise it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    trusted: Trusted,
    /// Take a snapshot whose header nobody attests, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "trust")]
    unattested: Option<String>,
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

/// A backup that was checked, in the output.
#[derive(Debug, Serialize)]
struct Verified {
    #[serde(flatten)]
    backup: View,
    /// Who attests the header of its snapshot: the result of a check that nobody does is a failure.
    attested_by: String,
}

/// A restore in the output.
#[derive(Debug, Serialize)]
struct RestoredView {
    #[serde(flatten)]
    restored: Restored,
    attested: bool,
    attested_by: String,
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

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("height", count(self.height.0)),
            ("state", format!("{} bytes", count(self.snapshot_bytes))),
            ("files", format!("{}, {} bytes", self.files, count(self.file_bytes))),
            ("secrets", self.secrets().to_owned()),
            ("path", self.path.display().to_string()),
        ]
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] by name.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Create(create) => create.run(context).await,
        Command::Verify(verify) => verify.run(context).await,
        Command::Restore(restore) => restore.run(context).await,
    }
}

/// The backup at `path`, with its key where it is sealed.
fn opened(path: &Path, password_file: Option<&Path>, context: &Context) -> Result<Backup, Failure> {
    let given = path;
    let path = Backup::find(given)?;
    if path != given {
        context.output.talk(format_args!("the newest backup in {}: {}", given.display(), path.display()));
    }
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

/// The node that is asked for a snapshot is the one of this home: the snapshot is left where it lies.
async fn is_of_home(client: &Client, home: &Home, genesis: Hash) -> Result<(), Failure> {
    let status = client.node_status().await?;
    let own = NodeKey::load(&home.node_key(), None)?.key.identity.public_key();
    // A node that is older than this field does not name its key.
    if status.genesis_hash == genesis && status.node_key.is_none_or(|key| key == own) {
        return Ok(());
    }
    let what = format!("the node at {} is not the one of the home {}", client.base_url(), home.root().display());
    Err(Failure::new(
        ExitCode::Refused,
        "other_node",
        what,
        "name the node of this home with --rpc, or its home with --home",
    ))
}

impl Create {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let (home, config) = load(&self.files, context)?;
        let genesis = read_genesis(&home)?;
        let ask = || context.new_backup_password(self.password_file.as_deref());
        let password = self.encrypt.then(ask).transpose()?;
        let shelf = Shelf::new(&config.snapshots.dir);
        let snapshot = if self.live {
            let client = context.client()?;
            is_of_home(&client, &home, genesis.hash()).await?;
            let made = client.make_snapshot().await?;
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
        context.output.result(&view, || fields(&view.rows()));
        Ok(())
    }
}

/// Checks every byte of a backup; gives its snapshot.
fn whole(backup: &Backup, context: &Context) -> Result<Snapshot, Failure> {
    let bar = Bar::of(context.output, "files");
    let snapshot = backup.verify(&mut |progress| bar.tell(progress))?;
    bar.end();
    Ok(snapshot)
}

/// By whom the header of a backup's snapshot is attested. A home of this chain judges by its own genesis file, any other one by that of the backup, whose
/// hash is in the answer.
async fn judged(
    backup: &Backup,
    snapshot: &Snapshot,
    (files, trusted): (&Files, &Trusted),
    context: &Context,
) -> Result<Verdict, Failure> {
    let home = files.home(context);
    let own = home.genesis_json().exists().then(|| read_genesis(&home)).transpose()?;
    let own = own.filter(|genesis| genesis.hash() == backup.index.genesis);
    let genesis = own.map_or_else(|| backup.genesis(), Ok)?;
    let store = load(files, context).ok().map(|(_, config)| config.store_dir());
    let own = Own { home: &home, store, genesis: Some(&genesis) };
    trusted.judge_backup(snapshot, sealed::is_sealed(backup.path()), &own, context).await
}

impl Verify {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let backup = opened(&self.path, self.password_file.as_deref(), context)?;
        let snapshot = whole(&backup, context)?;
        let verdict = judged(&backup, &snapshot, (&self.files, &self.trusted), context).await?;
        let attested_by =
            verdict.map_err(|why| not_attested(&snapshot, &format!("every byte is whole, but {why}"), ""))?;
        let verified = Verified { backup: View::of(&backup, &snapshot), attested_by };
        context.output.result(&verified, || {
            let mut rows = verified.backup.rows();
            rows.push(("attested", verified.attested_by.clone()));
            fields(&rows)
        });
        Ok(())
    }
}

impl Restore {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let (home, flags) = (self.files.home(context), self.files.flags()?);
        let backup = opened(&self.from, self.password_file.as_deref(), context)?;
        backup.check_schema()?;
        let snapshot = whole(&backup, context)?;
        let verdict = judged(&backup, &snapshot, (&self.files, &self.trusted), context).await?;
        let unattested = match &verdict {
            Ok(_) => None,
            Err(why) => Some(Unattested::of(&snapshot, why, self.unattested.as_deref())?),
        };
        let override_guard = self.override_guard.as_deref();
        let given = Given {
            home: &home,
            snapshot: &snapshot,
            unattested,
            flags: &flags,
            override_guard,
            without_keys: self.without_keys,
            now: now(),
        };
        let restored = restore(&backup, &given, context.output)?;
        let attested = verdict.is_ok();
        let view = RestoredView { restored, attested, attested_by: verdict.unwrap_or_else(|why| why) };
        context.output.result(&view, || {
            let RestoredView { restored, attested, attested_by } = &view;
            let secrets = if restored.with_keys { "they were in it" } else { "none: it was made without them" };
            fields(&[
                ("backup", restored.path.display().to_string()),
                ("secrets", secrets.to_owned()),
                ("home", restored.home.display().to_string()),
                ("genesis", restored.genesis.to_string()),
                ("height", count(restored.height.0)),
                ("files", format!("{} written, {} there already", restored.files, restored.same)),
                ("attested", format!("{}: {attested_by}", if *attested { "yes" } else { "NO" })),
            ])
        });
        Ok(())
    }
}
