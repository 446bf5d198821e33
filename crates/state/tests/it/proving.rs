//! Bonds of provers, chain proofs on chain, turns, pay, and what a lag of proofs does to blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use primitives::actions::{EndRecord, ProofClaim, ProofSubmission, ProofSystemKind, ProvingEvent};
use primitives::genesis::GateActivation;
use primitives::ledger::{PROVER_BONDS, PROVER_POOL};
use primitives::params::{BASIS_POINTS, ProvingParams};
use primitives::{
    Action, Address, Amount, BoundedBytes, Domain, Engine, Event, FormatVersion, Genesis, GenesisAccount,
    GenesisValidator, Height, Outcome, Params, ProofMark, ProvingAction, Rejection, Timestamp, Transaction,
    VrfSecretKey, encode, hash,
};
use state::block::BlockInvalid;
use state::proving::{Bond, PROVERS_MAX, WEIGHT_FLOOR_BPS, block::assign, lag, proven, provers, weight_at, window};
use state::{ProofVerifier, StateView};
use testkit::Seed;

use crate::chain::{Chain, address, amount, key, transfer};

/// Heights of a window.
const W: u64 = 3;
/// What the pool holds at genesis, µBLOCK.
const POOL: u64 = 1_000_000;
/// The bond that tests put down, µBLOCK.
const BOND: u64 = 20_000_000;

/// Takes the encoding of the claim as its proof, and counts how often it is asked.
#[derive(Default)]
struct ClaimItself(AtomicU64);

impl ProofVerifier for ClaimItself {
    fn verify(&self, claim: &ProofClaim, proof: &[u8]) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        encode(claim) == proof
    }
}

fn gates(names: &[(&str, u64)]) -> Vec<GateActivation> {
    names.iter().map(|(name, height)| GateActivation { name: (*name).to_owned(), height: Height(*height) }).collect()
}

fn params() -> Params {
    let mut params = Params { window_blocks: W, ..Params::default() };
    params.rewards.issuance_per_block = Amount::ZERO;
    params.proving = ProvingParams {
        unbonding_blocks: 4,
        turn_blocks: 2,
        reward_per_height: amount(1_000),
        lag_free_windows: 2,
        lag_floor_windows: 6,
        ..ProvingParams::default()
    };
    params
}

fn chain_with(params: Params, accounts: u8, pool: u64, names: &[(&str, u64)]) -> Chain {
    let pool = GenesisAccount { address: Address::of_module("prover_pool"), balance: amount(pool) };
    let funded =
        (0..accounts).map(|index| GenesisAccount { address: address(index), balance: Amount::from_blocks(100) });
    let mut chain = Chain::of(Genesis {
        proof_keys: Default::default(),
        version: FormatVersion,
        chain_id: "proving-test".to_owned(),
        engine: Engine::Solo,
        proof_system: ProofSystemKind::Plonky3,
        genesis_time: Timestamp(1),
        params,
        accounts: funded.chain([pool]).collect(),
        validators: vec![GenesisValidator {
            public_key: key(200).public_key(),
            vrf_key: VrfSecretKey::from_seed([7; 32]).public_key(),
            power: 10,
        }],
        gates: gates(names),
    });
    chain.verifier = Arc::new(ClaimItself::default());
    chain
}

fn chain() -> Chain {
    chain_with(params(), 4, POOL, &[("recursive_proofs", 1)])
}

fn run_to(chain: &mut Chain, height: u64) {
    while chain.height.0 < height {
        chain.block(&[]).unwrap();
    }
}

fn bond(chain: &Chain, who: u8, micro: u64) -> Transaction {
    chain.sign(who, chain.body(who, Action::Proving(ProvingAction::Bond { amount: amount(micro) })))
}

fn origin(chain: &Chain) -> EndRecord {
    state::proving::origin(chain).unwrap().unwrap()
}

fn recorded(chain: &Chain, number: u64) -> EndRecord {
    window(chain, number).unwrap().unwrap().end
}

