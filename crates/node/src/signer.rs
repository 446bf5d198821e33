//! The validator's key, its guard and its lock, as consensus asks for them.

use consensus::{SignRefused, SignedStep, VoteSigner};
use primitives::{Height, PublicKey, Round, Signature};
use wallet::signer::ValidatorSigner;

/// [`ValidatorSigner`] behind the interface of the consensus engine.
pub struct GuardedKey(pub ValidatorSigner);

impl VoteSigner for GuardedKey {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        let step = match step {
            SignedStep::Proposal => wallet::signer::SignedStep::Proposal,
            SignedStep::Prevote => wallet::signer::SignedStep::Prevote,
            SignedStep::Precommit => wallet::signer::SignedStep::Precommit,
        };
        self.0.sign(step, height, round, bytes).map_err(|refusal| SignRefused { reason: refusal.to_string() })
    }
}
