//! What a drill or `tb diagnostics` leaves behind: one zip with all that is needed to understand it, and to run a drill again.
//!
//! ```text
//! scenario.toml   what was asked for        metadata.json   version, lines, genesis hash, times
//! summary.json    verdict and figures       log.txt         what happened when, for people
//! events.jsonl    the same for programs     genesis.json    the chain
//! logs/nodeI.log  what each node said       metrics/…       all series of all nodes, before, during and after
//! ```
//!
//! Rules
//! - No file of keys or passwords is packed, and what they hold is blacked out wherever it stands in a text.
//! - Sizes are bounded: of a long log the end is kept.
//! - A file that exists is never written over, and one that cannot be finished is taken away again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::exit::Failure;
use crate::masked::{BLACKED_OUT, mask};

/// The environment variable that names the folder of artefacts.
pub const ROOT_VARIABLE: &str = "TB_CHAOS_ARTIFACT_ROOT";
/// The folder when nothing else is said, below the folder where the command runs.
pub const ROOT_DEFAULT: &str = "target/chaos_artifacts";
/// Bytes of each node's log that are kept: its end.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Largest artefact that is read.
const ARTEFACT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest entry that is read from one.
const ENTRY_BYTES_MAX: u64 = 1024 * 1024;
/// Shorter texts of a key file say nothing and stand everywhere.
const SECRET_LENGTH_MIN: usize = 16;
/// Length of one seed in hexadecimal.
const SEED_HEX_LENGTH: usize = 64;
/// Format of the metadata.
const VERSION: u32 = 1;

/// What an artefact says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Format.
    pub version: u32,
    /// Name of the drill.
    pub name: String,
    /// Version of the program.
    pub tb: String,
    /// When it began, milliseconds since the Unix epoch.
    pub started_unix_ms: u64,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: u64,
    /// Hash of the genesis file.
    pub genesis_hash: String,
    /// Who dials whom, with delay, jitter, loss and duplicates: `0-1 20+30 ms, 0 ppm lost, 0 ppm twice`.
    pub lines: Vec<String>,
}

impl Metadata {
    /// Metadata of this program.
    pub fn new(name: &str, started_unix_ms: u64) -> Self {
        Self {
            version: VERSION,
            name: name.to_owned(),
            tb: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms,
            block_interval_ms: 0,
            genesis_hash: String::new(),
            lines: Vec::new(),
        }
    }
}

/// An artefact in the making: texts by their names.
#[derive(Debug, Default)]
pub struct Artefact {
    entries: Vec<(String, String)>,
    secrets: Vec<String>,
}

impl Artefact {
    /// One without entries, for a network in this folder, whose secrets it will know.
    pub fn of(root: &Path) -> Self {
        let mut secrets = Vec::new();
        gather(root, 0, &mut secrets);
        Self { entries: Vec::new(), secrets }
    }

    /// Blacks this out, too, in what is added from now on.
    pub fn hide(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// Adds a text.
    pub fn add(&mut self, name: impl Into<String>, text: &str) {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret) {
                text = text.replace(secret, BLACKED_OUT);
            }
        }
        self.entries.push((name.into(), text));
    }

    /// Adds the end of a file; one that is not there is left out.
    pub fn add_file(&mut self, name: impl Into<String>, path: &Path) {
        if let Ok(bytes) = tail(path) {
            self.add(name, &String::from_utf8_lossy(&bytes));
        }
    }

    /// Adds the end of a log of anybody; also secrets that nobody here knows are blacked out, where their names tell them.
    pub fn add_log(&mut self, name: impl Into<String>, path: &Path) {
        if let Ok(bytes) = tail(path) {
            self.add(name, &mask(&String::from_utf8_lossy(&bytes)));
        }
    }

    /// Writes `NAME-TIME.zip` into `folder`. Gives its path and the BLAKE3 hash of its bytes.
    ///
    /// # Errors
    /// [`Failure`] when the disk refuses.
    pub fn write(&self, folder: &Path, name: &str, unix_ms: u64) -> Result<(PathBuf, String), Failure> {
        fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
        let path = folder.join(format!("{name}-{}.zip", stamp(unix_ms)));
        let hash = self.write_to(&path)?;
        Ok((path, hash))
    }

    /// Writes it to this path, where nothing may be yet. Gives the BLAKE3 hash of its bytes.
    ///
    /// # Errors
    /// [`Failure`] when a file is there or the disk refuses; then nothing of it stays.
    pub fn write_to(&self, path: &Path) -> Result<String, Failure> {
        let file = File::create_new(path).map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => taken(path),
            _ => Failure::disk(path, &cause),
        })?;
        let written = self.fill(file).map_err(|cause| Failure::disk(path, &cause)).and_then(|()| hash_of(path));
        if written.is_err() {
            // What hinders the writing may hinder this too, and is told either way.
            let _ = fs::remove_file(path);
        }
        written
    }

    fn fill(&self, file: File) -> io::Result<()> {
        let mut zip = ZipWriter::new(file);
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, text) in &self.entries {
            zip.start_file(name.as_str(), options)?;
            zip.write_all(text.as_bytes())?;
        }
        zip.finish()?.sync_all()
    }

    /// Names of what was added, in order.
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// The refusal to write over a file.
pub fn taken(path: &Path) -> Failure {
    let what = format!("{} exists, and no file is written over", path.display());
    Failure::new(ExitCode::Refused, "file_exists", what, "name another file, or move that one away")
}

