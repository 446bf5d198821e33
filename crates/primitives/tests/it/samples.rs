//! One fixed value of each encoded type, for pins and for mutation.

use primitives::certificate::CommitSignature;
use primitives::genesis::GateActivation;
use primitives::*;

pub fn secret(tag: u8) -> SecretKey {
    SecretKey::from_seed([tag; 32])
}

pub fn address(tag: u8) -> Address {
    Address::of_key(&secret(tag).public_key())
}

pub fn amount(micro: u64) -> Amount {
    Amount::new(micro).unwrap()
}

pub fn genesis() -> Genesis {
    Genesis {
        version: FormatVersion,
        chain_id: "sample-1".to_owned(),
        engine: Engine::Bft,
        genesis_time: Timestamp(1_800_000_000_000),
        params: Params::default(),
        accounts: vec![GenesisAccount { address: address(1), balance: amount(5_000_000) }],
        validators: (10..14)
            .map(|tag| GenesisValidator {
                public_key: secret(tag).public_key(),
                vrf_key: VrfSecretKey::from_seed([tag; 32]).public_key(),
                power: 10,
            })
            .collect(),
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    }
}

pub fn body() -> TransactionBody {
    TransactionBody {
        version: FormatVersion,
        payer: address(1),
        nonce: Nonce::new(7).unwrap(),
        lane: Lane::Consumer,
        tip: amount(3),
        max_fee: amount(9_000),
        valid_until: Height(900),
        action: Action::Transfer(Transfer {
            to: address(2),
            amount: amount(1_500_000),
            memo: Memo::new(b"invoice 17".to_vec()).unwrap(),
        }),
    }
}

pub fn batch_body() -> TransactionBody {
    let payments = vec![Payment { to: address(2), amount: amount(1) }, Payment { to: address(3), amount: amount(2) }];
    let action = Action::BatchTransfer(BatchTransfer { payments: BoundedVec::new(payments).unwrap() });
    TransactionBody { lane: Lane::Industrial, action, ..body() }
}

pub fn transaction() -> Transaction {
    body().sign(&secret(1), &genesis().hash())
}

pub fn batch_transaction() -> Transaction {
    batch_body().sign(&secret(1), &genesis().hash())
}

pub fn certificate(signers: &[u8]) -> CommitCertificate {
    let genesis = genesis().hash();
    let block = hash(Domain::Header, &[b"sample"]);
    let unsigned = CommitCertificate::new(Height(4), Round(1), block, Vec::new()).unwrap();
    let signatures = signers
        .iter()
        .map(|tag| CommitSignature {
            address: address(*tag),
            signature: secret(*tag).sign(&unsigned.precommit_of(address(*tag)).signing_bytes(&genesis)),
        })
        .collect();
    CommitCertificate::new(Height(4), Round(1), block, signatures).unwrap()
}

pub fn header() -> Header {
    let sample = |tag: u8| hash(Domain::Header, &[&[tag]]);
    let digest = |first: u32| LedgerDigest::new([first, 1, 2, 3, 4, 5, 6, 2_013_265_920]).unwrap();
    Header {
        version: FormatVersion,
        genesis: genesis().hash(),
        height: Height(5),
        time: Timestamp(1_800_000_005_000),
        parent: sample(1),
        proposer: address(10),
        transactions_root: sample(2),
        last_commit: sample(3),
        ledger_root: digest(7),
        ops_digest: digest(8),
        supply: amount(5_000_000),
        next_slot: 9,
        state_root: sample(4),
        receipts_root: sample(5),
        validators: sample(6),
        next_validators: sample(7),
        params: sample(8),
        beacon: sample(9),
        beacon_proof: VrfProof([17; 80]),
        gates: sample(10),
        last_proof: Some(ProofMark { height: Height(2), proof: sample(11) }),
    }
}

pub fn block() -> Block {
    Block {
        header: header(),
        transactions: BoundedVec::new(vec![transaction(), batch_transaction()]).unwrap(),
        last_commit: Some(certificate(&[10, 11, 12])),
    }
}

pub fn receipt() -> Receipt {
    Receipt {
        version: FormatVersion,
        transaction: body().id(),
        outcome: Outcome::Success,
        weight: 100,
        fee_burned: amount(1_800),
        tip: amount(3),
        events: BoundedVec::new(vec![
            Event::AccountOpened { address: address(2), slot: SlotIndex::new(6).unwrap() },
            Event::Transferred { from: address(1), to: address(2), amount: amount(1_500_000) },
        ])
        .unwrap(),
    }
}

pub fn ops() -> Vec<LedgerOp> {
    let slot = |index| SlotIndex::new(index).unwrap();
    vec![
        LedgerOp::Charge { slot: slot(2), fee: amount(1_803) },
        LedgerOp::Open { slot: slot(6), address: address(2) },
        LedgerOp::Transfer { from: slot(2), to: slot(6), amount: amount(1_500_000) },
        LedgerOp::Burn { slot: slot(0), amount: amount(1_800) },
        LedgerOp::Seal { height: Height(5), issuance: amount(0) },
    ]
}

pub fn vote() -> Vote {
    Vote {
        kind: VoteKind::Precommit,
        height: Height(5),
        round: Round(2),
        value: Some(header().hash()),
        voter: address(10),
    }
}

pub fn proposal() -> Proposal {
    Proposal {
        height: Height(5),
        round: Round(2),
        value: header().hash(),
        pol_round: Some(Round(1)),
        proposer: address(10),
    }
}

pub fn bond_transaction() -> Transaction {
    use primitives::actions::stake::{Bond, Candidacy, vrf_possession_input};
    let (genesis, vrf) = (genesis().hash(), VrfSecretKey::from_seed([1; 32]));
    let candidacy = Candidacy {
        vrf_key: vrf.public_key(),
        vrf_proof: vrf.prove(&vrf_possession_input(&genesis, &address(1))).unwrap(),
        commission_bps: 500,
    };
    let bond = Bond { amount: amount(7_000_000), candidacy: Some(candidacy) };
    TransactionBody { action: Action::Stake(StakeAction::Bond(bond)), ..body() }.sign(&secret(1), &genesis)
}

pub fn evidence_transaction() -> Transaction {
    use primitives::actions::evidence::SignedVote;
    let genesis = genesis().hash();
    let signed = |value: Option<Hash>| {
        let vote = Vote { value, ..vote() };
        SignedVote { vote, signature: secret(10).sign(&vote.signing_bytes(&genesis)) }
    };
    let evidence = Evidence::of_votes(secret(10).public_key(), signed(vote().value), signed(None));
    let body = TransactionBody { lane: Lane::Reserved, action: Action::Evidence(evidence), ..body() };
    body.sign(&secret(1), &genesis)
}
