//! The index of payments by address: what it holds, how it is made from a block, and how it is rebuilt.
//!
//! Rules
//! - [`history_of`] is the only source of entries, so a rebuilt index equals the one that grew block by block.
//! - Entries of an address are read newest first, a page at a time.
//! - While a rebuild is unfinished, reads are refused instead of answering with a part.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::{Address, Amount, Block, Event, Height, Outcome, Receipt, TransactionId};

use crate::backend::{Op, Range};
use crate::columns::{Column, HISTORY, HISTORY_KEY_BYTES, history_key};
use crate::error::StorageError;
use crate::open::Store;
use crate::value::{Reason, seal};

/// Most entries of one page.
pub const HISTORY_PAGE_MAX: usize = 1_000;
/// Keys that a rebuild removes in one batch.
const REBUILD_KEYS: usize = 10_000;
/// Blocks that a rebuild indexes in one batch.
const REBUILD_BLOCKS: u64 = 64;

/// What happened to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum HistoryKind {
    /// It paid a transaction's fees.
    Fee = 0,
    /// It sent money.
    Outgoing = 1,
    /// It received money.
    Incoming = 2,
}

impl HistoryKind {
    /// The name used in JSON and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        }
    }
}

/// Position of an entry in the history of its address; a page continues below the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryKey {
    /// Height of the block.
    pub height: Height,
    /// Position of the transaction in the block, from 0.
    pub index: u32,
    /// Position within the transaction: 0 is the fee, event n is 2n + 1 for its sender and 2n + 2 for its recipient.
    pub part: u32,
}

/// One line of an account's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Whose history.
    pub address: Address,
    /// Where.
    pub key: HistoryKey,
    /// What.
    pub kind: HistoryKind,
    /// By which transaction.
    pub transaction: TransactionId,
    /// The other side; none for a fee.
    pub counterparty: Option<Address>,
    /// How much; for a fee: burned fees and tip together.
    pub amount: Amount,
    /// How the transaction ended.
    pub outcome: Outcome,
}

/// The part of an entry that is not in its key.
#[derive(BorshSerialize, BorshDeserialize)]
struct Payload {
    kind: HistoryKind,
    transaction: TransactionId,
    counterparty: Option<Address>,
    amount: Amount,
    outcome: Outcome,
}

/// The history entries of a block: per transaction the fee of the payer, then both sides of each transfer.
pub fn history_of(block: &Block, receipts: &[Receipt]) -> Vec<HistoryEntry> {
    let mut entries = Vec::new();
    for ((index, transaction), receipt) in (0_u32..).zip(block.transactions.iter()).zip(receipts) {
        let mut push = |address, part, kind, counterparty, amount| {
            entries.push(HistoryEntry {
                address,
                key: HistoryKey { height: block.header.height, index, part },
                kind,
                transaction: receipt.transaction,
                counterparty,
                amount,
                outcome: receipt.outcome,
            });
        };
        let fee = receipt.fee_burned.checked_add(receipt.tip).unwrap_or(Amount::MAX);
        push(transaction.body.payer, 0, HistoryKind::Fee, None, fee);
        for (part, event) in (1_u32..).step_by(2).zip(receipt.events.iter()) {
            if let Event::Transferred { from, to, amount } = *event {
                push(from, part, HistoryKind::Outgoing, Some(to), amount);
                push(to, part + 1, HistoryKind::Incoming, Some(from), amount);
            }
        }
    }
    entries
}

/// The key of an entry.
pub(crate) fn entry_key(entry: &HistoryEntry) -> [u8; HISTORY_KEY_BYTES] {
    history_key(&entry.address, entry.key.height, entry.key.index, entry.key.part)
}

/// The write of an entry.
pub(crate) fn entry_op(entry: &HistoryEntry) -> Op {
    let key = entry_key(entry);
    let payload = primitives::encode(&Payload {
        kind: entry.kind,
        transaction: entry.transaction,
        counterparty: entry.counterparty,
        amount: entry.amount,
        outcome: entry.outcome,
    });
    Op { column: Column::History, key: key.to_vec(), value: Some(seal(Column::History, &key, &payload)) }
}

fn read_entry(key: &[u8], payload: &[u8]) -> Result<HistoryEntry, Reason> {
    let key: &[u8; HISTORY_KEY_BYTES] = key.try_into().map_err(|_| "its key has another length".to_owned())?;
    let (address, rest) = key.split_first_chunk::<30>().expect("the length is checked");
    let (height, rest) = rest.split_first_chunk::<8>().expect("the length is checked");
    let (index, part) = rest.split_first_chunk::<4>().expect("the length is checked");
    let part = part.try_into().expect("the length is checked");
    let payload: Payload = crate::value::decode(payload)?;
    Ok(HistoryEntry {
        address: Address(*address),
        key: HistoryKey {
            height: Height(u64::from_be_bytes(*height)),
            index: u32::from_be_bytes(*index),
            part: u32::from_be_bytes(part),
        },
        kind: payload.kind,
        transaction: payload.transaction,
        counterparty: payload.counterparty,
        amount: payload.amount,
        outcome: payload.outcome,
    })
}

