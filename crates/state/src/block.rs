//! Executing a block: begin → each transaction → end. The one control flow of the state.
//!
//! ```text
//! begin ── base fees, params ── the end record of a window that the block before closed
//!   each transaction ── check, charge, execute ──► receipt
//! end ── burn base fees ── pay tips to the proposer ── base fees of the next block
//!     ── rewards ── witness ── timetoke ── lottery ── proving ── staking ── validators
//!     ── seal
//! ```
//!
//! A proposer packs with [`BlockExecution::transaction`] and leaves out what is refused; everyone else
//! runs [`execute_block`], for which a refusal makes the block invalid.
//!
//! Rules: the limits on transactions, bytes, weight per lane, opened accounts, ledger operations and the hashes of a proof
//! ([`primitives::part`]) are validity rules, so that every block, and with it every window, can be proven.

use std::collections::BTreeMap;

use primitives::defect::{Defect, is_seeded};
use primitives::ledger::{FEE_POT, MODULE_ACCOUNTS};
use primitives::validator::VALIDATORS_MAX;
use primitives::{
    Action, Amount, ClosingEvents, Event, Hash, IdentityAction, Lane, LedgerOp, Params, PartLimits, PartSize,
    ProofMark, Receipt, Rejection, Transaction, ValidatorSet, encode,
};

use crate::context::{BlockContext, Env};
use crate::fees::{LaneMeter, next_base_fee};
use crate::overlay::Overlay;
use crate::proving::ProofVerifier;
use crate::transaction::{self, Admissible, Refused};
use crate::view::{self, Broken, StateView};
use crate::{columns, lottery, proving, rewards, staking, timetoke, validators, witness};

/// Bytes of a block that are kept free for its header and certificate.
pub const BLOCK_OVERHEAD_BYTES: usize = 20 * 1024;
/// Accounts that the end of an epoch pays for its blocks at most: the validators, and builders that left with the last change.
const EARNERS_MAX: usize = 2 * VALIDATORS_MAX;
/// Ledger operations that the end of a block makes at most: burn, tips and seal; one per pool; for each earner a reward and its
/// timetoke pay; unbonded stake; one per prover.
pub const END_OPS_MAX: usize = 3 + rewards::POOLS + 2 * EARNERS_MAX + staking::PAYOUTS_PER_BLOCK + proving::PROVERS_MAX;
/// Ledger slots that the end of a block touches at most: those of the modules, the proposer, earners, stakers and provers.
pub const END_SLOTS_MAX: usize =
    MODULE_ACCOUNTS.len() + 1 + EARNERS_MAX + staking::PAYOUTS_PER_BLOCK + proving::PROVERS_MAX;

/// Everything a block does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// One per transaction, in order.
    pub receipts: Vec<Receipt>,
    /// Ledger operations, in order, ending in the seal.
    pub ops: Vec<LedgerOp>,
    /// What the end of the block did by itself, in order: payouts, jailing, set changes.
    pub events: ClosingEvents,
    /// Module-state writes, by key; `None` deletes.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// All money after the block.
    pub supply: Amount,
    /// Ledger slots in use after the block.
    pub next_slot: u32,
    /// The set that decides the next height.
    pub next_validators: ValidatorSet,
    /// Hash of the governed values after the block.
    pub params: Hash,
    /// The last chain proof accepted, this block included.
    pub last_proof: Option<ProofMark>,
}

/// Why a block may not be finalized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockInvalid {
    /// A transaction that must not be in it.
    #[error("transaction {index} may not be in the block: {rejection}")]
    Transaction {
        /// Its position.
        index: usize,
        /// The reason.
        rejection: Rejection,
    },
    /// Tips could not be paid.
    #[error("the proposer has no account")]
    ProposerWithoutAccount,
    /// Our own fault.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// A block in the making.