/// A submission of the window that ends in `end`, with a proof that verifies.
fn good(chain: &Chain, end: EndRecord, payout: Address) -> ProofSubmission {
    let params = state::view::params(chain).unwrap();
    let claim = ProofClaim {
        system: ProofSystemKind::Plonky3,
        genesis: chain.genesis,
        origin: origin(chain),
        end,
        issuance_max: params.issuance_per_block_max,
        supply_cap: params.supply_cap,
        payout,
    };
    ProofSubmission { system: claim.system, end, payout, proof: BoundedBytes::new(encode(&claim)).unwrap() }
}

fn bring(chain: &Chain, who: u8, submission: ProofSubmission) -> Transaction {
    chain.sign(who, chain.body(who, Action::Proving(ProvingAction::Submit(submission))))
}

fn refused(chain: &mut Chain, transaction: Transaction) -> Rejection {
    match chain.block(&[transaction]) {
        Err(BlockInvalid::Transaction { index: 0, rejection }) => rejection,
        other => unreachable!("{other:?}"),
    }
}

fn pool(chain: &Chain) -> u64 {
    chain.slot(PROVER_POOL).unwrap().balance.micro()
}

/// A chain where account 0 has a bond and window 0 is closed; the next block is the first that may hold a proof.
fn ready() -> Chain {
    let mut chain = chain();
    let put = bond(&chain, 0, BOND);
    assert_eq!(chain.block(&[put]).unwrap().receipts[0].outcome, Outcome::Success);
    run_to(&mut chain, W + 1);
    chain
}

#[test]
fn a_closed_window_is_recorded_by_the_next_block_and_proven_once() {
    let mut chain = chain();
    let put = bond(&chain, 0, BOND);
    let executed = chain.block(&[put]).unwrap();
    let bonded = ProvingEvent::Bonded { prover: address(0), amount: amount(BOND) };
    assert_eq!(executed.receipts[0].events[..], [Event::Proving(bonded)]);
    assert_eq!(chain.slot(PROVER_BONDS).unwrap().balance, amount(BOND));
    run_to(&mut chain, W);
    let end = chain.before();
    assert_eq!(window(&chain, 0).unwrap(), None);
    let executed = chain.block(&[]).unwrap();
    let closed = ProvingEvent::WindowClosed { end: Height(W), assigned: Some(address(0)) };
    assert!(executed.events.contains(&Event::Proving(closed)), "{:?}", executed.events);
    assert_eq!(recorded(&chain, 0), end);
    assert_eq!((lag(&chain, &params()).unwrap(), executed.last_proof), (1, None));

    let (before, submission) = (chain.balance(&address(2)), good(&chain, end, address(2)));
    let mark = ProofMark { height: Height(W), proof: submission.proof_hash() };
    let supply = chain.supply;
    let brought = bring(&chain, 0, submission);
    let executed = chain.block(&[brought]).unwrap();
    let accepted = ProvingEvent::Accepted {
        from: Height(0),
        to: Height(W),
        prover: address(0),
        payout: address(2),
        reward: amount(W * 1_000),
        proof: mark.proof,
    };
    assert_eq!(executed.receipts[0].outcome, Outcome::Success);
    assert_eq!(executed.receipts[0].events[..], [Event::Proving(accepted)]);
    assert_eq!(executed.receipts[0].fee_burned, Amount::ZERO);
    assert_eq!(executed.last_proof, Some(mark));
    assert_eq!(chain.balance(&address(2)), before + W * 1_000);
    assert_eq!((pool(&chain), chain.supply), (POOL - W * 1_000, supply));
    assert_eq!((window(&chain, 0).unwrap(), lag(&chain, &params()).unwrap()), (None, 0));
    assert_eq!(chain.block(&[]).unwrap().last_proof, Some(mark), "it stays in every later header");
}

