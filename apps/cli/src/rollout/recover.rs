//! Taking a stopped node back to what ran before: release, configuration, store, proof, one step after the other.
//!
//! ```text
//! incident opened ─► release ─► config ─► store ─► proofs ─► recovered: start the node, smoke, resolve
//!                    current is  node.toml  whole: kept     the chain proof of the store holds
//!                    the one     of before  damaged: aside, under the root of its header
//!                    before                 newest whole snapshot, log of consensus aside
//! ```
//! Rules
//! - Each step is written into the incident when it is done; the same command goes on where it was stopped, also by `kill -9`.
//! - A step that is already as it should be changes nothing, so a step that was half done can be done again.
//! - Nothing is deleted: the old node.toml and a damaged store lie beside the new ones.
//! - The vote log of the signer is never touched: a node that is set back cannot sign a second block for a height.
//! - Gates of the chain stand in genesis: no node can switch them off alone. The configuration of before must agree with genesis.
//!
//! Read next: `incident.rs`, `docs/deployment/staged_rollout.md` (going back), `spec/recovery.md`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use config::{Home, NodeConfig};
use primitives::{Genesis, Height};
use rpc::ExitCode;
use snapshots::Shelf;
use storage::{StorageError, Store, StoreConfig, Verify};

use super::incident::{self, Done, Incident};
use crate::chain_proof::{ChainProofError, covered_to};
use crate::commands::snapshot_restore::fill;
use crate::commands::snapshot_trust::Own;
use crate::commands::storage::findings;
use crate::exit::Failure;
use crate::output::Output;
use crate::release::installed;
use crate::release::sign::Signer;

/// The steps in their order.
pub const STEPS: [&str; 4] = ["release", "config", "store", "proofs"];
/// Most damaged stores that one incident leaves.
const ASIDE_MAX: u32 = 100;

/// What a recovery works with.
pub struct Recovery {
    /// The home of the node.
    pub home: Home,
    /// Its genesis.
    pub genesis: Genesis,
    /// Where releases are installed; nowhere when the program is not one.
    pub root: Option<PathBuf>,
    /// Who may sign releases.
    pub signers: Vec<Signer>,
    /// The configuration that ran before; the present one stays when none.
    pub config: Option<PathBuf>,
    /// A snapshot or a folder of them; those of the configuration when none.
    pub snapshots: Option<PathBuf>,
    /// Who is told.
    pub output: Output,
}

impl Recovery {
    /// Does every step that is not done yet.
    ///
    /// # Errors
    /// [`Failure`] of a step; the incident says which steps are done.
    pub fn run(&self, folder: &Path, incident: &mut Incident, now_ms: impl Fn() -> u64) -> Result<(), Failure> {
        for step in STEPS {
            if incident.found(step).is_some() {
                continue;
            }
            let found = match step {
                "release" => self.release(incident)?,
                "config" => self.configuration(incident)?,
                "store" => self.store(incident)?,
                _ => self.proofs()?,
            };
            self.output.talk(format_args!("{step}: {found}"));
            incident.done.push(Done { step: step.to_owned(), found, at_ms: now_ms() });
            incident::save(folder, incident)?;
        }
        incident.recovered = true;
        incident::save(folder, incident)
    }

    fn load(&self) -> Result<NodeConfig, Failure> {
        Ok(NodeConfig::load(&self.home, &[], crate::context::environment)?.config)
    }

    fn release(&self, incident: &Incident) -> Result<String, Failure> {
        let Some(root) = &self.root else { return Ok("no installed release was named; the program stays".to_owned()) };
        let Some(wanted) = &incident.release_before else {
            let what = format!("{} holds no release that ran before", root.display());
            let hint = "put it there with `tb release use DIR`, or leave --root out";
            return Err(Failure::new(ExitCode::NotFound, "no_previous", what, hint));
        };
        if installed::commits(root)?.0.as_ref() != Some(wanted) {
            installed::roll_back(root, &self.signers)?;
        }
        Ok(format!("{wanted} is current again"))
    }

    /// The configuration of before takes the place of the present one, if a node with this genesis would start with it.
    fn configuration(&self, incident: &Incident) -> Result<String, Failure> {
        let Some(before) = &self.config else { return Ok("stays".to_owned()) };
        let path = self.home.node_toml();
        let loaded = NodeConfig::load(&Home::new(self.home.root()).with_config(before), &[], |_| None)?;
        loaded.config.gates.check(&self.genesis).map_err(|errors| {
            let what = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Failure::new(ExitCode::Config, "gates", what, "name a configuration of a chain with this genesis")
        })?;
        let aside = path.with_extension(format!("toml.incident-{}", incident.number));
        let new = path.with_extension("toml.new");
        let replace = || {
            if path.exists() && !aside.exists() {
                fs::copy(&path, &aside)?;
                File::open(&aside)?.sync_all()?;
            }
            fs::copy(before, &new)?;
            File::open(&new)?.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(self.home.root())?.sync_all()
        };
        replace().map_err(|cause: io::Error| Failure::disk(&path, &cause))?;
        Ok(format!("{} is {} now; the one it replaced is {}", path.display(), before.display(), aside.display()))
    }

