//! Views of chain values: nothing lost on the way, and proofs that a changed byte breaks.

use primitives::{Event, FormatVersion, Hash, Height, Lane, Outcome, Receipt, Rejection, SlotIndex, encode};
use serde_json::{Value, json};

use super::sample::{GENESIS, address, amount, batch, block, certificate, transfer, validators};
use crate::error::ErrorCode;
use crate::types::{
    AccountProof, ActionView, BlockEvents, BlockSummary, BlockView, CertificateSummary, EventView, Hex, HistoryCursor,
    PageQuery, ProofError, QueueStatus, Ready, Reason, ReceiptView, Stage, StateProof, SubmitTransaction,
    TransactionProof, TransactionStatus, TransactionView, WaitQuery, page_limit,
};

fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

#[test]
fn a_block_view_holds_the_whole_header() {
    let (block, header) = (block(), block().header);
    let certificate = certificate(Height(12), block.hash());
    let view = BlockView::new(&block, Some(&certificate));
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["hash"], text(block.hash()));
    assert_eq!(json["bytes"], encode(&block).len());
    assert_eq!(
        json["header"],
        json!({
            "genesis": text(header.genesis), "height": 12, "time_ms": 1_700_000_000_123_u64,
            "parent": text(header.parent), "proposer": text(header.proposer),
            "transactions_root": text(header.transactions_root), "last_commit": text(header.last_commit),
            "ledger_root": text(header.ledger_root), "ops_digest": text(header.ops_digest),
            "supply": 40_000_000_000_000_u64, "next_slot": 17, "state_root": text(header.state_root),
            "receipts_root": text(header.receipts_root), "validators": text(header.validators),
            "next_validators": text(header.next_validators), "params": text(header.params),
            "beacon": text(header.beacon), "beacon_proof": text(header.beacon_proof), "gates": text(header.gates),
            "last_proof": {"height": 8, "proof": text(Hash([29; 32]))},
        })
    );
    assert_eq!(view.transactions, block.transaction_ids());
    let summary = view.certificate.clone().unwrap();
    assert_eq!((summary.hash, summary.round.0, summary.block), (certificate.hash(), 1, block.hash()));
    assert_eq!(summary.signers, certificate.signatures.iter().map(|entry| entry.address).collect::<Vec<_>>());
    assert_eq!(view.last_commit, block.last_commit.as_ref().map(CertificateSummary::from));
    assert_eq!(serde_json::from_value::<BlockView>(json).unwrap(), view);

    let summary = BlockSummary::from(&block);
    assert_eq!((summary.hash, summary.transaction_count, summary.height), (block.hash(), 3, Height(12)));
    assert_eq!(BlockView::new(&block, None).certificate, None);
}

#[test]
fn a_transaction_view_holds_everything_that_was_signed() {
    let transaction = transfer(4);
    let view = TransactionView::from(&transaction);
    assert_eq!(
        serde_json::to_value(&view).unwrap(),
        json!({
            "id": text(transaction.id()), "payer": text(address(1)), "nonce": 4, "lane": "consumer", "tip": 3,
            "max_fee": 5_000, "valid_until": 90, "key": text(transaction.key),
            "signature": text(transaction.signature), "bytes": encode(&transaction).len(),
            "action": {"type": "transfer", "to": text(address(2)), "amount": 1_000_001, "memo": "00ff10"},
        })
    );
    let batch = TransactionView::from(&batch(5));
    assert_eq!(batch.lane, Lane::Industrial);
    let ActionView::BatchTransfer { payments } = &batch.action else { panic!("a batch stays a batch") };
    assert_eq!(payments.iter().map(|payment| payment.amount.micro()).collect::<Vec<_>>(), [5, 6]);
    for view in [view, batch] {
        assert_eq!(serde_json::from_value::<TransactionView>(serde_json::to_value(&view).unwrap()).unwrap(), view);
    }
}

