//! Starts that are refused: each says which thing is wrong and what to do, and nothing was signed.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli::devnet::layout::Ports;
use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base};
use crate::command::{run, run_in, without_ours};

/// Exit number for a configuration that cannot be used.
const CONFIG: i32 = 8;
/// Exit number for a thing that is not there.
const NOT_FOUND: i32 = 5;
/// Exit number for a key that stays locked.
const UNAUTHORIZED: i32 = 7;
/// The password of the encrypted key.
const PASSWORD: &str = "correct-horse-battery-staple";
/// Exit number for a refusal.
const REFUSED: i32 = 4;

/// Words of the command line, variables, and what the refusal must name.
type Wrong<'t> = (&'t [&'t str], &'t [(&'t str, &'t str)], &'t [&'t str]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_and_a_taken_port_are_refused_by_name() {
    let cluster = Cluster::solo().await;
    let node = &cluster.nodes[0];
    let refusal = node.start_refused(&[], &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (REFUSED, "rpc_listen"), "{refusal:?}");
    assert!(refusal.error.contains(&node.ports.rpc.to_string()), "{refusal:?}");

    // With ports of its own the home itself is in use.
    let other = format!("rpc.listen=127.0.0.1:{}", free_base(1));
    let refusal = node.start_refused(&["--set", &other], &[]).refused();
    assert_eq!(refusal.exit, REFUSED, "{refusal:?}");
    assert!(refusal.error.contains("in use by another process"), "{refusal:?}");
    assert!(refusal.error.contains(&*node.home.to_string_lossy()), "{refusal:?}");

    // With a data folder of its own the key is in use.
    let data = format!("data_dir={}", cluster.folder().join("data").display());
    let refusal = node.start_refused(&["--set", &other, "--set", &data], &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (REFUSED, "key"), "{refusal:?}");
    assert!(refusal.error.contains("guard.log.lock") && refusal.error.contains("process "), "{refusal:?}");

    let height = node.height().await.expect("the first process goes on");
    node.reaches(height + 1, START_TIME).await;
    cluster.check_no_panic();
}

#[test]
fn a_port_of_somebody_else_is_refused_by_name() {
    let cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let node = &cluster.nodes[0];
    let taken = TcpListener::bind(("127.0.0.1", node.ports.rpc)).expect("a free port");
    let refusal = node.start_refused(&[], &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (REFUSED, "rpc_listen"), "{refusal:?}");
    assert!(refusal.error.contains(&format!("127.0.0.1:{}", node.ports.rpc)), "{refusal:?}");
    drop(taken);
}

#[test]
fn a_taken_port_of_either_network_is_refused_by_name() {
    let cluster = Cluster::new(Engine::Bft, 1, INTERVAL_MS);
    let node = &cluster.nodes[0];
    let tcp = |port: u16| TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    for (code, port, taken) in
        [("consensus", node.ports.consensus, tcp(node.ports.consensus)), ("p2p", node.ports.p2p, tcp(node.ports.p2p))]
    {
        let refusal = node.start_refused(&[], &[]).refused();
        assert_eq!((refusal.exit, refusal.code.as_str()), (REFUSED, code), "{refusal:?}");
        assert!(refusal.error.contains(&port.to_string()), "{refusal:?}");
        drop(taken);
    }
}

