//! `tb doctor` on homes that are whole and on homes that are not.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cli::doctor::{self, Finding, Standing, judge_clock, judge_disk, judge_open_files};
use config::{Home, Mode, NodeConfig};
use rpc::ExitCode;

fn tb(home: &Path, line: &str) -> ExitCode {
    let mut words: Vec<OsString> = vec!["tb".into()];
    words.extend(line.split_whitespace().map(OsString::from));
    // Nobody listens there, so no clock is compared.
    words.extend(["--rpc".into(), "http://127.0.0.1:1".into(), "--home".into(), home.into()]);
    cli::run(words, super::offline::no_node)
}

/// A home of a validator of a chain, with ports that are free.
fn home(folder: &Path) -> std::path::PathBuf {
    let home = folder.join("home");
    assert_eq!(tb(&home, "init --mode validator --moniker alice"), ExitCode::Ok);
    let genesis = folder.join("genesis.json");
    let public = home.join("validator_public.json");
    let line = format!("genesis new --chain-id my-net --validator {} --out {}", public.display(), genesis.display());
    assert_eq!(tb(&home, &line), ExitCode::Ok);
    assert_eq!(tb(&home, &format!("init --genesis {}", genesis.display())), ExitCode::Ok);
    home
}

/// Words that put every port of the node where the system finds a free one.
const FREE: &str = "--set rpc.listen=127.0.0.1:0 --set consensus.listen=/ip4/127.0.0.1/tcp/0 --set p2p.listen=/ip4/127.0.0.1/udp/0/quic-v1";

#[track_caller]
fn failed(finding: &Finding, words: &str) {
    assert!(finding.standing == Standing::Failed && finding.found.contains(words), "{words}: {finding:?}");
    assert!(!finding.hint.is_empty(), "a failure says what to do: {finding:?}");
}

#[test]
fn a_whole_home_passes_and_each_missing_piece_fails_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = home(folder.path());
    let home = Home::new(&root);
    assert_eq!(tb(&root, &format!("doctor {FREE}")), ExitCode::Ok);
    assert_eq!(tb(&root, &format!("doctor {FREE} --json")), ExitCode::Ok);

    let (found, genesis) = doctor::genesis(&home, None);
    let hash = genesis.expect("a genesis file").hash();
    assert!(found.standing == Standing::Ok && found.found.contains(&hash.to_string()), "{found:?}");
    assert_eq!(tb(&root, &format!("doctor {FREE} --genesis-hash {hash}")), ExitCode::Ok);
    let wrong = primitives::Hash::default();
    failed(&doctor::genesis(&home, Some(wrong)).0, &wrong.to_string());
    assert_eq!(tb(&root, &format!("doctor {FREE} --genesis-hash {wrong}")), ExitCode::Refused);

    let key = root.join("validator_key.json");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("opened to others");
    failed(&doctor::keys(&home, Mode::Validator)[0], "can be used by others (mode 644)");
    assert_eq!(tb(&root, &format!("doctor {FREE} --json")), ExitCode::Refused);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("closed");
    assert!(doctor::keys(&home, Mode::Validator).iter().all(|finding| finding.standing == Standing::Ok));
    fs::rename(&key, root.join("away")).expect("moved");
    failed(&doctor::keys(&home, Mode::Validator)[0], "validator_key.json");
    assert_eq!(doctor::keys(&home, Mode::Node).len(), 1, "a node that does not vote needs no validator key");
    assert_eq!(doctor::keys(&home, Mode::Wallet).len(), 0, "a wallet runtime has no key of its own");
    fs::rename(root.join("away"), &key).expect("back");

    assert_eq!(doctor::guard(&home, Mode::Validator).standing, Standing::Ok);
    fs::rename(home.guard(), root.join("away")).expect("moved");
    failed(&doctor::guard(&home, Mode::Validator), "is missing");
    assert_eq!(doctor::guard(&home, Mode::Node).standing, Standing::Skipped);

    fs::write(root.join("node.toml"), "no_such_key = 1\n").expect("written");
    failed(&doctor::configuration(&home, &[], |_| None)[0], "no_such_key");
    assert_eq!(tb(&root, "doctor --json"), ExitCode::Config);
}

#[test]
fn a_port_that_is_taken_is_named_unless_a_node_answers_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let flags = [("rpc.listen".to_owned(), address.to_string())];
    let config = NodeConfig::load(&Home::new(folder.path()), &flags, |_| None).expect("good").config;
    let found = doctor::ports(&config, false);
    failed(&found[0], &format!("rpc.listen tcp {address}"));
    assert_eq!(found.len(), 4, "rpc, consensus and both of gossip: {found:?}");
    let running = doctor::ports(&config, true);
    assert!(running.len() == 1 && running[0].standing == Standing::Ok, "{running:?}");
}

#[test]
fn clocks_and_open_files_are_judged_by_their_bounds() {
    let now = 1_700_000_000_000;
    for (block, standing) in [
        (now, Standing::Ok),
        (now + 500, Standing::Ok),
        (now + 501, Standing::Failed),
        (now - 15_000, Standing::Ok),
        (now - 15_001, Standing::Warning),
    ] {
        assert_eq!(judge_clock(now, block, "a node").standing, standing, "{block}");
    }
    for (limit, standing) in
        [(255, Standing::Failed), (256, Standing::Warning), (1_535, Standing::Warning), (1_536, Standing::Ok)]
    {
        assert_eq!(judge_open_files(limit, 1_536).standing, standing, "{limit}");
    }
}

#[test]
fn room_on_the_disk_is_judged_by_the_floors_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |floors: &[(&str, u64)]| {
        let flags: Vec<_> = floors.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect();
        NodeConfig::load(&Home::new(folder.path()), &flags, |_| None).expect("good").config
    };
    let config = with(&[("disk_free_min_bytes", 2_000), ("disk_free_stop_bytes", 1_000)]);
    let judge = |free, config: &NodeConfig| judge_disk(free, folder.path(), config);
    failed(&judge(999, &config), "less than disk_free_stop_bytes = 1000");
    let short = judge(1_000, &config);
    assert!(short.standing == Standing::Warning && short.found.contains("disk_free_min_bytes = 2000"), "{short:?}");
    let advised = judge(2_000, &config);
    assert!(advised.standing == Standing::Warning && !advised.found.contains("less than"), "{advised:?}");
    assert_eq!(judge(doctor::DISK_BYTES_ADVISED, &config).standing, Standing::Ok);
    // The smaller of two floors counts, and 0 is none: the unit of the package starts a node that may run.
    let turned = with(&[("disk_free_min_bytes", 1_000), ("disk_free_stop_bytes", 2_000)]);
    assert_eq!(judge(1_500, &turned).standing, Standing::Warning);
    assert_eq!(judge(0, &with(&[("disk_free_min_bytes", 0)])).standing, Standing::Warning);
    // A healthy node with 700 MiB may be started again.
    assert_eq!(judge(700 << 20, &with(&[])).standing, Standing::Warning);

    let disk = doctor::disk(&folder.path().join("not/made/yet"), &config);
    assert!(disk.found.contains("MiB are free") && disk.standing != Standing::Skipped, "{disk:?}");
    failed(&doctor::disk(Path::new("nowhere/at/all"), &config), "missing");
}
