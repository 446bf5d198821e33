//! The genesis file: who starts with what, under which rules.
//!
//! Its hash names the chain: it is signed into every transaction and vote, checked in every handshake
//! and shown everywhere. The hash covers the canonical encoding, not the JSON text, so formatting does
//! not matter. File name: `genesis.json` below the home directory.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::actions::ProofSystemKind;
use crate::actions::proving::PROOF_WEIGHT;
use crate::address::Address;
use crate::amount::{Amount, MICRO_PER_BLOCK};
use crate::codec::{FormatVersion, encode};
use crate::crypto::{PublicKey, VrfPublicKey};
use crate::hash::{Domain, Hash, hash};
use crate::ids::{Height, Timestamp};
use crate::ledger::{LedgerSlot, MODULE_ACCOUNTS, PROVER_POOL, STAKE_POT};
use crate::params::{Params, ParamsError};
use crate::proof_keys::ProofKeys;
use crate::validator::{Validator, ValidatorSet, ValidatorSetError};

/// µBLOCK of stake behind one unit of voting power.
pub const STAKE_PER_POWER: u64 = MICRO_PER_BLOCK;

/// The self-stake that a genesis power stands for; `None` when out of range.
pub fn stake_of_power(power: u64) -> Option<Amount> {
    Amount::new(power.checked_mul(STAKE_PER_POWER)?)
}

/// The account of `accounts` that funds the pay of provers; every other module account is reserved.
fn prover_pool() -> Address {
    Address::of_module("prover_pool")
}

/// Longest chain id in characters.
pub const CHAIN_ID_MAX: usize = 50;
/// Most accounts in a genesis file.
pub const GENESIS_ACCOUNTS_MAX: usize = 4_000_000;
/// Names of the gates that change block validity.
pub const CHAIN_GATES: [&str; 5] =
    ["consensus_enforcement", "malachite_consensus", "recursive_proofs", "timetoke_rewards", "witness_network"];

/// What makes blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Engine {
    /// Byzantine-fault-tolerant consensus of all validators.
    Bft = 0,
    /// One process makes every block: for development.
    Solo = 1,
}

/// Money at the start.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// The owner.
    pub address: Address,
    /// µBLOCK.
    pub balance: Amount,
}

/// A validator at the start. Its account is opened too.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisValidator {
    /// Signs votes and proposals.
    pub public_key: PublicKey,
    /// Proves the beacon.
    pub vrf_key: VrfPublicKey,
    /// Voting power: one for each whole BLOCK of self-stake, which genesis puts into the stake pot.
    pub power: u64,
}

/// When a gate starts to be in force.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateActivation {
    /// One of [`CHAIN_GATES`].
    pub name: String,
    /// From this height on.
    pub height: Height,
}

/// The start of a chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Format version.
    #[serde(skip)]
    pub version: FormatVersion<1>,
    /// Name of the network, for people.
    pub chain_id: String,
    /// What makes blocks.
    pub engine: Engine,
    /// What proves them.
    #[serde(default)]
    pub proof_system: ProofSystemKind,
    /// Block time of height 0, milliseconds since the Unix epoch.
    pub genesis_time: Timestamp,
    /// The governed values.
    #[serde(default)]
    pub params: Params,
    /// Money at the start, in slot order.
    pub accounts: Vec<GenesisAccount>,
    /// The first validator set.
    pub validators: Vec<GenesisValidator>,
    /// Gates and their activation heights, sorted by name.
    #[serde(default)]
    pub gates: Vec<GateActivation>,
    /// The keys that its proofs are verified under.
    #[serde(default)]
    pub proof_keys: ProofKeys,
}

/// What a genesis file of a later version may name otherwise.
#[derive(Deserialize)]
struct Named {
    proof_system: Option<String>,
}

