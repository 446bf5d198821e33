//! What a genesis file fixes for everyone who proves, keeps or checks window proofs.

use primitives::{Address, Amount, Genesis, Hash, Height, LedgerDigest, Timestamp, ValidatorSet};
use tree::{LedgerError, LedgerTree, ops_digest};

use crate::light::chain::ChainOrigin;
use crate::statement::{LedgerPoint, WindowStatement};

/// A genesis that no proof can start from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Its validators are no set.
    #[error("{0}")]
    Validators(#[from] primitives::validator::ValidatorSetError),
    /// Its accounts are no ledger.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

/// The constants of a chain, and where its ledger starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRules {
    /// The chain.
    pub genesis: Hash,
    /// Block time of genesis.
    pub genesis_time: Timestamp,
    /// The set that decides height 1.
    pub validators: ValidatorSet,
    /// Heights in one window, at least 1.
    pub window_blocks: u64,
    /// Most new money in a block, µBLOCK.
    pub issuance_max: Amount,
    /// All the money there may ever be, µBLOCK.
    pub supply_cap: Amount,
    /// How long a header is trusted without a newer one, milliseconds.
    pub trusting_period_ms: u64,
    /// The ledger before the first block.
    pub start: LedgerPoint,
}

impl ChainRules {
    /// The rules of this genesis. Hashes every account once.
    ///
    /// # Errors
    /// [`RulesError`] for a genesis that no chain can start from.
    pub fn of(genesis: &Genesis) -> Result<Self, RulesError> {
        let ledger = LedgerTree::new(genesis.slots())?;
        Self::with_ledger(genesis, &ledger)
    }

    /// The same, for who has the genesis ledger already.
    ///
    /// # Errors
    /// [`RulesError::Validators`].
    pub fn with_ledger(genesis: &Genesis, ledger: &LedgerTree) -> Result<Self, RulesError> {
        let (hash, params) = (genesis.hash(), &genesis.params);
        let epochs = params.staking.trusting_epochs;
        Ok(Self {
            genesis: hash,
            genesis_time: genesis.genesis_time,
            validators: genesis.validator_set()?,
            window_blocks: params.window_blocks.max(1),
            issuance_max: params.issuance_per_block_max,
            supply_cap: params.supply_cap,
            trusting_period_ms: epochs.saturating_mul(params.epoch_blocks).saturating_mul(params.block_interval_ms),
            start: point(ledger, Height::GENESIS, ops_digest::start(&hash)),
        })
    }

    /// The height before the first of `window`.
    pub fn window_start(&self, window: u64) -> Height {
        Height(window.saturating_mul(self.window_blocks))
    }

    /// The last height of `window`.
    pub fn window_end(&self, window: u64) -> Height {
        self.window_start(window.saturating_add(1))
    }

    /// The window that `height` is in; none for genesis.
    pub fn window_of(&self, height: Height) -> Option<u64> {
        height.previous().map(|before| before.0 / self.window_blocks)
    }

    /// How many windows have ended at `height`.
    pub fn windows_until(&self, height: Height) -> u64 {
        height.0 / self.window_blocks
    }

    /// What chain proofs start from.
    pub fn origin(&self) -> ChainOrigin {
        let Self { genesis, start, issuance_max, supply_cap, .. } = *self;
        ChainOrigin { genesis, start, issuance_max, supply_cap }
    }

    /// The statement of a window between two ledgers.
    pub fn statement(&self, before: LedgerPoint, after: LedgerPoint, payout: Address) -> WindowStatement {
        WindowStatement {
            genesis: self.genesis,
            before,
            after,
            issuance_max: self.issuance_max,
            supply_cap: self.supply_cap,
            payout,
        }
    }
}

/// A ledger as a point of a statement.
fn point(ledger: &LedgerTree, height: Height, ops_digest: LedgerDigest) -> LedgerPoint {
    LedgerPoint {
        height,
        ledger_root: ledger.root(),
        ops_digest,
        supply: ledger.supply(),
        next_slot: ledger.next_slot(),
    }
}
