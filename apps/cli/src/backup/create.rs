//! Making a backup.
//!
//! ```text
//!   lock ─► leftovers removed ─► .new-<pid>/ filled, every file sealed as it is read, synced ─► renamed
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use config::{Home, NodeConfig};
use primitives::{Genesis, Height, Timestamp};
use rpc::ExitCode;
use snapshots::shelf::{MANIFEST, folder_name};
use snapshots::{Progress, Snapshot};
use wallet::Password;
use wallet::signer::look_in;

use super::files::{Folder, Sum};
use super::{
    Backup, BackupFile, Belongs, FILES, FILES_MAX, FOLDER_MODE, FORMAT, GUARD, INDEX, INDEX_SUM, Index, MODE_BITS,
    OVERRIDES, SNAPSHOT, key_paths, said, sealed, sync_folder,
};
use crate::commands::snapshots::Bar;
use crate::exit::Failure;
use crate::output::Output;

/// Begin of the name of a backup that is being made.
const NEW: &str = ".new-";
/// Held while a backup is made in a folder.
const LOCK: &str = "lock";
/// Files of a home that hold no secret.
const OPEN: [&str; 3] = ["genesis.json", "node.toml", "validator_public.json"];
/// Files and folders of a home that do.
const SECRET: [&str; 10] = [
    "validator_key.json",
    "vrf_key.json",
    "signer",
    "validator_key.next.json",
    "node_key",
    "keys",
    GUARD,
    OVERRIDES,
    ".env",
    "le_portal",
];
/// Folders below the chain data that nobody else has.
const DATA: [&str; 1] = ["audits"];

/// What is to be backed up.
pub struct Wanted<'a> {
    /// The home.
    pub home: &'a Home,
    /// Its configuration.
    pub config: &'a NodeConfig,
    /// Its chain.
    pub genesis: &'a Genesis,
    /// The snapshot that goes with it.
    pub snapshot: &'a Snapshot,
    /// Whether secrets go with it.
    pub with_keys: bool,
    /// The time.
    pub now: Timestamp,
}

/// Makes a backup in a folder of its own below `folder`, sealed under a password if there is one. Durable when it returns.
///
/// # Errors
/// [`Failure`]; what was there before is untouched.
pub fn create(folder: &Path, wanted: &Wanted<'_>, seal: Option<&Password>, output: Output) -> Result<Backup, Failure> {
    fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
    let _lock = lock(folder)?;
    clear(folder, output)?;
    let new = folder.join(format!("{NEW}{}", std::process::id()));
    let made = fill(&new, wanted, seal, output).and_then(|backup| {
        let path = folder.join(format!("{:020}-{:013}", wanted.snapshot.height().0, wanted.now.0));
        fs::rename(&new, &path).map_err(|cause| Failure::disk(&path, &cause))?;
        sync_folder(folder)?;
        Ok(backup.at(path))
    });
    if made.is_err() {
        // What cannot be removed now, the next backup removes.
        let _ = fs::remove_dir_all(&new);
    }
    made
}

/// Keeps others from making a backup in this folder as long as the file lives.
fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
    let file = file.map_err(|cause| Failure::disk(&path, &cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let what = format!("another process makes a backup in {}", folder.display());
            Err(Failure::new(ExitCode::Refused, "backup_in_use", what, "wait for it to end, or name another folder"))
        }
        Err(TryLockError::Error(cause)) => Err(Failure::disk(&path, &cause)),
    }
}

/// Removes what interrupted backups left; it may hold secrets.
fn clear(folder: &Path, output: Output) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|cause| Failure::disk(folder, &cause))? {
        let path = entry.map_err(|cause| Failure::disk(folder, &cause))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NEW)) {
            output.talk(format_args!("removing what an interrupted backup left: {}", path.display()));
            fs::remove_dir_all(&path).map_err(|cause| Failure::disk(&path, &cause))?;
        }
    }
    Ok(())
}