/// The scenario and the metadata of an artefact, and the hash of its bytes.
///
/// # Errors
/// [`Failure`] for a file that is no artefact of this program.
pub fn read(path: &Path) -> Result<(String, Metadata, String), Failure> {
    let refused = |cause: String| {
        let what = format!("{} is no artefact of a drill: {cause}", path.display());
        Failure::new(
            ExitCode::Usage,
            "artefact",
            what,
            "name a zip that tb devnet --scenario has written, or a scenario file",
        )
    };
    let file = File::open(path).map_err(|cause| Failure::disk(path, &cause))?;
    let size = file.metadata().map_err(|cause| Failure::disk(path, &cause))?.len();
    if size > ARTEFACT_BYTES_MAX {
        return Err(refused(format!("it has {size} bytes, at most {ARTEFACT_BYTES_MAX} are read")));
    }
    let mut zip = ZipArchive::new(file).map_err(|error| refused(error.to_string()))?;
    let mut entry = |name: &str| {
        let entry = zip.by_name(name).map_err(|error| refused(format!("{name}: {error}")))?;
        let mut text = String::new();
        let read = entry.take(ENTRY_BYTES_MAX.saturating_add(1)).read_to_string(&mut text);
        match read {
            Ok(length) if u64::try_from(length).is_ok_and(|length| length <= ENTRY_BYTES_MAX) => Ok(text),
            Ok(_) => Err(refused(format!("{name} has more than {ENTRY_BYTES_MAX} bytes"))),
            Err(error) => Err(refused(format!("{name}: {error}"))),
        }
    };
    let (scenario, metadata) = (entry("scenario.toml")?, entry("metadata.json")?);
    let metadata: Metadata = serde_json::from_str(&metadata).map_err(|error| refused(error.to_string()))?;
    if metadata.version != VERSION {
        return Err(refused(format!("its format is {}, this program reads {VERSION}", metadata.version)));
    }
    Ok((scenario, metadata, hash_of(path)?))
}

/// A name for each of these different paths: its file, with as many folders before it as no other path ends with.
pub fn names(paths: &[PathBuf]) -> Vec<String> {
    let parts = |path: &PathBuf| -> Vec<String> {
        let parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let all: Vec<Vec<String>> = paths.iter().map(parts).collect();
    let name = |own: &Vec<String>| {
        let mut ends = (1..=own.len()).map(|count| &own[own.len() - count..]);
        let alone = |end: &&[String]| all.iter().filter(|other| other.ends_with(end)).count() == 1;
        ends.find(alone).unwrap_or(own).join("/")
    };
    all.iter().map(name).collect()
}

fn hash_of(path: &Path) -> Result<String, Failure> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(|cause| Failure::disk(path, &cause))?;
    hasher.update_reader(file).map_err(|cause| Failure::disk(path, &cause))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The texts of every file of keys and passwords below a folder that are long enough to mean something.
fn gather(folder: &Path, depth: u8, secrets: &mut Vec<String>) {
    /// The folders of nodes lie one below the network's, their key folders two.
    const DEPTH_MAX: u8 = 3;
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && depth < DEPTH_MAX && name != "data" {
            gather(&path, depth + 1, secrets);
            continue;
        }
        let holds_secrets = name == "password" || name.contains("key") || name.contains("token");
        if holds_secrets && let Ok(text) = fs::read_to_string(&path) {
            secrets.extend(words_of_secrets(&text));
        }
    }
}

/// In JSON every text whose name speaks of a secret or a seed; of any other file its words.
fn words_of_secrets(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => secret_values(&value, false, &mut words),
        Err(_) => words.extend(text.split_whitespace().map(str::to_owned)),
    }
    // One file may hold several seeds in a row.
    let parts = |word: &String| {
        let bytes = word.as_bytes().chunks(SEED_HEX_LENGTH).map(|part| String::from_utf8_lossy(part).into_owned());
        bytes.collect::<Vec<_>>()
    };
    let single: Vec<String> = words.iter().filter(|word| word.len() > SEED_HEX_LENGTH).flat_map(parts).collect();
    words.extend(single);
    words.retain(|word| word.len() >= SECRET_LENGTH_MIN);
    words
}

fn secret_values(value: &serde_json::Value, is_secret: bool, words: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if is_secret => words.push(text.clone()),
        serde_json::Value::Array(list) => list.iter().for_each(|value| secret_values(value, is_secret, words)),
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                let speaks = ["secret", "seed", "private", "sealed", "cipher", "mnemonic"];
                let speaks = speaks.iter().any(|word| name.contains(word));
                secret_values(value, is_secret || speaks, words);
            }
        }
        _ => {}
    }
}

/// A time in UTC as it stands in names of files: `20261121-063103`.
pub fn stamp(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date of the Gregorian calendar, counted in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", second / 3_600, second / 60 % 60, second % 60)
}
