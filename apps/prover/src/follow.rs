//! The prover's own ledger, from genesis on, window by window.
//!
//! Rules
//! - Each height's operations are applied by the rules of the ledger, and must end in the operations digest, the root,
//!   the supply and the next slot of its header, which must be the child of the header before.
//! - The ledger moves by whole windows. What fails in the middle leaves it at a window's start, from disk or genesis.

use primitives::{Address, Genesis, Hash, Header, Height, LedgerDigest, LedgerOp};
use proof::light::{ChainRules, RulesError};
use prover::{ChainConstants, WINDOW_OPS_MAX, WindowWitness};
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
    /// The window cannot be proven.
    #[error("window {window} has more than {WINDOW_OPS_MAX} operations and cannot be proven")]
    TooManyOperations {
        /// Which window.
        window: u64,
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

/// The ledger at the start of a window.
pub struct Follower {
    genesis: Genesis,
    rules: ChainRules,
    window: u64,
    ledger: LedgerTree,
    header: Hash,
    ops_digest: LedgerDigest,
}

impl Follower {
    /// The ledger of genesis.
    ///
    /// # Errors
    /// [`FollowError::Genesis`].
    pub fn genesis(genesis: Genesis) -> Result<Self, FollowError> {
        let ledger = LedgerTree::new(genesis.slots()).map_err(RulesError::from)?;
        let rules = ChainRules::with_ledger(&genesis, &ledger)?;
        let (header, ops_digest) = (rules.genesis, rules.start.ops_digest);
        Ok(Self { genesis, rules, window: 0, ledger, header, ops_digest })
    }

    /// The constants of the chain.
    pub fn rules(&self) -> &ChainRules {
        &self.rules
    }

    /// The window that the ledger is before.
    pub fn window(&self) -> u64 {
        self.window
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
            }
            None => *self = Self::genesis(self.genesis.clone())?,
        }
        Ok(())
    }

    /// Moves over the window that the ledger is before, and gives its witness. Keeps a checkpoint at its end.
    ///
    /// # Errors
    /// [`FollowError`]; the ledger has to be rewound then.
    pub async fn next(
        &mut self,
        client: &Client,
        cache: &Cache,
        payout: Address,
    ) -> Result<WindowWitness, FollowError> {
        let (window, start) = (self.window, self.rules.window_start(self.window));
        let mut blocks: Vec<(Height, Vec<LedgerOp>)> = Vec::new();
        let mut headers = Vec::new();
        for height in (start.next().0..=self.rules.window_end(window).0).map(Height) {
            let block = fetch(client, height).await?;
            headers.push(block.header);
            blocks.push((height, block.operations));
        }
        if blocks.iter().map(|(_, operations)| operations.len()).sum::<usize>() > WINDOW_OPS_MAX {
            return Err(FollowError::TooManyOperations { window });
        }
        let chain = ChainConstants {
            genesis: self.rules.genesis,
            issuance_max: self.rules.issuance_max,
            supply_cap: self.rules.supply_cap,
        };
        let witness = WindowWitness::of_ledger(&self.ledger, chain, start, self.ops_digest, payout, blocks);
        for ((_, operations), header) in witness.blocks.iter().zip(&headers) {
            self.apply(header, operations)?;
        }
        self.window = window.saturating_add(1);
        let checkpoint = Checkpoint {
            height: self.rules.window_start(self.window),
            header: self.header,
            ops_digest: self.ops_digest,
            slots: self.ledger.slots().to_vec(),
        };
        cache.save_checkpoint(self.window, &checkpoint)?;
        Ok(witness)
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
            Some(_) if operations.len() > WINDOW_OPS_MAX => return Err(wrong("it has too many operations")),
            Some(next) if next > from => from = next,
            Some(_) => return Err(wrong("its pages do not advance")),
        }
    }
}
