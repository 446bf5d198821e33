//! Building a block: pick from the mempool, execute, seal the header, make it durable.
//!
//! Both lanes are served from their own shares first; only what is left over is lent. A transaction
//! that does not fit now stays in the mempool for a later block.

use std::sync::Arc;

use mempool::SelectLimits;
use primitives::defect::{Defect, is_seeded};
use primitives::{
    Action, Block, BoundedVec, CommitCertificate, Hash, IdentityAction, Rejection, Round, Timestamp, Transaction,
    encode,
};
use state::block::BLOCK_OVERHEAD_BYTES;
use state::transaction::Refused;
use state::{BlockContext, BlockExecution};
use storage::CandidateOrigin;

use crate::application::{Candidate, Fault};
use crate::execution::{self, Choice};
use crate::replica::{Replica, ReplicaEvent};

/// Candidates that may be refused while one block is filled, so that a mempool of unusable transactions
/// cannot delay a proposal.
const REFUSALS_MAX: usize = 4_096;

impl Replica {
    pub(crate) fn build_block(&mut self, round: Round, now: Timestamp) -> Result<Candidate, Fault> {
        let height = self.chain.head.height.next();
        if let Some(candidate) = self.built_before(round)? {
            return Ok(candidate);
        }
        let identity =
            self.identity.as_ref().ok_or_else(|| Fault("a node without validator key cannot build".into()))?;
        let proposer = identity.address;
        let input = execution::next_beacon_input(&self.chain, &self.genesis_hash);
        let expected = self.expected_vrf_key(&proposer)?;
        let rotated = self.rotated.as_ref().filter(|key| Some(key.public_key()) == expected);
        let vrf_key = rotated.unwrap_or(&identity.vrf_key);
        let beacon_proof = vrf_key.prove(&input).ok_or_else(|| Fault("the VRF key cannot prove the beacon".into()))?;
        let output = vrf_key.public_key().verify(&input, &beacon_proof);
        let output = output.ok_or_else(|| Fault("the VRF key does not verify its own proof".into()))?;

        let last_commit = self.chain.head.certificate.clone();
        let (time, beacon) = (now.max(self.chain.head.time.plus(1)), execution::beacon(&output));
        let (transactions, executed) = self.pack(BlockContext {
            genesis: self.genesis_hash,
            height,
            time,
            parent: self.chain.head.hash,
            before: self.chain.end_record(),
            proposer,
            beacon,
            last_commit: last_commit.as_ref().map(execution::last_commit),
        })?;
        let mut execution = execution::roots(&self.chain, &self.genesis, height, executed)?;
        let choice = Choice {
            time,
            proposer,
            beacon_proof,
            beacon,
            last_commit: last_commit.as_ref().map_or(Hash::default(), CommitCertificate::hash),
            transactions_root: execution::transactions_root(&transactions),
        };
        let header = execution::header(&self.chain, &self.genesis, self.genesis_hash, &choice, &execution)?;
        let block = Block { header, transactions, last_commit };
        self.audit(&block, &mut execution)?;
        let bytes = encode(&block);
        self.store
            .save_candidate(height, CandidateOrigin::Built(round), &bytes)
            .map_err(|error| Fault(format!("a built block could not be made durable: {error}")))?;
        Ok(self.keep(block, bytes, execution))
    }

    /// The block that was built for this round before, perhaps before a restart.
    fn built_before(&mut self, round: Round) -> Result<Option<Candidate>, Fault> {
        let height = self.chain.head.height.next();
        let saved =
            self.store.candidate(height, CandidateOrigin::Built(round)).map_err(|error| Fault(error.to_string()))?;
        let Some(bytes) = saved else { return Ok(None) };
        match self.judge(&bytes, crate::Freshness::Replayed, None)? {
            crate::Verdict::Valid(candidate) => Ok(Some(candidate)),
            crate::Verdict::Invalid { reason, .. } => {
                Err(Fault(format!("the block built for height {height} round {round} is not valid any more: {reason}")))
            }
        }
    }

    fn pack(
        &self,
        context: BlockContext,
    ) -> Result<(BoundedVec<Transaction, { primitives::block::BLOCK_TRANSACTIONS_MAX }>, state::Executed), Fault> {
        let begun = BlockExecution::begin(&self.chain, context, self.verifier.as_ref());
        let mut execution = begun.map_err(|broken| Fault(broken.to_string()))?;
        let params = &self.genesis.params;
        let limit = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let limits = SelectLimits {
            transactions: limit(params.block_transactions_max),
            bytes: limit(params.block_bytes_max).saturating_sub(BLOCK_OVERHEAD_BYTES),
        };
        let mut included: Vec<Arc<Transaction>> = Vec::new();
        let mut deferred: Vec<Arc<Transaction>> = Vec::new();
        let mut refusals = 0;
        let mut registrations = params.identity.max_block_identity_registrations;
        let mut selection = self.mempool.select(limits);
        while let Some(candidate) = selection.next() {
            let registers = is_registration(&candidate.transaction);
            if registers && registrations == 0 {
                // Not counted as a refusal: a queue full of identities must not keep payments out.
                selection.refuse();
                continue;
            }
            match execution.transaction(&candidate.transaction, false) {
                Ok(_) => {
                    if is_seeded(Defect::IgnoresTheNonce)
                        && execution.transaction(&candidate.transaction, false).is_ok()
                    {
                        included.push(Arc::clone(&candidate.transaction));
                    }
                    registrations -= u64::from(registers);
                    included.push(candidate.transaction);
                }
                Err(Refused::Rejected(rejection)) => {
                    selection.refuse();
                    refusals += 1;
                    if rejection == Rejection::BlockFull {
                        deferred.push(candidate.transaction);
                    }
                    if refusals >= REFUSALS_MAX {
                        break;
                    }
                }
                Err(Refused::Broken(broken)) => return Err(Fault(broken.to_string())),
            }
        }
        // What is left of each share is lent, in the same order.
        for transaction in deferred {
            match execution.transaction(&transaction, true) {
                Ok(_) => included.push(transaction),
                Err(Refused::Rejected(_)) => {}
                Err(Refused::Broken(broken)) => return Err(Fault(broken.to_string())),
            }
        }
        let executed = execution.end().map_err(|invalid| Fault(format!("a built block is invalid: {invalid}")))?;
        let transactions: Vec<Transaction> = included.iter().map(|transaction| (**transaction).clone()).collect();
        let transactions =
            BoundedVec::new(transactions).ok_or_else(|| Fault("more transactions than the cap".into()))?;
        Ok((transactions, executed))
    }

    /// Keeps an executed block as candidate and reports its transactions.
    pub(crate) fn keep(&mut self, block: Block, bytes: Vec<u8>, execution: execution::Execution) -> Candidate {
        let ids: Arc<[_]> = execution.executed.receipts.iter().map(|receipt| receipt.transaction).collect();
        let candidate = self.candidates.insert(block, bytes, execution);
        (self.observer)(ReplicaEvent::Proposed(ids));
        candidate
    }
}

fn is_registration(transaction: &Transaction) -> bool {
    matches!(&transaction.body.action, Action::Identity(IdentityAction::Register(_)))
}
