//! `tb stake`: put money behind a validator, move it, take it back, and take the rewards.
//!
//! Without `--from` the validator key of the home directory signs: a validator is the account of the key that
//! signs its votes. With `--from` a wallet key signs, which can delegate but not become a validator.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use primitives::actions::stake::{Bond, Candidacy, StakeAction, vrf_possession_input};
use primitives::{Action, Address, Amount, SecretKey, VrfSecretKey};
use rpc::ErrorCode;
use rpc::types::{StakerView, SubmitTransaction};
use wallet::key_file::{KeyFileError, ValidatorKey};
use wallet::{KeyName, Password};

use super::tx::{Follow, send};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields};
use crate::planning::{VALID_FOR_DEFAULT, Wish, prepare};

const EXAMPLES: &str = "\
Examples:
  tb stake bond --amount 1000
  tb stake delegate --from alice --validator tb1… --amount 50
  tb stake show alice";
const EXAMPLES_BOND: &str = "\
Examples:
  tb stake bond --home ~/.the_block/node-5 --amount 1000 --commission-bps 500
  tb stake bond --amount 50                adds to what is bonded already";
const EXAMPLES_UNBOND: &str = "\
Examples:
  tb stake unbond --amount 100
  tb stake unbond --from alice --validator tb1… --amount 50";
const EXAMPLES_DELEGATE: &str = "\
Examples:
  tb stake delegate --from alice --validator tb1… --amount 50";
const EXAMPLES_REDELEGATE: &str = "\
Examples:
  tb stake redelegate --from alice --source tb1… --target tb1… --amount 50";
const EXAMPLES_COMMISSION: &str = "\
Examples:
  tb stake commission --bps 450";
const EXAMPLES_UNJAIL: &str = "\
Examples:
  tb stake unjail --home ~/.the_block/node-5";
const EXAMPLES_CLAIM: &str = "\
Examples:
  tb stake claim --from alice --validator tb1…";
const EXAMPLES_SHOW: &str = "\
Examples:
  tb stake show alice
  tb stake show tb1… --json
  tb stake show --home ~/.the_block/node-5";

/// Arguments of `tb stake`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Become a validator candidate, or add to one's own stake
    #[command(after_help = EXAMPLES_BOND)]
    Bond(BondArguments),
    /// Take stake back; it is paid out after the unbonding time
    #[command(after_help = EXAMPLES_UNBOND)]
    Unbond(Unbond),
    /// Put money behind a validator
    #[command(after_help = EXAMPLES_DELEGATE)]
    Delegate(Delegate),
    /// Move stake to another validator at once
    #[command(after_help = EXAMPLES_REDELEGATE)]
    Redelegate(Redelegate),
    /// Change one's own commission
    #[command(after_help = EXAMPLES_COMMISSION)]
    Commission(Commission),
    /// Ask to return from jail
    #[command(after_help = EXAMPLES_UNJAIL)]
    Unjail(Unjail),
    /// Take the rewards of a delegation
    #[command(after_help = EXAMPLES_CLAIM)]
    Claim(Claim),
    /// Show what an account has staked
    #[command(after_help = EXAMPLES_SHOW)]
    Show(Show),
}

/// Who signs and how the transaction is sent.
#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// Name of the wallet key that signs [default: the validator key of the home directory]
    #[arg(long, value_name = "KEY")]
    from: Option<KeyName>,
    /// Extra for the proposer, BLOCK
    #[arg(long, value_name = "BLOCK", default_value = "0")]
    tip: Amount,
    /// Heights from now on in which a block may include it
    #[arg(long, value_name = "HEIGHTS", default_value_t = VALID_FOR_DEFAULT)]
    valid_for: u64,
    /// File whose first line is the password of the key
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    follow: Follow,
}

