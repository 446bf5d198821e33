//! The chain of a run: its genesis, its keys and its accounts, all from the seed of the plan.

use primitives::genesis::GateActivation;
use primitives::params::LotteryParams;
use primitives::{
    Address, Amount, Engine, FormatVersion, Genesis, GenesisAccount, GenesisValidator, Height, Params, SecretKey,
    Timestamp, VrfSecretKey,
};

use crate::plan::{Plan, Proofs};
use crate::stand_in::BYTES_MAX;

/// When the chain begins, milliseconds since 1970. Virtual time starts here.
pub const GENESIS_TIME: Timestamp = Timestamp(1_800_000_000_000);
/// Accounts that pay each other.
pub const ACCOUNTS: u64 = 12;
/// Money of each account at the start.
const BALANCE: Amount = Amount::from_blocks(50);
/// The bond of an identity.
pub const IDENTITY_BOND: Amount = Amount::from_blocks(1);
/// What a verification costs a chain with proofs: a hundredth of a bond.
const VERIFICATION_COST: Amount = Amount::new(10_000).expect("small");
/// The least bond of a prover.
pub const PROVER_BOND: Amount = Amount::from_blocks(1);
/// What the prover pool holds at the start: a run empties it.
const POOL: Amount = Amount::new(300_000).expect("small");
/// Power of each validator.
const POWER: u64 = 10;

/// Keys of one run.
#[derive(Debug, Clone, Copy)]
pub struct Keys(u64);

impl Keys {
    /// The keys of the run with this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn seed(self, purpose: &str, number: u64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(purpose.as_bytes()).update(&self.0.to_le_bytes()).update(&number.to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    /// The consensus key of a validator.
    pub fn validator(self, node: u16) -> SecretKey {
        SecretKey::from_seed(self.seed("validator", u64::from(node)))
    }

    /// The beacon key of a validator.
    pub fn vrf(self, node: u16) -> VrfSecretKey {
        VrfSecretKey::from_seed(self.seed("vrf", u64::from(node)))
    }

    /// The key of an account.
    pub fn account(self, account: u64) -> SecretKey {
        SecretKey::from_seed(self.seed("account", account))
    }

    /// A key of lotteries for the identity of an account; each `number` is another one.
    pub fn account_vrf(self, account: u64, number: u64) -> VrfSecretKey {
        VrfSecretKey::from_seed(Keys(number).seed("account vrf", account))
    }

    /// A network key for the identity of an account; each `number` is another one.
    pub fn account_peer(self, account: u64, number: u64) -> SecretKey {
        SecretKey::from_seed(Keys(number).seed("account peer", account))
    }

    /// The key of a prover; the one after the last is an accomplice of dishonest proposers and has no bond.
    pub fn prover(self, prover: u16) -> SecretKey {
        SecretKey::from_seed(self.seed("prover", u64::from(prover)))
    }

    /// The address of a key that owns nothing at the start.
    pub fn stranger(self, number: u64) -> Address {
        Address::of_key(&SecretKey::from_seed(self.seed("stranger", number)).public_key())
    }
}

/// Governed values of a chain whose voting set changes: short epochs, so that a run has many. Where somebody may break
/// the protocol, nobody is jailed for absence: honest validators in a partition must not lose power to others.
fn short_epochs(is_guarded: bool) -> Params {
    let mut params = Params { epoch_blocks: 6, ..Params::default() };
    (params.staking.unbonding_epochs, params.staking.trusting_epochs) = (7, 4);
    (params.staking.churn_bps, params.staking.power_cap_bps) = (2_000, 10_000);
    (params.evidence.age_epochs, params.evidence.delay_epochs, params.evidence.together_epochs) = (4, 1, 2);
    params.staking.missed_max_bps = if is_guarded { 10_000 } else { 6_000 };
    params
}

