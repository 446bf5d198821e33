//! Signatures of releases: keys, the list of accepted signers, and `provenance.json.sig`.
//!
//! ```text
//! key file          64 hexadecimal digits, the Ed25519 seed; mode 0600
//! list of signers   one line each: ed25519:<64 digits> <name>; empty lines and lines with # in front say nothing
//! signature file    { "signer": "ed25519:<64 digits>", "signature": "<128 digits>" }
//! ```
//! Rule: signed is [`DOMAIN`] followed by the bytes of the provenance, so that a signature serves for nothing else.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use primitives::{PublicKey, SecretKey, Signature};
use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::files::{self, FileError};
use super::{PROVENANCE, SIGNATURE};
use crate::exit::Failure;

/// What stands before the signed bytes.
pub const DOMAIN: &[u8] = b"the-block/release-provenance/v1\n";
/// What stands before the digits of a signer.
const ALGORITHM: &str = "ed25519:";
/// Mode of a key file.
const KEY_MODE: u32 = 0o600;
/// Largest list of signers, and largest key file, bytes.
const LIST_BYTES_MAX: u64 = 1_024 * 1_024;

/// One who may sign releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The key.
    pub key: PublicKey,
    /// What the list calls it.
    pub name: String,
}

/// `provenance.json.sig`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    /// Who signed, `ed25519:` and the key.
    pub signer: String,
    /// The signature.
    pub signature: Signature,
}

impl SignatureFile {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<(PublicKey, Signature), String> {
        let file: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok((key_of(&file.signer)?, file.signature))
    }
}

fn key_of(text: &str) -> Result<PublicKey, String> {
    let digits = text.strip_prefix(ALGORITHM).ok_or_else(|| format!("{text:?} does not begin with {ALGORITHM}"))?;
    digits.parse::<PublicKey>().map_err(|error| error.to_string())
}

/// A key as the list of signers has it.
pub fn text_of(key: &PublicKey) -> String {
    format!("{ALGORITHM}{key}")
}

/// The bytes that are signed.
pub fn signed_bytes(provenance: &[u8]) -> Vec<u8> {
    [DOMAIN, provenance].concat()
}

/// The accepted signers of the list at `path`.
///
/// # Errors
/// [`Failure`] naming the line that cannot be read.
pub fn read_signers(path: &Path) -> Result<Vec<Signer>, Failure> {
    let text = read_text(path)?;
    let mut signers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (key, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let key = key_of(key).map_err(|error| {
            Failure::new(
                ExitCode::Config,
                "signers",
                format!("{} line {}: {error}", path.display(), index + 1),
                "a line is ed25519:, 64 hexadecimal digits and a name",
            )
        })?;
        signers.push(Signer { key, name: name.trim().to_owned() });
    }
    Ok(signers)
}

/// Makes a key for signing and writes it to a new file.
///
/// # Errors
/// [`Failure`] when the name is taken or the disk refuses.
pub fn make_key(path: &Path) -> Result<PublicKey, Failure> {
    let key = SecretKey::from_seed(*wallet::draw()?);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(KEY_MODE).open(path).map_err(|cause| {
        if cause.kind() == std::io::ErrorKind::AlreadyExists {
            let error = format!("{} exists and is never overwritten", path.display());
            return Failure::new(ExitCode::Refused, "key_exists", error, "name another file");
        }
        Failure::disk(path, &cause)
    })?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(key.seed())));
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|cause| Failure::disk(path, &cause))?;
    Ok(key.public_key())
}

/// Signs the provenance of `folder` with the key at `key`; an earlier signature is replaced.
///
/// # Errors
/// [`Failure`] for a key that cannot be used, a folder without provenance, and a disk that refuses.
pub fn sign(folder: &Path, key: &Path) -> Result<PublicKey, Failure> {
    let provenance = files::read(folder, PROVENANCE)?;
    let key = read_key(key)?;
    let signature = key.sign(&signed_bytes(&provenance));
    let file = SignatureFile { signer: text_of(&key.public_key()), signature };
    let text = serde_json::to_string_pretty(&file).expect("two texts have a JSON form");
    let path = folder.join(SIGNATURE);
    fs::write(&path, format!("{text}\n")).map_err(|cause| Failure::disk(&path, &cause))?;
    Ok(key.public_key())
}

fn read_key(path: &Path) -> Result<SecretKey, Failure> {
    let refused = |error: String, hint: &str| {
        Failure::new(ExitCode::Refused, "key_refused", format!("{}: {error}", path.display()), hint)
    };
    let mode = fs::metadata(path).map(|found| Permissions::mode(&found.permissions()) & 0o777);
    let mode = mode.map_err(|cause| Failure::disk(path, &cause))?;
    if mode & 0o077 != 0 {
        let hint = "run chmod 600 on it; if others had access to this machine, make another key";
        return Err(refused(format!("others can read it (mode {mode:03o})"), hint));
    }
    let text = Zeroizing::new(read_text(path)?);
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), seed.as_mut())
        .map_err(|_| refused("it does not hold 64 hexadecimal digits".into(), "make a key with: tb release key"))?;
    Ok(SecretKey::from_seed(*seed))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let disk = |cause: &std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => Failure::from(FileError::Missing { path: path.to_owned() }),
        _ => Failure::disk(path, cause),
    };
    let bytes = fs::metadata(path).map_err(|cause| disk(&cause))?.len();
    if bytes > LIST_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned(), max: LIST_BYTES_MAX }.into());
    }
    fs::read_to_string(path).map_err(|cause| disk(&cause))
}
