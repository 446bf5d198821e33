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
        proof_system: Default::default(),
        genesis_time: Timestamp(1_800_000_000_000),
        params: Params::default(),
        proof_keys: Default::default(),
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

fn reserved(evidence: Evidence) -> Transaction {
    let body = TransactionBody { lane: Lane::Reserved, action: Action::Evidence(evidence), ..body() };
    body.sign(&secret(1), &genesis().hash())
}

pub fn heartbeat(value: u8) -> actions::timetoke::Heartbeat {
    let (seed, value) = (Hash([1; 32]), Hash([value; 32]));
    actions::timetoke::Heartbeat { identity: address(10), challenge: 77, seed, value }
}

pub fn heartbeat_evidence_transaction() -> Transaction {
    let signed = |value| heartbeat(value).sign(&secret(10), &genesis().hash());
    reserved(Evidence::of_heartbeats(signed(3), signed(2)))
}

/// Address 10 rotates to a peer key that says, at the same time, that it belongs to `other`.
pub fn false_key_proof(other: Address, valid_from: Height) -> actions::FalseKeyProof {
    use primitives::actions::identity::{KeyKindProven, KeyProof, PeerBinding};
    let (chain, node) = (genesis().hash(), secret(40));
    let peer = Some(PeerBinding::sign(&node, address(10), Height(5), &chain));
    let action = Action::Identity(IdentityAction::RotatePeer { peer });
    let claim = TransactionBody { payer: address(10), lane: Lane::Industrial, action, ..body() };
    let other = KeyProof { kind: KeyKindProven::Peer, identity: other, key: node.public_key(), valid_from };
    actions::FalseKeyProof {
        key: secret(10).public_key(),
        signature: secret(10).sign(&claim.signing_bytes(&chain)),
        body: BoundedBytes::new(encode(&claim)).unwrap(),
        proof: actions::PossessionProof::Peer(node.sign(&other.signing_bytes(&chain))),
        other,
    }
}

pub fn false_key_proof_transaction() -> Transaction {
    reserved(Evidence::FalseKeyProof(Box::new(false_key_proof(address(11), Height(6)))))
}

pub fn attestation() -> actions::witness::Attestation {
    let (seed, value) = (Hash([1; 32]), Hash([2; 32]));
    actions::witness::Attestation { identity: address(10), height: Height(5), seed, value }
}

pub fn witness_transaction() -> Transaction {
    let list = BoundedVec::new(vec![attestation().sign(&secret(10), &genesis().hash())]).unwrap();
    let action = Action::Witness(WitnessAction::Attest { list });
    TransactionBody { lane: Lane::Industrial, action, ..body() }.sign(&secret(1), &genesis().hash())
}

pub fn proof_transaction() -> Transaction {
    let digest = LedgerDigest::new([5; 8]).unwrap();
    let end = actions::EndRecord {
        height: Height(120),
        ledger_root: digest,
        ops_digest: digest,
        supply: amount(50),
        next_slot: 12,
    };
    let submission = actions::ProofSubmission {
        system: actions::ProofSystemKind::Plonky3,
        end,
        payout: address(1),
        proof: BoundedBytes::new(vec![1, 2, 3]).unwrap(),
    };
    let action = Action::Proving(ProvingAction::Submit(submission));
    TransactionBody { lane: Lane::Reserved, action, ..body() }.sign(&secret(1), &genesis().hash())
}

pub fn closing() -> ClosingEvents {
    let events = vec![
        Event::RewardPaid { to: address(10), amount: amount(9) },
        Event::Jailed { validator: address(11) },
        Event::Timetoke(actions::TimetokeEvent::Rewarded {
            validator: address(10),
            proposer_part: amount(4),
            witness_part: amount(3),
            paid: true,
        }),
        Event::Witness(actions::WitnessEvent::Accrued { identity: address(12), amount: amount(2) }),
    ];
    ClosingEvents::new(events).unwrap()
}

pub fn proof_keys() -> ProofKeys {
    let digest = |first: u32| LedgerDigest::new([first, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    ProofKeys { window: digest(1), fold: digest(2), lift_constraints: digest(3), fold_constraints: digest(4) }
}

/// One action of each kind that the transactions above do not hold, with the name of its row among the pinned hashes.
pub fn module_actions() -> Vec<(&'static str, Action)> {
    use primitives::actions::identity::{PeerBinding, Register, VrfBinding};
    use primitives::actions::lottery::lottery_input;
    let (chain, vrf_secret, held) = (genesis().hash(), VrfSecretKey::from_seed([1; 32]), Height(5));
    let vrf = || VrfBinding::prove(&vrf_secret, address(1), held, &chain).unwrap();
    let peer = PeerBinding::sign(&secret(40), address(1), held, &chain);
    let register = Register { bond: amount(10_000_000), vrf: vrf(), peer: Some(peer) };
    let heartbeats = vec![heartbeat(3).sign(&secret(10), &chain)];
    let proof = vrf_secret.prove(&lottery_input(&chain, 7, &Hash([4; 32]), &address(1))).unwrap();
    let (validator, subject) = (address(10), address(2));
    let stake = Action::Stake;
    let identity = Action::Identity;
    vec![
        ("identity_attest_action", identity(IdentityAction::Attest { subject, registered_at: Height(4) })),
        ("identity_register_action", identity(IdentityAction::Register(Box::new(register)))),
        ("identity_revoke_action", identity(IdentityAction::Revoke)),
        ("identity_rotate_peer_action", identity(IdentityAction::RotatePeer { peer: Some(peer) })),
        ("identity_rotate_vrf_action", identity(IdentityAction::RotateVrf(vrf()))),
        ("identity_vouch_action", identity(IdentityAction::Vouch { subject })),
        ("identity_withdraw_action", identity(IdentityAction::Withdraw)),
        ("lottery_submit_action", Action::Lottery(LotteryAction::Submit { epoch: 7, proof })),
        ("proving_bond_action", Action::Proving(ProvingAction::Bond { amount: amount(6_000_000) })),
        ("proving_unbond_action", Action::Proving(ProvingAction::Unbond)),
        ("stake_claim_action", stake(StakeAction::Claim { validator })),
        ("stake_delegate_action", stake(StakeAction::Delegate { validator, amount: amount(2_000_000) })),
        (
            "stake_redelegate_action",
            stake(StakeAction::Redelegate { from: validator, to: address(11), amount: amount(1_000_000) }),
        ),
        ("stake_set_commission_action", stake(StakeAction::SetCommission { commission_bps: 300 })),
        ("stake_unbond_action", stake(StakeAction::Unbond { validator, amount: amount(1_000_000) })),
        ("stake_unjail_action", stake(StakeAction::Unjail)),
        (
            "timetoke_heartbeats_action",
            Action::Timetoke(TimetokeAction::Heartbeats { list: BoundedVec::new(heartbeats).unwrap() }),
        ),
        ("witness_claim_action", Action::Witness(WitnessAction::Claim)),
    ]
}
