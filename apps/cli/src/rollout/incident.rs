//! Incidents: what went wrong with a node, how it was taken back, and whether it is over.
//!
//! ```text
//! <home>/incidents/0001.json     opened before anything is changed ─► steps as they are done ─► recovered ─► resolved by a person
//! ```
//! Rules
//! - A file is replaced in one step and synced: a machine that loses power goes on with the step that was in hand.
//! - Numbers are never used again. Nothing is deleted here.
//! - While one is open, `tb rollout check` is not ready; one of the epochs that a stage counts is an intervention.
//!
//! Read next: `recover.rs` (the steps), `docs/deployment/staged_rollout.md`.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use config::ReleaseChannel;
use primitives::Height;
use rpc::ExitCode;
use serde::{Deserialize, Serialize};

use super::evidence::read_text;
use crate::exit::Failure;

/// The folder below a home.
pub const FOLDER: &str = "incidents";
/// Most incidents of one home.
const INCIDENTS_MAX: u32 = 9_999;
/// Longest reason and resolution, bytes.
const WORDS_MAX: usize = 2_000;

/// A gate as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateState {
    /// Its name.
    pub name: String,
    /// Whether it is on, at the latest from its height on.
    pub on: bool,
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Which.
    pub step: String,
    /// What was found and done.
    pub found: String,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Whose word, and why it is over.
    pub by: String,
    /// The branch with the repair; none while nobody has named one.
    #[serde(default)]
    pub hotfix: Option<String>,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its number in this home, from 1.
    pub number: u32,
    /// The stage of the chain.
    pub stage: ReleaseChannel,
    /// The chain.
    pub chain_id: String,
    /// What went wrong.
    pub reason: String,
    /// When it was opened, milliseconds since the Unix epoch.
    pub opened_at_ms: u64,
    /// The last block that the store held then; none when it could not be read.
    pub height: Option<Height>,
    /// The gates as they stood.
    pub gates: Vec<GateState>,
    /// The release that ran, where releases are installed.
    pub release: Option<String>,
    /// The release that is gone back to, where there is one.
    pub release_before: Option<String>,
    /// What was done, in order.
    pub done: Vec<Done>,
    /// Whether every step is done and the node may start.
    pub recovered: bool,
    /// How it ended; none while it is open.
    pub resolved: Option<Resolution>,
}

impl Incident {
    /// What a step found, if it is done.
    pub fn found(&self, step: &str) -> Option<&str> {
        self.done.iter().find(|done| done.step == step).map(|done| done.found.as_str())
    }

    /// The report that others may read.
    pub fn report(&self) -> String {
        let height = self.height.map_or_else(|| "not known".to_owned(), |height| height.to_string());
        let names = |on: bool| {
            let named: Vec<&str> =
                self.gates.iter().filter(|gate| gate.on == on).map(|gate| gate.name.as_str()).collect();
            if named.is_empty() { "none".to_owned() } else { named.join(", ") }
        };
        let mut text = format!(
            "Incident {} of {} ({}): {}\n\nOpened at {} ms since 1970. Last block in the store: {height}.\nGates on: {}. Gates off: {}.\n",
            self.number,
            self.chain_id,
            self.stage.as_str(),
            self.reason,
            self.opened_at_ms,
            names(true),
            names(false)
        );
        if let (Some(ran), Some(before)) = (&self.release, &self.release_before) {
            let _ = writeln!(text, "Release {ran}, taken back to {before}.");
        }
        for Done { step, found, at_ms } in &self.done {
            let _ = writeln!(text, "- {at_ms} {step}: {found}");
        }
        match &self.resolved {
            Some(Resolution { by, hotfix, at_ms }) => {
                let _ = writeln!(text, "Resolved at {at_ms}: {by}");
                if let Some(branch) = hotfix {
                    let _ = writeln!(text, "The repair is on the branch {branch}.");
                }
            }
            None if self.recovered => text.push_str("Every step is done; it is open until somebody resolves it.\n"),
            None => text.push_str("Steps are missing: give the same command again.\n"),
        }
        text
    }
}

/// The file of an incident.
pub fn place(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:04}.json"))
}

