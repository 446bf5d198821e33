//! A dishonest quorum: every validator credits an account without an operation, and all of them sign what follows.
//!
//! Ledger, headers, certificates, prover and light client are the real ones. Only consensus is left out: its outcome,
//! a certificate of all validators for each header, is made directly.

use primitives::genesis::GateActivation;
use primitives::{
    Address, Amount, CommitCertificate, CommitSignature, Engine, FormatVersion, Genesis, GenesisAccount,
    GenesisValidator, Hash, Header, Height, LedgerDigest, LedgerOp, Params, PartLimits, Round, SecretKey, SlotIndex,
    Timestamp, ValidatorSet, Vote, VoteKind, VrfProof, VrfSecretKey,
};
use proof::light::{Attested, CertifiedHeader, ChainRules, Proven, SealedWindow, WindowError};
use proof::{ChainError, JoinError, LedgerPoint, ProofError, verify_window};
use prover::{ChainConstants, ProvingKey, WindowProof, WindowWitness, prove_window};
use tree::{LedgerBounds, LedgerTree, ops_digest};

use crate::follow::{FollowError, Follower};

/// Heights of one window.
const WINDOW: u64 = 2;
/// What is credited from nowhere, µBLOCK.
const COINS: u64 = 1_000_000_000;

fn micro(value: u64) -> Amount {
    Amount::new(value).expect("below 2^63")
}

/// A chain whose validators agree on everything.
struct Chain {
    genesis: Genesis,
    rules: ChainRules,
    keys: Vec<SecretKey>,
    ledger: LedgerTree,
    digest: LedgerDigest,
    head: (Height, Hash),
}

fn genesis(keys: &[SecretKey]) -> Genesis {
    let validator = |(number, key): (u8, &SecretKey)| GenesisValidator {
        public_key: key.public_key(),
        vrf_key: VrfSecretKey::from_seed([number; 32]).public_key(),
        power: 1_000,
    };
    let account = |number: u32| GenesisAccount {
        address: Address::of_module(&format!("somebody {number}")),
        balance: Amount::from_blocks(1_000),
    };
    let genesis = Genesis {
        version: FormatVersion,
        chain_id: "dishonest".to_owned(),
        proof_system: Default::default(),
        engine: Engine::Bft,
        genesis_time: Timestamp(1_000),
        params: Params { window_blocks: WINDOW, ..Params::default() },
        accounts: (0..3).map(account).collect(),
        validators: (0_u8..).zip(keys).map(validator).collect(),
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(1) }],
        proof_keys: Default::default(),
    };
    genesis.validate().expect("within its rules");
    genesis
}

impl Chain {
    fn new() -> Self {
        let keys: Vec<SecretKey> = (1..=4).map(|number| SecretKey::from_seed([number; 32])).collect();
        let genesis = genesis(&keys);
        let ledger = LedgerTree::new(genesis.slots()).expect("a small supply");
        let rules = ChainRules::of(&genesis).expect("it starts a chain");
        let (digest, head) = (rules.start.ops_digest, (Height::GENESIS, rules.genesis));
        Self { genesis, rules, keys, ledger, digest, head }
    }

    /// The slot of the first account.
    fn account(&self) -> SlotIndex {
        let somebody = Address::of_module("somebody 0");
        let at = self.ledger.slots().iter().position(|slot| slot.address == somebody).expect("it is in genesis");
        SlotIndex::new(u32::try_from(at).expect("few slots")).expect("below 2^30")
    }

    /// More coins in the first account, which no operation says.
    fn credit(&mut self) {
        let at = usize::try_from(self.account().get()).expect("few slots");
        let mut slots = self.ledger.slots().to_vec();
        slots[at].balance = micro(slots[at].balance.micro() + COINS);
        self.ledger = LedgerTree::new(slots).expect("a small supply");
    }

