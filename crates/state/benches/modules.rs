//! What the modules of stake, identity, uptime, lottery and rewards cost a block: JSON lines on standard output.
//!
//! 100 validators vote, 400 candidates wait, 10,000 identities are registered, all gates are on. Measured is the state
//! transition alone, without signatures and trees: the median and the worst of each kind of block over two epochs of 120
//! heights, and a block full of heartbeats. Then the turns of proposers over 100,000 heights, against equal and against uneven powers. Run
//! with `cargo bench -p state`. Under `cargo test` it does nothing, because a timed test is no test.

use std::collections::BTreeMap;
use std::time::Instant;

use primitives::actions::EndRecord;
use primitives::actions::identity::{Register, VrfBinding};
use primitives::actions::stake::{Bond, Candidacy};
use primitives::actions::timetoke::{Heartbeat, SignedHeartbeat};
use primitives::genesis::GateActivation;
use primitives::proposer::proposer;
use primitives::{
    Action, Address, Amount, BoundedVec, Domain, Engine, FormatVersion, Genesis, GenesisAccount, GenesisValidator,
    Hash, Height, IdentityAction, LedgerDigest, LedgerOp, LedgerSlot, Nonce, Params, PublicKey, Round, SecretKey,
    Signature, SlotIndex, StakeAction, Timestamp, TimetokeAction, Transaction, TransactionBody, Validator,
    ValidatorSet, VrfProof, VrfPublicKey, VrfSecretKey, hash,
};
use state::genesis::genesis_state;
use state::{BlockContext, Executed, LastCommit, NoProofSystem, StateView, execute_block, view};

const VALIDATORS: u8 = 100;
const CANDIDATES: u32 = 400;
const IDENTITIES: u32 = 10_000;
const REGISTRATIONS_PER_BLOCK: usize = 32;
const MEASURED_BLOCKS: u64 = 240;
const TURNS: u64 = 100_000;

struct Chain {
    genesis: Hash,
    height: Height,
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    slots: Vec<LedgerSlot>,
    supply: Amount,
    nonces: BTreeMap<Address, u64>,
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
        self.slots.get(usize::try_from(slot.get()).ok()?).copied()
    }
    fn next_slot(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }
    fn supply(&self) -> Amount {
        self.supply
    }
}

fn validator_key(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 1; 32])
}

fn validator(index: u8) -> Address {
    Address::of_key(&validator_key(index).public_key())
}

fn person(index: u32) -> Address {
    Address::of_module(&format!("person {index}"))
}

fn genesis() -> Genesis {
    let mut params = Params::default();
    params.identity.attestations_min = 1;
    params.lottery.min_tier = 1;
    params.timetoke.window_seconds = 60;
    params.timetoke.hour_seconds = 60;
    params.timetoke.answer_seconds = 10;
    params.witness.min_tier = 1;
    let gate = |name: &str| GateActivation { name: name.to_owned(), height: Height(1) };
    let people = (0..IDENTITIES).map(person).chain((0..VALIDATORS).map(validator));
    Genesis {
        version: FormatVersion,
        chain_id: "bench-1".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_000_000_000),
        params,
        proof_keys: Default::default(),
        accounts: people.map(|address| GenesisAccount { address, balance: Amount::from_blocks(1_000) }).collect(),
        validators: (0..VALIDATORS)
            .map(|index| GenesisValidator {
                public_key: validator_key(index).public_key(),
                vrf_key: VrfSecretKey::from_seed([index + 1; 32]).public_key(),
                power: 10_000,
            })
            .collect(),
        gates: ["malachite_consensus", "timetoke_rewards", "witness_network"].map(gate).to_vec(),
    }
}

impl Chain {
    fn new() -> Self {
        let genesis = genesis();
        genesis.validate().expect("a valid genesis");
        let start = genesis_state(&genesis).expect("it was validated");
        let sum = |sum: Amount, slot: &LedgerSlot| sum.checked_add(slot.balance).expect("below the cap");
        let supply = start.slots.iter().fold(Amount::ZERO, sum);
        let (state, slots, nonces) = (start.state, start.slots, BTreeMap::new());
        Self { genesis: genesis.hash(), height: Height(0), state, slots, supply, nonces }
    }

    fn context(&self) -> BlockContext {
        let set = view::previous_validators(self).expect("a set");
        let height = self.height.next();
        let index = u8::try_from(height.0 % u64::from(VALIDATORS)).expect("below 100");
        BlockContext {
            genesis: self.genesis,
            height,
            time: Timestamp(1_000_000_000 + height.0 * 1_000),
            parent: hash(Domain::Header, &[&height.0.to_le_bytes()]),
            before: EndRecord {
                height: self.height,
                ledger_root: LedgerDigest::default(),
                ops_digest: LedgerDigest::default(),
                supply: self.supply,
                next_slot: self.next_slot(),
            },
            proposer: validator(index),
            beacon: hash(Domain::Beacon, &[&height.0.to_le_bytes()]),
            last_commit: (height.0 > 1).then(|| LastCommit {
                round: Round(0),
                signers: set.validators().iter().map(|member| member.address).collect(),
            }),
        }
    }

