//! Chain proofs in blocks of several replicas: bonded, brought, paid, overtaken, burned; the ledger model predicts every payment,
//! and a block that is too heavy for its lag gets nil.

use std::sync::Arc;

use mempool::{CheckedTransaction, DropReason};
use primitives::actions::{EndRecord, ProofClaim, ProofSubmission, ProofSystemKind};
use primitives::genesis::GateActivation;
use primitives::*;
use replica::{Application, Freshness, Replica, ReplicaEvent, Verdict};
use state::proving;
use storage::{Store, StoreConfig};

use crate::net::{Net, address, amount, genesis, open_chain, secret};

/// Heights of a window.
const W: u64 = 2;
const BOND: u64 = 20_000_000;

fn chain(gates: &[&str]) -> Genesis {
    let mut genesis = genesis();
    let params = &mut genesis.params;
    params.window_blocks = W;
    params.proving.turn_blocks = 0;
    params.proving.unbonding_blocks = 2;
    params.proving.reward_per_height = amount(1_000);
    (params.proving.lag_free_windows, params.proving.lag_floor_windows) = (1, 2);
    let gate = |name: &&str| GateActivation { name: (*name).to_owned(), height: Height(1) };
    genesis.gates = gates.iter().map(gate).collect();
    let pool = GenesisAccount { address: Address::of_module("prover_pool"), balance: amount(1_000_000) };
    genesis.accounts.push(pool);
    genesis
}

fn sign(net: &Net, who: u8, action: ProvingAction) -> Transaction {
    let nonce = net.nodes[0].replica.account(&address(who)).unwrap().map_or(0, |(_, slot)| slot.nonce.get());
    let action = Action::Proving(action);
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(who),
        nonce: Nonce::new(nonce).unwrap(),
        lane: action.lane(),
        tip: Amount::ZERO,
        max_fee: amount(10_000_000),
        valid_until: Height(net.height().0 + 50),
        action,
    };
    body.sign(&secret(who), &net.genesis.hash())
}

fn bond(net: &mut Net, who: u8) {
    let put = sign(net, who, ProvingAction::Bond { amount: amount(BOND) });
    net.admit_everywhere(&put);
}

fn waiting(net: &Net, number: u64) -> EndRecord {
    proving::window(net.nodes[0].replica.state(), number).unwrap().unwrap().end
}

/// A submission whose proof verifies when `good`.
fn submission(net: &Net, end: EndRecord, payout: u8, good: bool) -> ProofSubmission {
    let claim = ProofClaim {
        system: ProofSystemKind::Plonky3,
        genesis: net.genesis.hash(),
        origin: proving::origin(net.nodes[0].replica.state()).unwrap().unwrap(),
        end,
        issuance_max: net.genesis.params.issuance_per_block_max,
        supply_cap: net.genesis.params.supply_cap,
        payout: address(payout),
    };
    let proof = if good { encode(&claim) } else { vec![1; 9] };
    let (system, payout) = (claim.system, claim.payout);
    ProofSubmission { system, end, payout, proof: BoundedBytes::new(proof).unwrap() }
}

fn balance(net: &Net, who: u8) -> u64 {
    net.nodes[1].replica.account(&address(who)).unwrap().unwrap().1.balance.micro()
}

fn outcomes(net: &Net) -> Vec<Outcome> {
    let receipts = net.nodes[2].replica.receipts(net.height()).unwrap().unwrap();
    receipts.iter().map(|receipt| receipt.outcome).collect()
}