#[test]
fn one_proof_may_lead_over_several_windows_and_the_pool_pays_for_all_of_their_heights() {
    let mut chain = ready();
    run_to(&mut chain, 4 * W + 1);
    assert_eq!(lag(&chain, &params()).unwrap(), 4);
    let brought = bring(&chain, 0, good(&chain, recorded(&chain, 2), address(0)));
    chain.block(&[brought]).unwrap();
    assert_eq!(proven(&chain).unwrap().unwrap().reward, amount(3 * W * 1_000));
    assert_eq!(lag(&chain, &params()).unwrap(), 1);
    assert!((0..3).all(|number| window(&chain, number).unwrap().is_none()) && window(&chain, 3).unwrap().is_some());
}

#[test]
fn a_pool_that_holds_too_little_pays_what_it_holds_and_nothing_is_made() {
    for held in [0, 1, W * 1_000 - 1] {
        let mut chain = chain_with(params(), 4, held, &[("recursive_proofs", 1)]);
        let put = bond(&chain, 0, BOND);
        chain.block(&[put]).unwrap();
        run_to(&mut chain, W + 1);
        let supply = chain.supply;
        let brought = bring(&chain, 0, good(&chain, recorded(&chain, 0), address(2)));
        assert_eq!(chain.block(&[brought]).unwrap().receipts[0].outcome, Outcome::Success);
        assert_eq!((proven(&chain).unwrap().unwrap().reward, pool(&chain)), (amount(held), 0));
        assert_eq!(chain.supply, supply);
    }
}

#[test]
fn every_proof_that_may_not_enter_is_refused_by_name_and_costs_nothing() {
    let mut chain = ready();
    run_to(&mut chain, 2 * W + 1);
    let put = bond(&chain, 3, BOND);
    chain.block(&[put]).unwrap();
    let fine = good(&chain, recorded(&chain, 0), address(0));
    let with = |edit: &dyn Fn(&mut ProofSubmission)| {
        let mut changed = fine.clone();
        edit(&mut changed);
        changed
    };
    let too_long = usize::try_from(params().proving.proof_bytes_max).unwrap() + 1;
    let cases: Vec<(u8, ProofSubmission, Rejection)> = vec![
        (0, with(&|one| one.proof = BoundedBytes::new(vec![0; too_long]).unwrap()), Rejection::ProofOversize),
        (0, with(&|one| one.system = ProofSystemKind::Stwo), Rejection::WrongProofSystem),
        (0, with(&|one| one.end.height = Height(0)), Rejection::ProofNotAdvancing),
        (0, with(&|one| one.end.height = Height(W + 1)), Rejection::WindowNotRecorded),
        (0, with(&|one| one.end.height = Height(3 * W)), Rejection::WindowNotRecorded),
        (0, with(&|one| one.end.supply = amount(1)), Rejection::WrongEndRecord),
        (0, with(&|one| one.end.next_slot += 1), Rejection::WrongEndRecord),
        (0, with(&|one| one.end.ledger_root = one.end.ops_digest), Rejection::WrongEndRecord),
        (0, with(&|one| one.end.ops_digest = one.end.ledger_root), Rejection::WrongEndRecord),
        (0, with(&|one| one.payout = crate::chain::stranger(1)), Rejection::UnknownPayout),
        (0, with(&|one| one.payout = Address::of_module("fee_pot")), Rejection::UnknownPayout),
        (1, fine.clone(), Rejection::NoProverBond),
    ];
    let (state, slots) = (chain.state.clone(), chain.slots.clone());
    for (who, submission, rejection) in cases {
        let brought = bring(&chain, who, submission);
        assert_eq!(refused(&mut chain, brought), rejection);
    }
    assert_eq!((&state, &slots), (&chain.state, &chain.slots), "nothing was paid and nothing was written");

    // The race: the first proof wins, the second is not even charged.
    let (first, second) = (bring(&chain, 0, fine.clone()), bring(&chain, 3, fine));
    chain.block(&[first]).unwrap();
    let (balance, nonce) = (chain.balance(&address(3)), chain.nonce(&address(3)));
    assert_eq!(refused(&mut chain, second), Rejection::ProofNotAdvancing);
    assert_eq!((balance, nonce), (chain.balance(&address(3)), chain.nonce(&address(3))));
    assert_eq!(state::proving::bond(&chain, &address(3)).unwrap().unwrap().amount, amount(BOND));
}