/// What starts the program with the families of sockets of the variable FAMILIES alone, as systemd does.
fn confined(cluster: &Cluster) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = cluster.folder().join("confined");
    std::fs::write(&path, include_str!("families.py")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("our file");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_listens_on_all_addresses_as_the_unit_confines_it_and_says_what_it_lacks() {
    let unit = include_str!("../../../config/systemd/the-block.service");
    let allowed = unit.lines().find_map(|line| line.strip_prefix("RestrictAddressFamilies=")).expect("it confines");
    let mut cluster = Cluster::new(Engine::Bft, 1, INTERVAL_MS);
    let program = confined(&cluster);
    let ports = cluster.nodes[0].ports;
    let consensus = format!("/ip4/0.0.0.0/tcp/{}", ports.consensus);
    let gossip = format!("/ip4/0.0.0.0/udp/{0}/quic-v1,/ip4/0.0.0.0/tcp/{0}", ports.p2p);
    let (consensus, gossip) = (("TB_CONSENSUS_LISTEN", consensus.as_str()), ("TB_P2P_LISTEN", gossip.as_str()));
    let program_variable = ("PROGRAM", env!("CARGO_BIN_EXE_tb"));

    // What systemd would not let it open is named, for either network, and the process ends.
    let without = allowed.split_whitespace().filter(|family| *family != "AF_NETLINK").collect::<Vec<_>>().join(" ");
    for (listen, code, words) in [
        (gossip, "p2p", "Address family not supported"),
        (consensus, "consensus", "the consensus engine does not listen on /ip4/0.0.0.0/tcp/"),
    ] {
        let mut command = Command::new(&program);
        without_ours(&mut command);
        command.args(["node", "start", "--home"]).arg(&cluster.nodes[0].home);
        let refusal = run(command.envs([program_variable, ("FAMILIES", &without), listen])).refused();
        assert_eq!((refusal.exit, refusal.code.as_str()), (REFUSED, code), "{refusal:?}");
        assert!(refusal.error.contains(words), "{refusal:?}");
    }

    cluster.nodes[0].start_program(&program, &[program_variable, ("FAMILIES", allowed), consensus, gossip]);
    cluster.nodes[0].ready(START_TIME).await;
    cluster.nodes[0].reaches(2, START_TIME).await;
    cluster.check_no_panic();
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_by_key() {
    let cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let node = &cluster.nodes[0];
    let table: [Wrong<'_>; 6] = [
        (&["--set", "mempool_limt=5"], &[], &["mempool_limt", "`mempool_limit`"]),
        (&[], &[("TB_MEMPOOL_LIMIT", "0")], &["mempool_limit", "TB_MEMPOOL_LIMIT"]),
        (&["--set", "mempool_limit=0"], &[], &["mempool_limit"]),
        (&["--set", "queue_weights.fee=0.5"], &[], &["queue_weights", "1.0"]),
        (&["--set", "rpc.listen=everywhere"], &[], &["rpc.listen"]),
        (&["--set", "rollout.feature_gates.malachite_consensus=true"], &[], &["malachite_consensus", "genesis"]),
    ];
    for (words, environment, named) in table {
        let refusal = node.start_refused(words, environment).refused();
        assert_eq!((refusal.exit, refusal.code.as_str()), (CONFIG, "config"), "{words:?}: {refusal:?}");
        let text = format!("{} {}", refusal.error, refusal.hint);
        assert!(named.iter().all(|name| text.contains(name)), "{words:?}: {refusal:?}");
    }
    let _limit = testkit::contract!("S000-031");
    let _weights = testkit::contract!("S000-042");
}

#[test]
fn an_unknown_key_in_the_file_is_refused_with_the_nearest_one() {
    let cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let node = &cluster.nodes[0];
    let path = node.home.join("node.toml");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("the configuration");
    writeln!(file, "\n[rpx]\nlisten = \"127.0.0.1:1\"").expect("written");
    let refusal = node.start_refused(&[], &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (CONFIG, "config"), "{refusal:?}");
    assert!(refusal.error.contains("`rpx.listen`") && refusal.hint.contains("`rpc.listen`"), "{refusal:?}");
    assert!(refusal.error.contains("node.toml"), "{refusal:?}");
}

#[test]
fn files_that_are_missing_or_of_another_chain_are_refused_by_name() {
    let cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let node = &cluster.nodes[0];
    for (file, exit, code) in [("genesis.json", CONFIG, "genesis"), ("validator_key.json", NOT_FOUND, "key_missing")] {
        let (path, aside) = (node.home.join(file), node.home.join("aside"));
        std::fs::rename(&path, &aside).expect("moved");
        let refusal = node.start_refused(&[], &[]).refused();
        assert_eq!((refusal.exit, refusal.code.as_str()), (exit, code), "{file}: {refusal:?}");
        assert!(refusal.error.contains(file), "{file}: {refusal:?}");
        std::fs::rename(&aside, &path).expect("moved back");
    }
    let refusal = node.start_refused(&["--crash-at", "somewhere"], &[]).refused();
    assert_eq!(refusal.code, "crash_at", "{refusal:?}");
    let text = format!("{} {}", refusal.error, refusal.hint);
    assert!(text.contains("somewhere") && text.contains("guard_after_sync"), "{refusal:?}");
    // The guard belongs to the chain that it was made for.
    let other = cluster.folder().join("other.json");
    let public = node.home.join("validator_public.json");
    let new = ["genesis", "new", "--chain-id", "other", "--engine", "solo", "--validator"];
    let words: Vec<&str> =
        new.into_iter().chain([public.to_str().expect("text"), "--out", other.to_str().expect("text")]).collect();
    run_in(&node.home, &words).ok();
    std::fs::copy(&other, node.home.join("genesis.json")).expect("copied");
    let refusal = node.start_refused(&[], &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (REFUSED, "key"), "{refusal:?}");
    assert!(refusal.error.contains("belongs to the chain"), "{refusal:?}");
    // A crash point is for development chains only.
    let refusal = node.start_refused(&["--crash-at", "commit_after_sync"], &[]).refused();
    assert_eq!(refusal.code, "crash_at", "{refusal:?}");
    assert!(refusal.error.contains("other"), "{refusal:?}");
}

/// A solo chain whose validator key is encrypted: its node, and where the password lies.
fn encrypted(cluster: &Cluster) -> (Node, PathBuf) {
    let (home, file) = (cluster.folder().join("sealed"), cluster.folder().join("password"));
    write_password(&file, PASSWORD);
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let file_text = text(&file);
    run_in(&home, &["init", "--mode", "validator", "--encrypt", "--password-file", &file_text]).ok();
    let (genesis, public) = (text(&cluster.folder().join("sealed.json")), text(&home.join("validator_public.json")));
    let new = ["genesis", "new", "--chain-id", "sealed", "--engine", "solo", "--validator", &public, "--out", &genesis];
    run_in(&home, &new).ok();
    run_in(&home, &["init", "--genesis", &genesis, "--password-file", &file_text]).ok();
    let key = std::fs::read_to_string(home.join("validator_key.json")).expect("the key file");
    assert!(key.contains("ciphertext") && !key.contains("seeds"), "{key}");
    (Node::new(home, Ports::of(free_base(1), 0).expect("free ports")), file)
}

fn write_password(file: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(file);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    file.and_then(|mut file| writeln!(file, "{text}")).expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_validator_key_is_opened_by_its_password_alone() {
    let cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let (mut node, file) = encrypted(&cluster);
    let rpc = format!("rpc.listen=127.0.0.1:{}", node.ports.rpc);
    let words: &[&str] = &["--set", &rpc];
    // The file that `tb init` wrote into node.toml.
    node.start_with(words, &[]);
    let height = node.reaches(2, START_TIME).await;
    node.stop();

    write_password(&file, "another password");
    let refusal = node.start_refused(words, &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (UNAUTHORIZED, "key_locked"), "{refusal:?}");
    assert!(refusal.error.contains("validator_key.json"), "{refusal:?}");

    std::fs::remove_file(&file).expect("it is ours");
    let refusal = node.start_refused(words, &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (NOT_FOUND, "password_file_missing"), "{refusal:?}");
    assert!(refusal.error.contains(file.to_str().expect("text")), "{refusal:?}");

    // Both ways at once leave open which one is meant.
    let variable = [("TB_VALIDATOR_KEY_PASSWORD", PASSWORD)];
    let refusal = node.start_refused(words, &variable).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (CONFIG, "config"), "{refusal:?}");

    // Without a password, and nobody at a terminal.
    let toml = node.home.join("node.toml");
    let text = std::fs::read_to_string(&toml).expect("the configuration");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("validator_key_password_file")).collect();
    std::fs::write(&toml, lines.join("\n")).expect("written");
    let refusal = node.start_refused(words, &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (UNAUTHORIZED, "key_locked"), "{refusal:?}");
    assert!(refusal.hint.contains("validator_key_password_file"), "{refusal:?}");

    // The environment is taken, with a warning; the chain goes on from where it was.
    node.start_with(words, &variable);
    node.reaches(height + 1, START_TIME).await;
    assert!(node.log().contains("other programs of this user can read it"), "a warning");
    assert!(!node.log().contains(PASSWORD), "the password is in no log");
    node.stop();
}