#[test]
fn replicas_agree_on_a_proof_in_a_block_and_the_loser_of_the_race_keeps_everything() {
    let mut net = Net::of(chain(&["malachite_consensus", "recursive_proofs"]));
    for who in [1, 2] {
        bond(&mut net, who);
    }
    while net.height().0 <= W {
        assert_eq!(net.step().header.last_proof, None);
    }
    let end = waiting(&net, 0);
    let header = net.nodes[0].replica.header(Height(W)).unwrap().unwrap();
    let recorded = (end.ledger_root, end.ops_digest, end.supply, end.next_slot);
    assert_eq!(recorded, (header.ledger_root, header.ops_digest, header.supply, header.next_slot));

    let [first, second] = [1, 2].map(|who| sign(&net, who, ProvingAction::Submit(submission(&net, end, who, true))));
    net.admit_everywhere(&first);
    net.admit_everywhere(&second);
    let before = [1, 2].map(|who| balance(&net, who));
    let block = net.step();
    let brought = block.transactions.iter().find_map(|one| one.body.action.submission()).unwrap();
    let mark = ProofMark { height: Height(W), proof: brought.proof_hash() };
    assert_eq!(block.header.last_proof, Some(mark));
    assert_eq!((block.transactions.len(), outcomes(&net)), (1, vec![Outcome::Success]));
    let (winner, loser) = if brought.payout == address(1) { (0, 1) } else { (1, 0) };
    let after = [1, 2].map(|who| balance(&net, who));
    assert_eq!((after[winner], after[loser]), (before[winner] + W * 1_000, before[loser]));
    let lost = if loser == 0 { first.id() } else { second.id() };
    for node in &net.nodes {
        let events = node.events.lock().unwrap();
        let overtaken = |event: &ReplicaEvent| matches!(event, ReplicaEvent::Dropped(id, DropReason::ProofOvertaken) if *id == lost);
        assert!(events.iter().any(overtaken));
        assert!(node.replica.mempool().is_empty());
    }
    // A node that joins later executes the same blocks.
    net.join();
}

#[test]
fn a_failing_proof_costs_its_bond_on_every_replica_and_a_bond_that_was_asked_for_comes_back() {
    let mut net = Net::of(chain(&["malachite_consensus", "recursive_proofs"]));
    for who in [1, 2] {
        bond(&mut net, who);
    }
    while net.height().0 <= W {
        net.step();
    }
    let supply = net.nodes[0].replica.supply().0;
    let bad = sign(&net, 1, ProvingAction::Submit(submission(&net, waiting(&net, 0), 1, false)));
    net.admit_everywhere(&bad);
    let block = net.step();
    assert_eq!(outcomes(&net), [Outcome::ProofInvalid]);
    let issued = net.genesis.params.rewards.issuance_per_block.micro();
    assert_eq!(block.header.supply.micro(), supply.micro() + issued - BOND);
    assert_eq!(block.header.last_proof, None);

    let before = balance(&net, 2);
    let ask = sign(&net, 2, ProvingAction::Unbond);
    net.admit_everywhere(&ask);
    for _ in 0..3 {
        net.step();
    }
    let fee = net.genesis.params.base_fee_initial.micro() * 150;
    let now = balance(&net, 2);
    assert!(now > before + BOND - 2 * fee && now < before + BOND, "{before} {now}");
}

#[test]
fn a_block_that_is_too_heavy_for_the_lag_gets_nil() {
    let gates = ["consensus_enforcement", "malachite_consensus", "recursive_proofs"];
    let mut small = chain(&gates);
    // A consumer lane of five transfers at the floor, of a hundred without a lag.
    (small.params.block_weight_max, small.params.consumer_share_bps, small.params.industrial_share_bps) =
        (100_000, 1_000, 1_000);
    let mut free = chain(&["malachite_consensus", "recursive_proofs"]);
    free.params = small.params.clone();
    for (genesis, most) in [(small, 6), (free, 50)] {
        let mut net = Net::of(genesis);
        while net.height().0 <= 3 * W {
            net.step();
        }
        for nonce in 0..50 {
            let pay = net.pay(3, nonce, address(4), 1);
            net.admit_everywhere(&pay);
        }
        // At the floor five fit the lane's own share, and the first that does not is lent room by the other lane.
        let block = net.step();
        assert_eq!(block.transactions.len(), most);
    }

    // A proposer that ignores the lag builds what the others do not take.
    let mut light = chain(&gates);
    light.params.block_weight_max = 100_000;
    (light.params.consumer_share_bps, light.params.industrial_share_bps) = (1_000, 1_000);
    let mut net = Net::of(light);
    while net.height().0 <= 3 * W {
        net.step();
    }
    for nonce in 0..20 {
        let pay = net.pay(3, nonce, address(4), 1);
        net.admit_everywhere(&pay);
    }
    let candidate = net.build();
    let mut block = Block::from_bytes(&candidate.bytes).unwrap();
    let mut list = block.transactions.to_vec();
    assert_eq!(list.len(), 6);
    // Five of its own, five that the other lane lends, and one too many.
    list.extend((6..11).map(|nonce| net.pay(3, nonce, address(4), 1)));
    block.transactions = BoundedVec::new(list).unwrap();
    let verdict = net.nodes[0].replica.verify(&encode(&block), Freshness::Replayed).unwrap();
    let Verdict::Invalid { reason, .. } = verdict else { unreachable!("{verdict:?}") };
    assert!(reason.contains("transaction 10 may not be in the block"), "{reason}");
}

