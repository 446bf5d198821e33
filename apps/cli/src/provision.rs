//! Makes the home directory of a node: configuration, keys, genesis file and double-sign guard.
//!
//! ```text
//! <home>/node.toml              the template, with what was asked for set
//! <home>/node_key               secret of the node on the network, mode 0600
//! <home>/validator_key.json     validators only
//! <home>/validator_public.json  validators only: what `tb genesis new` needs to know
//! <home>/genesis.json           when there is a genesis file yet
//! <home>/guard/new_key          validators only, until there is a guard: the public key that was made here and never had one
//! <home>/guard/guard.log        validators only, once there is a genesis file
//! ```
//!
//! Rules
//! - Nothing is ever overwritten.
//! - An empty guard is made exactly once, for a key that was made here and joins its first chain. `new_key` says so, and is
//!   durably gone before the guard is there.
//! - Where it is gone the key may have signed, and only its owner can know: an empty guard then needs a reason, which is kept in
//!   `guard/overrides.log` before it is made. A guard that is there stays as it is.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use config::{Home, Mode};
use primitives::{Address, Genesis, GenesisValidator, PublicKey, SecretKey, VrfPublicKey};
use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use wallet::signer::overrides::{Override, overrides_path};
use wallet::{KdfParams, NodeKey, Password, Protect, ValidatorKey, ValidatorSigner, draw};

use crate::backup::sync_folder;
use crate::commands::genesis::now;
use crate::exit::Failure;

/// Beside the place of the guard: the public key that was made here and never had a guard.
const NEW_KEY: &str = "new_key";
/// Longest such file that is read, bytes.
const NEW_KEY_BYTES_MAX: u64 = 1024;
/// Name of the file that a validator hands to who makes the genesis file.
pub const VALIDATOR_PUBLIC_FILE: &str = "validator_public.json";
/// Voting power of a validator when nothing else is said.
pub const POWER_DEFAULT: u64 = 1;
/// Largest genesis file that is read, bytes: the most accounts, written out.
pub const GENESIS_BYTES_MAX: u64 = 1 << 30;
/// Largest file of public keys that is read, bytes.
const PUBLIC_BYTES_MAX: u64 = 16 * 1024;

/// The public half of a validator's keys, in a file that may be sent around.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorPublic {
    /// Name for people.
    pub moniker: String,
    /// Address of `public_key`.
    pub address: Address,
    /// Signs votes and proposals.
    pub public_key: PublicKey,
    /// Proves the beacon.
    pub vrf_key: VrfPublicKey,
    /// Voting power that it should get.
    #[serde(default = "power_default")]
    pub power: u64,
}

const fn power_default() -> u64 {
    POWER_DEFAULT
}

impl ValidatorPublic {
    /// The public half of `key`.
    pub fn of(key: &ValidatorKey, moniker: &str) -> Self {
        let public_key = key.consensus.public_key();
        Self {
            moniker: moniker.to_owned(),
            address: Address::of_key(&public_key),
            public_key,
            vrf_key: key.vrf.public_key(),
            power: POWER_DEFAULT,
        }
    }

    /// Reads a file that [`init`] wrote.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be read, or says what does not fit together.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let public: Self = read_json(path, PUBLIC_BYTES_MAX)?;
        if Address::of_key(&public.public_key) != public.address {
            return Err(bad_file(path, "the address does not belong to the public key"));
        }
        Ok(public)
    }

    /// Its entry in a genesis file.
    pub const fn entry(&self) -> GenesisValidator {
        GenesisValidator { public_key: self.public_key, vrf_key: self.vrf_key, power: self.power }
    }
}

/// Reads a JSON file of at most `bytes_max` bytes.
///
/// # Errors
/// [`Failure`] that names the file.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path, bytes_max: u64) -> Result<T, Failure> {
    let text = read_text(path, bytes_max)?;
    serde_json::from_str(&text).map_err(|error| bad_file(path, &error.to_string()))
}

/// Reads a text file of at most `bytes_max` bytes.
///
/// # Errors
/// [`Failure`] that names the file.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let count = fs::File::open(path)
        .and_then(|file| file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|cause| Failure::disk(path, &cause))?;
    if u64::try_from(count).unwrap_or(u64::MAX) > bytes_max {
        return Err(bad_file(path, &format!("it is larger than {bytes_max} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| bad_file(path, "it is not UTF-8 text"))
}

fn bad_file(path: &Path, reason: &str) -> Failure {
    Failure::new(
        ExitCode::Config,
        "bad_file",
        format!("{}: {reason}", path.display()),
        "check that it is the file that was meant, or fetch it again",
    )
}

/// Reads and checks a genesis file.
///
/// # Errors
/// [`Failure`] that names the file.
pub fn read_genesis(path: &Path) -> Result<Genesis, Failure> {
    let text = read_text(path, GENESIS_BYTES_MAX)?;
    Genesis::from_json(&text).map_err(|error| {
        let mut failure = Failure::from(error);
        failure.error.error = format!("{}: {}", path.display(), failure.error.error);
        failure
    })
}

/// Writes a file that must not exist yet, durably.
///
/// # Errors
/// [`Failure`] when the name is taken or the disk refuses.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => taken(path),
        _ => Failure::disk(path, &cause),
    })
}

