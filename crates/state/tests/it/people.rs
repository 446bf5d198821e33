//! A chain with several validators and people, whose blocks have a time, a builder and a certificate.

use primitives::actions::identity::{PeerBinding, Register, VrfBinding};
use primitives::actions::stake::{Bond, Candidacy};
use primitives::actions::timetoke::{Heartbeat, SignedHeartbeat};
use primitives::actions::witness::{Attestation, SignedAttestation};
use primitives::genesis::GateActivation;
use primitives::{
    Action, Address, Amount, BoundedVec, Engine, Event, FormatVersion, Genesis, GenesisAccount, GenesisValidator, Hash,
    Height, IdentityAction, Outcome, Params, Round, SecretKey, StakeAction, Timestamp, TimetokeAction, Transaction,
    TransactionBody, VrfSecretKey, WitnessAction,
};
use state::context::LastCommit;
use state::reputation::Explanation;
use state::{BlockContext, Executed};

use crate::chain::{Chain, address, key};

/// Seeds of the validators' keys start here.
pub const VALIDATOR: u8 = 100;
/// People with money.
pub const PEOPLE: u8 = 20;
/// Block time of genesis: not a multiple of any window.
pub const GENESIS_TIME: u64 = 1_000_000_123;

/// A short life: an epoch of 4 heights, an hour of 10 s, two challenges an hour.
pub fn short() -> Params {
    let mut params = Params { epoch_blocks: 4, ..Params::default() };
    params.staking.unbonding_epochs = 6;
    params.staking.trusting_epochs = 4;
    params.staking.jail_epochs = 1;
    params.evidence.age_epochs = 2;
    params.evidence.delay_epochs = 1;
    params.evidence.together_epochs = 1;
    params.identity.bond_delay_blocks = 13;
    params.identity.attestation_window_blocks = 9;
    params.identity.attestations_min = 2;
    params.timetoke.hour_seconds = 10;
    params.timetoke.window_seconds = 10;
    params.timetoke.challenges_per_window = 2;
    params.timetoke.answer_seconds = 4;
    params.timetoke.decay_seconds = 60;
    params
}

pub struct World {
    pub chain: Chain,
    pub params: Params,
    pub time: Timestamp,
    /// Validators that sign no commits.
    pub silent: Vec<Address>,
    /// Who builds the next block, by position.
    pub builder: u8,
}

pub fn validator(index: u8) -> Address {
    address(VALIDATOR + index)
}

pub fn vrf(index: u8) -> VrfSecretKey {
    VrfSecretKey::from_seed([index + 50; 32])
}

pub fn peer(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 150; 32])
}

impl World {
    pub fn new(params: Params, validators: u8) -> Self {
        Self::with_gates(params, validators, &[])
    }

    /// As [`World::new`], with more gates in force from height 1; sorted, after `malachite_consensus`.
    pub fn with_gates(params: Params, validators: u8, gates: &[&str]) -> Self {
        Self::with_powers(params, &vec![100; usize::from(validators)], gates)
    }

    /// As [`World::with_gates`], with a validator of each of these powers.
    pub fn with_powers(params: Params, powers: &[u64], gates: &[&str]) -> Self {
        let validators = u8::try_from(powers.len()).unwrap();
        let gate = |name: &&str| GateActivation { name: (*name).to_owned(), height: Height(1) };
        let people = (0..PEOPLE).chain((0..validators).map(|index| VALIDATOR + index));
        let genesis = Genesis {
            version: FormatVersion,
            chain_id: "people".to_owned(),
            engine: Engine::Bft,
            proof_system: Default::default(),
            genesis_time: Timestamp(GENESIS_TIME),
            params: params.clone(),
            proof_keys: Default::default(),
            accounts: people
                .map(|index| GenesisAccount { address: address(index), balance: Amount::from_blocks(1_000) })
                .collect(),
            validators: (0..validators)
                .map(|index| GenesisValidator {
                    public_key: key(VALIDATOR + index).public_key(),
                    vrf_key: VrfSecretKey::from_seed([VALIDATOR + index; 32]).public_key(),
                    power: powers[usize::from(index)],
                })
                .collect(),
            gates: ["malachite_consensus"].iter().chain(gates).map(gate).collect(),
        };
        Self { chain: Chain::of(genesis), params, time: Timestamp(GENESIS_TIME), silent: Vec::new(), builder: 0 }
    }

    pub fn next_height(&self) -> Height {
        self.chain.height.next()
    }

    /// The context of the next block, one second after the last.
    pub fn context(&self) -> BlockContext {
        let previous = state::view::previous_validators(&self.chain).unwrap();
        let signers = previous.validators().iter().map(|one| one.address).filter(|one| !self.silent.contains(one));
        BlockContext {
            time: self.time.plus(1_000),
            proposer: validator(self.builder),
            last_commit: (self.chain.height > Height(0))
                .then(|| LastCommit { round: Round(0), signers: signers.collect() }),
            ..self.chain.context()
        }
    }

    pub fn block(&mut self, transactions: &[Transaction]) -> Executed {
        let context = self.context();
        self.time = context.time;
        self.chain.block_in(context, transactions).unwrap()
    }

    /// Empty blocks until `height` is the last one.
    pub fn run_to(&mut self, height: u64) {
        while self.chain.height.0 < height {
            self.block(&[]);
        }
    }

    pub fn transaction(&self, from: u8, action: Action) -> Transaction {
        let body = TransactionBody { valid_until: self.next_height(), ..self.chain.body(from, action) };
        self.chain.sign(from, body)
    }

