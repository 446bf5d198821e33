//! The folders of a throw-away network: made once, used again.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use config::{Home, Mode};
use primitives::{Address, Amount, Engine, Genesis, GenesisAccount, Params};
use rpc::ExitCode;
use serde::{Deserialize, Serialize};
use wallet::key_file::read_password;
use wallet::seal::MEMORY_KIB_MIN;
use wallet::{KdfParams, KeyName, Keystore, Password, ValidatorKey, draw};

use crate::commands::genesis::{self, GateArgument};
use crate::context::PASSWORD_FILE;
use crate::exit::Failure;
use crate::provision::{NewHome, join_chain, read_genesis, read_json, write_new};
use crate::release::files::PROGRAM;

/// Funded accounts.
pub const ACCOUNTS: u16 = 10;
/// What each of them starts with.
pub const ACCOUNT_BALANCE: Amount = Amount::from_blocks(1_000_000);
/// What an account of a crowd starts with.
const CROWD_BALANCE: Amount = Amount::from_blocks(1);
/// What the pool that pays provers starts with, where blocks take proofs.
pub const PROVER_POOL_BALANCE: Amount = Amount::from_blocks(10_000);
/// What the network's own prover starts with, where blocks take proofs.
const PROVER_BALANCE: Amount = Amount::from_blocks(1_000);
/// What it bonds of that, BLOCK: twice the least bond of an ordinary chain.
const PROVER_BOND: &str = "20";
/// Its key, in its own folder.
const PROVER_KEY: &str = "prover";
/// Validators when nothing else is said.
pub const NODES_DEFAULT: u16 = 4;
/// Most validators: each is a process of this machine.
pub const NODES_MAX: u16 = 32;
/// First port of the first node.
pub const BASE_PORT_DEFAULT: u16 = 26_656;
/// Ports from one node to the next.
pub const PORT_STEP: u16 = 10;
/// What a node logs into its file: all but the engine's line for every single vote.
const NODE_LOG: &str = "info,arc_malachitebft_core_consensus=warn,arc_malachitebft_engine=warn";
/// What `tb dev` logs: its terminal belongs to a person.
const SOLO_LOG: &str = "warn";
/// The file that marks a folder as a throw-away network.
const MARKER: &str = "devnet.json";
/// Largest marker that is read, bytes.
const MARKER_BYTES_MAX: u64 = 4 * 1024;
/// Format of the marker.
const MARKER_VERSION: u32 = 1;

/// What a network is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    version: u32,
    /// What makes blocks.
    pub engine: Engine,
    /// Validators.
    pub nodes: u16,
    /// First port of the first node.
    pub base_port: u16,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: u64,
    complete: bool,
}

/// What the command line asks for; `None` takes what is there, or the default.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What makes blocks.
    pub engine: Engine,
    /// Validators.
    pub nodes: Option<u16>,
    /// First port of the first node.
    pub base_port: Option<u16>,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: Option<u64>,
    /// Parameters of a new chain, besides the time between blocks.
    pub params: Option<Params>,
    /// Gates of a new chain, besides that of the engine.
    pub gates: Vec<GateArgument>,
}

/// The three ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Consensus, TCP.
    pub consensus: u16,
    /// Gossip, QUIC and TCP.
    pub p2p: u16,
    /// RPC and metrics, TCP.
    pub rpc: u16,
}

/// A funded account.
#[derive(Debug, Clone, Serialize)]
pub struct Funded {
    /// Name of its key.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// What it starts with, µBLOCK.
    pub balance: Amount,
}

/// One validator.
#[derive(Debug, Clone)]
pub struct NodeHome {
    /// Its name.
    pub name: String,
    /// Its home directory.
    pub home: Home,
    /// Its ports.
    pub ports: Ports,
    /// Its address.
    pub address: Address,
}

/// The prover of a network.
#[derive(Debug, Clone)]
pub struct ProverHome {
    /// Its home directory; it exists.
    pub home: PathBuf,
    /// The genesis file of its chain.
    pub genesis: PathBuf,
    /// The nodes that get its proofs; it follows the first.
    pub nodes: Vec<String>,
    /// Whether it has a key, and brings the chain proof onto the chain with it.
    pub submits: bool,
}