#[test]
fn a_receipt_view_holds_every_event_in_order() {
    let events = vec![
        Event::AccountOpened { address: address(2), slot: SlotIndex::new(9).unwrap() },
        Event::Transferred { from: address(1), to: address(2), amount: amount(77) },
    ];
    let receipt = Receipt {
        version: FormatVersion,
        transaction: transfer(4).id(),
        outcome: Outcome::InsufficientBalance,
        weight: 120,
        fee_burned: amount(960),
        tip: amount(3),
        events: primitives::BoundedVec::new(events).unwrap(),
    };
    let view = ReceiptView::new(&receipt, Height(12), 2);
    assert_eq!((view.height, view.index, view.weight), (Height(12), 2, 120));
    assert_eq!((view.fee_burned.micro(), view.tip.micro()), (960, 3));
    assert_eq!(view.events, receipt.events.iter().map(EventView::from).collect::<Vec<_>>());
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["outcome"], "insufficient_balance");
    assert_eq!(json["events"][0], json!({"type": "account_opened", "address": text(address(2)), "slot": 9}));
    assert_eq!(
        json["events"][1],
        json!({"type": "transferred", "from": text(address(1)), "to": text(address(2)), "amount": 77})
    );
    assert_eq!(serde_json::from_value::<ReceiptView>(json).unwrap(), view);
}

#[test]
fn closing_events_show_that_nothing_is_missing() {
    let receipt = |number: u8| Receipt {
        version: FormatVersion,
        transaction: transfer(u64::from(number)).id(),
        outcome: Outcome::Success,
        weight: 1,
        fee_burned: amount(1),
        tip: amount(0),
        events: primitives::BoundedVec::default(),
    };
    let closing = primitives::ClosingEvents::new(vec![
        Event::RewardPaid { to: address(2), amount: amount(5) },
        Event::Jailed { validator: address(3) },
    ])
    .unwrap();
    for receipts in [vec![], vec![receipt(1)], vec![receipt(1), receipt(2), receipt(3)]] {
        let mut header = block().header;
        header.receipts_root = primitives::receipt::receipts_root(&receipts, &closing);
        let view = BlockEvents::new(&header, &receipts, &closing);
        assert_eq!(view.verify_inclusion().unwrap(), header);
        assert_eq!(serde_json::to_value(&view).unwrap()["events"][1]["type"], "jailed");
        let fewer = BlockEvents { events: view.events[..1].to_vec(), ..view.clone() };
        assert_eq!(fewer.verify_inclusion(), Err(ProofError::Mismatch("list of events")));
        // A shorter list under its own leaf, or the list at the place of a receipt, leads to no root.
        let one = primitives::ClosingEvents::new(closing.iter().take(1).copied().collect()).unwrap();
        let shorter = BlockEvents { leaf: Some(Hex(encode(&one))), ..fewer };
        assert_eq!(shorter.verify_inclusion(), Err(ProofError::WrongPath));
        let mut moved = view.clone();
        moved.proof.as_mut().unwrap().count += 1;
        assert_eq!(moved.verify_inclusion(), Err(ProofError::WrongPath));
        let mut other = block().header;
        other.receipts_root = Hash([1; 32]);
        let foreign = BlockEvents { header: Hex(encode(&other)), block: other.hash(), ..view };
        assert_eq!(foreign.verify_inclusion(), Err(ProofError::WrongPath));
    }
    let none = BlockEvents::new(&block().header, &[], &primitives::ClosingEvents::default());
    assert!(none.events.is_empty() && none.leaf.is_none() && none.proof.is_none());
    assert!(none.verify_inclusion().is_err(), "an empty list proves nothing");
}

#[test]
fn stages_end_the_waits_they_should() {
    for stage in Stage::ALL {
        assert_eq!(Stage::from_name(stage.name()), Some(stage));
        assert_eq!(serde_json::to_value(stage).unwrap(), text(stage.name()));
        assert!(stage.ends_wait_for(stage));
    }
    assert!(Stage::Finalized.ends_wait_for(Stage::Admitted));
    assert!(Stage::Proven.ends_wait_for(Stage::Finalized));
    assert!(!Stage::Decided.ends_wait_for(Stage::Finalized));
    assert!(!Stage::Finalized.ends_wait_for(Stage::Proven));
    assert!(!Stage::Proven.ends_wait_for(Stage::Expired));
    for failure in [Stage::Rejected, Stage::Expired, Stage::Dropped] {
        assert!(failure.ends_wait_for(Stage::Proven), "{failure:?}");
    }
}

