//! The genesis file: text round trip, hash, slots, and every refusal.

use primitives::genesis::{GateActivation, GenesisError};
use primitives::params::ProvingParams;
use primitives::*;

use crate::samples::{address, amount, genesis};

#[test]
fn json_round_trips_and_formatting_does_not_change_the_hash() {
    let text = genesis().to_json();
    let read = Genesis::from_json(&text).unwrap();
    assert_eq!(read, genesis());
    let compact = text.replace('\n', "").replace("  ", "");
    assert_eq!(Genesis::from_json(&compact).unwrap().hash(), genesis().hash());
}

#[test]
fn unknown_keys_and_broken_text_are_refused() {
    let text = genesis().to_json().replacen("\"chain_id\"", "\"chainid\": 1, \"chain_id\"", 1);
    assert!(matches!(Genesis::from_json(&text), Err(GenesisError::Parse(reason)) if reason.contains("chainid")));
    assert!(matches!(Genesis::from_json("{"), Err(GenesisError::Parse(_))));
}

#[test]
fn the_cap_on_transactions_may_go_by_the_name_that_operators_know() {
    let text = genesis().to_json();
    let other = text.replacen("\"block_transactions_max\"", "\"max_block_transactions\"", 1);
    assert_ne!(text, other);
    assert_eq!(Genesis::from_json(&other).unwrap(), genesis());
    let both =
        text.replacen("\"block_transactions_max\"", "\"max_block_transactions\": 5, \"block_transactions_max\"", 1);
    assert!(matches!(Genesis::from_json(&both), Err(GenesisError::Parse(reason)) if reason.contains("duplicate")));
}

#[test]
fn slots_are_module_accounts_then_accounts_then_validators() {
    let slots = genesis().slots();
    assert_eq!(slots.len(), 9 + 1 + 4);
    assert_eq!(slots[0].address, Address::of_module("fee_pot"));
    assert_eq!(slots[1].address, Address::of_module("issuance_pot"));
    assert_eq!((slots[2].address, slots[2].balance), (Address::of_module("stake_pot"), amount(40_000_000)));
    assert_eq!((slots[9].address, slots[9].balance), (address(1), amount(5_000_000)));
    assert_eq!(slots[10].address, address(10));
}

#[test]
fn an_account_of_the_prover_pool_funds_it_and_takes_no_slot_of_its_own() {
    let mut funded = genesis();
    let pool = GenesisAccount { address: Address::of_module("prover_pool"), balance: amount(7) };
    funded.accounts.insert(0, pool.clone());
    assert_eq!(funded.validate(), Ok(()));
    let (with, without) = (funded.slots(), genesis().slots());
    assert_eq!((with.len(), with[6].balance), (without.len(), amount(7)));
    assert_eq!(with[7..], without[7..]);
    funded.accounts.push(pool.clone());
    assert_eq!(funded.validate(), Err(GenesisError::DuplicateAccount(pool.address)));
}

#[test]
fn a_chain_that_takes_proofs_has_room_for_them() {
    let gate = |genesis: &mut Genesis| {
        let gate = GateActivation { name: "recursive_proofs".to_owned(), height: Height(9) };
        genesis.gates.push(gate);
        genesis.gates.sort_by(|one, two| one.name.cmp(&two.name));
    };
    let mut light = genesis();
    light.params.block_weight_max = 199_999;
    assert_eq!(light.validate(), Ok(()));
    gate(&mut light);
    assert_eq!(light.validate(), Err(GenesisError::NoRoomForProofs));
    light.params.block_weight_max = 200_000;
    assert_eq!(light.validate(), Ok(()));
    light.params.block_bytes_max = 2 * light.params.proving.proof_bytes_max - 1;
    assert_eq!(light.validate(), Err(GenesisError::NoRoomForProofs));
}

#[test]
fn bounds_of_the_proving_parameters() {
    let refused = |edit: fn(&mut ProvingParams)| {
        let mut params = ProvingParams::default();
        edit(&mut params);
        params.validate().unwrap_err().name
    };
    assert_eq!(ProvingParams::default().validate(), Ok(()));
    assert_eq!(refused(|p| p.proof_bytes_max = 4 * 1024 * 1024 + 1), "proving.proof_bytes_max");
    assert_eq!(refused(|p| p.bond_min = amount(99 * p.verification_cost.micro())), "proving.bond_min");
    assert_eq!(refused(|p| p.unbonding_blocks = 0), "proving.unbonding_blocks");
    assert_eq!(refused(|p| p.lag_floor_windows = p.lag_free_windows), "proving.lag_floor_windows");
}

type Edit = fn(&mut Genesis);
type Expected = fn(&GenesisError) -> bool;