    /// Executes, measures that alone, and takes over what it gave.
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn block(&mut self, transactions: &[Transaction]) -> (f64, Executed) {
        let context = self.context();
        let start = Instant::now();
        let executed =
            execute_block(self, context, transactions, &NoProofSystem).expect("every transaction is admissible");
        let seconds = start.elapsed().as_secs_f64();
        self.height = self.height.next();
        for (key, value) in &executed.writes {
            match value {
                Some(value) => self.state.insert(key.clone(), value.clone()),
                None => self.state.remove(key),
            };
        }
        for op in &executed.ops {
            self.apply(op);
        }
        (seconds, executed)
    }

    fn at(&mut self, slot: SlotIndex) -> &mut LedgerSlot {
        &mut self.slots[usize::try_from(slot.get()).expect("a 64-bit machine")]
    }

    fn apply(&mut self, op: &LedgerOp) {
        let minus = |one: Amount, other: Amount| one.checked_sub(other).expect("covered");
        let plus = |one: Amount, other: Amount| one.checked_add(other).expect("below the cap");
        match *op {
            LedgerOp::Open { address, .. } => {
                self.slots.push(LedgerSlot { address, nonce: Nonce::default(), balance: Amount::ZERO });
            }
            LedgerOp::Charge { slot, fee } => {
                let payer = self.at(slot);
                payer.nonce = payer.nonce.next().expect("small");
                payer.balance = minus(payer.balance, fee);
                let pot = self.at(primitives::ledger::FEE_POT);
                pot.balance = plus(pot.balance, fee);
            }
            LedgerOp::Transfer { from, to, amount } => {
                let debited = self.at(from);
                debited.balance = minus(debited.balance, amount);
                let credited = self.at(to);
                credited.balance = plus(credited.balance, amount);
            }
            LedgerOp::Burn { slot, amount } => {
                let debited = self.at(slot);
                debited.balance = minus(debited.balance, amount);
                self.supply = minus(self.supply, amount);
            }
            LedgerOp::Seal { issuance, .. } => {
                let pot = self.at(primitives::ledger::ISSUANCE_POT);
                pot.balance = plus(pot.balance, issuance);
                self.supply = plus(self.supply, issuance);
            }
        }
    }

    /// A transaction whose form nobody looks at: execution starts after signatures and proofs were checked.
    fn transaction(&mut self, payer: Address, action: Action) -> Transaction {
        let nonce = self.nonces.entry(payer).or_default();
        let body = TransactionBody {
            version: FormatVersion,
            payer,
            nonce: Nonce::new(*nonce).expect("small"),
            lane: action.lane(),
            tip: Amount::ZERO,
            max_fee: Amount::from_blocks(100),
            valid_until: Height(self.height.0 + 10),
            action,
        };
        *nonce += 1;
        Transaction { body, key: PublicKey([1; 32]), signature: Signature([1; 64]) }
    }

    fn registration(&mut self, index: u32) -> Transaction {
        let mut key = [3; 32];
        key[..4].copy_from_slice(&index.to_le_bytes());
        let vrf = VrfBinding { key: VrfPublicKey(key), valid_from: self.height, proof: VrfProof([1; 80]) };
        let register = Register { bond: Amount::from_blocks(10), vrf, peer: None };
        self.transaction(person(index), Action::Identity(IdentityAction::Register(Box::new(register))))
    }

    fn bond(&mut self, index: u32) -> Transaction {
        let mut key = [4; 32];
        key[..4].copy_from_slice(&index.to_le_bytes());
        let candidacy = Candidacy { vrf_key: VrfPublicKey(key), vrf_proof: VrfProof([1; 80]), commission_bps: 100 };
        let bond = Bond { amount: Amount::from_blocks(100 + index), candidacy: Some(candidacy) };
        self.transaction(person(index), Action::Stake(StakeAction::Bond(bond)))
    }

    fn populate(&mut self) {
        let people: Vec<u32> = (0..IDENTITIES).collect();
        for chunk in people.chunks(REGISTRATIONS_PER_BLOCK) {
            let registered_at = self.height.next();
            let mut transactions: Vec<Transaction> = chunk.iter().map(|index| self.registration(*index)).collect();
            for index in chunk {
                let attest = IdentityAction::Attest { subject: person(*index), registered_at };
                transactions.push(self.transaction(validator(0), Action::Identity(attest)));
            }
            self.block(&transactions);
        }
        let candidates: Vec<u32> = (0..CANDIDATES).collect();
        for chunk in candidates.chunks(50) {
            let transactions: Vec<Transaction> = chunk.iter().map(|index| self.bond(*index)).collect();
            let (_, executed) = self.block(&transactions);
            assert!(executed.receipts.iter().all(|one| one.outcome == primitives::Outcome::Success), "bonds succeed");
        }
    }

