//! The chain proof: taken from the cache or a node, extended by the windows after it, handed to every node.
//!
//! ```text
//!   longest of: cache, first node ── holds under the node's header? ──┐
//!   windows after it: cache, else the node ── each holds? ────────────┤
//!   parts after it, of a large window: cache ── each holds? ──────────┴─► worker ──► cache ──► every node
//! ```
//! Rules
//! - Everything is checked before it is folded, wherever it comes from. What does not hold in the cache is dropped and
//!   made again: of the windows, when no node has a chain proof.
//! - A chain proof that ends inside a window stays here: nodes take one that ends with a window.
//! - One prover extends at a time: it claims the chain proof as it does windows.
//! - While windows wait to be proven, an extension starts only when it is as large as it may be, so that folding never
//!   keeps windows waiting for less than it can take.

use primitives::{Header, Height};
use proof::light::{ChainRules, SealedChain, SealedWindow, check_chain};
use proof::{FoldedProof, LedgerPoint, fold_key, verify_window, verifying_key};
use prover::WindowProof;
use prover::fold::{EXTENSION_WINDOWS_MAX, extension_size};
use rpc::types::{BlockId, Claim, ClaimRequest, OperationsQuery, ProofStatus};
use rpc::{Client, ClientError, ErrorCode};

use super::{News, Service, ServiceError, millis};
use crate::cache::CacheError;
use crate::follow::FollowError;
use crate::part::SealedPart;
use crate::worker::{Made, Task, WorkError};

/// A header that a node names, as a point of statements. Nothing is believed of it: a proof of another ledger fails.
pub(super) async fn point(node: &Client, rules: &ChainRules, height: Height) -> Result<LedgerPoint, ServiceError> {
    if height == Height::GENESIS {
        return Ok(rules.start);
    }
    let query = OperationsQuery { from: Some(0), limit: Some(1) };
    let page = node.block_operations(BlockId::Height(height), query).await?;
    let wrong = |reason: String| ServiceError::Follow(FollowError::Answer { height, reason });
    let header: Header = page.header().map_err(|error| wrong(error.to_string()))?;
    if header.height != height || header.genesis != rules.genesis {
        return Err(wrong("it is of another block".to_owned()));
    }
    Ok(LedgerPoint::from(&header))
}

impl Service {
    /// The last height of the chain proof in the cache; 0 without one.
    pub(super) fn chain_height(&self) -> Height {
        self.chain.as_ref().map_or(Height::GENESIS, |chain| chain.height)
    }

