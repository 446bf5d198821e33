//! Every altered or misplaced block is refused with the rule's name, and never panics or faults.

use primitives::{Amount, Block, BoundedVec, Hash, Height, LedgerDigest, ProofMark, Timestamp, VrfProof, encode};
use replica::{Application, Freshness, Verdict};
use testkit::Seed;

use crate::net::{Net, address, amount, secret};

fn reason(net: &mut Net, block: &Block, freshness: Freshness) -> String {
    match net.nodes[0].replica.verify(&encode(block), freshness).unwrap() {
        Verdict::Valid(_) => "valid".to_owned(),
        Verdict::Invalid { reason, .. } => reason,
    }
}

/// A net at height 2 with one payment in the offered block.
fn offered() -> (Net, Block) {
    let mut net = Net::new();
    net.step();
    net.now = net.now.plus(1_000);
    let payment = net.pay(1, 0, address(2), 9);
    net.admit_everywhere(&payment);
    let candidate = net.build();
    let block = Block::from_bytes(&candidate.bytes).unwrap();
    (net, block)
}

type Edit = fn(&mut Block);
type Change = Box<dyn Fn(&mut Block)>;

#[test]
fn every_header_field_is_checked() {
    let other = Hash([9; 32]);
    let digest = LedgerDigest::new([1; 8]).unwrap();
    let cases: Vec<(&str, Change)> = vec![
        ("another chain", Box::new(move |block| block.header.genesis = other)),
        ("height", Box::new(|block| block.header.height = Height(9))),
        ("parent", Box::new(move |block| block.header.parent = other)),
        ("time is not after", Box::new(|block| block.header.time = Timestamp(5))),
        ("transactions_root", Box::new(move |block| block.header.transactions_root = other)),
        ("last_commit", Box::new(move |block| block.header.last_commit = other)),
        ("ledger_root", Box::new(move |block| block.header.ledger_root = digest)),
        ("ops_digest", Box::new(move |block| block.header.ops_digest = digest)),
        ("supply", Box::new(|block| block.header.supply = Amount::ZERO)),
        ("next_slot", Box::new(|block| block.header.next_slot += 1)),
        ("state_root", Box::new(move |block| block.header.state_root = other)),
        ("receipts_root", Box::new(move |block| block.header.receipts_root = other)),
        ("validators", Box::new(move |block| block.header.validators = other)),
        ("next_validators", Box::new(move |block| block.header.next_validators = other)),
        ("params", Box::new(move |block| block.header.params = other)),
        ("field beacon ", Box::new(move |block| block.header.beacon = other)),
        ("beacon proof", Box::new(|block| block.header.beacon_proof = VrfProof([3; 80]))),
        ("gates", Box::new(move |block| block.header.gates = other)),
        (
            "last_proof",
            Box::new(move |block| block.header.last_proof = Some(ProofMark { height: Height(1), proof: other })),
        ),
        ("not the round's proposer", Box::new(|block| block.header.proposer = address(1))),
    ];
    let (mut net, block) = offered();
    let live = net.live();
    for (expected, edit) in cases {
        let mut altered = block.clone();
        edit(&mut altered);
        let reason = reason(&mut net, &altered, live);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    assert_eq!(reason(&mut net, &block, live), "valid");
}

#[test]
fn content_is_checked() {
    let cases: [(&str, Edit); 5] = [
        ("certificate of the block before is missing", |block| block.last_commit = None),
        ("not for the block before", |block| {
            let mut certificate = block.last_commit.clone().unwrap();
            certificate.block = Hash([1; 32]);
            block.last_commit = Some(certificate);
        }),
        ("does not verify", |block| {
            let mut certificate = block.last_commit.clone().unwrap();
            let mut signatures = certificate.signatures.to_vec();
            signatures[0].signature.0[0] ^= 1;
            certificate.signatures = BoundedVec::new(signatures).unwrap();
            block.last_commit = Some(certificate);
        }),
        ("signature does not verify", |block| {
            let mut transactions = block.transactions.to_vec();
            transactions[0].signature.0[0] ^= 1;
            block.transactions = BoundedVec::new(transactions).unwrap();
        }),
        ("nonce was used before", |block| {
            let twice = vec![block.transactions[0].clone(), block.transactions[0].clone()];
            block.transactions = BoundedVec::new(twice).unwrap();
        }),
    ];
    let (mut net, block) = offered();
    let live = net.live();
    for (expected, edit) in cases {
        let mut altered = block.clone();
        edit(&mut altered);
        let reason = reason(&mut net, &altered, live);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

#[test]
fn the_clock_is_read_for_live_proposals_only_and_widens_with_the_round() {
    let (mut net, block) = offered();
    let proposer = block.header.proposer;
    let at = |now: u64, round: u32| Freshness::Live { now: Timestamp(now), round: primitives::Round(round), proposer };
    let time = block.header.time.0;
    // The proposer knows its own block; any other node judges it.
    let other = (net.proposer() + 1) % net.nodes.len();
    let mut judging = net.nodes.remove(other);
    let mut judge = |freshness| match judging.replica.verify(&encode(&block), freshness).unwrap() {
        Verdict::Valid(_) => "valid".to_owned(),
        Verdict::Invalid { reason, .. } => reason,
    };
    assert!(judge(at(time + 30_001, 0)).contains("past"));
    assert!(judge(at(time - 2_001, 0)).contains("future"));
    assert!(judge(at(time + 60_001, 1)).contains("past"));
    assert_eq!(judge(at(time + 60_000, 1)), "valid");
    assert_eq!(judge(Freshness::Replayed), "valid");
}

#[test]
fn garbage_is_refused_without_panic() {
    let (mut net, block) = offered();
    let live = net.live();
    let bytes = encode(&block);
    let mut seed = Seed::new();
    for _ in 0..400 {
        let mut mutated = bytes.clone();
        let at = seed.index(mutated.len());
        mutated[at] ^= 1 << seed.below(8);
        mutated.truncate(mutated.len() - usize::from(seed.below(4) == 0));
        if let Verdict::Valid(_) = net.nodes[0].replica.verify(&mutated, live).unwrap() {
            // Within the clock's window the time is the proposer's free choice: another good block, not garbage.
            let mut other = Block::from_bytes(&mutated).unwrap();
            assert_ne!(other.header.time, block.header.time);
            other.header.time = block.header.time;
            assert_eq!(other, block, "nothing but the time may differ");
        }
    }
    for length in [0, 1, 100, 5_000_000] {
        let verdict = net.nodes[0].replica.verify(&vec![7; length], live).unwrap();
        assert!(matches!(verdict, Verdict::Invalid { hash: None, .. }));
    }
}

#[test]
fn a_certificate_without_quorum_or_for_an_unknown_block_stops_the_node() {
    let (mut net, block) = offered();
    let hash = block.hash();
    let weak = net.certificate(hash, &[0, 1]);
    let proposer = net.proposer();
    assert!(net.nodes[proposer].replica.commit(weak).unwrap_err().0.contains("more than two thirds"));
    let unknown = net.certificate(Hash([4; 32]), &[0, 1, 2]);
    assert!(net.nodes[proposer].replica.commit(unknown).unwrap_err().0.contains("not known"));
    let good = net.certificate(hash, &[0, 1, 3]);
    net.nodes[proposer].replica.commit(good).unwrap();
    assert_eq!(net.nodes[proposer].replica.finalized(), Height(2));
}

#[test]
fn a_block_whose_transaction_moves_money_without_the_owners_signature_is_refused() {
    let (mut net, block) = offered();
    let live = net.live();
    let mut theft = net.pay(2, 0, address(1), 1_000_000);
    theft.signature = secret(1).sign(b"something else");
    let mut altered = block;
    altered.transactions = BoundedVec::new(vec![theft]).unwrap();
    assert!(reason(&mut net, &altered, live).contains("signature does not verify"));
    assert_eq!(net.nodes[0].replica.account(&address(2)).unwrap().unwrap().1.balance, amount(50_000_000));
}
