//! The proven ledger: a chain proof from genesis on, then an unbroken list of window proofs, checked as they arrive.

use primitives::{Header, Height};

use crate::folded::FoldKey;
use crate::keys::VerifyingKey;
use crate::light::chain::{SealedChain, SealedChainError, check_chain};
use crate::light::rules::ChainRules;
use crate::light::window::SealedWindow;
use crate::statement::LedgerPoint;
use crate::verify::{ChainError, verify_chain};

/// Why a window does not extend the list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Another window than the next.
    #[error("the proof is of window {found}, window {expected} is next")]
    NotNext {
        /// The window that is next.
        expected: u64,
        /// The window it is of.
        found: u64,
    },
    /// The header is not the one at the window's end.
    #[error("the header is of height {found}, the window ends at height {expected}")]
    NotItsEnd {
        /// Where the window ends.
        expected: Height,
        /// The header's height.
        found: Height,
    },
    /// The header is of another chain.
    #[error("the header at height {height} is of another chain")]
    OtherChain {
        /// Its height.
        height: Height,
    },
    /// The proof does not show it.
    #[error("{0}")]
    Chain(#[from] ChainError),
}

/// Why a chain proof starts no list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainStartError {
    /// It does not end where a window does.
    #[error("the chain proof ends at height {height}, which is not the end of a window")]
    NotAnEnd {
        /// Where it ends.
        height: Height,
    },
    /// The header is of another chain.
    #[error("the header at height {height} is of another chain")]
    OtherChain {
        /// Its height.
        height: Height,
    },
    /// The proof does not show it.
    #[error("{0}")]
    Chain(#[from] SealedChainError),
}

/// The ledger that is proven so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    point: LedgerPoint,
    windows: u64,
}

impl Proven {
    /// Nothing but genesis.
    pub fn genesis(rules: &ChainRules) -> Self {
        Self { point: rules.start, windows: 0 }
    }

    /// What a chain proof shows, whose last header is `end`. The header is taken as it is: if it is not certified itself,
    /// a later one must be, and nothing counts before that.
    ///
    /// # Errors
    /// [`ChainStartError`].
    pub fn of_chain(
        rules: &ChainRules,
        key: &FoldKey,
        end: &Header,
        sealed: &SealedChain,
    ) -> Result<Self, ChainStartError> {
        let (height, windows) = (end.height, rules.windows_until(end.height));
        if end.genesis != rules.genesis {
            return Err(ChainStartError::OtherChain { height });
        }
        if rules.window_start(windows) != height {
            return Err(ChainStartError::NotAnEnd { height });
        }
        let point = LedgerPoint::from(end);
        check_chain(key, &rules.origin(), point, sealed)?;
        Ok(Self { point, windows })
    }

    /// The ledger at the end of the last window.
    pub fn point(&self) -> &LedgerPoint {
        &self.point
    }

    /// How many windows are proven.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// Takes the next window, whose last header is `end`. The header is taken as it is: if it is not certified itself,
    /// a later one must be, and nothing counts before that.
    ///
    /// # Errors
    /// [`WindowError`]; nothing has changed then.
    pub fn extend(
        &mut self,
        rules: &ChainRules,
        key: &VerifyingKey,
        end: &Header,
        sealed: &SealedWindow,
    ) -> Result<(), WindowError> {
        if sealed.window != self.windows {
            return Err(WindowError::NotNext { expected: self.windows, found: sealed.window });
        }
        let expected = rules.window_end(self.windows);
        if end.height != expected {
            return Err(WindowError::NotItsEnd { expected, found: end.height });
        }
        if end.genesis != rules.genesis {
            return Err(WindowError::OtherChain { height: end.height });
        }
        let statement = rules.statement(self.point, LedgerPoint::from(end), sealed.payout);
        self.point = verify_chain(key, self.point, [(&statement, sealed.proof.as_slice())])?;
        self.windows = self.windows.saturating_add(1);
        Ok(())
    }
}
