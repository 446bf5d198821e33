//! Checks every file of the engine before the engine opens it, and names the one that is damaged.
//!
//! Why: at open the engine cuts a journal where it stops making sense, deletes tables that its manifest does not
//! list and does not verify the manifest, so a flipped bit could pass as a crash. The audit reads the engine's
//! formats (fjall 3.1, lsm-tree 3.1) and changes nothing, except that it cuts a torn record that was never acknowledged.
//!
//! ```text
//! version                 "FJL" 3
//! keyspaces/N/current     manifest id 8 LE ‖ XXH3-128 of that manifest 16 LE ‖ 0
//! keyspaces/N/vID         archive with the sections `tables` (levels ▸ runs ▸ tables) and `blob_files`
//! keyspaces/N/tables/ID   covered by an XXH3-128 of the whole file in the manifest
//! N.jnl                   see `journal.rs`
//! ```
//! Read next: `journal.rs`.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use crate::error::StorageError;
use crate::journal::{self, JournalTail};
use crate::mark::Mark;
use crate::open::Verify;

/// What the audit read and mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Copies of the store's mark that were hurt and written again.
    pub marks_mended: u64,
}

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;
const VERSION_BYTES: &[u8] = b"FJL\x03";
const CURRENT_BYTES: usize = 25;
/// Looks at a manifest that the engine is replacing.
const MANIFEST_TRIES: u32 = 20;
/// Pause between two of them.
const MANIFEST_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.to_owned(), source }
}

/// The error for a damaged file.
pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> StorageError {
    StorageError::DamagedFile { path: path.to_owned(), reason: reason.into() }
}

fn missing_is_damage(path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    move |error| match error.kind() {
        std::io::ErrorKind::NotFound => damaged(path, "it is missing"),
        _ => io("read", path)(error),
    }
}

