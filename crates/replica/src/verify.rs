//! Judging a proposed block: every rule, cheap ones first, execution last.
//!
//! ```text
//! bytes → decode → place in the chain → clock (live only) → beacon → certificate of the block before
//!       → form and signatures → execute → roots → header → ledger model → candidate
//! ```
//!
//! Rules
//! - Bad bytes are a [`Verdict::Invalid`] with the rule's name; only our own failures are a [`Fault`].
//! - A disagreement of the ledger model is our failure: the node stops before it prevotes.
//! - Signatures that were checked at admission are not checked again.

use std::sync::Arc;

use primitives::block::BLOCK_BYTES_MAX;
use primitives::defect::is_any_seeded;
use primitives::transaction::verify_signatures;
use primitives::{Block, CommitCertificate, Hash, Header, Height, Transaction, ValidatorSet};
use state::{BlockContext, BlockInvalid, execute_block, view};
use storage::CandidateOrigin;

use crate::application::{Fault, Freshness, Verdict};
use crate::dishonest;
use crate::execution::{self, Choice, Execution};
use crate::model::Prediction;
use crate::replica::Replica;

/// Why a proposed block is refused (the rule, in words) or why we must stop.
enum Refusal {
    Rule(String),
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn rule(text: impl Into<String>) -> Refusal {
    Refusal::Rule(text.into())
}

impl Replica {
    pub(crate) fn verify_block(&mut self, bytes: &[u8], freshness: Freshness) -> Result<Verdict, Fault> {
        // A node that never votes owes nobody a block it has seen.
        let votes = self.identity.is_some();
        let origin = votes.then(|| CandidateOrigin::Received(self.candidates.received()));
        self.judge(bytes, freshness, origin)
    }

