//! Accounts as JSON: the balance, and the history of money in and out.
//!
//! History is newest first and paged by [`HistoryCursor`]: a page names the cursor of its last entry, and
//! the next page starts below it. New blocks therefore never shift a page that is being read.

use primitives::{Address, Amount, Height, Nonce, Outcome, Timestamp, TransactionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::HistoryCursor;
use crate::schema::{AddressText, AmountInteger, CursorText, OutcomeText, TransactionIdText};

/// `GET /accounts/{address}`: a valid address that has no account yet is answered with `opened` false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    /// The address that was asked for.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Its money, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub balance: Amount,
    /// The nonce of its next transaction.
    #[schema(value_type = u64)]
    pub nonce: Nonce,
    /// Its place in the ledger; none when it has no account.
    pub slot: Option<u32>,
    /// True when it has an account.
    pub opened: bool,
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
}

/// What an entry of a history says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// Money came in.
    Incoming,
    /// Money went out.
    Outgoing,
    /// Fees of a transaction: base, opening and tip together.
    Fee,
}

/// One change of an account's balance; also an event of the account stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// Its place in the history.
    #[schema(value_type = CursorText)]
    pub cursor: HistoryCursor,
    /// The block.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Block time.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
    /// The transaction.
    #[schema(value_type = TransactionIdText)]
    pub transaction: TransactionId,
    /// Which way the money went.
    pub kind: HistoryKind,
    /// The other side; none for fees.
    #[schema(value_type = Option<AddressText>)]
    pub counterparty: Option<Address>,
    /// How much, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub amount: Amount,
    /// How the transaction ended: a failed one still pays its fee.
    #[schema(value_type = OutcomeText)]
    pub outcome: Outcome,
}

/// `GET /accounts/{address}/history`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// Whose history it is.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The entries, newest first.
    pub entries: Vec<HistoryEntry>,
    /// Give this as `before` for the next page; none at the end.
    #[schema(value_type = Option<CursorText>)]
    pub next_before: Option<HistoryCursor>,
}