#[test]
fn each_rule_refuses_by_name() {
    let cases: [(&str, Edit, Expected); 17] = [
        (
            "stake below the minimum",
            |g| g.params.staking.min_self_stake = Amount::from_blocks(11),
            |e| matches!(e, GenesisError::StakeBelowMinimum(_)),
        ),
        (
            "evidence outlives the stake",
            |g| g.params.evidence.delay_epochs = g.params.staking.unbonding_epochs - g.params.evidence.age_epochs,
            |e| matches!(e, GenesisError::Params(p) if p.name == "evidence.delay_epochs"),
        ),
        (
            "trust outlives the stake",
            |g| g.params.staking.trusting_epochs = g.params.staking.unbonding_epochs * 2 / 3 + 1,
            |e| matches!(e, GenesisError::Params(p) if p.name == "staking.trusting_epochs"),
        ),
        (
            "more than everything is given away",
            |g| g.params.rewards.treasury_bps = 9_000,
            |e| matches!(e, GenesisError::Params(p) if p.name == "rewards.treasury_bps"),
        ),
        (
            "more issued in a block than its bound",
            |g| g.params.rewards.issuance_per_block = Amount::from_blocks(2),
            |e| matches!(e, GenesisError::Params(p) if p.name == "rewards.issuance_per_block"),
        ),
        ("empty id", |g| g.chain_id = String::new(), |e| *e == GenesisError::ChainId),
        ("upper case", |g| g.chain_id = "Main".into(), |e| *e == GenesisError::ChainId),
        ("params", |g| g.params.epoch_blocks = 0, |e| matches!(e, GenesisError::Params(p) if p.name == "epoch_blocks")),
        ("shares", |g| g.params.industrial_share_bps = 4_500, |e| matches!(e, GenesisError::Params(_))),
        ("no validators", |g| g.validators.clear(), |e| matches!(e, GenesisError::Validators(_))),
        ("no power", |g| g.validators[0].power = 0, |e| matches!(e, GenesisError::Validators(_))),
        ("twice", |g| g.validators[1] = g.validators[0].clone(), |e| matches!(e, GenesisError::Validators(_))),
        ("weak key", |g| g.validators[0].vrf_key = VrfPublicKey([0; 32]), |e| matches!(e, GenesisError::Validators(_))),
        (
            "same account",
            |g| g.accounts.push(g.accounts[0].clone()),
            |e| matches!(e, GenesisError::DuplicateAccount(_)),
        ),
        ("above cap", |g| g.accounts[0].balance = Amount::MAX, |e| *e == GenesisError::AboveCap),
        (
            "unknown gate",
            |g| g.gates.push(gate("zeppelin")),
            |e| matches!(e, GenesisError::Gate(name) if name == "zeppelin"),
        ),
        ("engine", |g| g.gates.clear(), |e| *e == GenesisError::EngineGate),
    ];
    for (name, edit, expected) in cases {
        let mut edited = genesis();
        edit(&mut edited);
        let error = edited.validate().unwrap_err();
        assert!(expected(&error), "{name}: {error}");
        assert!(Genesis::from_json(&edited.to_json()).is_err(), "{name}");
    }
    let mut pot = genesis();
    pot.accounts[0].address = Address::of_module("fee_pot");
    assert!(matches!(pot.validate(), Err(GenesisError::ReservedAccount(_))));
    let mut solo = genesis();
    solo.engine = Engine::Solo;
    assert_eq!(solo.validate(), Err(GenesisError::SoloValidators));
    solo.validators.truncate(1);
    assert_eq!(solo.validate(), Err(GenesisError::EngineGate));
    solo.gates.clear();
    assert_eq!(solo.validate(), Ok(()));
}

fn gate(name: &str) -> GateActivation {
    GateActivation { name: name.to_owned(), height: Height(1) }
}

#[test]
fn gates_in_force_follow_their_heights() {
    let mut later = genesis();
    later.gates.push(gate("recursive_proofs"));
    later.gates[1].height = Height(10);
    later.validate().unwrap();
    assert_eq!(later.gates_hash(Height(9)), genesis().gates_hash(Height(9)));
    assert_ne!(later.gates_hash(Height(10)), genesis().gates_hash(Height(10)));
}

#[test]
fn another_proof_system_is_refused_by_name() {
    let json = genesis().to_json().replacen("\"plonky3\"", "\"stwo\"", 1);
    let left_out = genesis().to_json().replacen("\"proof_system\": \"plonky3\",", "", 1);
    assert_eq!(Genesis::from_json(&left_out), Ok(genesis()));
    let refused = Genesis::from_json(&json).unwrap_err();
    assert_eq!(refused, GenesisError::ProofSystem("stwo".to_owned()));
    assert!(refused.to_string().contains("plonky3"), "{refused}");
    let other = Genesis { proof_system: actions::ProofSystemKind::Stwo, ..genesis() };
    assert_eq!(other.validate(), Err(GenesisError::ProofSystem("stwo".to_owned())));
}

#[test]
fn a_genesis_names_the_keys_of_its_proofs_and_other_keys_are_refused() {
    let keys = ProofKeys::default();
    assert_eq!(genesis().proof_keys, keys);
    let text = genesis().to_json();
    assert!(text.contains(&keys.window.to_string()) && text.contains(&keys.fold.to_string()));
    // A file that names none means the keys of this version, and is the same chain.
    let mut silent: serde_json::Value = serde_json::from_str(&text).unwrap();
    silent.as_object_mut().unwrap().remove("proof_keys").expect("it is there");
    assert_eq!(Genesis::from_json(&silent.to_string()).unwrap().hash(), genesis().hash());
    let other = LedgerDigest::new([7; 8]).unwrap();
    let others = [
        ProofKeys { window: other, ..keys },
        ProofKeys { fold: other, ..keys },
        ProofKeys { lift_constraints: other, ..keys },
        ProofKeys { fold_constraints: other, ..keys },
    ];
    for proof_keys in others {
        let foreign = Genesis { proof_keys, ..genesis() };
        assert_ne!(foreign.hash(), genesis().hash(), "the keys are a part of the chain's name");
        assert_eq!(Genesis::from_json(&foreign.to_json()), Err(GenesisError::ProofKeys));
    }
}