impl ProverHome {
    /// The command line of its process: one thread at a low priority, so that blocks come first.
    pub fn words(&self) -> Vec<OsString> {
        let fixed = ["prover", "--json", "--stop-with-stdin", "--threads", "1", "--nice", "15"];
        let mut words: Vec<OsString> = fixed.map(OsString::from).to_vec();
        words.extend(["--home".into(), self.home.clone().into(), "--genesis".into(), self.genesis.clone().into()]);
        words.extend(self.nodes.iter().flat_map(|url| ["--node".into(), url.into()]));
        if self.submits {
            words.extend(["--submit", PROVER_KEY, "--bond", PROVER_BOND].map(OsString::from));
        }
        words
    }
}

impl Network {
    /// The home of the network's prover; makes the folder.
    ///
    /// # Errors
    /// [`Failure`] when the disk refuses.
    pub fn prover(&self) -> Result<Option<ProverHome>, Failure> {
        let Some(first) = self.nodes.first() else { return Ok(None) };
        let home = prover_home(&self.root);
        fs::create_dir_all(&home).map_err(|cause| Failure::disk(&home, &cause))?;
        let nodes = self.nodes.iter().map(|node| node.ports.rpc_url()).collect();
        let submits = home.join("keys").exists();
        Ok(Some(ProverHome { home, genesis: first.home.genesis_json(), nodes, submits }))
    }
}

/// A network whose folders are there.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its folder.
    pub root: PathBuf,
    /// What it is made of.
    pub shape: Shape,
    /// The start of its chain.
    pub genesis: Genesis,
    /// Its validators.
    pub nodes: Vec<NodeHome>,
    /// Its funded accounts.
    pub accounts: Vec<Funded>,
    /// True when it was made just now, so that its chain begins at genesis.
    pub is_new: bool,
}

impl Ports {
    /// The ports of node `index`, counted from 0; `None` beyond the last port.
    pub fn of(base: u16, index: u16) -> Option<Self> {
        let consensus = index.checked_mul(PORT_STEP).and_then(|offset| base.checked_add(offset))?;
        Some(Self { consensus, p2p: consensus.checked_add(1)?, rpc: consensus.checked_add(2)? })
    }

    /// The URL of the RPC.
    pub fn rpc_url(self) -> String {
        format!("http://127.0.0.1:{}", self.rpc)
    }

    /// What is in use by somebody else, in words.
    fn busy(self) -> Vec<String> {
        let tcp = [("consensus", self.consensus), ("gossip", self.p2p), ("RPC", self.rpc)];
        let mut busy: Vec<String> = tcp
            .into_iter()
            .filter(|(_, port)| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err())
            .map(|(what, port)| format!("TCP {port} ({what})"))
            .collect();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, self.p2p)).is_err() {
            busy.push(format!("UDP {} (gossip)", self.p2p));
        }
        busy
    }
}

impl Shape {
    /// What there will be: the wishes, and for the rest what is there or the defaults.
    ///
    /// # Errors
    /// [`Failure`] when a wish differs from what is there, or is out of range.
    pub fn resolve(wanted: &Wanted, present: Option<&Self>) -> Result<Self, Failure> {
        let shape = Self {
            version: MARKER_VERSION,
            engine: wanted.engine,
            nodes: wanted.nodes.or(present.map(|shape| shape.nodes)).unwrap_or(NODES_DEFAULT),
            base_port: wanted.base_port.or(present.map(|shape| shape.base_port)).unwrap_or(BASE_PORT_DEFAULT),
            block_interval_ms: wanted
                .block_interval_ms
                .or(present.map(|shape| shape.block_interval_ms))
                .unwrap_or(Params::default().block_interval_ms),
            complete: true,
        };
        if shape.nodes == 0 || shape.nodes > NODES_MAX {
            return Err(Failure::usage(format!("--nodes is {}", shape.nodes), format!("choose 1 to {NODES_MAX}")));
        }
        if Ports::of(shape.base_port, shape.nodes - 1).is_none() || shape.base_port == 0 {
            return Err(Failure::usage(
                format!("--base-port {} leaves no room for {} nodes", shape.base_port, shape.nodes),
                format!("each node takes {PORT_STEP} ports; the last port is {}", u16::MAX),
            ));
        }
        match present {
            Some(present) if *present != shape => Err(Failure::new(
                ExitCode::Refused,
                "other_devnet",
                format!("the folder holds a network of another shape: {}", present.describe()),
                "leave the options out to start that one, use --fresh to delete it, or another --home",
            )),
            _ => Ok(shape),
        }
    }

