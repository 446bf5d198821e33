//! Bringing a home back from a backup.
//!
//! ```text
//!   every byte checked ─► guard judged ─► why an old guard is taken, durable ─► files ─► store ─► guard
//! ```
//!
//! Rules
//! - A file is written under another name, synced and renamed: one that is there is whole.
//! - The guard comes last: whatever dies before leaves a home whose key signs nothing, and the next restore asks again.

use std::fs::{self, DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use config::{Home, Mode, NodeConfig};
use primitives::{Hash, Height, Timestamp};
use rpc::ExitCode;
use serde::Serialize;
use snapshots::Snapshot;
use wallet::signer::overrides::{self, OVERRIDES_BYTES_MAX, Override};
use wallet::signer::{GuardView, SignedStep, look, look_in};

use super::files::digest;
use super::{
    Backup, BackupFile, Belongs, FILE_MODE, FOLDER_MODE, GUARD, MODE_BITS, OVERRIDES, key_paths, refused, said,
    sync_folder,
};
use crate::commands::snapshot_restore::{Unattested, fill};
use crate::commands::snapshots::read_genesis;
use crate::exit::Failure;
use crate::output::Output;

/// Largest configuration and guard that are read, bytes.
const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// What is asked for.
pub struct Given<'a> {
    /// The home to fill.
    pub home: &'a Home,
    /// The snapshot of the backup, every byte of which was checked.
    pub snapshot: &'a Snapshot,
    /// The reason to take it where nobody attests it.
    pub unattested: Option<Unattested<'a>>,
    /// Values of the command line.
    pub flags: &'a [(String, String)],
    /// The reason to take a guard that is older than what its key may have signed.
    pub override_guard: Option<&'a str>,
    /// Whether a validator shall be restored although nobody has its key here.
    pub without_keys: bool,
    /// The time.
    pub now: Timestamp,
}

/// What a restore did.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// The backup.
    pub path: PathBuf,
    /// The home.
    pub home: PathBuf,
    /// The chain.
    pub genesis: Hash,
    /// The height that the node goes on from.
    pub height: Height,
    /// Files that were written.
    pub files: usize,
    /// Files that were there already with the same bytes.
    pub same: usize,
    /// Whether secrets were in the backup.
    pub with_keys: bool,
}

fn no(code: &str, what: impl std::fmt::Display, hint: impl std::fmt::Display) -> Failure {
    Failure::new(ExitCode::Refused, code, what, hint)
}

/// Fills a home from a backup whose bytes were checked and whose snapshot was judged. The rest is checked before the first byte is written.
///
/// # Errors
/// [`Failure`] by name.
pub fn restore(backup: &Backup, given: &Given<'_>, output: Output) -> Result<Restored, Failure> {
    let index = &backup.index;
    check_chain(given.home, &index.genesis)?;
    // The configuration that counts afterwards: the one of the backup, where the home has none.
    let staged = stage_config(backup, given)?;
    check_paths(backup, given.home, &staged)?;
    check_keys(backup, given, &staged)?;
    let old_guard = check_guard(backup, given)?;
    let store = staged.store_dir();
    if store.join("store").exists() {
        let what = format!("there is a store in {}", store.display());
        return Err(no("store_not_empty", what, "move it aside, then restore"));
    }
    let placed = places(backup, given.home, &staged)?;
    keep_overrides(backup, given, old_guard.as_ref())?;
    if let Some(unattested) = &given.unattested {
        unattested.keep(&staged, output)?;
    }
    for (file, to) in &placed.missing {
        place(backup, file, to)?;
    }
    fill(given.snapshot, &staged, &read_genesis(given.home)?, output)?;
    if let Some(OldGuard { file, .. }) = &old_guard {
        place(backup, file, &given.home.guard())?;
    }
    Ok(Restored {
        path: backup.path().to_owned(),
        home: given.home.root().to_owned(),
        genesis: index.genesis,
        height: index.height,
        files: placed.missing.len().saturating_add(usize::from(old_guard.is_some())),
        same: placed.same,
        with_keys: index.with_keys,
    })
}

