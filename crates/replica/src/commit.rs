//! Finalizing a decided block: certificate, disk, then memory, in this order.
//!
//! ```text
//! certificate verifies → candidate known → store.commit (durable) → ledger, nodes, state, model, head
//!                                        → mempool forgets → Finalized is reported
//! ```
//!
//! Rules
//! - The acknowledgement point is the store's commit: nobody hears `finalized` before it returned.
//! - Nothing in memory changes before that; a failed commit leaves a node that must be stopped and
//!   restarted, and that is exactly where it was.

use std::sync::Arc;

use mempool::Included;
use primitives::defect::{Defect, is_seeded};
use primitives::{Address, CommitCertificate, Height, Params, Rejection, Transaction, TransactionId, encode};
use state::proving;
use state::transaction::Refused;
use storage::{CommitBatch, history_of};

use crate::application::{Application, Fault};
use crate::candidates::Executed;
use crate::chain::{ChainState, Head};
use crate::changes::{self, Standing};
use crate::replica::{FinalizedBlock, Replica, ReplicaEvent};

impl Replica {
    pub(crate) fn commit_block(&mut self, certificate: CommitCertificate) -> Result<(), Fault> {
        let height = self.chain.head.height.next();
        if certificate.height != height {
            return Err(Fault(format!("a certificate for height {} arrived at height {height}", certificate.height)));
        }
        let electorate = self.electorate(height).ok_or_else(|| Fault(format!("no validators at height {height}")))?;
        certificate
            .verify(&electorate.validators, &self.genesis_hash)
            .map_err(|error| Fault(format!("the certificate of height {height} is not valid: {error}")))?;
        let decided = self.candidates.take(&certificate.block).ok_or_else(|| {
            Fault(format!("the decided block {} of height {height} is not known here", certificate.block))
        })?;
        let ids: Arc<[TransactionId]> =
            decided.execution.executed.receipts.iter().map(|receipt| receipt.transaction).collect();
        (self.observer)(ReplicaEvent::Decided(ids.clone()));
        let batch = batch_of(&decided, &certificate, &ids);
        self.store
            .commit(&batch)
            .map_err(|error| Fault(format!("block {height} could not be made durable: {error}")))?;
        self.install(decided, certificate, &ids);
        Ok(())
    }

    /// Moves memory to the block that is durable now.
    fn install(&mut self, decided: Executed, certificate: CommitCertificate, ids: &[TransactionId]) {
        let Executed { block, candidate, execution } = decided;
        let touched = changes::touched(&execution.executed, &self.dues, block.header.time);
        let before = self.standings(&touched);
        let chain = &mut self.chain;
        chain.ledger.commit(execution.ledger);
        chain.nodes.apply(&execution.state);
        for (key, value) in execution.executed.writes {
            match value {
                Some(value) => chain.state.insert(key, value),
                None => chain.state.remove(&key),
            };
        }
        chain.model.commit(execution.prediction.expect("a candidate is audited before it is kept"));
        chain.head = Head {
            height: block.header.height,
            hash: candidate.hash,
            time: block.header.time,
            beacon: block.header.beacon,
            ops_digest: block.header.ops_digest,
            state_root: block.header.state_root,
            header: Some(block.header.clone()),
            certificate: Some(certificate.clone()),
        };
        if is_seeded(Defect::DriftsApart) && self.identity.as_ref().is_some_and(|own| own.address.0[0] % 2 == 0) {
            chain.head.state_root = candidate.hash;
        }
        let after = self.standings(&touched);
        let reputation = changes::changes(&touched, before, after);
        self.dues.renew(&self.chain, &self.genesis.params, &touched, block.header.time);
        let included: Vec<Included> = block.transactions.iter().map(Included::of).collect();
        let next = self.chain.head.height.next();
        let mut dropped = self.mempool.committed(&included, &self.chain, next);
        let (chain, params) = (&self.chain, &self.genesis.params);
        dropped.extend(self.mempool.overtaken(|one| is_over(chain, params, next, one)));
        for dropped in dropped {
            (self.observer)(ReplicaEvent::Dropped(dropped.id, dropped.reason));
        }
        (self.observer)(ReplicaEvent::Finalized(Arc::new(FinalizedBlock {
            hash: candidate.hash,
            round: certificate.round,
            transactions: ids.to_vec(),
            receipts: execution.executed.receipts,
            events: execution.executed.events.into_inner(),
            reputation,
            bytes: candidate.bytes.len(),
            block,
        })));
    }
}

impl Replica {
    /// Where identities stand at the end of the chain.
    fn standings(&self, addresses: &[Address]) -> Vec<Option<Standing>> {
        let head = &self.chain.head;
        changes::standings(&self.chain, &self.genesis.params, addresses, head.height, head.time)
    }
}

/// Whether a waiting proof can never be in a block: too early is not over.
fn is_over(chain: &ChainState, params: &Params, next: Height, transaction: &Transaction) -> bool {
    let Some(submission) = transaction.body.action.submission() else { return false };
    match proving::check::admit(chain, params, next, &transaction.body.payer, submission) {
        Err(Refused::Rejected(rejection)) => rejection != Rejection::ProofNotYourTurn,
        // A broken state stops the node when it executes the next block.
        Ok(()) | Err(Refused::Broken(_)) => false,
    }
}

fn batch_of(decided: &Executed, certificate: &CommitCertificate, ids: &[TransactionId]) -> CommitBatch {
    let execution = &decided.execution;
    CommitBatch {
        height: decided.block.header.height,
        block_hash: decided.candidate.hash,
        block: encode(&decided.block),
        certificate: Some(certificate.clone()),
        receipts: execution.executed.receipts.clone(),
        operations: execution.executed.ops.clone(),
        closing: execution.executed.events.clone(),
        transactions: ids.to_vec(),
        history: history_of(&decided.block, &execution.executed.receipts),
        slots: execution.ledger.slots.iter().map(|(slot, content)| (*slot, *content)).collect(),
        state: execution.executed.writes.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        nodes_new: execution.state.nodes.clone(),
        nodes_stale: execution.state.stale.clone(),
    }
}
