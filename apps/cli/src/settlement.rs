//! What a chain has settled, before and after an upgrade.
//!
//! ```text
//! record(node) ──► file ──► upgrade ──► record(node again) ──► compare(before, after): kept | changed | wrong
//! ```
//! Model: a record names a finalized block and what the chain says at or after it: the supply, the pots of the modules, and for
//! each candidate its tier (what others call a badge) and what it did of what it promised (its service level: commits signed and
//! missed, blocks built, turns lost).
//!
//! Rules
//! - What can only grow or never changes is *wrong* when it does otherwise: the genesis hash, the finalized height, the block that
//!   was finalized before, its supply, counts of service, tombstones. Everything else that differs is *changed*, for a person to read.
//! - Numbers are read one after the other from a running chain, so those of a record may lie a few heights apart; only
//!   what never shrinks is judged.

use std::collections::BTreeMap;

use primitives::ledger::MODULE_ACCOUNTS;
use primitives::{Address, Amount, Hash, Height};
use rpc::types::{ValidatorState, ValidatorStatistics, ValidatorView};
use rpc::{Client, ClientError};
use serde::{Deserialize, Serialize};

/// The version of a record.
pub const VERSION: u32 = 1;
/// Largest file of a record that is read, bytes.
pub const FILE_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// One candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Its stake and state.
    pub validator: ValidatorView,
    /// tl0 to tl5.
    pub tier: String,
    /// Its score, ppm.
    pub score_ppm: u64,
    /// What it did and left undone.
    pub service: ValidatorStatistics,
}

/// What the chain says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`VERSION`].
    pub version: u32,
    /// The program of the node that was asked.
    pub node_version: String,
    /// The chain.
    pub genesis: Hash,
    /// The finalized height …
    pub height: Height,
    /// … its block …
    pub block: Hash,
    /// … and its supply, µBLOCK.
    pub supply: Amount,
    /// The pots of the modules, µBLOCK.
    pub pots: BTreeMap<String, Amount>,
    /// Every candidate that the node lists.
    pub candidates: BTreeMap<Address, Candidate>,
}

/// How a number stands to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may differ, and does.
    Changed,
    /// It may not differ in this way.
    Wrong,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub name: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub after: String,
    /// Whether it may be.
    pub verdict: Verdict,
}

/// Asks a node.
///
/// # Errors
/// What the client says.
pub async fn record(client: &Client) -> Result<Record, ClientError> {
    let status = client.node_status().await?;
    let mut pots = BTreeMap::new();
    for name in MODULE_ACCOUNTS {
        pots.insert(name.to_owned(), client.account(&Address::of_module(name)).await?.balance);
    }
    let mut candidates = BTreeMap::new();
    for validator in client.validators().await?.validators {
        let address = validator.address;
        let (standing, service) = (client.reputation(&address).await?, client.validator_statistics(&address).await?);
        let (tier, score_ppm) = (standing.tier, standing.score_ppm);
        candidates.insert(address, Candidate { validator, tier, score_ppm, service });
    }
    Ok(Record {
        version: VERSION,
        node_version: status.version,
        genesis: status.genesis_hash,
        height: status.finalized_height,
        block: status.finalized_hash,
        supply: status.supply,
        pots,
        candidates,
    })
}

/// What the node says now about the block that `before` names: its hash and supply; none when it has no such block any more.
///
/// # Errors
/// What the client says, other than that there is no such block.
pub async fn block_of(client: &Client, before: &Record) -> Result<Option<(Hash, Amount)>, ClientError> {
    match client.block_at(before.height).await {
        Ok(block) => Ok(Some((block.hash, block.header.supply))),
        Err(error) if error.code() == "not_found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Differences from `before` to `after`; `block` is what the chain says now about the block of `before`.
pub fn compare(before: &Record, after: &Record, block: Option<(Hash, Amount)>) -> Vec<Difference> {
    let mut found = Differences::default();
    found.same("genesis", &before.genesis, &after.genesis);
    found.grows("height", before.height.0, after.height.0);
    match block {
        Some((hash, supply)) => {
            found.same(&format!("block {}", before.height), &before.block, &hash);
            found.same(&format!("supply at {}", before.height), &before.supply, &supply);
        }
        None => found.add(&format!("block {}", before.height), before.block, "not there", Verdict::Wrong),
    }
    found.may_change("node version", &before.node_version, &after.node_version);
    found.may_change("supply", &before.supply, &after.supply);
    for (name, amount) in &before.pots {
        match after.pots.get(name) {
            Some(now) => found.may_change(&format!("pot {name}"), amount, now),
            None => found.add(&format!("pot {name}"), amount, "not there", Verdict::Wrong),
        }
    }
    for (address, was) in &before.candidates {
        match after.candidates.get(address) {
            Some(is) => candidate(&mut found, address, was, is),
            None => found.add(&format!("candidate {address}"), "there", "not there", Verdict::Changed),
        }
    }
    for address in after.candidates.keys().filter(|address| !before.candidates.contains_key(address)) {
        found.add(&format!("candidate {address}"), "not there", "there", Verdict::Changed);
    }
    found.0
}

/// A count of a candidate's service.
type Count = fn(&ValidatorStatistics) -> u64;

fn candidate(found: &mut Differences, address: &Address, was: &Candidate, is: &Candidate) {
    let named = |what: &str| format!("{address} {what}");
    found.may_change(&named("tier"), &was.tier, &is.tier);
    found.may_change(&named("bonded"), &was.validator.bonded, &is.validator.bonded);
    let states = [was, is].map(|one| one.validator.state);
    if states[0] != states[1] {
        let lifted = states[0] == ValidatorState::Tombstoned;
        let verdict = if lifted { Verdict::Wrong } else { Verdict::Changed };
        found.add(&named("state"), format!("{:?}", states[0]), format!("{:?}", states[1]), verdict);
    }
    let counts: [(&str, Count); 6] = [
        ("commits", |one| one.commits),
        ("missed", |one| one.missed),
        ("built", |one| one.built),
        ("votes left out", |one| one.votes_left_out),
        ("turns lost", |one| one.turns_lost),
        ("jailed", |one| one.jailed),
    ];
    for (what, count) in counts {
        found.grows(&named(what), count(&was.service), count(&is.service));
    }
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, name: &str, before: impl ToString, after: impl ToString, verdict: Verdict) {
        let (before, after) = (before.to_string(), after.to_string());
        self.0.push(Difference { name: name.to_owned(), before, after, verdict });
    }

    fn same<T: PartialEq + ToString>(&mut self, name: &str, before: &T, after: &T) {
        if before != after {
            self.add(name, before.to_string(), after.to_string(), Verdict::Wrong);
        }
    }

    fn may_change<T: PartialEq + ToString>(&mut self, name: &str, before: &T, after: &T) {
        if before != after {
            self.add(name, before.to_string(), after.to_string(), Verdict::Changed);
        }
    }

    fn grows(&mut self, name: &str, before: u64, after: u64) {
        if before != after {
            self.add(name, before, after, if after < before { Verdict::Wrong } else { Verdict::Changed });
        }
    }
}