    /// As many heartbeats as a block takes, sixteen to a transaction.
    fn heartbeats(&mut self) -> Vec<Transaction> {
        let open = state::timetoke::challenge(self).expect("it decodes").expect("one is open");
        let mut people: Vec<Address> = (u32::from(VALIDATORS)..7_000).map(person).collect();
        people.sort();
        let signed = |identity: &Address| SignedHeartbeat {
            heartbeat: Heartbeat { identity: *identity, challenge: open.number, seed: open.seed, value: open.value },
            key: PublicKey([1; 32]),
            signature: Signature([1; 64]),
        };
        let actions: Vec<Action> = people
            .chunks(16)
            .map(|chunk| BoundedVec::new(chunk.iter().map(signed).collect()).expect("sixteen"))
            .map(|list| Action::Timetoke(TimetokeAction::Heartbeats { list }))
            .collect();
        (0..).zip(actions).map(|(payer, action)| self.transaction(person(payer), action)).collect()
    }
}

fn report(case: &str, mut seconds: Vec<f64>, events: usize) {
    seconds.sort_by(f64::total_cmp);
    let (Some(worst), Some(median)) = (seconds.last(), seconds.get(seconds.len() / 2)) else { return };
    println!(
        "{{\"case\":\"{case}\",\"validators\":{VALIDATORS},\"candidates\":{CANDIDATES},\"identities\":{IDENTITIES},\
         \"blocks\":{},\"median_ms\":{:.3},\"worst_ms\":{:.3},\"items\":{events}}}",
        seconds.len(),
        median * 1e3,
        worst * 1e3
    );
}

/// The same validators with powers from 10,000 to 23,563.
fn uneven() -> ValidatorSet {
    let member = |index: u8| Validator {
        address: validator(index),
        public_key: validator_key(index).public_key(),
        vrf_key: VrfSecretKey::from_seed([index + 1; 32]).public_key(),
        power: 10_000 + 137 * u64::from(index),
    };
    ValidatorSet::new((0..VALIDATORS).map(member).collect()).expect("different validators")
}

fn turns(powers: &str, set: &ValidatorSet) {
    let mut counts: BTreeMap<Address, u64> = BTreeMap::new();
    for height in 0..TURNS {
        let beacon = hash(Domain::Beacon, &[&height.to_le_bytes()]);
        *counts.entry(proposer(set, &beacon, Height(height), Round(0)).address).or_default() += 1;
    }
    let (mut chi_square, mut worst_ppm) = (0_u128, 0_u64);
    for member in set.validators() {
        let got = counts.get(&member.address).copied().unwrap_or(0);
        // In millionths of a turn and of a chi-square.
        let expected = u128::from(TURNS) * 1_000_000 * u128::from(member.power) / u128::from(set.total_power());
        let off = (u128::from(got) * 1_000_000).abs_diff(expected);
        chi_square += off * off / expected.max(1);
        worst_ppm = worst_ppm.max(u64::try_from(off / u128::from(TURNS)).unwrap_or(u64::MAX));
    }
    println!(
        "{{\"case\":\"proposer_turns\",\"powers\":\"{powers}\",\"heights\":{TURNS},\"validators\":{},\"chi_square\":{}.{:03},\
         \"worst_share_deviation_ppm\":{worst_ppm}}}",
        set.validators().len(),
        chi_square / 1_000_000,
        chi_square % 1_000_000 / 1_000
    );
}

fn main() {
    // Cargo passes `--bench` to benchmarks and leaves it out when it runs them as tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut chain = Chain::new();
    chain.populate();
    while !chain.height.0.is_multiple_of(120) {
        chain.block(&[]);
    }
    let (mut ordinary, mut challenge, mut epoch, mut events) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..MEASURED_BLOCKS {
        let (seconds, executed) = chain.block(&[]);
        if chain.height.0.is_multiple_of(120) {
            events = executed.events.len();
            epoch.push(seconds);
        } else if executed.writes.len() > 50 {
            challenge.push(seconds);
        } else {
            ordinary.push(seconds);
        }
    }
    report("ordinary_block", ordinary, 0);
    report("block_that_settles_a_challenge", challenge, 0);
    report("block_that_ends_an_epoch", epoch, events);
    while chain.context().time.0 % 10_000 != 1_000 {
        chain.block(&[]);
    }
    let transactions = chain.heartbeats();
    let (seconds, executed) = chain.block(&transactions);
    let accepted = executed.receipts.iter().filter(|one| one.outcome == primitives::Outcome::Success);
    let accepted: usize = accepted.map(|one| one.events.len()).sum();
    report("block_full_of_heartbeats", vec![seconds], accepted);
    turns("equal", &view::validators(&chain).expect("a set"));
    turns("uneven", &uneven());
}
