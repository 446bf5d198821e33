//! `tb validator vrf`: the key of lotteries: look at it, take part, replace it, copy it.
//!
//! Rules
//! - `inspect` never prints a secret; `export` writes one to a new file that only its owner reads, and says so.
//! - A rotated key is used three epochs after the block that registered it. Until then the old file stays in use. The
//!   new file has the same password as the old one, and the node finds it by itself.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use primitives::actions::identity::VrfBinding;
use primitives::actions::lottery::lottery_input;
use primitives::{Action, IdentityAction, LotteryAction, VrfPublicKey};
use rpc::types::VrfStanding;
use serde::Serialize;
use wallet::KdfParams;
use wallet::key_file::{Protect, ValidatorKey};

use super::stake::{Signer, Signing, signer, submit, validator_key};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields};

const EXAMPLES: &str = "\
Examples:
  tb validator vrf inspect --home ~/.the_block/node-5
  tb validator vrf submit --home ~/.the_block/node-5";
const EXAMPLES_INSPECT: &str = "\
Examples:
  tb validator vrf inspect --home ~/.the_block/node-5";
const EXAMPLES_SUBMIT: &str = "\
Examples:
  tb validator vrf submit --home ~/.the_block/node-5";
const EXAMPLES_ROTATE: &str = "\
Examples:
  tb validator vrf rotate --home ~/.the_block/node-5";
const EXAMPLES_EXPORT: &str = "\
Examples:
  tb validator vrf export --home ~/.the_block/node-5 --out vrf-secret.json";

/// Name of the file that `rotate` writes in the home directory.
const NEXT_KEY_FILE: &str = "validator_key.next.json";

/// Arguments of `tb validator vrf`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the public key, and where its owner stands in the lottery
    #[command(after_help = EXAMPLES_INSPECT)]
    Inspect,
    /// Submit a ticket for the next epoch
    #[command(after_help = EXAMPLES_SUBMIT)]
    Submit(Alone),
    /// Make a new key, write it beside the old one and register it on chain
    #[command(after_help = EXAMPLES_ROTATE)]
    Rotate(Alone),
    /// Write the secret to a new file of mode 0600
    #[command(after_help = EXAMPLES_EXPORT)]
    Export(Export),
}

#[derive(Debug, Args)]
struct Alone {
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Export {
    /// The file; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The key of the home directory and its place on chain.
#[derive(Debug, Serialize)]
struct Inspected {
    vrf_public_key: VrfPublicKey,
    standing: VrfStanding,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] when a key cannot be used, or the node refuses or does not answer.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Inspect => inspect(context).await,
        Command::Submit(alone) => ticket(&alone.signing, context).await,
        Command::Rotate(alone) => rotate(&alone.signing, context).await,
        Command::Export(export) => self::export(export, context),
    }
}

fn without_vrf() -> Failure {
    Failure::usage("a wallet key has no VRF key", "leave --from out: the validator key of the home directory has one")
}

async fn inspect(context: &Context) -> Result<(), Failure> {
    let (key, _) = validator_key(None, context)?;
    let address = primitives::Address::of_key(&key.consensus.public_key());
    let standing = context.client()?.vrf(&address).await?;
    let inspected = Inspected { vrf_public_key: key.vrf.public_key(), standing };
    context.output.result(&inspected, || describe(&inspected));
    Ok(())
}

async fn ticket(signing: &Signing, context: &Context) -> Result<(), Failure> {
    let signer = signer(signing, context)?;
    let client = context.client()?;
    let open = client.vrf_threshold().await?;
    let genesis = client.node_status().await?.genesis_hash;
    let Some(seed) = open.seed.filter(|_| open.enabled) else {
        return Err(Failure::usage(
            "the lottery takes no tickets now",
            "GET /consensus/vrf/threshold says when: it needs two finished epochs and lottery.min_tier above 0",
        ));
    };
    let vrf = signer.vrf.as_ref().ok_or_else(without_vrf)?;
    let proof = vrf
        .prove(&lottery_input(&genesis, open.epoch, &seed, &signer.address))
        .ok_or_else(|| Failure::usage("the VRF key cannot prove anything", "make a new key with tb init"))?;
    submit(signer, Action::Lottery(LotteryAction::Submit { epoch: open.epoch, proof }), signing, context).await
}