    fn describe(&self) -> String {
        let engine = if self.engine == Engine::Solo { "solo" } else { "bft" };
        format!(
            "engine {engine}, {} nodes, base port {}, block interval {} ms",
            self.nodes, self.base_port, self.block_interval_ms
        )
    }

    fn ports(&self, index: u16) -> Ports {
        Ports::of(self.base_port, index).expect("the shape was checked")
    }
}

/// The shape of the network in `root`; `None` for a folder that is empty or not there.
///
/// # Errors
/// [`Failure`] for a folder that holds something else.
fn present(root: &Path) -> Result<Option<Shape>, Failure> {
    let marker = root.join(MARKER);
    if marker.exists() {
        let shape: Shape = read_json(&marker, MARKER_BYTES_MAX)?;
        if shape.version != MARKER_VERSION {
            return Err(Failure::new(
                ExitCode::Refused,
                "devnet_version",
                format!("{} was made by another version of tb", root.display()),
                "start it with --fresh to delete it and begin again",
            ));
        }
        return Ok(Some(shape));
    }
    match fs::read_dir(root).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Failure::new(
            ExitCode::Refused,
            "not_a_devnet",
            format!("{} is not empty and holds no network of this command", root.display()),
            "name another folder with --home; nothing was changed",
        )),
        Ok(false) => Ok(None),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Failure::disk(root, &cause)),
    }
}

/// Makes the network in `root`, or takes the one that is there. `fresh` deletes that one first.
///
/// # Errors
/// [`Failure`] when ports are busy, the folder holds something else or a chain with other gates or parameters, or the disk
/// refuses.
pub fn prepare(root: &Path, wanted: &Wanted, fresh: bool) -> Result<Network, Failure> {
    prepare_crowded(root, wanted, 0, fresh)
}

/// The same; a chain that is made has so many accounts more, of which nobody has a key.
///
/// # Errors
/// As [`prepare`]. A chain that is there is taken as it is, whatever number of accounts it has.
pub fn prepare_crowded(root: &Path, wanted: &Wanted, crowd: u32, fresh: bool) -> Result<Network, Failure> {
    let found = present(root)?;
    // What an interrupted start left behind cannot be used.
    let usable = found.as_ref().filter(|shape| shape.complete && !fresh);
    let shape = Shape::resolve(wanted, usable)?;
    check_ports(&shape)?;
    if usable.is_some() {
        let network = open(root, shape, false)?;
        check_chain(&network, wanted)?;
        return Ok(network);
    }
    if found.is_some() {
        fs::remove_dir_all(root).map_err(|cause| Failure::disk(root, &cause))?;
    }
    make(root, shape, wanted.params.clone().unwrap_or_default(), &wanted.gates, crowd)
}

/// Gates and parameters are part of genesis: what is wished for must be what the chain has.
fn check_chain(network: &Network, wanted: &Wanted) -> Result<(), Failure> {
    let Network { root, genesis, shape, .. } = network;
    let absent = wanted.gates.iter().find(|gate| !genesis.gates.contains(gate.activation()));
    let params = wanted.params.clone().map(|params| Params { block_interval_ms: shape.block_interval_ms, ..params });
    let what = match (absent, params) {
        (Some(gate), _) => {
            format!("does not have the gate {} from height {} on", gate.name(), gate.activation().height)
        }
        (None, Some(params)) if params != genesis.params => "has other parameters than --params says".to_owned(),
        (None, _) => return Ok(()),
    };
    Err(Failure::new(
        ExitCode::Refused,
        "other_chain",
        format!("the chain in {} {what}; both are set when a chain begins", root.display()),
        "begin one in another folder with --home DIR, or delete this one with --fresh; nothing was started",
    ))
}

