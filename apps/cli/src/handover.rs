//! Giving a validator's key away: from the home of its node to the home of a remote signer.
//!
//! ```text
//! home of the node                                home of the signer
//! validator_key.json ── copied ────────────────►  validator_key.json
//! vrf_key.json, signer/node.*  ◄── made ──►       signer/signer.*, guard/heartbeats.json
//! guard/guard.log ── moved (never in both) ────►  guard/guard.log
//! validator_key.json removed, signer.address set
//! ```
//!
//! Rules
//! - A key signs only beside its guard, and the guard is under its name in one home at a time. So there is no moment at
//!   which both homes can sign, whatever crashes; repeating the command finishes what was begun.
//! - Nothing is written over.
//!
//! Read next: `wallet/src/signer/handover.rs`, `spec/signer.md`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use config::Home;
use primitives::{Genesis, Hash, PublicKey};
use rpc::ExitCode;
use signer::certificates::{self, Certificates};
use wallet::key_file::{Protect, VrfKey};
use wallet::seal::{KdfParams, Password};
use wallet::signer::{HeartbeatMark, hand_over};
use wallet::{KeyFileError, ValidatorKey};

use crate::commands::snapshots::read_genesis;
use crate::context::environment;
use crate::exit::Failure;
use crate::provision::{taken, write_new};

/// The authority of the certificates, in the folder `signer` of both homes.
pub const AUTHORITY: &str = "authority.pem";
/// The signer's certificate.
pub const SIGNER_CERT: &str = "signer.pem";
/// The key of the signer's certificate.
pub const SIGNER_KEY: &str = "signer.key";
/// The node's certificate.
const NODE_CERT: &str = "node.pem";
/// The key of the node's certificate.
const NODE_KEY: &str = "node.key";
/// A key that a rotation of the VRF has left.
const NEXT_KEY: &str = "validator_key.next.json";

/// From which home to which, and where the signer will listen.
pub struct Handover<'a> {
    /// The home of the node, which is stopped.
    pub from: &'a Home,
    /// The home of the signer.
    pub to: &'a Home,
    /// Where the node will find the signer.
    pub address: SocketAddr,
}

/// What was given away.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// The validator's public key.
    pub key: PublicKey,
    /// The chain.
    pub genesis: Hash,
}

impl Handover<'_> {
    /// Does it. `password` is asked for when the key is encrypted; both files keep it.
    ///
    /// # Errors
    /// [`Failure`]; what was begun is finished by the next call.
    pub fn run(&self, password: impl FnOnce() -> Result<Password, Failure>) -> Result<Given, Failure> {
        let (from, to) = (self.from, self.to);
        let genesis = read_genesis(from)?;
        let next = from.resolve(NEXT_KEY);
        if next.exists() {
            let found = format!("{} was left by a rotation of the VRF key", next.display());
            return Err(Failure::new(
                ExitCode::Refused,
                "rotation",
                found,
                "finish the rotation first, and remove the file",
            ));
        }
        let held = if from.validator_key().exists() { from.validator_key() } else { to.validator_key() };
        let (key, password) = unlock(&held, password)?;
        let protect = password.as_ref().map_or(Protect::Plain, |one| Protect::Password(one, KdfParams::default()));
        let public = key.consensus.public_key();
        to.create().map_err(|cause| Failure::disk(to.root(), &cause))?;
        same_chain(to, &genesis)?;
        copy_key(&key, &to.validator_key(), password.as_ref(), protect)?;
        if !from.vrf_key().exists() {
            VrfKey::of(&key).write(&from.vrf_key(), protect)?;
        }
        self.certify()?;
        // Before the guard is there: a mark that is missing beside a guard was lost, and is never made anew.
        if !to.guard().exists() && !to.heartbeat_mark().exists() {
            HeartbeatMark::create(&to.heartbeat_mark(), public, genesis.hash())?;
        }
        hand_over(&from.guard(), &to.guard(), public)?;
        if from.validator_key().exists() {
            fs::remove_file(from.validator_key()).map_err(|cause| Failure::disk(&from.validator_key(), &cause))?;
        }
        let address = [("signer.address".to_owned(), self.address.to_string())];
        config::set(from, &address, environment)?;
        Ok(Given { key: public, genesis: genesis.hash() })
    }

    /// Makes certificates, unless they are there.
    fn certify(&self) -> Result<(), Failure> {
        let (node, signer) = (self.from.signer_folder(), self.to.signer_folder());
        // Written last, so it says that the rest is there.
        if signer.join(AUTHORITY).exists() {
            return Ok(());
        }
        let made = certificates::make(&[self.address.ip()])
            .map_err(|error| Failure::new(ExitCode::Unexpected, "certificates", error, "try again"))?;
        write_certificates(&made, &node, &signer)
    }
}

fn write_certificates(made: &Certificates, node: &Path, signer: &Path) -> Result<(), Failure> {
    let files = [
        (node, AUTHORITY, &made.authority, 0o644),
        (node, NODE_CERT, &made.node.cert, 0o644),
        (node, NODE_KEY, &made.node.key, 0o600),
        (signer, SIGNER_CERT, &made.signer.cert, 0o644),
        (signer, SIGNER_KEY, &made.signer.key, 0o600),
        (signer, AUTHORITY, &made.authority, 0o644),
    ];
    for folder in [node, signer] {
        fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
    }
    for (folder, name, text, mode) in files {
        let path = folder.join(name);
        // Of a try that did not come to its end: nobody trusts these files without the last one.
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(Failure::disk(&path, &cause)),
            _ => write_new(&path, text.as_bytes(), mode)?,
        }
    }
    Ok(())
}

/// Puts the genesis file into the signer's home, or finds that of this chain there.
fn same_chain(to: &Home, genesis: &Genesis) -> Result<(), Failure> {
    let path = to.genesis_json();
    if !path.exists() {
        return write_new(&path, format!("{}\n", genesis.to_json()).as_bytes(), 0o644);
    }
    let found = read_genesis(to)?.hash();
    if found == genesis.hash() {
        return Ok(());
    }
    let what = format!("{} is of the chain with genesis {found}, the node is of {}", path.display(), genesis.hash());
    Err(Failure::new(ExitCode::Refused, "other_chain", what, "give the key to a home of its own"))
}

fn copy_key(key: &ValidatorKey, path: &Path, password: Option<&Password>, protect: Protect<'_>) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(key.write(path, protect)?);
    }
    let there = ValidatorKey::load(path, password)?.key.consensus.public_key();
    if there == key.consensus.public_key() { Ok(()) } else { Err(taken(path)) }
}

/// The key at `path`, with its password if it is encrypted.
///
/// # Errors
/// [`Failure`] when it cannot be read or unlocked.
pub fn unlock(
    path: &Path,
    password: impl FnOnce() -> Result<Password, Failure>,
) -> Result<(ValidatorKey, Option<Password>), Failure> {
    match ValidatorKey::load(path, None) {
        Err(KeyFileError::PasswordNeeded { .. }) => {
            let password = password()?;
            Ok((ValidatorKey::load(path, Some(&password))?.key, Some(password)))
        }
        loaded => Ok((loaded?.key, None)),
    }
}
