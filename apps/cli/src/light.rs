//! The light client's side of the network: fetches what `proof::light` judges.
//!
//! ```text
//!   chain proof                        ──► Proven::of_chain    its end: header, certificate, set ──► Attested::advance
//!   if asked for, windows after it     ──► Proven::extend      the same at the end of each (in smaller steps where
//!                                                              sets have changed)
//!   then: the newest finalized height  ──► Attested::advance
//! ```
//!
//! Rules
//! - Nothing that the node says is believed; its numbers only say what to ask for. A node that lies can refuse an answer
//!   and cannot forge one.
//! - A ledger counts at heights whose headers are certified, from what is trusted forwards or from a checkpoint backwards,
//!   and at no others: a proof alone shows *a* ledger, and anybody can prove one that nobody agreed on.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use primitives::{Address, Genesis, Hash, Header, Height, LedgerSlot, Timestamp, decode};
use proof::light::{
    AccountWitness, Attested, CertifiedHeader, ChainRules, LightError, Proven, SealedChain, SealedWindow,
    check_account, check_slot,
};
use proof::{FoldKey, LedgerPoint, VerifyingKey, fold_key, verifying_key};
use rpc::types::{AccountProof, BlockId};
use rpc::{Client, ClientError, ErrorCode, ExitCode};
use tree::{LedgerProof, StateProof};

use crate::exit::Failure;

/// Most windows after the chain proof that one check looks at.
pub const TAIL_WINDOWS_MAX: u64 = 1_000;
/// Most heights in between that one step may take.
const STEPS_MAX: usize = 4_096;
/// How often a newer proof is fetched because the node's accounts belong to one.
const PROLONGED_MAX: u32 = 3;

/// A height and its block hash, learned elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The height.
    pub height: Height,
    /// The hash of its header.
    pub hash: Hash,
}

/// Words that are no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checkpoint is HEIGHT:HASH, such as 1200:4f…, the hash with 64 hexadecimal digits")]
pub struct CheckpointError;

impl std::str::FromStr for Checkpoint {
    type Err = CheckpointError;
    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let (height, hash) = text.split_once(':').ok_or(CheckpointError)?;
        let height = height.parse().map(Height).map_err(|_| CheckpointError)?;
        let hash = hash.parse().map_err(|_| CheckpointError)?;
        if height == Height::GENESIS { Err(CheckpointError) } else { Ok(Self { height, hash }) }
    }
}

/// The account that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is in the proven ledger.
    Proven(ProvenSlot),
    /// The address has none: attested.
    Absent {
        /// The height that this is attested at.
        height: Height,
        /// The block.
        block: Hash,
    },
}

/// An account as proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenSlot {
    /// Its content.
    pub slot: LedgerSlot,
    /// Its place in the ledger.
    pub index: u32,
    /// The height that it is proven at.
    pub height: Height,
}

/// One check of a chain.
pub struct Session<'a> {
    client: &'a Client,
    rules: ChainRules,
    key: &'static FoldKey,
    window_key: &'static VerifyingKey,
    now: Timestamp,
    checkpoint: Option<Checkpoint>,
    /// What is trusted at the checkpoint.
    trusted: Option<Attested>,
    attested: Attested,
    proven: Proven,
    /// The proven ledgers whose headers count, one for each proof.
    ends: Vec<LedgerPoint>,
    /// Blocks at the ends of proofs, below the checkpoint, that are not judged yet.
    below: Vec<CertifiedHeader>,
    /// The last height of the chain proof, and its bytes.
    chain: (Height, u64),
    downloaded: u64,
    verifying: Duration,
}

fn refused(code: &str, error: impl std::fmt::Display, hint: &str) -> Failure {
    Failure::new(ExitCode::Refused, code, error, hint)
}

/// The node's answer shows nothing.
fn unproven(why: impl std::fmt::Display) -> Failure {
    let hint =
        "ask another node; if it happens again, this node is faulty, lies, or its chain has broken its own rules";
    refused("not_proven", format!("the node's answer proves nothing: {why}"), hint)
}

fn judged(error: LightError) -> Failure {
    match &error {
        LightError::CheckpointTooOld { .. } => {
            let hint = "give a newer one with --trust HEIGHT:HASH, learned from somebody you trust";
            refused("checkpoint_too_old", error, hint)
        }
        _ => unproven(error),
    }
}

