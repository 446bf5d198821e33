//! `tb storage export`: what a node keeps of each block, written to an archive, in a folder or in a bucket.
//!
//! ```text
//!   store of a stopped node ──────────────────────────────┐
//!   running node ── GET /blocks/{block}/body ── judged ───┴─► archive
//! ```
//! Rules
//! - A body of a running node is written when it follows the block before it: parent, roots and digest of operations, from genesis or from the header
//!   of the height before the first. Whoever reads the archive judges it again, by a header of its own.
//! - A height that the node has pruned meanwhile, or that is damaged there, is counted as missing, and the next one is judged by the header before it.
//!
//! Read next: the crate `archive`, `spec/recovery.md` (RCV-50).

use std::time::Duration;

use ::config::ArchivePlace;
use archive::{Archive, ArchiveError};
use clap::Args;
use primitives::{Block, Hash, Height, LedgerDigest, decode};
use rpc::types::BlockId;
use rpc::{Client, ClientError, ErrorCode, ExitCode};
use serde::Serialize;
use storage::{Body, Digest, StorageError, Store};

use crate::commands::config::Files;
use crate::commands::snapshots::{load, open_store, read_genesis};
use crate::commands::storage::bar;
use crate::context::{Context, environment};
use crate::exit::Failure;

/// Shown with the help of the command.
pub const EXAMPLES: &str = "\
Examples:
  tb storage export --to /backup/archive               while the node is stopped
  tb storage export --live --to s3://blocks/main       while it runs
  tb storage export --live --to /backup/archive --from-height 1 --to-height 3600 --json

A node whose gate reconstruction is on gives pruned blocks again from it: reconstruction.archive. The keys
reconstruction.s3_… of the configuration say how a bucket is reached.";

/// Pause after a node that limits its callers said no.
const LIMITED_PAUSE: Duration = Duration::from_secs(1);
/// How often in a row that may be.
const LIMITED_MAX: u32 = 120;

/// Arguments of `tb storage export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    files: Files,
    /// The archive: a folder, or s3://BUCKET/PREFIX; files that are whole stay
    #[arg(long, alias = "path", value_name = "ARCHIVE")]
    to: String,
    /// Take the bodies from the running node at --rpc instead of from the store of a stopped one
    #[arg(long)]
    live: bool,
    /// First height [default: the oldest that is kept]
    #[arg(long, value_name = "HEIGHT")]
    from_height: Option<u64>,
    /// Last height [default: the newest]
    #[arg(long, value_name = "HEIGHT")]
    to_height: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Exported {
    archive: String,
    /// None where the node has none of the heights that are wanted.
    first: Option<Height>,
    last: Option<Height>,
    written: u64,
    kept: u64,
    missing: u64,
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let (exit, code) = match &error {
            ArchiveError::Wrong { .. } => (ExitCode::Damaged, "archive_wrong"),
            ArchiveError::Unanswered { .. } => (ExitCode::Connection, "archive_unanswered"),
            ArchiveError::KeyRefused { .. } => (ExitCode::Unauthorized, "archive_refused"),
            ArchiveError::Io { .. } => (ExitCode::Unexpected, "disk"),
            ArchiveError::Settings { .. } | ArchiveError::Key(_) => (ExitCode::Config, "archive_settings"),
            ArchiveError::Body(error) => return Self::of_store(error),
        };
        Self::told(exit, code, error, "check the keys below reconstruction")
    }
}

/// Opens the archive at `text` with the settings of a home.
///
/// # Errors
/// [`Failure`] for an address that is none, and for settings that cannot serve.
pub fn open_archive(
    text: &str,
    s3: &::config::S3Config,
    genesis: Hash,
    context: &Context,
) -> Result<(Archive, String), Failure> {
    let place = ArchivePlace::parse(text, |path| path.into()).map_err(|reason| {
        Failure::usage(format!("{text} {reason}"), "give the path of a folder, or s3://BUCKET/PREFIX")
    })?;
    let archive = Archive::new(&place, s3, genesis, environment)?;
    if archive.key_is_in_environment() {
        context
            .output
            .talk("warning: the key of the bucket is in the environment; reconstruction.s3_credentials_file is safer");
    }
    Ok((archive, place.to_string()))
}

/// Where bodies come from, one height after the other.
enum Source {
    Store(Box<Store>),
    Node(Box<Live>),
}

/// A running node.
struct Live {
    client: Client,
    genesis: Hash,
    digest: Digest,
    /// Hash and digest of operations of the height before, once it was seen.
    before: Option<(Hash, LedgerDigest)>,
}