pub struct BlockExecution<'a> {
    context: BlockContext,
    params: Params,
    overlay: Overlay<'a>,
    meter: LaneMeter,
    receipts: Vec<Receipt>,
    bytes: usize,
    opens: u64,
    registrations: u64,
    has_proof: bool,
    verifier: &'a dyn ProofVerifier,
    events: Vec<Event>,
    burned: Amount,
    tips: Amount,
}

impl<'a> BlockExecution<'a> {
    /// Starts a block on top of `base`; chain proofs are judged by `verifier`, whose verdict must depend on its arguments alone.
    ///
    /// # Errors
    /// [`Broken`] when the governed values are missing.
    pub fn begin(
        base: &'a dyn StateView,
        context: BlockContext,
        verifier: &'a dyn ProofVerifier,
    ) -> Result<Self, Broken> {
        let params = view::params(base)?;
        let (mut overlay, mut events) = (Overlay::new(base), Vec::new());
        proving::block::begin_block(&mut overlay, Env { block: &context, params: &params }, &mut events)?;
        let weight_bps = proving::weight_bps(&overlay, &params, context.height)?;
        Ok(Self {
            context,
            meter: LaneMeter::throttled(&params, weight_bps),
            params,
            overlay,
            verifier,
            events,
            has_proof: false,
            receipts: Vec::new(),
            bytes: 0,
            opens: 0,
            registrations: 0,
            burned: Amount::ZERO,
            tips: Amount::ZERO,
        })
    }

    /// Adds one transaction whose form and signature were checked. `may_borrow` is false while a
    /// proposer still has to serve the other lane.
    ///
    /// # Errors
    /// [`Refused`]; the block is unchanged then.
    pub fn transaction(&mut self, transaction: &Transaction, may_borrow: bool) -> Result<&Receipt, Refused> {
        let bytes = self.bytes.saturating_add(encode(transaction).len());
        let count = u64::try_from(self.receipts.len()).unwrap_or(u64::MAX);
        let bytes_max = usize::try_from(self.params.block_bytes_max).unwrap_or(usize::MAX);
        if count >= self.params.block_transactions_max || bytes.saturating_add(BLOCK_OVERHEAD_BYTES) > bytes_max {
            return Err(Rejection::BlockFull.into());
        }
        let admissible = transaction::check(&self.overlay, self.env(), &self.meter, transaction, may_borrow)?;
        let opens = self.opens.saturating_add(u64::try_from(admissible.opens()).unwrap_or(u64::MAX));
        if opens > self.params.block_opens_max || !self.is_provable_with(&admissible) {
            return Err(Rejection::BlockFull.into());
        }
        let env = Env { block: &self.context, params: &self.params };
        // Whatever their outcome: what counts is the work of checking them (IDN-31).
        let registrations = self.registrations.saturating_add(u64::from(is_registration(transaction)));
        if registrations > self.params.identity.max_block_identity_registrations {
            return Err(Rejection::BlockFull.into());
        }
        let brings_proof = transaction.body.action.submission().is_some();
        // Whatever its outcome: what counts is the work of verifying it (PRV-9).
        if brings_proof && self.has_proof && !is_seeded(Defect::TakesTwoProofs) {
            return Err(Rejection::ProofTaken.into());
        }
        let receipt = transaction::execute(&mut self.overlay, env, transaction, &admissible, self.verifier)?;
        self.has_proof |= brings_proof;
        self.meter.record(transaction.body.lane, admissible.weight, admissible.placement);
        self.bytes = bytes;
        self.opens = opens;
        self.registrations = registrations;
        self.burned = add(self.burned, receipt.fee_burned)?;
        self.tips = add(self.tips, receipt.tip)?;
        self.receipts.push(receipt);
        self.receipts.last().ok_or(Refused::Broken(Broken("receipt list is empty")))
    }