/// What a node shows of an account by both trees.
fn witness(shown: &AccountProof) -> Result<AccountWitness, Failure> {
    let place =
        StateProof::from_bytes(&shown.state.proof.0).map_err(|_| unproven("the module-state proof does not decode"))?;
    let content = shown.ledger_proof.as_ref().map(|bytes| decode(&bytes.0)).transpose();
    let content = content.map_err(|_| unproven("the ledger proof does not decode"))?;
    Ok(AccountWitness { value: shown.state.value.as_ref().map(|value| value.0.clone()), place, content })
}

impl<'a> Session<'a> {
    /// Starts from genesis, or from a checkpoint.
    ///
    /// # Errors
    /// [`Failure`]: `checkpoint_too_old`, or the node cannot show the checkpoint's header.
    pub async fn start(
        client: &'a Client,
        genesis: &Genesis,
        checkpoint: Option<Checkpoint>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        proof::require_system(genesis.proof_system, proof::REGISTRY).map_err(|error| {
            let hint = "use a tb that was built with the proof system of the chain";
            Failure::new(ExitCode::Config, "proof_system", error, hint)
        })?;
        let rules = ChainRules::of(genesis)
            .map_err(|error| Failure::new(ExitCode::Config, "genesis", error, "check the genesis file"))?;
        let other = |error| refused("other_key", error, "build tb from the locked sources of the network");
        let (key, window_key) = (fold_key().map_err(other)?, verifying_key().map_err(other)?);
        let (attested, proven) = (Attested::genesis(&rules), Proven::genesis(&rules));
        let mut session = Self {
            client,
            rules,
            key,
            window_key,
            now,
            checkpoint,
            trusted: None,
            attested,
            proven,
            ends: Vec::new(),
            below: Vec::new(),
            chain: (Height::GENESIS, 0),
            downloaded: 0,
            verifying: Duration::ZERO,
        };
        if let Some(checkpoint) = checkpoint {
            let block = session.fetch(checkpoint.height).await?;
            if block.header.hash() != checkpoint.hash {
                return Err(unproven(format!("height {} has another hash than the checkpoint", checkpoint.height)));
            }
            session.attested = Attested::checkpoint(&session.rules, &block.header, block.validators).map_err(judged)?;
            session.trusted = Some(session.attested.clone());
        }
        session.attested.check_age(&session.rules, now).map_err(judged)?;
        Ok(session)
    }

    /// The header, certificate and set of a height, decoded; not judged.
    async fn fetch(&mut self, height: Height) -> Result<CertifiedHeader, Failure> {
        let block = self.client.certified_block(BlockId::Height(height)).await?;
        self.count(serde_json::to_vec(&block).map_or(0, |text| text.len()));
        let (header, certificate, validators) = block.decode().map_err(unproven)?;
        if header.height != height {
            return Err(unproven(format!("it was asked for height {height} and answered for {}", header.height)));
        }
        Ok(CertifiedHeader { header, certificate, validators })
    }

