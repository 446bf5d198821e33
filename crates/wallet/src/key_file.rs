//! Keys that a node needs without a person present: a validator's two secrets, a full node's one, and the VRF secret of
//! a validator whose other secret is with a signer of its own.
//!
//! ```text
//! {
//!   "version": 1,
//!   "role": "validator" | "node" | "vrf",
//!   "public_key": "<64 hex digits>",
//!   "vrf_public_key": "<64 hex digits>",                      not of a node
//!   "protection": { "plain": { "seeds": "<hex>" } }           mode 0600 is required
//!               | { "password": { "algorithm", "kdf", "salt", "nonce", "ciphertext" } }
//! }
//!
//! seeds: consensus secret 32 ‖ VRF secret 32 (validator), identity secret 32 (node), or VRF secret 32 (vrf)
//! ```
//!
//! Rules
//! - A plain file that others can read is refused, because nothing else protects it; an encrypted one is used
//!   with a warning.
//! - An encrypted file's seeds are bound to version, role and public keys.
//! - The seeds must belong to the public keys that the file names.
//! - Files are written whole or not at all and never overwritten.

use std::io;
use std::path::{Path, PathBuf};

use primitives::{PublicKey, SecretKey, VrfPublicKey, VrfSecretKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::durable;
use crate::seal::{KdfParams, OpenPermissions, PASSWORD_BYTES_MAX, Password, PasswordError, SealError, Sealed};

/// Format version of a node's key file.
pub const NODE_KEY_FILE_VERSION: u32 = 1;
/// Largest key file that is read, bytes.
const FILE_BYTES_MAX: u64 = 16 * 1_024;
/// First bytes of what the seeds are bound to.
const BOUND_DOMAIN: &[u8] = b"the-block/node-key/v1";

/// How a new key file protects its seeds.
#[derive(Debug, Clone, Copy)]
pub enum Protect<'a> {
    /// By mode 0600 alone; for throw-away networks.
    Plain,
    /// By a password, which an unattended start reads from a file ([`read_password`]).
    Password(&'a Password, KdfParams),
}

/// Why a node's key file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("{} is missing; copy it here, or make a new one in another home with: tb init --home DIR", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// The name is taken.
    #[error("{} exists and is never overwritten; move it away first if it is really not needed", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The file is not a key file, or what it says does not fit together.
    #[error("{} is damaged: {reason}; restore it from a copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another format version.
    #[error("{} has format version {version}, this build reads 1; use a newer build", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// A validator's file where a node's is wanted, or the other way round.
    #[error("{} holds the keys of a {found}, wanted are those of a {wanted}; name the right file", path.display())]
    Role {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// A plain file that others can read.
    #[error("the file is not encrypted and {0}; if others had access to this machine, replace the key")]
    OpenToOthers(OpenPermissions),
    /// The file is encrypted and no password was given.
    #[error("{} is encrypted; name a password file, whose first line is the password", path.display())]
    PasswordNeeded {
        /// The file.
        path: PathBuf,
    },
    /// There is no password file.
    #[error("there is no password file {}; name a file whose first line is the password", path.display())]
    PasswordMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The text of the password file is no password.
    #[error("{}: {cause}", path.display())]
    Password {
        /// The password file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: PasswordError,
    },
    /// The seeds could not be sealed or opened.
    #[error("{}: {cause}", path.display())]
    Seal {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: SealError,
    },
    /// The disk refused.
    #[error("{}: {cause}; check the folder's permissions and free space", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// A validator's secrets.
#[derive(Debug, Clone)]
pub struct ValidatorKey {
    /// Signs votes and proposals, only by way of [`crate::signer`].
    pub consensus: SecretKey,
    /// Proves the beacon of the blocks it builds.
    pub vrf: VrfSecretKey,
}

/// What stays at the node of a validator whose key is with a remote signer.
#[derive(Debug, Clone)]
pub struct VrfKey {
    /// The validator's public key: the signer must have the secret of this one.
    pub validator: PublicKey,
    /// Proves the beacon of the blocks it builds and its lottery tickets. It signs nothing.
    pub vrf: VrfSecretKey,
}

/// A node's secret on the network.
#[derive(Debug, Clone)]
pub struct NodeKey {
    /// Proves the node's identity to its peers.
    pub identity: SecretKey,
}

/// A key with the warning that came with its file.
#[derive(Debug)]
pub struct Loaded<K> {
    /// The key.
    pub key: K,
    /// Set when others can read the (encrypted) file.
    pub warning: Option<OpenPermissions>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Validator,
    Node,
    Vrf,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Node => "node",
            Self::Vrf => "vrf",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    role: Role,
    public_key: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vrf_public_key: Option<VrfPublicKey>,
    protection: Protection,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Protection {
    Plain { seeds: Zeroizing<String> },
    Password(Sealed),
}

/// The version alone, so that a newer file is named as such and not as damaged.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl ValidatorKey {
    /// The keys with these seeds, for example from [`crate::draw`].
    pub const fn from_seeds(consensus: [u8; 32], vrf: [u8; 32]) -> Self {
        Self { consensus: SecretKey::from_seed(consensus), vrf: VrfSecretKey::from_seed(vrf) }
    }

    /// Writes a new file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`], [`KeyFileError::Seal`] or [`KeyFileError::Disk`].
    pub fn write(&self, path: &Path, protect: Protect<'_>) -> Result<(), KeyFileError> {
        let seeds = Zeroizing::new([&self.consensus.seed()[..], &self.vrf.seed()[..]].concat());
        let (key, vrf) = (self.consensus.public_key(), self.vrf.public_key());
        write(path, Role::Validator, key, Some(vrf), &seeds, protect)
    }

    /// Reads the file at `path`; a password is needed only if it is encrypted.
    ///
    /// # Errors
    /// [`KeyFileError`], one variant per cause.
    pub fn load(path: &Path, password: Option<&Password>) -> Result<Loaded<Self>, KeyFileError> {
        let Loaded { key: (file, seeds), warning } = read(path, Role::Validator, password)?;
        let (consensus, vrf) = seeds
            .split_first_chunk::<32>()
            .and_then(|(first, rest)| rest.try_into().ok().map(|second| (*first, second)))
            .ok_or_else(|| damaged(path, "a validator has two seeds of 32 bytes"))?;
        let key = Self::from_seeds(consensus, vrf);
        if key.consensus.public_key() != file.public_key || Some(key.vrf.public_key()) != file.vrf_public_key {
            return Err(damaged(path, "the seeds belong to other public keys"));
        }
        Ok(Loaded { key, warning })
    }
}

impl NodeKey {
    /// Writes a new file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`], [`KeyFileError::Seal`] or [`KeyFileError::Disk`].
    pub fn write(&self, path: &Path, protect: Protect<'_>) -> Result<(), KeyFileError> {
        write(path, Role::Node, self.identity.public_key(), None, self.identity.seed(), protect)
    }

    /// Reads the file at `path`; a password is needed only if it is encrypted.
    ///
    /// # Errors
    /// [`KeyFileError`], one variant per cause.
    pub fn load(path: &Path, password: Option<&Password>) -> Result<Loaded<Self>, KeyFileError> {
        let Loaded { key: (file, seeds), warning } = read(path, Role::Node, password)?;
        let seed = seeds[..].try_into().map_err(|_| damaged(path, "a node has one seed of 32 bytes"))?;
        let key = Self { identity: SecretKey::from_seed(seed) };
        if key.identity.public_key() != file.public_key || file.vrf_public_key.is_some() {
            return Err(damaged(path, "the seed belongs to another public key"));
        }
        Ok(Loaded { key, warning })
    }
}

impl VrfKey {
    /// The half of a validator's key that stays at its node.
    pub fn of(key: &ValidatorKey) -> Self {
        Self { validator: key.consensus.public_key(), vrf: key.vrf.clone() }
    }

    /// Writes a new file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`], [`KeyFileError::Seal`] or [`KeyFileError::Disk`].
    pub fn write(&self, path: &Path, protect: Protect<'_>) -> Result<(), KeyFileError> {
        write(path, Role::Vrf, self.validator, Some(self.vrf.public_key()), self.vrf.seed(), protect)
    }

    /// Reads the file at `path`; a password is needed only if it is encrypted.
    ///
    /// # Errors
    /// [`KeyFileError`], one variant per cause.
    pub fn load(path: &Path, password: Option<&Password>) -> Result<Loaded<Self>, KeyFileError> {
        let Loaded { key: (file, seeds), warning } = read(path, Role::Vrf, password)?;
        let seed = seeds[..].try_into().map_err(|_| damaged(path, "a VRF key has one seed of 32 bytes"))?;
        let key = Self { validator: file.public_key, vrf: VrfSecretKey::from_seed(seed) };
        if Some(key.vrf.public_key()) != file.vrf_public_key {
            return Err(damaged(path, "the seed belongs to another public key"));
        }
        Ok(Loaded { key, warning })
    }
}

/// The password in the first line of the file at `path`, with a warning when others can read it.
///
/// # Errors
/// [`KeyFileError::PasswordMissing`], [`KeyFileError::Password`] (empty or too long), [`KeyFileError::Damaged`] (no text) or
/// [`KeyFileError::Disk`].
pub fn read_password(path: &Path) -> Result<Loaded<Password>, KeyFileError> {
    // Room for a line end after the longest password.
    let bytes_max = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
    let bytes = durable::read_bounded(path, bytes_max)
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => KeyFileError::PasswordMissing { path: path.to_owned() },
            _ => KeyFileError::Disk { path: path.to_owned(), cause },
        })?
        .map(Zeroizing::new)
        .ok_or_else(|| KeyFileError::Password { path: path.to_owned(), cause: PasswordError::TooLong })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged(path, "a password file is UTF-8 text"))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    let key = Password::new(line).map_err(|cause| KeyFileError::Password { path: path.to_owned(), cause })?;
    Ok(Loaded { key, warning: warning_of(path)? })
}

