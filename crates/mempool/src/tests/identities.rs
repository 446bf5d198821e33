//! The queue of identities: its own limit, its own status, one order with the rest.

use std::sync::Arc;

use primitives::actions::identity::{Register, VrfBinding};
use primitives::{
    Action, Amount, FormatVersion, Height, IdentityAction, Lane, Rejection, Timestamp, TransactionBody, VrfSecretKey,
};

use super::{ALL, BASE_FEE, Chain, WEIGHT, address, admit, check_invariants, draft, genesis, key, micro, nonce, pool};
use crate::{Admission, CheckedTransaction, Mempool, MempoolConfig, Terms};

fn registration(payer: u8, at: u64, tip: u64) -> CheckedTransaction {
    let secret = VrfSecretKey::from_seed([payer; 32]);
    let vrf = VrfBinding::prove(&secret, address(payer), Height(0), &genesis()).unwrap();
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(payer),
        nonce: nonce(at),
        lane: Lane::Industrial,
        tip: micro(tip),
        max_fee: micro(100_000_000),
        valid_until: Height(500),
        action: Action::Identity(IdentityAction::Register(Box::new(Register {
            bond: Amount::from_blocks(10),
            vrf,
            peer: None,
        }))),
    };
    CheckedTransaction::check(Arc::new(body.sign(&key(payer), &genesis())), &genesis()).unwrap()
}

fn register(pool: &mut Mempool, chain: &Chain, payer: u8, at: u64, tip: u64) -> Result<Admission, Rejection> {
    let terms = Terms {
        base_fee: micro(BASE_FEE),
        weight: WEIGHT,
        now: Timestamp(1),
        next_height: Height(1),
        valid_until_max: 1_000,
    };
    let admitted = pool.admit(registration(payer, at, tip), &terms, chain);
    check_invariants(pool);
    admitted
}

#[test]
fn a_flood_of_identities_refuses_no_payment_and_the_other_way_round() {
    let chain = Chain::with(9);
    let mut pool = pool(MempoolConfig { limit: 3, ..MempoolConfig::default() });
    for payer in 0..3 {
        register(&mut pool, &chain, payer, 0, 0).unwrap();
    }
    assert_eq!(register(&mut pool, &chain, 3, 0, 1_000_000), Err(Rejection::QueueFull), "nobody is evicted");
    for payer in 4..7 {
        admit(&mut pool, &chain, draft(payer, 0), 1).unwrap();
    }
    assert_eq!(admit(&mut pool, &chain, draft(7, 0), 1), Err(Rejection::QueueFull));
    let status = pool.status(Timestamp(9));
    assert_eq!((status.identities.size, status.identities.limit), (3, 3));
    assert_eq!((status.transactions.size, status.transactions.limit), (3, 3));
    let listed = pool.list(Timestamp(9), 100);
    assert_eq!(listed.iter().filter(|entry| entry.is_identity).count(), 3);
}

#[test]
fn the_same_registration_twice_takes_one_place() {
    let _shown = testkit::contract!("S000-033");
    let chain = Chain::with(2);
    let mut pool = pool(MempoolConfig { limit: 2, ..MempoolConfig::default() });
    register(&mut pool, &chain, 0, 0, 0).unwrap();
    assert_eq!(register(&mut pool, &chain, 0, 0, 0), Err(Rejection::Duplicate));
    assert_eq!(admit(&mut pool, &chain, draft(1, 0), 1), Ok(Admission::Pending));
    assert_eq!(admit(&mut pool, &chain, draft(1, 0), 1), Err(Rejection::Duplicate));
    assert_eq!((pool.len(), pool.status(Timestamp(1)).identities.size), (2, 1));
}

#[test]
fn a_replacement_that_changes_queues_needs_a_place_there() {
    let chain = Chain::with(4);
    let mut pool = pool(MempoolConfig { limit: 1, ..MempoolConfig::default() });
    register(&mut pool, &chain, 0, 0, 0).unwrap();
    admit(&mut pool, &chain, draft(1, 0), 1).unwrap();
    assert_eq!(register(&mut pool, &chain, 1, 0, 50), Err(Rejection::QueueFull));
    assert_eq!(pool.select(ALL).count(), 2);
    assert!(matches!(register(&mut pool, &chain, 0, 0, 50), Ok(Admission::Replaced(_))));
    assert_eq!(pool.status(Timestamp(1)).identities.size, 1);
}
