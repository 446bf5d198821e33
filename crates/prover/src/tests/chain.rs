//! Windows in a row: proven one by one, verified as a list.

use primitives::{Height, LedgerOp};
use proof::{ChainError, JoinError, LedgerPoint, ProofError, verify_chain};
use tree::ops_digest;

use super::honest::KEY;
use super::world::{address, applied, chain, ledger, micro, slot};
use crate::{WindowProof, WindowWitness, prove_window};

/// Two windows from genesis: one with a payment, one empty.
fn windows() -> (LedgerPoint, [WindowProof; 2]) {
    let start = ledger(4);
    let seal = |height: u64| LedgerOp::Seal { height: Height(height), issuance: micro(10) };
    let payment = LedgerOp::Transfer { from: slot(2), to: slot(3), amount: micro(65_537) };
    let digest = ops_digest::start(&chain().genesis);
    let blocks = vec![(Height(1), vec![payment, seal(1)]), (Height(2), vec![seal(2)])];
    let first = WindowWitness::of_ledger(&start, chain(), Height(0), digest, address(90), blocks);
    let middle = applied(&start, &first);
    let digest = first.blocks.iter().fold(digest, |digest, (_, ops)| ops_digest::absorb(digest, ops));
    let blocks = vec![(Height(3), vec![seal(3)])];
    let second = WindowWitness::of_ledger(&middle, chain(), Height(2), digest, address(91), blocks);
    let proofs = [first.clone(), second].map(|witness| prove_window(&KEY, &witness).expect("provable"));
    (first.before, proofs)
}

#[test]
fn a_list_of_windows_shows_the_chain_and_no_other_list_does() {
    let (start, [first, second]) = windows();
    let key = KEY.verifying();
    let verdict = |list: &[(&WindowProof, &WindowProof)]| {
        verify_chain(key, start, list.iter().map(|(said, shown)| (&said.statement, shown.bytes.as_slice())))
    };
    assert_eq!(verdict(&[]), Ok(start));
    assert_eq!(verdict(&[(&first, &first)]), Ok(first.statement.after));
    assert_eq!(verdict(&[(&first, &first), (&second, &second)]), Ok(second.statement.after));

    let early = ChainError::Start { found: Height(2), expected: Height(0) };
    assert_eq!(verdict(&[(&second, &second)]), Err(early));
    let gap = |height: u64| Err(ChainError::Join(JoinError::Gap { height: Height(height) }));
    assert_eq!(verdict(&[(&first, &first), (&first, &first)]), gap(1), "the same window twice");
    let swapped = verdict(&[(&first, &second), (&second, &first)]);
    assert!(
        matches!(swapped, Err(ChainError::Window { height: Height(1), error: ProofError::Refused(_) })),
        "{swapped:?}"
    );
    let swapped = verdict(&[(&first, &first), (&second, &first)]);
    assert!(matches!(swapped, Err(ChainError::Window { height: Height(3), .. })), "{swapped:?}");

    let mut far = second.clone();
    far.statement.before.height = Height(3);
    assert_eq!(verdict(&[(&first, &first), (&far, &second)]), gap(4), "a gap of one height");
}