    /// Whether the block can still be proven with one more transaction and the largest end that a block may have (BLK-18, BLK-24).
    fn is_provable_with(&self, admissible: &Admissible) -> bool {
        let opens = u32::try_from(admissible.opens()).unwrap_or(u32::MAX);
        let size = PartSize {
            operations: self.overlay.ops_count() + admissible.ops_max() + END_OPS_MAX,
            slots: self.overlay.touched_count() + admissible.slots_max() + END_SLOTS_MAX,
            next_slot: self.overlay.next_slot().saturating_add(opens),
        };
        let operations = u64::try_from(size.operations).unwrap_or(u64::MAX);
        operations <= self.params.block_ops_max && PartLimits::PART.admit(&size)
    }

    fn env(&self) -> Env<'_> {
        Env { block: &self.context, params: &self.params }
    }

    /// Ends the block.
    ///
    /// # Errors
    /// [`BlockInvalid::ProposerWithoutAccount`], or our own fault.
    pub fn end(mut self) -> Result<Executed, BlockInvalid> {
        if self.burned > Amount::ZERO {
            self.overlay.burn(FEE_POT, self.burned)?;
        }
        let proposer =
            view::slot_of(&self.overlay, &self.context.proposer)?.ok_or(BlockInvalid::ProposerWithoutAccount)?;
        if self.tips > Amount::ZERO {
            self.overlay.transfer(FEE_POT, proposer, self.tips)?;
        }
        for lane in Lane::ALL {
            let current = view::base_fee(&self.overlay, lane)?;
            let next = next_base_fee(&self.params, current, self.meter.demand(lane), self.meter.share(lane));
            if next != current {
                self.overlay.put(columns::base_fee(lane), encode(&next));
            }
        }
        let env = Env { block: &self.context, params: &self.params };
        let mut events = std::mem::take(&mut self.events);
        staking::block::record(&mut self.overlay, env)?;
        let for_witnesses = rewards::block::end_block(&mut self.overlay, env, &mut events)?;
        witness::block::end_block(&mut self.overlay, env, for_witnesses, &mut events)?;
        timetoke::block::end_block(&mut self.overlay, env, &mut events)?;
        lottery::block::end_block(&mut self.overlay, env, &mut events)?;
        proving::block::end_block(&mut self.overlay, env, &mut events)?;
        let next = staking::block::end_block(&mut self.overlay, env, &mut events)?;
        let next_validators = validators::end_block(&mut self.overlay, next)?;
        let params = view::params(&self.overlay)?.hash();
        let last_proof =
            proving::proven(&self.overlay)?.map(|last| ProofMark { height: last.height, proof: last.proof });
        let issuance = rewards::issuance(&self.params, self.overlay.supply());
        let changes = self.overlay.seal(self.context.height, issuance)?;
        Ok(Executed {
            receipts: self.receipts,
            events: ClosingEvents::new(events).ok_or(Broken("more closing events than a block holds"))?,
            ops: changes.ops,
            writes: changes.writes,
            supply: changes.supply,
            next_slot: changes.next_slot,
            next_validators,
            params,
            last_proof,
        })
    }
}

fn is_registration(transaction: &Transaction) -> bool {
    matches!(&transaction.body.action, Action::Identity(IdentityAction::Register(_)))
}

fn add(left: Amount, right: Amount) -> Result<Amount, Broken> {
    left.checked_add(right).ok_or(Broken("fees of a block out of range"))
}

/// Executes a whole block; every transaction must be admissible where it stands.
///
/// # Errors
/// [`BlockInvalid`].
pub fn execute_block(
    base: &dyn StateView,
    context: BlockContext,
    transactions: &[Transaction],
    verifier: &dyn ProofVerifier,
) -> Result<Executed, BlockInvalid> {
    let mut execution = BlockExecution::begin(base, context, verifier)?;
    for (index, transaction) in transactions.iter().enumerate() {
        match execution.transaction(transaction, true) {
            Ok(_) => {}
            Err(Refused::Rejected(rejection)) => return Err(BlockInvalid::Transaction { index, rejection }),
            Err(Refused::Broken(broken)) => return Err(broken.into()),
        }
    }
    execution.end()
}
