//! `tb identity`: register an identity, get it attested, answer challenges, end it.
//!
//! As in `tb stake`, the validator key of the home directory signs unless `--from` names a wallet key. Registering needs
//! a VRF key, which only a validator key file has.

use clap::{Args, Subcommand};
use primitives::actions::identity::{PeerBinding, Register, VrfBinding};
use primitives::actions::timetoke::Heartbeat;
use primitives::{Action, BoundedVec, IdentityAction, TimetokeAction};
use rpc::types::{IdentityRecord, IdentityView};
use wallet::key_file::NodeKey;

use super::stake::{Signing, signer, submit};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields};

const EXAMPLES: &str = "\
Examples:
  tb identity register --home ~/.the_block/node-5
  tb identity attest --home ~/.the_block/node-1 tb1…
  tb identity show tb1…";
const EXAMPLES_REGISTER: &str = "\
Examples:
  tb identity register --home ~/.the_block/node-5
  tb identity register --home ~/.the_block/node-5 --no-peer";
const EXAMPLES_ATTEST: &str = "\
Examples:
  tb identity attest --home ~/.the_block/node-1 tb1…";
const EXAMPLES_HEARTBEAT: &str = "\
Examples:
  tb identity heartbeat --home ~/.the_block/node-5";
const EXAMPLES_REVOKE: &str = "\
Examples:
  tb identity revoke --home ~/.the_block/node-5";
const EXAMPLES_WITHDRAW: &str = "\
Examples:
  tb identity withdraw --home ~/.the_block/node-5";
const EXAMPLES_VOUCH: &str = "\
Examples:
  tb identity vouch --from alice tb1…";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb identity show tb1…
  tb identity show alice --json
  tb identity show --home ~/.the_block/node-5";

/// Arguments of `tb identity`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register the signer: pays the refundable bond and proves its keys
    #[command(after_help = EXAMPLES_REGISTER)]
    Register(RegisterArguments),
    /// Say as a validator that a pending identity is somebody
    #[command(after_help = EXAMPLES_ATTEST)]
    Attest(About),
    /// Answer the open challenge once, to be seen online
    #[command(after_help = EXAMPLES_HEARTBEAT)]
    Heartbeat(Alone),
    /// Vouch for another identity
    #[command(after_help = EXAMPLES_VOUCH)]
    Vouch(About),
    /// End the signer's identity; the bond can be withdrawn later
    #[command(after_help = EXAMPLES_REVOKE)]
    Revoke(Alone),
    /// Take the bond of an expired or revoked identity back
    #[command(after_help = EXAMPLES_WITHDRAW)]
    Withdraw(Alone),
    /// Show an identity
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Show),
}