    /// One action alone in a block: what became of it.
    pub fn act(&mut self, from: u8, action: Action) -> (Outcome, Vec<Event>) {
        let transaction = self.transaction(from, action);
        transaction.check(&self.chain.genesis).unwrap();
        let executed = self.block(&[transaction]);
        let receipt = &executed.receipts[0];
        (receipt.outcome, receipt.events.to_vec())
    }

    pub fn outcome(&mut self, from: u8, action: IdentityAction) -> Outcome {
        self.act(from, Action::Identity(action)).0
    }

    pub fn bind_vrf(&self, from: u8, secret: &VrfSecretKey) -> VrfBinding {
        VrfBinding::prove(secret, address(from), self.chain.height, &self.chain.genesis).unwrap()
    }

    pub fn bind_peer(&self, from: u8, secret: &SecretKey) -> PeerBinding {
        PeerBinding::sign(secret, address(from), self.chain.height, &self.chain.genesis)
    }

    pub fn registration(&self, from: u8) -> Register {
        Register {
            bond: self.params.identity.bond,
            vrf: self.bind_vrf(from, &vrf(from)),
            peer: Some(self.bind_peer(from, &peer(from))),
        }
    }

    pub fn register(&mut self, from: u8) -> Outcome {
        let registration = self.registration(from);
        self.outcome(from, IdentityAction::Register(Box::new(registration)))
    }

    pub fn attest(&mut self, by: u8, subject: u8) -> Outcome {
        let registered_at =
            state::identity::get(&self.chain, &address(subject)).unwrap().map_or(Height(0), |one| one.registered_at);
        self.outcome(VALIDATOR + by, IdentityAction::Attest { subject: address(subject), registered_at })
    }

    /// Registers and attests.
    pub fn activate(&mut self, from: u8) {
        assert_eq!(self.register(from), Outcome::Success);
        assert_eq!(self.attest(0, from), Outcome::Success);
        assert_eq!(self.attest(1, from), Outcome::Success);
        assert!(state::identity::active(&self.chain, &address(from), self.chain.height).unwrap().is_some());
    }
}

impl World {
    /// Bonds `blocks` BLOCK as a candidate.
    pub fn bond(&mut self, from: u8, blocks: u32) -> Outcome {
        let secret = vrf(from);
        let input = primitives::actions::stake::vrf_possession_input(&self.chain.genesis, &address(from));
        let candidacy =
            Candidacy { vrf_key: secret.public_key(), vrf_proof: secret.prove(&input).unwrap(), commission_bps: 0 };
        let bond = Bond { amount: Amount::from_blocks(blocks), candidacy: Some(candidacy) };
        self.act(from, Action::Stake(StakeAction::Bond(bond))).0
    }

    /// The heartbeat that answers the open challenge, as `edit` changes it before it is signed.
    pub fn heartbeat(&self, from: u8, edit: impl FnOnce(&mut Heartbeat)) -> SignedHeartbeat {
        let open = state::timetoke::challenge(&self.chain).unwrap().unwrap();
        let mut heartbeat =
            Heartbeat { identity: address(from), challenge: open.number, seed: open.seed, value: open.value };
        edit(&mut heartbeat);
        heartbeat.sign(&key(from), &self.chain.genesis)
    }

    pub fn beats(list: Vec<SignedHeartbeat>) -> Action {
        Action::Timetoke(TimetokeAction::Heartbeats { list: BoundedVec::new(list).unwrap() })
    }

    /// Answers the open challenge once, right or wrong.
    pub fn beat(&mut self, from: u8, right: bool) -> Outcome {
        let signed = self.heartbeat(from, |heartbeat| {
            if !right {
                heartbeat.value = Hash([9; 32]);
            }
        });
        self.act(from, Self::beats(vec![signed])).0
    }

    /// Runs until the next challenge opens, then answers it.
    pub fn next_beat(&mut self, from: u8, right: bool) {
        let open = |world: &Self| state::timetoke::challenge(&world.chain).unwrap().unwrap().number;
        let before = open(self);
        while open(self) == before {
            self.block(&[]);
        }
        assert_eq!(self.beat(from, right), Outcome::Success);
    }

    /// Runs until a block opens a sample; it is the last block then.
    pub fn next_sample(&mut self) {
        let opened = |world: &Self| state::witness::sample(&world.chain).unwrap().map(|open| open.height);
        let before = opened(self);
        while opened(self).is_none() || opened(self) == before {
            self.block(&[]);
        }
    }

    /// The attestation of the open sample, as `edit` changes it before it is signed.
    pub fn attestation(&self, from: u8, edit: impl FnOnce(&mut Attestation)) -> SignedAttestation {
        let open = state::witness::sample(&self.chain).unwrap().unwrap();
        let mut attestation =
            Attestation { identity: address(from), height: open.height, seed: open.seed, value: open.value };
        edit(&mut attestation);
        attestation.sign(&key(from), &self.chain.genesis)
    }

    pub fn attestations(mut list: Vec<SignedAttestation>) -> Action {
        list.sort_by_key(|signed| signed.attestation.identity);
        Action::Witness(WitnessAction::Attest { list: BoundedVec::new(list).unwrap() })
    }

    /// Empty blocks to the end of the present epoch; what they did by themselves.
    pub fn finish_epoch(&mut self) -> Vec<Event> {
        let mut events = self.block(&[]).events.into_inner();
        while !self.chain.height.0.is_multiple_of(self.params.epoch_blocks) {
            events.extend(self.block(&[]).events.into_inner());
        }
        events
    }

    pub fn hours(&self, index: u8) -> u64 {
        state::timetoke::hours(&self.chain, &self.params.timetoke, &address(index), self.time).unwrap()
    }

    pub fn explain(&self, index: u8) -> Explanation {
        let height = self.chain.height;
        state::reputation::explain(&self.chain, &self.params, &address(index), height, self.time).unwrap()
    }
}
