//! The chain of a run: its genesis, its keys and its accounts, all from the seed of the plan.

use primitives::genesis::GateActivation;
use primitives::{
    Address, Amount, Engine, FormatVersion, Genesis, GenesisAccount, GenesisValidator, Height, Params, SecretKey,
    Timestamp, VrfSecretKey,
};

/// When the chain begins, milliseconds since 1970. Virtual time starts here.
pub const GENESIS_TIME: Timestamp = Timestamp(1_800_000_000_000);
/// Accounts that pay each other.
pub const ACCOUNTS: u64 = 12;
/// Money of each account at the start.
const BALANCE: Amount = Amount::from_blocks(50);
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

    /// The address of a key that owns nothing at the start.
    pub fn stranger(self, number: u64) -> Address {
        Address::of_key(&SecretKey::from_seed(self.seed("stranger", number)).public_key())
    }
}

/// The genesis of a run.
pub fn genesis(keys: Keys, validators: u16) -> Genesis {
    let account =
        |number| GenesisAccount { address: Address::of_key(&keys.account(number).public_key()), balance: BALANCE };
    let validator = |node| GenesisValidator {
        public_key: keys.validator(node).public_key(),
        vrf_key: keys.vrf(node).public_key(),
        power: POWER,
    };
    Genesis {
        version: FormatVersion,
        chain_id: "simulation".to_owned(),
        engine: Engine::Bft,
        genesis_time: GENESIS_TIME,
        params: Params::default(),
        accounts: (0..ACCOUNTS).map(account).collect(),
        validators: (0..validators).map(validator).collect(),
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    }
}