#[derive(Debug, Args)]
struct BondArguments {
    /// How much, BLOCK
    #[arg(long, value_name = "BLOCK")]
    amount: Amount,
    /// Part of the delegators' rewards that the validator keeps, basis points; for the first bond
    #[arg(long, value_name = "BPS", default_value_t = 500)]
    commission_bps: u64,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Unbond {
    /// Whose stake it is: address or name of a key [default: the signer's own]
    #[arg(long, value_name = "ADDRESS|KEY")]
    validator: Option<String>,
    /// How much, BLOCK
    #[arg(long, value_name = "BLOCK")]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Delegate {
    /// Who gets it: address or name of a key
    #[arg(long, value_name = "ADDRESS|KEY")]
    validator: String,
    /// How much, BLOCK
    #[arg(long, value_name = "BLOCK")]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Redelegate {
    /// Who loses it: address or name of a key
    #[arg(long, value_name = "ADDRESS|KEY")]
    source: String,
    /// Who gets it: address or name of a key
    #[arg(long, value_name = "ADDRESS|KEY")]
    target: String,
    /// How much, BLOCK
    #[arg(long, value_name = "BLOCK")]
    amount: Amount,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Commission {
    /// The new commission, basis points
    #[arg(long, value_name = "BPS")]
    bps: u64,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Unjail {
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Claim {
    /// Whose delegation: address or name of a key [default: the signer's own]
    #[arg(long, value_name = "ADDRESS|KEY")]
    validator: Option<String>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Show {
    /// An address, or the name of a key [default: the validator of the home directory]
    #[arg(value_name = "ADDRESS|KEY")]
    account: Option<String>,
}

/// Who signs, with the VRF key if it is a validator.
pub(crate) struct Signer {
    /// The payer.
    pub(crate) address: Address,
    /// Signs the transaction.
    pub(crate) key: SecretKey,
    /// The validator's VRF key.
    pub(crate) vrf: Option<VrfSecretKey>,
    /// The password of the validator's key file, if it has one.
    pub(crate) password: Option<Password>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]; an action that the chain refused is one too.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.command {
        Command::Bond(bond) => {
            let signer = signer(&bond.signing, context)?;
            let action = self::bond(&signer, bond.amount, bond.commission_bps, context).await?;
            act(signer, action, &bond.signing, context).await
        }
        Command::Unbond(unbond) => {
            let signer = signer(&unbond.signing, context)?;
            let validator = named(unbond.validator.as_deref(), &signer, context)?;
            act(signer, StakeAction::Unbond { validator, amount: unbond.amount }, &unbond.signing, context).await
        }
        Command::Delegate(delegate) => {
            let action =
                StakeAction::Delegate { validator: context.address(&delegate.validator)?, amount: delegate.amount };
            act(signer(&delegate.signing, context)?, action, &delegate.signing, context).await
        }
        Command::Redelegate(moved) => {
            let (from, to) = (context.address(&moved.source)?, context.address(&moved.target)?);
            let action = StakeAction::Redelegate { from, to, amount: moved.amount };
            act(signer(&moved.signing, context)?, action, &moved.signing, context).await
        }
        Command::Commission(commission) => {
            let action = StakeAction::SetCommission { commission_bps: commission.bps };
            act(signer(&commission.signing, context)?, action, &commission.signing, context).await
        }
        Command::Unjail(unjail) => {
            act(signer(&unjail.signing, context)?, StakeAction::Unjail, &unjail.signing, context).await
        }
        Command::Claim(claim) => {
            let signer = signer(&claim.signing, context)?;
            let validator = named(claim.validator.as_deref(), &signer, context)?;
            act(signer, StakeAction::Claim { validator }, &claim.signing, context).await
        }
        Command::Show(show) => {
            let view = context.client()?.staker(&context.address_or_own(show.account.as_deref())?).await?;
            context.output.result(&view, || describe(&view));
            Ok(())
        }
    }
}

fn named(text: Option<&str>, signer: &Signer, context: &Context) -> Result<Address, Failure> {
    text.map_or(Ok(signer.address), |text| context.address(text))
}

/// The key that signs.
///
/// # Errors
/// [`Failure`] when it cannot be read or unlocked.
pub(crate) fn signer(signing: &Signing, context: &Context) -> Result<Signer, Failure> {
    if let Some(name) = &signing.from {
        let unlocked = context.unlock(name, signing.password_file.as_deref())?;
        let key = unlocked.key;
        return Ok(Signer { address: Address::of_key(&key.public_key()), key, vrf: None, password: None });
    }
    let (ValidatorKey { consensus: key, vrf }, password) = validator_key(signing.password_file.as_deref(), context)?;
    Ok(Signer { address: Address::of_key(&key.public_key()), key, vrf: Some(vrf), password })
}

/// The validator key of the home directory; an encrypted one asks for its password as a wallet key does, and
/// the password comes with it.
///
/// # Errors
/// [`Failure`] when it cannot be read or unlocked.
pub(crate) fn validator_key(
    password_file: Option<&Path>,
    context: &Context,
) -> Result<(ValidatorKey, Option<Password>), Failure> {
    let path = context.home().validator_key();
    let mut used = None;
    let loaded = match ValidatorKey::load(&path, None) {
        Err(KeyFileError::PasswordNeeded { .. }) => {
            let password = used.insert(context.password(password_file, "Password of the validator key: ")?);
            ValidatorKey::load(&path, Some(password))
        }
        loaded => loaded,
    };
    let loaded = loaded.map_err(|error| {
        Failure::usage(
            format!("the validator key cannot be used: {error}"),
            "name the home directory of the validator with --home, or a wallet key with --from",
        )
    })?;
    Ok((loaded.key, used))
}

/// The first bond carries the candidacy, later ones do not.
async fn bond(signer: &Signer, amount: Amount, commission_bps: u64, context: &Context) -> Result<StakeAction, Failure> {
    let client = context.client()?;
    let candidacy = match client.validator(&signer.address).await {
        Ok(_) => None,
        Err(error) if error.code() == ErrorCode::NotFound.name() => {
            let Some(vrf_key) = &signer.vrf else {
                return Err(Failure::usage(
                    "a wallet key alone cannot become a validator",
                    "bond with the validator key of a node's home directory (leave --from out), or delegate",
                ));
            };
            let genesis = client.node_status().await?.genesis_hash;
            let proof = vrf_key.prove(&vrf_possession_input(&genesis, &signer.address)).ok_or_else(|| {
                Failure::usage("the VRF key cannot prove anything", "make a new validator key with `tb init`")
            })?;
            Some(Candidacy { vrf_key: vrf_key.public_key(), vrf_proof: proof, commission_bps })
        }
        Err(error) => return Err(error.into()),
    };
    Ok(StakeAction::Bond(Bond { amount, candidacy }))
}

async fn act(signer: Signer, action: StakeAction, signing: &Signing, context: &Context) -> Result<(), Failure> {
    submit(signer, Action::Stake(action), signing, context).await
}

/// Signs an action, sends it and follows it.
///
/// # Errors
/// [`Failure`] when the node refuses it or does not answer.
pub(crate) async fn submit(
    signer: Signer,
    action: Action,
    signing: &Signing,
    context: &Context,
) -> Result<(), Failure> {
    let client = context.client()?;
    let name = action.name();
    let wish = Wish { payer: signer.address, action, tip: signing.tip, valid_for: signing.valid_for };
    let prepared = prepare(&client, wish).await?;
    context.output.talk(format!(
        "{name} of {} on chain {}, fee about {} and at most {}",
        signer.address,
        prepared.status.chain_id,
        blocks(prepared.plan.fee_now),
        blocks(prepared.plan.body.max_fee),
    ));
    let genesis = prepared.status.genesis_hash;
    let transaction = prepared.sign(&signer.key);
    send(SubmitTransaction::new(&transaction, genesis), &signing.follow, context).await
}

fn describe(view: &StakerView) -> String {
    let mut rows = vec![("address", view.address.to_string())];
    for part in &view.delegations {
        rows.push(("bonded", format!("{} behind {}", blocks(part.amount), part.validator)));
        if part.held > Amount::ZERO {
            rows.push(("held", format!("{} of it was redelegated", blocks(part.held))));
        }
        if part.rewards > Amount::ZERO {
            rows.push(("rewards", format!("{} can be claimed", blocks(part.rewards))));
        }
    }
    for part in &view.unbonding {
        let when = format!("{} from {}, paid after epoch {}", blocks(part.amount), part.validator, part.epoch);
        rows.push(("unbonding", when));
    }
    rows.push(("height", count(view.height.0)));
    fields(&rows)
}