fn check_ports(shape: &Shape) -> Result<(), Failure> {
    let busy: Vec<String> = (0..shape.nodes).flat_map(|index| shape.ports(index).busy()).collect();
    if busy.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Refused,
        "port_busy",
        format!("these ports of this machine are in use: {}", busy.join(", ")),
        "stop what uses them (another devnet?), or choose others with --base-port; nothing was started",
    ))
}

fn make(root: &Path, shape: Shape, params: Params, gates: &[GateArgument], crowd: u32) -> Result<Network, Failure> {
    fs::create_dir_all(root).map_err(|cause| Failure::disk(root, &cause))?;
    write_marker(root, &Shape { complete: false, ..shape.clone() })?;
    let accounts = make_accounts(root)?;
    let mut validators = Vec::new();
    for index in 0..shape.nodes {
        let settings = settings(&shape, index);
        let (name, home) = node_home(root, index);
        let new = NewHome { home: &home, mode: Mode::Validator, moniker: &name, settings: &settings, password: None };
        validators.extend(new.create()?);
    }
    let params = Params { block_interval_ms: shape.block_interval_ms, ..params };
    let pool = GenesisAccount { address: Address::of_module("prover_pool"), balance: PROVER_POOL_BALANCE };
    let takes_proofs = gates.iter().any(|gate| gate.is("recursive_proofs"));
    let prover = takes_proofs.then(|| make_prover(root)).transpose()?;
    let prover = prover.map(|address| GenesisAccount { address, balance: PROVER_BALANCE });
    let funded = accounts.iter().map(|account| GenesisAccount { address: account.address, balance: account.balance });
    let of_crowd = |number| Address::of_module(&format!("crowd-{number}"));
    let crowd = (0..crowd).map(|number| GenesisAccount { address: of_crowd(number), balance: CROWD_BALANCE });
    let funded = funded.chain(takes_proofs.then_some(pool)).chain(prover).chain(crowd).collect();
    let chain_id = if shape.engine == Engine::Solo { "dev" } else { "devnet" };
    let genesis = genesis::make(chain_id, shape.engine, params, funded, &validators, gates)?;
    for index in 0..shape.nodes {
        let (_, home) = node_home(root, index);
        let key = ValidatorKey::load(&home.validator_key(), None)?.key;
        join_chain(&home, &genesis, Some(key), None)?;
    }
    write_new(&root.join("genesis.json"), genesis.to_json().as_bytes(), 0o644)?;
    write_marker(root, &shape)?;
    open(root, shape, true)
}

fn write_marker(root: &Path, shape: &Shape) -> Result<(), Failure> {
    let path = root.join(MARKER);
    let text = serde_json::to_string_pretty(shape).expect("a shape is text and numbers");
    fs::write(&path, text).map_err(|cause| Failure::disk(&path, &cause))
}

/// The folder of the network's prover.
fn prover_home(root: &Path) -> PathBuf {
    root.join("prover")
}

/// Makes the key that the network's prover brings chain proofs with.
fn make_prover(root: &Path) -> Result<Address, Failure> {
    let home = prover_home(root);
    fs::create_dir_all(&home).map_err(|cause| Failure::disk(&home, &cause))?;
    let (keystore, password) = keystore_in(&home)?;
    let name = PROVER_KEY.parse().expect("a plain word is a name");
    Ok(keystore.create(&name, &password, &*draw()?)?.0.address)
}

/// Makes the funded accounts. Their key files are cheap to open, because their password lies beside them.
fn make_accounts(root: &Path) -> Result<Vec<Funded>, Failure> {
    let (keystore, password) = keystore_in(root)?;
    (1..=ACCOUNTS)
        .map(|number| {
            let (entry, _) = keystore.create(&account_name(number), &password, &*draw()?)?;
            Ok(Funded { name: entry.name.to_string(), address: entry.address, balance: ACCOUNT_BALANCE })
        })
        .collect()
}

