//! Whole commands that need no node: homes, keys, genesis files, configuration; and how commands fail.

use std::ffi::OsString;
use std::path::Path;

use cli::provision::{ValidatorPublic, read_genesis};
use cli::{NodeFuture, NodeStart};
use primitives::{Address, Height, Round, Vote, VoteKind};
use rpc::ExitCode;
use wallet::ValidatorSigner;
use wallet::signer::SignedStep;

/// The node of commands that must not start one.
pub fn no_node(_: NodeStart) -> NodeFuture {
    unreachable!("this command starts no node")
}

fn tb(home: &Path, line: &str) -> ExitCode {
    let mut words: Vec<OsString> = vec!["tb".into()];
    words.extend(line.split_whitespace().map(OsString::from));
    words.extend(["--home".into(), home.into()]);
    cli::run(words, no_node)
}

#[test]
fn a_chain_is_made_by_hand_from_two_validators() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    assert_eq!(tb(&a, "init --mode validator --moniker alice"), ExitCode::Ok);
    assert_eq!(tb(&b, "init --mode validator --moniker bob"), ExitCode::Ok);
    let public = a.join("validator_public.json");
    let account = ValidatorPublic::read(&public).expect("a public file").address;
    let out = folder.path().join("genesis.json");
    let line = format!(
        "genesis new --chain-id my-net --validator {} --validator {} --account {account}=1000.5 --out {}",
        public.display(),
        b.join("validator_public.json").display(),
        out.display()
    );
    assert_eq!(tb(&a, &line), ExitCode::Ok);
    assert_eq!(tb(&a, &line), ExitCode::Refused, "a genesis file is not overwritten");
    assert_eq!(tb(&a, &format!("genesis check {}", out.display())), ExitCode::Ok);
    let genesis = read_genesis(&out).expect("a genesis file");
    assert_eq!((genesis.validators.len(), genesis.accounts.len()), (2, 1));
    assert_eq!(genesis.accounts[0].balance.micro(), 1_000_500_000);

    assert_eq!(tb(&a, &format!("init --genesis {}", out.display())), ExitCode::Ok);
    assert_eq!(read_genesis(&a.join("genesis.json")).expect("copied").hash(), genesis.hash());
    let key = wallet::ValidatorKey::load(&a.join("validator_key.json"), None).expect("plain").key;
    let guard = config::Home::new(&a).guard();
    ValidatorSigner::open(key.consensus, &guard, &genesis.hash(), false).expect("a guard of this chain");
    assert_eq!(tb(&a, &format!("init --genesis {}", out.display())), ExitCode::Refused, "a home joins one chain once");
    assert_eq!(tb(&a, "genesis hash"), ExitCode::Ok);
    assert_eq!(tb(&a, "config check --dry-run"), ExitCode::Ok, "a complete home has no problem");
    // A value that is moved to its nearest bound deserves a look, and keeps no node from its start.
    let clamped = "config check --dry-run --set p2p.replay_window_size=0";
    assert_eq!(tb(&a, clamped), ExitCode::Ok, "a warning is no problem");
    std::fs::remove_file(a.join("node_key")).expect("it is there");
    assert_eq!(tb(&a, clamped), ExitCode::Config, "no node starts without its key");
}

#[test]
fn a_key_that_may_have_signed_gets_no_empty_guard_without_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let file = folder.path().join("genesis.json");
    let join = |home: &Path, words: &str| tb(home, &format!("init --genesis {}{words}", file.display()));
    assert_eq!(tb(&a, "init --mode validator"), ExitCode::Ok);
    let (public, made) = (a.join("validator_public.json"), a.join("genesis.json"));
    let line = format!("genesis new --chain-id my-net --validator {} --out {}", public.display(), file.display());
    assert_eq!(tb(&a, &line), ExitCode::Ok);
    assert_eq!(join(&a, ""), ExitCode::Ok);
    let (home, genesis) = (config::Home::new(&a), read_genesis(&made).expect("copied").hash());
    let (guard, key) = (home.guard(), wallet::ValidatorKey::load(&home.validator_key(), None).expect("plain").key);
    let mut signer = ValidatorSigner::open(key.consensus.clone(), &guard, &genesis, false).expect("a guard");
    let voter = Address::of_key(&key.consensus.public_key());
    let vote = Vote { kind: VoteKind::Prevote, height: Height(7), round: Round(0), value: None, voter };
    signer.sign(SignedStep::Prevote, vote.height, vote.round, &vote.signing_bytes(&genesis)).expect("signed");
    drop(signer);

    // Without its genesis file the home gets it again, and keeps its guard.
    std::fs::remove_file(&made).expect("it is there");
    assert_eq!(join(&a, ""), ExitCode::Ok);
    let highest = |guard: &Path| wallet::signer::look(guard).expect("a guard").highest.map(|(height, ..)| height);
    assert_eq!(highest(&guard), Some(Height(7)), "the guard is as it was");

    // Without its guard too: nothing here knows what the key has signed. Nor does a home that the key was copied to.
    std::fs::remove_file(&made).expect("it is there");
    std::fs::remove_dir_all(guard.parent().expect("its folder")).expect("it is there");
    assert_eq!(tb(&b, "init"), ExitCode::Ok);
    std::fs::copy(a.join("validator_key.json"), b.join("validator_key.json")).expect("copied");
    for home in [&a, &b] {
        let guard = config::Home::new(home).guard();
        for words in ["", " --override-guard="] {
            assert_eq!(join(home, words), ExitCode::Refused, "{words}");
            assert!(!guard.exists() && !home.join("genesis.json").exists(), "nothing was made");
        }
        assert_eq!(join(home, " --override-guard lost-and-used-nowhere-else"), ExitCode::Ok);
        assert_eq!(highest(&guard), None);
        let notes = std::fs::read_to_string(guard.with_file_name("overrides.log")).expect("it is kept");
        assert!(notes.lines().count() == 1 && notes.contains("lost-and-used-nowhere-else"), "{notes}");
    }
}

