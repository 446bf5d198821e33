//! Chain proofs have places of their own, and the status does not count them as transactions.

use std::sync::Arc;

use primitives::actions::{EndRecord, ProofSubmission};
use primitives::{
    Action, BoundedBytes, FormatVersion, Height, Lane, LedgerDigest, ProvingAction, Rejection, Timestamp,
    TransactionBody,
};

use super::{Chain, address, admit, check_invariants, draft, genesis, key, micro, nonce, pool};
use crate::pool::PROOFS_MAX;
use crate::{Admission, CheckedTransaction, Mempool, MempoolConfig, Terms};

fn submission(payer: u8) -> CheckedTransaction {
    let end = EndRecord {
        height: Height(120),
        ledger_root: LedgerDigest::default(),
        ops_digest: LedgerDigest::default(),
        supply: micro(1),
        next_slot: 9,
    };
    let proof = BoundedBytes::new(vec![payer; 40]).unwrap();
    let submission = ProofSubmission { system: Default::default(), end, payout: address(payer), proof };
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(payer),
        nonce: nonce(0),
        lane: Lane::Reserved,
        tip: micro(0),
        max_fee: micro(0),
        valid_until: Height(500),
        action: Action::Proving(ProvingAction::Submit(submission)),
    };
    CheckedTransaction::check(Arc::new(body.sign(&key(payer), &genesis())), &genesis()).unwrap()
}

fn bring(pool: &mut Mempool, chain: &Chain, payer: u8) -> Result<Admission, Rejection> {
    let terms = Terms { base_fee: micro(0), ..super::terms(1) };
    let admitted = pool.admit(submission(payer), &terms, chain);
    check_invariants(pool);
    admitted
}

#[test]
fn a_full_queue_does_not_keep_chain_proofs_out_and_the_status_does_not_count_them_as_transactions() {
    let chain = Chain::with(40);
    let mut pool = pool(MempoolConfig { limit: 3, ..MempoolConfig::default() });
    for payer in 0..3 {
        admit(&mut pool, &chain, draft(payer, 0), 1).unwrap();
    }
    let provers = u8::try_from(PROOFS_MAX).unwrap();
    for payer in 3..3 + provers {
        assert_eq!(bring(&mut pool, &chain, payer), Ok(Admission::Pending), "prover {payer}");
    }
    assert_eq!(bring(&mut pool, &chain, 3 + provers), Err(Rejection::QueueFull));
    let status = pool.status(Timestamp(1));
    assert_eq!((status.transactions.size, status.transactions.limit), (3, 3));
    assert_eq!(pool.lengths(), [(3, 3), (0, 3), (0, crate::pool::EVIDENCE_MAX), (PROOFS_MAX, PROOFS_MAX)]);
}
