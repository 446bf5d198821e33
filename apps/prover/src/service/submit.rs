//! Bringing the chain proof onto the chain: a bond, then one transaction for each proof that advances.
//!
//! ```text
//!   chain proof of the cache ── longer than the chain's? ── window recorded? ── our turn? ── signed, to every node
//! ```
//! Rules
//! - Everything that the chain refuses without a cost is asked first; a proof goes out once, and again when it did not get in by
//!   its `valid_until`.
//! - A refusal is told and waited out; it never ends the service, which proves on.
//! - What a node says decides only when something is sent. The end record is that of the header which the proof holds under.

use primitives::actions::{EndRecord, ProofSubmission};
use primitives::{
    Action, Address, Amount, BoundedBytes, FormatVersion, Height, ProvingAction, SecretKey, Transaction,
    TransactionBody,
};
use rpc::types::{NodeStatus, ProversStatus, SubmitTransaction};
use rpc::{Client, ClientError};

use super::chain::point;
use super::{News, Service, ServiceError};

/// Heights for which one submission is valid.
const VALID_HEIGHTS: u64 = 20;
/// Weight of a bond, weight units, and how much dearer than now its fee may become.
const BOND_FEE_UNITS: u64 = 150 * 4;

/// Who brings chain proofs onto the chain.
pub struct Submitter {
    /// Signs; its account has the bond.
    pub key: SecretKey,
    /// Bonds so much when the account has no bond.
    pub bond: Option<Amount>,
}

/// What was sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// The end of the proof; 0 for a bond.
    height: Height,
    /// Until when it may get in.
    valid_until: Height,
}

impl Service {
    /// Sends the chain proof of the cache when the chain would take it now; or the bond that it needs.
    pub(super) async fn bring(&mut self) -> Result<(), ServiceError> {
        let (Some(submitter), Some(chain)) = (&self.options.submit, &self.chain) else { return Ok(()) };
        let payer = Address::of_key(&submitter.key.public_key());
        let node = self.first();
        let status = node.provers().await?;
        let waits = |sent: Sent, height| sent.height == height && status.finalized_height <= sent.valid_until;
        if !status.taken || chain.height <= status.proven_height {
            return Ok(());
        }
        let bonded = status.provers.iter().find(|one| one.address == payer);
        let is_bonded = bonded.is_some_and(|one| one.leaves_at.is_none() && one.bond >= status.bond_min);
        let (height, action) = match (is_bonded, submitter.bond) {
            (true, _) if is_due(&status, &payer, chain.height) => {
                let after = point(&node, self.follower.rules(), chain.height).await?;
                let end = EndRecord {
                    height: after.height,
                    ledger_root: after.ledger_root,
                    ops_digest: after.ops_digest,
                    supply: after.supply,
                    next_slot: after.next_slot,
                };
                let Some(proof) = BoundedBytes::new(chain.proof.clone()) else { return Ok(()) };
                let system = self.options.genesis.proof_system;
                (chain.height, ProvingAction::Submit(ProofSubmission { system, end, payout: chain.payout, proof }))
            }
            (true, _) => return Ok(()),
            (false, Some(amount)) if bonded.is_none() => (Height::GENESIS, ProvingAction::Bond { amount }),
            (false, _) => {
                let reason = "the account has no bond that counts; see tb prover bond".to_owned();
                return self.tell(Height::GENESIS, &status, reason);
            }
        };
        if self.sent.is_some_and(|sent| waits(sent, height)) {
            return Ok(());
        }
        let transaction = sign(&node, &submitter.key, payer, action).await?;
        self.send(&transaction, height).await
    }

    /// Hands the transaction to every node: nodes pass it on to each other only when its payer has the tier for it.
    async fn send(&mut self, transaction: &Transaction, height: Height) -> Result<(), ServiceError> {
        let submission = SubmitTransaction::new(transaction, self.follower.rules().genesis);
        self.sent = Some(Sent { height, valid_until: transaction.body.valid_until });
        for node in self.options.nodes.clone() {
            let url = node.base_url().to_owned();
            match node.submit(&submission).await {
                Ok(_) => {
                    let id = transaction.id().to_string();
                    tracing::info!(target: "plonky3", node = url, height = height.0, id, "sent to the chain");
                    (self.options.news)(&News::Submitted { node: url, height, transaction: id });
                }
                Err(ClientError::Api(error)) => {
                    tracing::warn!(target: "plonky3", node = url, height = height.0, code = error.code, "not taken");
                    (self.options.news)(&News::NotSubmitted { height, reason: error.to_string() });
                }
                // The others get it all the same.
                Err(error) => tracing::warn!(target: "plonky3", node = url, %error, "a node does not answer"),
            }
        }
        Ok(())
    }