/// Fills a new folder.
fn fill(new: &Path, wanted: &Wanted<'_>, seal: Option<&Password>, output: Output) -> Result<Backup, Failure> {
    let (key, lock) = seal.map(sealed::new).transpose()?.unzip();
    DirBuilder::new().mode(FOLDER_MODE).create(new).map_err(|cause| Failure::disk(new, &cause))?;
    let to = Folder::new(new, key);
    let found = found(wanted)?;
    let all = found.len().saturating_add(wanted.snapshot.manifest.chunks().len());
    let (bar, mut done) = (Bar::of(output, "files"), 0_usize);
    let mut copied = || {
        done = done.saturating_add(1);
        bar.tell(Progress { done, count: all });
    };
    let (mut files, mut guard_height) = (Vec::new(), None);
    for (belongs, from) in found {
        let name = format!("{:06}", files.len());
        let mode = fs::metadata(&from).map_err(|cause| Failure::disk(&from, &cause))?.permissions().mode() & MODE_BITS;
        let stored = format!("{FILES}/{name}");
        let (bytes, blake3) = if belongs == Belongs::Home(GUARD.to_owned()) {
            let (sum, height) = put_guard(&to, &stored, &from)?;
            guard_height = height;
            sum
        } else {
            to.put(&stored, &from)?
        };
        files.push(BackupFile { name, belongs, bytes, blake3, mode });
        copied();
    }
    let snapshot = put_snapshot(&to, wanted.snapshot, &mut copied)?;
    bar.end();
    let paths = key_paths(wanted.config).map(|(key, path)| (key.to_owned(), said(wanted.home, &path)));
    let index = Index {
        format: FORMAT,
        schema: storage::columns::SCHEMA_VERSION,
        chain_id: wanted.genesis.chain_id.clone(),
        genesis: wanted.genesis.hash(),
        height: wanted.snapshot.height(),
        made_at: wanted.now,
        with_keys: wanted.with_keys,
        guard_height,
        paths: BTreeMap::from(paths),
        files,
    };
    let text = serde_json::to_vec_pretty(&index).map_err(super::refused)?;
    let sum = format!("{}\n", blake3::hash(&text).to_hex());
    for (name, bytes) in [(INDEX, text.as_slice()), (INDEX_SUM, sum.as_bytes())] {
        to.put_bytes(name, new, bytes)?;
    }
    if let Some(lock) = lock {
        lock.write(new)?;
    }
    to.sync(&[FILES, &snapshot, SNAPSHOT])?;
    Ok(Backup { folder: to, index })
}

/// Copies the guard; gives the highest height that the copy knows of. A record that is being written does not count.
fn put_guard(to: &Folder, name: &str, from: &Path) -> Result<(Sum, Option<Height>), Failure> {
    let bytes = fs::read(from).map_err(|cause| Failure::disk(from, &cause))?;
    let height = look_in(from, &bytes)?.highest.map(|(height, _, _)| height);
    Ok((to.put_bytes(name, from, &bytes)?, height))
}

/// Copies a snapshot that is on disk already; gives the name of its folder.
fn put_snapshot(to: &Folder, snapshot: &Snapshot, copied: &mut dyn FnMut()) -> Result<String, Failure> {
    let folder = format!("{SNAPSHOT}/{}", folder_name(&snapshot.manifest));
    for entry in snapshot.manifest.chunks() {
        let path = snapshot.chunk_path(&entry.id);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        to.put(&format!("{folder}/{name}"), &path)?;
        copied();
    }
    to.put_bytes(&format!("{folder}/{MANIFEST}"), &snapshot.path, &snapshot.manifest.to_bytes())?;
    Ok(folder)
}

/// The files that are there, each with where it belongs.
fn found(wanted: &Wanted<'_>) -> Result<Vec<(Belongs, PathBuf)>, Failure> {
    let mut found = Vec::new();
    let secret: &[&str] = if wanted.with_keys { &SECRET } else { &[] };
    for name in OPEN.iter().chain(secret) {
        walk(wanted.home.root(), Path::new(name), &Belongs::Home, &mut found)?;
    }
    for (key, path) in key_paths(wanted.config) {
        if path.is_file() {
            found.push((Belongs::Key(key.to_owned()), path));
        }
    }
    for name in DATA {
        walk(&wanted.config.data_dir, Path::new(name), &Belongs::Data, &mut found)?;
    }
    Ok(found)
}

/// A file, or all files of a folder.
fn walk(
    root: &Path,
    path: &Path,
    belongs: &dyn Fn(String) -> Belongs,
    found: &mut Vec<(Belongs, PathBuf)>,
) -> Result<(), Failure> {
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let full = root.join(&path);
        if full.is_file() {
            if found.len() >= FILES_MAX {
                let what = format!("there are more than {FILES_MAX} files below {}", root.display());
                return Err(Failure::usage(what, "move aside what does not belong to the node"));
            }
            found.push((belongs(path.display().to_string()), full));
        } else if full.is_dir() {
            for entry in fs::read_dir(&full).map_err(|cause| Failure::disk(&full, &cause))? {
                let name = entry.map_err(|cause| Failure::disk(&full, &cause))?.file_name();
                waiting.push(path.join(name));
            }
        }
    }
    Ok(())
}