/// The lottery of a plan. Weights are whole BLOCK of stake alone, so that the judge can say them.
fn lottery(seats: u64) -> LotteryParams {
    let off = LotteryParams { min_tier: 0, ..LotteryParams::default() };
    match seats {
        0 => off,
        seats => LotteryParams { min_tier: 1, seats, tier_bonus_ppm: 0, timetoke_bonus_ppm: 0 },
    }
}

/// Hours of six seconds, samples every three heights, and low thresholds: a run has many of everything.
fn quick_identities(params: &mut Params) {
    let timetoke = &mut params.timetoke;
    (timetoke.hour_seconds, timetoke.window_seconds, timetoke.challenges_per_window) = (6, 6, 2);
    timetoke.answer_seconds = 3;
    params.identity.bond = IDENTITY_BOND;
    (params.identity.attestations_min, params.identity.attestation_window_blocks) = (2, 20);
    params.identity.bond_delay_blocks = params.evidence_blocks().saturating_add(1);
    (params.witness.interval_blocks, params.witness.answer_blocks) = (3, 3);
    (params.witness.committee, params.witness.attestations_max, params.witness.min_tier) = (8, 16, 1);
}

/// Bonds of one BLOCK, short windows, a lag that is soon felt, and lanes so small that the floor is a few transfers.
fn quick_proofs(params: &mut Params, proofs: &Proofs) {
    params.window_blocks = proofs.window_heights;
    params.block_weight_max = 50_000;
    // What is left to the reserved lane is the room of two proofs.
    (params.consumer_share_bps, params.industrial_share_bps) = (1_000, 1_000);
    let proving = &mut params.proving;
    proving.proof_bytes_max = BYTES_MAX;
    (proving.verification_cost, proving.bond_min) = (VERIFICATION_COST, PROVER_BOND);
    (proving.unbonding_blocks, proving.turn_blocks) = (6, proofs.turn_heights);
    (proving.lag_free_windows, proving.lag_floor_windows) = (2, 6);
}

/// The genesis of a run.
pub fn genesis(keys: Keys, plan: &Plan) -> Genesis {
    let of_key = |key: SecretKey| GenesisAccount { address: Address::of_key(&key.public_key()), balance: BALANCE };
    let mut accounts: Vec<GenesisAccount> = (0..ACCOUNTS).map(|number| of_key(keys.account(number))).collect();
    let mut params = Params::default();
    if plan.staking.is_some() || plan.identities.is_some() {
        accounts.extend((0..plan.validators).map(|node| of_key(keys.validator(node))));
        // Where stake does not move nobody is jailed either.
        params = short_epochs(plan.is_guarded() || plan.staking.is_none());
        params.lottery = lottery(plan.staking.as_ref().map_or(0, |staking| staking.lottery_seats));
    }
    let gate = |name: &str, height| GateActivation { name: name.to_owned(), height: Height(height) };
    let mut gates = vec![gate("malachite_consensus", 0)];
    if let Some(identities) = &plan.identities {
        quick_identities(&mut params);
        gates.extend(["timetoke_rewards", "witness_network"].map(|name| gate(name, identities.paid_from)));
    }
    if let Some(proofs) = &plan.proofs {
        quick_proofs(&mut params, proofs);
        accounts.extend((0..=proofs.provers).map(|prover| of_key(keys.prover(prover))));
        accounts.push(GenesisAccount { address: Address::of_module("prover_pool"), balance: POOL });
        gates.push(gate("recursive_proofs", proofs.taken_from));
        gates.push(gate("consensus_enforcement", proofs.enforced_from));
        gates.sort_by(|one, other| one.name.cmp(&other.name));
    }
    let validator = |node| GenesisValidator {
        public_key: keys.validator(node).public_key(),
        vrf_key: keys.vrf(node).public_key(),
        power: POWER,
    };
    Genesis {
        version: FormatVersion,
        chain_id: "simulation".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: GENESIS_TIME,
        params,
        accounts,
        proof_keys: Default::default(),
        validators: (0..plan.seats()).map(validator).collect(),
        gates,
    }
}