#[test]
fn init_never_overwrites() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    assert_eq!(tb(&home, "init"), ExitCode::Ok);
    let key = std::fs::read(home.join("node_key")).expect("a key");
    assert_eq!(tb(&home, "init --mode validator"), ExitCode::Refused);
    assert_eq!(std::fs::read(home.join("node_key")).expect("a key"), key);
    assert!(!home.join("validator_key.json").exists());
}

#[test]
fn a_bad_genesis_leaves_no_half_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let (home, file) = (folder.path().join("home"), folder.path().join("genesis.json"));
    std::fs::write(&file, "{}").expect("written");
    assert_eq!(tb(&home, &format!("init --mode validator --genesis {}", file.display())), ExitCode::Config);
    assert!(!home.exists());
    assert_eq!(tb(&home, &format!("genesis check {}", file.display())), ExitCode::Config);
}

#[test]
fn keys_live_with_a_password_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let (password, other) = (home.join("secret"), home.join("other"));
    std::fs::write(&password, "correct horse\n").expect("written");
    std::fs::write(&other, "wrong horse\n").expect("written");
    let with = |line: &str, file: &Path| tb(home, &format!("{line} --password-file {}", file.display()));
    assert_eq!(with("keys new alice", &password), ExitCode::Ok);
    assert_eq!(with("keys new alice", &password), ExitCode::Refused, "a key is not overwritten");
    assert_eq!(with("keys export alice", &password), ExitCode::Ok);
    assert_eq!(with("keys export alice", &other), ExitCode::Unauthorized);
    assert_eq!(with("keys export nobody", &password), ExitCode::NotFound);
    assert_eq!(tb(home, "keys show alice"), ExitCode::Ok);
    assert_eq!(tb(home, "keys show Alice"), ExitCode::Usage, "a name that no key can have");
    assert_eq!(tb(home, "keys list --json"), ExitCode::Ok);
    assert_eq!(tb(home, "keys delete alice"), ExitCode::Usage, "without --yes");
    assert!(home.join("keys/alice.json").exists());
    assert_eq!(tb(home, "keys delete alice --yes"), ExitCode::Ok);
    assert!(!home.join("keys/alice.json").exists());
}

#[test]
fn words_and_seeds_restore_the_same_key_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    std::fs::write(home.join("password"), "correct horse\n").expect("written");
    let words = home.join("words");
    std::fs::write(&words, format!("{}about\n", "abandon ".repeat(11))).expect("written");
    assert_eq!(tb(home, &format!("keys import first --words-file {}", words.display())), ExitCode::Ok);
    assert_eq!(tb(home, &format!("keys import second --words-file {}", words.display())), ExitCode::Ok);
    assert_eq!(tb(home, &format!("keys import third --words-file {} --account 1", words.display())), ExitCode::Ok);
    let keystore = wallet::Keystore::new(home.join("keys"));
    let address = |name: &str| keystore.entry(&name.parse().expect("a name")).expect("a key").address;
    assert_eq!(address("first"), address("second"));
    assert_ne!(address("first"), address("third"));
    std::fs::write(&words, "abandon abandon").expect("written");
    assert_eq!(tb(home, &format!("keys import fourth --words-file {}", words.display())), ExitCode::Usage);
    let seed = home.join("seed");
    std::fs::write(&seed, "7f".repeat(32)).expect("written");
    assert_eq!(tb(home, &format!("keys import fifth --seed-file {}", seed.display())), ExitCode::Ok);
    let key = primitives::SecretKey::from_seed([0x7f; 32]);
    assert_eq!(address("fifth"), primitives::Address::of_key(&key.public_key()));
    std::fs::write(&seed, "7f").expect("written");
    assert_eq!(tb(home, &format!("keys import sixth --seed-file {}", seed.display())), ExitCode::Usage);
}