#[test]
fn a_status_without_its_optional_fields_reads_back() {
    let short = json!({"id": text(transfer(1).id()), "stage": "admitted", "reached": [{"stage": "admitted", "time_ms": 5}],
        "a_field_of_a_newer_node": true});
    let status: TransactionStatus = serde_json::from_value(short).unwrap();
    assert_eq!((status.stage, status.height, status.reason), (Stage::Admitted, None, None));
}

#[test]
fn page_limits_and_waits_are_bounded() {
    assert_eq!(page_limit(None).unwrap(), 20);
    assert_eq!(page_limit(Some(100)).unwrap(), 100);
    for bad in [0, 101, u32::MAX] {
        assert_eq!(page_limit(Some(bad)).unwrap_err().known(), Some(ErrorCode::BadRequest));
    }
    let (stage, wait) = WaitQuery::default().resolve().unwrap();
    assert_eq!((stage, wait.as_millis()), (Stage::Finalized, 10_000));
    let query = |stage, timeout_ms| WaitQuery { stage, timeout_ms }.resolve();
    assert!(query(Some(Stage::Proven), Some(60_000)).is_ok());
    assert_eq!(query(None, Some(60_001)).unwrap_err().known(), Some(ErrorCode::BadRequest));
    assert_eq!(query(Some(Stage::Dropped), None).unwrap_err().known(), Some(ErrorCode::BadRequest));
    assert!(serde_json::from_value::<PageQuery>(json!({"befor": 5})).is_err(), "typing errors are refused");
}

#[test]
fn submissions_for_another_chain_and_broken_bytes_are_named() {
    let transaction = transfer(4);
    let submission = SubmitTransaction::new(&transaction, GENESIS);
    let wire = serde_json::to_value(&submission).unwrap();
    let read: SubmitTransaction = serde_json::from_value(wire).unwrap();
    assert_eq!(read.decode(&GENESIS).unwrap(), transaction);
    assert_eq!(read.decode(&Hash([8; 32])), Err(Rejection::WrongChain));
    let bytes = |bytes: Vec<u8>| SubmitTransaction { transaction: Hex(bytes), genesis_hash: None }.decode(&GENESIS);
    let good = encode(&transaction);
    assert_eq!(bytes(good[..good.len() - 1].to_vec()), Err(Rejection::Malformed));
    assert_eq!(bytes([good.as_slice(), &[0]].concat()), Err(Rejection::Malformed));
    assert_eq!(bytes(vec![0; 16_385]), Err(Rejection::Oversize));
    assert_eq!(bytes(Vec::new()), Err(Rejection::Malformed));
}

#[test]
fn queue_lists_are_cut_and_say_so() {
    let ids: Vec<u32> = (0..150).collect();
    let senders: Vec<u32> = ids.iter().map(|id| id % 3).collect();
    let status = QueueStatus::of(150, 8_192, ids.iter().zip(&senders));
    assert_eq!((status.size, status.limit, status.truncated), (150, 8_192, true));
    assert_eq!(status.hashes.len(), 100);
    assert_eq!(status.senders, ["0", "1", "2"]);
    let all = QueueStatus::of(2, 8_192, ids.iter().zip(&senders).take(2));
    assert!(!all.truncated);
    assert!(!QueueStatus::of::<u32, u32>(0, 8_192, []).truncated);
}

#[test]
fn readiness_follows_from_the_reasons() {
    let reason = Reason { code: "syncing".into(), message: "fetching blocks".into(), hint: "wait".into() };
    let not = Ready::judged("node", vec![reason]);
    assert_eq!((not.ready, not.http_status()), (false, 503));
    let refusal = not.refusal().unwrap();
    assert_eq!(
        (refusal.code.as_str(), refusal.error.as_str(), refusal.hint.as_str()),
        ("not_ready", "fetching blocks", "wait")
    );
    let ready = Ready::judged("node", Vec::new());
    assert_eq!((ready.ready, ready.http_status(), ready.refusal()), (true, 200, None));
}

#[test]
fn history_cursors_are_ordered_as_the_chain_is() {
    let cursor = |text: &str| text.parse::<HistoryCursor>().unwrap();
    assert!(cursor("9.5.1") < cursor("10.0.0"));
    assert!(cursor("10.2.0") < cursor("10.10.0"));
    assert!(cursor("10.2.0") < cursor("10.2.1"));
}