/// Every incident of a folder by its number; none when there is no folder.
///
/// # Errors
/// [`Failure`] for a file that cannot be read or holds something else.
pub fn list(folder: &Path) -> Result<Vec<Incident>, Failure> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(Failure::disk(folder, &cause)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|cause| Failure::disk(folder, &cause))?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            found.push(read(&path)?);
        }
    }
    found.sort_by_key(|incident| incident.number);
    Ok(found)
}

fn read(path: &Path) -> Result<Incident, Failure> {
    let wrong = |reason: String| {
        let what = format!("{}: {reason}", path.display());
        Failure::new(ExitCode::Damaged, "incident", what, "move the file away if it is none of `tb rollout`")
    };
    let incident: Incident = serde_json::from_str(&read_text(path)?).map_err(|error| wrong(error.to_string()))?;
    if path.file_name() == place(Path::new(""), incident.number).file_name() {
        Ok(incident)
    } else {
        Err(wrong(format!("it holds incident {}", incident.number)))
    }
}

/// The incident with this number.
///
/// # Errors
/// [`Failure`] when there is none.
pub fn numbered(folder: &Path, number: u32) -> Result<Incident, Failure> {
    list(folder)?.into_iter().find(|incident| incident.number == number).ok_or_else(|| {
        let what = format!("there is no incident {number} in {}", folder.display());
        Failure::new(ExitCode::NotFound, "no_incident", what, "run: tb rollout incident list")
    })
}

/// Gives a new incident the next number and writes it.
///
/// # Errors
/// [`Failure`] for words that are empty or too long, a folder that is full, and the disk.
pub fn open(folder: &Path, mut incident: Incident) -> Result<Incident, Failure> {
    words(&incident.reason)?;
    incident.number = list(folder)?.last().map_or(1, |last| last.number.saturating_add(1));
    if incident.number > INCIDENTS_MAX {
        let what = format!("{} holds {INCIDENTS_MAX} incidents", folder.display());
        return Err(Failure::new(ExitCode::Refused, "incidents_full", what, "move the old ones elsewhere"));
    }
    save(folder, &incident)?;
    Ok(incident)
}

/// Replaces the file of an incident.
///
/// # Errors
/// [`Failure`] of the disk.
pub fn save(folder: &Path, incident: &Incident) -> Result<(), Failure> {
    let path = place(folder, incident.number);
    let mut text = serde_json::to_string_pretty(incident).expect("text, numbers and lists");
    text.push('\n');
    let write = || {
        fs::create_dir_all(folder)?;
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|cause: io::Error| Failure::disk(&path, &cause))
}

/// Ends an incident that is recovered, or that needed no recovery; `hotfix` is the branch with the repair.
///
/// # Errors
/// [`Failure`] when there is none, it is over already, its steps are not all done, or nobody says why.
pub fn resolve(folder: &Path, number: u32, by: &str, hotfix: Option<&str>, at_ms: u64) -> Result<Incident, Failure> {
    words(by)?;
    hotfix.map_or(Ok(()), words)?;
    let mut incident = numbered(folder, number)?;
    let refuse = |what: String, hint: &str| Err(Failure::new(ExitCode::Refused, "incident_state", what, hint));
    if let Some(resolved) = incident.resolved.as_mut() {
        // Only the branch of the repair may come later.
        if let (None, Some(branch)) = (&resolved.hotfix, hotfix) {
            resolved.hotfix = Some(branch.to_owned());
            save(folder, &incident)?;
            return Ok(incident);
        }
        return refuse(format!("incident {number} is resolved already"), "run: tb rollout incident list");
    }
    if !incident.recovered {
        return refuse(format!("steps of incident {number} are missing"), "give the command of the recovery again");
    }
    incident.resolved = Some(Resolution { by: by.to_owned(), hotfix: hotfix.map(str::to_owned), at_ms });
    save(folder, &incident)?;
    Ok(incident)
}

fn words(text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() || text.len() > WORDS_MAX {
        return Err(Failure::usage(
            format!("words of 1 to {WORDS_MAX} bytes are wanted"),
            "say what happened in a sentence",
        ));
    }
    Ok(())
}
