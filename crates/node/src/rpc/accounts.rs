//! Accounts: balance and next nonce, and the history of money in and out.

use primitives::{Address, Amount, Nonce};
use rpc::ApiError;
use rpc::types::{AccountView, HistoryCursor, HistoryEntry, HistoryKind, HistoryPage, HistoryQuery, page_limit};
use storage::HistoryKey;

use super::server::Server;
use super::{blocks, errors};

/// `/accounts/{address}`: the state at the finalized height. The nonce is the next one to sign with: it lies
/// behind the transactions of this account that wait here.
///
/// # Errors
/// `not_ready` when the chain has a fault.
pub fn get(server: &Server, address: Address) -> Result<AccountView, ApiError> {
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let account = chain.account(&address).map_err(|fault| errors::of_fault(&fault))?;
    let waiting = chain.mempool().next_nonce(&address);
    let height = chain.head().height;
    drop(chain);
    let (slot, balance, nonce) = match account {
        Some((slot, content)) => (Some(slot.get()), content.balance, content.nonce),
        None => (None, Amount::ZERO, Nonce::default()),
    };
    Ok(AccountView { address, balance, nonce: waiting.unwrap_or(nonce), slot, opened: account.is_some(), height })
}

/// `/accounts/{address}/history`: newest first.
///
/// # Errors
/// `bad_request` for the limit; `not_ready` while the index is rebuilt; otherwise a failed read.
pub fn history(server: &Server, address: Address, query: &HistoryQuery) -> Result<HistoryPage, ApiError> {
    let limit = page_limit(query.limit)?;
    let before =
        query.before.map(|cursor| HistoryKey { height: cursor.height, index: cursor.index, part: cursor.part });
    // One more than the page shows whether there is a next one.
    let mut stored = server
        .shared
        .store
        .history(&address, before, limit.saturating_add(1))
        .map_err(|error| errors::of_storage(&server.shared, &error))?;
    let more = stored.len() > limit;
    stored.truncate(limit);
    let entries: Vec<HistoryEntry> = stored.iter().map(|stored| entry(server, stored)).collect::<Result<_, _>>()?;
    let next_before = entries.last().filter(|_| more).map(|last| last.cursor);
    Ok(HistoryPage { address, entries, next_before })
}

/// An entry as clients see it.
///
/// # Errors
/// A failed read of its block's time.
pub fn entry(server: &Server, stored: &storage::HistoryEntry) -> Result<HistoryEntry, ApiError> {
    let HistoryKey { height, index, part } = stored.key;
    Ok(HistoryEntry {
        cursor: HistoryCursor { height, index, part },
        height,
        time_ms: blocks::time(server, height)?,
        transaction: stored.transaction,
        kind: match stored.kind {
            storage::HistoryKind::Fee => HistoryKind::Fee,
            storage::HistoryKind::Outgoing => HistoryKind::Outgoing,
            storage::HistoryKind::Incoming => HistoryKind::Incoming,
        },
        counterparty: stored.counterparty,
        amount: stored.amount,
        outcome: stored.outcome,
    })
}