/// The refusal to overwrite `path`.
pub fn taken(path: &Path) -> Failure {
    Failure::new(
        ExitCode::Refused,
        "exists",
        format!("{} exists and is never overwritten", path.display()),
        "choose another --home, or move the file away first if it is really not needed",
    )
}

/// What a new home directory is made of.
pub struct NewHome<'a> {
    /// Where.
    pub home: &'a Home,
    /// What the node does.
    pub mode: Mode,
    /// Its name.
    pub moniker: &'a str,
    /// Further configuration keys and values.
    pub settings: &'a [(&'a str, String)],
    /// Seals the validator's key file; `None`: the file's mode alone protects it, because an unattended start has
    /// nobody to type a password.
    pub password: Option<&'a Password>,
}

impl NewHome<'_> {
    /// Makes it. The validator's public half is returned for a validator.
    ///
    /// # Errors
    /// [`Failure`]; files that were made before it stay.
    pub fn create(&self) -> Result<Option<ValidatorPublic>, Failure> {
        let home = self.home;
        for path in [home.node_toml(), home.node_key(), home.validator_key(), public_file(home)] {
            if path.exists() {
                return Err(taken(&path));
            }
        }
        home.create().map_err(|cause| Failure::disk(home.root(), &cause))?;
        let mut values = vec![("moniker", self.moniker), ("mode", self.mode.as_str())];
        values.extend(self.settings.iter().map(|(key, value)| (*key, value.as_str())));
        write_new(&home.node_toml(), config::template_with(&values)?.as_bytes(), 0o644)?;
        let identity = SecretKey::from_seed(*draw::<32>()?);
        NodeKey { identity }.write(&home.node_key(), Protect::Plain)?;
        if self.mode != Mode::Validator {
            return Ok(None);
        }
        let key = ValidatorKey::from_seeds(*draw::<32>()?, *draw::<32>()?);
        let protect = match self.password {
            Some(password) => Protect::Password(password, KdfParams::default()),
            None => Protect::Plain,
        };
        mark_new(home, &key)?;
        key.write(&home.validator_key(), protect)?;
        let public = ValidatorPublic::of(&key, self.moniker);
        let mut text = serde_json::to_vec_pretty(&public).expect("public keys are text and numbers");
        text.push(b'\n');
        write_new(&public_file(home), &text, 0o644)?;
        Ok(Some(public))
    }
}

/// The file with the public half of a validator's keys.
pub fn public_file(home: &Home) -> PathBuf {
    home.root().join(VALIDATOR_PUBLIC_FILE)
}

/// Puts the genesis file into a home directory and, for a validator without a double-sign guard, makes an empty one.
///
/// # Errors
/// [`Failure`]: a home directory that has a genesis file, a guard of another key or chain, and a key that may have signed and has no
/// guard, unless `override_guard` says why it gets an empty one.
pub fn join_chain(
    home: &Home,
    genesis: &Genesis,
    key: Option<ValidatorKey>,
    override_guard: Option<&str>,
) -> Result<(), Failure> {
    let path = home.genesis_json();
    if path.exists() {
        return Err(taken(&path));
    }
    if let Some(key) = key {
        let guard = home.guard();
        let is_there = guard.try_exists().map_err(|cause| Failure::disk(&guard, &cause))?;
        if !is_there {
            may_be_empty(home, &key, override_guard)?;
        }
        // Opening an empty one as new writes it; dropping it gives the lock back.
        drop(ValidatorSigner::open(key.consensus, &guard, &genesis.hash(), !is_there)?);
    }
    // Last, because a home directory with a genesis file counts as complete.
    let mut text = genesis.to_json();
    text.push('\n');
    write_new(&path, text.as_bytes(), 0o644)
}

/// Says durably, before the key is there, that it has no guard yet.
fn mark_new(home: &Home, key: &ValidatorKey) -> Result<(), Failure> {
    let path = new_key(home);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
    }
    Ok(snapshots::shelf::write_synced(&path, format!("{}\n", key.consensus.public_key()).as_bytes())?)
}

/// Whether this key may get an empty guard: it was made here and never had one, or somebody says why.
fn may_be_empty(home: &Home, key: &ValidatorKey, override_guard: Option<&str>) -> Result<(), Failure> {
    let (guard, path) = (home.guard(), new_key(home));
    let public = key.consensus.public_key().to_string();
    if path.exists() && read_text(&path, NEW_KEY_BYTES_MAX)?.trim() == public {
        // Gone before the guard is there: a guard that is lost later is never made again in silence.
        fs::remove_file(&path).map_err(|cause| Failure::disk(&path, &cause))?;
        return path.parent().map_or(Ok(()), sync_folder);
    }
    if let Some(reason) = override_guard.filter(|reason| !reason.trim().is_empty()) {
        let from = home.validator_key();
        return Ok(Override { from: &from, reason, time: now() }.note(&guard, None)?);
    }
    let what = format!(
        "there is no double-sign guard {}, and key {public} may have signed: an empty guard would not know of it",
        guard.display()
    );
    let hint = format!(
        "put the newest copy of the guard back; where the key has signed nothing, or signs nowhere else and the chain is past all that it has signed, give the reason with --override-guard REASON, which is kept in {}",
        overrides_path(&guard).display()
    );
    Err(Failure::new(ExitCode::Refused, "old_guard", what, hint))
}

/// Where it is said that the key is new.
fn new_key(home: &Home) -> PathBuf {
    home.guard().with_file_name(NEW_KEY)
}