/// Why a genesis file cannot start a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not the JSON of a genesis file.
    #[error("genesis file does not parse: {0}")]
    Parse(String),
    /// Empty, too long or odd characters.
    #[error("chain_id must be 1 to 50 characters of a-z, 0-9 and -")]
    ChainId,
    /// A governed value out of bounds.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The validators are not a set.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
    /// Over [`GENESIS_ACCOUNTS_MAX`].
    #[error("genesis has more than 4,000,000 accounts")]
    TooManyAccounts,
    /// The same address twice.
    #[error("genesis account {0} is listed twice")]
    DuplicateAccount(Address),
    /// A module's own address.
    #[error("genesis account {0} is reserved for a module")]
    ReservedAccount(Address),
    /// More money than the cap.
    #[error("the genesis balances exceed the supply cap")]
    AboveCap,
    /// Less power than the least self-stake.
    #[error("genesis validator {0} has less power than params.staking.min_self_stake; one power is one BLOCK")]
    StakeBelowMinimum(Address),
    /// Unknown, unsorted or repeated gate.
    #[error(
        "gate {0:?} is unknown, repeated or out of order; known gates, sorted: consensus_enforcement, malachite_consensus, recursive_proofs, timetoke_rewards, witness_network"
    )]
    Gate(String),
    /// The engine and its gate disagree.
    #[error("gate malachite_consensus must be active from height 1 exactly when engine is bft")]
    EngineGate,
    /// Proven by something that this version does not have.
    #[error("proof system {0:?} is not in this version: its chains are proven by plonky3")]
    ProofSystem(String),
    /// Its proofs are verified under other keys.
    #[error(
        "the chain's proofs are verified under other keys than this version has (proof_keys): use the version that the \
         genesis file was made with"
    )]
    ProofKeys,
    /// Proofs are taken, but no block has room for one.
    #[error(
        "gate recursive_proofs needs a reserved lane of 20,000 weight units and blocks of twice params.proving.proof_bytes_max; raise params.block_weight_max or params.block_bytes_max"
    )]
    NoRoomForProofs,
    /// A solo chain has one validator.
    #[error("engine solo takes exactly one validator")]
    SoloValidators,
}