    /// Says once in a while why nothing is sent.
    fn tell(&mut self, height: Height, status: &ProversStatus, reason: String) -> Result<(), ServiceError> {
        let told = self.sent.is_some_and(|sent| sent.height == height && status.finalized_height <= sent.valid_until);
        if !told {
            self.sent = Some(Sent { height, valid_until: after(status.finalized_height) });
            (self.options.news)(&News::NotSubmitted { height, reason });
        }
        Ok(())
    }
}

fn after(height: Height) -> Height {
    Height(height.0.saturating_add(VALID_HEIGHTS))
}

/// Whether the next block would take a proof that ends at `end` from `payer`. The node lists the oldest windows only: of one above
/// them nobody is told whose turn it is, so it is tried, and a refusal costs nothing.
fn is_due(status: &ProversStatus, payer: &Address, end: Height) -> bool {
    let next = status.finalized_height.next();
    let listed = u64::try_from(status.waiting.len()).unwrap_or(u64::MAX);
    if status.lag_windows > listed && status.waiting.iter().all(|one| one.end_height < end) {
        return true;
    }
    let waiting = status.waiting.iter().find(|one| one.end_height == end);
    waiting.is_some_and(|one| one.assigned.is_none_or(|turn| turn == *payer) || next >= one.anyone_from)
}

async fn sign(
    node: &Client,
    key: &SecretKey,
    payer: Address,
    action: ProvingAction,
) -> Result<Transaction, ServiceError> {
    let status: NodeStatus = node.node_status().await?;
    let nonce = node.account(&payer).await?.nonce;
    let action = Action::Proving(action);
    let fee = status.base_fees.consumer.checked_mul(BOND_FEE_UNITS).unwrap_or(Amount::MAX);
    let body = TransactionBody {
        version: FormatVersion,
        payer,
        nonce,
        lane: action.lane(),
        tip: Amount::ZERO,
        max_fee: if action.is_free() { Amount::ZERO } else { fee },
        valid_until: after(status.finalized_height),
        action,
    };
    Ok(body.sign(key, &status.genesis_hash))
}

#[cfg(test)]
mod tests {
    use rpc::types::WaitingWindow;

    use super::*;

    fn status(finalized: u64, assigned: Option<Address>) -> ProversStatus {
        ProversStatus {
            taken: true,
            enforced: false,
            proof_system: "plonky3".to_owned(),
            finalized_height: Height(finalized),
            proven_height: Height(0),
            last: None,
            lag_windows: 1,
            block_weight_bps: 10_000,
            pool: Amount::ZERO,
            reward_per_height: Amount::ZERO,
            bond_min: Amount::ZERO,
            proof_bytes_max: 1,
            waiting: vec![WaitingWindow { window: 0, end_height: Height(4), assigned, anyone_from: Height(8) }],
            provers: Vec::new(),
        }
    }

    #[test]
    fn a_proof_is_due_in_its_turn_and_only_at_the_end_of_a_recorded_window() {
        let [me, other] = ["me", "other"].map(Address::of_module);
        assert!(is_due(&status(5, None), &me, Height(4)));
        assert!(is_due(&status(5, Some(me)), &me, Height(4)));
        assert!(!is_due(&status(6, Some(other)), &me, Height(4)), "the next block is 7, within the other's turn");
        assert!(is_due(&status(7, Some(other)), &me, Height(4)));
        assert!(!is_due(&status(9, None), &me, Height(8)));
    }

    #[test]
    fn a_proof_that_ends_above_the_windows_that_are_listed_is_due() {
        let [me, other] = ["me", "other"].map(Address::of_module);
        let long = ProversStatus { lag_windows: 65, ..status(9, Some(other)) };
        assert!(is_due(&long, &me, Height(8)), "the list ends before it");
        assert!(is_due(&long, &me, Height(260)));
        assert!(
            !is_due(&ProversStatus { finalized_height: Height(6), ..long.clone() }, &me, Height(4)),
            "a listed one"
        );
        assert!(!is_due(&long, &me, Height(2)), "below the list");
        assert!(!is_due(&status(9, None), &me, Height(260)), "the list is complete and does not have it");
    }
}
