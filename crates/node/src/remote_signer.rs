//! A validator's key in another process, as this node asks for signatures.
//!
//! Rules
//! - Every request is counted, with its time where it succeeded. What is not signed in time is a refusal: consensus
//!   abstains in that step, and a duty is tried again.
//! - A signature is used only if it is the validator's signature of exactly what was asked for. So a signer that is
//!   broken costs votes and nothing else.
//! - Votes and duties have a connection each, so that neither waits for the other.
//! - How often `tb wallet discover-signers` ran with this home stands in a file of the home; it is looked at every
//!   [`LOOK`] and shown in the node's metrics.
//!
//! Read next: `signer/src/client.rs`, `spec/signer.md`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::config::{Home, SignerConfig};
use consensus::{LoggedMessage, SignRefused, SignedStep, VoteSigner};
use primitives::actions::timetoke::{Heartbeat, SignedHeartbeat};
use primitives::actions::witness::{Attestation, SignedAttestation};
use primitives::vote::{PROPOSAL_DOMAIN, VOTE_DOMAIN};
use primitives::{
    BoundedVec, Hash, Height, Proposal, PublicKey, Round, Signature, Transaction, TransactionBody, Vote, decode,
};
use signer::message::LOGGED_MAX;
use signer::{Client, ClientError, ClientSettings, Logged, Request};
use telemetry::areas::RemoteSigner as RemoteMetrics;

use crate::shared::Shared;
use crate::start_error::StartError;

/// Longest time for the first answer: a machine that starts has other things to do as well.
const START_TIME: Duration = Duration::from_secs(5);
/// How often the file of discoveries is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// One connection to the signer.
pub struct Remote {
    settings: ClientSettings,
    client: Mutex<Client>,
    key: PublicKey,
    metrics: RemoteMetrics,
}

impl Remote {
    /// Connects, and checks chain and key.
    ///
    /// # Errors
    /// [`StartError::SignerTls`], [`StartError::Signer`].
    pub fn meet(
        config: &SignerConfig,
        genesis: Hash,
        key: PublicKey,
        metrics: RemoteMetrics,
    ) -> Result<Self, StartError> {
        let identity = Some((config.cert.clone(), config.key.clone()));
        let files = rpc::tls::ClientFiles { ca: Some(config.ca.clone()), identity };
        let mut tls = rpc::tls::client(&files).map_err(StartError::SignerTls)?;
        tls.alpn_protocols = vec![signer::PROTOCOL.to_vec()];
        let (address, tls) = (config.address, Arc::new(tls));
        let settings = ClientSettings { address, tls, genesis, key: Some(key), timeout: config.timeout };
        let first = ClientSettings { timeout: START_TIME.max(config.timeout), ..settings.clone() };
        let welcome = Client::new(first).connect().map_err(StartError::Signer)?;
        let highest = welcome.highest.map_or_else(|| "nothing".to_owned(), |place| place.to_string());
        tracing::info!(%address, %key, signed = highest, "the validator's key is with a remote signer");
        Ok(Self { client: Mutex::new(Client::new(settings.clone())), settings, key, metrics })
    }

    /// Another connection to the same signer.
    pub fn another(&self) -> Self {
        let (settings, metrics) = (self.settings.clone(), self.metrics.clone());
        Self { client: Mutex::new(Client::new(settings.clone())), settings, key: self.key, metrics }
    }