#[test]
fn a_proof_that_does_not_verify_costs_the_bond_and_stops_nothing() {
    let mut chain = ready();
    let put = bond(&chain, 1, BOND);
    chain.block(&[put]).unwrap();
    let (supply, held) = (chain.supply, pool(&chain));
    let mut bad = good(&chain, recorded(&chain, 0), address(0));
    bad.proof = BoundedBytes::new(vec![7; 100]).unwrap();
    let list = [bring(&chain, 0, bad.clone()), chain.pay(2, address(1), 5)];
    let executed = chain.block(&list).unwrap();
    assert_eq!(executed.receipts[0].outcome, Outcome::ProofInvalid);
    let forfeited = ProvingEvent::Forfeited { prover: address(0), burned: amount(BOND) };
    assert_eq!(executed.receipts[0].events[..], [Event::Proving(forfeited)]);
    assert_eq!(executed.receipts[1].outcome, Outcome::Success);
    let burned = BOND + executed.receipts[1].fee_burned.micro();
    assert_eq!(chain.supply.micro(), supply.micro() - burned);
    assert_eq!((pool(&chain), proven(&chain).unwrap()), (held, None));
    let again = bring(&chain, 0, bad.clone());
    assert_eq!(refused(&mut chain, again), Rejection::NoProverBond);

    // One verification in a block, whatever its outcome. The other prover's good proof waits for the next one.
    let put = bond(&chain, 0, BOND);
    chain.block(&[put]).unwrap();
    let fine = good(&chain, recorded(&chain, 0), address(1));
    let (first, second) = (bring(&chain, 0, bad), bring(&chain, 1, fine));
    let both = chain.block(&[first, second.clone()]);
    assert_eq!(both, Err(BlockInvalid::Transaction { index: 1, rejection: Rejection::ProofTaken }));
    assert_eq!(chain.block(&[second]).unwrap().receipts[0].outcome, Outcome::Success);
}

#[test]
fn the_assigned_prover_comes_first_and_then_anyone() {
    let mut chain = chain();
    for who in [0, 1] {
        let put = bond(&chain, who, BOND);
        chain.block(&[put]).unwrap();
    }
    run_to(&mut chain, W + 1);
    let open = window(&chain, 0).unwrap().unwrap();
    assert_eq!(open.opened_at, Height(W + 1));
    let (mine, other) = if open.assigned == Some(address(0)) { (0, 1) } else { (1, 0) };
    assert_eq!(open.assigned, Some(address(mine)));
    let early = bring(&chain, other, good(&chain, open.end, address(other)));
    assert_eq!(refused(&mut chain, early.clone()), Rejection::ProofNotYourTurn);
    // The turn ends two blocks after the one that recorded the window.
    chain.block(&[]).unwrap();
    assert_eq!(chain.block(&[early]).unwrap().receipts[0].outcome, Outcome::Success);
    run_to(&mut chain, 2 * W + 1);
    let open = window(&chain, 1).unwrap().unwrap();
    let assigned = if open.assigned == Some(address(0)) { 0 } else { 1 };
    let prompt = bring(&chain, assigned, good(&chain, open.end, address(3)));
    assert_eq!(chain.block(&[prompt]).unwrap().receipts[0].outcome, Outcome::Success);
}

#[test]
fn windows_are_assigned_by_bond_to_those_who_stay() {
    let params = ProvingParams::default();
    let one = |who: u8, blocks: u32, leaves_at: Option<Height>| {
        (address(who), Bond { amount: Amount::from_blocks(blocks), leaves_at })
    };
    let list = [one(0, 10, None), one(1, 30, None), one(2, 5, None), one(3, 1_000, Some(Height(9)))];
    let mut drawn = [0_u32; 4];
    for number in 0..4_000_u64 {
        let who = assign(&list, &params, &hash(Domain::Beacon, &[&[9]]), number).unwrap();
        drawn[list.iter().position(|(address, _)| *address == who).unwrap()] += 1;
    }
    assert_eq!((drawn[2], drawn[3]), (0, 0), "below the least bond, and on the way out");
    assert!((900..1_100).contains(&drawn[0]), "a quarter of the bonds: {drawn:?}");
    assert_eq!(assign(&[], &params, &hash(Domain::Beacon, &[]), 1), None);
    assert_eq!(assign(&list[2..], &params, &hash(Domain::Beacon, &[]), 1), None);
}

