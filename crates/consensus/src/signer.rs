//! Signing and checking consensus messages.
//!
//! Model: the key and the double-sign guard live behind [`VoteSigner`], which the node implements. The
//! engine asks [`GuardedSigner`] for every signature and [`ChainVerifier`] for every verdict.
//!
//! Rules
//! - Signed bytes come from `primitives` and bind the genesis hash.
//! - A refusal means abstain. The engine would stop on an error, so a refused message carries the
//!   [`WITHHELD`] signature instead: [`ChainVerifier`] calls it invalid, so this node does not count its
//!   own message, and the network codec refuses to encode it, so nobody else sees it.
//! - The consensus log is durable before the signer is asked (see [`LogSync`]). Otherwise a loss of power could
//!   leave a guard that knows a vote and a log that has lost the reason for it: the validator would come to
//!   another vote, be refused, and abstain in that step for good. Two thirds of the votes end a step, so with
//!   one more validator down nobody would ever leave it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_malachitebft_app_channel::app::types::core::{SignedMessage, ValidatorProof, VoteExtensionScope, VoteType};
use arc_malachitebft_app_channel::{Signer, Verifier};
use arc_malachitebft_signing::{Error, VerificationResult};
use async_trait::async_trait;
use primitives::{Address, Hash, Height, Proposal, PublicKey, Round, Signature, Vote, VoteKind};

use crate::context::ChainContext;
use crate::machine::Verdicts;
use crate::room::Room;
use crate::types::{ProposalMessage, VoteMessage};

/// What a validator signs in a round, in the order of the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignedStep {
    /// The proposer's offer.
    Proposal,
    /// First vote.
    Prevote,
    /// Second vote.
    Precommit,
}

/// A message of this validator that the consensus log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoggedMessage {
    /// A vote.
    Vote(Vote),
    /// A proposal.
    Proposal(Proposal),
}

impl LoggedMessage {
    /// The height, round and step that it was signed for.
    pub fn place(&self) -> (Height, Round, SignedStep) {
        match self {
            Self::Proposal(proposal) => (proposal.height, proposal.round, SignedStep::Proposal),
            Self::Vote(vote) => match vote.kind {
                VoteKind::Prevote => (vote.height, vote.round, SignedStep::Prevote),
                VoteKind::Precommit => (vote.height, vote.round, SignedStep::Precommit),
            },
        }
    }

    /// The bytes that were signed.
    pub fn signing_bytes(&self, genesis: &Hash) -> Vec<u8> {
        match self {
            Self::Vote(vote) => vote.signing_bytes(genesis),
            Self::Proposal(proposal) => proposal.signing_bytes(genesis),
        }
    }

    pub(crate) fn sender(&self) -> Address {
        match self {
            Self::Vote(vote) => vote.voter,
            Self::Proposal(proposal) => proposal.proposer,
        }
    }
}

/// The signer will not sign: doing so could contradict something it has signed before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signature refused: {reason}")]
pub struct SignRefused {
    /// Why, for the log.
    pub reason: String,
}

/// The validator key with its double-sign guard.
pub trait VoteSigner: Send {
    /// The key's public half; its address is the validator's.
    fn public_key(&self) -> PublicKey;

    /// Signs `bytes` as this step's message, after making the act durable. The same bytes get the same
    /// signature again.
    ///
    /// # Errors
    /// [`SignRefused`] when other bytes were signed at or after this (height, round, step).
    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused>;

    /// Tells, once and before anything is signed, which of this validator's messages the consensus log holds, oldest
    /// first, and the store's last height. A signer that survives the loss of the log must not let that loss undo
    /// the lock of a precommit (GRD-13). One that forgets with the process has nothing to compare.
    ///
    /// # Errors
    /// [`SignRefused`] when the log holds what the signer does not know: the node must not start.
    fn recover(&mut self, finalized: Height, logged: &[LoggedMessage]) -> Result<(), SignRefused> {
        let _ = (finalized, logged);
        Ok(())
    }
}

