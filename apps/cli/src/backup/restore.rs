//! Bringing a home back from a backup.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use config::{Home, NodeConfig};
use primitives::{Genesis, Hash, Height, Timestamp};
use rpc::ExitCode;
use serde::Serialize;
use wallet::signer::look;

use super::{Backup, Belongs, MODE_BITS, copy_synced, digest, key_paths, said, sync_folder};
use crate::commands::snapshots::fill;
use crate::exit::Failure;
use crate::output::Output;

/// The guard below a home.
const GUARD: &str = "guard/guard.log";
/// Where overrides are kept.
const OVERRIDES: &str = "guard/overrides.log";

/// What is asked for.
pub struct Given<'a> {
    /// The home to fill.
    pub home: &'a Home,
    /// Values of the command line.
    pub flags: &'a [(String, String)],
    /// The reason to take a guard that is older than what its key may have signed.
    pub override_guard: Option<&'a str>,
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
    /// Whether the keys of a validator came with it.
    pub with_keys: bool,
}

fn no(code: &str, what: impl std::fmt::Display, hint: impl std::fmt::Display) -> Failure {
    Failure::new(ExitCode::Refused, code, what, hint)
}

/// Fills a home. Everything is checked before the first byte is written.
///
/// # Errors
/// [`Failure`] by name.
pub fn restore(backup: &Backup, given: &Given<'_>, output: Output) -> Result<Restored, Failure> {
    let index = &backup.index;
    if index.schema > storage::columns::SCHEMA_VERSION {
        let (found, here) = (index.schema, storage::columns::SCHEMA_VERSION);
        let what = format!("the backup is of a store with schema {found}, this build writes schema {here}");
        return Err(no("newer_schema", what, "use the build that made the backup, or a newer one"));
    }
    let bar = crate::commands::snapshots::Bar::new(output);
    let snapshot = backup.verify(&mut |progress| bar.tell(progress))?;
    bar.end();
    check_chain(given.home, &index.genesis)?;
    // The configuration that counts afterwards: the one of the backup, where the home has none.
    let staged = stage_config(backup, given)?;
    check_paths(backup, given.home, &staged)?;
    check_guard(backup, given)?;
    let store = staged.store_dir();
    if store.join("store").exists() {
        let what = format!("there is a store in {}", store.display());
        return Err(no("store_not_empty", what, "move it aside, then restore"));
    }
    let placed = places(backup, given.home, &staged)?;
    let mut files = 0;
    for (from, to, mode) in &placed.missing {
        let folder = to.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
        copy_synced(from, to)?;
        let mode = fs::Permissions::from_mode(mode & MODE_BITS);
        fs::set_permissions(to, mode).map_err(|cause| Failure::disk(to, &cause))?;
        sync_folder(folder)?;
        files += 1;
    }
    note_override(backup, given)?;
    let text = fs::read_to_string(given.home.genesis_json());
    let text = text.map_err(|cause| Failure::disk(&given.home.genesis_json(), &cause))?;
    let genesis = Genesis::from_json(&text)
        .map_err(|error| Failure::told(ExitCode::Config, "genesis", error, "use the genesis file of the chain"))?;
    fill(&snapshot, &staged, &genesis, output)?;
    Ok(Restored {
        path: backup.shown.clone(),
        home: given.home.root().to_owned(),
        genesis: index.genesis,
        height: index.height,
        files,
        same: placed.same,
        with_keys: index.with_keys,
    })
}

/// A home that has a genesis file is of the backup's chain.
fn check_chain(home: &Home, expected: &Hash) -> Result<(), Failure> {
    let path = home.genesis_json();
    if !path.exists() {
        return Ok(());
    }
    let found = crate::commands::snapshots::read_genesis(home)?.hash();
    if found == *expected {
        return Ok(());
    }
    let what = format!("the home is of the chain with genesis {found}, the backup is of {expected}");
    Err(no("other_chain", what, "name another home, or a backup of this chain"))
}

