//! What `tb light verify` has verified: one file for each home. Implements LGT-30.
//!
//! ```text
//!   verified ──► proof_tracker (proof_tracker_path): JSON, one record for each chain
//!   the next time: the block that was attested then must be in the history that a node shows now (`Session::confirm`)
//! ```
//! Rules
//! - Nothing is trusted because it stands here: a check begins at genesis or at `--trust` as ever. A record can only refuse.
//! - The record of a chain never goes to a lower height. Of more than [`CHAINS_MAX`] chains the one goes that was verified longest ago.
//! - The file is written under another name, synced and renamed. Of two runs that end at once one is remembered.
//! - A file that is none of these is refused by name and left as it is.
//!
//! Read next: `light.rs`, `spec/light.md`.

use std::fs;
use std::path::{Path, PathBuf};

use primitives::{Amount, Hash, Height, LedgerDigest, Timestamp};
use rpc::ExitCode;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::light::Checkpoint;
use crate::provision::read_text;

/// Most chains that are remembered.
pub const CHAINS_MAX: usize = 64;
/// Largest file, bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// What the file says it is.
const FORMAT: &str = "the-block proof tracker";
const VERSION: u32 = 1;

/// What was verified of one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracked {
    /// The hash of its genesis.
    pub genesis_hash: Hash,
    /// Its name.
    pub chain_id: String,
    /// Checks that held.
    pub runs: u64,
    /// When the last one ended, milliseconds since 1970.
    pub verified_at_ms: Timestamp,
    /// The last height of the proven ledger.
    pub proven_height: Height,
    /// Its root.
    pub ledger_root: LedgerDigest,
    /// Its supply.
    pub supply: Amount,
    /// The highest height whose header counted.
    pub attested_height: Height,
    /// The hash of that header.
    pub attested_hash: Hash,
}

impl Tracked {
    /// The block that must be in every later history.
    pub const fn attested(&self) -> Checkpoint {
        Checkpoint { height: self.attested_height, hash: self.attested_hash }
    }
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    version: u32,
    chains: Vec<Tracked>,
}

/// The records of a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofTracker {
    path: PathBuf,
    /// The one that was verified last is at the end.
    chains: Vec<Tracked>,
}

impl ProofTracker {
    /// Reads the file; empty where there is none yet.
    ///
    /// # Errors
    /// [`Failure`] for a disk that refuses, and `bad_file` for something else at that place.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            return Ok(Self { path: path.to_owned(), chains: Vec::new() });
        }
        let bad = |reason: String| {
            let hint = "move it away to begin anew, or name another file: proof_tracker_path, TB_PROOF_TRACKER_PATH";
            Failure::new(ExitCode::Config, "bad_file", format!("{}: {reason}", path.display()), hint)
        };
        let text = read_text(path, FILE_BYTES_MAX)?;
        let content: Content =
            serde_json::from_str(&text).map_err(|error| bad(format!("it is no proof tracker: {error}")))?;
        if content.format != FORMAT || content.version != VERSION {
            return Err(bad(format!("it is {:?} version {}", content.format, content.version)));
        }
        if content.chains.len() > CHAINS_MAX {
            return Err(bad(format!("it has more than {CHAINS_MAX} chains")));
        }
        Ok(Self { path: path.to_owned(), chains: content.chains })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All records, the one that was verified last at the end.
    pub fn chains(&self) -> &[Tracked] {
        &self.chains
    }

    /// The record of the chain with this genesis.
    pub fn of(&self, genesis: &Hash) -> Option<&Tracked> {
        self.chains.iter().find(|one| one.genesis_hash == *genesis)
    }

    /// Takes the result of a check that held; `runs` of it is not looked at.
    pub fn note(&mut self, now: Tracked) {
        let known = self.chains.iter().position(|one| one.genesis_hash == now.genesis_hash);
        let kept = match known.map(|at| self.chains.remove(at)) {
            None => Tracked { runs: 1, ..now },
            Some(before) => {
                let runs = before.runs.saturating_add(1);
                let is_behind = now.attested_height < before.attested_height;
                let verified_at_ms = now.verified_at_ms;
                if is_behind { Tracked { runs, verified_at_ms, ..before } } else { Tracked { runs, ..now } }
            }
        };
        if self.chains.len() >= CHAINS_MAX {
            self.chains.remove(0);
        }
        self.chains.push(kept);
    }

    /// Makes the file durable, with the folder around it.
    ///
    /// # Errors
    /// [`Failure`] for a disk that refuses; the file is as it was.
    pub fn write(&self) -> Result<(), Failure> {
        let content = Content { format: FORMAT.to_owned(), version: VERSION, chains: self.chains.clone() };
        let text = serde_json::to_vec_pretty(&content).expect("numbers and text");
        let disk = |cause: &std::io::Error| Failure::disk(&self.path, cause);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|cause| disk(&cause))?;
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let new = PathBuf::from(name);
        snapshots::shelf::write_synced(&new, &text)?;
        fs::rename(&new, &self.path).map_err(|cause| disk(&cause))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| disk(&cause))
    }
}