    /// The next block, a payment and its seal, signed by everyone.
    fn block(&mut self) -> (CertifiedHeader, Vec<LedgerOp>) {
        let height = self.head.0.next();
        let operations = payment(self, height);
        let bounds = LedgerBounds { supply_cap: self.rules.supply_cap, issuance_max: self.rules.issuance_max, height };
        let update = self.ledger.apply(&bounds, &operations).expect("the operations obey the rules");
        self.ledger.commit(update);
        self.digest = ops_digest::absorb(self.digest, &operations);
        let set = self.rules.validators.clone();
        let header = Header {
            version: FormatVersion,
            genesis: self.rules.genesis,
            height,
            time: Timestamp(1_000 + height.0),
            parent: self.head.1,
            proposer: Address::of_key(&self.keys[0].public_key()),
            transactions_root: Hash::default(),
            last_commit: Hash::default(),
            ledger_root: self.ledger.root(),
            ops_digest: self.digest,
            supply: self.ledger.supply(),
            next_slot: self.ledger.next_slot(),
            state_root: Hash::default(),
            receipts_root: Hash::default(),
            validators: set.hash(),
            next_validators: set.hash(),
            params: Hash::default(),
            beacon: Hash::default(),
            beacon_proof: VrfProof([0; 80]),
            gates: Hash::default(),
            last_proof: None,
        };
        self.head = (height, header.hash());
        (self.certify(header, set), operations)
    }

    fn certify(&self, header: Header, validators: ValidatorSet) -> CertifiedHeader {
        let (height, hash) = (header.height, header.hash());
        let sign = |key: &SecretKey| {
            let address = Address::of_key(&key.public_key());
            let vote = Vote { kind: VoteKind::Precommit, height, round: Round(0), value: Some(hash), voter: address };
            CommitSignature { address, signature: key.sign(&vote.signing_bytes(&self.rules.genesis)) }
        };
        let signatures = self.keys.iter().map(sign).collect();
        let certificate = CommitCertificate::new(height, Round(0), hash, signatures).expect("four signatures");
        CertifiedHeader { header, certificate, validators }
    }

    /// Two blocks, with the proof of their operations from `start`: the best that anybody can prove.
    fn window(&mut self, key: &ProvingKey, start: &LedgerTree) -> (Vec<CertifiedHeader>, WindowProof) {
        let (headers, witness) = self.witness(start);
        (headers, prove_window(key, &witness).expect("its operations obey the rules"))
    }

    /// Two blocks, with what proves their operations from `start`.
    fn witness(&mut self, start: &LedgerTree) -> (Vec<CertifiedHeader>, WindowWitness) {
        let (before, digest) = (self.head.0, self.digest);
        let (headers, operations): (Vec<_>, Vec<_>) = (0..WINDOW).map(|_| self.block()).unzip();
        let blocks = headers.iter().map(|block| block.header.height).zip(operations).collect();
        let ChainRules { genesis, issuance_max, supply_cap, .. } = self.rules;
        let constants = ChainConstants { genesis, issuance_max, supply_cap };
        let payout = Address::of_module("prover_pool");
        (headers, WindowWitness::of_ledger(start, constants, before, digest, payout, blocks))
    }
}

/// What proves the first window of an honest chain.
pub(super) fn first_window() -> WindowWitness {
    let mut chain = Chain::new();
    let start = chain.ledger.clone();
    chain.witness(&start).1
}

fn sealed(window: u64, proof: &WindowProof) -> SealedWindow {
    SealedWindow { window, payout: proof.statement.payout, proof: proof.bytes.clone() }
}