/// A home that has a genesis file is of the backup's chain.
fn check_chain(home: &Home, expected: &Hash) -> Result<(), Failure> {
    if !home.genesis_json().exists() {
        return Ok(());
    }
    let found = read_genesis(home)?.hash();
    if found == *expected {
        return Ok(());
    }
    let what = format!("the home is of the chain with genesis {found}, the backup is of {expected}");
    Err(no("other_chain", what, "name another home, or a backup of this chain"))
}

/// The configuration of the home once it is restored.
fn stage_config(backup: &Backup, given: &Given<'_>) -> Result<NodeConfig, Failure> {
    let stored = backup.file(&Belongs::Home("node.toml".to_owned()));
    let loaded = match stored.filter(|_| !given.home.node_toml().exists()) {
        Some(file) => {
            let text = String::from_utf8(backup.bytes(file, SMALL_BYTES_MAX)?).map_err(refused)?;
            NodeConfig::load_text(given.home, &text, given.flags, crate::context::environment)?
        }
        None => NodeConfig::load(given.home, given.flags, crate::context::environment)?,
    };
    Ok(loaded.config)
}

/// The keys of the configuration say what they said: otherwise a part of the files would be where nobody looks.
fn check_paths(backup: &Backup, home: &Home, config: &NodeConfig) -> Result<(), Failure> {
    for (key, path) in key_paths(config) {
        let (now, then) = (said(home, &path), backup.index.paths.get(key));
        if then.is_some_and(|then| *then != now) {
            let then = then.map_or("", String::as_str);
            let what = format!("{key} says {now} here and said {then} when the backup was made: a partial migration");
            return Err(no("partial_migration", what, "restore with the same configuration and TB_ variables"));
        }
    }
    Ok(())
}

/// A validator does not come back without its key in silence: the backup has it, or the home, or nobody wants it.
fn check_keys(backup: &Backup, given: &Given<'_>, config: &NodeConfig) -> Result<(), Failure> {
    let key = if config.signer.is_some() { given.home.vrf_key() } else { given.home.validator_key() };
    if backup.index.with_keys || given.without_keys || config.mode != Mode::Validator || key.exists() {
        return Ok(());
    }
    let what = format!(
        "the backup {} was made without secrets, its node is a validator, and {} is missing",
        backup.path().display(),
        key.display()
    );
    Err(no(
        "without_keys",
        what,
        "restore a backup made with --with-keys, copy the keys into the home first, or add --without-keys to restore the rest",
    ))
}

/// A guard of a backup that a home without one is to get.
struct OldGuard<'a> {
    file: &'a BackupFile,
    highest: Option<Height>,
    reason: &'a str,
}

/// A guard never goes back, and none comes back in silence. None where the home keeps its own, or the backup has none.
fn check_guard<'a>(backup: &'a Backup, given: &Given<'a>) -> Result<Option<OldGuard<'a>>, Failure> {
    let Some(file) = backup.file(&Belongs::Home(GUARD.to_owned())) else { return Ok(None) };
    let own = given.home.guard();
    let stored = look_in(&backup.path().join(GUARD), &backup.bytes(file, SMALL_BYTES_MAX)?)?;
    if own.exists() {
        return check_own(&look(&own)?, &stored).map(|()| None);
    }
    let highest = stored.highest.map(|(height, _, _)| height);
    if let Some(reason) = given.override_guard.filter(|reason| !reason.trim().is_empty()) {
        return Ok(Some(OldGuard { file, highest, reason }));
    }
    Err(no(
        "old_guard",
        format!("the guard of the backup knows of {}, its key may have signed since", known(stored.highest)),
        "if this key signs nowhere else and the chain is past what it signed, give the reason: --override-guard \"…\"; it is kept in guard/overrides.log",
    ))
}

