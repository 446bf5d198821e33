//! The folders of a throw-away network.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;

use cli::devnet::layout::{ACCOUNT_BALANCE, Network, Ports, Wanted, prepare};
use config::{Home, Mode, NodeConfig};
use primitives::{Engine, Params};
use rpc::ExitCode;
use wallet::key_file::read_password;
use wallet::{Keystore, NodeKey, ValidatorKey, ValidatorSigner};

fn wanted(nodes: u16, base_port: u16) -> Wanted {
    Wanted {
        engine: Engine::Bft,
        nodes: Some(nodes),
        base_port: Some(base_port),
        block_interval_ms: Some(250),
        params: None,
        gates: Vec::new(),
    }
}

/// A base whose ports for `nodes` nodes are free at this moment.
fn free_base(nodes: u16) -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let probes = std::iter::repeat_with(|| {
        let probe = TcpListener::bind("127.0.0.1:0").expect("the system has ports");
        probe.local_addr().expect("it is bound").port()
    });
    let mut bases = probes.take(100).filter(|base| {
        (0..nodes).all(|index| {
            Ports::of(*base, index)
                .is_some_and(|ports| is_free(ports.consensus) && is_free(ports.p2p) && is_free(ports.rpc))
        })
    });
    bases.next().expect("some ports of this machine are free")
}

/// Makes a network; another test may take a port in between, then others are tried.
fn made(root: &Path, nodes: u16) -> Network {
    let tries = std::iter::repeat_with(|| prepare(root, &wanted(nodes, free_base(nodes)), false)).take(10);
    let is_busy = |failure: &cli::Failure| failure.error.code == "port_busy";
    let mut ended = tries.skip_while(|made| made.as_ref().err().is_some_and(is_busy));
    ended.next().expect("the ports are not busy ten times").expect("a network")
}

#[test]
fn a_network_is_complete_and_every_node_would_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = made(folder.path(), 4);
    network.genesis.validate().expect("a valid genesis");
    assert_eq!(network.genesis.validators.len(), 4);
    assert_eq!(network.genesis.params.block_interval_ms, 250);
    assert_eq!(network.genesis.accounts.len(), 10);
    assert!(network.genesis.accounts.iter().all(|account| account.balance == ACCOUNT_BALANCE));
    let mut ports = BTreeSet::new();
    for node in &network.nodes {
        let loaded = NodeConfig::load(&node.home, &[], |_| None).expect("a good configuration");
        let config = loaded.config;
        assert_eq!((config.mode, config.moniker.as_str()), (Mode::Validator, node.name.as_str()));
        assert_eq!((config.consensus.peers.len(), config.p2p.peers.len()), (3, 3));
        assert!(!config.consensus.peers.contains(&config.consensus.listen), "a node is not its own peer");
        assert_eq!(config.rpc.listen.port(), node.ports.rpc);
        ports.extend([node.ports.consensus, node.ports.p2p, node.ports.rpc]);
        let report = config::check(&node.home, &[], |_| None);
        assert!(report.is_clean(), "{:?}", report.problems);
        let key = ValidatorKey::load(&node.home.validator_key(), None).expect("a plain key").key;
        assert!(network.genesis.validators.iter().any(|entry| entry.public_key == key.consensus.public_key()));
        NodeKey::load(&node.home.node_key(), None).expect("a plain key");
        // Not new: the guard must be there.
        ValidatorSigner::open(key.consensus, &node.home.guard(), &network.genesis.hash(), false)
            .expect("a guard of this chain");
    }
    assert_eq!(ports.len(), 12, "no port is used twice");
}

#[test]
fn a_network_is_used_again_and_its_shape_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = made(folder.path(), 2);
    let anything = Wanted {
        engine: Engine::Bft,
        nodes: None,
        base_port: None,
        block_interval_ms: None,
        params: None,
        gates: Vec::new(),
    };
    let again = prepare(folder.path(), &anything, false).expect("the same network");
    assert_eq!(first.genesis.hash(), again.genesis.hash());
    assert_eq!(first.shape, again.shape);
    let other = Wanted { nodes: Some(3), params: None, gates: Vec::new(), ..anything };
    let failure = prepare(folder.path(), &other, false).expect_err("another shape");
    assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "other_devnet"));
    let solo = Wanted { engine: Engine::Solo, params: None, gates: Vec::new(), ..anything };
    assert_eq!(prepare(folder.path(), &solo, false).expect_err("another engine").error.code, "other_devnet");
}

#[test]
fn gates_and_parameters_of_a_chain_that_is_there_are_kept_and_others_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let gated = |nodes, base, gates: &[&str]| Wanted {
        gates: gates.iter().map(|gate| gate.parse().expect("a gate")).collect(),
        ..wanted(nodes, base)
    };
    let tries =
        std::iter::repeat_with(|| prepare(folder.path(), &gated(1, free_base(1), &["recursive_proofs"]), false));
    let first = tries.take(10).find_map(Result::ok).expect("the ports are not busy ten times");
    let base = first.shape.base_port;
    for same in [&[][..], &["recursive_proofs"], &["recursive_proofs@1"]] {
        let again = prepare(folder.path(), &gated(1, base, same), false).expect("the same network");
        assert_eq!(first.genesis.hash(), again.genesis.hash());
    }
    for (other, named) in [("consensus_enforcement", "consensus_enforcement"), ("recursive_proofs@9", "height 9")] {
        let failure = prepare(folder.path(), &gated(1, base, &[other]), false).expect_err("another gate");
        assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "other_chain"));
        assert!(failure.error.error.contains(named) && failure.error.hint.contains("--home"), "{failure:?}");
    }
    let same = Wanted { params: Some(Params::default()), ..wanted(1, base) };
    prepare(folder.path(), &same, false).expect("the time between blocks is an option of its own");
    let params = Some(Params { window_blocks: 7, ..Params::default() });
    let failure = prepare(folder.path(), &Wanted { params, ..wanted(1, base) }, false).expect_err("other parameters");
    assert_eq!(failure.error.code, "other_chain");
    let fresh = prepare(folder.path(), &gated(1, base, &["consensus_enforcement"]), true);
    assert_ne!(fresh.expect("a new chain").genesis.hash(), first.genesis.hash());
}