impl Store {
    /// The newest entries of `address` that lie before `before`, newest first; at most `limit`, and never more
    /// than [`HISTORY_PAGE_MAX`]. The next page begins before the last entry's key.
    ///
    /// # Errors
    /// [`StorageError::HistoryIncomplete`] while a rebuild is unfinished; a failed or damaged read.
    pub fn history(
        &self,
        address: &Address,
        before: Option<HistoryKey>,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StorageError> {
        if !self.history_is_complete()? {
            return Err(StorageError::HistoryIncomplete);
        }
        let head = self.head().map_or(Height::GENESIS, |head| head.height);
        // What is written but not yet durable lies above the head.
        let newest = HistoryKey { height: head.next(), index: 0, part: 0 };
        let before = before.map_or(newest, |before| before.min(newest));
        let range = Range {
            from: history_key(address, Height(0), 0, 0).to_vec(),
            to: Some(history_key(address, before.height, before.index, before.part).to_vec()),
            reverse: true,
        };
        let limit = limit.min(HISTORY_PAGE_MAX);
        let mut entries = Vec::new();
        if limit > 0 {
            self.visit(Column::History, &range, |key, payload| {
                entries.push(read_entry(key, payload)?);
                Ok(entries.len() < limit)
            })?;
        }
        Ok(entries)
    }

    /// Drops the history index and makes it again from blocks and receipts, calling `progress` with the height
    /// done and the last one. Commits wait until it is finished; run it before the node joins the network.
    ///
    /// # Errors
    /// A failed write (which poisons the store), or damage in a block or its receipts. The index then stays
    /// incomplete and reads of it are refused until another rebuild succeeds.
    pub fn history_rebuild(&self, mut progress: impl FnMut(Height, Height)) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        let head = self.head();
        let last = head.map_or(Height::GENESIS, |head| head.height);
        self.durable(&mut writer, vec![flag(false)], head, |_| {})?;
        self.drop_history(&mut writer)?;
        let mut height = self.base_height();
        while height < last {
            let mut ops = Vec::new();
            for _ in 0..REBUILD_BLOCKS.min(last.0 - height.0) {
                height = height.next();
                // What is quarantined brings its entries when it comes back.
                if !self.is_quarantined(height) {
                    ops.extend(self.history_ops(height)?);
                }
            }
            self.durable(&mut writer, ops, head, |_| {})?;
            progress(height, last);
        }
        self.durable(&mut writer, vec![flag(true)], head, |_| {})
    }

    fn drop_history(&self, writer: &mut u64) -> Result<(), StorageError> {
        loop {
            let mut ops = Vec::new();
            self.visit_sealed(Column::History, &Range::default(), &mut |key, _| {
                ops.push(Op { column: Column::History, key: key.to_vec(), value: None });
                if ops.len() < REBUILD_KEYS {
                    std::ops::ControlFlow::Continue(())
                } else {
                    std::ops::ControlFlow::Break(())
                }
            })?;
            if ops.is_empty() {
                return Ok(());
            }
            self.durable(writer, ops, self.head(), |_| {})?;
        }
    }

    fn history_ops(&self, height: Height) -> Result<Vec<Op>, StorageError> {
        let missing = |what: &str| {
            let key = crate::columns::height_key(height);
            self.damaged(Column::Blocks, &key, format!("the {what} of height {height} cannot be read"))
        };
        let block = self.block(height)?.ok_or_else(|| missing("block"))?;
        let block = Block::from_bytes(&block).map_err(|_| missing("block"))?;
        let receipts = self.receipts(height)?.ok_or_else(|| missing("receipts"))?;
        Ok(history_of(&block, &receipts).iter().map(entry_op).collect())
    }

    fn history_is_complete(&self) -> Result<bool, StorageError> {
        Ok(self.payload(Column::Meta, HISTORY)?.as_deref() == Some(&[1]))
    }
}

/// The write of the flag that says whether the index is complete.
pub(crate) fn flag(complete: bool) -> Op {
    let value = seal(Column::Meta, HISTORY, &[u8::from(complete)]);
    Op { column: Column::Meta, key: HISTORY.to_vec(), value: Some(value) }
}
