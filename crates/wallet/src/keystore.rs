//! Wallet keys: one encrypted JSON file per key, `keys/<name>.json`.
//!
//! ```text
//! {
//!   "version": 1,
//!   "name": "alice",
//!   "address": "tb1…",
//!   "public_key": "<64 hex digits>",
//!   "sealed": { "algorithm", "kdf": { "memory_kib", "passes", "lanes" }, "salt", "nonce", "ciphertext" }
//! }
//!
//! sealed secret          bytes
//! ├ origin               1     0 = 32 bytes, 1 = words, 2 = words and a passphrase
//! ├ seed                 32    the Ed25519 secret
//! ├ account              4     big-endian; 0 when the origin is 0
//! └ entropy              0, 16 or 32, of the words
//! ```
//!
//! Rules
//! - The sealed secret is bound to version, name and public key: a file cannot be renamed or given another
//!   public key without the password noticing. The address is recomputed from the key.
//! - A file is written whole or not at all (`durable.rs`) and never overwritten.
//! - A file that others can read is used, with a warning ([`OpenPermissions`]).
//! - Words stay in the file so that their owner can see them again; a passphrase is never stored.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use primitives::{Address, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::derive::{AccountError, account_key};
use crate::durable;
use crate::mnemonic::{ENTROPY_BYTES, Mnemonic};
use crate::seal::{KdfParams, OpenPermissions, Password, SealError, Sealed};

/// Format version of a key file.
pub const KEY_FILE_VERSION: u32 = 1;
/// Largest key file that is read, bytes.
pub const KEY_FILE_BYTES_MAX: u64 = 16 * 1_024;
/// Longest name of a key.
pub const KEY_NAME_LENGTH_MAX: usize = 32;
/// Most files of one folder that are listed.
pub const KEYS_MAX: usize = 10_000;
/// First bytes of what a secret is bound to.
const BOUND_DOMAIN: &[u8] = b"the-block/keystore/v1";

/// The name of a key: 1 to 32 of a–z, 0–9 and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(String);

/// Text that is not the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key name has 1 to 32 characters out of a-z, 0-9 and '-'; choose another name")]
pub struct KeyNameError;

impl KeyName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyNameError;
    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > KEY_NAME_LENGTH_MAX || !text.bytes().all(allowed) {
            return Err(KeyNameError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// There is no such file.
    #[error("there is no key named {name} ({}); list keys with: tb keys list", path.display())]
    Missing {
        /// The wanted name.
        name: KeyName,
        /// Where it would be.
        path: PathBuf,
    },
    /// The name is taken.
    #[error("{} exists and is never overwritten; choose another name or move the file away", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The file is not a key file, or what it says does not fit together.
    #[error("{} is damaged: {reason}; restore it from a copy, or the key from its recovery words", path.display())]
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
    /// More files than are listed.
    #[error("{} holds more than 10,000 files; move some of them to another folder", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// The secret could not be sealed or opened.
    #[error("key {name}: {cause}")]
    Seal {
        /// The key.
        name: KeyName,
        /// Why.
        #[source]
        cause: SealError,
    },
    /// The key has no recovery words.
    #[error("key {name} was not made from recovery words; keep a copy of its file instead")]
    NoWords {
        /// The key.
        name: KeyName,
    },
    /// The disk refused.
    #[error("{}: {cause}; check the folder's permissions and free space", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// A secret key and where it came from, ready to be stored. Wiped when dropped.
#[derive(Clone)]
pub struct KeyMaterial {
    key: SecretKey,
    words: Option<Words>,
}

/// The recovery words of a key.
#[derive(Clone)]
struct Words {
    mnemonic: Mnemonic,
    account: u32,
    has_passphrase: bool,
}

impl KeyMaterial {
    /// The key of `account` below the words and `passphrase` (may be empty).
    ///
    /// # Errors
    /// [`AccountError`] from account 2^31 on.
    pub fn from_mnemonic(mnemonic: &Mnemonic, passphrase: &str, account: u32) -> Result<Self, AccountError> {
        let key = account_key(&mnemonic.seed(passphrase)[..], account)?;
        let words = Words { mnemonic: mnemonic.clone(), account, has_passphrase: !passphrase.is_empty() };
        Ok(Self { key, words: Some(words) })
    }

    /// A key that has no words.
    pub const fn from_secret(key: SecretKey) -> Self {
        Self { key, words: None }
    }

    /// The secret key.
    pub const fn secret(&self) -> &SecretKey {
        &self.key
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Room for the longest form, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 32 + 4 + ENTROPY_BYTES));
        bytes.push(match &self.words {
            None => 0,
            Some(words) if words.has_passphrase => 2,
            Some(_) => 1,
        });
        bytes.extend_from_slice(self.key.seed());
        bytes.extend_from_slice(&self.words.as_ref().map_or(0, |words| words.account).to_be_bytes());
        if let Some(words) = &self.words {
            bytes.extend_from_slice(&words.mnemonic.entropy());
        }
        bytes
    }

    /// `None` when the bytes have another form than the module header draws.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (origin, rest) = bytes.split_first()?;
        let (seed, rest) = rest.split_first_chunk::<32>()?;
        let (account, entropy) = rest.split_first_chunk::<4>()?;
        let account = u32::from_be_bytes(*account);
        let words = match origin {
            0 if entropy.is_empty() && account == 0 => None,
            1 | 2 => {
                let mnemonic = Mnemonic::from_entropy(entropy).ok()?;
                Some(Words { mnemonic, account, has_passphrase: *origin == 2 })
            }
            _ => return None,
        };
        Some(Self { key: SecretKey::from_seed(*seed), words })
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(hidden)")
    }
}

