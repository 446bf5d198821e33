//! The replica itself: its parts, its events, and how it serves consensus.

use std::sync::Arc;

use mempool::{DropReason, Mempool};
use primitives::{
    Address, CommitCertificate, Genesis, Hash, Height, Receipt, Round, Timestamp, TransactionId, VrfPublicKey,
    VrfSecretKey,
};
use state::{ProofVerifier, view};
use storage::{StorageError, Store};

use crate::application::{Application, Candidate, Electorate, Fault, Freshness, Verdict};
use crate::candidates::Candidates;
use crate::chain::ChainState;
use crate::changes::Dues;

/// The validator that builds blocks here.
pub struct Identity {
    /// Its address.
    pub address: Address,
    /// Proves the beacon of the blocks it builds.
    pub vrf_key: VrfSecretKey,
}

/// A block that became final, for whoever shows or indexes it.
#[derive(Debug, Clone)]
pub struct FinalizedBlock {
    /// The block.
    pub block: primitives::Block,
    /// Its hash.
    pub hash: Hash,
    /// The round that decided it.
    pub round: Round,
    /// Ids of its transactions, in order.
    pub transactions: Vec<TransactionId>,
    /// One per transaction.
    pub receipts: Vec<Receipt>,
    /// What the end of the block did by itself, in order.
    pub events: Vec<primitives::Event>,
    /// Whose standing it changed, by a write or by its time; empty when the block was read from the store.
    pub reputation: Vec<crate::changes::ReputationChange>,
    /// Bytes of its encoding.
    pub bytes: usize,
}

/// What happened to the chain or to a transaction.
#[derive(Debug, Clone)]
pub enum ReplicaEvent {
    /// A candidate block holds these transactions.
    Proposed(Arc<[TransactionId]>),
    /// Consensus decided the candidate that holds these transactions.
    Decided(Arc<[TransactionId]>),
    /// The block is durable here.
    Finalized(Arc<FinalizedBlock>),
    /// A waiting transaction left the mempool without being included.
    Dropped(TransactionId, DropReason),
}

/// Is told every event, in order. Must return quickly and must not call the replica.
pub type Observer = Arc<dyn Fn(ReplicaEvent) + Send + Sync>;

impl Replica {
    /// The set with this hash, when the state still holds it.
    fn past_validators(&self, hash: &Hash) -> Option<primitives::ValidatorSet> {
        let current = view::validators(&self.chain).ok()?;
        let previous = view::previous_validators(&self.chain).ok()?;
        let kept = state::staking::past_sets(&self.chain).ok()?;
        [current, previous].into_iter().chain(kept).find(|set| set.hash() == *hash)
    }
}

/// One node's chain.
pub struct Replica {
    pub(crate) genesis: Genesis,
    pub(crate) genesis_hash: Hash,
    pub(crate) chain: ChainState,
    pub(crate) mempool: Mempool,
    pub(crate) store: Arc<Store>,
    pub(crate) candidates: Candidates,
    /// When standings change by time alone.
    pub(crate) dues: Dues,
    pub(crate) identity: Option<Identity>,
    /// The VRF key that a rotation made, for the epochs that use it.
    pub(crate) rotated: Option<VrfSecretKey>,
    pub(crate) observer: Observer,
    /// Judges chain proofs.
    pub(crate) verifier: Arc<dyn ProofVerifier>,
}

impl Replica {
    /// Holds the VRF key that a rotation made: blocks are built with it as soon as the voting set names it.
    pub fn hold_vrf_key(&mut self, key: VrfSecretKey) {
        self.rotated = Some(key);
    }

    /// The VRF key that the voting set of the next height names for `address`, when it votes.
    ///
    /// # Errors
    /// [`Fault`] when the state is broken.
    pub fn expected_vrf_key(&self, address: &Address) -> Result<Option<VrfPublicKey>, Fault> {
        let set = view::validators(&self.chain).map_err(|broken| Fault(broken.to_string()))?;
        Ok(set.get(address).map(|member| member.vrf_key))
    }
}

impl Application for Replica {
    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn genesis_hash(&self) -> Hash {
        self.genesis_hash
    }

    fn finalized(&self) -> Height {
        self.chain.head.height
    }

    fn oldest(&self) -> Height {
        self.store.oldest()
    }

    fn electorate(&self, height: Height) -> Option<Electorate> {
        let next = self.chain.head.height.next();
        if height == next {
            let validators = view::validators(&self.chain).ok()?;
            return Some(Electorate { validators, beacon: self.chain.head.beacon });
        }
        let previous = height.previous()?;
        if height > next {
            return None;
        }
        let header = |height| self.header(height).ok().flatten();
        let validators = self.past_validators(&header(height)?.validators)?;
        let beacon = match previous {
            Height::GENESIS => primitives::block::genesis_beacon(&self.genesis_hash),
            previous => header(previous)?.beacon,
        };
        Some(Electorate { validators, beacon })
    }

    fn finalized_time(&self) -> Timestamp {
        self.chain.head.time
    }

    fn build(&mut self, round: Round, now: Timestamp) -> Result<Candidate, Fault> {
        self.build_block(round, now)
    }

    fn verify(&mut self, bytes: &[u8], freshness: Freshness) -> Result<Verdict, Fault> {
        self.verify_block(bytes, freshness)
    }

    fn candidate(&self, hash: &Hash) -> Option<Candidate> {
        self.candidates.get(hash).map(|executed| executed.candidate.clone())
    }

    fn commit(&mut self, certificate: CommitCertificate) -> Result<(), Fault> {
        self.commit_block(certificate)
    }

    fn decided(&self, height: Height) -> Result<Option<(Vec<u8>, CommitCertificate)>, Fault> {
        let fault = |error: StorageError| Fault(error.to_string());
        let stored = self.store.block(height).and_then(|block| Ok(block.zip(self.store.certificate(height)?)));
        let damage = match stored {
            Err(damage) if damage.is_damage() => damage,
            other => return other.map_err(fault),
        };
        tracing::error!(%height, %damage, "a block that a peer asks for is damaged here; the peer has to ask others");
        match self.store.quarantine(height) {
            Ok(_) | Err(StorageError::Unquarantinable { .. }) => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }
}