#[test]
fn a_bond_is_at_least_the_governed_one_and_comes_back_after_the_delay() {
    let mut chain = chain();
    let least = params().proving.bond_min.micro();
    let low = bond(&chain, 0, least - 1);
    assert_eq!(chain.block(&[low]).unwrap().receipts[0].outcome, Outcome::ProverBondBelowMinimum);
    let unbond = |chain: &Chain, who| chain.sign(who, chain.body(who, Action::Proving(ProvingAction::Unbond)));
    let early = unbond(&chain, 0);
    assert_eq!(chain.block(&[early]).unwrap().receipts[0].outcome, Outcome::NotAProver);
    for micro in [least, 1] {
        let put = bond(&chain, 0, micro);
        assert_eq!(chain.block(&[put]).unwrap().receipts[0].outcome, Outcome::Success);
    }
    let before = chain.balance(&address(0));
    let ask = unbond(&chain, 0);
    let executed = chain.block(&[ask]).unwrap();
    let (fee, at) = (executed.receipts[0].fee_burned.micro(), chain.height.0 + 4);
    let leaving = ProvingEvent::Unbonding { prover: address(0), amount: amount(least + 1), height: Height(at) };
    assert_eq!(executed.receipts[0].events[..], [Event::Proving(leaving)]);
    let more = bond(&chain, 0, 5);
    assert_eq!(chain.block(&[more]).unwrap().receipts[0].outcome, Outcome::ProverUnbonding);
    let again = unbond(&chain, 0);
    assert_eq!(chain.block(&[again]).unwrap().receipts[0].outcome, Outcome::ProverUnbonding);
    let brought = bring(&chain, 0, good(&chain, recorded(&chain, 0), address(0)));
    assert_eq!(refused(&mut chain, brought), Rejection::NoProverBond, "who leaves brings no proofs");
    run_to(&mut chain, at - 1);
    assert_eq!(provers(&chain).unwrap().len(), 1);
    let executed = chain.block(&[]).unwrap();
    let returned = ProvingEvent::Returned { prover: address(0), amount: amount(least + 1) };
    assert!(executed.events.contains(&Event::Proving(returned)));
    assert_eq!((provers(&chain).unwrap().len(), chain.slot(PROVER_BONDS).unwrap().balance), (0, Amount::ZERO));
    assert!(chain.balance(&address(0)) > before + least - 3 * fee);
}

#[test]
fn the_list_of_provers_has_an_end() {
    let most = u8::try_from(PROVERS_MAX).unwrap();
    let mut chain = chain_with(params(), most + 1, 0, &[("recursive_proofs", 1)]);
    let all: Vec<Transaction> = (0..=most).map(|who| bond(&chain, who, BOND)).collect();
    let executed = chain.block(&all).unwrap();
    let outcomes: Vec<Outcome> = executed.receipts.iter().map(|one| one.outcome).collect();
    assert!(outcomes[..PROVERS_MAX].iter().all(|one| *one == Outcome::Success), "{outcomes:?}");
    assert_eq!(outcomes[PROVERS_MAX], Outcome::ProversFull);
    let more = bond(&chain, 0, 1);
    assert_eq!(chain.block(&[more]).unwrap().receipts[0].outcome, Outcome::Success, "who is on the list may add");
}