/// What a key file says in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The name.
    pub name: KeyName,
    /// The account.
    pub address: Address,
    /// The public key.
    pub public_key: PublicKey,
    /// The file.
    pub path: PathBuf,
    /// Set when others can read the file.
    pub warning: Option<OpenPermissions>,
}

/// All keys of a folder, sorted by name.
#[derive(Debug, Default)]
pub struct Listing {
    /// The keys.
    pub keys: Vec<KeyEntry>,
    /// Files that end in `.json` and are no key files, each with its reason.
    pub unreadable: Vec<KeystoreError>,
}

/// An unlocked key.
#[derive(Debug)]
pub struct Unlocked {
    /// The secret key.
    pub key: SecretKey,
    /// What the file says in the clear, with a warning when others can read it.
    pub entry: KeyEntry,
}

/// The recovery words of a stored key, to show to their owner.
#[derive(Debug)]
pub struct RecoveryPhrase {
    /// The words.
    pub mnemonic: Mnemonic,
    /// The account index of the path.
    pub account: u32,
    /// True when the words alone do not restore the key: a passphrase, which is not stored, belongs to them.
    pub needs_passphrase: bool,
}

/// A key file as it stands on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    name: String,
    address: Address,
    public_key: PublicKey,
    sealed: Sealed,
}

/// The version alone, so that a newer file is named as such and not as damaged.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// A folder of key files.
#[derive(Debug, Clone)]
pub struct Keystore {
    folder: PathBuf,
    kdf: KdfParams,
}