/// The home keeps its guard where it is as high as that of the backup, for the same key and chain.
fn check_own(own: &GuardView, stored: &GuardView) -> Result<(), Failure> {
    if own.key != stored.key || own.genesis != stored.genesis {
        let what = format!("the home has the guard of key {}, the backup that of {}", own.key, stored.key);
        return Err(no("guard_differs", what, "restore into another home: a home has one key on one chain"));
    }
    if own.highest >= stored.highest {
        return Ok(());
    }
    let (own, stored) = (known(own.highest), known(stored.highest));
    Err(no(
        "guard_differs",
        format!("the guard of the home is the lower one: it knows of {own}, that of the backup of {stored}"),
        "move guard/guard.log of the home aside, then restore with --override-guard and the reason; never sign with the lower one",
    ))
}

fn known(highest: Option<(Height, primitives::Round, SignedStep)>) -> String {
    let place = |(height, round, step)| format!("signatures up to height {height}, round {round}, {step}");
    highest.map_or_else(|| "no signature".to_owned(), place)
}

/// What has to be written and what is there.
struct Places<'a> {
    /// The file, and where it goes.
    missing: Vec<(&'a BackupFile, PathBuf)>,
    same: usize,
}

fn places<'a>(backup: &'a Backup, home: &Home, config: &NodeConfig) -> Result<Places<'a>, Failure> {
    let mut places = Places { missing: Vec::new(), same: 0 };
    for file in &backup.index.files {
        let to = match &file.belongs {
            Belongs::Home(path) => home.resolve(path),
            Belongs::Data(path) => config.data_dir.join(path),
            Belongs::Key(key) => match key_paths(config).into_iter().find(|(known, _)| known == key) {
                Some((_, path)) => path,
                None => return Err(refused(format!("its list names the key {key}, which this build has not"))),
            },
        };
        // A guard that is there was judged already and stays; one that is missing comes last. Reasons are added to those that are there.
        let is_apart = [GUARD, OVERRIDES].iter().any(|apart| file.belongs == Belongs::Home((*apart).to_owned()));
        if is_apart {
            places.same += usize::from(to.exists());
        } else if !to.exists() {
            places.missing.push((file, to));
        } else if digest(&to)? == (file.bytes, file.blake3.clone()) {
            places.same += 1;
        } else {
            let what = format!("{} is there with other bytes", to.display());
            return Err(no("file_exists", what, "move it aside, or restore into an empty home"));
        }
    }
    Ok(places)
}

/// Keeps who took which old guard, when and why: those of the backup, and this one. Durable when it returns.
fn keep_overrides(backup: &Backup, given: &Given<'_>, old: Option<&OldGuard<'_>>) -> Result<(), Failure> {
    let guard = given.home.guard();
    if let Some(file) = backup.file(&Belongs::Home(OVERRIDES.to_owned())) {
        let earlier = backup.bytes(file, OVERRIDES_BYTES_MAX)?;
        overrides::keep(&guard, &String::from_utf8_lossy(&earlier))?;
    }
    if let Some(OldGuard { highest, reason, .. }) = old {
        Override { from: backup.path(), reason, time: given.now }.note(&guard, *highest)?;
    }
    Ok(())
}

/// Writes a file of the backup where it belongs, whole and durable.
fn place(backup: &Backup, file: &BackupFile, to: &Path) -> Result<(), Failure> {
    let folder = to.parent().unwrap_or(to);
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(|cause| Failure::disk(folder, &cause))?;
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.join(format!(".{name}.restoring"));
    let failed = |cause| Failure::disk(&new, &cause);
    let mut written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&new).map_err(failed)?;
    backup.copy(file, &new, &mut written)?;
    let mode = fs::Permissions::from_mode(file.mode & MODE_BITS);
    written.set_permissions(mode).and_then(|()| written.sync_all()).map_err(failed)?;
    fs::rename(&new, to).map_err(|cause| Failure::disk(to, &cause))?;
    sync_folder(folder)
}
