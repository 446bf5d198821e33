//! The validator's key, its guard and its lock, as consensus asks for them.

use consensus::{LoggedMessage, SignRefused, SignedStep, VoteSigner};
use primitives::{Hash, Height, PublicKey, Round, Signature};
use wallet::signer::{Position, ValidatorSigner};

/// [`ValidatorSigner`] behind the interface of the consensus engine.
pub struct GuardedKey {
    /// The key behind its guard.
    pub signer: ValidatorSigner,
    /// The chain that it signs for.
    pub genesis: Hash,
}

/// The places and signed bytes of logged messages.
pub fn places(logged: &[LoggedMessage], genesis: &Hash) -> Vec<(Position, Vec<u8>)> {
    let place = |message: &LoggedMessage| {
        let (height, round, step) = message.place();
        (Position { height, round, step: step_of(step) }, message.signing_bytes(genesis))
    };
    logged.iter().map(place).collect()
}

fn step_of(step: SignedStep) -> wallet::signer::SignedStep {
    match step {
        SignedStep::Proposal => wallet::signer::SignedStep::Proposal,
        SignedStep::Prevote => wallet::signer::SignedStep::Prevote,
        SignedStep::Precommit => wallet::signer::SignedStep::Precommit,
    }
}

impl VoteSigner for GuardedKey {
    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        let signed = self.signer.sign(step_of(step), height, round, bytes);
        signed.map_err(|refusal| SignRefused { reason: refusal.to_string() })
    }

    fn recover(&mut self, finalized: Height, logged: &[LoggedMessage]) -> Result<(), SignRefused> {
        let messages = places(logged, &self.genesis);
        let known = messages.iter().map(|(position, bytes)| (*position, bytes.as_slice()));
        let held = self.signer.recover(finalized, known).map_err(|error| SignRefused { reason: error.to_string() })?;
        if let Some(position) = held {
            tracing::warn!(
                %position,
                "the consensus log does not know this validator's last precommit for a block: until that height is \
                 decided, the double-sign guard lets it prevote for no other block"
            );
        }
        Ok(())
    }
}