    /// Judges a block and keeps a valid one, durable under `origin` unless the store has it already.
    pub(crate) fn judge(
        &mut self,
        bytes: &[u8],
        freshness: Freshness,
        origin: Option<CandidateOrigin>,
    ) -> Result<Verdict, Fault> {
        let bytes_max = usize::try_from(self.genesis.params.block_bytes_max).unwrap_or(BLOCK_BYTES_MAX);
        if bytes.len() > bytes_max {
            return Ok(Verdict::Invalid { hash: None, reason: "the block is larger than block_bytes_max".to_owned() });
        }
        let block = match Block::from_bytes(bytes) {
            Ok(block) => block,
            Err(error) => return Ok(Verdict::Invalid { hash: None, reason: error.to_string() }),
        };
        let hash = block.hash();
        if let Some(known) = self.candidates.get(&hash)
            && known.candidate.bytes.as_ref() == bytes
        {
            return Ok(Verdict::Valid(known.candidate.clone()));
        }
        match self.check_block(&block, freshness) {
            Ok(execution) => {
                if let Some(origin) = origin {
                    self.store
                        .save_candidate(block.header.height, origin, bytes)
                        .map_err(|error| Fault(format!("a verified block could not be made durable: {error}")))?;
                }
                Ok(Verdict::Valid(self.keep(block, bytes.to_vec(), execution)))
            }
            Err(Refusal::Rule(reason)) => Ok(Verdict::Invalid { hash: Some(hash), reason }),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    fn check_block(&self, block: &Block, freshness: Freshness) -> Result<Execution, Refusal> {
        let header = &block.header;
        self.check_place(header)?;
        self.check_freshness(header, freshness)?;
        let validators = view::validators(&self.chain).map_err(|broken| Fault(broken.to_string()))?;
        let beacon = self.check_beacon(header, &validators)?;
        self.check_last_commit(block.last_commit.as_ref())?;
        self.check_transactions(&block.transactions)?;
        let context = BlockContext {
            genesis: self.genesis_hash,
            height: header.height,
            time: header.time,
            parent: header.parent,
            before: self.chain.end_record(),
            proposer: header.proposer,
            beacon,
            last_commit: block.last_commit.as_ref().map(execution::last_commit),
        };
        let executed = match execute_block(&self.chain, context, &block.transactions, self.verifier.as_ref()) {
            Ok(executed) => executed,
            Err(BlockInvalid::Broken(broken)) => return Err(Fault(broken.to_string()).into()),
            Err(invalid) => return Err(rule(invalid.to_string())),
        };
        let mut execution = execution::roots(&self.chain, &self.genesis, header.height, executed)?;
        let choice = Choice {
            time: header.time,
            proposer: header.proposer,
            beacon_proof: header.beacon_proof,
            beacon,
            last_commit: block.last_commit.as_ref().map_or(Hash::default(), CommitCertificate::hash),
            transactions_root: execution::transactions_root(&block.transactions),
        };
        let expected = execution::header(&self.chain, &self.genesis, self.genesis_hash, &choice, &execution)?;
        if let Some(field) = execution::difference(&expected, header) {
            return Err(rule(format!("header field {field} is not what executing the block gives")));
        }
        self.audit(block, &mut execution)?;
        Ok(execution)
    }

    fn check_place(&self, header: &Header) -> Result<(), Refusal> {
        let head = &self.chain.head;
        if header.genesis != self.genesis_hash {
            return Err(rule("the block is for another chain"));
        }
        if header.height != head.height.next() {
            return Err(rule(format!("the block has height {}, wanted {}", header.height, head.height.next())));
        }
        if header.parent != head.hash {
            return Err(rule("the block has another parent"));
        }
        if header.time <= head.time {
            return Err(rule("the block's time is not after its parent's"));
        }
        Ok(())
    }

    /// The clock is read for a first live offer only; the window widens with the round.
    fn check_freshness(&self, header: &Header, freshness: Freshness) -> Result<(), Refusal> {
        let Freshness::Live { now, round, proposer } = freshness else { return Ok(()) };
        if header.proposer != proposer {
            return Err(rule("the builder is not the round's proposer"));
        }
        let params = &self.genesis.params;
        let widening = u64::from(round.0).saturating_add(1);
        let past = params.time_past_ms.saturating_mul(widening);
        let future = params.time_future_ms.saturating_mul(widening);
        if header.time.plus(past) < now {
            return Err(rule("the block's time is too far in the past"));
        }
        if header.time > now.plus(future) {
            return Err(rule("the block's time is in the future; check this node's clock if others accept it"));
        }
        Ok(())
    }

    fn check_beacon(&self, header: &Header, validators: &ValidatorSet) -> Result<Hash, Refusal> {
        let builder = validators.get(&header.proposer).ok_or_else(|| rule("the builder is not a validator"))?;
        let input = execution::next_beacon_input(&self.chain, &self.genesis_hash);
        let output = builder.vrf_key.verify(&input, &header.beacon_proof);
        output.map(|output| execution::beacon(&output)).ok_or_else(|| rule("the beacon proof does not verify"))
    }

    fn check_last_commit(&self, certificate: Option<&CommitCertificate>) -> Result<(), Refusal> {
        let head = &self.chain.head;
        match (head.height, certificate) {
            (Height::GENESIS, None) => Ok(()),
            (Height::GENESIS, Some(_)) => Err(rule("the first block cannot carry a certificate")),
            (_, None) => Err(rule("the certificate of the block before is missing")),
            (height, Some(certificate)) => {
                if certificate.height != height || certificate.block != head.hash {
                    return Err(rule("the certificate is not for the block before"));
                }
                // Our own certificate was verified when the block before was finalized.
                if head.certificate.as_ref() == Some(certificate) {
                    return Ok(());
                }
                let set = view::previous_validators(&self.chain).map_err(|broken| Fault(broken.to_string()))?;
                certificate.verify(&set, &self.genesis_hash).map_err(|e| rule(e.to_string()))?;
                Ok(())
            }
        }
    }

    /// Form of every transaction, and the signatures that admission has not checked.
    fn check_transactions(&self, transactions: &[Transaction]) -> Result<(), Refusal> {
        let mut unchecked = Vec::new();
        for (index, transaction) in transactions.iter().enumerate() {
            transaction
                .check_form(&self.genesis_hash)
                .map_err(|rejection| rule(format!("transaction {index}: {rejection}")))?;
            let known = self.mempool.get(&transaction.id());
            if known.map(Arc::as_ref) != Some(transaction) {
                unchecked.push((index, transaction));
            }
        }
        let list: Vec<&Transaction> = unchecked.iter().map(|(_, transaction)| *transaction).collect();
        let verdicts = verify_signatures(&list, &self.genesis_hash);
        match unchecked.iter().zip(verdicts).find(|(_, valid)| !valid) {
            None => Ok(()),
            Some(((index, _), _)) => Err(rule(format!("transaction {index}: its signature does not verify"))),
        }
    }

    /// Runs the independent model; a disagreement stops the node.
    pub(crate) fn audit(&self, block: &Block, execution: &mut Execution) -> Result<(), Fault> {
        let changed = execution.ledger.slots.values();
        match self.chain.model.check(block, &execution.executed.receipts, &execution.executed.events, changed) {
            Ok(prediction) => {
                execution.prediction = Some(prediction);
                Ok(())
            }
            Err(_) if is_any_seeded() || dishonest::has_lied(block.header.height) => {
                execution.prediction = Some(Prediction::default());
                Ok(())
            }
            Err(disagreement) => Err(Fault(format!("block {}: {disagreement}", block.header.height))),
        }
    }
}