/// Makes every entry of the consensus log durable.
pub type LogSync = Arc<dyn Fn() -> std::io::Result<()> + Send + Sync>;

/// Stands in for a signature that was refused. It verifies for no key.
pub const WITHHELD: Signature = Signature([0; 64]);

/// The [`VoteSigner`] as the engine and our handlers share it.
#[derive(Clone)]
pub struct GuardedSigner {
    inner: Arc<Mutex<Box<dyn VoteSigner>>>,
    genesis: Hash,
    address: Address,
    refusals: Arc<AtomicU64>,
    closed: Arc<AtomicBool>,
    log: Option<LogSync>,
    room: Room,
    starved: Arc<AtomicBool>,
    inline: bool,
}

impl GuardedSigner {
    /// Shares `signer` on the chain with this genesis hash.
    pub fn new(signer: Box<dyn VoteSigner>, genesis: Hash) -> Self {
        let address = Address::of_key(&signer.public_key());
        Self {
            inner: Arc::new(Mutex::new(signer)),
            genesis,
            address,
            refusals: Arc::default(),
            closed: Arc::default(),
            log: None,
            room: Room::default(),
            starved: Arc::default(),
            inline: false,
        }
    }

    /// Syncs this log before each signature. A sync that fails closes the signer: what the disk holds is not
    /// known any more, and a later sync may succeed without the lost bytes.
    pub fn after(self, log: LogSync) -> Self {
        Self { log: Some(log), ..self }
    }

    /// Notes a signature that is refused while this says that there is no room.
    pub(crate) fn within(self, room: Room) -> Self {
        Self { room, ..self }
    }

    /// Whether a signature was refused while there was no room: the guard or the log may have missed a write, and only a start
    /// reads them again.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved.load(Ordering::SeqCst)
    }

    /// Signs in the caller's thread from here on: for a machine without threads.
    pub(crate) fn inline(self) -> Self {
        Self { inline: true, ..self }
    }

    /// The validator's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// See [`VoteSigner::recover`].
    pub(crate) fn recover(&self, finalized: Height, logged: &[LoggedMessage]) -> Result<(), SignRefused> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).recover(finalized, logged)
    }

    /// How many signatures were refused since the start.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// From here on, everything is refused: the chain has a fault.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// The signature of a proposal, or [`WITHHELD`].
    pub async fn sign_offer(&self, message: &ProposalMessage) -> Signature {
        let Some(proposal) = message.signed() else { return WITHHELD };
        let bytes = proposal.signing_bytes(&self.genesis);
        self.sign_or_withhold(SignedStep::Proposal, proposal.height, proposal.round, bytes).await
    }

    async fn sign_or_withhold(&self, step: SignedStep, height: Height, round: Round, bytes: Vec<u8>) -> Signature {
        let (inner, closed, log) = (Arc::clone(&self.inner), Arc::clone(&self.closed), self.log.clone());
        let (room, starved) = (self.room.clone(), Arc::clone(&self.starved));
        let sign = move || {
            let mut signer = inner.lock().unwrap_or_else(PoisonError::into_inner);
            if closed.load(Ordering::SeqCst) {
                return Err(SignRefused { reason: "consensus stopped after a fault".to_owned() });
            }
            if let Some(Err(cause)) = log.map(|log| log()) {
                closed.store(true, Ordering::SeqCst);
                starved.store(!room.look(), Ordering::SeqCst);
                return Err(SignRefused { reason: format!("the consensus log cannot be made durable: {cause}") });
            }
            let signed = signer.sign(step, height, round, &bytes);
            if signed.is_err() && !room.look() {
                starved.store(true, Ordering::SeqCst);
            }
            signed
        };
        // The guard writes to disk before it answers.
        let answer = if self.inline { Ok(sign()) } else { tokio::task::spawn_blocking(sign).await };
        let reason = match answer {
            Ok(Ok(signature)) => return signature,
            Ok(Err(refused)) => refused.reason,
            Err(stopped) => stopped.to_string(),
        };
        self.refusals.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%height, %round, ?step, reason, "the signer refused: abstaining in this step");
        WITHHELD
    }
}

