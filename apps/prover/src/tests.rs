//! The cache: whole files come back, torn ones never do. And what a dishonest quorum cannot have proven, and work that is called off.

mod quorum;
mod worker;

use primitives::{Address, Amount, Hash, Height, LedgerDigest, LedgerSlot, Nonce};
use testkit::Seed;

use prover::fold::{Circuit, CircuitFiles};

use crate::cache::{CHECKPOINTS_KEPT, Cache, Checkpoint};
use crate::circuits::CircuitFolder;
use crate::part::SealedPart;

const CHAIN: Hash = Hash([3; 32]);

fn checkpoint(window: u64, accounts: u8) -> Checkpoint {
    let slot = |account: u8| LedgerSlot {
        address: Address([account; 30]),
        nonce: Nonce::default(),
        balance: Amount::new(u64::from(account)).expect("small"),
    };
    Checkpoint {
        height: Height(window * 4),
        header: Hash([9; 32]),
        ops_digest: LedgerDigest::default(),
        slots: (0..accounts).map(slot).collect(),
    }
}

#[test]
fn proofs_and_checkpoints_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), &CHAIN).expect("it is ours");
    let name = cache.name().expect("a name");
    cache.save_proof(7, b"proof").expect("it is ours");
    for window in 1..=6 {
        cache.save_checkpoint(window, &checkpoint(window, 5)).expect("it is ours");
    }
    let again = Cache::open(folder.path(), &CHAIN).expect("it is ours");
    assert_eq!(again.name().expect("a name"), name, "a prover keeps its name");
    assert_eq!(again.proof(7).expect("it is ours"), Some(b"proof".to_vec()));
    assert_eq!(again.proof(8).expect("it is ours"), None);
    assert_eq!(again.chain_proof().expect("it is ours"), None);
    again.save_chain(b"short").expect("it is ours");
    again.save_chain(b"longer").expect("it is ours");
    assert_eq!(again.chain_proof().expect("it is ours"), Some(b"longer".to_vec()));
    again.drop_chain().expect("it is ours");
    again.drop_chain().expect("what is not there is dropped");
    assert_eq!(again.chain_proof().expect("it is ours"), None);
    assert_eq!(again.checkpoint(5).expect("it is ours"), Some((5, checkpoint(5, 5))));
    assert_eq!(again.checkpoint(99).expect("it is ours"), Some((6, checkpoint(6, 5))));
    let oldest = 6 - u64::try_from(CHECKPOINTS_KEPT).expect("small") + 1;
    assert_eq!(again.checkpoint(oldest - 1).expect("it is ours"), None, "older ones made room");
    let other = Cache::open(folder.path(), &Hash([4; 32])).expect("it is ours");
    assert_eq!(other.proof(7).expect("it is ours"), None, "another chain has files of its own");
    assert_eq!(other.name().expect("a name"), name);
}

#[test]
fn parts_and_a_chain_proof_inside_a_window_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), &CHAIN).expect("it is ours");
    let (before, last) = (Height(4), Height(6));
    let part = SealedPart { before, last, payout: Address::of_module("prover_pool"), proof: vec![1, 2, 3] };
    cache.save_part(1, before, &part.to_bytes()).expect("it is ours");
    cache.save_inside(b"inside").expect("it is ours");
    let again = Cache::open(folder.path(), &CHAIN).expect("it is ours");
    let kept = again.part(1, before).expect("it is ours").expect("it is there");
    assert_eq!(SealedPart::from_bytes(&kept), Some(part.clone()));
    assert_eq!(again.part(1, last).expect("it is ours"), None, "the next part is not proven yet");
    assert_eq!(again.proof(1).expect("it is ours"), None, "a part is no proof of the window");
    assert_eq!(again.inside_proof().expect("it is ours"), Some(b"inside".to_vec()));
    assert_eq!(again.chain_proof().expect("it is ours"), None, "it is not handed in");
    again.drop_inside().expect("it is ours");
    again.drop_part(1, before).expect("it is ours");
    assert_eq!(again.inside_proof().expect("it is ours"), None);
    assert_eq!(again.part(1, before).expect("it is ours"), None);

    let whole = part.to_bytes();
    for short in 0..46 {
        assert_eq!(SealedPart::from_bytes(&whole[..short]), None);
    }
    let empty = SealedPart { last: before, ..part };
    assert_eq!(SealedPart::from_bytes(&empty.to_bytes()), None, "a part has blocks");
}