impl Export {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failure`] by name.
    pub async fn run(&self, context: &Context) -> Result<(), Failure> {
        let (home, config) = load(&self.files, context)?;
        let genesis = read_genesis(&home)?;
        let hash = genesis.hash();
        let (archive, name) = open_archive(&self.to, &config.reconstruction.s3, hash, context)?;
        let (mut source, oldest, newest) = if self.live {
            let client = context.client()?;
            let newest = client.node_status().await?.finalized_height;
            let oldest = client.pruning_status().await?.oldest_height;
            let live = Live { client, genesis: hash, digest: snapshots::digest(&hash), before: None };
            (Source::Node(Box::new(live)), oldest, newest)
        } else {
            let store = open_store(&config, &genesis).map_err(|failure| failure.or_live("tb storage export --live"))?;
            let (oldest, newest) = (store.oldest(), store.head().map_or(Height::GENESIS, |head| head.height));
            (Source::Store(Box::new(store)), oldest, newest)
        };
        let first = Height(self.from_height.unwrap_or(1)).max(oldest).max(Height(1));
        let last = self.to_height.map_or(newest, Height).min(newest);
        let [first_shown, last_shown] = [first, last].map(|height| (first <= last).then_some(height));
        let mut exported =
            Exported { archive: name, first: first_shown, last: last_shown, written: 0, kept: 0, missing: 0 };
        let shown = bar(context.output, last.0);
        let mut height = first;
        while height <= last {
            match source.body(height).await? {
                None => exported.missing += 1,
                Some(body) if archive.put(height, &body).await? => exported.written += 1,
                Some(_) => exported.kept += 1,
            }
            shown.set_position(height.0);
            height = height.next();
        }
        shown.finish_and_clear();
        context.output.result(&exported, || {
            let Exported { archive, written, kept, missing, .. } = &exported;
            if newest < oldest {
                return format!("this store holds no block: it begins at height {oldest}; nothing was written");
            }
            if first > last {
                return format!("the node has heights {oldest} to {newest} and none that is wanted; nothing was written");
            }
            format!(
                "heights {first} to {last} in {archive}: {written} written, {kept} there already, {missing} not to be had from this node\nnext: set reconstruction.archive and the gate reconstruction on nodes that prune"
            )
        });
        Ok(())
    }
}

impl Source {
    async fn body(&mut self, height: Height) -> Result<Option<Body>, Failure> {
        match self {
            Self::Store(store) => store.body(height).map_err(|error: StorageError| Failure::of_store(&error)),
            Self::Node(live) => live.body(height).await,
        }
    }
}

impl Live {
    /// The body of a height, if the node has it; it follows the block before.
    async fn body(&mut self, height: Height) -> Result<Option<Body>, Failure> {
        let before = match self.before.take() {
            Some(before) => before,
            None => match self.header_before(height).await? {
                Some(before) => before,
                None => return Ok(None),
            },
        };
        let client = &self.client;
        let Some(kept) = asked(async || client.block_body(height).await).await? else { return Ok(None) };
        let body = kept.bytes().and_then(|bytes| decode::<Body>(&bytes).ok()).ok_or_else(|| self.wrong(height))?;
        let block = self.judge(&body, height, before).ok_or_else(|| self.wrong(height))?;
        self.before = Some((block.header.hash(), block.header.ops_digest));
        Ok(Some(body))
    }

    /// The block of `body`, if it is this chain's at this height and follows the block before.
    fn judge(&self, body: &Body, height: Height, (parent, digest): (Hash, LedgerDigest)) -> Option<Block> {
        let header = Block::from_bytes(&body.block).ok()?.header;
        let hash = header.hash();
        let is_next = header.genesis == self.genesis && header.height == height && header.parent == parent;
        let is_certified = body.certificate.as_ref().is_none_or(|certificate| certificate.block == hash);
        (is_next && is_certified).then(|| Store::judge_body(body, &header, digest, &self.digest)).flatten()
    }

    /// Hash and digest of the height before; none where the node has no header of it any more.
    async fn header_before(&self, height: Height) -> Result<Option<(Hash, LedgerDigest)>, Failure> {
        let Some(before) = height.previous().filter(|before| *before > Height::GENESIS) else {
            return Ok(Some((self.genesis, self.digest.start)));
        };
        let client = &self.client;
        let id = BlockId::Height(before);
        let Some(block) = asked(async || client.certified_block(id).await).await? else { return Ok(None) };
        let (header, ..) = block.decode().map_err(|_| self.wrong(before))?;
        if header.height != before || header.genesis != self.genesis {
            return Err(self.wrong(before));
        }
        Ok(Some((header.hash(), header.ops_digest)))
    }

    fn wrong(&self, height: Height) -> Failure {
        let what = format!("{} gave something else than height {height} of this chain", self.client.base_url());
        Failure::new(ExitCode::Damaged, "wrong_body", what, "name another node with --rpc, and the home of its chain")
    }
}

/// The answer of a node; none for a height that it has not. One that limits its callers is asked again.
async fn asked<T>(ask: impl AsyncFn() -> Result<T, ClientError>) -> Result<Option<T>, Failure> {
    let mut limited = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => error,
        };
        let is = |codes: &[ErrorCode]| codes.iter().any(|code| code.name() == error.code());
        if is(&[ErrorCode::Pruned, ErrorCode::Damaged, ErrorCode::NotFound]) {
            return Ok(None);
        }
        if limited == LIMITED_MAX || !is(&[ErrorCode::RateLimited, ErrorCode::Overloaded]) {
            return Err(error.into());
        }
        limited += 1;
        tokio::time::sleep(LIMITED_PAUSE).await;
    }
}
