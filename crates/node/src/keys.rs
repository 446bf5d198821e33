//! Where a validator's key is: in this home, or with a remote signer.
//!
//! | use of the key | in this home | with a remote signer |
//! |---|---|---|
//! | votes, proposals | behind the guard here | behind the signer's guard |
//! | heartbeats, attestations, the duties' transactions | here | typed requests |
//! | beacon and lottery tickets (VRF) | here | here, from `vrf_key.json`: it signs nothing |
//! | reports of offences | here | not made: the other validators make them |
//! | a store that is taken again by itself (RCV-39) | after the guard was checked | not done: the guard is elsewhere |
//!
//! Rules
//! - A home of a validator with a remote signer must not hold validator_key.json: a key in two places is a key that
//!   signs twice.
//! - The node does not start while the signer does not answer, has another key, or is of another chain.
//!
//! Read next: `remote_signer.rs`, `spec/signer.md`.

use std::path::Path;

use ::config::{Home, NodeConfig};
use consensus::VoteSigner;
use primitives::actions::timetoke::{Heartbeat, SignedHeartbeat};
use primitives::actions::witness::{Attestation, SignedAttestation};
use primitives::{Hash, Height, PublicKey, SecretKey, Transaction, TransactionBody, VrfSecretKey};
use telemetry::areas::RemoteSigner as RemoteMetrics;
use wallet::Password;
use wallet::key_file::{KeyFileError, Loaded, ValidatorKey, VrfKey};
use wallet::signer::{GuardCrashPoint, ValidatorSigner};

use crate::remote_signer::{Remote, RemoteKey};
use crate::run::AskPassword;
use crate::signer::GuardedKey;
use crate::start_error::StartError;

/// A validator's keys as this node has them.
pub struct Keys {
    /// The validator's public key.
    pub public: PublicKey,
    /// Proves the beacon and lottery tickets.
    pub vrf: VrfSecretKey,
    /// Password of the key file, for the one that a rotation leaves.
    pub password: Option<Password>,
    place: Place,
}

enum Place {
    Here(SecretKey),
    Away(Remote),
}

/// What signs a validator's duties.
pub enum DutySigner {
    /// The key itself.
    Here(SecretKey),
    /// The remote signer that has it.
    Away(Remote),
}

impl Keys {
    /// Reads the keys of this home, and meets the remote signer where there is one.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn load(
        home: &Home,
        config: &NodeConfig,
        ask: Option<AskPassword>,
        genesis: Hash,
        metrics: &RemoteMetrics,
    ) -> Result<Self, StartError> {
        let Some(signer) = &config.signer else {
            let (key, password) = unlock(&home.validator_key(), config, ask, ValidatorKey::load)?;
            let (public, vrf) = (key.consensus.public_key(), key.vrf);
            return Ok(Self { public, vrf, password, place: Place::Here(key.consensus) });
        };
        let own = home.validator_key();
        if own.exists() {
            return Err(StartError::TwoKeys { path: own });
        }
        let (VrfKey { validator, vrf }, password) = unlock(&home.vrf_key(), config, ask, VrfKey::load)?;
        let remote = Remote::meet(signer, genesis, validator, metrics.clone())?;
        Ok(Self { public: validator, vrf, password, place: Place::Away(remote) })
    }

    /// The secret, where it is here.
    pub const fn secret(&self) -> Option<&SecretKey> {
        match &self.place {
            Place::Here(key) => Some(key),
            Place::Away(_) => None,
        }
    }

    /// What signs the duties.
    pub fn duties(&self) -> DutySigner {
        match &self.place {
            Place::Here(key) => DutySigner::Here(key.clone()),
            // A connection of its own: a duty must not hold up a vote.
            Place::Away(remote) => DutySigner::Away(remote.another()),
        }
    }

    /// What signs votes and proposals. `signed` is the newest height whose certificate carries this key's signature.
    ///
    /// # Errors
    /// [`StartError`]: a guard that is missing, damaged or behind, here or with the remote signer.
    pub fn votes(
        &self,
        guard: &Path,
        genesis: &Hash,
        signed: Height,
        crash: Option<GuardCrashPoint>,
    ) -> Result<Box<dyn VoteSigner>, StartError> {
        match &self.place {
            Place::Here(key) => {
                let mut signer = ValidatorSigner::open(key.clone(), guard, genesis, false)?;
                signer.check_not_behind(signed)?;
                signer.set_crash_point(crash);
                Ok(Box::new(GuardedKey { signer, genesis: *genesis }))
            }
            Place::Away(remote) => Ok(Box::new(RemoteKey::new(remote.another(), self.public, *genesis, signed)?)),
        }
    }
}

impl DutySigner {
    /// Signs an answer to a challenge.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn heartbeat(&self, heartbeat: Heartbeat, genesis: &Hash) -> Result<SignedHeartbeat, String> {
        match self {
            Self::Here(key) => Ok(heartbeat.sign(key, genesis)),
            Self::Away(remote) => remote.heartbeat(heartbeat, genesis),
        }
    }

    /// Signs that a block is here.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn attestation(&self, attestation: Attestation, genesis: &Hash) -> Result<SignedAttestation, String> {
        match self {
            Self::Here(key) => Ok(attestation.sign(key, genesis)),
            Self::Away(remote) => remote.attestation(attestation, genesis),
        }
    }

    /// Signs the transaction of a duty.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn transaction(&self, body: TransactionBody, genesis: &Hash) -> Result<Transaction, String> {
        match self {
            Self::Here(key) => Ok(body.sign(key, genesis)),
            Self::Away(remote) => remote.transaction(body, genesis),
        }
    }
}

/// How a key file is read.
type Load<K> = fn(&Path, Option<&Password>) -> Result<Loaded<K>, KeyFileError>;

/// A key file. An encrypted one takes its password from the configuration, else from the person at the terminal; the
/// password comes with it.
fn unlock<K>(
    path: &Path,
    config: &NodeConfig,
    ask: Option<AskPassword>,
    load: Load<K>,
) -> Result<(K, Option<Password>), StartError> {
    let mut used = None;
    let loaded = match load(path, None) {
        Err(KeyFileError::PasswordNeeded { .. }) => {
            let password = used.insert(password_of(path, config, ask)?);
            load(path, Some(password))?
        }
        loaded => loaded?,
    };
    if let Some(warning) = loaded.warning {
        tracing::warn!("{warning}");
    }
    Ok((loaded.key, used))
}

fn password_of(path: &Path, config: &NodeConfig, ask: Option<AskPassword>) -> Result<Password, StartError> {
    if let Some(file) = &config.validator_key_password_file {
        let loaded = wallet::key_file::read_password(file)?;
        if let Some(warning) = loaded.warning {
            tracing::warn!("{warning}");
        }
        return Ok(loaded.key);
    }
    let typed = match &config.validator_key_password {
        Some(password) => password.clone(),
        None => {
            let ask = ask.ok_or_else(|| StartError::NoPassword { path: path.to_owned() })?;
            ask(&format!("Password of {}: ", path.display())).map_err(|cause| StartError::Typed { cause })?
        }
    };
    let password = Password::new(typed.expose().to_owned());
    Ok(password.map_err(|cause| KeyFileError::Password { path: path.to_owned(), cause })?)
}