#[test]
fn a_torn_file_is_never_used_named_and_cleared() {
    let mut seed = Seed::new();
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), &CHAIN).expect("it is ours");
    cache.save_checkpoint(1, &checkpoint(1, 3)).expect("it is ours");
    cache.save_checkpoint(2, &checkpoint(2, 200)).expect("it is ours");
    let path = folder.path().join(CHAIN.to_string()).join("checkpoint-2");
    let whole = std::fs::read(&path).expect("it is there");
    for round in 0..60 {
        let mut torn = whole.clone();
        if round % 2 == 0 {
            torn.truncate(seed.index(whole.len()));
        } else {
            let at = seed.index(whole.len());
            torn[at] ^= 1 << seed.below(8);
        }
        std::fs::write(&path, &torn).expect("it is ours");
        assert_eq!(cache.checkpoint(2).expect("it is ours"), Some((1, checkpoint(1, 3))), "the one before serves");
        let incomplete: Vec<_> = Cache::check(folder.path())
            .expect("it is ours")
            .into_iter()
            .filter(|file| file.incomplete.is_some())
            .collect();
        assert_eq!(incomplete.iter().map(|file| &file.path).collect::<Vec<_>>(), [&path]);
    }
    let cleared = Cache::clear(folder.path(), false).expect("it is ours");
    assert_eq!(cleared.len(), 1);
    assert!(!path.exists());
    assert!(Cache::check(folder.path()).expect("it is ours").iter().all(|file| file.incomplete.is_none()));
    assert!(!Cache::clear(folder.path(), true).expect("it is ours").is_empty());
    assert_eq!(Cache::check(folder.path()).expect("it is ours"), []);
    assert_eq!(Cache::check(&folder.path().join("absent")).expect("no folder has no files"), []);
}

#[test]
fn a_circuit_that_would_not_be_used_is_named_and_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let circuits = CircuitFolder::open(folder.path(), false).expect("it is ours");
    assert_eq!(circuits.load(Circuit::Leaf), None);
    assert!(circuits.whole().expect_err("there is none").to_string().contains("application"));
    circuits.save(Circuit::Leaf, b"\x01 no circuit");
    assert_eq!(circuits.load(Circuit::Leaf), Some(b"\x01 no circuit".to_vec()), "the file is whole");
    std::fs::copy(circuits.path(Circuit::Leaf), folder.path().join("circuits/outer")).expect("it is ours");
    let findings = Cache::check(folder.path()).expect("it is ours");
    let reasons: Vec<&str> = findings.iter().filter_map(|file| file.incomplete.as_deref()).collect();
    assert!(
        matches!(reasons[..], [leaf, "no circuit of this version has this name"] if leaf.starts_with("it does not decode"))
    );
    assert_eq!(CircuitFolder::open(folder.path(), true).expect("it is ours").load(Circuit::Leaf), None, "left aside");
    assert_eq!(Cache::clear(folder.path(), false).expect("it is ours").len(), 2);
    assert_eq!(Cache::check(folder.path()).expect("it is ours"), []);
    // A folder that cannot be written costs the time to make the circuit again, and nothing else.
    std::fs::remove_dir(folder.path().join("circuits")).expect("it is empty");
    circuits.save(Circuit::Leaf, b"anything");
    assert_eq!(circuits.load(Circuit::Leaf), None);
}

#[test]
fn a_changed_key_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), &CHAIN).expect("it is ours");
    let (first, second) = (LedgerDigest::default(), LedgerDigest::new([1; 8]).expect("small"));
    assert_eq!(cache.note_key(&first).expect("it is ours"), None);
    assert_eq!(cache.note_key(&first).expect("it is ours"), None);
    assert_eq!(cache.note_key(&second).expect("it is ours"), Some(first.to_string()));
}