    /// Hands a node the chain proof of the cache when it is longer than the node's and of blocks that the node has.
    pub(super) async fn deliver_chain(&mut self, node: &Client, status: &ProofStatus) -> Result<bool, ServiceError> {
        let theirs = status.chain.as_ref().map_or(Height::GENESIS, |chain| chain.last_height);
        let Some(chain) = self.chain.as_ref() else { return Ok(false) };
        let height = chain.height;
        if height <= theirs || height > status.finalized_height {
            return Ok(false);
        }
        let elapsed_ms = self.folded.filter(|(folded, _)| *folded == height).map(|(_, elapsed_ms)| elapsed_ms);
        match node.submit_chain(chain.to_bytes(), elapsed_ms).await {
            Ok(accepted) => {
                let (node, chain_height) = (node.base_url().to_owned(), accepted.chain_height);
                tracing::info!(target: "plonky3", node, height = chain_height.0, "a node took the chain proof");
                (self.options.news)(&News::ChainDelivered { node, chain_height });
                Ok(true)
            }
            // Somebody else was quicker; the next look shows it.
            Err(ClientError::Api(error)) if error.code == ErrorCode::ProofExists.name() => Ok(false),
            Err(ClientError::Api(error)) if error.code == ErrorCode::ProofRejected.name() => {
                self.cache.drop_chain()?;
                self.chain = None;
                let node = node.base_url().to_owned();
                Err(ServiceError::ChainRefused { node, height, reason: error.error })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The last height of the longest chain proof in the cache, which may be inside a window.
    fn reached(&self) -> Height {
        self.inside.as_ref().map_or(Height::GENESIS, |inside| inside.height).max(self.chain_height())
    }

    /// Extends the chain proof by at least `least` windows that the first node has, or by the parts of the next window; whether it did.
    pub(super) async fn extend(&mut self, status: &ProofStatus, least: usize) -> Result<bool, ServiceError> {
        let node = self.first();
        let theirs = status.chain.as_ref().map_or(0, |chain| chain.windows);
        let ours = self.follower.rules().windows_until(self.chain_height());
        let waiting = status.next_window.saturating_sub(ours.max(theirs));
        let large = self.has_all_parts(status.next_window)?.then_some(status.next_window);
        if large.is_none() && waiting < u64::try_from(least.max(1)).unwrap_or(u64::MAX) {
            return Ok(false);
        }
        let mut claim = ClaimRequest { chain: true, ..self.claim() };
        // Its parts are done: nobody else should prove them while they are folded.
        claim.waiting.extend(large);
        if node.claim_window(&claim).await?.window.is_none() {
            return Ok(false);
        }
        let rules = self.follower.rules().clone();
        let chain = self.longest(&node, &rules).await?;
        let start = chain.as_ref().map_or(rules.start, |chain| chain.statement.after);
        let windows = self.following(&node, &rules, status.next_window, start).await?;
        let Some(before) = windows.last().map(|last| last.statement.after) else {
            // Parts that were made with other limits than this one do not go on where it ends.
            self.inside = None;
            self.cache.drop_inside()?;
            return Ok(false);
        };
        let (count, last_height) = (windows.len(), before.height);
        tracing::info!(target: "plonky3", windows = count, height = last_height.0, "the chain proof is being extended");
        (self.options.news)(&News::Folding { windows: count, last_height });
        let failed = |error| ServiceError::Fold { height: last_height, error };
        let task = Task::Extend { chain: chain.map(Box::new), windows };
        let answer = self.worker.ask(task).map_err(failed)?;
        // The node tells with a claim of the chain proof how many windows it covers.
        let is_done = |there: &Claim| there.window.is_some_and(|folded| rules.window_start(folded) >= last_height);
        let ended = self.await_answer(answer, &claim, is_done, last_height).await.map_err(failed)?;
        let Some(Made { bytes, elapsed }) = ended else { return Ok(true) };
        let sealed = SealedChain::from_bytes(&bytes).map_err(|error| failed(WorkError(error.to_string())))?;
        self.keep_sealed(sealed)?;
        let elapsed_ms = millis(elapsed);
        self.folded = Some((last_height, elapsed_ms));
        tracing::info!(
            target: "plonky3", height = last_height.0, elapsed_ms, bytes = bytes.len(), "the chain proof is extended"
        );
        (self.options.news)(&News::Folded { last_height, elapsed_ms, bytes: bytes.len() });
        Ok(true)
    }

    /// What follows the chain proof and can be folded: windows that the node has, then the parts of the next one that are proven here.
    async fn following(
        &mut self,
        node: &Client,
        rules: &ChainRules,
        next_window: u64,
        mut before: LedgerPoint,
    ) -> Result<Vec<WindowProof>, ServiceError> {
        let mut found = Vec::new();
        while found.len() < EXTENSION_WINDOWS_MAX {
            let window = rules.windows_until(before.height);
            let proven = if window < next_window && before.height == rules.window_start(window) {
                Some(self.window(node, rules, window, before).await?)
            } else {
                self.part(node, rules, window, before).await?
            };
            let Some(proven) = proven else { break };
            before = proven.statement.after;
            found.push(proven);
        }
        found.truncate(extension_size(&found));
        Ok(found)
    }

    /// The proof of the part that follows `before`, if the cache has it and it holds.
    async fn part(
        &mut self,
        node: &Client,
        rules: &ChainRules,
        window: u64,
        before: LedgerPoint,
    ) -> Result<Option<WindowProof>, ServiceError> {
        let Some(bytes) = self.cache.part(window, before.height)? else { return Ok(None) };
        let key = verifying_key().map_err(|error| ServiceError::Worker(WorkError(error.to_string())))?;
        if let Some(part) = SealedPart::from_bytes(&bytes)
            && part.before == before.height
            && part.last <= rules.window_end(window)
        {
            let after = point(node, rules, part.last).await?;
            let statement = rules.statement(before, after, part.payout);
            if verify_window(key, &statement, &part.proof).is_ok() {
                return Ok(Some(WindowProof { statement, bytes: part.proof }));
            }
        }
        tracing::warn!(target: "plonky3", window, "a part's proof in the cache does not hold: dropped");
        self.cache.drop_part(window, before.height)?;
        Ok(None)
    }

    /// Keeps a chain proof where it belongs: to be handed in when it ends with a window, else for the next extension.
    fn keep_sealed(&mut self, sealed: SealedChain) -> Result<(), CacheError> {
        let rules = self.follower.rules();
        if rules.window_start(rules.windows_until(sealed.height)) == sealed.height {
            self.cache.save_chain(&sealed.to_bytes())?;
            self.chain = Some(sealed);
            self.inside = None;
            return self.cache.drop_inside();
        }
        self.cache.save_inside(&sealed.to_bytes())?;
        self.inside = Some(sealed);
        Ok(())
    }

    /// The longest chain proof that holds, of the cache or the first node.
    async fn longest(&mut self, node: &Client, rules: &ChainRules) -> Result<Option<FoldedProof>, ServiceError> {
        let theirs = match node.chain_proof().await {
            Ok(bytes) => SealedChain::from_bytes(&bytes).ok(),
            Err(ClientError::Api(error)) if error.code == ErrorCode::ProofUnavailable.name() => None,
            Err(error) => return Err(error.into()),
        };
        let theirs = theirs.filter(|theirs| theirs.height > self.reached());
        if let Some(theirs) = theirs
            && let Some(held) = holds(node, rules, &theirs).await?
        {
            self.keep_sealed(theirs)?;
            return Ok(Some(held));
        }
        if let Some(inside) = self.inside.take().filter(|inside| inside.height > self.chain_height()) {
            if let Some(held) = holds(node, rules, &inside).await? {
                self.inside = Some(inside);
                return Ok(Some(held));
            }
            tracing::warn!(target: "plonky3", height = inside.height.0, "a chain proof of the cache does not hold: dropped");
        }
        self.cache.drop_inside()?;
        let Some(ours) = &self.chain else { return Ok(None) };
        if let Some(held) = holds(node, rules, ours).await? {
            return Ok(Some(held));
        }
        tracing::warn!(target: "plonky3", height = ours.height.0, "the chain proof of the cache does not hold: dropped");
        self.cache.drop_chain()?;
        self.chain = None;
        Ok(None)
    }

    /// A window's proof that holds, of the cache or the first node.
    async fn window(
        &mut self,
        node: &Client,
        rules: &ChainRules,
        window: u64,
        before: LedgerPoint,
    ) -> Result<WindowProof, ServiceError> {
        let after = point(node, rules, rules.window_end(window)).await?;
        let key = verifying_key().map_err(|error| ServiceError::Worker(WorkError(error.to_string())))?;
        let cached = self.cache.proof(window)?.map(|bytes| (bytes, true));
        let (mut bytes, mut is_cached) = match cached {
            Some(cached) => cached,
            None => (node.window_proof(window).await?, false),
        };
        loop {
            let sealed = SealedWindow::from_bytes(&bytes).ok().filter(|sealed| sealed.window == window);
            if let Some(sealed) = sealed {
                let statement = rules.statement(before, after, sealed.payout);
                if verify_window(key, &statement, &sealed.proof).is_ok() {
                    return Ok(WindowProof { statement, bytes: sealed.proof });
                }
            }
            if !is_cached {
                let error = WorkError("the node's proof of it does not hold under the node's headers".to_owned());
                return Err(ServiceError::Work { window, error });
            }
            tracing::warn!(target: "plonky3", window, "the window's proof in the cache does not hold: dropped");
            self.cache.drop_proof(window)?;
            (bytes, is_cached) = (node.window_proof(window).await?, false);
        }
    }
}

/// What a chain proof shows under the node's header at its end; none when it does not hold.
async fn holds(node: &Client, rules: &ChainRules, sealed: &SealedChain) -> Result<Option<FoldedProof>, ServiceError> {
    let key = fold_key().map_err(|error| ServiceError::Worker(WorkError(error.to_string())))?;
    let (origin, after) = (rules.origin(), point(node, rules, sealed.height).await?);
    if check_chain(key, &origin, after, sealed).is_err() {
        return Ok(None);
    }
    Ok(Some(FoldedProof { statement: sealed.statement(&origin, after), bytes: sealed.proof.clone() }))
}
