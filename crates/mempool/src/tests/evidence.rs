//! Evidence has places of its own: a full queue does not keep it out.

use std::sync::Arc;

use primitives::actions::evidence::SignedVote;
use primitives::{
    Action, Evidence, FormatVersion, Hash, Height, Lane, Rejection, Round, Timestamp, TransactionBody, Vote, VoteKind,
};

use super::{Chain, address, admit, check_invariants, draft, genesis, key, micro, nonce, pool};
use crate::pool::EVIDENCE_MAX;
use crate::{Admission, CheckedTransaction, Mempool, MempoolConfig, Terms};

/// A proof of `payer` that validator 200 voted twice in this round.
fn proof(payer: u8, round: u32) -> CheckedTransaction {
    let vote = |block: u8| {
        let value = Some(Hash([block; 32]));
        let vote = Vote { kind: VoteKind::Prevote, height: Height(1), round: Round(round), value, voter: address(200) };
        SignedVote { vote, signature: key(200).sign(&vote.signing_bytes(&genesis())) }
    };
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(payer),
        nonce: nonce(u64::from(round)),
        lane: Lane::Reserved,
        tip: micro(0),
        max_fee: micro(0),
        valid_until: Height(500),
        action: Action::Evidence(Evidence::of_votes(key(200).public_key(), vote(1), vote(2))),
    };
    CheckedTransaction::check(Arc::new(body.sign(&key(payer), &genesis())), &genesis()).unwrap()
}

fn report(pool: &mut Mempool, chain: &Chain, payer: u8, round: u32) -> Result<Admission, Rejection> {
    let terms = Terms { base_fee: micro(0), ..super::terms(1) };
    let admitted = pool.admit(proof(payer, round), &terms, chain);
    check_invariants(pool);
    admitted
}

#[test]
fn a_full_queue_does_not_keep_evidence_out_and_evidence_takes_nobody_s_place() {
    let chain = Chain::with(9);
    let mut pool = pool(MempoolConfig { limit: 3, ..MempoolConfig::default() });
    for payer in 0..3 {
        admit(&mut pool, &chain, draft(payer, 0), 1).unwrap();
    }
    assert_eq!(admit(&mut pool, &chain, draft(3, 0), 1), Err(Rejection::QueueFull));
    assert_eq!(report(&mut pool, &chain, 4, 0), Ok(Admission::Pending));
    assert_eq!(pool.status(Timestamp(1)).transactions.size, 3);
    assert_eq!(admit(&mut pool, &chain, draft(5, 0), 1), Err(Rejection::QueueFull));
}

#[test]
fn the_places_of_evidence_are_bounded() {
    let chain = Chain::with(9);
    let per_sender_limit = EVIDENCE_MAX + 1;
    let mut pool = pool(MempoolConfig { limit: 4 * EVIDENCE_MAX, per_sender_limit, ..MempoolConfig::default() });
    let held = u32::try_from(EVIDENCE_MAX).unwrap();
    for round in 0..held {
        report(&mut pool, &chain, 0, round).unwrap();
    }
    assert_eq!(report(&mut pool, &chain, 0, held), Err(Rejection::QueueFull));
    assert_eq!(admit(&mut pool, &chain, draft(1, 0), 1), Ok(Admission::Pending));
}