    /// A whole store is kept, and its log replayed by opening it; a damaged one goes aside for the newest whole snapshot.
    fn store(&self, incident: &Incident) -> Result<String, Failure> {
        let config = self.load()?;
        let path = config.store_dir();
        let reason = if path.exists() {
            match self.examine(&path) {
                Ok((height, None)) => return Ok(format!("whole to height {height}, its log is replayed")),
                Ok((_, Some(reason))) => reason,
                Err(failure) if failure.exit == ExitCode::Damaged => failure.error.error,
                Err(failure) => return Err(failure),
            }
        } else {
            "it is not there".to_owned()
        };
        let (snapshot, refused) = self.newest_whole(&config)?;
        // The log of consensus is of heights that the snapshot may not have; the guard keeps what was signed.
        for path in [config.wal_dir(), path] {
            if path.exists() {
                put_aside(&path, incident)?;
            }
        }
        fill(&snapshot, &config, &self.genesis, self.output)?;
        let height = snapshot.manifest.content.header.height;
        let passed = if refused.is_empty() { String::new() } else { format!("; passed over: {}", refused.join("; ")) };
        Ok(format!("damaged ({reason}); restored to height {height} from {}{passed}", snapshot.path.display()))
    }

    /// The height of a store that opens, and the first thing that is wrong with it.
    fn examine(&self, path: &Path) -> Result<(Height, Option<String>), Failure> {
        let failed = |error: StorageError| Failure::of_store(&error);
        let config = StoreConfig::Disk { path: path.to_owned(), verify: Verify::Full };
        let store = Store::open(&config, &self.genesis.hash()).map_err(failed)?;
        let Some(head) = store.head() else { return Ok((Height::GENESIS, Some("it holds no chain".to_owned()))) };
        let found = findings(&store, &self.genesis, self.output).map_err(failed)?;
        let first = found.first().map(|one| format!("height {}, {}: {}", one.height, one.column, one.reason));
        Ok((head.height, first))
    }

    /// The newest attested snapshot of this chain of which every chunk leads to its roots, and why newer ones were passed over.
    fn newest_whole(&self, config: &NodeConfig) -> Result<(snapshots::Snapshot, Vec<String>), Failure> {
        let folder = self.snapshots.as_ref().unwrap_or(&config.snapshots.dir);
        let mut refused = Vec::new();
        for (path, snapshot) in Shelf::new(folder).list()? {
            let judged = snapshot.and_then(|snapshot| {
                snapshot.manifest.check_chain(&self.genesis.hash())?;
                snapshot.read(&mut |_| {}, &mut |_, _| {})?;
                Ok(snapshot)
            });
            match judged {
                // The damaged store does not judge its own successor; this node's key and genesis do.
                Ok(snapshot) => {
                    match (Own { home: &self.home, store: None, genesis: Some(&self.genesis) }).judge(&snapshot) {
                        Ok(_) => return Ok((snapshot, refused)),
                        Err(why) => refused.push(format!("{}: not attested: {why}", path.display())),
                    }
                }
                Err(error) => refused.push(format!("{}: {error}", path.display())),
            }
        }
        let why = if refused.is_empty() { String::new() } else { format!(" ({})", refused.join("; ")) };
        Err(Failure::new(
            ExitCode::NotFound,
            "no_snapshot",
            format!("the store is damaged and {} holds no whole snapshot that is attested{why}", folder.display()),
            "name a folder with --snapshots, or run tb storage repair with the URL of a node that has every block, then this again; a snapshot that you \
             know is restored with tb snapshots restore --trust HEIGHT:HASH",
        ))
    }

    /// The chain proof that the store holds, against its own header, before the node makes another block.
    fn proofs(&self) -> Result<String, Failure> {
        let config = self.load()?;
        let failed = |error: StorageError| Failure::of_store(&error);
        let disk = StoreConfig::Disk { path: config.store_dir(), verify: Verify::Recent };
        let store = Store::open(&disk, &self.genesis.hash()).map_err(failed)?;
        match covered_to(&store, &self.genesis) {
            Ok(None) => Ok("the store holds no chain proof; provers hand it in again".to_owned()),
            Ok(Some(height)) => Ok(format!("the chain proof holds to height {height}")),
            Err(ChainProofError::Storage(error)) => Err(failed(error)),
            Err(error @ ChainProofError::Wrong { .. }) => Err(Failure::new(
                ExitCode::Damaged,
                "chain_proof",
                error,
                "stop every prover of this chain, keep the store, and compare the release with that of other nodes",
            )),
        }
    }
}

/// Renames a file or folder within its folder.
fn put_aside(path: &Path, incident: &Incident) -> Result<(), Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("store").to_owned();
    let named = |suffix: String| path.with_file_name(format!("{name}.damaged-incident-{}{suffix}", incident.number));
    // More than one of an incident: what was restored was damaged as well.
    let free =
        (1..ASIDE_MAX).map(|number| if number == 1 { named(String::new()) } else { named(format!("-{number}")) });
    let aside = free.into_iter().find(|aside| !aside.exists()).unwrap_or_else(|| named(format!("-{ASIDE_MAX}")));
    let parent = path.parent().unwrap_or(Path::new("."));
    let moved = fs::rename(path, &aside).and_then(|()| File::open(parent)?.sync_all());
    moved.map_err(|cause| Failure::disk(path, &cause))
}