    fn count(&mut self, bytes: usize) {
        self.downloaded = self.downloaded.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Checks the chain proof; false when the node has none.
    ///
    /// # Errors
    /// [`Failure`] when it does not hold.
    pub async fn prove_chain(&mut self) -> Result<bool, Failure> {
        let bytes = match self.client.chain_proof().await {
            Ok(bytes) => bytes,
            Err(ClientError::Api(error)) if error.code == ErrorCode::ProofUnavailable.name() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        self.count(bytes.len());
        let sealed = SealedChain::from_bytes(&bytes).map_err(unproven)?;
        let header = self.end_header(sealed.height).await?;
        let started = Instant::now();
        self.proven = Proven::of_chain(&self.rules, self.key, &header, &sealed).map_err(unproven)?;
        self.verifying = self.verifying.saturating_add(started.elapsed());
        self.ends.push(*self.proven.point());
        self.chain = (sealed.height, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.descend().await?;
        Ok(true)
    }

    /// Checks windows after what is proven, up to number `count`, telling `progress` after each.
    ///
    /// # Errors
    /// [`Failure`] for the first that does not hold.
    pub async fn prove_windows(&mut self, count: u64, mut progress: impl FnMut(u64, Height)) -> Result<(), Failure> {
        if count.saturating_sub(self.proven.windows()) > TAIL_WINDOWS_MAX {
            return Err(unproven(format!("at most {TAIL_WINDOWS_MAX} windows after the chain proof are looked at")));
        }
        while self.proven.windows() < count {
            let window = self.proven.windows();
            let height = self.rules.window_end(window);
            let header = self.end_header(height).await?;
            let bytes = self.client.window_proof(window).await?;
            self.count(bytes.len());
            let started = Instant::now();
            let sealed = SealedWindow::from_bytes(&bytes).map_err(unproven)?;
            self.proven.extend(&self.rules, self.window_key, &header, &sealed).map_err(unproven)?;
            self.verifying = self.verifying.saturating_add(started.elapsed());
            self.ends.push(*self.proven.point());
            progress(window, height);
        }
        self.descend().await
    }

    /// The header at the end of a proof: certified, or below the checkpoint and judged from there later.
    async fn end_header(&mut self, height: Height) -> Result<Header, Failure> {
        let block = self.fetch(height).await?;
        let header = block.header.clone();
        if height > self.attested.height() {
            self.advance(block).await?;
            return Ok(header);
        }
        match self.checkpoint {
            Some(at) if at.height == height && at.hash == header.hash() => {}
            Some(at) if at.height == height => {
                return Err(unproven(format!("height {height} has another hash than the checkpoint")));
            }
            Some(at) if height < at.height => self.below.push(block),
            Some(_) | None => {
                return Err(unproven(format!("its proof ends at height {height}, below what is certified already")));
            }
        }
        Ok(header)
    }

    /// Judges the ends of proofs that lie below the checkpoint, from the highest down, by heights in between where the set
    /// has changed too much for one step.
    async fn descend(&mut self) -> Result<(), Failure> {
        let mut ends = std::mem::take(&mut self.below);
        let Some(mut trusted) = self.trusted.clone() else { return Ok(()) };
        ends.sort_by_key(|end| std::cmp::Reverse(end.header.height));
        for end in ends {
            let (mut waiting, mut steps) = (vec![end], 0);
            while let Some(next) = waiting.last() {
                let started = Instant::now();
                let judged_now = trusted.below(&self.rules, next);
                self.verifying = self.verifying.saturating_add(started.elapsed());
                match judged_now {
                    Ok(lower) => {
                        trusted = lower;
                        waiting.pop();
                    }
                    Err(LightError::TooFar { trusted, height, .. })
                        if steps < STEPS_MAX && trusted.0 > height.0.saturating_add(1) =>
                    {
                        let middle = Height(height.0.saturating_add(trusted.0.saturating_sub(height.0) / 2));
                        waiting.push(self.fetch(middle).await?);
                    }
                    Err(error) => return Err(judged(error)),
                }
                steps += 1;
            }
        }
        Ok(())
    }

    /// Goes on to the newest finalized height that the node names.
    ///
    /// # Errors
    /// [`Failure`] when it does not hold.
    pub async fn attest(&mut self) -> Result<(), Failure> {
        let newest = self.client.node_status().await?.finalized_height;
        if newest > self.attested.height() {
            let block = self.fetch(newest).await?;
            self.advance(block).await?;
        }
        Ok(())
    }

    /// Moves to `block`, by heights in between where the set has changed too much for one step.
    async fn advance(&mut self, block: CertifiedHeader) -> Result<(), Failure> {
        let mut waiting = vec![block];
        let mut steps = 0;
        while let Some(next) = waiting.last() {
            let started = Instant::now();
            let judged_now = self.attested.advance(&self.rules, next, self.now);
            self.verifying = self.verifying.saturating_add(started.elapsed());
            match judged_now {
                Ok(()) => drop(waiting.pop()),
                Err(LightError::TooFar { trusted, height, .. }) if steps < STEPS_MAX && height.0 > trusted.0 + 1 => {
                    let middle = Height(trusted.0 + (height.0 - trusted.0) / 2);
                    waiting.push(self.fetch(middle).await?);
                }
                Err(error) => return Err(judged(error)),
            }
            steps += 1;
        }
        Ok(())
    }

    /// The slot of an address in the proven ledger, or that it has no account.
    ///
    /// # Errors
    /// [`Failure`] when the node cannot show either.
    pub async fn account(&mut self, address: &Address) -> Result<Found, Failure> {
        for _ in 0..PROLONGED_MAX {
            let account = match self.client.proven_account(address).await {
                Ok(account) => account,
                Err(ClientError::Api(error)) if error.code == ErrorCode::NotFound.name() => {
                    return self.absent(address).await;
                }
                Err(error) => return Err(error.into()),
            };
            self.count(serde_json::to_vec(&account).map_or(0, |text| text.len()));
            // Another proof may have been taken since.
            if account.height > self.proven.point().height {
                let known = self.proven.point().height;
                if !self.prove_chain().await? || self.proven.point().height <= known {
                    return Err(self.above(account.height));
                }
                continue;
            }
            let Some(point) = self.ends.iter().find(|point| point.height == account.height).copied() else {
                return Err(unproven("its account is of another height than its proofs"));
            };
            let shown: LedgerProof =
                decode(&account.ledger_proof.0).map_err(|_| unproven("the ledger proof does not decode"))?;
            let slot = check_slot(&point.ledger_root, address, &shown).map_err(unproven)?;
            return Ok(Found::Proven(ProvenSlot { slot, index: shown.slot.get(), height: point.height }));
        }
        Err(Failure::new(ExitCode::NotReady, "moving", "the proven height moved on during every attempt", "try again"))
    }

    /// That an address has no account, at the newest height that the node shows.
    async fn absent(&mut self, address: &Address) -> Result<Found, Failure> {
        let shown = self.client.account_proof(address).await?;
        self.count(serde_json::to_vec(&shown).map_or(0, |text| text.len()));
        let header = shown.header().map_err(unproven)?;
        let (height, block) = (header.height, header.hash());
        if height < self.attested.height() {
            return Err(unproven("it shows its accounts at a height below one that is attested"));
        }
        if height > self.attested.height() {
            let certified = self.fetch(height).await?;
            self.advance(certified).await?;
        }
        if self.attested.hash() != block {
            return Err(unproven(format!(
                "its accounts are of another block at height {height} than the attested one"
            )));
        }
        let started = Instant::now();
        let found = check_account(&header, address, &witness(&shown)?).map_err(unproven)?;
        self.verifying = self.verifying.saturating_add(started.elapsed());
        match found {
            None => Ok(Found::Absent { height, block }),
            Some(_) => Err(Failure::new(
                ExitCode::NotReady,
                "account_above",
                format!("{address} has an account at height {height}, above what is proven"),
                "ask again once a later height is proven; tb proof account shows it by certificates alone",
            )),
        }
    }

    /// The node shows its accounts at a height beyond what was looked at.
    fn above(&self, height: Height) -> Failure {
        let windows = self.rules.windows_until(height).saturating_sub(self.proven.windows());
        Failure::new(
            ExitCode::NotReady,
            "account_above",
            format!("the node shows accounts at height {height}, beyond the chain proof"),
            format!("check the windows up to there as well, with --windows {windows}, or ask again later"),
        )
    }

    /// Whether a block that was verified before is in this history (LGT-31). A node that is behind it, or that does not show it, says nothing about it.
    ///
    /// # Errors
    /// [`Failure`] `other_history`: another block is there.
    pub async fn confirm(&mut self, verified: Checkpoint) -> Result<bool, Failure> {
        let Checkpoint { height, hash } = verified;
        let found = match height.cmp(&self.attested.height()) {
            Ordering::Greater => return Ok(false),
            Ordering::Equal => self.attested.hash(),
            Ordering::Less => match self.fetch(height).await {
                Ok(block) => block.header.hash(),
                Err(_) => return Ok(false),
            },
        };
        if found == hash {
            return Ok(true);
        }
        let what = format!("height {height} is block {found} here, and was verified as block {hash} before");
        let hint = "ask other nodes: this one lies, or validators have signed two chains, which their signatures prove";
        Err(refused("other_history", what, hint))
    }

    /// The last height of the chain proof and its bytes; 0 without one.
    pub fn chain(&self) -> (Height, u64) {
        self.chain
    }

    /// The key of chain proofs.
    pub fn key(&self) -> &'static FoldKey {
        self.key
    }

    /// The ledger that is proven.
    pub fn proven(&self) -> &Proven {
        &self.proven
    }

    /// The newest header that counts.
    pub fn attested(&self) -> &Attested {
        &self.attested
    }

    /// Bytes of the answers with headers, certificates, sets and proofs that were fetched.
    pub fn downloaded(&self) -> u64 {
        self.downloaded
    }

    /// Time spent judging, without the network.
    pub fn verifying(&self) -> Duration {
        self.verifying
    }
}