#[test]
fn a_quorum_that_makes_coins_is_never_proven() {
    let key = ProvingKey::generate().expect("the tables have a key");
    let mut chain = Chain::new();
    let rules = chain.rules.clone();
    let (mut attested, mut proven) = (Attested::genesis(&rules), Proven::genesis(&rules));
    let mut follower = Follower::genesis(chain.genesis.clone(), PartLimits::PART).expect("it starts a chain");
    let now = Timestamp(2_000);

    let start = chain.ledger.clone();
    let (honest, first) = chain.window(&key, &start);
    for block in &honest {
        attested.advance(&rules, block, now).expect("everyone signed it");
    }
    proven.extend(&rules, key.verifying(), &honest[1].header, &sealed(0, &first)).expect("the first window is honest");
    let reached = *proven.point();

    // All four credit an account, and finalize what follows.
    let before = chain.ledger.clone();
    chain.credit();
    let credited = chain.ledger.clone();
    let (forged, _) = chain.window(&key, &credited);
    for block in &forged {
        attested
            .advance(&rules, block, now)
            .expect("everyone signed it: certificates do not show where coins come from");
    }
    assert_eq!(attested.height(), Height(4));
    let end = &forged[1].header;
    assert_eq!(end.supply.micro(), reached.supply.micro() + COINS);

    // The prover's own ledger does not lead to the header.
    for block in &honest {
        let operations = payment(&chain, block.header.height);
        follower.apply(&block.header, &operations).expect("it follows what is honest");
    }
    let refused = follower.apply(&forged[0].header, &payment(&chain, Height(3)));
    assert!(
        matches!(refused, Err(FollowError::OtherLedger { height: Height(3), field: "ledger root" })),
        "{refused:?}"
    );

    // What can be proven of these operations: from the honest ledger, which ends elsewhere than the header says; and
    // from the forged ledger, which is not where the first window ends.
    let constants =
        ChainConstants { genesis: rules.genesis, issuance_max: rules.issuance_max, supply_cap: rules.supply_cap };
    let blocks = |first: u64| (first..first + WINDOW).map(|at| (Height(at), payment(&chain, Height(at)))).collect();
    let prove = |ledger: &LedgerTree, digest| {
        let payout = Address::of_module("prover_pool");
        let witness = WindowWitness::of_ledger(ledger, constants, Height(2), digest, payout, blocks(3));
        prove_window(&key, &witness).expect("its operations obey the rules")
    };
    let from_honest = prove(&before, reached.ops_digest);
    let from_forged = prove(&credited, reached.ops_digest);
    assert_eq!(from_forged.statement.after, LedgerPoint::from(end), "it proves the header, from nowhere");
    assert_eq!(verify_window(key.verifying(), &from_forged.statement, &from_forged.bytes), Ok(()));
    for attempt in [&from_honest, &from_forged] {
        let refused = proven.extend(&rules, key.verifying(), end, &sealed(1, attempt));
        let expected = matches!(
            refused,
            Err(WindowError::Chain(ChainError::Window { error: ProofError::Refused(_), height: Height(3) }))
        );
        assert!(expected, "{refused:?}");
    }
    // No fold joins it to the first window, by the rule that the circuit of folds has, too.
    assert_eq!(from_forged.statement.follows(&first.statement), Err(JoinError::Gap { height: Height(3) }));

    // Everything after it is honest again, signed and provable by itself, and never accepted.
    let forged_end = chain.ledger.clone();
    let (later, third) = chain.window(&key, &forged_end);
    for block in &later {
        attested.advance(&rules, block, now).expect("everyone signed it");
    }
    assert_eq!(verify_window(key.verifying(), &third.statement, &third.bytes), Ok(()));
    let last = &later[1].header;
    let refused = proven.extend(&rules, key.verifying(), last, &sealed(2, &third));
    assert_eq!(refused, Err(WindowError::NotNext { expected: 1, found: 2 }));
    let renamed = proven.extend(&rules, key.verifying(), last, &sealed(1, &third));
    assert!(matches!(renamed, Err(WindowError::NotItsEnd { .. })), "{renamed:?}");
    assert_eq!((*proven.point(), attested.height()), (reached, Height(6)), "proven stays, attested goes on");
}

/// The operations of a block.
fn payment(chain: &Chain, height: Height) -> Vec<LedgerOp> {
    let from = chain.account();
    let to = SlotIndex::new(from.get() + 1).expect("below 2^30");
    vec![LedgerOp::Transfer { from, to, amount: micro(5_000) }, LedgerOp::Seal { height, issuance: Amount::ZERO }]
}
