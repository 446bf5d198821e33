//! Golden chain proofs through the state transition: accepted, paid, refused, and verified once.

use std::collections::BTreeMap;

use primitives::actions::{EndRecord, ProofClaim, ProofSubmission, ProofSystemKind};
use primitives::genesis::GateActivation;
use primitives::{
    Action, Address, Amount, BoundedBytes, Domain, Engine, FormatVersion, Genesis, GenesisAccount, GenesisValidator,
    Hash, Height, LedgerSlot, Nonce, Outcome, Params, ProvingAction, Rejection, SecretKey, SlotIndex, Timestamp,
    Transaction, TransactionBody, VrfSecretKey, hash,
};
use state::genesis::genesis_state;
use state::{BlockContext, BlockInvalid, Executed, ProofVerifier, StateView, execute_block};
use tree::{LedgerBounds, LedgerTree};

use super::golden::parse;
use crate::system::VERDICTS_MAX;
use crate::{ChainJudge, LedgerPoint, SystemError, WindowError, WindowStatement, circuits, proof_system};

/// Four windows, which this chain has as one.
const W: u64 = 4;

fn statement() -> WindowStatement {
    parse(include_str!("../../../../fixtures/fold_chain_long.txt"))
}

const PROOF: &[u8] = include_bytes!("../../../../fixtures/fold_chain_long.proof");

struct Judge(ChainJudge);

impl ProofVerifier for Judge {
    fn verify(&self, claim: &ProofClaim, proof: &[u8]) -> bool {
        self.0.judge(claim, proof).accepted
    }
}

fn judge() -> Judge {
    Judge(ChainJudge::new(ProofSystemKind::Plonky3).unwrap())
}