#[test]
fn the_prover_of_a_chain_that_takes_proofs_has_a_funded_key_and_submits() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = |network: &Network| -> Vec<String> {
        let prover = network.prover().expect("a folder").expect("there is a node");
        prover.words().into_iter().map(|word| word.into_string().expect("text")).collect()
    };
    let plain = made(&folder.path().join("plain"), 1);
    assert!(!words(&plain).contains(&"--submit".to_owned()), "nothing is taken there");
    let gates = vec!["recursive_proofs".parse().expect("a gate")];
    let root = folder.path().join("gated");
    let tries =
        std::iter::repeat_with(|| prepare(&root, &Wanted { gates: gates.clone(), ..wanted(1, free_base(1)) }, false));
    let gated = tries.take(10).find_map(Result::ok).expect("the ports are not busy ten times");
    let said = words(&gated).join(" ");
    assert!(said.ends_with("--submit prover --bond 20"), "{said}");
    let home = root.join("prover");
    let name = "prover".parse().expect("a name");
    let key = Keystore::new(home.join("keys")).entry(&name).expect("it is there");
    let funded = gated.genesis.accounts.iter().find(|account| account.address == key.address).expect("it is funded");
    assert!(funded.balance > gated.genesis.params.proving.bond_min);
    let password = read_password(&home.join("password")).expect("beside it").key;
    Keystore::new(home.join("keys")).unlock(&name, &password).expect("it opens");
}

#[test]
fn fresh_begins_a_new_chain_and_an_interrupted_start_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = made(folder.path(), 1);
    let again = Wanted {
        engine: Engine::Bft,
        nodes: Some(1),
        base_port: Some(first.shape.base_port),
        block_interval_ms: Some(250),
        params: None,
        gates: Vec::new(),
    };
    let fresh = prepare(folder.path(), &again, true).expect("a new chain");
    assert_ne!(first.genesis.hash(), fresh.genesis.hash());
    let marker = folder.path().join("devnet.json");
    let text = std::fs::read_to_string(&marker).expect("the marker");
    std::fs::write(&marker, text.replace("\"complete\": true", "\"complete\": false")).expect("written");
    let repaired = prepare(folder.path(), &again, false).expect("made again");
    assert_ne!(fresh.genesis.hash(), repaired.genesis.hash());
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("thesis.txt");
    std::fs::write(&file, "years of work").expect("written");
    for fresh in [false, true] {
        let failure = prepare(folder.path(), &wanted(1, 40_000), fresh).expect_err("not ours");
        assert_eq!(failure.error.code, "not_a_devnet");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "years of work");
}

#[test]
fn busy_ports_are_named_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("net");
    let taken = TcpListener::bind("127.0.0.1:0").expect("the system has ports");
    let port = taken.local_addr().expect("it is bound").port();
    // The taken one is the RPC port of the first node.
    let failure = prepare(&root, &wanted(1, port - 2), false).expect_err("a busy port");
    assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "port_busy"));
    assert!(failure.error.error.contains(&format!("TCP {port} (RPC)")), "{}", failure.error.error);
    assert!(!root.exists(), "nothing was made");
}

#[test]
fn impossible_shapes_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (nodes, base) in [(0, 30_000), (33, 30_000), (4, 0), (4, 65_530), (1, 65_534)] {
        let failure = prepare(folder.path(), &wanted(nodes, base), false).expect_err("impossible");
        assert_eq!(failure.exit, ExitCode::Usage, "{nodes} nodes from port {base}");
    }
}

#[test]
fn ports_follow_the_plan() {
    let second = Ports::of(26_656, 1).expect("in range");
    assert_eq!((second.consensus, second.p2p, second.rpc), (26_666, 26_667, 26_668));
    assert_eq!(second.rpc_url(), "http://127.0.0.1:26668");
    assert!(Ports::of(65_534, 0).is_none());
}

#[test]
fn the_first_payment_can_be_pasted() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = made(&folder.path().join("it's here"), 1);
    let line = network.first_payment(None);
    assert!(line.starts_with("tb tx transfer "), "{line}");
    for (typed, shown) in [("tb", "tb "), ("./my builds/tb", "'./my builds/tb' "), ("/bin/rpp-node", "tb ")] {
        let line = network.first_payment(Some(typed.as_ref()));
        assert!(line.starts_with(&format!("{shown}tx transfer")), "{line}");
    }
    assert!(line.contains(r"it'\''s here'"), "{line}");
    assert!(line.contains(&format!("--rpc http://127.0.0.1:{}", network.nodes[0].ports.rpc)), "{line}");
    assert!(line.ends_with("--from account-1 --to account-2 --amount 12.5"), "{line}");
    // The key and password that it needs are there.
    assert!(Home::new(&network.root).keys().join("account-1.json").exists());
    assert!(network.root.join("password").exists());
}
