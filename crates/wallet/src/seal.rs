//! Encryption of key files: Argon2id turns a password into a key, XChaCha20-Poly1305 seals the secret.
//!
//! ```text
//! password ─┐
//! salt 16 ──┴ Argon2id(memory, passes, lanes) → key 32 ─┐
//! nonce 24 ─────────────────────────────────────────────┤
//! bound bytes (what the file says in the clear) ────────┴ XChaCha20-Poly1305 → ciphertext ‖ tag 16
//! ```
//!
//! Rules
//! - Salt and nonce are fresh for each sealing; the parameters are stored, and bounded when they are read, so
//!   that a hostile file can neither ask for all memory nor run for hours.
//! - Opening with a wrong password and opening altered bytes look the same and are one error.

use std::fmt;
use std::path::PathBuf;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{RandomnessError, draw};

/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;
/// Longest ciphertext that is read, in bytes.
const CIPHERTEXT_BYTES_MAX: usize = 1_024;
/// Longest password in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// Least memory of the key derivation, KiB.
pub const MEMORY_KIB_MIN: u32 = 8 * 1_024;
/// Most memory of the key derivation, KiB.
pub const MEMORY_KIB_MAX: u32 = 1_024 * 1_024;
/// Most passes over the memory.
pub const PASSES_MAX: u32 = 16;
/// Most lanes.
pub const LANES_MAX: u32 = 4;

/// A password. Wiped when dropped, never printed by `Debug`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Text that cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing.
    #[error("the password is empty; choose one, or use a plain key file where that is allowed")]
    Empty,
    /// Over [`PASSWORD_BYTES_MAX`].
    #[error("the password is longer than 1,024 bytes; choose a shorter one")]
    TooLong,
}

impl Password {
    /// Takes `text` as a password, exactly as it is.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn new(text: String) -> Result<Self, PasswordError> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            Err(PasswordError::Empty)
        } else if text.len() > PASSWORD_BYTES_MAX {
            Err(PasswordError::TooLong)
        } else {
            Ok(Self(text))
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// A key file that others than its owner can read or write: a warning, not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} has mode {mode:o}, so other users may read it; run: chmod 600 {}", path.display(), path.display())]
pub struct OpenPermissions {
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// Cost of turning a password into a key (Argon2id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KdfParams {
    /// Memory in KiB, [`MEMORY_KIB_MIN`] to [`MEMORY_KIB_MAX`].
    pub memory_kib: u32,
    /// Passes over the memory, 1 to [`PASSES_MAX`].
    pub passes: u32,
    /// Lanes, 1 to [`LANES_MAX`].
    pub lanes: u32,
}

impl Default for KdfParams {
    /// 64 MiB, 3 passes, 1 lane: the second choice of RFC 9106 with one lane instead of four, for one core.
    fn default() -> Self {
        Self { memory_kib: 64 * 1_024, passes: 3, lanes: 1 }
    }
}

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The parameters leave their bounds.
    #[error("the key derivation asks for {name} = {value}, allowed is {rule}; the file is damaged or hostile")]
    KdfBounds {
        /// The parameter.
        name: &'static str,
        /// What it asks for.
        value: u32,
        /// What is allowed.
        rule: &'static str,
    },
    /// The derivation did not run, mostly for lack of memory.
    #[error("the key derivation failed ({0}); free some memory and try again")]
    Kdf(String),
    /// Another algorithm than this build knows.
    #[error("unknown algorithm {0}; this build knows argon2id with xchacha20-poly1305, use a newer build")]
    Algorithm(String),
    /// Salt, nonce or ciphertext has an impossible form.
    #[error("the field {0} is not hexadecimal of the right length; the file is damaged, restore it from a copy")]
    Field(&'static str),
    /// The tag does not fit.
    #[error("wrong password (or the file was altered); try again, or restore the key from its recovery words")]
    WrongPassword,
    /// No salt or nonce.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

impl KdfParams {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`SealError::KdfBounds`] for the first parameter outside its bounds.
    pub fn check(&self) -> Result<(), SealError> {
        let bounds = [
            ("memory_kib", self.memory_kib, MEMORY_KIB_MIN, MEMORY_KIB_MAX, "8,192 to 1,048,576"),
            ("passes", self.passes, 1, PASSES_MAX, "1 to 16"),
            ("lanes", self.lanes, 1, LANES_MAX, "1 to 4"),
        ];
        for (name, value, low, high, rule) in bounds {
            if value < low || value > high {
                return Err(SealError::KdfBounds { name, value, rule });
            }
        }
        Ok(())
    }

    fn key(&self, password: &Password, salt: &[u8; SALT_BYTES]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        self.check()?;
        let failed = |error: argon2::Error| SealError::Kdf(error.to_string());
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(failed)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.0.as_bytes(), salt, &mut key[..])
            .map_err(failed)?;
        Ok(key)
    }
}

/// The only algorithm so far; the text is part of the format.
const ALGORITHM: &str = "argon2id+xchacha20-poly1305";

/// A sealed secret as it stands in a key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    algorithm: String,
    kdf: KdfParams,
    salt: String,
    nonce: String,
    ciphertext: String,
}

impl Sealed {
    /// Seals `secret` under `password`; opening needs the same `bound` bytes.
    ///
    /// # Errors
    /// [`SealError::KdfBounds`], [`SealError::Kdf`] or [`SealError::Randomness`].
    pub fn seal(secret: &[u8], bound: &[u8], password: &Password, kdf: KdfParams) -> Result<Self, SealError> {
        let salt = draw::<SALT_BYTES>()?;
        let nonce = draw::<NONCE_BYTES>()?;
        let key = kdf.key(password, &salt)?;
        let ciphertext = cipher(&key)
            .encrypt(&XNonce::from(*nonce), Payload { msg: secret, aad: bound })
            .expect("the secret is far below the cipher's limit of 256 GiB");
        Ok(Self {
            algorithm: ALGORITHM.to_owned(),
            kdf,
            salt: hex::encode(&salt[..]),
            nonce: hex::encode(&nonce[..]),
            ciphertext: hex::encode(ciphertext),
        })
    }

    /// The secret.
    ///
    /// # Errors
    /// [`SealError`], one variant per cause.
    pub fn open(&self, bound: &[u8], password: &Password) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if self.algorithm != ALGORITHM {
            // The text comes from a file: what is shown of it has a bound.
            return Err(SealError::Algorithm(self.algorithm.chars().take(64).collect()));
        }
        let salt = field::<SALT_BYTES>(&self.salt, "salt")?;
        let nonce = field::<NONCE_BYTES>(&self.nonce, "nonce")?;
        if self.ciphertext.len() > 2 * CIPHERTEXT_BYTES_MAX {
            return Err(SealError::Field("ciphertext"));
        }
        let ciphertext = hex::decode(&self.ciphertext).map_err(|_| SealError::Field("ciphertext"))?;
        let key = self.kdf.key(password, &salt)?;
        cipher(&key)
            .decrypt(&XNonce::from(nonce), Payload { msg: &ciphertext, aad: bound })
            .map(Zeroizing::new)
            .map_err(|_| SealError::WrongPassword)
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    // Borrowed: a copy of the key would stay behind.
    XChaCha20Poly1305::new(<&Key>::from(key))
}

fn field<const N: usize>(text: &str, name: &'static str) -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| SealError::Field(name))?;
    Ok(bytes)
}