fn record(point: &LedgerPoint) -> EndRecord {
    let LedgerPoint { height, ledger_root, ops_digest, supply, next_slot } = *point;
    EndRecord { height, ledger_root, ops_digest, supply, next_slot }
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

fn address(number: u8) -> Address {
    Address::of_key(&key(number).public_key())
}

/// A chain that believes that its ledgers are those of the golden proof.
struct Chain {
    height: Height,
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    ledger: LedgerTree,
    bounds: Params,
}

impl StateView for Chain {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.state.get(key).cloned()
    }
    fn scan(&self, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.state.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        entries.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
    fn slot(&self, slot: SlotIndex) -> Option<LedgerSlot> {
        self.ledger.slot(slot).copied()
    }
    fn next_slot(&self) -> u32 {
        self.ledger.next_slot()
    }
    fn supply(&self) -> Amount {
        self.ledger.supply()
    }
}

impl Chain {
    fn new() -> Self {
        let params = Params { window_blocks: W, ..Params::default() };
        let funded = [address(1), statement().payout, Address::of_module("prover_pool")];
        let genesis = Genesis {
            proof_keys: Default::default(),
            version: FormatVersion,
            chain_id: "golden".to_owned(),
            engine: Engine::Solo,
            proof_system: ProofSystemKind::Plonky3,
            genesis_time: Timestamp(1),
            params: params.clone(),
            accounts: funded.map(|address| GenesisAccount { address, balance: Amount::from_blocks(100) }).to_vec(),
            validators: vec![GenesisValidator {
                public_key: key(9).public_key(),
                vrf_key: VrfSecretKey::from_seed([9; 32]).public_key(),
                power: 10,
            }],
            gates: vec![GateActivation { name: "recursive_proofs".to_owned(), height: Height(1) }],
        };
        genesis.validate().unwrap();
        let start = genesis_state(&genesis).unwrap();
        let ledger = LedgerTree::new(start.slots).unwrap();
        Self { height: Height::GENESIS, state: start.state, ledger, bounds: params }
    }

    fn before(&self) -> EndRecord {
        let (statement, height) = (statement(), self.height);
        let nearest = if height.0 < W { statement.before } else { statement.after };
        EndRecord { height, ..record(&nearest) }
    }

    fn block(&mut self, verifier: &dyn ProofVerifier, list: &[Transaction]) -> Result<Executed, BlockInvalid> {
        let context = BlockContext {
            genesis: statement().genesis,
            height: self.height.next(),
            time: Timestamp(1_000 + self.height.0),
            parent: Hash::default(),
            before: self.before(),
            proposer: address(9),
            beacon: hash(Domain::Beacon, &[&self.height.0.to_le_bytes()]),
            last_commit: None,
        };
        let executed = execute_block(self, context, list, verifier)?;
        self.height = self.height.next();
        let bounds = LedgerBounds {
            supply_cap: self.bounds.supply_cap,
            issuance_max: self.bounds.issuance_per_block_max,
            height: self.height,
        };
        let update = self.ledger.apply(&bounds, &executed.ops).unwrap();
        self.ledger.commit(update);
        for (key, value) in executed.writes.clone() {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
        state::invariants::check_all(self).unwrap();
        Ok(executed)
    }

    fn sign(&self, nonce: u64, action: ProvingAction) -> Transaction {
        let action = Action::Proving(action);
        let body = TransactionBody {
            version: FormatVersion,
            payer: address(1),
            nonce: Nonce::new(nonce).unwrap(),
            lane: action.lane(),
            tip: Amount::ZERO,
            max_fee: Amount::from_blocks(1),
            valid_until: Height(100),
            action,
        };
        body.sign(&key(1), &statement().genesis)
    }

    /// A chain with a bond, whose next block may hold the golden proof.
    fn ready(verifier: &dyn ProofVerifier) -> Self {
        let mut chain = Self::new();
        let bond = chain.sign(0, ProvingAction::Bond { amount: Amount::from_blocks(20) });
        assert_eq!(chain.block(verifier, &[bond]).unwrap().receipts[0].outcome, Outcome::Success);
        while chain.height.0 <= W {
            chain.block(verifier, &[]).unwrap();
        }
        chain
    }
}

fn submission(proof: &[u8]) -> ProofSubmission {
    ProofSubmission {
        system: ProofSystemKind::Plonky3,
        end: record(&statement().after),
        payout: statement().payout,
        proof: BoundedBytes::new(proof.to_vec()).unwrap(),
    }
}

#[test]
fn a_golden_chain_proof_is_accepted_in_a_block_and_pays_its_payout_address() {
    let judge = judge();
    let mut chain = Chain::ready(&judge);
    let payout = statement().payout;
    let balance = |chain: &Chain| state::view::account(chain, &payout).unwrap().unwrap().1.balance.micro();
    let before = balance(&chain);
    let brought = chain.sign(1, ProvingAction::Submit(submission(PROOF)));
    assert!(primitives::encode(&brought).len() > primitives::transaction::TRANSACTION_BYTES_MAX);
    assert_eq!(Transaction::from_bytes(&primitives::encode(&brought)).as_ref(), Ok(&brought));
    let executed = chain.block(&judge, &[brought]).unwrap();
    assert_eq!(executed.receipts[0].outcome, Outcome::Success);
    assert_eq!(executed.last_proof.map(|mark| mark.height), Some(Height(W)));
    let reward = chain.bounds.proving.reward_per_height.micro() * W;
    assert_eq!(balance(&chain), before + reward);
}

#[test]
fn a_golden_proof_that_was_altered_or_pays_somebody_else_costs_the_bond() {
    let judge = judge();
    let mut altered = PROOF.to_vec();
    altered[PROOF.len() / 2] ^= 1;
    let stolen = ProofSubmission { payout: address(1), ..submission(PROOF) };
    for bad in [submission(&altered), submission(&PROOF[..1_000]), submission(&[]), stolen] {
        let mut chain = Chain::ready(&judge);
        let supply = chain.supply();
        let brought = chain.sign(1, ProvingAction::Submit(bad));
        let executed = chain.block(&judge, &[brought]).unwrap();
        assert_eq!(executed.receipts[0].outcome, Outcome::ProofInvalid);
        let issued = chain.bounds.rewards.issuance_per_block;
        let expected = supply.checked_add(issued).unwrap().checked_sub(Amount::from_blocks(20)).unwrap();
        assert_eq!((chain.supply(), executed.last_proof), (expected, None));
        let again = chain.sign(2, ProvingAction::Submit(submission(PROOF)));
        let refused = chain.block(&judge, &[again]).unwrap_err();
        assert_eq!(refused, BlockInvalid::Transaction { index: 0, rejection: Rejection::NoProverBond });
    }
}

#[test]
fn a_verdict_is_kept_by_the_hash_of_claim_and_proof() {
    let statement = statement();
    let judge = ChainJudge::new(ProofSystemKind::Plonky3).unwrap();
    let claim = ProofClaim {
        system: ProofSystemKind::Plonky3,
        genesis: statement.genesis,
        origin: record(&statement.before),
        end: record(&statement.after),
        issuance_max: statement.issuance_max,
        supply_cap: statement.supply_cap,
        payout: statement.payout,
    };
    let verdict = |claim: &ProofClaim, proof: &[u8]| {
        let verdict = judge.judge(claim, proof);
        (verdict.accepted, verdict.known)
    };
    assert_eq!(verdict(&claim, PROOF), (true, false));
    assert_eq!(verdict(&claim, PROOF), (true, true));
    let other = ProofClaim { supply_cap: Amount::ZERO, ..claim };
    assert_eq!(verdict(&other, PROOF), (false, false), "another claim is another question");
    assert_eq!(verdict(&other, PROOF), (false, true));
    assert_eq!(verdict(&ProofClaim { system: ProofSystemKind::Stwo, ..claim }, PROOF), (false, false));
    for number in 0..VERDICTS_MAX {
        assert_eq!(verdict(&claim, &number.to_le_bytes()), (false, false));
    }
    assert_eq!(verdict(&claim, PROOF), (true, false), "the oldest verdicts make room");
}

#[test]
fn another_proof_system_is_refused_by_name() {
    let refused = proof_system(ProofSystemKind::Stwo).err().unwrap();
    assert!(matches!(refused, SystemError::Unknown(_)));
    assert_eq!(refused.to_string(), "proof system stwo is not in this build, which verifies plonky3");
    let plonky3 = proof_system(ProofSystemKind::Plonky3).unwrap();
    assert_eq!((plonky3.kind().name(), plonky3.circuits().len()), ("plonky3", crate::airs::TABLES));
    assert_eq!((circuits(ProofSystemKind::Plonky3), circuits(ProofSystemKind::Stwo)), (plonky3.circuits(), &[][..]));
    let refused = plonky3.verify_window(&statement(), PROOF).unwrap_err();
    assert!(matches!(refused, WindowError::Proof(_)), "a chain proof is no window's: {refused}");
    assert!(f64::from(plonky3.security_bits_min()) <= crate::security_bits().unwrap());
}