#[test]
fn without_the_gate_nothing_is_recorded_taken_or_paid() {
    let mut chain = chain_with(params(), 4, POOL, &[("recursive_proofs", 3 * W)]);
    let put = bond(&chain, 0, BOND);
    assert_eq!(chain.block(&[put]).unwrap().receipts[0].outcome, Outcome::ProofsOff);
    run_to(&mut chain, 2 * W + 1);
    assert_eq!((window(&chain, 0).unwrap(), lag(&chain, &params()).unwrap()), (None, 0));
    let end = EndRecord { height: Height(W), ..chain.before() };
    let brought = bring(&chain, 0, good(&chain, end, address(0)));
    assert_eq!(refused(&mut chain, brought), Rejection::ProofGateOff);
    // Once it is on, the windows that close from then on are recorded; a proof of one covers all before it.
    run_to(&mut chain, 3 * W + 1);
    assert_eq!(lag(&chain, &params()).unwrap(), 1);
    let put = bond(&chain, 0, BOND);
    chain.block(&[put]).unwrap();
    let brought = bring(&chain, 0, good(&chain, recorded(&chain, 2), address(0)));
    assert_eq!(chain.block(&[brought]).unwrap().receipts[0].outcome, Outcome::Success);
    assert_eq!((proven(&chain).unwrap().unwrap().height, lag(&chain, &params()).unwrap()), (Height(3 * W), 0));
}

#[test]
fn the_block_weight_falls_in_a_straight_line_between_both_limits_and_never_below_a_twentieth() {
    let params = params().proving;
    let falls: Vec<u64> = (0..9).map(|lag| weight_at(&params, lag)).collect();
    // Free up to 2 windows, at the floor from 6 on: 9,500 basis points over 4 steps.
    assert_eq!(falls, [10_000, 10_000, 10_000, 7_625, 5_250, 2_875, 500, 500, 500]);
    let wide = ProvingParams { lag_free_windows: 1, lag_floor_windows: 1_000_001, ..params };
    let mut before = BASIS_POINTS;
    for lag in (0..1_100_000).step_by(997).chain([u64::MAX]) {
        let now = weight_at(&wide, lag);
        assert!(now <= before && now >= WEIGHT_FLOOR_BPS, "{lag} {now}");
        before = now;
    }
    assert_eq!(before, WEIGHT_FLOOR_BPS);
}

/// Transfers of the next block until it is full: how many it takes.
fn room(chain: &Chain) -> usize {
    let verifier = ClaimItself::default();
    let mut execution = state::BlockExecution::begin(chain, chain.context(), &verifier).unwrap();
    let mut body = chain.body(0, transfer(address(1), 1));
    let mut taken = 0;
    loop {
        // Nothing is lent here: one lane's own share is what is measured.
        match execution.transaction(&chain.sign(0, body.clone()), false) {
            Ok(_) => taken += 1,
            Err(_) => return taken,
        }
        body.nonce = body.nonce.next().unwrap();
    }
}

#[test]
fn a_lag_of_proofs_makes_blocks_lighter_under_both_gates_and_a_proof_makes_them_heavy_again() {
    let mut small = params();
    (small.block_weight_max, small.consumer_share_bps, small.industrial_share_bps) = (400_000, 1_000, 1_000);
    let full = 40_000 / 100;
    let proofs_only = [("recursive_proofs", 1)];
    let both = [("consensus_enforcement", 1), ("recursive_proofs", 1)];
    let enforcement_only = [("consensus_enforcement", 1)];
    for (names, falls) in [(&proofs_only[..], false), (&both[..], true), (&enforcement_only[..], false)] {
        let mut chain = chain_with(small.clone(), 4, POOL, names);
        let put = bond(&chain, 3, BOND);
        chain.block(&[put]).unwrap();
        for windows in 1..=8_u64 {
            run_to(&mut chain, windows * W + 1);
            let expected = if falls { full * weight_at(&small.proving, windows) / 10_000 } else { full };
            assert_eq!(room(&chain) as u64, expected, "{names:?} with {windows} windows");
        }
        if falls {
            // At the floor a proof still finds its place, and a heavier block than allowed is no block.
            let list: Vec<Transaction> = (0..full / 20 + 1)
                .map(|at| {
                    let mut body = chain.body(0, transfer(address(1), 1));
                    body.nonce = primitives::Nonce::new(body.nonce.get() + at).unwrap();
                    chain.sign(0, body)
                })
                .collect();
            let (alone, last) = list.split_at(list.len() - 1);
            assert_eq!(last.len(), 1);
            let context = chain.context();
            assert!(state::execute_block(&chain, context.clone(), alone, chain.verifier.as_ref()).is_ok());
            let mut execution = state::BlockExecution::begin(&chain, context, chain.verifier.as_ref()).unwrap();
            assert!(alone.iter().all(|one| execution.transaction(one, false).is_ok()));
            assert!(execution.transaction(&last[0], false).is_err());
            let brought = bring(&chain, 3, good(&chain, recorded(&chain, 7), address(3)));
            assert_eq!(chain.block(&[brought]).unwrap().receipts[0].outcome, Outcome::Success);
            assert_eq!(room(&chain) as u64, full);
        }
    }
}