impl Genesis {
    /// Reads and checks the JSON text of a genesis file.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        // Asked first, so that a file of a later version is refused for what it needs and not for an unknown field.
        let named = serde_json::from_str::<Named>(text).ok().and_then(|named| named.proof_system);
        if let Some(name) = named.filter(|name| name != ProofSystemKind::default().name()) {
            return Err(GenesisError::ProofSystem(name));
        }
        let genesis: Self = serde_json::from_str(text).map_err(|error| GenesisError::Parse(error.to_string()))?;
        genesis.validate()?;
        Ok(genesis)
    }

    /// The JSON text, for the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a genesis has only string keys")
    }

    /// The hash that names the chain.
    pub fn hash(&self) -> Hash {
        hash(Domain::Genesis, &[&encode(self)])
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// [`GenesisError`], one variant per rule.
    pub fn validate(&self) -> Result<(), GenesisError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.chain_id.is_empty() || self.chain_id.len() > CHAIN_ID_MAX || !self.chain_id.bytes().all(allowed) {
            return Err(GenesisError::ChainId);
        }
        if self.proof_keys != ProofKeys::default() {
            return Err(GenesisError::ProofKeys);
        }
        if self.proof_system != ProofSystemKind::default() {
            return Err(GenesisError::ProofSystem(self.proof_system.name().to_owned()));
        }
        self.params.validate()?;
        self.validator_set()?;
        if self.engine == Engine::Solo && self.validators.len() != 1 {
            return Err(GenesisError::SoloValidators);
        }
        self.validate_accounts()?;
        self.validate_gates()
    }

    fn validate_accounts(&self) -> Result<(), GenesisError> {
        if self.accounts.len() > GENESIS_ACCOUNTS_MAX {
            return Err(GenesisError::TooManyAccounts);
        }
        let reserved = MODULE_ACCOUNTS.map(Address::of_module);
        let pool = prover_pool();
        let mut seen = BTreeSet::new();
        let mut total = Amount::ZERO;
        for account in &self.accounts {
            if reserved.contains(&account.address) && account.address != pool {
                return Err(GenesisError::ReservedAccount(account.address));
            }
            if !seen.insert(account.address) {
                return Err(GenesisError::DuplicateAccount(account.address));
            }
            total = total.checked_add(account.balance).ok_or(GenesisError::AboveCap)?;
        }
        total = total.checked_add(self.stake()?).ok_or(GenesisError::AboveCap)?;
        if total > self.params.supply_cap { Err(GenesisError::AboveCap) } else { Ok(()) }
    }

    /// The stake of all genesis validators together.
    ///
    /// # Errors
    /// [`GenesisError::AboveCap`], or [`GenesisError::StakeBelowMinimum`] for the first that has too little.
    fn stake(&self) -> Result<Amount, GenesisError> {
        let mut total = Amount::ZERO;
        for validator in &self.validators {
            let stake = stake_of_power(validator.power).ok_or(GenesisError::AboveCap)?;
            if stake < self.params.staking.min_self_stake {
                return Err(GenesisError::StakeBelowMinimum(Address::of_key(&validator.public_key)));
            }
            total = total.checked_add(stake).ok_or(GenesisError::AboveCap)?;
        }
        Ok(total)
    }

    fn validate_gates(&self) -> Result<(), GenesisError> {
        for (index, gate) in self.gates.iter().enumerate() {
            let sorted = index == 0 || self.gates[index - 1].name < gate.name;
            if !sorted || !CHAIN_GATES.contains(&gate.name.as_str()) {
                return Err(GenesisError::Gate(gate.name.clone()));
            }
        }
        let bft_gate = self.gates.iter().any(|gate| gate.name == "malachite_consensus" && gate.height <= Height(1));
        let named = self.gates.iter().any(|gate| gate.name == "malachite_consensus");
        let agrees = match self.engine {
            Engine::Bft => bft_gate,
            Engine::Solo => !named,
        };
        if !agrees {
            return Err(GenesisError::EngineGate);
        }
        // Otherwise no block could ever hold a proof, and a lag of proofs would never end.
        let takes_proofs = self.gates.iter().any(|gate| gate.name == "recursive_proofs");
        let params = &self.params;
        let has_room =
            params.reserved_share() >= PROOF_WEIGHT && params.proving.proof_bytes_max <= params.block_bytes_max / 2;
        if takes_proofs && !has_room {
            return Err(GenesisError::NoRoomForProofs);
        }
        Ok(())
    }

    /// The first validator set.
    ///
    /// # Errors
    /// [`ValidatorSetError`].
    pub fn validator_set(&self) -> Result<ValidatorSet, ValidatorSetError> {
        let members = self.validators.iter().map(|validator| Validator {
            address: Address::of_key(&validator.public_key),
            public_key: validator.public_key,
            vrf_key: validator.vrf_key,
            power: validator.power,
        });
        ValidatorSet::new(members.collect())
    }

    /// The ledger at height 0, in slot order: module accounts, accounts, then validators without one.
    pub fn slots(&self) -> Vec<LedgerSlot> {
        let slot = |address, balance| LedgerSlot { address, nonce: Default::default(), balance };
        let mut seen: BTreeSet<Address> = self.accounts.iter().map(|account| account.address).collect();
        let mut slots: Vec<LedgerSlot> =
            MODULE_ACCOUNTS.iter().map(|name| slot(Address::of_module(name), Amount::ZERO)).collect();
        if let Some(pot) = usize::try_from(STAKE_POT.get()).ok().and_then(|index| slots.get_mut(index)) {
            pot.balance = self.stake().unwrap_or_default();
        }
        let pool = prover_pool();
        for account in &self.accounts {
            let place = usize::try_from(PROVER_POOL.get()).ok().filter(|_| account.address == pool);
            match place.and_then(|place| slots.get_mut(place)) {
                Some(slot) => slot.balance = account.balance,
                None => slots.push(slot(account.address, account.balance)),
            }
        }
        for validator in &self.validators {
            let address = Address::of_key(&validator.public_key);
            if seen.insert(address) {
                slots.push(slot(address, Amount::ZERO));
            }
        }
        slots
    }

    /// Hash of the gates in force at `height`, for the header.
    pub fn gates_hash(&self, height: Height) -> Hash {
        let active: Vec<&str> =
            self.gates.iter().filter(|gate| gate.height <= height).map(|gate| gate.name.as_str()).collect();
        hash(Domain::Gates, &[&encode(&active)])
    }
}
