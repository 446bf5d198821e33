//! Finalized blocks: one, the newest, pages; and the cache that makes reading the newest ones cheap.
//!
//! Rule: everything is read from the store, whose head is what is final. The cache holds only what the store
//! has, because a finalized block never changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use primitives::{Block, CommitCertificate, Height, Round, Timestamp};
use replica::FinalizedBlock;
use rpc::types::{BlockEvents, BlockId, BlockPage, BlockSummary, BlockView, PageQuery, page_limit};
use rpc::{ApiError, ErrorCode};
use storage::DecidedHeader;

use super::errors;
use super::server::{Server, lock};

/// Blocks that are kept decoded, at most 8 MiB each before decoding.
pub const KEPT_BLOCKS_MAX: usize = 4;
/// Heights whose block time is remembered.
pub const KEPT_TIMES_MAX: usize = 65_536;
/// A page of blocks ends early once this many bytes of blocks were read for it.
pub const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Blocks read or finalized lately.
#[derive(Default)]
pub struct BlockCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    blocks: VecDeque<Arc<FinalizedBlock>>,
    times: BTreeMap<Height, Timestamp>,
}

impl BlockCache {
    /// Keeps a finalized block for the next who asks.
    pub fn keep(&self, block: Arc<FinalizedBlock>) {
        let mut kept = lock(&self.0);
        let header = &block.block.header;
        kept.times.insert(header.height, header.time);
        if kept.times.len() > KEPT_TIMES_MAX {
            kept.times.pop_first();
        }
        kept.blocks.retain(|other| other.block.header.height != header.height);
        kept.blocks.push_back(block);
        if kept.blocks.len() > KEPT_BLOCKS_MAX {
            kept.blocks.pop_front();
        }
    }

    fn get(&self, height: Height) -> Option<Arc<FinalizedBlock>> {
        lock(&self.0).blocks.iter().find(|block| block.block.header.height == height).cloned()
    }

    fn time(&self, height: Height) -> Option<Timestamp> {
        lock(&self.0).times.get(&height).copied()
    }
}

/// The last finalized height.
pub fn head(server: &Server) -> Height {
    server.shared.store.head().map_or(Height::GENESIS, |head| head.height)
}

/// A finalized block with its receipts; none above the head and at genesis.
///
/// # Errors
/// `damaged` and the like, for a read that failed.
pub fn load(server: &Server, height: Height) -> Result<Option<Arc<FinalizedBlock>>, ApiError> {
    if let Some(block) = server.blocks.get(height) {
        return Ok(Some(block));
    }
    let failed = |error| errors::of_storage(&server.shared, &error);
    let store = &server.shared.store;
    let Some(bytes) = store.block(height).map_err(failed)? else { return Ok(None) };
    let Some(receipts) = store.receipts(height).map_err(failed)? else { return Ok(None) };
    let round = certificate(server, height)?.map_or(Round(0), |certificate| certificate.round);
    let block = Block::from_bytes(&bytes).map_err(|error| errors::of_damage("block", error))?;
    let transactions = receipts.iter().map(|receipt| receipt.transaction).collect();
    let loaded = Arc::new(FinalizedBlock {
        hash: block.hash(),
        round,
        transactions,
        receipts,
        events: Vec::new(),
        reputation: Vec::new(),
        bytes: bytes.len(),
        block,
    });
    server.blocks.keep(Arc::clone(&loaded));
    Ok(Some(loaded))
}

/// A block that must be there, because something final names it.
///
/// # Errors
/// `damaged` when it is not; otherwise as [`load`].
pub fn expect(server: &Server, height: Height) -> Result<Arc<FinalizedBlock>, ApiError> {
    check_kept(server, height)?;
    load(server, height)?.ok_or_else(|| match server.shared.store.is_quarantined(height) {
        true => missing(server, height),
        false => errors::of_damage("block", format!("height {height} is missing")),
    })
}

/// Refuses a height before those that this node has.
fn check_kept(server: &Server, height: Height) -> Result<(), ApiError> {
    let oldest = server.shared.store.oldest();
    if height == Height::GENESIS || height >= oldest {
        return Ok(());
    }
    let what = format!(
        "the blocks of this node begin at height {oldest}: it began with a snapshot, or older ones were pruned"
    );
    Err(ApiError::new(ErrorCode::Pruned).because(what).with_hint("ask a node that has every block"))
}

/// The certificate that decided a height.
///
/// # Errors
/// As [`load`].
pub fn certificate(server: &Server, height: Height) -> Result<Option<CommitCertificate>, ApiError> {
    server.shared.store.certificate(height).map_err(|error| errors::of_storage(&server.shared, &error))
}

/// The header of a height that a client names, and the certificate that decided it.
///
/// # Errors
/// `pruned` below the oldest that is kept, `not_found` at genesis and above the head; a read that failed.
pub fn header(server: &Server, height: Height) -> Result<DecidedHeader, ApiError> {
    match server.shared.store.header(height).map_err(|error| errors::of_storage(&server.shared, &error))? {
        Some(found) => Ok(found),
        None => Err(absent(server, height)),
    }
}

