//! What every node of a stage has to be like: the reference configuration and one profile per stage.
//!
//! ```text
//! development ─► testnet ─► canary ─► mainnet          one step at a time, each stage is a chain of its own
//!
//! config/defaults/mainnet.toml
//!   [reference]            keys of node.toml that every node of every stage has
//!   [profiles.STAGE]       recovery link, channel, gates, change window, what must be shown before the step
//! ```
//!
//! Rules
//! - The file is typed: an unknown key, a missing profile or gate, or a value that `node.toml` would not take refuses it.
//! - A profile names every gate. Keys that [`crate::KEYS`] does not have cannot stand under `[reference]`.
//! - Secrets, paths and addresses differ from node to node; `[reference]` holds none.
//!
//! Read next: `apps/cli/src/rollout/mod.rs`, which compares nodes with it; `docs/deployment/staged_rollout.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::channel::ReleaseChannel;
use crate::error::{ConfigError, ConfigErrors};
use crate::files::{FILE_BYTES_MAX, read_text};
use crate::home::Home;
use crate::node::{LOCAL_GATES, Loaded, NodeConfig};
use crate::print::template_with;
use crate::sources::toml_error;
use crate::value::Value;

/// The profiles that this program was built with.
const BUILT_IN: &str = include_str!("../../../config/defaults/mainnet.toml");
/// What messages call them.
pub const BUILT_IN_NAME: &str = "config/defaults/mainnet.toml";
/// Most hours that a stage may have to run quietly: a year.
const SOAK_HOURS_MAX: u32 = 8_784;
/// Most epochs that a stage may have to finalize.
const EPOCHS_MAX: u32 = 100_000;
/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// A day of the week, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    const WEEK: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];
}

/// When a stage may be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeWindow {
    /// The days.
    pub days: Vec<Day>,
    /// First minute of each of these days, as `HH:MM` in UTC.
    pub from_utc: String,
    /// The minute after the last one; `24:00` is the end of the day.
    pub to_utc: String,
}

impl ChangeWindow {
    /// Whether a change may be made at this time, milliseconds since the Unix epoch.
    pub fn is_open(&self, now_ms: u64) -> bool {
        let minutes = now_ms / 60_000;
        let days = minutes / u64::from(DAY_MINUTES);
        // The first day of the Unix epoch was a Thursday.
        let day = usize::try_from(days.saturating_add(3) % 7).ok().and_then(|index| Day::WEEK.get(index));
        let minute = u16::try_from(minutes % u64::from(DAY_MINUTES)).unwrap_or(0);
        let within = minute_of(&self.from_utc).zip(minute_of(&self.to_utc));
        day.is_some_and(|day| self.days.contains(day)) && within.is_some_and(|(from, to)| from <= minute && minute < to)
    }
}

/// Minutes since the start of a day.
fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && all <= DAY_MINUTES).then_some(all)
}

/// What must be shown before a chain may step up to a stage. What is counted, is counted on the stage before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The running program was built from the commit of a signed release that lists its parts.
    pub release: bool,
    /// All tests have passed for that commit.
    pub tests: bool,
    /// The alert rules are loaded, and a test alert has reached its receiver.
    pub alerts: bool,
    /// No alert about gossip or peers in the hours of the soak: nodes that relay witness data are stable.
    pub relays: bool,
    /// Hours without an alert that pages.
    pub soak_hours: u32,
    /// Epochs that were finalized.
    pub epochs: u32,
    /// Every validator has agreed to the time of the upgrade.
    pub acknowledgements: bool,
    /// The release before and a snapshot are at hand.
    pub rollback: bool,
    /// The three series of the baseline are no worse than when it was taken.
    pub baseline: bool,
    /// Every incident of the stage before names the branch with its repair.
    pub hotfixes: bool,
}

/// The profile of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The channel of its nodes.
    pub release_channel: ReleaseChannel,
    /// Where it is written how to go back.
    pub recovery: String,
    /// Every gate.
    pub feature_gates: BTreeMap<String, bool>,
    /// When it may be changed.
    pub change_window: ChangeWindow,
    /// What must be shown before.
    pub checks: Checks,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfilesFile {
    reference: toml::Table,
    profiles: BTreeMap<ReleaseChannel, Profile>,
}

/// The reference configuration and the profile of every stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles {
    reference: BTreeMap<&'static str, Value>,
    profiles: BTreeMap<ReleaseChannel, Profile>,
}

/// A key that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The key.
    pub key: String,
    /// What the profile says.
    pub wanted: String,
    /// What was found.
    pub found: String,
}

impl Profiles {
    /// Those that this program was built with.
    ///
    /// # Errors
    /// None, as long as the file in the repository is sound; a test reads it.
    pub fn built_in() -> Result<Self, ConfigErrors> {
        Self::parse(Path::new(BUILT_IN_NAME), BUILT_IN)
    }