#[test]
fn a_transaction_proof_holds_for_each_transaction_and_its_certificate() {
    let block = block();
    let certificate = certificate(Height(12), block.hash());
    for (index, transaction) in block.transactions.iter().enumerate() {
        let proof = TransactionProof::new(&block, index, Some(&certificate)).unwrap();
        let read: TransactionProof = serde_json::from_value(serde_json::to_value(&proof).unwrap()).unwrap();
        let (shown, header) = read.verify_inclusion().unwrap();
        assert_eq!((&shown, &header), (transaction, &block.header));
        assert_eq!(read.verify_certificate(&validators(), &GENESIS), Ok(30));
    }
    assert!(TransactionProof::new(&block, 3, None).is_none());
    let bare = TransactionProof::new(&block, 0, None).unwrap();
    assert!(bare.verify_inclusion().is_ok());
    assert_eq!(bare.verify_certificate(&validators(), &GENESIS), Err(ProofError::NoCertificate));
    let foreign = TransactionProof::new(&block, 0, Some(&certificate)).unwrap();
    let error = foreign.verify_certificate(&validators(), &Hash([1; 32]));
    assert_eq!(error, Err(ProofError::Mismatch("genesis hash")));
}

#[test]
fn any_changed_byte_breaks_a_transaction_proof() {
    let block = block();
    let good = TransactionProof::new(&block, 1, Some(&certificate(Height(12), block.hash()))).unwrap();
    let mut seed = testkit::Seed::new();
    for _ in 0..200 {
        let mut bad = good.clone();
        let bit = 1_u8 << seed.below(8);
        match seed.below(6) {
            0 => *seed_byte(&mut bad.transaction.0, &mut seed) ^= bit,
            1 => *seed_byte(&mut bad.header.0, &mut seed) ^= bit,
            2 => bad.proof.path[0].0[seed.index(32)] ^= bit,
            3 => bad.id.0.0[seed.index(32)] ^= bit,
            4 => bad.block.0[seed.index(32)] ^= bit,
            _ => bad.proof.index ^= 1 + seed.below(2),
        }
        assert!(bad.verify_inclusion().is_err(), "{bad:?}");
        let mut bad = good.clone();
        let certificate = bad.certificate.as_mut().unwrap();
        *seed_byte(&mut certificate.0, &mut seed) ^= bit;
        assert!(bad.verify_certificate(&validators(), &GENESIS).is_err());
    }
}

fn seed_byte<'a>(bytes: &'a mut [u8], seed: &mut testkit::Seed) -> &'a mut u8 {
    let index = seed.index(bytes.len());
    &mut bytes[index]
}

#[test]
fn an_account_proof_takes_its_roots_from_the_header() {
    let block = block();
    let good = AccountProof {
        address: address(2),
        height: Height(12),
        block: block.hash(),
        slot: None,
        state: StateProof { key: Hex(vec![1]), value: None, root: block.header.state_root, proof: Hex(vec![2]) },
        ledger_root: block.header.ledger_root,
        ledger_slot: None,
        ledger_proof: None,
        header: Hex(encode(&block.header)),
        certificate: Some(Hex(encode(&certificate(Height(12), block.hash())))),
    };
    assert_eq!(good.header().unwrap(), block.header);
    assert_eq!(good.verify_certificate(&validators(), &GENESIS), Ok(30));
    assert_eq!(serde_json::from_value::<AccountProof>(serde_json::to_value(&good).unwrap()).unwrap(), good);

    let mut bad = good.clone();
    bad.state.root = Hash([0; 32]);
    assert_eq!(bad.header(), Err(ProofError::Mismatch("state root")));
    let mut bad = good.clone();
    bad.ledger_root = Default::default();
    assert_eq!(bad.header(), Err(ProofError::Mismatch("ledger root")));
    let mut bad = good.clone();
    bad.height = Height(13);
    assert_eq!(bad.header(), Err(ProofError::Mismatch("height")));
    let mut bad = good;
    bad.header = Hex(vec![1, 2, 3]);
    assert_eq!(bad.header(), Err(ProofError::Malformed("header")));
}
