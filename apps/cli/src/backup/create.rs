//! Making a backup.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use config::{Home, NodeConfig};
use primitives::{Genesis, Timestamp};
use snapshots::{Shelf, Snapshot};
use wallet::Password;
use wallet::signer::look;

use super::sealed::{self, Unsealed};
use super::{
    Backup, BackupFile, Belongs, FILES, FILES_MAX, FOLDER_MODE, FORMAT, INDEX, INDEX_SUM, Index, MODE_BITS, SNAPSHOT,
    copy_synced, digest, key_paths, said, sync_folder,
};
use crate::exit::Failure;

/// Files of a home that hold no secret.
const OPEN: [&str; 3] = ["genesis.json", "node.toml", "validator_public.json"];
/// Files and folders of a home that do.
const SECRET: [&str; 9] = [
    "validator_key.json",
    "vrf_key.json",
    "signer",
    "validator_key.next.json",
    "node_key",
    "keys",
    "guard/guard.log",
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
pub fn create(folder: &Path, wanted: &Wanted<'_>, seal: Option<&Password>) -> Result<Backup, Failure> {
    fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
    let new = folder.join(format!(".new-{}", std::process::id()));
    let filled = match seal {
        None => fill(&new, wanted).and_then(|()| Backup::open(&new)),
        Some(password) => fill_sealed(&new, wanted, password),
    };
    let made = filled.and_then(|backup| {
        let path = folder.join(format!("{:020}-{:013}", wanted.snapshot.height().0, wanted.now.0));
        fs::rename(&new, &path).map_err(|cause| Failure::disk(&path, &cause))?;
        sync_folder(folder)?;
        Ok(Backup { path: path.clone(), shown: path, ..backup })
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    made
}

/// What is not sealed yet stays on the disk of the home, which has the same secrets.
fn fill_sealed(new: &Path, wanted: &Wanted<'_>, password: &Password) -> Result<Backup, Failure> {
    let plain = Unsealed::new(&wanted.config.data_dir.join(sealed::PLAIN))?;
    fill(plain.path(), wanted)?;
    let backup = Backup::open(plain.path())?;
    sealed::seal(plain.path(), new, password)?;
    Ok(backup)
}

fn fill(new: &Path, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let files_folder = new.join(FILES);
    fs::create_dir_all(&files_folder).map_err(|cause| Failure::disk(new, &cause))?;
    let closed = fs::Permissions::from_mode(FOLDER_MODE);
    fs::set_permissions(new, closed).map_err(|cause| Failure::disk(new, &cause))?;
    let mut files = Vec::new();
    for (belongs, from) in found(wanted)? {
        let name = format!("{:06}", files.len());
        let to = files_folder.join(&name);
        copy_synced(&from, &to)?;
        // What was copied counts, not what the file has become since.
        let (bytes, blake3) = digest(&to)?;
        let mode = fs::metadata(&from).map_err(|cause| Failure::disk(&from, &cause))?.permissions().mode() & MODE_BITS;
        files.push(BackupFile { name, belongs, bytes, blake3, mode });
    }
    copy_snapshot(wanted.snapshot, &new.join(SNAPSHOT))?;
    let guard = files.iter().find(|file| file.belongs == Belongs::Home("guard/guard.log".to_owned()));
    let guard_height = match guard {
        Some(file) => look(&files_folder.join(&file.name))?.highest.map(|(height, _, _)| height),
        None => None,
    };
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
        snapshots::shelf::write_synced(&new.join(name), bytes)?;
    }
    for folder in [&files_folder, new] {
        sync_folder(folder)?;
    }
    Ok(())
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

/// Copies a snapshot that is on disk already, or leaves one that was made here.
fn copy_snapshot(snapshot: &Snapshot, to: &Path) -> Result<(), Failure> {
    let to = to.join(snapshots::shelf::folder_name(&snapshot.manifest));
    fs::create_dir_all(&to).map_err(|cause| Failure::disk(&to, &cause))?;
    for entry in snapshot.manifest.chunks() {
        copy_synced(&snapshot.chunk_path(&entry.id), &snapshots::shelf::chunk_path(&to, &entry.id))?;
    }
    snapshots::shelf::write_manifest(&to, &snapshot.manifest)?;
    sync_folder(&to)?;
    let shelf = Shelf::new(to.parent().unwrap_or(&to));
    sync_folder(shelf.path())
}
