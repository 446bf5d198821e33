//! Slashing protection that travels: what a key has signed last, as a file that another home takes in.
//!
//! ```text
//!   guard of home A ── export ──► file ── import ──► guard of home B: the higher of both, never lower
//!                                                 └► no guard there: refused, or made with these marks and a note of the reason
//! ```
//!
//! ```json
//! { "format": "the-block slashing protection", "version": 1, "genesis": "…", "key": "…",
//!   "records": [{ "height": 7, "round": 0, "step": "precommit", "digest": "…", "signature": "…" }],
//!   "lost": null }
//! ```
//!
//! Model: as EIP-3076, cut down to what Tendermint needs: the records of the highest height, in order. They are the marks below which nothing new is
//! signed, and the newest precommit for a block among them is the lock of the key.
//!
//! Rules
//! - Both take the lock of the guard: a node that signs is stopped first, so that no signature is missing from the file.
//! - An import only raises marks: records of a lower height change nothing, records of the same height are added, records of a higher height
//!   replace.
//! - Where there is no guard an import could make an old one: the key may have signed after the export. So it is refused without a reason, and the
//!   reason is durable in `overrides.rs`' file before the guard is there.
//! - Another chain and another key are refused, and two messages for one place as well: they are a double signature that happened already.
//! - A file proves nothing. A forged one can stop a key from signing, and can never make it sign twice.

use std::collections::BTreeMap;
use std::path::Path;

use primitives::{Address, Hash, Height, PublicKey, Round, Signature};
use serde::{Deserialize, Serialize};

use super::log::{GuardLog, LostLock, Record};
use super::overrides::Override;
use super::{GuardError, HEIGHT_RECORDS_MAX, Position, SignedStep, is_for_block, take_lock, trim};
use crate::durable;

/// The word in a file that says what it is.
pub const FORMAT: &str = "the-block slashing protection";
/// Version of the file.
pub const VERSION: u32 = 1;
/// Largest file that is read, bytes: far above [`HEIGHT_RECORDS_MAX`] records.
pub const FILE_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

/// One signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecord {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: SignedStep,
    /// Digest of the signed bytes.
    pub digest: Hash,
    /// The signature.
    pub signature: Signature,
}

impl SignedRecord {
    const fn position(&self) -> Position {
        Position { height: self.height, round: self.round, step: self.step }
    }
}

/// A precommit for a block that a consensus log has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
}

/// What one key has signed last on one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The chain.
    pub genesis: Hash,
    /// The key.
    pub key: PublicKey,
    /// Messages of the highest height, in order.
    pub records: Vec<SignedRecord>,
    /// The lock that a consensus log has lost.
    pub lost: Option<Lost>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The highest place before; none before the first signature.
    pub before: Option<Position>,
    /// The highest place now.
    pub after: Option<Position>,
    /// Whether the guard was written.
    pub changed: bool,
}

/// What the guard at this path says, while nobody signs with it.
///
/// # Errors
/// [`GuardError`]: among them a guard that a running node holds.
pub fn export(guard_path: &Path) -> Result<Protection, GuardError> {
    let _lock = take_lock(guard_path)?;
    let view = super::look(guard_path)?;
    let (log, records) = GuardLog::open(guard_path, view.key, view.genesis)?;
    let highest = records.last().map(|record| record.position.height);
    let records = records.into_iter().filter(|record| Some(record.position.height) == highest).map(|record| {
        let Position { height, round, step } = record.position;
        SignedRecord { height, round, step, digest: record.digest, signature: record.signature }
    });
    Ok(Protection {
        format: FORMAT.to_owned(),
        version: VERSION,
        genesis: view.genesis,
        key: view.key,
        records: records.collect(),
        lost: log.lost().map(|(height, round)| Lost { height, round }),
    })
}

