//! Snapshots that anybody can make: a state, a set of validators and a signature of one's own, under the genesis hash of a real chain.
//!
//! ```text
//!   thief: own set, own state ──► header ──► own certificate ──► manifest: whole, and attested by nobody
//!   chain: the set of genesis ──► header ──► its certificate ──► manifest: attested while genesis is young
//! ```

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cli::chain_proof::Covered;
use primitives::genesis::GateActivation;
use primitives::{
    Address, Amount, CommitCertificate, CommitSignature, Engine, FormatVersion, Genesis, GenesisAccount,
    GenesisValidator, Hash, Header, Height, LedgerDigest, LedgerSlot, Nonce, Round, SecretKey, Timestamp, Validator,
    ValidatorSet, VrfProof, VrfSecretKey, encode,
};
use proof::light::SealedChain;
use rpc::ExitCode;
use snapshots::{Maker, Shelf};
use storage::{Base, GenesisBatch, Store, StoreConfig, Verify};
use tempfile::TempDir;
use tree::{LedgerTree, StateTree};
use wallet::NodeKey;

use crate::offline::no_node;

/// The validator of the chain.
const OURS: u8 = 100;
/// Who forges.
const THIEF: u8 = 66;
/// The height of the snapshots.
const HEIGHT: Height = Height(3_600);

fn tb(home: &Path, line: &str) -> ExitCode {
    let mut words: Vec<OsString> = vec!["tb".into()];
    words.extend(line.split_whitespace().map(OsString::from));
    words.extend(["--home".into(), home.into()]);
    cli::run(words, no_node)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    Timestamp(u64::try_from(since.as_millis()).expect("a time of our days"))
}

fn secret(tag: u8) -> SecretKey {
    SecretKey::from_seed([tag; 32])
}

fn vrf(tag: u8) -> VrfSecretKey {
    VrfSecretKey::from_seed([tag; 32])
}

/// A set of one.
fn set(tag: u8) -> ValidatorSet {
    let (public_key, vrf_key) = (secret(tag).public_key(), vrf(tag).public_key());
    let address = Address::of_key(&public_key);
    ValidatorSet::new(vec![Validator { address, public_key, vrf_key, power: 10 }]).expect("a set")
}

/// The chain of these tests and a home that knows nothing but its genesis.
struct Ground {
    folder: TempDir,
    genesis: Genesis,
    home: PathBuf,
}

