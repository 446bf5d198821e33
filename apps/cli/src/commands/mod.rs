//! One file per command: its arguments, its help, and a `run` that does it.
//!
//! Rule: a command asks, computes and prints. What can be computed without asking is in a module beside this
//! folder, where tests reach it.

pub mod account;
pub mod audit;
pub mod backup;
pub mod bench;
pub mod block;
pub mod completions;
pub mod config;
pub mod dev;
pub mod devnet;
pub mod diagnostics;
pub mod doctor;
pub mod drill;
pub mod export;
pub mod genesis;
pub mod identity;
pub mod init;
pub mod keys;
pub mod le_portal;
pub mod light;
pub mod migrate;
pub mod node;
pub mod probe;
pub mod proof;
pub mod proofs;
pub mod prover;
pub mod recover;
pub mod release;
pub mod reputation;
pub mod rollout;
pub mod rollout_watch;
pub mod sessions;
pub mod signer;
pub mod sim;
pub mod slashing;
pub mod snapshot_at;
pub mod snapshot_restore;
pub mod snapshot_trust;
pub mod snapshots;
pub mod stake;
pub mod status;
pub mod storage;
pub mod storage_repair;
pub mod top;
pub mod tx;
pub mod validator;
pub mod vrf;
pub mod wallet;
pub mod watched;
pub mod witness;

use crate::Programs;
use crate::args::Command;
use crate::context::Context;
use crate::exit::Failure;

/// Does what `command` says.
///
/// # Errors
/// The [`Failure`] of the command.
pub async fn run(command: Command, context: &Context, programs: Programs) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Keys(arguments) => keys::run(&arguments, context),
        Command::Genesis(arguments) => genesis::run(&arguments, context).await,
        Command::Devnet(arguments) => devnet::run(&arguments, context, programs.drill).await,
        Command::Dev(arguments) => dev::run(&arguments, context, programs.node).await,
        Command::Node(arguments) => node::run(&arguments, context, programs).await,
        Command::Status(arguments) => status::run(&arguments, context).await,
        Command::Top(arguments) => top::run(&arguments, context).await,
        Command::Probe(arguments) => probe::run(&arguments, context).await,
        Command::Tx(arguments) => tx::run(&arguments, context).await,
        Command::Stake(arguments) => stake::run(&arguments, context).await,
        Command::Validator(arguments) => validator::run(&arguments, context, programs.prover).await,
        Command::Identity(arguments) => identity::run(&arguments, context).await,
        Command::Witness(arguments) => witness::run(&arguments, context).await,
        Command::Reputation(arguments) => reputation::run(&arguments, context).await,
        Command::Audit(arguments) => audit::run(&arguments, context).await,
        Command::LePortal(arguments) => le_portal::run(&arguments, context),
        Command::Account(arguments) => account::run(&arguments, context).await,
        Command::Block(arguments) => block::run(&arguments, context).await,
        Command::Proof(arguments) => proof::run(&arguments, context).await,
        Command::Prover(arguments) => prover::run(&arguments, context, programs.prover).await,
        Command::Signer(arguments) => signer::run(&arguments, context).await,
        Command::Wallet(arguments) => wallet::run(&arguments, context).await,
        Command::Light(arguments) => light::run(&arguments, context).await,
        Command::Backup(arguments) => backup::run(&arguments, context).await,
        Command::Snapshots(arguments) => snapshots::run(&arguments, context, programs.state).await,
        Command::Storage(arguments) => storage::run(&arguments, context).await,
        Command::Migrate(arguments) => migrate::run(&arguments, context),
        Command::Config(arguments) => config::run(&arguments, context),
        Command::Doctor(arguments) => doctor::run(&arguments, context).await,
        Command::Diagnostics(arguments) => diagnostics::run(&arguments, context).await,
        Command::Release(arguments) => release::run(&arguments, context),
        Command::Rollout(arguments) => rollout::run(&arguments, context).await,
        Command::Bench(arguments) => bench::run(&arguments, context).await,
        Command::Sim(arguments) => sim::run(&arguments, context, programs.sim),
        Command::Completions(arguments) => completions::run(&arguments, context),
    }
}
