//! Builds a damaged store anew at a start, from what it holds alone: heights that cannot be read are quarantined, everything else is as before.
//!
//! ```text
//!   head's hash (the mark) ─► body(head) ─ parent ─► body(head − 1) ─ not readable: quarantined ─► body(head − 2), by its own checksums ─► … ─► base
//! ```
//! Model: the walk of `repair.rs`, with nobody to ask. Where the chain of hashes is broken by a quarantined height, the next block below is
//! believed by its checksums until that height comes back and names it ([`Store::readmit`]).
//!
//! Rules
//! - The last block, the state, what belongs to no height, the journals and the lists of the engine must be readable; where they are not,
//!   the store stays refused.
//! - Nothing is forgotten: head, mark, candidates and state are those of the damaged store, so what a signer has signed is not behind it.
//! - The damaged store is moved aside and never changed.

use std::path::{Path, PathBuf};

use primitives::{Block, Hash, Height};

use crate::backend::faulty::FaultyDisk;
use crate::check::Digest;
use crate::columns::{Column, height_key};
use crate::error::StorageError;
use crate::mark::Head;
use crate::open::{Store, StoreConfig};
use crate::quarantine::{QUARANTINE_MAX, Record, record_op};
use crate::repair::{Body, Rebuild, Trust, Work, discard};

/// What mending did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The last height.
    pub head: Height,
    /// Heights that were whole.
    pub kept: u64,
    /// Heights that are quarantined now, lowest first.
    pub quarantined: Vec<Height>,
    /// Where the damaged store is.
    pub aside: PathBuf,
}

impl Store {
    /// Builds the damaged store in `home` anew from what can be read of it. Nobody else may use it meanwhile. `progress` hears the heights done and
    /// all of them.
    ///
    /// # Errors
    /// [`StorageError`] when what must be readable is not, or a failed write; the damaged store is where it was.
    pub fn mend(
        home: &Path,
        genesis: &Hash,
        digest: &Digest,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Mended, StorageError> {
        let mended = Self::mend_beside(home, genesis, digest, progress);
        if !matches!(mended, Ok(_) | Err(StorageError::InUse { .. })) {
            discard(home);
        }
        mended
    }

    fn mend_beside(
        home: &Path,
        genesis: &Hash,
        digest: &Digest,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Mended, StorageError> {
        let rebuild = Rebuild::begin(home, genesis)?;
        let trust = Trust { digest: *digest, certifies: &|_, _, _| false };
        let mut work = rebuild.work(&trust);
        work.copy_state()?;
        let head = rebuild.head;
        let record = work.readable_bodies(head, progress)?;
        let quarantined: Vec<Height> = record.keys().copied().collect();
        let all = head.height.0.saturating_sub(rebuild.old.base_height().0);
        let aside = rebuild.finish(vec![record_op(&record)])?;
        let kept = all.saturating_sub(u64::try_from(quarantined.len()).unwrap_or(u64::MAX));
        Ok(Mended { head: head.height, kept, quarantined, aside })
    }

    /// The same for a disk of a simulation: gives the one that takes its place, and the quarantined heights.
    ///
    /// # Errors
    /// As [`Store::mend`].
    pub fn mend_faulty(
        damaged: &FaultyDisk,
        genesis: &Hash,
        digest: &Digest,
    ) -> Result<(FaultyDisk, Vec<Height>), StorageError> {
        let built = FaultyDisk::new();
        let old = Self::open_unverified(&StoreConfig::Faulty(damaged.clone()), genesis)?;
        let new = Self::open(&StoreConfig::Faulty(built.clone()), genesis)?;
        let head = old.head().ok_or(StorageError::NotInitialised)?;
        let trust = Trust { digest: *digest, certifies: &|_, _, _| false };
        let mut work = Work::between(&old, &new, &trust);
        work.copy_state()?;
        let record = work.readable_bodies(head, &mut |_, _| {})?;
        new.finish_repair(head, vec![record_op(&record)])?;
        Ok((built, record.into_keys().collect()))
    }
}

/// A body that waits for the digest of the height before.
struct Waiting {
    height: Height,
    hash: Hash,
    body: Body,
    block: Block,
}

impl Work<'_> {
    /// Copies the bodies that can be read, from the head down to the base; gives the others.
    fn readable_bodies(&self, head: Head, progress: &mut dyn FnMut(u64, u64)) -> Result<Record, StorageError> {
        let base = self.old.base_height();
        let all = head.height.0.saturating_sub(base.0);
        let before: Record = self.old.quarantined().into_iter().map(|one| (one.height, one.block)).collect();
        let mut record = Record::new();
        let (mut height, mut known, mut waiting) = (head.height, Some(head.block), None::<Waiting>);
        while height > base {
            let expected = known.or_else(|| before.get(&height).copied().flatten());
            let found = self.readable(height, expected)?;
            if let Some(above) = waiting.take() {
                self.settle(above, found.as_ref().map(|found| &found.block), &mut record)?;
            }
            known = found.as_ref().map(|found| found.block.header.parent);
            if found.is_none() {
                if height == head.height {
                    let reason = "the last block is not whole".to_owned();
                    return Err(self.old.damaged(Column::Blocks, &height_key(height), reason));
                }
                record.insert(height, expected);
                if record.len() > QUARANTINE_MAX {
                    return Err(StorageError::Unquarantinable { height });
                }
            }
            waiting = found;
            let Some(previous) = height.previous() else { break };
            height = previous;
            progress(head.height.0.saturating_sub(height.0), all);
        }
        if let Some(lowest) = waiting {
            let follows = lowest.body.follows(self.digest_of_base()?, &lowest.block.header, &self.trust.digest);
            self.settle_as(lowest, follows, &mut record)?;
        }
        Ok(record)
    }

    /// What is here of a height, when it is whole.
    fn readable(&self, height: Height, expected: Option<Hash>) -> Result<Option<Waiting>, StorageError> {
        let body = match self.old.body(height) {
            Ok(body) => body,
            Err(StorageError::Poisoned { cause }) => return Err(StorageError::Poisoned { cause }),
            Err(error) => {
                tracing::warn!(%height, %error, "a height cannot be read");
                None
            }
        };
        let Some(body) = body else { return Ok(None) };
        let own = || Block::from_bytes(&body.block).ok().map(|block| block.header.hash());
        let Some(hash) = expected.or_else(own) else { return Ok(None) };
        let block = body.is_of(&hash).filter(|block| block.header.height == height);
        Ok(block.map(|block| Waiting { height, hash, body, block }))
    }

    /// Copies a body once the height before it was looked at. Operations after a quarantined height are believed by their checksum.
    fn settle(&self, above: Waiting, before: Option<&Block>, record: &mut Record) -> Result<(), StorageError> {
        let follows = before
            .is_none_or(|before| above.body.follows(before.header.ops_digest, &above.block.header, &self.trust.digest));
        self.settle_as(above, follows, record)
    }

    fn settle_as(&self, one: Waiting, follows: bool, record: &mut Record) -> Result<(), StorageError> {
        if follows {
            return self.put_body(one.height, one.hash, &one.body, &one.block);
        }
        tracing::warn!(height = %one.height, "the operations of a height do not lead to its header");
        record.insert(one.height, Some(one.hash));
        Ok(())
    }
}