/// Why there is nothing of a height: `pruned`, `damaged` while it is quarantined, or `not_found`.
pub fn absent(server: &Server, height: Height) -> ApiError {
    check_kept(server, height).err().unwrap_or_else(|| missing(server, height))
}

/// The time of a finalized block.
///
/// # Errors
/// As [`expect`].
pub fn time(server: &Server, height: Height) -> Result<Timestamp, ApiError> {
    match server.blocks.time(height) {
        Some(time) => Ok(time),
        None => Ok(expect(server, height)?.block.header.time),
    }
}

/// `/blocks/latest`.
///
/// # Errors
/// `not_found` before the first block.
pub fn latest(server: &Server) -> Result<BlockView, ApiError> {
    at(server, head(server))
}

/// `/blocks/{block}`.
///
/// # Errors
/// `not_found`.
pub fn get(server: &Server, id: BlockId) -> Result<BlockView, ApiError> {
    at(server, named(server, id)?)
}

/// `/blocks/{block}/events`.
///
/// # Errors
/// `not_found`.
pub fn events(server: &Server, id: BlockId) -> Result<BlockEvents, ApiError> {
    let height = named(server, id)?;
    let finalized = at_height(server, height)?;
    let stored = server.shared.store.closing(height).map_err(|error| errors::of_storage(&server.shared, &error))?;
    let closing = stored.ok_or_else(|| errors::of_damage("block", format!("height {height} has no closing events")))?;
    Ok(BlockEvents::new(&finalized.block.header, &finalized.receipts, &closing))
}

/// The height that a client's name of a block means.
///
/// # Errors
/// `not_found` for a hash that no block here has.
pub fn named(server: &Server, id: BlockId) -> Result<Height, ApiError> {
    let height = match id {
        BlockId::Height(height) => Some(height),
        BlockId::Hash(hash) => {
            server.shared.store.height_of(&hash).map_err(|error| errors::of_storage(&server.shared, &error))?
        }
    };
    height.ok_or_else(|| ApiError::not_found(format!("a finalized block with hash {id}")))
}

/// The block at a height that a client names.
///
/// # Errors
/// `not_found` at genesis and above the head; otherwise as [`load`].
pub fn at_height(server: &Server, height: Height) -> Result<Arc<FinalizedBlock>, ApiError> {
    check_kept(server, height)?;
    load(server, height)?.ok_or_else(|| missing(server, height))
}

fn at(server: &Server, height: Height) -> Result<BlockView, ApiError> {
    let finalized = at_height(server, height)?;
    let certificate = certificate(server, height)?;
    let FinalizedBlock { block, hash, transactions, bytes, .. } = &*finalized;
    Ok(BlockView::of_known(block, *hash, *bytes, transactions.clone(), certificate.as_ref()))
}

fn missing(server: &Server, height: Height) -> ApiError {
    if server.shared.store.is_quarantined(height) {
        return ApiError::new(ErrorCode::Damaged)
            .because(format!("height {height} is damaged on this node and not back from its peers yet"))
            .with_hint("ask another node, or this one again in a while");
    }
    let error = ApiError::new(ErrorCode::NotFound);
    if height == Height::GENESIS {
        return error
            .because("height 0 is genesis, which is no block")
            .with_hint("blocks begin at height 1; GET /genesis answers the genesis file");
    }
    error
        .because(format!("height {height} is not finalized on this node, which is at height {}", head(server)))
        .with_hint("wait for it with GET /blocks/stream")
}

/// One line about a finalized block.
///
/// # Errors
/// As [`expect`].
pub fn summary(server: &Server, height: Height) -> Result<BlockSummary, ApiError> {
    Ok(BlockSummary::from(&expect(server, height)?.block))
}

/// `/blocks`: newest first. A page of very large blocks may be shorter than its limit. Quarantined heights are named, and the others given.
///
/// # Errors
/// `bad_request` for the limit; otherwise as [`load`].
pub fn page(server: &Server, query: &PageQuery) -> Result<BlockPage, ApiError> {
    let limit = page_limit(query.limit)?;
    let end = head(server).next();
    let mut before = query.before.unwrap_or(end).min(end);
    let mut page = BlockPage::default();
    let mut bytes = 0_usize;
    let oldest = server.shared.store.oldest();
    while let Some(height) = before.previous().filter(|height| *height >= oldest) {
        if page.blocks.len().saturating_add(page.damaged.len()) >= limit || bytes >= PAGE_BYTES_MAX {
            page.next_before = Some(before);
            break;
        }
        if server.shared.store.is_quarantined(height) {
            page.damaged.push(height);
            before = height;
            continue;
        }
        let finalized = expect(server, height)?;
        bytes = bytes.saturating_add(finalized.bytes);
        page.blocks.push(BlockSummary::from(&finalized.block));
        before = height;
    }
    Ok(page)
}
