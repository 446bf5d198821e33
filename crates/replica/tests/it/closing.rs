//! What the end of a block does by itself is stored, found by height, under the receipts root, and predicted by the model:
//! also what the timetoke pool and the witness pool pay.

use primitives::actions::identity::{Register, VrfBinding};
use primitives::actions::witness::Attestation;
use primitives::actions::{TimetokeEvent, WitnessEvent};
use primitives::genesis::GateActivation;
use primitives::receipt::receipts_root;
use primitives::*;
use state::{timetoke, witness};

use crate::net::{Net, address, genesis, open_chain, secret};

const ALL: [u8; 4] = [0, 1, 2, 3];

/// Epochs of four heights, hours of two seconds, both gates, one attestation for an identity.
fn chain() -> Genesis {
    let mut genesis = genesis();
    let params = &mut genesis.params;
    params.epoch_blocks = 4;
    params.timetoke.hour_seconds = 2;
    params.timetoke.window_seconds = 2;
    params.timetoke.challenges_per_window = 1;
    params.timetoke.answer_seconds = 2;
    params.identity.attestations_min = 1;
    params.witness.interval_blocks = 2;
    params.witness.answer_blocks = 2;
    params.witness.min_tier = 1;
    let gate = |name: &str| GateActivation { name: name.to_owned(), height: Height(1) };
    genesis.gates = ["malachite_consensus", "timetoke_rewards", "witness_network"].map(gate).to_vec();
    genesis
}

fn send(net: &mut Net, who: u8, action: Action) {
    let nonce = net.nodes[0].replica.account(&address(who)).unwrap().map_or(0, |(_, slot)| slot.nonce.get());
    let body = TransactionBody {
        version: FormatVersion,
        payer: address(who),
        nonce: Nonce::new(nonce).unwrap(),
        lane: action.lane(),
        tip: Amount::ZERO,
        max_fee: Amount::from_blocks(1),
        valid_until: Height(net.height().0 + 50),
        action,
    };
    let transaction = body.sign(&secret(who), &net.genesis.hash());
    net.admit_everywhere(&transaction);
}

/// One height; every transaction in it succeeded, and the header covers receipts and closing events.
fn step(net: &mut Net) -> ClosingEvents {
    let block = net.step_signed(&ALL);
    let replica = &net.nodes[0].replica;
    let receipts = replica.receipts(block.header.height).unwrap().unwrap();
    assert!(receipts.iter().all(|receipt| receipt.outcome == Outcome::Success), "{receipts:?}");
    let closing = replica.closing_events(block.header.height).unwrap().unwrap();
    assert_eq!(block.header.receipts_root, receipts_root(&receipts, &closing));
    closing
}

#[test]
fn closing_events_are_found_by_height_after_a_restart_too() {
    let mut net = Net::of(chain());
    let written: Vec<ClosingEvents> = (0..8).map(|_| step(&mut net)).collect();
    assert!(written[3].iter().any(|event| matches!(event, Event::PoolFunded { .. })), "{:?}", written[3]);
    assert!(written[3].iter().any(|event| matches!(event, Event::RewardPaid { .. })));
    assert!(written[0].iter().any(|event| matches!(event, Event::Timetoke(TimetokeEvent::ChallengeOpened { .. }))));
    let again = open_chain(net.genesis.clone(), std::sync::Arc::clone(&net.nodes[1].store), 101);
    for (height, expected) in (1..).zip(&written) {
        assert_eq!(again.replica.closing_events(Height(height)).unwrap().as_ref(), Some(expected));
    }
    assert_eq!(again.replica.closing_events(Height(9)).unwrap(), None);
    assert_eq!(again.replica.closing_events(Height(0)).unwrap(), None);
}

#[test]
fn the_model_predicts_what_timetoke_and_witnesses_are_paid() {
    let mut net = Net::of(chain());
    step(&mut net);
    // Every node's model checks every block: a payment that it does not predict stops the node.
    let vrf = VrfSecretKey::from_seed([77; 32]);
    let binding = VrfBinding::prove(&vrf, address(1), net.height(), &net.genesis.hash()).unwrap();
    let register = Register { bond: net.genesis.params.identity.bond, vrf: binding, peer: None };
    send(&mut net, 1, Action::Identity(IdentityAction::Register(Box::new(register))));
    step(&mut net);
    // Validators start without money for fees.
    let rich = net.pay(2, 0, address(100), 5_000_000);
    net.admit_everywhere(&rich);
    step(&mut net);
    send(&mut net, 100, Action::Identity(IdentityAction::Attest { subject: address(1), registered_at: Height(2) }));
    let mut rewarded = 0_u64;
    let mut accrued = 0_u64;
    for _ in 0..24 {
        let open = witness::sample(net.nodes[0].replica.state()).unwrap();
        if let Some(open) = open.filter(|open| open.opened_at == net.height() && net.height() > Height(4)) {
            let attestation =
                Attestation { identity: address(1), height: open.height, seed: open.seed, value: open.value };
            let list = BoundedVec::new(vec![attestation.sign(&secret(1), &net.genesis.hash())]).unwrap();
            send(&mut net, 3, Action::Witness(WitnessAction::Attest { list }));
        }
        for event in &step(&mut net) {
            match event {
                Event::Timetoke(TimetokeEvent::Rewarded { paid: true, .. }) => rewarded += 1,
                Event::Witness(WitnessEvent::Accrued { amount, .. }) => accrued += amount.micro(),
                _ => {}
            }
        }
    }
    assert!(rewarded >= 4 && accrued > 0, "{rewarded} {accrued}");
    let hours = timetoke::get(net.nodes[0].replica.state(), &address(101)).unwrap();
    assert!(hours.hours > 0);
    let before = net.nodes[0].replica.account(&address(1)).unwrap().unwrap().1.balance;
    send(&mut net, 1, Action::Witness(WitnessAction::Claim));
    step(&mut net);
    let after = net.nodes[0].replica.account(&address(1)).unwrap().unwrap().1.balance;
    assert!(after.micro() + 10_000 > before.micro() + accrued, "{before} {after} {accrued}");
}
