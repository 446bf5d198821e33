//! Stateless checks of transactions, each refusal by name, in the documented order.

use primitives::transaction::{TRANSACTION_BYTES_MAX, verify_signatures};
use primitives::*;

use crate::samples::{address, amount, batch_body, body, genesis, secret};

type Edit = fn(&mut TransactionBody);

#[test]
fn a_signed_transaction_passes_and_has_the_id_of_its_body() {
    let transaction = body().sign(&secret(1), &genesis().hash());
    assert_eq!(transaction.check(&genesis().hash()), Ok(()));
    assert_eq!(transaction.id(), body().id());
}

#[test]
fn an_id_read_from_bytes_is_that_of_the_body() {
    for body in [body(), batch_body()] {
        let transaction = body.sign(&secret(1), &genesis().hash());
        let mut bytes = encode(&transaction);
        assert_eq!(Transaction::read(&bytes), Ok((transaction.clone(), transaction.id())));
        bytes.push(0);
        assert_eq!(Transaction::read(&bytes), Err(Rejection::Malformed), "trailing bytes have no id");
        assert_eq!(Transaction::read(&bytes[..90]), Err(Rejection::Malformed));
        assert_eq!(Transaction::read(&[]), Err(Rejection::Malformed));
        assert_eq!(Transaction::read(&vec![0; TRANSACTION_BYTES_MAX + 1]), Err(Rejection::Oversize));
    }
}

#[test]
fn refusals_have_names() {
    let cases: [(&str, Edit, Rejection); 6] = [
        ("lane", |body| body.lane = Lane::Industrial, Rejection::WrongLane),
        ("zero", |body| pay(body, 0), Rejection::EmptyPayment),
        ("empty batch", |body| batch(body, vec![]), Rejection::EmptyPayment),
        ("zero in batch", |body| batch(body, vec![1, 0]), Rejection::EmptyPayment),
        ("sum", |body| batch(body, vec![(1 << 63) - 1, 1]), Rejection::AmountOutOfRange),
        ("payer", |body| body.payer = address(9), Rejection::WrongKey),
    ];
    for (name, edit, rejection) in cases {
        let mut edited = body();
        edit(&mut edited);
        let transaction = edited.sign(&secret(1), &genesis().hash());
        assert_eq!(transaction.check(&genesis().hash()), Err(rejection), "{name}");
    }
}

fn pay(body: &mut TransactionBody, micro: u64) {
    body.action = Action::Transfer(Transfer { to: address(2), amount: amount(micro), memo: Memo::default() });
}

fn batch(body: &mut TransactionBody, amounts: Vec<u64>) {
    let payments = amounts.into_iter().map(|micro| Payment { to: address(2), amount: amount(micro) }).collect();
    body.lane = Lane::Industrial;
    body.action = Action::BatchTransfer(BatchTransfer { payments: BoundedVec::new(payments).unwrap() });
}

#[test]
fn any_change_after_signing_is_a_bad_signature() {
    let genesis = genesis().hash();
    let edits: [Edit; 5] = [
        |body| body.nonce = Nonce::new(8).unwrap(),
        |body| body.tip = amount(4),
        |body| body.max_fee = amount(9_001),
        |body| body.valid_until = Height(901),
        |body| pay(body, 1_500_001),
    ];
    for edit in edits {
        let mut transaction = body().sign(&secret(1), &genesis);
        edit(&mut transaction.body);
        assert_eq!(transaction.check(&genesis), Err(Rejection::BadSignature));
    }
}

#[test]
fn a_signature_for_another_chain_is_refused() {
    let transaction = body().sign(&secret(1), &genesis().hash());
    let other = Genesis { chain_id: "other-1".to_owned(), ..genesis() };
    assert_eq!(transaction.check(&other.hash()), Err(Rejection::BadSignature));
}

#[test]
fn a_vote_signature_cannot_pass_for_a_transaction_signature() {
    assert_ne!(primitives::transaction::SIGNING_DOMAIN, primitives::vote::VOTE_DOMAIN);
    assert_ne!(primitives::vote::PROPOSAL_DOMAIN, primitives::vote::VOTE_DOMAIN);
}

#[test]
fn a_list_of_signatures_is_judged_one_by_one() {
    let genesis = genesis().hash();
    let good = body().sign(&secret(1), &genesis);
    let other = batch_body().sign(&secret(1), &genesis);
    let mut bad = good.clone();
    bad.signature.0[0] ^= 1;
    assert_eq!(verify_signatures(&[&good, &bad, &other], &genesis), vec![true, false, true]);
    assert_eq!(verify_signatures(&[], &genesis), Vec::<bool>::new());
}

#[test]
fn every_outcome_but_success_says_what_to_do() {
    let known = (0..=u8::MAX).filter_map(|code| primitives::decode::<Outcome>(&[code]).ok());
    for outcome in known {
        assert_eq!(outcome.hint().is_none(), outcome == Outcome::Success, "{outcome:?}");
        assert!(outcome.hint().is_none_or(|hint| hint.len() > 10 && !hint.ends_with('.')), "{outcome:?}");
    }
}

#[test]
fn every_rejection_has_a_code_of_its_own_and_a_hint() {
    let all = Rejection::ALL;
    let codes: std::collections::BTreeSet<&str> = all.iter().map(|rejection| rejection.code()).collect();
    assert_eq!(codes.len(), all.len());
    assert!(all.iter().all(|rejection| rejection.hint().len() > 10));
}
