//! `tb proof`: fetches a proof and checks it on this machine.
//!
//! Trust: the proof shows that a transaction, an account or an identity is part of the chain with the given genesis hash, as long
//! as less than a third of that chain's validators lie. The genesis comes from `<home>/genesis.json`, or from the
//! node; then its hash has to be compared with one from elsewhere, because the node could tell of another chain.

use clap::{Args, Subcommand};
use primitives::{Engine, Genesis, Hash, Header, Height, LedgerSlot, SlotIndex, TransactionId, ValidatorSet, decode};
use proof::light::{account_key, check_slot};
use rpc::types::{AccountProof, IdentityProof, ProofError};
use rpc::{Client, ExitCode};
use serde::Serialize;
use tree::{LedgerProof, StateProof};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{blocks, count, fields};
use crate::provision::read_genesis;

const EXAMPLES: &str = "\
Examples:
  tb proof account alice
  tb proof identity tb1…
  tb proof transaction ID --genesis-hash HASH";
const EXAMPLES_ACCOUNT: &str = "\
Examples:
  tb proof account alice
  tb proof account tb1… --genesis-hash HASH --json";
const EXAMPLES_IDENTITY: &str = "\
Examples:
  tb proof identity tb1…
  tb proof identity alice --genesis-hash HASH --json";
const EXAMPLES_TRANSACTION: &str = "\
Examples:
  tb proof transaction ID
  tb proof transaction ID --genesis-hash HASH --json";

/// Arguments of `tb proof`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Balance and nonce of an account, or that it has none
    #[command(after_help = EXAMPLES_ACCOUNT)]
    Account(Account),
    /// That a wallet has an identity, or that its place is vacant
    #[command(after_help = EXAMPLES_IDENTITY)]
    Identity(Account),
    /// That a transaction is in a decided block
    #[command(after_help = EXAMPLES_TRANSACTION)]
    Transaction(InBlock),
}

#[derive(Debug, Args)]
struct Trust {
    /// Hash of the genesis file of the chain that is meant [default: that of <home>/genesis.json, else the node's word]
    #[arg(long, value_name = "HASH")]
    genesis_hash: Option<Hash>,
}

#[derive(Debug, Args)]
struct Account {
    /// An address, or the name of a key
    #[arg(value_name = "ADDRESS|KEY")]
    account: String,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Debug, Args)]
struct InBlock {
    /// The transaction
    id: TransactionId,
    #[command(flatten)]
    trust: Trust,
}

/// What was shown, and what it rests on.
#[derive(Debug, Serialize)]
struct Shown {
    what: String,
    height: Height,
    block: Hash,
    genesis_hash: Hash,
    genesis_from: &'static str,
    /// Power that signed, and all power; none on a chain whose blocks nobody signs.
    signed_power: Option<u64>,
    total_power: Option<u64>,
    trust: String,
}

/// The genesis that a proof is checked against.
struct Anchor {
    genesis: Genesis,
    from: &'static str,
    pinned: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a proof that shows nothing.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let shown = match &arguments.command {
        Command::Account(account) => {
            let anchor = account.trust.anchor(context, &client).await?;
            let address = context.address(&account.account)?;
            let proof = client.account_proof(&address).await?;
            if proof.address != address {
                return Err(unproven("the proof is for another address"));
            }
            let header = proof.header().map_err(|error| unproven(&error.to_string()))?;
            let what = match verify_account(&proof)? {
                Some(slot) => {
                    format!("{address} has {} and nonce {}", blocks(slot.balance), count(slot.nonce.get()))
                }
                None => format!("{address} has no account"),
            };
            anchor.shown(what, &header, |set, hash| proof.verify_certificate(set, hash))?
        }
        Command::Identity(account) => {
            let anchor = account.trust.anchor(context, &client).await?;
            let address = context.address(&account.account)?;
            let proof = client.identity_proof(&address).await?;
            if proof.address != address {
                return Err(unproven("the proof is for another address"));
            }
            let header = proof.header().map_err(|error| unproven(&error.to_string()))?;
            let what = match verify_identity(&proof)? {
                Some(identity) => {
                    let stage = identity.stage(header.height).name();
                    format!("{address} has an identity, number {}, {stage}", identity.number)
                }
                None => format!("{address} has no identity: its place is vacant"),
            };
            anchor.shown(what, &header, |set, hash| proof.verify_certificate(set, hash))?
        }
        Command::Transaction(wanted) => {
            let anchor = wanted.trust.anchor(context, &client).await?;
            let proof = client.transaction_proof(wanted.id).await?;
            if proof.id != wanted.id {
                return Err(unproven("the proof is for another transaction"));
            }
            let (transaction, header) = proof.verify_inclusion().map_err(|error| unproven(&error.to_string()))?;
            let what = format!("{} ({}) is in this block", wanted.id, transaction.body.action.name());
            anchor.shown(what, &header, |set, hash| proof.verify_certificate(set, hash))?
        }
    };
    context.output.result(&shown, || shown.describe());
    Ok(())
}

