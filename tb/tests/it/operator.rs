//! A chain made by hand, with the commands that operators use: keys, homes, genesis file, nodes, payments.

use std::path::{Path, PathBuf};

use cli::devnet::layout::Ports;
use serde_json::Value;

use crate::cluster::{Node, START_TIME, Turn, free_base};
use crate::command::{run, run_in, tb};

/// Validators of the chain.
const VALIDATORS: u16 = 2;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn path(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

/// The addresses of all nodes, and one of them as configuration.
fn settings(all: &[Ports], own: usize) -> Vec<String> {
    let others = |address: &dyn Fn(&Ports) -> String| {
        let others = all.iter().enumerate().filter(|(index, _)| *index != own);
        others.map(|(_, ports)| address(ports)).collect::<Vec<_>>().join(",")
    };
    let ports = all[own];
    [
        format!("consensus.listen=/ip4/127.0.0.1/tcp/{}", ports.consensus),
        format!("consensus.peers={}", others(&|ports| format!("/ip4/127.0.0.1/tcp/{}", ports.consensus))),
        format!("p2p.listen=/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p),
        format!("p2p.peers={}", others(&|ports| format!("/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p))),
        format!("rpc.listen=127.0.0.1:{}", ports.rpc),
    ]
    .into_iter()
    .flat_map(|setting| ["--set".to_owned(), setting])
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_made_by_hand_with_the_operators_commands_pays() {
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let wallet = folder.path().join("wallet");
    std::fs::create_dir_all(&wallet).expect("a folder");
    let password = wallet.join("password");
    std::fs::write(&password, "a password of the test\n").expect("written");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&password, private).expect("permissions");
    let alice = text(&run_in(&wallet, &["keys", "new", "alice"]).ok()["address"]);
    run_in(&wallet, &["keys", "new", "bob"]).ok();

    // Each validator makes its home and hands out its public half …
    let base = free_base(VALIDATORS);
    let ports: Vec<Ports> = (0..VALIDATORS).map(|index| Ports::of(base, index).expect("free ports")).collect();
    let homes: Vec<PathBuf> = (0..VALIDATORS).map(|index| folder.path().join(format!("validator{index}"))).collect();
    let genesis = folder.path().join("genesis.json");
    let mut words = vec!["genesis".to_owned(), "new".to_owned(), "--chain-id".to_owned(), "by-hand".to_owned()];
    for home in &homes {
        run_in(home, &["init", "--mode", "validator"]).ok();
        words.extend(["--validator".to_owned(), path(&home.join("validator_public.json"))]);
    }
    // … somebody makes the genesis file, and each puts it into its home.
    words.extend(["--account".to_owned(), "alice=1000".to_owned(), "--block-interval-ms".to_owned(), "200".to_owned()]);
    words.extend(["--out".to_owned(), path(&genesis)]);
    let made = run(tb().args(&words).arg("--home").arg(&wallet)).ok();
    let file = std::fs::read_to_string(&genesis).expect("the genesis file");
    assert!(file.contains(&alice), "a key of the home stands for its address");
    let mut nodes = Vec::new();
    for (index, home) in homes.iter().enumerate() {
        let joined = run_in(home, &["init", "--genesis", &path(&genesis)]).ok();
        assert_eq!(joined["genesis_hash"], made["genesis_hash"]);
        let again = run_in(home, &["init", "--genesis", &path(&genesis)]).refused();
        assert_eq!(again.code, "exists", "nothing is ever overwritten: {again:?}");
        let settings = settings(&ports, index);
        run(tb().args(["config", "check", "--home"]).arg(home).args(&settings)).ok();
        let mut node = Node::new(home.clone(), ports[index]);
        node.start_with(&settings.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        nodes.push(node);
    }
    for node in &nodes {
        node.reaches(2, START_TIME).await;
    }

    let (one, two) = (ports[0].rpc_url(), ports[1].rpc_url());
    {
        // One file for all, and its hash for comparing: of the file that was made, and of what each node runs.
        let _genesis = testkit::contract!("S000-018");
        assert!(file.contains("\"power\"") && file.contains("1000000000"), "accounts, balances and stakes: {file}");
        for (url, home) in ports.iter().map(|ports| ports.rpc_url()).zip(&homes) {
            let shown = run_in(&wallet, &["status", "--rpc", &url]).ok();
            assert_eq!(shown["genesis_hash"], made["genesis_hash"]);
            let copy = std::fs::read_to_string(home.join("genesis.json")).expect("its copy");
            let parsed = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
            assert_eq!(parsed(&copy), parsed(&file));
        }
    }
    let paid =
        run_in(&wallet, &["tx", "transfer", "--from", "alice", "--to", "bob", "--amount", "12.5", "--rpc", &one]);
    let status = paid.ok();
    let (id, height) = (text(&status["id"]), status["height"].to_string());
    assert_eq!(status["receipt"]["outcome"], "success");
    let wait = run_in(&wallet, &["tx", "wait", &id, "--rpc", &two]).ok();
    assert_eq!((&wait["id"], &wait["height"]), (&status["id"], &status["height"]));
    let shown = run_in(&wallet, &["tx", "show", &id, "--rpc", &two]).ok();
    assert_eq!(
        (&shown["id"], &shown["stage"], &shown["receipt"]),
        (&status["id"], &"finalized".into(), &status["receipt"])
    );
    let block = run_in(&wallet, &["block", "show", &height, "--rpc", &two]).ok();
    assert!(block["transactions"].as_array().is_some_and(|ids| ids.contains(&status["id"])), "{block}");
    let bob = run_in(&wallet, &["account", "show", "bob", "--rpc", &two]).ok();
    assert_eq!((&bob["balance"], &bob["opened"]), (&12_500_000.into(), &true.into()));
    let history = run_in(&wallet, &["account", "history", "bob", "--rpc", &two]).ok();
    assert_eq!(history["entries"][0]["transaction"], status["id"], "{history}");
    let consensus = run_in(&wallet, &["node", "consensus", "--status", "--rpc", &two]).ok();
    assert_eq!(consensus["validators"].as_array().map(Vec::len), Some(usize::from(VALIDATORS)));

    // More than there is: refused before anything is signed, or final and failed; never silently paid.
    let too_much =
        run_in(&wallet, &["tx", "transfer", "--from", "bob", "--to", "alice", "--amount", "500", "--rpc", &two]);
    let refusal = too_much.refused();
    assert_eq!(refusal.exit, 4, "{refusal:?}");
    let bob = run_in(&wallet, &["account", "show", "bob", "--rpc", &two]).ok();
    assert!(bob["balance"].as_u64().is_some_and(|balance| balance > 12_000_000), "{bob}");
    // Nobody at the address: a connection failure with its own number.
    nodes.iter_mut().for_each(Node::stop);
    let refusal = run_in(&wallet, &["node", "status", "--rpc", &one]).refused();
    assert_eq!(refusal.exit, 3, "{refusal:?}");
}
