//! Limits and weights of the mempool: local to a node; [`crate::Mempool::configure`] changes them while it runs.
//!
//! The configuration file says the two weights as decimals (0.7 and 0.3); they arrive here in parts per million,
//! so that the order is integer arithmetic.

/// Parts per million in one.
pub const PPM: u32 = 1_000_000;
/// Entries each queue holds unless the configuration says otherwise.
pub const LIMIT_DEFAULT: usize = 8_192;
/// The largest limit that is accepted; at the largest transaction it stands for 16 GiB.
pub const LIMIT_MAX: usize = 1 << 20;
/// Transactions one payer may have waiting unless the configuration says otherwise.
pub const PER_SENDER_DEFAULT: usize = 64;
/// How far a nonce may lie beyond the first missing one unless the configuration says otherwise.
pub const NONCE_GAP_DEFAULT: u64 = 64;
/// The largest gap that is accepted.
pub const NONCE_GAP_MAX: u64 = 1 << 20;
/// A replacement must raise the tip by this many percent, rounded up, and by at least 1 µBLOCK.
pub const REPLACEMENT_STEP_PERCENT: u64 = 10;
/// At most one in this many places may be taken by newcomers that wait for a missing nonce: they pay nothing while
/// they wait, so they must not be able to fill the queue.
pub const QUEUED_SHARE_DIVISOR: usize = 4;

/// Limits and weights of the mempool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MempoolConfig {
    /// Most entries in each queue (transactions of both lanes together; identities; votes). 0 is refused.
    pub limit: usize,
    /// Weight of the age in the order, parts per million.
    pub priority_weight_ppm: u32,
    /// Weight of the tip in the order, parts per million; both weights sum to 1,000,000.
    pub fee_weight_ppm: u32,
    /// Most transactions one payer may have waiting.
    pub per_sender_limit: usize,
    /// How far a nonce may lie beyond the payer's first missing one.
    pub nonce_gap_max: u64,
}

impl Default for MempoolConfig {
    fn default() -> Self {
        Self {
            limit: LIMIT_DEFAULT,
            priority_weight_ppm: 700_000,
            fee_weight_ppm: 300_000,
            per_sender_limit: PER_SENDER_DEFAULT,
            nonce_gap_max: NONCE_GAP_DEFAULT,
        }
    }
}

/// A mempool configuration that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MempoolConfigError {
    /// A queue without places.
    #[error("mempool_limit is 0, so nothing could ever be admitted; set it to at least 1 (default {LIMIT_DEFAULT})")]
    LimitZero,
    /// More entries than memory should be promised for.
    #[error("mempool_limit is {0}; every entry costs memory, set it to at most {LIMIT_MAX}")]
    LimitTooLarge(usize),
    /// The weights are not a split of one.
    #[error(
        "queue_weights.priority ({priority} ppm) and queue_weights.fee ({fee} ppm) must sum to exactly 1.0 \
         (1,000,000 ppm); set for example 0.7 and 0.3"
    )]
    WeightsSum {
        /// Weight of the age, parts per million.
        priority: u32,
        /// Weight of the tip, parts per million.
        fee: u32,
    },
    /// No payer could submit anything.
    #[error("the per-sender limit is 0, so no payer could submit anything; set it to at least 1")]
    PerSenderZero,
    /// A gap too wide to wait for.
    #[error("the nonce gap is {0}; set it to at most {NONCE_GAP_MAX}")]
    NonceGapTooLarge(u64),
}

impl MempoolConfig {
    /// Checks bounds and the sum of the weights.
    ///
    /// # Errors
    /// The first [`MempoolConfigError`] in field order.
    pub fn validate(&self) -> Result<(), MempoolConfigError> {
        if self.limit == 0 {
            return Err(MempoolConfigError::LimitZero);
        }
        if self.limit > LIMIT_MAX {
            return Err(MempoolConfigError::LimitTooLarge(self.limit));
        }
        if self.priority_weight_ppm.checked_add(self.fee_weight_ppm) != Some(PPM) {
            return Err(MempoolConfigError::WeightsSum {
                priority: self.priority_weight_ppm,
                fee: self.fee_weight_ppm,
            });
        }
        if self.per_sender_limit == 0 {
            return Err(MempoolConfigError::PerSenderZero);
        }
        if self.nonce_gap_max > NONCE_GAP_MAX {
            return Err(MempoolConfigError::NonceGapTooLarge(self.nonce_gap_max));
        }
        Ok(())
    }

    /// Most newcomers that may wait for a missing nonce, over all payers.
    pub fn queued_max(&self) -> usize {
        self.limit.div_ceil(QUEUED_SHARE_DIVISOR)
    }
}