#[derive(Debug, Args)]
struct RegisterArguments {
    /// Do not bind the node key of the home directory
    #[arg(long)]
    no_peer: bool,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct About {
    /// An address, or the name of a key
    #[arg(value_name = "ADDRESS|KEY")]
    identity: String,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Alone {
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Show {
    /// An address, or the name of a key [default: the validator of the home directory]
    #[arg(value_name = "ADDRESS|KEY")]
    identity: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when a key cannot be used, or the node refuses or does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Register(register) => self::register(register, context).await,
        Command::Attest(about) => {
            let subject = context.address(&about.identity)?;
            let record = context.client()?.identity(&subject).await?.identity;
            let registered_at = record.map(|record| record.registered_at).ok_or_else(|| {
                Failure::usage(
                    format!("{subject} has no identity to attest"),
                    "its owner registers it first: tb identity register",
                )
            })?;
            act(IdentityAction::Attest { subject, registered_at }, &about.signing, context).await
        }
        Command::Heartbeat(alone) => heartbeat(&alone.signing, context).await,
        Command::Vouch(about) => {
            let subject = context.address(&about.identity)?;
            act(IdentityAction::Vouch { subject }, &about.signing, context).await
        }
        Command::Revoke(alone) => act(IdentityAction::Revoke, &alone.signing, context).await,
        Command::Withdraw(alone) => act(IdentityAction::Withdraw, &alone.signing, context).await,
        Command::Show(show) => {
            let view = context.client()?.identity(&context.address_or_own(show.identity.as_deref())?).await?;
            context.output.result(&view, || describe(&view));
            Ok(())
        }
    }
}

async fn act(action: IdentityAction, signing: &Signing, context: &Context) -> Result<(), Failure> {
    submit(signer(signing, context)?, Action::Identity(action), signing, context).await
}

async fn register(register: &RegisterArguments, context: &Context) -> Result<(), Failure> {
    let signer = signer(&register.signing, context)?;
    let client = context.client()?;
    let Some(vrf) = &signer.vrf else {
        return Err(Failure::usage(
            "a wallet key alone has no VRF key to register",
            "register with the validator key of a home directory (leave --from out); tb init makes one",
        ));
    };
    let status = client.node_status().await?;
    let (genesis, height) = (status.genesis_hash, status.finalized_height);
    let binding = VrfBinding::prove(vrf, signer.address, height, &genesis).ok_or_else(|| {
        Failure::usage("the VRF key cannot prove anything", "make a new validator key with `tb init`")
    })?;
    let peer = if register.no_peer {
        None
    } else {
        let node = NodeKey::load(&context.home().node_key(), None).map_err(|error| {
            Failure::usage(format!("the node key cannot be used: {error}"), "leave it out with --no-peer")
        })?;
        Some(PeerBinding::sign(&node.key.identity, signer.address, height, &genesis))
    };
    let bond = client.identity(&signer.address).await?.bond;
    context.output.talk(format!("a refundable bond of {} is paid", blocks(bond)));
    let action = IdentityAction::Register(Box::new(Register { bond, vrf: binding, peer }));
    submit(signer, Action::Identity(action), &register.signing, context).await
}

async fn heartbeat(signing: &Signing, context: &Context) -> Result<(), Failure> {
    let signer = signer(signing, context)?;
    let client = context.client()?;
    let genesis = client.node_status().await?.genesis_hash;
    let open = client
        .timetoke()
        .await?
        .challenge
        .ok_or_else(|| Failure::usage("no challenge is open yet", "try again after the first block"))?;
    let heartbeat = Heartbeat { identity: signer.address, challenge: open.number, seed: open.seed, value: open.value };
    let signed = heartbeat.sign(&signer.key, &genesis);
    let list = BoundedVec::new(vec![signed]).expect("one heartbeat is below the bound");
    submit(signer, Action::Timetoke(TimetokeAction::Heartbeats { list }), signing, context).await
}

fn describe(view: &IdentityView) -> String {
    let mut rows = vec![("address", view.address.to_string())];
    match &view.identity {
        None => {
            rows.push(("identity", "none".to_owned()));
            rows.push(("bond", format!("{} to register", blocks(view.bond))));
        }
        Some(record) => describe_record(record, &mut rows),
    }
    rows.push(("height", count(view.height.0)));
    fields(&rows)
}

fn describe_record(record: &IdentityRecord, rows: &mut Vec<(&'static str, String)>) {
    rows.push(("identity", format!("{}, number {}", record.stage, record.number)));
    rows.push(("bond", blocks(record.bond)));
    let attested = record.attesters.len();
    rows.push(("attested", format!("by {attested} of {} validators needed", record.attestations_required)));
    if record.stage == "pending" {
        rows.push(("until", format!("height {}", count(record.attest_until.0))));
    }
    rows.push(("VRF key", format!("{} from epoch {}", record.vrf.key, record.vrf.from_epoch)));
    if let Some(next) = &record.next_vrf {
        rows.push(("next VRF key", format!("{} from epoch {}", next.key, next.from_epoch)));
    }
    if let Some(peer) = &record.peer {
        rows.push(("peer key", peer.to_string()));
    }
}