async fn rotate(signing: &Signing, context: &Context) -> Result<(), Failure> {
    let Signer { address, key: consensus, vrf, password } = signer(signing, context)?;
    if vrf.is_none() {
        return Err(without_vrf());
    }
    let path = context.home().resolve(NEXT_KEY_FILE);
    let seed = wallet::draw::<32>().map_err(|error| Failure::usage(error, "try again"))?;
    let next = ValidatorKey::from_seeds(*consensus.seed(), *seed);
    // On disk before the chain hears of it: a registered key without its secret is lost.
    let protect = password.as_ref().map_or(Protect::Plain, |one| Protect::Password(one, KdfParams::default()));
    next.write(&path, protect).map_err(|error| {
        Failure::usage(
            format!("the new key cannot be written: {error}"),
            format!("move {} aside if an earlier rotation is over", path.display()),
        )
    })?;
    context.output.talk(format!("the new key is in {}; keep it", path.display()));
    let status = context.client()?.node_status().await?;
    let binding = VrfBinding::prove(&next.vrf, address, status.finalized_height, &status.genesis_hash)
        .ok_or_else(|| Failure::usage("the new VRF key cannot prove anything", "try again"))?;
    let signer = Signer { address, key: consensus, vrf: Some(next.vrf.clone()), password: None };
    submit(signer, Action::Identity(IdentityAction::RotateVrf(binding)), signing, context).await
}

fn export(export: &Export, context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Secret<'a> {
        vrf_public_key: VrfPublicKey,
        vrf_secret_seed: &'a str,
    }
    #[derive(Serialize)]
    struct Exported {
        vrf_public_key: VrfPublicKey,
        file: String,
    }
    let (key, _) = validator_key(None, context)?;
    let seed = zeroize::Zeroizing::new(hex::encode(key.vrf.seed()));
    let secret = Secret { vrf_public_key: key.vrf.public_key(), vrf_secret_seed: &seed };
    let text = zeroize::Zeroizing::new(serde_json::to_string_pretty(&secret).expect("two texts have a JSON form"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let failed = |cause| Failure::disk(&export.out, &cause);
    let mut file = options.open(&export.out).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let exported = Exported { vrf_public_key: key.vrf.public_key(), file: export.out.display().to_string() };
    context
        .output
        .result(&exported, || format!("{} holds the secret VRF key: whoever reads it can play for it", exported.file));
    Ok(())
}

fn describe(inspected: &Inspected) -> String {
    let standing = &inspected.standing;
    let mut rows = vec![
        ("address", standing.address.to_string()),
        ("VRF key", inspected.vrf_public_key.to_string()),
        ("on chain", standing.vrf_key.map_or_else(|| "none in this epoch".to_owned(), |key| key.to_string())),
        ("standing", standing.reason.clone()),
    ];
    if let Some(candidate) = &standing.candidate {
        rows.push(("stake", blocks(candidate.stake)));
        rows.push(("weight", format!("{}, {} ppm of all", count(candidate.weight), count(candidate.share_ppm))));
        rows.push(("threshold", candidate.threshold.clone()));
        rows.push(("ticket", candidate.ticket.clone().unwrap_or_else(|| "none".to_owned())));
    }
    for raise in &standing.raises {
        rows.push((
            "would raise",
            format!("{}: weight {}, {} ppm", raise.change, count(raise.weight), count(raise.share_ppm)),
        ));
    }
    if let Some(admitted) = &standing.admitted {
        rows.push(("admitted", format!("by {}", admitted.route)));
    }
    rows.push(("height", count(standing.height.0)));
    fields(&rows)
}
