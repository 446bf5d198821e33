//! Honest windows prove and verify, and their statements are what the tree says.

use std::sync::LazyLock;

use proof::verify_window;
use testkit::Seed;
use tree::ops_digest;

use super::world::{applied, mixed, random};
use crate::check::check;
use crate::{ProvingKey, prove_window, replay};

pub(super) static KEY: LazyLock<ProvingKey> = LazyLock::new(|| ProvingKey::generate().expect("the tables have a key"));

#[test]
fn a_window_of_every_operation_satisfies_every_constraint_and_agrees_with_the_tree() {
    let (ledger, witness) = mixed();
    let (statement, tables) = replay(&witness).expect("valid");
    let after = applied(&ledger, &witness);
    assert_eq!(statement.after.ledger_root, after.root());
    assert_eq!(statement.after.supply, after.supply());
    assert_eq!(statement.after.next_slot, after.next_slot());
    let digest =
        witness.blocks.iter().fold(witness.before.ops_digest, |digest, (_, ops)| ops_digest::absorb(digest, ops));
    assert_eq!(statement.after.ops_digest, digest);
    let violations = check(KEY.verifying(), &tables.traces(), None);
    assert!(violations.is_empty(), "{} {}", violations.len(), violations[0]);
}

#[test]
fn a_proof_verifies() {
    let (_, witness) = mixed();
    let window = prove_window(&KEY, &witness).expect("provable");
    println!("{} bytes, key {}, {} bits", window.bytes.len(), KEY.verifying().hash(), KEY.verifying().security_bits());
    assert_eq!(verify_window(KEY.verifying(), &window.statement, &window.bytes), Ok(()));
}

#[test]
fn random_windows_satisfy_every_constraint_and_agree_with_the_tree() {
    let mut seed = Seed::new();
    for _ in 0..8 {
        let (ledger, witness) = random(&mut seed, 12, 4, 20);
        let (statement, tables) = replay(&witness).expect("valid");
        let after = applied(&ledger, &witness);
        assert_eq!(statement.after.ledger_root, after.root());
        assert_eq!(statement.after.supply, after.supply());
        assert_eq!(check(KEY.verifying(), &tables.traces(), None), []);
    }
}
