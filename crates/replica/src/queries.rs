//! What others may ask a replica: accounts, blocks, places, proofs, and to take a transaction.
//!
//! Queries never change anything; [`Replica::admit`] changes the mempool only.

use std::sync::Arc;

use mempool::{Admission, CheckedTransaction, Mempool, MempoolConfig, MempoolConfigError, Terms};
use primitives::actions::{ProofClaim, ProofSubmission};
use primitives::{
    Action, Address, Amount, Block, ClosingEvents, CommitCertificate, Genesis, Hash, Header, Height, Lane, LedgerSlot,
    Receipt, Rejection, SlotIndex, Timestamp, TransactionId, ValidatorSet,
};

use state::{ProofVerifier, columns, fees, proving, view};
use storage::{Store, TransactionPlace};
use tree::{LedgerProof, StateProof, StateTree};

use crate::application::Fault;
use crate::chain::Head;
use crate::replica::Replica;

/// What fees cost now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// µBLOCK per weight unit, by lane.
    pub base_fees: [Amount; 3],
    /// µBLOCK for opening one account.
    pub open_fee: Amount,
}

fn fault(error: impl std::fmt::Display) -> Fault {
    Fault(error.to_string())
}

/// What a waiting transaction's sender is told; a broken state is nobody's fault but ours.
fn refusal(refused: state::transaction::Refused) -> Rejection {
    match refused {
        state::transaction::Refused::Rejected(rejection) => rejection,
        state::transaction::Refused::Broken(_) => Rejection::NotReady,
    }
}

/// A finalized header, whether its block is kept or was pruned.
///
/// # Errors
/// [`Fault`] when what is stored is damaged.
pub fn stored_header(store: &Store, height: Height) -> Result<Option<Header>, Fault> {
    Ok(store.header(height).map_err(fault)?.map(|(header, _)| header))
}

impl Replica {
    /// The chain's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The genesis hash.
    pub fn genesis_hash(&self) -> Hash {
        self.genesis_hash
    }

    /// The end of the finalized chain.
    pub fn head(&self) -> &Head {
        &self.chain.head
    }

    /// The state after the last finalized block.
    pub fn state(&self) -> &dyn state::StateView {
        &self.chain
    }

    /// All money and ledger slots in use.
    pub fn supply(&self) -> (Amount, u32) {
        (self.chain.ledger.supply(), self.chain.ledger.next_slot())
    }

    /// Every account by slot, after the last finalized block.
    pub fn ledger_slots(&self) -> &[LedgerSlot] {
        self.chain.ledger.slots()
    }

    /// The waiting transactions.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Puts other limits and weights of the mempool in force.
    ///
    /// # Errors
    /// [`MempoolConfigError`] for limits that cannot be used; the old ones stay.
    pub fn configure_mempool(&mut self, config: MempoolConfig) -> Result<(), MempoolConfigError> {
        self.mempool.configure(config)
    }

    /// The set that decides the next height.
    ///
    /// # Errors
    /// [`Fault`] when the state is broken.
    pub fn validators(&self) -> Result<ValidatorSet, Fault> {
        view::validators(&self.chain).map_err(fault)
    }

    /// What fees cost in the next block.
    ///
    /// # Errors
    /// [`Fault`] when the state is broken.
    pub fn prices(&self) -> Result<Prices, Fault> {
        let [consumer, industrial, reserved] = Lane::ALL.map(|lane| view::base_fee(&self.chain, lane));
        let open_fee = fees::open_fee(&self.genesis.params, self.chain.ledger.next_slot());
        Ok(Prices {
            base_fees: [consumer.map_err(fault)?, industrial.map_err(fault)?, reserved.map_err(fault)?],
            open_fee: open_fee.ok_or_else(|| Fault("the opening fee is out of range".to_owned()))?,
        })
    }

    /// An account with its slot.
    ///
    /// # Errors
    /// [`Fault`] when the state is broken.
    pub fn account(&self, address: &Address) -> Result<Option<(SlotIndex, LedgerSlot)>, Fault> {
        view::account(&self.chain, address).map_err(fault)
    }