#[test]
fn random_bonds_and_proofs_move_money_only_as_their_events_say() {
    let mut seed = Seed::new();
    let (mut accepted, mut forfeited) = (0, 0);
    for _ in 0..6 {
        let mut chain = chain_with(params(), 5, seed.below(20_000), &[("recursive_proofs", 1 + seed.below(5))]);
        for _ in 0..60 {
            let mut list: Vec<Transaction> = Vec::new();
            for who in 0..5_u8 {
                let waiting = state::proving::windows(&chain).unwrap();
                let newest =
                    waiting.and_then(|all| window(&chain, all.next - 1 - seed.below(2).min(all.next - 1)).ok()?);
                match (seed.below(8), newest) {
                    (0, _) => list.push(bond(&chain, who, 1 + seed.below(2 * BOND))),
                    (1, _) => {
                        list.push(chain.sign(who, chain.body(who, Action::Proving(ProvingAction::Unbond))));
                    }
                    (2..=5, Some(open)) => {
                        let mut one = good(&chain, open.end, address(seed.index(5) as u8));
                        if seed.chance(25) {
                            one.proof = BoundedBytes::new(vec![1; 40]).unwrap();
                        }
                        list.push(bring(&chain, who, one));
                    }
                    _ => list.push(chain.pay(who, address((who + 1) % 5), 1 + seed.below(1_000))),
                }
            }
            let executed = loop {
                match state::execute_block(&chain, chain.context(), &list, chain.verifier.as_ref()) {
                    Ok(executed) => break executed,
                    Err(BlockInvalid::Transaction { index, .. }) => drop(list.remove(index)),
                    Err(other) => unreachable!("{other}"),
                }
            };
            let (supply, pot, bonds) = (chain.supply.micro(), pool(&chain), chain.slot(PROVER_BONDS).unwrap().balance);
            // Every invariant is checked there; the same block gives the same result a second time.
            assert_eq!(chain.block(&list).unwrap(), executed);
            let mut burned: u64 = executed.receipts.iter().map(|one| one.fee_burned.micro()).sum();
            let (mut paid, mut put, mut taken) = (0, 0, 0);
            for event in executed.receipts.iter().flat_map(|one| one.events.iter()).chain(&executed.events) {
                let Event::Proving(event) = event else { continue };
                match event {
                    ProvingEvent::Bonded { amount, .. } => put += amount.micro(),
                    ProvingEvent::Returned { amount, .. } => taken += amount.micro(),
                    ProvingEvent::Accepted { reward, .. } => {
                        paid += reward.micro();
                        accepted += 1;
                    }
                    ProvingEvent::Forfeited { burned: lost, .. } => {
                        (burned, taken) = (burned + lost.micro(), taken + lost.micro());
                        forfeited += 1;
                    }
                    ProvingEvent::Unbonding { .. } | ProvingEvent::WindowClosed { .. } => {}
                }
            }
            assert_eq!(chain.supply.micro(), supply - burned);
            assert_eq!(pool(&chain), pot - paid);
            assert_eq!(chain.slot(PROVER_BONDS).unwrap().balance.micro(), bonds.micro() + put - taken);
        }
    }
    assert!(accepted > 5 && forfeited > 5, "{accepted} {forfeited}");
}