fn write(
    path: &Path,
    role: Role,
    public_key: PublicKey,
    vrf_public_key: Option<VrfPublicKey>,
    seeds: &[u8],
    protect: Protect<'_>,
) -> Result<(), KeyFileError> {
    let protection = match protect {
        Protect::Plain => Protection::Plain { seeds: Zeroizing::new(hex::encode(seeds)) },
        Protect::Password(password, kdf) => {
            let bound = bound_bytes(role, &public_key, vrf_public_key.as_ref());
            let sealed = Sealed::seal(seeds, &bound, password, kdf)
                .map_err(|cause| KeyFileError::Seal { path: path.to_owned(), cause })?;
            Protection::Password(sealed)
        }
    };
    let file = KeyFile { version: NODE_KEY_FILE_VERSION, role, public_key, vrf_public_key, protection };
    let text = serde_json::to_vec_pretty(&file).expect("a key file holds only text and numbers");
    durable::write_new(path, &Zeroizing::new(text)).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => KeyFileError::Disk { path: path.to_owned(), cause },
    })
}

/// The parsed file and its seeds.
type Opened = (KeyFile, Zeroizing<Vec<u8>>);

fn read(path: &Path, role: Role, password: Option<&Password>) -> Result<Loaded<Opened>, KeyFileError> {
    let bytes = durable::read_bounded(path, FILE_BYTES_MAX)
        .map_err(|cause| disk(path, cause))?
        .map(Zeroizing::new)
        .ok_or_else(|| damaged(path, "it is larger than 16 KiB"))?;
    // The parser's messages may quote what it read, and that may be a secret: only the place is told.
    let place = |error: serde_json::Error| {
        damaged(path, format!("not the JSON of a key file (line {}, column {})", error.line(), error.column()))
    };
    let VersionOnly { version } = serde_json::from_slice(&bytes).map_err(place)?;
    if version != NODE_KEY_FILE_VERSION {
        return Err(KeyFileError::Version { path: path.to_owned(), version });
    }
    let file: KeyFile = serde_json::from_slice(&bytes).map_err(place)?;
    if file.role != role {
        return Err(KeyFileError::Role { path: path.to_owned(), found: file.role.name(), wanted: role.name() });
    }
    let warning = warning_of(path)?;
    let seeds = match (&file.protection, warning.clone(), password) {
        (Protection::Plain { .. }, Some(open), _) => return Err(KeyFileError::OpenToOthers(open)),
        (Protection::Plain { seeds }, None, _) => {
            Zeroizing::new(hex::decode(seeds.as_bytes()).map_err(|_| damaged(path, "the seeds are not hexadecimal"))?)
        }
        (Protection::Password(_), _, None) => return Err(KeyFileError::PasswordNeeded { path: path.to_owned() }),
        (Protection::Password(sealed), _, Some(password)) => sealed
            .open(&bound_bytes(role, &file.public_key, file.vrf_public_key.as_ref()), password)
            .map_err(|cause| KeyFileError::Seal { path: path.to_owned(), cause })?,
    };
    Ok(Loaded { key: (file, seeds), warning })
}

fn warning_of(path: &Path) -> Result<Option<OpenPermissions>, KeyFileError> {
    let mode = durable::open_to_others(path).map_err(|cause| disk(path, cause))?;
    Ok(mode.map(|mode| OpenPermissions { path: path.to_owned(), mode }))
}

fn disk(path: &Path, cause: io::Error) -> KeyFileError {
    match cause.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing { path: path.to_owned() },
        _ => KeyFileError::Disk { path: path.to_owned(), cause },
    }
}

fn damaged(path: &Path, reason: impl Into<String>) -> KeyFileError {
    KeyFileError::Damaged { path: path.to_owned(), reason: reason.into() }
}

/// What sealed seeds are bound to: the lengths are fixed by the role.
fn bound_bytes(role: Role, public_key: &PublicKey, vrf: Option<&VrfPublicKey>) -> Vec<u8> {
    let vrf: &[u8] = vrf.map_or(&[], |key| &key.0);
    let version = NODE_KEY_FILE_VERSION.to_be_bytes();
    [BOUND_DOMAIN, &version, role.name().as_bytes(), public_key.as_bytes(), vrf].concat()
}
