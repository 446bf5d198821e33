//! What requests carry. Unknown fields are refused, so that a typing error never passes for a default.
//!
//! HTTP puts a resource's name in the path and the rest in the query; JSON-RPC puts all of it in `params`
//! as an object. The `…Query` types are the former, the `…Request` types the latter; both resolve to the
//! same checked values.

use std::time::Duration;

use primitives::{Address, Hash, Height, Rejection, Transaction, TransactionId, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::{BlockId, Hex, HistoryCursor};
use super::transaction::Stage;
use crate::error::ApiError;
use crate::limits::{PAGE_DEFAULT, PAGE_MAX, REFRESH_SECONDS, WAIT_DEFAULT_MS, WAIT_MAX_MS};
use crate::schema::{AddressText, BlockIdText, CursorText, HashText, HexText, StageText, TransactionIdText};

/// Parameters of a method that takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// `POST /transactions` and `transaction.submit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitTransaction {
    /// The signed transaction's canonical bytes, hexadecimal.
    #[schema(value_type = HexText)]
    pub transaction: Hex,
    /// The chain that the sender means. When given and another, the refusal is `wrong_chain` instead of
    /// `bad_signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HashText>)]
    pub genesis_hash: Option<Hash>,
}

impl SubmitTransaction {
    /// Carries this transaction, meant for the chain with this genesis hash.
    pub fn new(transaction: &Transaction, genesis: Hash) -> Self {
        Self { transaction: Hex(encode(transaction)), genesis_hash: Some(genesis) }
    }

    /// The transaction, on a node of the chain with this genesis hash. Its signature is not checked here.
    ///
    /// # Errors
    /// In this order: `wrong_chain`, `oversize`, `malformed`.
    pub fn decode(&self, genesis: &Hash) -> Result<Transaction, Rejection> {
        if self.genesis_hash.is_some_and(|meant| meant != *genesis) {
            return Err(Rejection::WrongChain);
        }
        Transaction::from_bytes(&self.transaction.0)
    }
}

/// The answer to a submission: refused ones are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitResult {
    /// The transaction's id, to follow it with.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
    /// How far it is; `admitted` as a rule.
    #[schema(value_type = StageText)]
    pub stage: Stage,
}

/// Query of `GET /blocks`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Only blocks below this height; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Height>,
    /// Entries, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Query of `GET /observability/audits/{stream}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Records, 200 when absent; more than 1,000 are cut to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Query of `GET /accounts/{address}/history`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Only entries below this cursor; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<HistoryCursor>,
    /// Entries, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Query of `GET /transactions/{id}/wait`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// The stage to wait for; `finalized` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Longest wait, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl WaitQuery {
    /// The stage and the longest wait.
    ///
    /// # Errors
    /// `bad_request` when nobody can wait for the stage, or for so long.
    pub fn resolve(&self) -> Result<(Stage, Duration), ApiError> {
        let stage = self.stage.unwrap_or(Stage::Finalized);
        if stage.is_failure() {
            return Err(ApiError::bad_request(format!("one cannot wait for stage {}", stage.name()))
                .with_hint("wait for admitted, gossiped, proposed, decided, finalized or proven; a failure ends the wait by itself"));
        }
        let timeout_ms = self.timeout_ms.unwrap_or(WAIT_DEFAULT_MS);
        if timeout_ms > WAIT_MAX_MS {
            return Err(ApiError::bad_request(format!("timeout_ms is {timeout_ms}, at most {WAIT_MAX_MS} is allowed"))
                .with_hint("wait again when the time is up, or follow GET /transactions/{id}/stream"));
        }
        Ok((stage, Duration::from_millis(timeout_ms)))
    }
}

/// Query of `GET /ui`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UiQuery {
    /// Seconds after which a browser without scripts asks again; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<u64>,
}

impl UiQuery {
    /// The seconds, if any.
    ///
    /// # Errors
    /// `bad_request` outside [`REFRESH_SECONDS`].
    pub fn refresh_seconds(&self) -> Result<Option<u64>, ApiError> {
        let (least, most) = REFRESH_SECONDS;
        match self.refresh {
            Some(seconds) if !(least..=most).contains(&seconds) => {
                Err(ApiError::bad_request(format!("refresh is {seconds}, {least} to {most} are allowed"))
                    .with_hint("leave it out to read the page once"))
            }
            seconds => Ok(seconds),
        }
    }
}

/// The number of entries that a page with this `limit` has.
///
/// # Errors
/// `bad_request` for 0 and for more than [`PAGE_MAX`].
pub fn page_limit(limit: Option<u32>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if limit == 0 || limit > PAGE_MAX {
        return Err(ApiError::bad_request(format!("limit is {limit}, 1 to {PAGE_MAX} are allowed"))
            .with_hint("ask for the next page with before=next_before"));
    }
    usize::try_from(limit).map_err(|_| ApiError::bad_request("limit is out of range"))
}

/// Parameters of `block.get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockRequest {
    /// Height or hash.
    #[schema(value_type = BlockIdText)]
    pub block: BlockId,
}

/// Parameters of `block.list`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlocksRequest {
    /// Only blocks below this height; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub before: Option<Height>,
    /// Entries, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl From<BlocksRequest> for PageQuery {
    fn from(request: BlocksRequest) -> Self {
        Self { before: request.before, limit: request.limit }
    }
}

/// Parameters of the methods about one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionRequest {
    /// The transaction.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
}

/// Parameters of `transaction.wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitRequest {
    /// The transaction.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
    /// The stage to wait for; `finalized` when absent.
    #[schema(value_type = Option<StageText>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Longest wait, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl From<WaitRequest> for WaitQuery {
    fn from(request: WaitRequest) -> Self {
        Self { stage: request.stage, timeout_ms: request.timeout_ms }
    }
}

/// Parameters of the methods about one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// The account.
    #[schema(value_type = AddressText)]
    pub address: Address,
}

/// Parameters of `account.history`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// The account.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Only entries below this cursor; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CursorText>)]
    pub before: Option<HistoryCursor>,
    /// Entries, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl From<HistoryRequest> for HistoryQuery {
    fn from(request: HistoryRequest) -> Self {
        Self { before: request.before, limit: request.limit }
    }
}