/// A new key store in a folder, with its password beside it.
fn keystore_in(home: &Path) -> Result<(Keystore, Password), Failure> {
    let path = home.join(PASSWORD_FILE);
    let password = hex::encode(&draw::<16>()?[..]);
    write_new(&path, format!("{password}\n").as_bytes(), 0o600)?;
    let password = read_password(&path)?.key;
    let kdf = KdfParams { memory_kib: MEMORY_KIB_MIN, passes: 1, lanes: 1 };
    Ok((Keystore::with_kdf(home.join("keys"), kdf), password))
}

/// The name of funded account `number`, counted from 1.
pub fn account_name(number: u16) -> KeyName {
    format!("account-{number}").parse().expect("the characters of a key name")
}

fn node_home(root: &Path, index: u16) -> (String, Home) {
    let name = format!("node{}", index.saturating_add(1));
    let home = Home::new(root.join(&name));
    (name, home)
}

/// The configuration of node `index`: its ports and its peers.
fn settings(shape: &Shape, index: u16) -> Vec<(&'static str, String)> {
    let own = shape.ports(index);
    let others = || (0..shape.nodes).filter(move |other| *other != index).map(|other| shape.ports(other));
    let list = |addresses: Vec<String>| addresses.join(",");
    vec![
        ("consensus.listen", format!("/ip4/127.0.0.1/tcp/{}", own.consensus)),
        ("consensus.peers", list(others().map(|ports| format!("/ip4/127.0.0.1/tcp/{}", ports.consensus)).collect())),
        ("p2p.listen", format!("/ip4/127.0.0.1/udp/{0}/quic-v1,/ip4/127.0.0.1/tcp/{0}", own.p2p)),
        ("p2p.peers", list(others().map(|ports| format!("/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p)).collect())),
        ("rpc.listen", format!("127.0.0.1:{}", own.rpc)),
        ("log.level", if shape.engine == Engine::Solo { SOLO_LOG } else { NODE_LOG }.to_owned()),
    ]
}

/// The network whose folders are in `root`.
fn open(root: &Path, shape: Shape, is_new: bool) -> Result<Network, Failure> {
    let genesis = read_genesis(&root.join("genesis.json"))?;
    let keystore = Keystore::new(root.join("keys"));
    let mut accounts = Vec::new();
    for number in 1..=ACCOUNTS {
        let entry = keystore.entry(&account_name(number))?;
        accounts.push(Funded { name: entry.name.to_string(), address: entry.address, balance: ACCOUNT_BALANCE });
    }
    let mut nodes = Vec::new();
    for index in 0..shape.nodes {
        let (name, home) = node_home(root, index);
        let key = ValidatorKey::load(&home.validator_key(), None)?.key;
        let address = Address::of_key(&key.consensus.public_key());
        nodes.push(NodeHome { name, home, ports: shape.ports(index), address });
    }
    Ok(Network { root: root.to_owned(), shape, genesis, nodes, accounts, is_new })
}

impl Network {
    /// The first payment, ready to be pasted; `program` is how this one was started, the first of its arguments.
    pub fn first_payment(&self, program: Option<&OsStr>) -> String {
        let url = self.nodes.first().map(|node| node.ports.rpc_url()).unwrap_or_default();
        let rpc = if url == crate::args::RPC_URL_DEFAULT { String::new() } else { format!(" --rpc {url}") };
        format!(
            "{} tx transfer --home {}{rpc} --from account-1 --to account-2 --amount 12.5",
            started_as(program),
            shell_word(&self.root.display().to_string())
        )
    }
}

/// The program as it was typed, where that was a path: `tb` alone would not be found.
fn started_as(program: Option<&OsStr>) -> String {
    match program.map(Path::new) {
        Some(path) if path.file_name() == Some(OsStr::new(PROGRAM)) => shell_word(&path.display().to_string()),
        _ => PROGRAM.to_owned(),
    }
}

/// `text` as one word of a shell.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
