//! What a window proof says: its public values, as types and as field elements.
//!
//! ```text
//!   before (header k·W, or genesis)                         after (header (k+1)·W)
//!   height, ledger root, ops digest, supply, next slot ───► the same five
//!              some list of ledger operations, valid under issuance bound and cap
//! ```
//!
//! Rules
//! - A statement is made of what certified headers and the genesis file say, never of what a proof says: the proof
//!   carries no public values, so there is nothing in it to compare.
//! - [`WindowStatement::check`] holds what the tables take for granted. Verification calls it first.
//! - Windows are joined by [`WindowStatement::follows`].
//!
//! Read next: [`crate::verify_window`], `spec/proofs.md`.

use openvm_stark_backend::p3_field::PrimeCharacteristicRing;
use p3_baby_bear::BabyBear;
use primitives::ledger::{SLOTS_MAX, limb_of};
use primitives::{Address, Amount, Hash, Header, Height, LedgerDigest};
use tree::ops_digest;

use crate::airs::bus::LIMBS;
use crate::airs::statement::{PointValues, StatementValues};

/// The ledger between two blocks, as the header of the last one has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerPoint {
    /// The last sealed height; 0 for genesis.
    pub height: Height,
    /// Root of the ledger tree.
    pub ledger_root: LedgerDigest,
    /// Running digest of every ledger operation since genesis.
    pub ops_digest: LedgerDigest,
    /// The sum of all balances, µBLOCK.
    pub supply: Amount,
    /// The next free slot, at most 2^30.
    pub next_slot: u32,
}

impl From<&Header> for LedgerPoint {
    fn from(header: &Header) -> Self {
        Self {
            height: header.height,
            ledger_root: header.ledger_root,
            ops_digest: header.ops_digest,
            supply: header.supply,
            next_slot: header.next_slot,
        }
    }
}

/// The claim of one window proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowStatement {
    /// The chain.
    pub genesis: Hash,
    /// Before the first block of the window.
    pub before: LedgerPoint,
    /// After its last block.
    pub after: LedgerPoint,
    /// Most new money in a block, µBLOCK.
    pub issuance_max: Amount,
    /// All the money there may ever be, µBLOCK.
    pub supply_cap: Amount,
    /// Who is paid for the proof.
    pub payout: Address,
}

/// A statement that no window can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// There is no block in it.
    #[error("the window ends at height {after}, which is not above {before}, where it starts")]
    NoBlock {
        /// The height before the window.
        before: Height,
        /// The height after it.
        after: Height,
    },
    /// More slots than the tree has.
    #[error("the window ends with {next_slot} slots, the ledger has 2^30")]
    TooManySlots {
        /// How many there are.
        next_slot: u32,
    },
    /// It starts at genesis with another digest than this genesis has.
    #[error("the window starts at genesis, but its operations digest is not the one that the genesis hash starts")]
    OtherGenesis,
}

/// Two statements that are not neighbours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// They are of different chains, or of chains with different constants.
    #[error("the window from height {height} is of another chain than the one before it")]
    OtherChain {
        /// Where the later one starts.
        height: Height,
    },
    /// The later one does not start where the earlier one ends.
    #[error("the window from height {height} does not start with the ledger that the one before it ends with")]
    Gap {
        /// Where the later one starts.
        height: Height,
    },
}

impl WindowStatement {
    /// The first height of the window.
    pub fn first_height(&self) -> Height {
        self.before.height.next()
    }

    /// What the tables take for granted.
    ///
    /// # Errors
    /// The first of [`StatementError`] in its order.
    pub fn check(&self) -> Result<(), StatementError> {
        if self.after.height <= self.before.height {
            return Err(StatementError::NoBlock { before: self.before.height, after: self.after.height });
        }
        if self.after.next_slot > SLOTS_MAX || self.before.next_slot > SLOTS_MAX {
            return Err(StatementError::TooManySlots { next_slot: self.after.next_slot.max(self.before.next_slot) });
        }
        if self.before.height == Height::GENESIS && self.before.ops_digest != ops_digest::start(&self.genesis) {
            return Err(StatementError::OtherGenesis);
        }
        Ok(())
    }

    /// Whether this window starts where `earlier` ends.
    ///
    /// # Errors
    /// [`JoinError`] when it does not.
    pub fn follows(&self, earlier: &Self) -> Result<(), JoinError> {
        let height = self.first_height();
        let constants = |statement: &Self| (statement.genesis, statement.issuance_max, statement.supply_cap);
        if constants(self) != constants(earlier) {
            return Err(JoinError::OtherChain { height });
        }
        if self.before != earlier.after {
            return Err(JoinError::Gap { height });
        }
        Ok(())
    }

    /// The public values of the statement table, in order. Every number is in limbs that fit the field, so two
    /// statements never share their values.
    pub fn public_values(&self) -> Vec<BabyBear> {
        let genesis = self.genesis.as_bytes();
        let values = StatementValues {
            genesis: std::array::from_fn(|limb| {
                BabyBear::from_u16(u16::from_le_bytes([genesis[2 * limb], genesis[2 * limb + 1]]))
            }),
            before: point_values(&self.before),
            after: point_values(&self.after),
            issuance_max: limbs(self.issuance_max.micro()),
            supply_cap: limbs(self.supply_cap.micro()),
            payout: self.payout.limbs().map(BabyBear::from_u32),
        };
        let mut row = Vec::with_capacity(StatementValues::<BabyBear>::WIDTH);
        values.write(&mut row);
        row
    }
}

/// A 64-bit number as four limbs of 16 bits, the lowest first.
pub fn limbs(value: u64) -> [BabyBear; LIMBS] {
    std::array::from_fn(|limb| BabyBear::from_u32(limb_of(value, limb)))
}

/// A digest as field elements.
pub fn digest(digest: &LedgerDigest) -> [BabyBear; 8] {
    digest.elements().map(BabyBear::from_u32)
}

fn point_values(point: &LedgerPoint) -> [BabyBear; PointValues::<BabyBear>::WIDTH] {
    let values = PointValues {
        height: limbs(point.height.0),
        root: digest(&point.ledger_root),
        ops_digest: digest(&point.ops_digest),
        supply: limbs(point.supply.micro()),
        next_slot: BabyBear::from_u32(point.next_slot),
    };
    let mut row = Vec::with_capacity(PointValues::<BabyBear>::WIDTH);
    values.write(&mut row);
    std::array::from_fn(|value| row[value])
}