/// Entries of a directory, sorted by name.
fn entries(path: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(missing_is_damage(path))? {
        paths.push(entry.map_err(io("read", path))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Audits the engine directory; `mark` is the last acknowledged batch.
pub(crate) fn engine_files(path: &Path, verify: Verify, mark: &Mark) -> Result<Audit, StorageError> {
    let mut audit = Audit::default();
    let version = path.join("version");
    if audit.small_file(&version)? != VERSION_BYTES {
        return Err(damaged(&version, "it does not name the engine's format"));
    }
    let lock = path.join("lock");
    fs::metadata(&lock).map_err(missing_is_damage(&lock))?;
    for keyspace in entries(&path.join("keyspaces"))? {
        if keyspace.is_dir() {
            audit.keyspace(&keyspace, verify.is_full(mark.height()))?;
        }
    }
    audit.journals(path, mark)?;
    Ok(audit)
}

impl Audit {
    fn small_file(&mut self, path: &Path) -> Result<Vec<u8>, StorageError> {
        let bytes = fs::read(path).map_err(missing_is_damage(path))?;
        self.count(bytes.len());
        Ok(bytes)
    }

    fn count(&mut self, bytes: usize) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The XXH3-128 of a whole file.
    fn file_digest(&mut self, path: &Path) -> Result<u128, StorageError> {
        let mut file = File::open(path).map_err(missing_is_damage(path))?;
        let mut hasher = Xxh3Default::new();
        let mut chunk = vec![0_u8; CHUNK_BYTES];
        self.files += 1;
        loop {
            let read = file.read(&mut chunk).map_err(io("read", path))?;
            if read == 0 {
                return Ok(hasher.digest128());
            }
            hasher.update(&chunk[..read]);
            self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
    }

    fn keyspace(&mut self, path: &Path, is_full: bool) -> Result<(), StorageError> {
        for (file, digest) in self.listed(path)? {
            self.data_file(&file, digest, is_full)?;
        }
        Ok(())
    }

    /// The data files that the manifest of a keyspace lists, with their digests.
    fn listed(&mut self, path: &Path) -> Result<Vec<(PathBuf, u128)>, StorageError> {
        let current_path = path.join("current");
        let current = self.small_file(&current_path)?;
        let short = || damaged(&current_path, "it is not 25 bytes long");
        let current: &[u8; CURRENT_BYTES] = current.as_slice().try_into().map_err(|_| short())?;
        let (id, rest) = current.split_first_chunk::<8>().ok_or_else(short)?;
        let (digest, kind) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        if kind != [0] {
            return Err(damaged(&current_path, "it names an unknown checksum"));
        }
        let manifest = path.join(format!("v{}", u64::from_le_bytes(*id)));
        if !manifest.try_exists().map_err(io("inspect", &manifest))? {
            return Err(damaged(&current_path, format!("it names {}, which is missing", manifest.display())));
        }
        if self.file_digest(&manifest)? != u128::from_le_bytes(*digest) {
            return Err(damaged(&manifest, "its checksum is not the one that the file `current` beside it names"));
        }
        let mut files = Vec::new();
        for (section, folder) in [(b"tables".as_slice(), "tables"), (b"blob_files".as_slice(), "blobs")] {
            let listed = manifest_files(&manifest, section)?.into_iter();
            files.extend(listed.map(|(id, digest)| (path.join(folder).join(id.to_string()), digest)));
        }
        Ok(files)
    }

    fn data_file(&mut self, path: &Path, digest: u128, is_full: bool) -> Result<(), StorageError> {
        if !is_full {
            // Blocks of the file are checked by the engine and by us when they are read.
            return fs::metadata(path).map(|_| ()).map_err(missing_is_damage(path));
        }
        if self.file_digest(path)? == digest {
            Ok(())
        } else {
            Err(damaged(path, "its checksum is not the one in the manifest"))
        }
    }

    fn journals(&mut self, path: &Path, mark: &Mark) -> Result<(), StorageError> {
        let mut journals = Vec::new();
        for file in entries(path)? {
            if file.extension().is_some_and(|extension| extension == "jnl") {
                let id = file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
                journals.push((id.ok_or_else(|| damaged(&file, "a journal's name is a number"))?, file));
            }
        }
        journals.sort();
        let Some((_, active)) = journals.pop() else {
            return Err(damaged(path, "there is no journal"));
        };
        let (mut newest, mut last) = (None, None);
        for (_, sealed) in &journals {
            let scan = journal::scan(sealed, &mut last)?;
            self.count(scan.bytes);
            if let Some(tail) = scan.tail {
                return Err(damaged(sealed, format!("at offset {}: {}", tail.offset, tail.reason)));
            }
            newest = newest.max(scan.newest);
        }
        let scan = journal::scan(&active, &mut last)?;
        self.count(scan.bytes);
        match scan.tail {
            Some(tail) => cut_tail(&active, &tail, newest.max(scan.newest), mark),
            None => Ok(()),
        }
    }
}

/// Cuts what follows the last whole record of the active journal, if nothing acknowledged is in it.
fn cut_tail(path: &Path, tail: &JournalTail, newest: Option<u64>, mark: &Mark) -> Result<(), StorageError> {
    if newest.is_some_and(|batch| batch < mark.batch) {
        let reason = format!(
            "at offset {}: {}, where acknowledged batches up to {} must follow",
            tail.offset, tail.reason, mark.batch
        );
        return Err(damaged(path, reason));
    }
    let (path_text, offset, reason) = (path.display(), tail.offset, tail.reason);
    tracing::warn!(path = %path_text, offset, reason, "unfinished journal record dropped");
    let file = fs::OpenOptions::new().write(true).open(path).map_err(io("open", path))?;
    file.set_len(tail.offset).map_err(io("cut", path))?;
    file.sync_all().map_err(io("sync", path))
}

/// A data file that is not what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads every data file of a running engine against its manifest. `look` hears how many bytes were read since it was last asked, and stops
/// everything with false. What the engine replaces meanwhile is no damage.
pub(crate) fn running_files(path: &Path, look: &mut dyn FnMut(u64) -> bool) -> Result<Vec<BadFile>, StorageError> {
    let mut bad = Vec::new();
    for keyspace in entries(&path.join("keyspaces"))? {
        if !keyspace.is_dir() {
            continue;
        }
        for (file, digest) in listed_now(&keyspace)? {
            let Some(found) = digest_of(&file, look) else { return Ok(bad) };
            let reason = match found {
                Ok(found) if found == digest => continue,
                Ok(_) => "its checksum is not the one in the manifest".to_owned(),
                Err(error) => error.to_string(),
            };
            if listed_now(&keyspace)?.contains(&(file.clone(), digest)) {
                bad.push(BadFile { path: file, reason });
            }
        }
    }
    Ok(bad)
}

/// What a keyspace lists now. The engine may change from one manifest to the next while this looks.
fn listed_now(keyspace: &Path) -> Result<Vec<(PathBuf, u128)>, StorageError> {
    let mut tries = MANIFEST_TRIES;
    loop {
        match Audit::default().listed(keyspace) {
            Err(StorageError::DamagedFile { .. }) if tries > 0 => {
                tries -= 1;
                std::thread::sleep(MANIFEST_PAUSE);
            }
            listed => return listed,
        }
    }
}

/// The XXH3-128 of a file, or why it cannot be read; none when it was stopped.
fn digest_of(path: &Path, look: &mut dyn FnMut(u64) -> bool) -> Option<std::io::Result<u128>> {
    let mut hasher = Xxh3Default::new();
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Some(Err(error)),
    };
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Some(Ok(hasher.digest128())),
            Ok(read) => {
                hasher.update(&chunk[..read]);
                if !look(u64::try_from(read).unwrap_or(u64::MAX)) {
                    return None;
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

/// The files that a section of a manifest lists, with their digests.
fn manifest_files(path: &Path, section: &[u8]) -> Result<Vec<(u64, u128)>, StorageError> {
    let unreadable = || damaged(path, "it does not parse as a manifest of this engine's format");
    let archive = sfa::Reader::new(path).map_err(|_| unreadable())?;
    let entry = archive.toc().section(section).ok_or_else(unreadable)?;
    let mut file = BufReader::new(File::open(path).map_err(io("open", path))?);
    file.seek(SeekFrom::Start(entry.pos())).map_err(io("read", path))?;
    let mut reader = Fields(file.take(entry.len()));
    let files = if section == b"tables" { reader.tables() } else { reader.blobs() };
    files.map_err(|_| unreadable())
}

/// Little-endian fields of a manifest.
struct Fields<R: Read>(R);

impl<R: Read> Fields<R> {
    fn bytes<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0_u8; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn file(&mut self) -> std::io::Result<(u64, u128)> {
        let id = u64::from_le_bytes(self.bytes()?);
        let [kind] = self.bytes()?;
        if kind != 0 {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        Ok((id, u128::from_le_bytes(self.bytes()?)))
    }

    fn tables(&mut self) -> std::io::Result<Vec<(u64, u128)>> {
        let mut files = Vec::new();
        let [levels] = self.bytes()?;
        for _ in 0..levels {
            let [runs] = self.bytes()?;
            for _ in 0..runs {
                for _ in 0..u32::from_le_bytes(self.bytes()?) {
                    files.push(self.file()?);
                    let _sequence: [u8; 8] = self.bytes()?;
                }
            }
        }
        Ok(files)
    }

    fn blobs(&mut self) -> std::io::Result<Vec<(u64, u128)>> {
        let count = u32::from_le_bytes(self.bytes()?);
        (0..count).map(|_| self.file()).collect()
    }
}