impl Trust {
    async fn anchor(&self, context: &Context, client: &Client) -> Result<Anchor, Failure> {
        let path = context.home().genesis_json();
        let (genesis, from) = match path.exists() {
            true => (read_genesis(&path)?, "the home directory"),
            false => (client.genesis().await?, "the node"),
        };
        let hash = genesis.hash();
        match self.genesis_hash {
            Some(meant) if meant != hash => Err(Failure::new(
                ExitCode::Refused,
                "wrong_chain",
                format!("the genesis from {from} has hash {hash}, not {meant}"),
                "name a node of the chain that is meant with --rpc, or the home directory of that chain with --home",
            )),
            pinned => Ok(Anchor { genesis, from, pinned: pinned.is_some() || from != "the node" }),
        }
    }
}

impl Anchor {
    /// Checks who decided the block of `header`, and sums up.
    fn shown(
        &self,
        what: String,
        header: &Header,
        certificate: impl FnOnce(&ValidatorSet, &Hash) -> Result<u64, ProofError>,
    ) -> Result<Shown, Failure> {
        let genesis_hash = self.genesis.hash();
        if header.genesis != genesis_hash {
            return Err(unproven("the block is of another chain"));
        }
        let set = self.genesis.validator_set().map_err(primitives::genesis::GenesisError::from)?;
        let known = if self.pinned { "" } else { ", and that the genesis hash above is the right one" };
        let (signed_power, trust) = match (certificate(&set, &genesis_hash), self.genesis.engine) {
            (Ok(power), Engine::Bft) => (Some(power), format!("that less than a third of the validators lie{known}")),
            (Ok(power), Engine::Solo) => (Some(power), format!("the one process of this solo chain{known}")),
            (Err(ProofError::NoCertificate), Engine::Solo) => {
                (None, "the node: the pieces belong together, but nobody signed the block (solo chain)".to_owned())
            }
            (Err(error), _) => return Err(unproven(&error.to_string())),
        };
        Ok(Shown {
            what,
            height: header.height,
            block: header.hash(),
            genesis_hash,
            genesis_from: self.from,
            total_power: signed_power.map(|_| set.total_power()),
            signed_power,
            trust,
        })
    }
}

impl Shown {
    fn describe(&self) -> String {
        let mut rows = vec![
            ("shown", self.what.clone()),
            ("height", count(self.height.0)),
            ("block", self.block.to_string()),
            ("genesis", format!("{} (from {})", self.genesis_hash, self.genesis_from)),
        ];
        if let (Some(signed), Some(total)) = (self.signed_power, self.total_power) {
            rows.push(("signed by", format!("{} of {} power", count(signed), count(total))));
        }
        rows.push(("trusting", self.trust.clone()));
        fields(&rows)
    }
}

/// Checks both trees of an account's proof; gives its slot, or `None` when the address has no account.
///
/// # Errors
/// [`Failure`] that names the first check that fails.
pub fn verify_account(proof: &AccountProof) -> Result<Option<LedgerSlot>, Failure> {
    let Some(value) = verified(&proof.state, &account_key(&proof.address))? else {
        let empty = proof.slot.is_none() && proof.ledger_slot.is_none();
        return if empty { Ok(None) } else { Err(unproven("an address without an account cannot have a slot")) };
    };
    let slot: SlotIndex = decode(value).map_err(|_| unproven("the module-state value is no slot"))?;
    let bytes = proof.ledger_proof.as_ref().ok_or_else(|| unproven("the ledger proof is missing"))?;
    let in_ledger: LedgerProof = decode(&bytes.0).map_err(|_| unproven("the ledger proof does not decode"))?;
    if in_ledger.slot != slot || proof.slot != Some(slot.get()) {
        return Err(unproven("the ledger proof is for another slot"));
    }
    let content = check_slot(&proof.ledger_root, &proof.address, &in_ledger);
    let content = content.map_err(|error| unproven(&error.to_string()))?;
    let told: Option<LedgerSlot> = proof.ledger_slot.as_ref().and_then(|bytes| decode(&bytes.0).ok());
    if told != Some(content) {
        return Err(unproven("the slot that was told is not the one that was shown"));
    }
    Ok(Some(content))
}

/// Checks the tree of an identity's proof; gives the record, or `None` when its place is vacant.
///
/// # Errors
/// [`Failure`] that names the first check that fails.
pub fn verify_identity(proof: &IdentityProof) -> Result<Option<state::identity::Identity>, Failure> {
    let value = verified(&proof.state, &state::identity::keys::identity(&proof.address))?;
    if proof.vacant != value.is_none() {
        return Err(unproven("whether the place is vacant was told otherwise than shown"));
    }
    value.map(|value| decode(value).map_err(|_| unproven("the module-state value is no identity"))).transpose()
}

/// The value of `key`, or that there is none, once its proof leads to the root.
fn verified<'a>(proof: &'a rpc::types::StateProof, key: &[u8]) -> Result<Option<&'a [u8]>, Failure> {
    if proof.key.0 != key {
        return Err(unproven("the module-state proof is for another key"));
    }
    let in_state =
        StateProof::from_bytes(&proof.proof.0).map_err(|_| unproven("the module-state proof does not decode"))?;
    let value = proof.value.as_ref().map(|value| value.0.as_slice());
    if !in_state.verify(&proof.root, key, value) {
        return Err(unproven("the module-state proof does not lead to the state root"));
    }
    Ok(value)
}

fn unproven(why: &str) -> Failure {
    Failure::new(
        ExitCode::Refused,
        "not_proven",
        format!("the node's answer proves nothing: {why}"),
        "ask another node; if it happens again, this node is faulty or lies",
    )
}