    /// Takes a checked transaction into the mempool.
    ///
    /// # Errors
    /// A [`Rejection`] by name; nothing changed then.
    pub fn admit(&mut self, checked: CheckedTransaction, now: Timestamp) -> Result<Admission, Rejection> {
        let body = &checked.transaction().body;
        let weight = fees::weight(&body.action);
        let unit = view::base_fee(&self.chain, body.lane).map_err(|_| Rejection::NotReady)?;
        if let Action::Evidence(evidence) = &body.action {
            let height = self.chain.head.height.next();
            state::evidence::check::timely(&self.chain, &self.genesis.params, height, evidence).map_err(refusal)?;
        }
        if let Some(submission) = body.action.submission() {
            let (height, params) = (self.chain.head.height.next(), &self.genesis.params);
            proving::check::admit(&self.chain, params, height, &body.payer, submission).map_err(refusal)?;
        }
        let unit = if body.action.is_free() { Amount::ZERO } else { unit };
        let terms = Terms {
            base_fee: unit.checked_mul(weight).ok_or(Rejection::FeeTooLow)?,
            weight,
            now,
            next_height: self.chain.head.height.next(),
            valid_until_max: self.genesis.params.valid_until_max,
        };
        self.mempool.admit(checked, &terms, &self.chain)
    }

    /// What the next block would ask about a proof that `payer` brings, if it asked: all that costs nothing to find out is
    /// found out here.
    ///
    /// # Errors
    /// A [`Rejection`] by name, as [`Self::admit`] gives it.
    pub fn proof_question(
        &self,
        payer: &Address,
        submission: &ProofSubmission,
    ) -> Result<(ProofClaim, Arc<dyn ProofVerifier>), Rejection> {
        let (height, params) = (self.chain.head.height.next(), &self.genesis.params);
        proving::check::admit(&self.chain, params, height, payer, submission).map_err(refusal)?;
        let claim = proving::execute::claim(&self.chain, self.genesis_hash, params, submission);
        Ok((claim.map_err(|_| Rejection::NotReady)?, Arc::clone(&self.verifier)))
    }

    /// A finalized header.
    ///
    /// # Errors
    /// [`Fault`] when the stored block is damaged.
    pub fn header(&self, height: Height) -> Result<Option<Header>, Fault> {
        if let Some(header) = &self.chain.head.header
            && header.height == height
        {
            return Ok(Some(header.clone()));
        }
        stored_header(&self.store, height)
    }

    /// A finalized block with its certificate.
    ///
    /// # Errors
    /// [`Fault`] when the stored block is damaged.
    pub fn block(&self, height: Height) -> Result<Option<(Block, Option<CommitCertificate>)>, Fault> {
        let Some(bytes) = self.store.block(height).map_err(fault)? else { return Ok(None) };
        let block = Block::from_bytes(&bytes).map_err(fault)?;
        Ok(Some((block, self.store.certificate(height).map_err(fault)?)))
    }

    /// Receipts of a finalized block.
    ///
    /// # Errors
    /// [`Fault`] when they are damaged.
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, Fault> {
        self.store.receipts(height).map_err(fault)
    }

    /// What the end of a finalized block did by itself: payouts, jailing, set changes, draws.
    ///
    /// # Errors
    /// [`Fault`] when they are damaged.
    pub fn closing_events(&self, height: Height) -> Result<Option<ClosingEvents>, Fault> {
        self.store.closing(height).map_err(fault)
    }

    /// Where a finalized transaction is.
    ///
    /// # Errors
    /// [`Fault`] when the index is damaged.
    pub fn place(&self, id: &TransactionId) -> Result<Option<TransactionPlace>, Fault> {
        self.store.transaction(id).map_err(fault)
    }

    /// Proof of what a ledger slot holds under the last header's ledger root.
    pub fn prove_slot(&self, slot: SlotIndex) -> LedgerProof {
        self.chain.ledger.prove(slot)
    }

    /// Proof of what the module state holds under `key`, or that it holds nothing, under the last header's state root.
    ///
    /// # Errors
    /// [`Fault`] when the tree is broken.
    pub fn prove_key(&self, key: &[u8]) -> Result<StateProof, Fault> {
        StateTree::prove(&self.chain.nodes, self.chain.head.height.0, key).map_err(fault)
    }

    /// Proof of the slot that `address` has, or that it has none, under the last header's state root.
    ///
    /// # Errors
    /// [`Fault`] when the tree is broken.
    pub fn prove_account(&self, address: &Address) -> Result<(Vec<u8>, StateProof), Fault> {
        let key = columns::account(address);
        let proof = StateTree::prove(&self.chain.nodes, self.chain.head.height.0, &key).map_err(fault)?;
        Ok((key, proof))
    }
}