/// A kind of message that this chain does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} are not signed on this chain")]
struct NotSigned(&'static str);

#[async_trait]
impl Signer<ChainContext> for GuardedSigner {
    async fn sign_vote(&self, vote: VoteMessage) -> Result<SignedMessage<ChainContext, VoteMessage>, Error> {
        let Some(body) = vote.signed() else { return Ok(SignedMessage::new(vote, WITHHELD)) };
        let step = match vote.kind {
            VoteType::Prevote => SignedStep::Prevote,
            VoteType::Precommit => SignedStep::Precommit,
        };
        let bytes = body.signing_bytes(&self.genesis);
        let signature = self.sign_or_withhold(step, body.height, body.round, bytes).await;
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(
        &self,
        proposal: ProposalMessage,
    ) -> Result<SignedMessage<ChainContext, ProposalMessage>, Error> {
        let signature = self.sign_offer(&proposal).await;
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(
        &self,
        _: VoteExtensionScope<ChainContext>,
        (): (),
    ) -> Result<SignedMessage<ChainContext, ()>, Error> {
        Err(Error::from_source(NotSigned("vote extensions")))
    }

    async fn sign_validator_proof(&self, _: Vec<u8>, _: Vec<u8>) -> Result<ValidatorProof<ChainContext>, Error> {
        Err(Error::from_source(NotSigned("validator proofs")))
    }
}

/// Checks signatures of consensus messages. Every node has one.
#[derive(Debug, Clone)]
pub struct ChainVerifier {
    genesis: Hash,
    shared: Option<Verdicts>,
}

impl ChainVerifier {
    /// The verifier of the chain with this genesis hash.
    pub fn new(genesis: Hash) -> Self {
        Self { genesis, shared: None }
    }

    /// Asks `verdicts` first: for machines that run side by side.
    pub(crate) fn sharing(self, verdicts: Verdicts) -> Self {
        Self { shared: Some(verdicts), ..self }
    }

    fn verify(&self, key: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
        let verify = || *signature != WITHHELD && key.verify(bytes, signature);
        match &self.shared {
            None => verify(),
            Some(verdicts) => verdicts.of(key, bytes, signature, verify),
        }
    }

    /// True when `signature` is `key`'s signature of this vote.
    pub fn is_vote_valid(&self, vote: &VoteMessage, signature: &Signature, key: &PublicKey) -> bool {
        vote.signed().is_some_and(|body| self.verify(key, &body.signing_bytes(&self.genesis), signature))
    }

    /// True when `signature` is `key`'s signature of this proposal.
    pub fn is_proposal_valid(&self, proposal: &ProposalMessage, signature: &Signature, key: &PublicKey) -> bool {
        proposal.signed().is_some_and(|body| self.verify(key, &body.signing_bytes(&self.genesis), signature))
    }
}

#[async_trait]
impl Verifier<ChainContext> for ChainVerifier {
    async fn verify_signed_vote(
        &self,
        vote: &VoteMessage,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(self.is_vote_valid(vote, signature, key)))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &ProposalMessage,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(self.is_proposal_valid(proposal, signature, key)))
    }

    async fn verify_signed_vote_extension(
        &self,
        _: &VoteExtensionScope<ChainContext>,
        (): &(),
        _: &Signature,
        _: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(&self, proof: &ValidatorProof<ChainContext>) -> Result<VerificationResult, Error> {
        let valid = proof.decoded_public_key().is_ok_and(|key| self.verify(&key, &proof.preimage(), &proof.signature));
        Ok(VerificationResult::from_bool(valid))
    }
}