    /// Those of a file.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let text = read_text(path, FILE_BYTES_MAX)?;
        Self::parse(path, &text.ok_or_else(|| ConfigError::Missing { path: path.to_owned() })?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigErrors> {
        let file: ProfilesFile = toml::from_str(text).map_err(|error| toml_error(path.to_owned(), text, &error))?;
        let wrong = |reason: String| ConfigErrors::from(ConfigError::Profile { path: path.to_owned(), reason });
        let loaded = NodeConfig::load_table(&Home::new("/"), path, &file.reference)?;
        let is_here = |setting: &crate::Setting| setting.source != crate::Source::Default;
        let reference: BTreeMap<&'static str, Value> = loaded
            .settings
            .into_iter()
            .filter(|(_, setting)| is_here(setting))
            .map(|(key, setting)| (key, setting.value))
            .collect();
        if let Some(key) = reference.keys().find(|key| **key == "release_channel" || key.starts_with(GATES)) {
            return Err(wrong(format!("`{key}` stands under [reference], but each profile says it for its stage")));
        }
        for channel in ReleaseChannel::ALL {
            let name = channel.as_str();
            let profile = file.profiles.get(&channel).ok_or_else(|| wrong(format!("[profiles.{name}] is missing")))?;
            check(channel, profile).map_err(|reason| wrong(format!("[profiles.{name}] {reason}")))?;
        }
        Ok(Self { reference, profiles: file.profiles })
    }

    /// The profile of a stage.
    pub fn of(&self, stage: ReleaseChannel) -> &Profile {
        self.profiles.get(&stage).expect("a file without the profile of a stage is refused")
    }

    /// A `node.toml` with what this profile says, and nothing else that is not a default.
    ///
    /// # Errors
    /// None, as long as the profile was read: every key and value was checked then.
    pub fn node_toml(&self, stage: ReleaseChannel) -> Result<String, ConfigErrors> {
        let wanted = self.wanted(stage);
        let texts: Vec<(&str, &str)> = wanted.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        template_with(&texts)
    }

    /// Every key that `loaded` has otherwise than the profile of `stage`. A chain gate that the file leaves to the
    /// genesis file is no drift here; the genesis file itself is compared by [`Profile::gate_drift`].
    pub fn drift(&self, stage: ReleaseChannel, loaded: &Loaded) -> Vec<Drift> {
        let wanted = self.wanted(stage).into_iter();
        let differ = wanted.filter_map(|(key, wanted)| {
            let found = loaded.settings.get(key.as_str()).map(|setting| &setting.value)?;
            if *found == Value::Unset && key.starts_with(GATES) {
                return None;
            }
            let found = found.to_string();
            (found != wanted).then_some(Drift { key, wanted, found })
        });
        differ.collect()
    }

    /// The keys of `[reference]` with the values of `loaded`: what a running node says of itself.
    pub fn reference_of(&self, loaded: &Loaded) -> BTreeMap<String, String> {
        let value = |key: &str| loaded.settings.get(key).map(|setting| (key.to_owned(), setting.value.to_string()));
        self.reference.keys().filter_map(|key| value(key)).collect()
    }

    /// The keys of `[reference]` that a running node has otherwise, or does not tell.
    pub fn reference_drift(&self, told: &BTreeMap<String, String>) -> Vec<Drift> {
        let differ = self.reference.iter().filter_map(|(key, wanted)| {
            let (wanted, found) = (wanted.to_string(), told.get(*key));
            (found != Some(&wanted)).then(|| Drift {
                key: (*key).to_owned(),
                wanted,
                found: found
                    .map_or_else(|| "not told by the node; compare its file with --config".to_owned(), String::clone),
            })
        });
        differ.collect()
    }

    /// Keys and values of a stage, in the form that flags take.
    fn wanted(&self, stage: ReleaseChannel) -> BTreeMap<String, String> {
        let profile = self.of(stage);
        let reference = self.reference.iter().map(|(key, value)| ((*key).to_owned(), value.to_string()));
        let gates = profile.feature_gates.iter().map(|(gate, on)| (format!("{GATES}{gate}"), on.to_string()));
        let channel = ("release_channel".to_owned(), profile.release_channel.as_str().to_owned());
        reference.chain(gates).chain([channel]).collect()
    }
}

/// What stands before the name of a gate.
const GATES: &str = "rollout.feature_gates.";

impl Profile {
    /// The gates that stand otherwise than here; `gates` are names with what they are, or will be once they are
    /// activated.
    pub fn gate_drift<'g>(&self, gates: impl Iterator<Item = (&'g str, bool)>) -> Vec<Drift> {
        let found: BTreeMap<&str, bool> = gates.collect();
        let differ = self.feature_gates.iter().filter_map(|(gate, wanted)| {
            let is = found.get(gate.as_str()).copied();
            (is != Some(*wanted)).then(|| Drift {
                key: format!("{GATES}{gate}"),
                wanted: wanted.to_string(),
                found: is.map_or_else(|| "unknown".to_owned(), |on| on.to_string()),
            })
        });
        differ.collect()
    }
}

/// The rules of a profile that its types do not say.
fn check(channel: ReleaseChannel, profile: &Profile) -> Result<(), String> {
    if profile.release_channel != channel {
        return Err(format!("has the release channel {}", profile.release_channel.as_str()));
    }
    let known = || primitives::genesis::CHAIN_GATES.into_iter().chain(LOCAL_GATES);
    if let Some(gate) = known().find(|gate| !profile.feature_gates.contains_key(*gate)) {
        return Err(format!("does not say whether the gate {gate} is on"));
    }
    if let Some(gate) = profile.feature_gates.keys().find(|gate| !known().any(|known| known == gate.as_str())) {
        return Err(format!("names the gate {gate}, which does not exist"));
    }
    let window = &profile.change_window;
    match minute_of(&window.from_utc).zip(minute_of(&window.to_utc)) {
        Some((from, to)) if from < to && !window.days.is_empty() => {}
        _ => return Err("has a change window that is never open; give days, and times as HH:MM".to_owned()),
    }
    if profile.checks.soak_hours > SOAK_HOURS_MAX || profile.checks.epochs > EPOCHS_MAX {
        return Err(format!("asks for more than {SOAK_HOURS_MAX} hours or {EPOCHS_MAX} epochs"));
    }
    if profile.recovery.is_empty() {
        return Err("does not say where recovery is written down".to_owned());
    }
    Ok(())
}

/// The file part of a recovery link.
pub fn recovery_file(profile: &Profile) -> PathBuf {
    PathBuf::from(profile.recovery.split('#').next().unwrap_or_default())
}
