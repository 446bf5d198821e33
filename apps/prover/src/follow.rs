//! The prover's own ledger, from genesis on, window by window, and within a large window part by part.
//!
//! ```text
//!   start of a window ── all its operations, once ──► its parts ── one: they are kept and applied
//!                                                           └───── more: each part is fetched again when it is its turn
//! ```
//!
//! Rules
//! - Each height's operations are applied by the rules of the ledger, and must end in the operations digest, the root,
//!   the supply and the next slot of its header, which must be the child of the header before.
//! - The ledger moves by whole parts, and is kept on disk at the ends of windows. What fails in the middle leaves it at a
//!   window's start, from disk or genesis.
//! - Memory holds the operations of one part and never those of a whole large window.

use primitives::part::PART_OPS_MAX;
use primitives::{Address, Genesis, Hash, Header, Height, LedgerDigest, LedgerOp, PartLimits};
use proof::light::{ChainRules, RulesError};
use prover::{ChainConstants, Part, Splitter, WindowWitness};
use rpc::types::{BlockId, OperationsQuery};
use rpc::{Client, ClientError};
use tree::{LedgerBounds, LedgerTree, OpError, ops_digest};

use crate::cache::{Cache, CacheError, Checkpoint};

/// Why the ledger cannot follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The node did not answer.
    #[error("{0}")]
    Node(#[from] ClientError),
    /// The folder cannot be used.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// The genesis starts no chain.
    #[error("{0}")]
    Genesis(#[from] RulesError),
    /// The node's answer does not decode or is of another block.
    #[error("the node's answer for height {height} is not its operations: {reason}")]
    Answer {
        /// The height.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// The operations break a rule of the ledger.
    #[error("the operations of height {height} break a rule: {error}")]
    Rule {
        /// The height.
        height: Height,
        /// Which.
        error: OpError,
    },
    /// The operations do not lead to the header.
    #[error("the operations of height {height} do not lead to the {field} of its header")]
    OtherLedger {
        /// The height.
        height: Height,
        /// What differs.
        field: &'static str,
    },
}

impl FollowError {
    /// Whether trying again may help, because only the node or the network stood in the way.
    pub fn is_outside(&self) -> bool {
        matches!(self, Self::Node(_))
    }
}

/// One block's operations with the header that they lead to.
struct BlockOperations {
    header: Header,
    operations: Vec<LedgerOp>,
}

/// How the window that the ledger is in is proven.
struct Plan {
    parts: Vec<Part>,
    /// The part that the ledger is before, from 0.
    next: usize,
    /// The operations of the window, when it is one part.
    blocks: Vec<BlockOperations>,
}

/// A part of a window, ready to be proven.
pub struct PartWitness {
    /// The window.
    pub window: u64,
    /// Which part of it, from 1.
    pub part: usize,
    /// How many parts it has.
    pub parts: usize,
    /// What the part is proven from.
    pub witness: WindowWitness,
}

/// The ledger at the start of a window, or of a part of one.
pub struct Follower {
    genesis: Genesis,
    rules: ChainRules,
    limits: PartLimits,
    plan: Option<Plan>,
    at: Height,
    window: u64,
    ledger: LedgerTree,
    header: Hash,
    ops_digest: LedgerDigest,
}

impl Follower {
    /// The ledger of genesis; windows are split by `limits`.
    ///
    /// # Errors
    /// [`FollowError::Genesis`].
    pub fn genesis(genesis: Genesis, limits: PartLimits) -> Result<Self, FollowError> {
        let ledger = LedgerTree::new(genesis.slots()).map_err(RulesError::from)?;
        let rules = ChainRules::with_ledger(&genesis, &ledger)?;
        let (header, ops_digest) = (rules.genesis, rules.start.ops_digest);
        Ok(Self { genesis, rules, limits, plan: None, at: Height::GENESIS, window: 0, ledger, header, ops_digest })
    }

    /// The constants of the chain.
    pub fn rules(&self) -> &ChainRules {
        &self.rules
    }

    /// The window that the ledger is before, or in.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// The last height that the ledger has.
    pub fn height(&self) -> Height {
        self.at
    }

    /// Goes back, or forward, to the newest checkpoint at or before `window`, else to genesis.
    ///
    /// # Errors
    /// [`FollowError::Cache`], [`FollowError::Genesis`].
    pub fn rewind(&mut self, cache: &Cache, window: u64) -> Result<(), FollowError> {
        let found = cache.checkpoint(window)?;
        let start = found.and_then(|(at, checkpoint)| {
            let ledger = LedgerTree::new(checkpoint.slots).ok()?;
            (checkpoint.height == self.rules.window_start(at)).then_some((
                at,
                ledger,
                checkpoint.header,
                checkpoint.ops_digest,
            ))
        });
        match start {
            Some((at, ledger, header, ops_digest)) => {
                (self.window, self.ledger, self.header, self.ops_digest) = (at, ledger, header, ops_digest);
                (self.plan, self.at) = (None, self.rules.window_start(at));
            }
            None => *self = Self::genesis(self.genesis.clone(), self.limits)?,
        }
        Ok(())
    }

    /// Moves over the part that the ledger is before, and gives its witness. Keeps a checkpoint at the end of a window.
    ///
    /// # Errors
    /// [`FollowError`]; the ledger has to be rewound then.
    pub async fn next(&mut self, client: &Client, cache: &Cache, payout: Address) -> Result<PartWitness, FollowError> {
        let plan = match self.plan.take() {
            Some(plan) => plan,
            None => self.look(client).await?,
        };
        let Plan { parts, next, blocks } = plan;
        let (window, count) = (self.window, parts.len());
        let missing = |height| FollowError::Answer { height, reason: "it leaves a window without blocks".to_owned() };
        let part = *parts.get(next).ok_or_else(|| missing(self.at.next()))?;
        let blocks = if blocks.is_empty() { fetch_part(client, &part).await? } else { blocks };
        let (headers, blocks): (Vec<Header>, Vec<(Height, Vec<LedgerOp>)>) =
            blocks.into_iter().map(|block| (block.header.clone(), (block.header.height, block.operations))).unzip();
        let chain = ChainConstants {
            genesis: self.rules.genesis,
            issuance_max: self.rules.issuance_max,
            supply_cap: self.rules.supply_cap,
        };
        let witness = WindowWitness::of_ledger(&self.ledger, chain, self.at, self.ops_digest, payout, blocks);
        for ((_, operations), header) in witness.blocks.iter().zip(&headers) {
            self.apply(header, operations)?;
        }
        self.at = part.last;
        if next.saturating_add(1) < count {
            self.plan = Some(Plan { parts, next: next.saturating_add(1), blocks: Vec::new() });
        } else {
            self.end_window(cache)?;
        }
        Ok(PartWitness { window, part: next.saturating_add(1), parts: count, witness })
    }

    /// Looks through the window that the ledger is before: how many parts it has. Keeps its operations when it has one.
    async fn look(&self, client: &Client) -> Result<Plan, FollowError> {
        let mut splitter = Splitter::new(self.limits, self.ledger.next_slot());
        let mut blocks = Vec::new();
        for height in (self.at.next().0..=self.rules.window_end(self.window).0).map(Height) {
            let block = fetch(client, height).await?;
            match splitter.add(height, &block.operations) {
                0 | 1 => blocks.push(block),
                // Freed at once: each part is fetched again.
                _ => blocks = Vec::new(),
            }
        }
        Ok(Plan { parts: splitter.parts(), next: 0, blocks })
    }

    fn end_window(&mut self, cache: &Cache) -> Result<(), CacheError> {
        self.window = self.window.saturating_add(1);
        let checkpoint = Checkpoint {
            height: self.rules.window_start(self.window),
            header: self.header,
            ops_digest: self.ops_digest,
            slots: self.ledger.slots().to_vec(),
        };
        cache.save_checkpoint(self.window, &checkpoint)
    }

    /// One block, checked against its header.
    pub(crate) fn apply(&mut self, header: &Header, operations: &[LedgerOp]) -> Result<(), FollowError> {
        let height = header.height;
        let differs = |field| FollowError::OtherLedger { height, field };
        if header.genesis != self.rules.genesis {
            return Err(differs("genesis"));
        }
        if header.parent != self.header {
            return Err(differs("parent"));
        }
        let bounds = LedgerBounds { supply_cap: self.rules.supply_cap, issuance_max: self.rules.issuance_max, height };
        let update = self.ledger.apply(&bounds, operations).map_err(|error| FollowError::Rule { height, error })?;
        let digest = ops_digest::absorb(self.ops_digest, operations);
        if digest != header.ops_digest {
            return Err(differs("operations digest"));
        }
        if update.root != header.ledger_root {
            return Err(differs("ledger root"));
        }
        if (update.supply, update.next_slot) != (header.supply, header.next_slot) {
            return Err(differs("supply or next slot"));
        }
        self.ledger.commit(update);
        (self.header, self.ops_digest) = (header.hash(), digest);
        Ok(())
    }
}

/// The blocks of a part.
async fn fetch_part(client: &Client, part: &Part) -> Result<Vec<BlockOperations>, FollowError> {
    let mut blocks = Vec::new();
    for height in (part.first.0..=part.last.0).map(Height) {
        blocks.push(fetch(client, height).await?);
    }
    Ok(blocks)
}

/// All operations of a height, page by page: as many pages as the first one announces.
async fn fetch(client: &Client, height: Height) -> Result<BlockOperations, FollowError> {
    let wrong = |reason: &str| FollowError::Answer { height, reason: reason.to_owned() };
    let mut operations: Vec<LedgerOp> = Vec::new();
    let mut from = 0_u64;
    loop {
        let query = OperationsQuery { from: Some(from), limit: None };
        let page = client.block_operations(BlockId::Height(height), query).await?;
        let header = page.header().map_err(|error| wrong(&error.to_string()))?;
        if header.height != height || page.from != from {
            return Err(wrong("it is of another block or page"));
        }
        operations.extend(page.operations().map_err(|error| wrong(&error.to_string()))?);
        match page.next_from {
            None => return Ok(BlockOperations { header, operations }),
            Some(_) if operations.len() > PART_OPS_MAX => return Err(wrong("it has too many operations")),
            Some(next) if next > from => from = next,
            Some(_) => return Err(wrong("its pages do not advance")),
        }
    }
}