/// The configuration of the home once it is restored.
fn stage_config(backup: &Backup, given: &Given<'_>) -> Result<NodeConfig, Failure> {
    let own = given.home.node_toml();
    let belongs = Belongs::Home("node.toml".to_owned());
    let stored = backup.index.files.iter().find(|file| file.belongs == belongs);
    let home = match stored {
        Some(file) if !own.exists() => given.home.clone().with_config(backup.check(file)?),
        Some(_) | None => given.home.clone(),
    };
    Ok(NodeConfig::load(&home, given.flags, crate::context::environment)?.config)
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

/// A guard never goes back, and none comes back in silence.
fn check_guard(backup: &Backup, given: &Given<'_>) -> Result<(), Failure> {
    let belongs = Belongs::Home(GUARD.to_owned());
    let Some(file) = backup.index.files.iter().find(|file| file.belongs == belongs) else { return Ok(()) };
    let stored = look(&backup.check(file)?)?;
    let own = given.home.guard();
    if own.exists() {
        let own = look(&own)?;
        if own.key == stored.key && own.genesis == stored.genesis && own.highest >= stored.highest {
            return Ok(());
        }
        let what = "the home has a guard that is not a later one of the same key and chain";
        return Err(no(
            "guard_differs",
            what,
            "keep the guard that is there: restore without keys, or into another home",
        ));
    }
    if given.override_guard.is_some_and(|reason| !reason.trim().is_empty()) {
        return Ok(());
    }
    let height = stored.highest.map_or_else(|| "nothing".to_owned(), |(height, _, _)| format!("height {height}"));
    Err(no(
        "old_guard",
        format!("the guard of the backup knows of signatures up to {height}, its key may have signed since"),
        "if this key signs nowhere else and the chain is past what it signed, give the reason: --override-guard \"…\"; it is kept in guard/overrides.log",
    ))
}

/// What has to be written and what is there.
struct Places {
    /// From, to, and who may do what with it.
    missing: Vec<(PathBuf, PathBuf, u32)>,
    same: usize,
}

fn places(backup: &Backup, home: &Home, config: &NodeConfig) -> Result<Places, Failure> {
    let mut places = Places { missing: Vec::new(), same: 0 };
    for file in &backup.index.files {
        let from = backup.check(file)?;
        let to = match &file.belongs {
            Belongs::Home(path) => home.resolve(path),
            Belongs::Data(path) => config.data_dir.join(path),
            Belongs::Key(key) => match key_paths(config).into_iter().find(|(known, _)| known == key) {
                Some((_, path)) => path,
                None => return Err(super::refused(format!("its list names the key {key}, which this build has not"))),
            },
        };
        // A guard that is there was judged already and stays.
        let is_guard = file.belongs == Belongs::Home(GUARD.to_owned());
        if !to.exists() {
            places.missing.push((from, to, file.mode));
        } else if is_guard || digest(&to)? == (file.bytes, file.blake3.clone()) {
            places.same += 1;
        } else {
            let what = format!("{} is there with other bytes", to.display());
            return Err(no("file_exists", what, "move it aside, or restore into an empty home"));
        }
    }
    Ok(places)
}

/// Keeps who took which old guard, when and why.
fn note_override(backup: &Backup, given: &Given<'_>) -> Result<(), Failure> {
    let belongs = Belongs::Home(GUARD.to_owned());
    let has_guard = backup.index.files.iter().any(|file| file.belongs == belongs);
    let (Some(reason), true) = (given.override_guard, has_guard) else { return Ok(()) };
    let line = serde_json::json!({
        "time": given.now, "backup": backup.shown, "guard_height": backup.index.guard_height, "reason": reason,
    });
    append(&given.home.resolve(OVERRIDES), &format!("{line}\n"))
}

fn append(path: &Path, line: &str) -> Result<(), Failure> {
    let failed = |cause| Failure::disk(path, &cause);
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
