//! By whom the header of a snapshot is attested: asked before anything of the snapshot is used.
//!
//! ```text
//!   --trust HEIGHT:HASH ──────────────────────────────────┐
//!   or else: own blocks ─► own signature ─► genesis file ─┴─► walk to the header ─► attested, or why it is not
//!                                                              └ headers in between: from each --peer-url in turn
//! ```
//!
//! Rules
//! - A manifest is made by anybody: its certificate shows that *some* set of validators signed, not that it is the set of this chain.
//! - Where the store of the home holds the header of that height it must be the same one; another one is not attested.
//! - A signature by the home's own node key says that this node made the copy of what it had executed. Any other signature shows nothing.
//! - The snapshot of a backup is judged like any other: the list of a backup and its checksums are made by anybody too. A backup that a password
//!   opens was made by somebody who knew it, which attests its snapshot where the home itself knows nothing.
//! - Who gives headers is not believed: a wrong one ends the walk, and the next node is asked.
//!
//! Read next: `snapshot_restore.rs`, `proof::light::Walk`, `spec/snapshots.md` (SNP-32, 33).

use std::path::PathBuf;

use clap::Args;
use config::Home;
use primitives::Genesis;
use proof::light::{CertifiedHeader, ChainRules, Walk};
use rpc::types::BlockId;
use rpc::{Client, ExitCode};
use snapshots::Snapshot;
use storage::{Store, StoreConfig, Verify};
use wallet::NodeKey;

use crate::commands::genesis::now;
use crate::context::Context;
use crate::exit::Failure;
use crate::light::Checkpoint;
use crate::output::count;

/// By whom a header is attested, in words; else why it is not.
pub type Verdict = Result<String, String>;

/// What an operator trusts.
#[derive(Debug, Args)]
pub struct Trusted {
    /// Trust this block instead of genesis: needed once the chain is older than its trusting period
    #[arg(long, value_name = "HEIGHT:HASH")]
    trust: Option<Checkpoint>,
    /// URL of the RPC of a node that gives headers in between, once for each; what it gives is checked
    #[arg(long, value_name = "URL")]
    peer_url: Vec<String>,
}

/// What a home knows of its chain by itself.
pub struct Own<'a> {
    /// The home.
    pub home: &'a Home,
    /// The folder of its store; none where its configuration cannot be read.
    pub store: Option<PathBuf>,
    /// Its genesis; none where there is no genesis file.
    pub genesis: Option<&'a Genesis>,
}

impl Trusted {
    /// By whom the header of the snapshot in a backup is attested; `is_sealed` of one that a password opened.
    ///
    /// # Errors
    /// [`Failure`] for a URL that cannot be used.
    pub async fn judge_backup(
        &self,
        snapshot: &Snapshot,
        is_sealed: bool,
        own: &Own<'_>,
        context: &Context,
    ) -> Result<Verdict, Failure> {
        if is_sealed && self.trust.is_none() && own.known(snapshot).is_none() {
            return Ok(Ok("by the password of the backup: whoever made it knew it".to_owned()));
        }
        self.judge(snapshot, own, context).await
    }

    /// By whom the header of a snapshot is attested.
    ///
    /// # Errors
    /// [`Failure`] for a URL that cannot be used.
    pub async fn judge(&self, snapshot: &Snapshot, own: &Own<'_>, context: &Context) -> Result<Verdict, Failure> {
        let peers = self.peer_url.iter().map(|url| context.client_at(url)).collect::<Result<Vec<_>, _>>()?;
        if let Some(known) = own.known(snapshot).filter(|_| self.trust.is_none()) {
            return Ok(known);
        }
        let mut reasons = Vec::new();
        match own.leads(snapshot, self.trust) {
            Ok(by) => return Ok(Ok(by)),
            Err(reason) if peers.is_empty() => reasons.push(reason),
            Err(_) => {}
        }
        for peer in &peers {
            match own.leads_by(snapshot, self.trust, peer).await {
                Ok(by) => return Ok(Ok(by)),
                Err(reason) => reasons.push(format!("{}: {reason}", peer.base_url())),
            }
        }
        Ok(Err(reasons.join(", ")))
    }
}