impl Ground {
    fn new(genesis_time: Timestamp) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let genesis = Genesis {
            version: FormatVersion,
            chain_id: "forged-test".to_owned(),
            engine: Engine::Bft,
            proof_system: Default::default(),
            genesis_time,
            params: Default::default(),
            proof_keys: Default::default(),
            accounts: vec![GenesisAccount {
                address: Address::of_key(&secret(1).public_key()),
                balance: Amount::from_blocks(50),
            }],
            validators: vec![GenesisValidator {
                public_key: secret(OURS).public_key(),
                vrf_key: vrf(OURS).public_key(),
                power: 10,
            }],
            gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
        };
        let file = folder.path().join("genesis.json");
        std::fs::write(&file, genesis.to_json()).expect("written");
        let home = folder.path().join("home");
        let made = tb(&home, &format!("init --mode node --moniker forged --genesis {}", file.display()));
        assert_eq!(made, ExitCode::Ok);
        Self { folder, genesis, home }
    }

    /// A snapshot that the validator with this tag decided alone and that `maker` signed: its folder and the hash of its block.
    fn snapshot(&self, decider: u8, maker: &SecretKey, name: &str) -> (PathBuf, Hash) {
        let (validators, rich) = (set(decider), Address::of_key(&secret(decider).public_key()));
        let slots =
            vec![LedgerSlot { address: rich, nonce: Nonce::default(), balance: Amount::from_blocks(1_000_000) }];
        let ledger = LedgerTree::new(slots.clone()).expect("one account");
        let state = vec![(state::columns::validators(), encode(&validators))];
        let nodes = StateTree::build(HEIGHT.0, state.clone()).expect("a tree");
        let genesis = self.genesis.hash();
        let header = Header {
            version: FormatVersion,
            genesis,
            height: HEIGHT,
            time: now(),
            parent: Hash([1; 32]),
            proposer: rich,
            transactions_root: Hash::default(),
            last_commit: Hash::default(),
            ledger_root: ledger.root(),
            ops_digest: LedgerDigest::default(),
            supply: ledger.supply(),
            next_slot: ledger.next_slot(),
            state_root: nodes.root,
            receipts_root: Hash::default(),
            validators: validators.hash(),
            next_validators: validators.hash(),
            params: Hash::default(),
            beacon: Hash::default(),
            beacon_proof: VrfProof([0; 80]),
            gates: Hash::default(),
            last_proof: None,
        };
        let block = header.hash();
        let unsigned = CommitCertificate::new(HEIGHT, Round(0), block, Vec::new()).expect("nobody yet");
        let signature = secret(decider).sign(&unsigned.precommit_of(rich).signing_bytes(&genesis));
        let signed = vec![CommitSignature { address: rich, signature }];
        let certificate = CommitCertificate::new(HEIGHT, Round(0), block, signed).expect("one signature");
        let store = self.store(&self.folder.path().join(format!("store of {name}")));
        let batch = GenesisBatch { slots, state, nodes: nodes.nodes };
        store.initialise_at(&Base { header, certificate: Some(certificate) }, &batch).expect("filled");
        let shelf = Shelf::new(self.folder.path().join(name));
        let maker = Maker { chain_id: &self.genesis.chain_id, key: maker, now: now() };
        let made = shelf.create(&store.freeze().expect("open"), &maker, &mut |_| {}).expect("a snapshot");
        (made.path, block)
    }

    fn store(&self, path: &Path) -> Store {
        let config = StoreConfig::Disk { path: path.to_owned(), verify: Verify::Recent };
        Store::open(&config, &self.genesis.hash()).expect("a store")
    }

    fn own_store(&self) -> PathBuf {
        self.home.join("data/store")
    }

    fn restore(&self, from: &Path, words: &str) -> ExitCode {
        tb(&self.home, &format!("snapshots restore --from {} {words}", from.display()))
    }

    /// A folder with a backup of this home, whose store is that of a snapshot.
    fn backup(&self, from: &Path, name: &str, words: &str) -> PathBuf {
        let path = self.folder.path().join(name.replace(' ', "-"));
        assert_eq!(self.restore(from, "--unattested practice"), ExitCode::Ok);
        assert_eq!(tb(&self.home, &format!("backup create --path {} {words}", path.display())), ExitCode::Ok);
        std::fs::remove_dir_all(self.own_store()).expect("it was filled");
        std::fs::remove_dir_all(self.home.join("snapshots")).expect("the backup made one");
        path
    }

    /// A command about a backup, with a home that is not there.
    fn empty(&self, verb: &str, backup: &Path, words: &str) -> ExitCode {
        tb(&self.folder.path().join("empty"), &format!("backup {verb} {} {words}", backup.display()))
    }

    fn verify(&self, path: &Path, words: &str) -> ExitCode {
        tb(&self.home, &format!("snapshots verify --path {} {words}", path.display()))
    }
}

#[test]
fn a_forged_snapshot_restores_nothing_although_all_of_it_fits_together() {
    // A young chain, and one whose genesis is older than any trusting period: there the validators of genesis show nothing.
    for genesis_time in [Timestamp(now().0 - 60_000), Timestamp(1_000_000)] {
        let ground = Ground::new(genesis_time);
        let (forged, _) = ground.snapshot(THIEF, &secret(THIEF), "forged");
        assert_eq!(ground.restore(&forged, ""), ExitCode::Refused, "genesis of {genesis_time:?}");
        assert_eq!(ground.restore(&forged, "--peer-url http://127.0.0.1:1"), ExitCode::Refused, "nobody is there");
        assert!(!ground.own_store().exists(), "nothing was written");
        assert_eq!(ground.verify(&forged, ""), ExitCode::Refused);
    }
}