#[test]
fn a_block_with_a_proof_of_another_system_is_refused_by_name() {
    let mut net = Net::of(chain(&["malachite_consensus", "recursive_proofs"]));
    bond(&mut net, 1);
    while net.height().0 <= W {
        net.step();
    }
    let good = submission(&net, waiting(&net, 0), 1, true);
    let foreign = ProofSubmission { system: ProofSystemKind::Stwo, ..good.clone() };
    for (submission, is_taken) in [(good, true), (foreign, false)] {
        let brought = sign(&net, 1, ProvingAction::Submit(submission));
        if is_taken {
            net.admit_everywhere(&brought);
        }
        let mut block = Block::from_bytes(&net.build().bytes).unwrap();
        block.transactions = BoundedVec::new(vec![brought]).unwrap();
        match net.nodes[1].replica.verify(&encode(&block), Freshness::Replayed).unwrap() {
            Verdict::Invalid { reason, .. } if !is_taken => {
                let named = Rejection::WrongProofSystem.to_string();
                assert!(
                    reason.contains("transaction 0 may not be in the block") && reason.contains(&named),
                    "{reason}"
                );
            }
            verdict => assert!(is_taken && !matches!(verdict, Verdict::Invalid { .. }), "{verdict:?}"),
        }
    }
}

#[test]
fn admission_asks_the_cheap_questions_and_a_chain_of_proofs_needs_a_proof_system() {
    let mut net = Net::of(chain(&["malachite_consensus", "recursive_proofs"]));
    bond(&mut net, 1);
    while net.height().0 <= W {
        net.step();
    }
    let end = waiting(&net, 0);
    let (genesis, now) = (net.genesis.hash(), net.now);
    let admit = |net: &mut Net, who: u8, submission: ProofSubmission| {
        let signed = sign(net, who, ProvingAction::Submit(submission));
        let checked = CheckedTransaction::check(Arc::new(signed), &genesis).unwrap();
        net.nodes[0].replica.admit(checked, now)
    };
    let good = submission(&net, end, 1, true);
    assert_eq!(admit(&mut net, 2, good.clone()), Err(Rejection::NoProverBond));
    let foreign = ProofSubmission { system: ProofSystemKind::Stwo, ..good.clone() };
    assert_eq!(admit(&mut net, 1, foreign), Err(Rejection::WrongProofSystem));
    let other = ProofSubmission { end: EndRecord { next_slot: 1, ..end }, ..good.clone() };
    assert_eq!(admit(&mut net, 1, other), Err(Rejection::WrongEndRecord));
    // Whoever would pass the proof on to others asks what the next block would ask.
    let holds = |who: u8, submission: &ProofSubmission| {
        let question = net.nodes[0].replica.proof_question(&address(who), submission);
        question.map(|(claim, verifier)| verifier.verify(&claim, &submission.proof))
    };
    assert_eq!(holds(1, &good), Ok(true));
    assert_eq!(holds(1, &submission(&net, end, 1, false)), Ok(false));
    assert_eq!(holds(1, &ProofSubmission { payout: address(2), ..good.clone() }), Ok(false), "another claim");
    assert_eq!(holds(2, &good), Err(Rejection::NoProverBond));
    assert!(admit(&mut net, 1, good).is_ok());
    // One waiting proof of each prover.
    let body = sign(&net, 1, ProvingAction::Submit(submission(&net, end, 2, true))).body;
    let second = TransactionBody { nonce: body.nonce.next().unwrap(), ..body }.sign(&secret(1), &genesis);
    let checked = CheckedTransaction::check(Arc::new(second), &genesis).unwrap();
    assert_eq!(net.nodes[0].replica.admit(checked, now), Err(Rejection::SenderLimit));

    let store = Arc::new(Store::open(&StoreConfig::Memory, &genesis).unwrap());
    let config = mempool::MempoolConfig::default();
    let without = Replica::open(net.genesis.clone(), Arc::clone(&store), config, None, Arc::new(|_| {}));
    assert!(without.is_err_and(|fault| fault.0.contains("takes proofs")));
    open_chain(net.genesis.clone(), store, 100);
}