impl Keystore {
    /// The keystore in `folder` (usually `<home>/keys`), which is made when the first key is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self::with_kdf(folder, KdfParams::default())
    }

    /// The same with another cost for new files; existing files keep theirs.
    pub fn with_kdf(folder: impl Into<PathBuf>, kdf: KdfParams) -> Self {
        Self { folder: folder.into(), kdf }
    }

    /// Makes a key from fresh 24 words and stores it as account 0. `entropy` comes from [`crate::draw`].
    /// The words are returned to be shown once and written down.
    ///
    /// # Errors
    /// As [`Keystore::import`].
    pub fn create(
        &self,
        name: &KeyName,
        password: &Password,
        entropy: &[u8; ENTROPY_BYTES],
    ) -> Result<(KeyEntry, Mnemonic), KeystoreError> {
        let mnemonic = Mnemonic::from_entropy(entropy).expect("32 bytes of entropy have words");
        let material = KeyMaterial::from_mnemonic(&mnemonic, "", 0).expect("account 0 is in range");
        Ok((self.import(name, password, &material)?, mnemonic))
    }

    /// Stores `material` under a name that must be free.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`], [`KeystoreError::Seal`] or [`KeystoreError::Disk`].
    pub fn import(
        &self,
        name: &KeyName,
        password: &Password,
        material: &KeyMaterial,
    ) -> Result<KeyEntry, KeystoreError> {
        let path = self.path_of(name);
        if path.exists() {
            return Err(KeystoreError::Exists { path });
        }
        let public_key = material.key.public_key();
        let sealed = Sealed::seal(&material.encode(), &bound_bytes(name.as_str(), &public_key), password, self.kdf)
            .map_err(|cause| KeystoreError::Seal { name: name.clone(), cause })?;
        let address = Address::of_key(&public_key);
        let file = KeyFile { version: KEY_FILE_VERSION, name: name.to_string(), address, public_key, sealed };
        let mut text = serde_json::to_vec_pretty(&file).expect("a key file holds only text and numbers");
        text.push(b'\n');
        durable::write_new(&path, &text).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => KeystoreError::Exists { path: path.clone() },
            _ => KeystoreError::Disk { path: path.clone(), cause },
        })?;
        Ok(KeyEntry { name: name.clone(), address, public_key, path, warning: None })
    }

    /// What the file of `name` says in the clear.
    ///
    /// # Errors
    /// [`KeystoreError::Missing`], [`KeystoreError::Damaged`], [`KeystoreError::Version`] or
    /// [`KeystoreError::Disk`].
    pub fn entry(&self, name: &KeyName) -> Result<KeyEntry, KeystoreError> {
        self.read(name).map(|(entry, _)| entry)
    }

    /// All keys of the folder, sorted by name. A folder that does not exist is empty.
    ///
    /// # Errors
    /// [`KeystoreError::TooMany`] or [`KeystoreError::Disk`]; a single bad file is part of the listing.
    pub fn list(&self) -> Result<Listing, KeystoreError> {
        let disk = |cause| KeystoreError::Disk { path: self.folder.clone(), cause };
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Listing::default()),
            Err(cause) => return Err(disk(cause)),
        };
        let mut listing = Listing::default();
        for (count, file) in files.enumerate() {
            if count >= KEYS_MAX {
                return Err(KeystoreError::TooMany { path: self.folder.clone() });
            }
            let path = file.map_err(disk)?.path();
            // Hidden names are temporaries of a program that was stopped while it wrote.
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden || path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match stem.parse::<KeyName>() {
                Err(error) => listing.unreadable.push(damaged(&path, format!("its name is not allowed: {error}"))),
                Ok(name) => match self.entry(&name) {
                    Ok(entry) => listing.keys.push(entry),
                    Err(error) => listing.unreadable.push(error),
                },
            }
        }
        listing.keys.sort_by(|a, b| a.name.cmp(&b.name));
        listing.unreadable.sort_by_key(ToString::to_string);
        Ok(listing)
    }

    /// The secret key of `name`.
    ///
    /// # Errors
    /// As [`Keystore::entry`], and [`KeystoreError::Seal`] for a wrong password.
    pub fn unlock(&self, name: &KeyName, password: &Password) -> Result<Unlocked, KeystoreError> {
        let (entry, material) = self.open(name, password)?;
        Ok(Unlocked { key: material.key, entry })
    }

    /// The recovery words of `name`, to show to their owner.
    ///
    /// # Errors
    /// As [`Keystore::unlock`], and [`KeystoreError::NoWords`].
    pub fn export_mnemonic(&self, name: &KeyName, password: &Password) -> Result<RecoveryPhrase, KeystoreError> {
        let (_, material) = self.open(name, password)?;
        let words = material.words.ok_or_else(|| KeystoreError::NoWords { name: name.clone() })?;
        let Words { mnemonic, account, has_passphrase } = words;
        Ok(RecoveryPhrase { mnemonic, account, needs_passphrase: has_passphrase })
    }

    fn path_of(&self, name: &KeyName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    fn open(&self, name: &KeyName, password: &Password) -> Result<(KeyEntry, KeyMaterial), KeystoreError> {
        let (entry, sealed) = self.read(name)?;
        let secret = sealed
            .open(&bound_bytes(name.as_str(), &entry.public_key), password)
            .map_err(|cause| KeystoreError::Seal { name: name.clone(), cause })?;
        let material = KeyMaterial::decode(&secret)
            .ok_or_else(|| damaged(&entry.path, "the sealed secret has an unknown form"))?;
        if material.key.public_key() != entry.public_key {
            return Err(damaged(&entry.path, "the sealed secret belongs to another public key"));
        }
        Ok((entry, material))
    }

    fn read(&self, name: &KeyName) -> Result<(KeyEntry, Sealed), KeystoreError> {
        let path = self.path_of(name);
        let disk = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => KeystoreError::Missing { name: name.clone(), path: path.clone() },
            _ => KeystoreError::Disk { path: path.clone(), cause },
        };
        let bytes = durable::read_bounded(&path, KEY_FILE_BYTES_MAX)
            .map_err(disk)?
            .ok_or_else(|| damaged(&path, "it is larger than 16 KiB"))?;
        let VersionOnly { version } =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error.to_string()))?;
        if version != KEY_FILE_VERSION {
            return Err(KeystoreError::Version { path, version });
        }
        let file: KeyFile = serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error.to_string()))?;
        if file.name != name.as_str() {
            return Err(damaged(&path, "it was renamed: the name inside differs from the file's name"));
        }
        if Address::of_key(&file.public_key) != file.address {
            return Err(damaged(&path, "the address does not belong to the public key"));
        }
        let warning =
            durable::open_to_others(&path).map_err(disk)?.map(|mode| OpenPermissions { path: path.clone(), mode });
        let entry = KeyEntry { name: name.clone(), address: file.address, public_key: file.public_key, path, warning };
        Ok((entry, file.sealed))
    }
}

fn damaged(path: &Path, reason: impl Into<String>) -> KeystoreError {
    KeystoreError::Damaged { path: path.to_owned(), reason: reason.into() }
}

/// What a sealed secret is bound to; every part but the name has a fixed length and the name comes last.
fn bound_bytes(name: &str, public_key: &PublicKey) -> Vec<u8> {
    [BOUND_DOMAIN, &KEY_FILE_VERSION.to_be_bytes(), public_key.as_bytes(), name.as_bytes()].concat()
}