#[test]
fn a_configuration_with_problems_fails_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    assert_eq!(tb(&home, "init"), ExitCode::Ok);
    assert_eq!(tb(&home, "config show"), ExitCode::Ok);
    assert_eq!(tb(&home, "config template"), ExitCode::Ok);
    // A genesis file is missing, and that is a problem.
    assert_eq!(tb(&home, "config check --dry-run"), ExitCode::Config);
    assert_eq!(tb(&home, "config show --set mempool_limit=0"), ExitCode::Config);
    assert_eq!(tb(&home, "config show --set mempol_limit=5"), ExitCode::Config);
    assert_eq!(tb(&home, "config show --set mempool_limit"), ExitCode::Usage);
    assert_eq!(tb(&home, "config show --config /nowhere/node.toml"), ExitCode::Config);
}

#[test]
fn failures_have_their_exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let id = "ab".repeat(32);
    let nobody = "--rpc http://127.0.0.1:1";
    let cases = [
        (String::new(), ExitCode::Usage),
        ("nonsense".to_owned(), ExitCode::Usage),
        ("tx show not-an-id".to_owned(), ExitCode::Usage),
        ("tx transfer --from a --to b --amount 1.0000001".to_owned(), ExitCode::Usage),
        ("node consensus".to_owned(), ExitCode::Usage),
        ("block show minus-one".to_owned(), ExitCode::Usage),
        ("account show Not/A/Key".to_owned(), ExitCode::Usage),
        ("account show nobody".to_owned(), ExitCode::NotFound),
        ("status --rpc ftp://example.org".to_owned(), ExitCode::Usage),
        ("devnet --nodes 0".to_owned(), ExitCode::Usage),
        ("bench load --senders 0".to_owned(), ExitCode::Usage),
        (format!("status {nobody}"), ExitCode::Connection),
        (format!("status {nobody} --json"), ExitCode::Connection),
        (format!("tx show {id} {nobody}"), ExitCode::Connection),
        (format!("tx submit 00 {nobody}"), ExitCode::Connection),
        (format!("block show latest {nobody}"), ExitCode::Connection),
        (format!("proof transaction {id} {nobody}"), ExitCode::Connection),
        ("snapshots list --path /nowhere/snapshots".to_owned(), ExitCode::NotFound),
        ("snapshots prune --path /nowhere/snapshots".to_owned(), ExitCode::NotFound),
        ("rollout incident list".to_owned(), ExitCode::NotFound),
        ("validator slashing import --from /nowhere/protection.json".to_owned(), ExitCode::NotFound),
        ("keys new first --password-file /nowhere/password".to_owned(), ExitCode::NotFound),
        ("node start --state-sync --peer-url garbage".to_owned(), ExitCode::Usage),
        ("--help".to_owned(), ExitCode::Ok),
        ("--version".to_owned(), ExitCode::Ok),
        ("completions bash".to_owned(), ExitCode::Ok),
    ];
    for (line, wanted) in cases {
        assert_eq!(tb(home, &line), wanted, "tb {line}");
    }
}

#[test]
fn node_start_hands_over_home_and_flags() {
    fn check(start: NodeStart) -> NodeFuture {
        assert_eq!(start.home.root(), Path::new("/somewhere"));
        assert!(start.home.is_config_named());
        assert_eq!(start.home.node_toml(), Path::new("config/node.toml"));
        let flags: Vec<(&str, &str)> = start.flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(flags, [("log.format", "json"), ("a", "b=c"), ("mode", "validator")]);
        Box::pin(async { Ok(cli::NodeEnd::Fault("a reason".to_owned())) })
    }
    let line = "rpp-node validator --home /somewhere --config config/node.toml --set log.format=json --set a=b=c";
    let words = line.split_whitespace().map(OsString::from).collect();
    assert_eq!(cli::run(words, check), ExitCode::Unexpected, "a node that stopped itself is a failure");
}

#[test]
fn differences_of_configurations_are_shown_and_bad_files_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    assert_eq!(tb(&home, "init"), ExitCode::Ok);
    assert_eq!(tb(&home, "config set mempool_limit 20000"), ExitCode::Ok);
    let other = folder.path().join("other.toml");
    std::fs::write(&other, "mempool_limit = 30000\n").expect("written");
    assert_eq!(tb(&home, "config diff"), ExitCode::Ok);
    assert_eq!(tb(&home, &format!("config diff --json --with {}", other.display())), ExitCode::Ok);
    std::fs::write(&other, "no_such_key = 1\n").expect("written");
    assert_eq!(tb(&home, &format!("config diff --with {}", other.display())), ExitCode::Config);
    assert_eq!(tb(&home, "config diff --with /nowhere/node.toml"), ExitCode::Config);
}
