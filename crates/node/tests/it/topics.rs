//! Which topic an action travels on, and which tier it asks for.

use std::sync::Arc;

use mempool::MempoolConfig;
use node::elections::participation_ppm;
use node::topics::{Refusal, Topic, is_quarantined, judge};
use primitives::actions::proving::{EndRecord, ProofSubmission, ProofSystemKind};
use primitives::actions::witness::Attestation;
use primitives::genesis::GateActivation;
use primitives::{
    Action, Address, Amount, BoundedBytes, BoundedVec, Engine, FormatVersion, Genesis, GenesisValidator, Hash, Height,
    Lane, LedgerDigest, LotteryAction, Nonce, Params, ProvingAction, SecretKey, Timestamp, TransactionBody, Transfer,
    VrfProof, VrfSecretKey, WitnessAction,
};
use replica::Replica;
use state::reputation::Tier;
use storage::{Store, StoreConfig};

#[test]
fn each_topic_asks_for_its_tier() {
    let tiers = [Topic::Proofs, Topic::Meta, Topic::Vrf, Topic::Witness].map(|topic| topic.lowest_tier().level());
    assert_eq!(tiers, [1, 0, 2, 2]);
    let ticket = Action::Lottery(LotteryAction::Submit { epoch: 4, proof: VrfProof([0; 80]) });
    assert_eq!(Topic::of(&ticket), Some(Topic::Vrf));
    let point = EndRecord {
        height: Height(120),
        ledger_root: LedgerDigest::new([0; 8]).expect("zeros"),
        ops_digest: LedgerDigest::new([0; 8]).expect("zeros"),
        supply: Amount::ZERO,
        next_slot: 0,
    };
    let (system, payout) = (ProofSystemKind::Plonky3, Address::of_module("0"));
    let proof = BoundedBytes::new(vec![1]).expect("short");
    let proof = ProvingAction::Submit(ProofSubmission { system, end: point, payout, proof });
    assert_eq!(Topic::of(&Action::Proving(proof)), Some(Topic::Proofs));
    assert_eq!(Topic::of(&Action::Proving(ProvingAction::Unbond)), None, "a bond can always leave");
    let to = primitives::Address::of_key(&SecretKey::from_seed([1; 32]).public_key());
    let memo = BoundedBytes::new(Vec::new()).expect("an empty memo");
    let payment = Action::Transfer(Transfer { to, amount: Amount::from_blocks(1), memo });
    assert_eq!(Topic::of(&payment), None, "payments never wait for a tier");
    let (zero, amount) = (LedgerDigest::default(), Amount::from_blocks(1));
    let end = EndRecord { height: Height(1), ledger_root: zero, ops_digest: zero, supply: amount, next_slot: 1 };
    let proof = BoundedBytes::new(vec![7]).expect("a short proof");
    let submission = ProofSubmission { system: ProofSystemKind::default(), end, payout: to, proof };
    assert_eq!(Topic::of(&Action::Proving(ProvingAction::Submit(submission))), Some(Topic::Proofs));
    assert_eq!(Topic::of(&Action::Proving(ProvingAction::Bond { amount })), None, "a bond is no proof");
}

#[test]
fn a_tier_below_the_lowest_is_refused_and_the_lowest_is_taken() {
    let table = [
        (Topic::Meta, [true, true, true, true, true, true]),
        (Topic::Proofs, [false, true, true, true, true, true]),
        (Topic::Vrf, [false, false, true, true, true, true]),
        (Topic::Witness, [false, false, true, true, true, true]),
    ];
    for (topic, expected) in table {
        assert_eq!(Tier::ALL.map(|tier| topic.takes(tier)), expected, "{topic:?}");
    }
}

#[test]
fn the_tier_of_a_publisher_is_that_of_our_own_state() {
    let (voter, stranger) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
    let genesis = Genesis {
        version: FormatVersion,
        chain_id: "topics".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_000_000),
        params: Params::default(),
        proof_keys: Default::default(),
        accounts: Vec::new(),
        validators: vec![GenesisValidator {
            public_key: voter.public_key(),
            vrf_key: VrfSecretKey::from_seed([1; 32]).public_key(),
            power: 10,
        }],
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    };
    let store = Store::open(&StoreConfig::Memory, &genesis.hash()).expect("a store");
    let (config, quiet) = (MempoolConfig::default(), Arc::new(|_| ()));
    let chain = Replica::open(genesis.clone(), Arc::new(store), config, None, quiet).expect("a chain");
    // A validator of genesis has an identity and no hours: TL1. Anybody else is TL0.
    for (key, allowed) in [(&voter, [true, true, false, false]), (&stranger, [true, false, false, false])] {
        let body = TransactionBody {
            version: FormatVersion,
            payer: Address::of_key(&key.public_key()),
            nonce: Nonce::new(0).expect("zero"),
            lane: Lane::Industrial,
            tip: Amount::ZERO,
            max_fee: Amount::ZERO,
            valid_until: Height(9),
            action: Action::Lottery(LotteryAction::Submit { epoch: 4, proof: VrfProof([0; 80]) }),
        };
        let transaction = body.sign(key, &genesis.hash());
        let topics = [Topic::Meta, Topic::Proofs, Topic::Vrf, Topic::Witness];
        let judged = topics.map(|topic| judge(&chain, &[], topic, &transaction).expect("a good state"));
        assert_eq!(judged, allowed.map(|taken| if taken { Ok(()) } else { Err(Refusal::Tier) }));
    }
}

#[test]
fn witness_data_of_a_quarantined_publisher_is_found_whoever_carries_it() {
    let keys = [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]));
    let [payer, witness, other] = keys.each_ref().map(|key| Address::of_key(&key.public_key()));
    let genesis = Hash([9; 32]);
    let attestation = Attestation { identity: witness, height: Height(3), seed: genesis, value: genesis };
    let list = BoundedVec::new(vec![attestation.sign(&keys[1], &genesis)]).expect("one");
    let body = TransactionBody {
        version: FormatVersion,
        payer,
        nonce: Nonce::new(0).expect("zero"),
        lane: Lane::Industrial,
        tip: Amount::ZERO,
        max_fee: Amount::ZERO,
        valid_until: Height(9),
        action: Action::Witness(WitnessAction::Attest { list }),
    };
    let transaction = body.sign(&keys[0], &genesis);
    assert_eq!(Topic::of(&transaction.body.action), Some(Topic::Witness));
    for (listed, expected) in [(vec![], false), (vec![other], false), (vec![payer], true), (vec![other, witness], true)]
    {
        assert_eq!(is_quarantined(&listed, &transaction), expected, "{listed:?}");
    }
    // A payment of a quarantined publisher is no witness data.
    let memo = BoundedBytes::new(Vec::new()).expect("an empty memo");
    let transfer = Action::Transfer(Transfer { to: other, amount: Amount::from_blocks(1), memo });
    let body = TransactionBody { lane: Lane::Consumer, action: transfer, ..transaction.body };
    assert!(!is_quarantined(&[payer], &body.sign(&keys[0], &genesis)));
}

#[test]
fn participation_is_tickets_for_each_candidate() {
    for (submissions, candidates, ppm) in [(0, 0, 1_000_000), (0, 3, 0), (2, 3, 666_666), (3, 3, 1_000_000)] {
        assert_eq!(participation_ppm(submissions, candidates), ppm);
    }
}
