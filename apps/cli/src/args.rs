//! The argument tree: global options and the list of commands. Each command's own arguments are in its file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    account, audit, backup, bench, block, completions, config, dev, devnet, diagnostics, doctor, genesis, identity,
    init, keys, le_portal, light, migrate, node, probe, proof, prover, release, reputation, rollout, signer, sim,
    snapshots, stake, status, storage, top, tx, validator, wallet, witness,
};
use crate::release::info::VERSION;

/// Where a node on this machine listens by default.
pub const RPC_URL_DEFAULT: &str = "http://127.0.0.1:26658";

/// The environment variable that names another one; it is ours, so the node knows nothing of it.
pub const RPC_URL_VARIABLE: &str = "TB_RPC_URL";

/// The environment variable that names the authorities to trust.
pub const CA_CERT_VARIABLE: &str = "TB_CA_CERT";

/// Exit numbers for the foot of the main help; the table itself is [`rpc::exit_codes`].
const AFTER_HELP: &str = "\
Examples:
  tb devnet                                              four validators on this machine
  tb tx transfer --home ~/.the_block/devnet --from account-1 --to account-2 --amount 12.5
  tb status                                              what the node at --rpc says

Exit codes:
  0 ok           3 connection    6 timeout        9 damaged
  1 unexpected   4 refused       7 unauthorized  10 not ready
  2 usage        5 not found     8 config

With --json a failure is one object on stdout: {\"error\", \"code\", \"hint\", \"exit_code\"}.
A node with a token is asked with the value of TB_RPC_AUTH_TOKEN.";

/// The Block: a chain that pays for real-world services and proves its own ledger
#[derive(Debug, Parser)]
#[command(name = "tb", version = VERSION, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Home directory with configuration, keys and chain data [default: $TB_HOME, else ~/.the_block]
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// URL of the node's RPC
    #[arg(long, global = true, value_name = "URL", env = RPC_URL_VARIABLE, hide_env_values = true, default_value = RPC_URL_DEFAULT)]
    pub rpc: String,
    /// Authorities to trust at an https URL, PEM [default: those of the web]
    #[arg(long, global = true, value_name = "FILE", env = CA_CERT_VARIABLE, hide_env_values = true)]
    pub ca_cert: Option<PathBuf>,
    /// Certificate to show to a node that asks for one, PEM
    #[arg(long, global = true, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(long, global = true, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Print JSON on stdout; everything else goes to stderr
    #[arg(long, global = true)]
    pub json: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the home directory of a node: configuration and keys
    Init(init::Arguments),
    /// Make, list, show and export wallet keys
    Keys(keys::Arguments),
    /// Make, show and check the genesis file of a chain
    Genesis(genesis::Arguments),
    /// Run several validators on this machine with funded accounts
    Devnet(devnet::Arguments),
    /// Run a chain of one process with instant blocks, for people who build on the RPC
    Dev(dev::Arguments),
    /// Start a node, or ask a running one about itself
    Node(node::Arguments),
    /// A short summary of the node
    Status(status::Arguments),
    /// Watch a node on one screen: height, rounds, peers, mempool, proofs, alerts
    Top(top::Arguments),
    /// Ask one question about a running network, answered with an exit number
    Probe(probe::Arguments),
    /// Send and follow transactions
    Tx(tx::Arguments),
    /// Put money behind a validator, or take it back
    Stake(stake::Arguments),
    /// Show validators
    Validator(validator::Arguments),
    /// Register an identity, attest others, be seen online
    Identity(identity::Arguments),
    /// Take what attestations of blocks have earned
    Witness(witness::Arguments),
    /// Show tier and score of an identity, and why
    Reputation(reputation::Arguments),
    /// Check exported audit files, and what the chain owes and has paid before and after an upgrade
    Audit(audit::Arguments),
    /// Log legal requests so that an auditor can re-check them
    LePortal(le_portal::Arguments),
    /// Show accounts
    Account(account::Arguments),
    /// Show blocks
    Block(block::Arguments),
    /// Fetch a proof and check it on this machine
    Proof(proof::Arguments),
    /// Prove the windows of a chain and hand the proofs to nodes
    Prover(prover::Arguments),
    /// Keep a validator's key in a process of its own
    Signer(signer::Arguments),
    /// Find remote signers
    Wallet(wallet::Arguments),
    /// Check a whole chain by its proofs and certificates, without executing it
    Light(light::Arguments),
    /// Copy the state of a node, check such copies, and begin a node with one
    Snapshots(snapshots::Arguments),
    /// Save what only this node has, and bring a home back
    Backup(backup::Arguments),
    /// Say what a node keeps of its chain, and check that it is what the chain committed to
    Storage(storage::Arguments),
    /// Bring the store of a stopped node to the schema of this program
    Migrate(migrate::Arguments),
    /// Show, check and change the configuration
    Config(config::Arguments),
    /// Look whether a node can run here: keys, ports, clock, disk, limits, guard, genesis
    Doctor(doctor::Arguments),
    /// Pack what somebody who helps needs to see, or print what the node has counted of one area
    Diagnostics(diagnostics::Arguments),
    /// Say what this program was built from, check and sign releases
    Release(release::Arguments),
    /// Compare nodes with the profile of a rollout stage, and show what is wanting before the next
    Rollout(rollout::Arguments),
    /// Measure a running network
    Bench(bench::Arguments),
    /// Simulate a network of validators on virtual time and check what must always hold
    Sim(sim::Arguments),
    /// Print the completion script of a shell
    Completions(completions::Arguments),
}