#[test]
fn a_snapshot_of_the_chain_is_attested_by_a_young_genesis_and_else_by_a_block_that_is_trusted() {
    let young = Ground::new(Timestamp(now().0 - 60_000));
    let (real, _) = young.snapshot(OURS, &secret(7), "real");
    assert_eq!(young.verify(&real, ""), ExitCode::Ok);
    assert_eq!(young.restore(&real, ""), ExitCode::Ok);

    let old = Ground::new(Timestamp(1_000_000));
    let (real, block) = old.snapshot(OURS, &secret(7), "real");
    let (forged, other) = old.snapshot(THIEF, &secret(THIEF), "forged");
    let (trust, lie) = (format!("--trust {HEIGHT}:{block}"), format!("--trust {HEIGHT}:{other}"));
    assert_eq!((old.verify(&real, ""), old.restore(&real, "")), (ExitCode::Refused, ExitCode::Refused));
    assert_eq!((old.verify(&real, &lie), old.restore(&real, &lie)), (ExitCode::Refused, ExitCode::Refused));
    assert_eq!((old.verify(&forged, &trust), old.restore(&forged, &trust)), (ExitCode::Refused, ExitCode::Refused));
    assert!(!old.own_store().exists(), "nothing was written");
    assert_eq!((old.verify(&real, &trust), old.restore(&real, &trust)), (ExitCode::Ok, ExitCode::Ok));
    assert_eq!(old.verify(&real, ""), ExitCode::Ok, "the block is in the own store now");
    assert_eq!(old.verify(&forged, ""), ExitCode::Refused, "and it is another one");
}

#[test]
fn a_copy_of_this_node_counts_by_its_key_and_any_other_one_by_a_reason_that_is_kept() {
    let ground = Ground::new(Timestamp(1_000_000));
    let key = NodeKey::load(&ground.home.join("node_key"), None).expect("a key").key;
    let (own, _) = ground.snapshot(OURS, &key.identity, "own");
    let (forged, _) = ground.snapshot(THIEF, &secret(THIEF), "forged");
    assert_eq!(ground.verify(&own, ""), ExitCode::Ok);
    assert_eq!(ground.restore(&own, ""), ExitCode::Ok);

    std::fs::remove_dir_all(ground.own_store()).expect("it was filled");
    let log = ground.home.join("data/overrides.log");
    let with = |reason: &str| {
        let mut words: Vec<OsString> =
            ["tb", "snapshots", "restore", "--unattested", reason, "--from"].map(OsString::from).into();
        words.extend([forged.clone().into(), "--home".into(), ground.home.clone().into()]);
        cli::run(words, no_node)
    };
    assert_eq!(with("  "), ExitCode::Refused, "no reason is given");
    assert!(!log.exists() && !ground.own_store().exists());
    assert_eq!(with("a practice chain of our own"), ExitCode::Ok);
    let kept = std::fs::read_to_string(&log).expect("it is kept");
    assert!(kept.contains("a practice chain of our own") && kept.contains("trusted height 0"), "{kept}");
    assert_eq!(ground.restore(&forged, "--unattested why --trust 1:00"), ExitCode::Usage, "one or the other");
}