impl Protection {
    /// Reads a file.
    ///
    /// # Errors
    /// [`GuardError::Disk`], and [`GuardError::Protection`] for what is no such file.
    pub fn read(path: &Path) -> Result<Self, GuardError> {
        let no = |reason: String| GuardError::Protection { path: path.to_owned(), reason };
        let disk = |cause| GuardError::Disk { path: path.to_owned(), cause };
        let bytes = durable::read_bounded(path, FILE_BYTES_MAX).map_err(disk)?;
        let bytes = bytes.ok_or_else(|| no("it is larger than 4 MiB".to_owned()))?;
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| no(error.to_string()))?;
        read.check().map_err(no)?;
        Ok(read)
    }

    /// The highest place.
    pub fn highest(&self) -> Option<Position> {
        self.records.last().map(SignedRecord::position)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT || self.version != VERSION {
            return Err(format!(
                "its format is {:?} version {}, not {FORMAT:?} version {VERSION}",
                self.format, self.version
            ));
        }
        if self.records.len() > HEIGHT_RECORDS_MAX {
            return Err(format!("it holds more than {HEIGHT_RECORDS_MAX} records"));
        }
        let in_order = self
            .records
            .windows(2)
            .all(|pair| pair[0].position() < pair[1].position() && pair[0].height == pair[1].height);
        if !in_order {
            return Err("its records are not those of one height in order".to_owned());
        }
        if self.lost.is_some_and(|lost| lost.height == Height::GENESIS) {
            return Err("it names a lost precommit of height 0".to_owned());
        }
        Ok(())
    }

    /// Raises the marks of the guard at this path. A guard that is missing is made with these marks, for a reason.
    ///
    /// # Errors
    /// [`GuardError`]; the guard is as it was then. [`GuardError::Old`] where there is none and no reason is given.
    pub fn import(&self, guard_path: &Path, reason: Option<&Override<'_>>) -> Result<Imported, GuardError> {
        let no = |reason| GuardError::Protection { path: guard_path.to_owned(), reason };
        self.check().map_err(no)?;
        let _lock = take_lock(guard_path)?;
        let disk = |cause| GuardError::Disk { path: guard_path.to_owned(), cause };
        if guard_path.try_exists().map_err(disk)? { self.raise(guard_path) } else { self.make(guard_path, reason) }
    }

    /// Makes a guard that is missing.
    fn make(&self, guard_path: &Path, reason: Option<&Override<'_>>) -> Result<Imported, GuardError> {
        let after = self.highest();
        let Some(reason) = reason.filter(|reason| reason.has_reason()) else {
            return Err(GuardError::Old { path: guard_path.to_owned(), highest: after });
        };
        reason.note(guard_path, after.map(|position| position.height))?;
        let records = self.trimmed(self.joined(BTreeMap::new(), guard_path)?);
        GuardLog::create(guard_path, self.key, self.genesis, self.lost(), &records)?;
        Ok(Imported { before: None, after, changed: true })
    }

    /// Raises the marks of a guard that is there.
    fn raise(&self, guard_path: &Path) -> Result<Imported, GuardError> {
        let (mut log, own) = GuardLog::open(guard_path, self.key, self.genesis)?;
        let before = own.last().map(|record| record.position);
        let height = |position: Option<Position>| position.map(|position| position.height);
        let (own_height, height) = (height(before), height(self.highest()));
        if height < own_height || height.is_none() {
            return Ok(Imported { before, after: before, changed: false });
        }
        let of_height = own.iter().filter(|own| Some(own.position.height) == height);
        let known: BTreeMap<Position, Record> = of_height.map(|own| (own.position, *own)).collect();
        let count = known.len();
        let records = self.joined(known, guard_path)?;
        let lost = if height == own_height { log.lost().or(self.lost()) } else { self.lost() };
        if records.len() == count && lost == log.lost() {
            return Ok(Imported { before, after: before, changed: false });
        }
        let records = self.trimmed(records);
        log.set_lost(lost, &records).map_err(|cause| GuardError::Disk { path: guard_path.to_owned(), cause })?;
        let after = records.last().map(|record| record.position);
        Ok(Imported { before, after, changed: true })
    }

    /// The records of the file with those that a guard has of the same height.
    fn joined(
        &self,
        mut records: BTreeMap<Position, Record>,
        guard_path: &Path,
    ) -> Result<BTreeMap<Position, Record>, GuardError> {
        for one in &self.records {
            let record = Record { position: one.position(), digest: one.digest, signature: one.signature };
            let there = records.entry(record.position).or_insert(record);
            if there.digest != record.digest {
                return Err(GuardError::TwoMessages { path: guard_path.to_owned(), place: record.position });
            }
        }
        Ok(records)
    }

    fn trimmed(&self, mut records: BTreeMap<Position, Record>) -> Vec<Record> {
        let address = Address::of_key(&self.key);
        trim(&mut records, |record| is_for_block(record, &self.genesis, address));
        records.into_values().collect()
    }

    fn lost(&self) -> Option<LostLock> {
        self.lost.map(|lost| (lost.height, lost.round))
    }
}