    fn ask<T>(&self, ask: impl FnOnce(&mut Client) -> Result<T, ClientError>) -> Result<T, ClientError> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        self.metrics.requests.inc();
        let started = Instant::now();
        let answer = ask(&mut client)?;
        self.metrics.latency.observe(started.elapsed());
        self.metrics.successes.inc();
        Ok(answer)
    }

    /// The signature of a request over these bytes.
    fn sign(&self, request: &Request, bytes: &[u8]) -> Result<Signature, String> {
        let signature = self.ask(|client| client.sign(request)).map_err(|error| error.to_string())?;
        if !self.key.verify(bytes, &signature) {
            return Err("the remote signer gave a signature that is not the validator's".to_owned());
        }
        Ok(signature)
    }

    /// The same for whoever runs between other tasks, which must not wait with it.
    fn sign_duty(&self, request: &Request, bytes: &[u8]) -> Result<Signature, String> {
        tokio::task::block_in_place(|| self.sign(request, bytes))
    }

    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat, genesis: &Hash) -> Result<SignedHeartbeat, String> {
        let signature = self.sign_duty(&Request::Heartbeat(heartbeat), &heartbeat.signing_bytes(genesis))?;
        Ok(SignedHeartbeat { heartbeat, key: self.key, signature })
    }

    pub(crate) fn attestation(&self, attestation: Attestation, genesis: &Hash) -> Result<SignedAttestation, String> {
        let signature = self.sign_duty(&Request::Attestation(attestation), &attestation.signing_bytes(genesis))?;
        Ok(SignedAttestation { attestation, key: self.key, signature })
    }

    pub(crate) fn transaction(&self, body: TransactionBody, genesis: &Hash) -> Result<Transaction, String> {
        let bytes = body.signing_bytes(genesis);
        let signature = self.sign_duty(&Request::Duty(body.clone()), &bytes)?;
        Ok(Transaction { body, key: self.key, signature })
    }
}

/// The remote key behind the interface of the consensus engine.
pub struct RemoteKey {
    remote: Remote,
    key: PublicKey,
    genesis: Hash,
}

impl RemoteKey {
    /// The key, after its guard was asked whether it reaches `signed`.
    ///
    /// # Errors
    /// [`StartError::Signer`].
    pub fn new(remote: Remote, key: PublicKey, genesis: Hash, signed: Height) -> Result<Self, StartError> {
        remote.ask(|client| client.reaches(&Request::Reaches(signed))).map_err(StartError::Signer)?;
        Ok(Self { remote, key, genesis })
    }

    /// The message whose signed bytes these are. The signer is asked for the message, never for the bytes.
    fn request(&self, step: SignedStep, bytes: &[u8]) -> Option<Request> {
        let body = |domain: &[u8]| bytes.strip_prefix(domain)?.strip_prefix(self.genesis.as_bytes().as_slice());
        match step {
            SignedStep::Proposal => Some(Request::Proposal(decode::<Proposal>(body(PROPOSAL_DOMAIN)?).ok()?)),
            SignedStep::Prevote | SignedStep::Precommit => {
                Some(Request::Vote(decode::<Vote>(body(VOTE_DOMAIN)?).ok()?))
            }
        }
    }
}

impl VoteSigner for RemoteKey {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&mut self, step: SignedStep, _: Height, _: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        let request = self.request(step, bytes);
        let request =
            request.ok_or_else(|| SignRefused { reason: "these bytes are no consensus message".to_owned() })?;
        self.remote.sign(&request, bytes).map_err(|reason| SignRefused { reason })
    }

    fn recover(&mut self, finalized: Height, logged: &[LoggedMessage]) -> Result<(), SignRefused> {
        let logged: Vec<Logged> = logged
            .iter()
            // Of very many the oldest are left out: a lock that is not named is held, which is the safe side.
            .skip(logged.len().saturating_sub(LOGGED_MAX))
            .map(|message| match message {
                LoggedMessage::Vote(vote) => Logged::Vote(*vote),
                LoggedMessage::Proposal(proposal) => Logged::Proposal(*proposal),
            })
            .collect();
        let logged = BoundedVec::new(logged).ok_or_else(|| SignRefused { reason: "the log is too long".to_owned() })?;
        let asked = self.remote.ask(|client| client.recover(&Request::Recover { finalized, logged }));
        let held = asked.map_err(|error| SignRefused { reason: error.to_string() })?;
        if let Some(position) = held {
            tracing::warn!(
                %position,
                "the consensus log does not know this validator's last precommit for a block: until that height is \
                 decided, the remote signer's guard lets it prevote for no other block"
            );
        }
        Ok(())
    }
}

/// Shows in the metrics how often signers were looked for with this home, until the process ends.
pub async fn watch_discoveries(shared: Arc<Shared>, home: Home) {
    let path = home.signer_discovery();
    loop {
        let file = path.clone();
        let Ok(runs) = tokio::task::spawn_blocking(move || signer::discovery::Runs::read(&file)).await else { return };
        let metrics = &shared.metrics.remote_signer;
        metrics.discoveries.set_total(runs.total);
        metrics.discovered.set_total(runs.found);
        metrics.discovery_ratio.set(runs.ratio());
        tokio::time::sleep(LOOK).await;
    }
}