#[test]
fn a_forged_backup_restores_nothing_and_a_real_one_counts_by_genesis_a_trusted_block_or_its_password() {
    let (young, old) = (Ground::new(Timestamp(now().0 - 60_000)), Ground::new(Timestamp(1_000_000)));
    for ground in [&young, &old] {
        let (forged, block) = ground.snapshot(THIEF, &secret(THIEF), "forged");
        // With the keys of the node that made it: what comes with a backup shows nothing about it.
        let backup = ground.backup(&forged, "forged backup", "--with-keys");
        for verb in ["verify --path", "restore --from"] {
            assert_eq!(ground.empty(verb, &backup, ""), ExitCode::Refused, "{verb}");
            assert_eq!(ground.empty(verb, &backup, "--peer-url http://127.0.0.1:1"), ExitCode::Refused, "{verb}");
        }
        assert_eq!(ground.empty("restore --from", &backup, "--unattested="), ExitCode::Refused, "no reason is given");
        assert!(!ground.folder.path().join("empty").exists(), "nothing was written");
        // An operator who names it, by its block or with a reason, has it.
        assert_eq!(ground.empty("verify --path", &backup, &format!("--trust {HEIGHT}:{block}")), ExitCode::Ok);
        assert_eq!(ground.empty("restore --from", &backup, "--unattested practice"), ExitCode::Ok);
        let kept = std::fs::read_to_string(ground.folder.path().join("empty/data/overrides.log")).expect("it is kept");
        assert!(kept.contains("practice") && kept.contains(&block.to_string()), "{kept}");
        std::fs::remove_dir_all(ground.folder.path().join("empty")).expect("it was filled");
    }

    let (real, _) = young.snapshot(OURS, &secret(7), "real");
    let backup = young.backup(&real, "real backup", "");
    assert_eq!(young.empty("verify --path", &backup, ""), ExitCode::Ok);
    assert_eq!(young.empty("restore --from", &backup, ""), ExitCode::Ok);

    let (real, block) = old.snapshot(OURS, &secret(7), "real");
    let backup = old.backup(&real, "real backup", "");
    let trust = format!("--trust {HEIGHT}:{block}");
    for verb in ["verify --path", "restore --from"] {
        assert_eq!(old.empty(verb, &backup, ""), ExitCode::Refused, "{verb}: genesis is too old");
        assert_eq!(old.empty(verb, &backup, &trust), ExitCode::Ok, "{verb}");
    }
    std::fs::remove_dir_all(old.folder.path().join("empty")).expect("it was filled");

    let password = old.folder.path().join("password");
    std::fs::write(&password, "correct horse").expect("written");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let words = format!("--password-file {}", password.display());
    let sealed = old.backup(&real, "sealed backup", &format!("--encrypt {words}"));
    let lie = format!("{words} --trust {HEIGHT}:{}", Hash([3; 32]));
    assert_eq!(old.empty("verify --path", &sealed, &lie), ExitCode::Refused, "a block that is trusted alone counts");
    for verb in ["verify --path", "restore --from"] {
        assert_eq!(old.empty(verb, &sealed, &words), ExitCode::Ok, "{verb}");
    }
}

#[test]
fn a_chain_proof_that_does_not_hold_is_a_finding_of_the_check_of_a_store() {
    let ground = Ground::new(Timestamp(now().0 - 60_000));
    let (real, _) = ground.snapshot(OURS, &secret(7), "real");
    assert_eq!(ground.restore(&real, ""), ExitCode::Ok);
    assert_eq!(tb(&ground.home, "storage verify"), ExitCode::Ok, "a store without a proof is whole");
    let nonsense = SealedChain { height: HEIGHT, payout: Address::of_module("nobody"), proof: vec![7; 500] };
    ground.store(&ground.own_store()).save_chain_proof(1, &nonsense.to_bytes()).expect("saved");
    assert_eq!(tb(&ground.home, "storage verify"), ExitCode::Damaged);
}

#[test]
fn what_was_pruned_beyond_the_chain_proof_is_said_to_be_uncovered() {
    let of = |pruned: Option<u64>, covered: Option<u64>| {
        let covered = Covered { pruned_to: pruned.map(Height), covered_to: covered.map(Height) };
        (covered.is_covered(), covered.to_string())
    };
    let told = |covered, text: &str| (covered, text.to_owned());
    assert_eq!(of(None, Some(16)), told(None, "nothing was pruned"));
    assert_eq!(of(Some(16), Some(16)), told(Some(true), "to height 16, covered by the chain proof to height 16"));
    assert_eq!(
        of(Some(17), Some(16)),
        told(Some(false), "to height 17, not covered above height 16, where the chain proof ends")
    );
    assert_eq!(of(Some(17), None), told(Some(false), "to height 17, not covered: there is no chain proof"));
}

#[test]
fn a_prune_that_would_keep_nothing_is_refused() {
    let ground = Ground::new(Timestamp(now().0 - 60_000));
    let (real, _) = ground.snapshot(OURS, &secret(7), "real");
    let shelf = real.parent().expect("a shelf").display().to_string();
    assert_eq!(tb(&ground.home, &format!("snapshots prune --keep 0 --path {shelf}")), ExitCode::Usage);
    assert_eq!(tb(&ground.home, &format!("snapshots prune --keep 1 --path {shelf}")), ExitCode::Ok);
    assert!(real.exists());
}