impl Own<'_> {
    /// By whom the header is attested as far as the home knows by itself.
    pub fn judge(&self, snapshot: &Snapshot) -> Verdict {
        self.known(snapshot).unwrap_or_else(|| self.leads(snapshot, None))
    }

    /// What the store and the key of the home say; none where they say nothing.
    fn known(&self, snapshot: &Snapshot) -> Option<Verdict> {
        self.by_blocks(snapshot).or_else(|| self.by_signature(snapshot))
    }

    /// What the blocks of the store say; none where it does not hold the height, or cannot be opened.
    fn by_blocks(&self, snapshot: &Snapshot) -> Option<Verdict> {
        let (path, height) = (self.store.clone().filter(|path| path.exists())?, snapshot.height());
        let store = Store::open(&StoreConfig::Disk { path, verify: Verify::Recent }, &self.genesis?.hash()).ok()?;
        let (header, _) = store.header(height).ok()??;
        let is_same = header.hash() == snapshot.manifest.content.header.hash();
        Some(if is_same {
            Ok(format!("by the block of height {} in this node's own store", count(height.0)))
        } else {
            Err(format!("this node's own store holds another block at height {}", count(height.0)))
        })
    }

    /// Whoever reads a manifest has checked that its signature fits the signer; here it is asked whether that is this node.
    fn by_signature(&self, snapshot: &Snapshot) -> Option<Verdict> {
        let key = NodeKey::load(&self.home.node_key(), None).ok()?.key;
        let is_own = key.identity.public_key() == snapshot.manifest.signer;
        is_own.then(|| Ok("by this node's own key: it made the copy of what it had executed".to_owned()))
    }

    /// Leads from what is trusted to the header in one step.
    fn leads(&self, snapshot: &Snapshot, trust: Option<Checkpoint>) -> Verdict {
        let walk = self.walk(snapshot, trust)?;
        match walk.wanted() {
            None => Ok(led(&walk, trust)),
            Some(height) => Err(format!(
                "the header of height {height} leads to it, and no node that has it is named with --peer-url"
            )),
        }
    }

    /// The same with the headers in between that a node gives.
    async fn leads_by(&self, snapshot: &Snapshot, trust: Option<Checkpoint>, peer: &Client) -> Verdict {
        let mut walk = self.walk(snapshot, trust)?;
        while let Some(height) = walk.wanted() {
            let block = peer.certified_block(BlockId::Height(height)).await.map_err(|error| error.to_string())?;
            let (header, certificate, validators) = block.decode().map_err(|error| error.to_string())?;
            let given = CertifiedHeader { header, certificate, validators };
            walk.give(given).map_err(|error| error.to_string())?;
        }
        Ok(led(&walk, trust))
    }

    fn walk(&self, snapshot: &Snapshot, trust: Option<Checkpoint>) -> Result<Walk, String> {
        let genesis = self.genesis.ok_or("the home has no genesis file to judge the validators by")?;
        let rules = ChainRules::of(genesis).map_err(|error| error.to_string())?;
        let content = &snapshot.manifest.content;
        let certificate = content.certificate.clone().ok_or("the snapshot has no certificate")?;
        let (header, validators) = (content.header.clone(), content.validators.clone());
        let goal = CertifiedHeader { header, certificate, validators };
        let trusted = trust.map(|trust| (trust.height, trust.hash));
        Walk::new(rules, trusted, goal, now()).map_err(|error| error.to_string())
    }
}

fn led(walk: &Walk, trust: Option<Checkpoint>) -> String {
    let from = trust.map_or_else(
        || "validators of genesis".to_owned(),
        |trust| format!("the block of height {} that is trusted", count(trust.height.0)),
    );
    format!("by {from}, with {} certificates", count(walk.certificates()))
}

/// A snapshot whose header nobody attests.
pub fn not_attested(snapshot: &Snapshot, reason: &str, more: &str) -> Failure {
    let (height, block) = (snapshot.height(), snapshot.manifest.content.header.hash());
    let what = format!("the snapshot of height {height}, block {block}, is not attested: {reason}");
    let hint = format!(
        "learn height and hash of a block from somebody you trust and give --trust HEIGHT:HASH, with --peer-url URL for headers in between{more}"
    );
    Failure::new(ExitCode::Refused, "not_attested", what, hint)
}
