//! The validator signer: the only place where votes and proposals are signed, with the double-sign guard.
//!
//! ```text
//! sign(step, height, round, bytes)
//!   │ the bytes are this validator's message for that place?      no → WrongMessage
//!   ├ place has a record, same bytes ───────────────────────────────→ the stored signature
//!   ├ place has a record, other bytes ──────────────────────────────→ Conflict
//!   ├ place is below the highest one ───────────────────────────────→ Below
//!   ├ prevote for another block than the one this key is held to ───→ Held
//!   └ place is above: sign → write the record → sync ───────────────→ the new signature
//!                              └ failed → poisoned: refuses everything until restarted
//! ```
//!
//! Rules
//! - Places are ordered by height, round, step (proposal < prevote < precommit). No two different messages are
//!   ever signed for one place, and no new one below the highest place, across crashes at any moment.
//! - The records of the highest height stay, so that a node that replays its write-ahead log gets the same
//!   signatures again. At most [`HEIGHT_RECORDS_MAX`] of them: the oldest go first and are then refused. The newest
//!   precommit for a block never goes.
//! - A consensus log that was lost takes the validator's *lock* with it. The guard keeps it instead: see
//!   [`ValidatorSigner::recover`].
//! - A refusal is not an error of the node: it abstains from this step and keeps running.
//! - One process per guard file, by an operating-system lock that dies with its holder.
//! - A guard that is missing, damaged, of another key or chain, or behind what the key has signed, refuses to
//!   start ([`GuardError`]).
//!
//! What this does not protect from: the same key in two home directories on one or two machines. Each has a
//! guard of its own and neither knows of the other.
//!
//! Read next: `log.rs` (the file, to the byte), then `spec/consensus.md`.

mod crash;
mod error;
mod handover;
mod heartbeats;
pub(crate) mod log;
mod look;
pub mod overrides;
pub mod protection;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use primitives::transaction::SIGNING_DOMAIN;
use primitives::vote::{PROPOSAL_DOMAIN, VOTE_DOMAIN};
use primitives::{Address, Hash, Height, Proposal, PublicKey, Round, SecretKey, Signature, Vote, VoteKind, decode};

pub use crash::{GuardCrashPoint, GuardCrashPointError};
pub use error::{GuardError, SignRefusal};
pub use handover::hand_over;
pub use heartbeats::HeartbeatMark;
use log::{GuardLog, LostLock, Record};
pub use look::{GuardView, look, look_in};
pub use protection::Protection;
use serde::{Deserialize, Serialize};

use crate::durable::KEY_FILE_MODE;

/// Most records that are kept of the highest height: more than 1,300 rounds.
pub const HEIGHT_RECORDS_MAX: usize = 4_096;

/// What is signed in a round, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedStep {
    /// The proposer's offer.
    Proposal,
    /// The first vote.
    Prevote,
    /// The second vote.
    Precommit,
}

impl SignedStep {
    /// All steps, in order.
    pub const ALL: [Self; 3] = [Self::Proposal, Self::Prevote, Self::Precommit];

    const fn tag(self) -> u8 {
        match self {
            Self::Proposal => 1,
            Self::Prevote => 2,
            Self::Precommit => 3,
        }
    }

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.tag() == tag)
    }
}

impl fmt::Display for SignedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proposal => "proposal",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
        })
    }
}

/// A place in the protocol, ordered as validators pass through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: SignedStep,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "height {}, round {}, {}", self.height, self.round, self.step)
    }
}

/// A validator's key with its double-sign guard. The lock is held until this is dropped.
pub struct ValidatorSigner {
    key: SecretKey,
    public_key: PublicKey,
    address: Address,
    genesis: Hash,
    log: GuardLog,
    /// Records of the highest height.
    records: BTreeMap<Position, Record>,
    /// The precommit for a block that the consensus log has lost, while it matters.
    held: Option<Record>,
    poisoned: Option<String>,
    /// Held, never read: the operating system releases the lock when it is closed.
    _lock: File,
}

impl fmt::Debug for ValidatorSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValidatorSigner({}, {})", self.public_key, self.log.path().display())
    }
}

impl ValidatorSigner {
    /// Takes the lock `<guard_path>.lock` and opens the guard file. `new` says that this key has never signed
    /// on this chain, so that a missing file is made; a file that exists is opened in either case.
    ///
    /// # Errors
    /// [`GuardError`], one variant per cause; never [`GuardError::Behind`], see
    /// [`ValidatorSigner::check_not_behind`].
    pub fn open(key: SecretKey, guard_path: &Path, genesis: &Hash, new: bool) -> Result<Self, GuardError> {
        let public_key = key.public_key();
        let lock = take_lock(guard_path)?;
        let missing =
            !guard_path.try_exists().map_err(|cause| GuardError::Disk { path: guard_path.to_owned(), cause })?;
        if missing && new {
            GuardLog::create(guard_path, public_key, *genesis, None, &[])?;
        }
        let (log, all) = GuardLog::open(guard_path, public_key, *genesis)?;
        let highest = all.last().map(|record| record.position.height);
        let mut records: BTreeMap<Position, Record> = all
            .into_iter()
            .filter(|record| Some(record.position.height) == highest)
            .map(|record| (record.position, record))
            .collect();
        let address = Address::of_key(&public_key);
        trim(&mut records, |record| is_for_block(record, genesis, address));
        // A hold outlives this process: the file names its lock. `recover` judges it anew.
        let newest = newest_for_block(&records, |record| is_for_block(record, genesis, address));
        let held = newest.filter(|lock| log.lost() == Some((lock.position.height, lock.position.round)));
        let (genesis, poisoned) = (*genesis, None);
        Ok(Self { key, public_key, address, genesis, log, records, held, poisoned, _lock: lock })
    }

    /// The public half of the key.
    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The highest place that is signed; `None` before the first signature.
    pub fn highest(&self) -> Option<(Height, Round, SignedStep)> {
        self.records.keys().next_back().map(|position| (position.height, position.round, position.step))
    }

    /// Signs `bytes`, which are [`Vote::signing_bytes`] or [`Proposal::signing_bytes`] of this validator's
    /// message for this place; or returns the signature given before for the same bytes. A new signature is
    /// returned only after its record is durable.
    ///
    /// # Errors
    /// [`SignRefusal`]; the caller abstains from this step.
    pub fn sign(
        &mut self,
        step: SignedStep,
        height: Height,
        round: Round,
        bytes: &[u8],
    ) -> Result<Signature, SignRefusal> {
        if let Some(reason) = &self.poisoned {
            return Err(SignRefusal::Poisoned(reason.clone()));
        }
        if !self.is_own_message(step, height, round, bytes) {
            return Err(SignRefusal::WrongMessage { step, height, round });
        }
        let position = Position { height, round, step };
        let digest = log::digest(bytes);
        if let Some(record) = self.records.get(&position).copied() {
            if record.digest != digest {
                return Err(SignRefusal::Conflict(position));
            }
            if self.release(&record) {
                self.mark_lost(None).map_err(|cause| self.poison(&cause))?;
            }
            return Ok(record.signature);
        }
        if let Some(highest) = self.records.keys().next_back().copied()
            && position <= highest
        {
            return Err(SignRefusal::Below { asked: position, highest });
        }
        if let Some(held) = self.held
            && self.is_against(&held, position, bytes)
        {
            return Err(SignRefusal::Held { asked: position, locked: held.position });
        }
        let record = Record { position, digest, signature: self.key.sign(bytes) };
        self.store(record).map_err(|cause| self.poison(&cause))?;
        self.release(&record);
        Ok(record.signature)
    }

    /// Signs bytes that cannot be taken for a vote, a proposal or a transaction, without the guard: proofs of
    /// the validator's identity towards its peers.
    ///
    /// # Errors
    /// [`SignRefusal::Guarded`] when the bytes start like one of those.
    pub fn sign_identity(&self, bytes: &[u8]) -> Result<Signature, SignRefusal> {
        if [VOTE_DOMAIN, PROPOSAL_DOMAIN, SIGNING_DOMAIN].iter().any(|domain| bytes.starts_with(domain)) {
            return Err(SignRefusal::Guarded);
        }
        Ok(self.key.sign(bytes))
    }

    /// Refuses a guard that is older than what this key has signed. `signed` is the highest height at which a
    /// signature of this key is known from elsewhere: the last finalized height whose certificate carries it;
    /// [`Height::GENESIS`] when there is none. [`ValidatorSigner::recover`] does the same for the consensus log.
    ///
    /// Sound because a signature leaves the signer only after its record: a guard that lost nothing ends at
    /// `signed` or above. It cannot see the loss of records *within* the last height.
    ///
    /// # Errors
    /// [`GuardError::Behind`].
    pub fn check_not_behind(&self, signed: Height) -> Result<(), GuardError> {
        let highest = self.highest().map_or(Height::GENESIS, |(height, _, _)| height);
        if highest < signed {
            return Err(GuardError::Behind { path: self.log.path().to_owned(), highest, signed });
        }
        Ok(())
    }

    /// Compares the guard with this validator's own messages in the consensus log, before anything is signed.
    /// `finalized` is the store's last height.
    ///
    /// A precommit for a block is a lock: its validator prevotes for no other block of that height until it sees a
    /// later quorum of prevotes. The log remembers the lock. When the log does not hold the newest precommit for a
    /// block that the guard knows of a height that is not finalized here, the lock may be lost, and the guard holds
    /// the key to it: a prevote for another block in a later round is refused ([`SignRefusal::Held`]). It ends when
    /// consensus precommits for a block in that round or a later one, because from then on its own lock is as new,
    /// and with the height. Gives the place of the precommit that is held.
    ///
    /// The guard remembers that this precommit was lost: from then on the log's word for it counts nothing. Peers
    /// give a validator its own votes back in certificates, and consensus logs those like any other vote, without
    /// taking the lock.
    ///
    /// # Errors
    /// [`GuardError::BehindLog`] or [`GuardError::Differs`]: a message stands in the log only after its record, so
    /// the guard is not the one that this log was written with. [`GuardError::Disk`] when the loss cannot be recorded.
    pub fn recover<'a>(
        &mut self,
        finalized: Height,
        logged: impl IntoIterator<Item = (Position, &'a [u8])>,
    ) -> Result<Option<Position>, GuardError> {
        let lock = newest_for_block(&self.records, |record| is_for_block(record, &self.genesis, self.address));
        let mut held = lock.filter(|lock| lock.position.height > finalized);
        let was_lost = held.is_some_and(|held| self.log.lost() == Some((held.position.height, held.position.round)));
        for (position, bytes) in logged {
            if self.knows(position, bytes)? {
                held = held.filter(|held| was_lost || held.position != position);
            }
        }
        if let Some(Record { position, .. }) = held.filter(|_| !was_lost) {
            let marked = self.mark_lost(Some((position.height, position.round)));
            marked.map_err(|cause| GuardError::Disk { path: self.log.path().to_owned(), cause })?;
        }
        self.held = held;
        Ok(held.map(|held| held.position))
    }

    /// Refuses a guard that is not the one that this validator's own messages in a consensus log were written with, and changes nothing. Whoever
    /// gives the log up asks this first: afterwards the guard alone remembers them.
    ///
    /// # Errors
    /// [`GuardError::BehindLog`] or [`GuardError::Differs`].
    pub fn check_log<'a>(&self, logged: impl IntoIterator<Item = (Position, &'a [u8])>) -> Result<(), GuardError> {
        logged.into_iter().try_for_each(|(position, bytes)| self.knows(position, bytes).map(drop))
    }

    /// Whether a logged message is one of the records; not those of earlier heights, which are not kept.
    fn knows(&self, logged: Position, bytes: &[u8]) -> Result<bool, GuardError> {
        let path = || self.log.path().to_owned();
        let highest = self.records.keys().next_back().copied();
        if highest.is_none_or(|highest| logged > highest) {
            return Err(GuardError::BehindLog { path: path(), highest, logged });
        }
        match self.records.get(&logged) {
            Some(record) if record.digest == log::digest(bytes) => Ok(true),
            Some(_) => Err(GuardError::Differs { path: path(), logged }),
            // Records of earlier heights are not kept, and not all of very many rounds.
            None if highest.is_some_and(|highest| logged.height < highest.height) => Ok(false),
            None if self.records.len() >= HEIGHT_RECORDS_MAX => Ok(false),
            None => Err(GuardError::Differs { path: path(), logged }),
        }
    }

    /// Records which lock the log has lost, or that consensus came to it again.
    fn mark_lost(&mut self, lost: Option<LostLock>) -> std::io::Result<()> {
        let records: Vec<Record> = self.records.values().copied().collect();
        self.log.set_lost(lost, &records)
    }

    /// After a failed write nothing more is signed.
    fn poison(&mut self, cause: &std::io::Error) -> SignRefusal {
        let reason = format!("{}: {cause}", self.log.path().display());
        self.poisoned = Some(reason.clone());
        SignRefusal::Poisoned(reason)
    }

    /// True when a new message at `position` could contradict the precommit that the log has lost.
    fn is_against(&self, held: &Record, position: Position, bytes: &[u8]) -> bool {
        if position.step != SignedStep::Prevote || position.height != held.position.height {
            return false;
        }
        let body =
            bytes.strip_prefix(VOTE_DOMAIN).and_then(|body| body.strip_prefix(self.genesis.as_bytes().as_slice()));
        let Some(vote) = body.and_then(|body| decode::<Vote>(body).ok()) else { return true };
        let Some(value) = vote.value else { return false };
        precommit_digest(held.position, Some(value), &self.genesis, self.address) != held.digest
    }

    /// Ends the hold when consensus has a lock as new as the one that was lost, or another height. True when it ended.
    fn release(&mut self, signed: &Record) -> bool {
        let Some(held) = &self.held else { return false };
        let (lost, now) = (held.position, signed.position);
        let locked_again =
            now.height == lost.height && now.round >= lost.round && is_for_block(signed, &self.genesis, self.address);
        let ended = now.height > lost.height || locked_again;
        if ended {
            self.held = None;
        }
        ended
    }

    /// Makes the process abort at this place of the next write. For crash tests.
    pub fn set_crash_point(&mut self, point: Option<GuardCrashPoint>) {
        self.log.crash = point;
    }

    /// The log, to break it.
    #[cfg(test)]
    pub(crate) const fn log_mut(&mut self) -> &mut GuardLog {
        &mut self.log
    }

    /// Makes `record` durable, then known.
    fn store(&mut self, record: Record) -> std::io::Result<()> {
        let (genesis, address) = (self.genesis, self.address);
        let is_lock = |record: &Record| is_for_block(record, &genesis, address);
        let height_changes = self.highest().is_none_or(|(height, _, _)| height != record.position.height);
        if self.log.is_full(height_changes) {
            let mut kept = if height_changes { BTreeMap::new() } else { self.records.clone() };
            kept.insert(record.position, record);
            trim(&mut kept, is_lock);
            let kept: Vec<Record> = kept.into_values().collect();
            self.log.rewrite(&kept)?;
        } else {
            self.log.append(&record)?;
        }
        if height_changes {
            self.records.clear();
        }
        self.records.insert(record.position, record);
        trim(&mut self.records, is_lock);
        Ok(())
    }

    /// True when the bytes are the canonical message of this validator for this place on this chain. Without
    /// this check a caller could get two messages of one round signed by naming two places.
    fn is_own_message(&self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> bool {
        let body = |domain: &[u8]| bytes.strip_prefix(domain)?.strip_prefix(self.genesis.as_bytes().as_slice());
        match step {
            SignedStep::Proposal => body(PROPOSAL_DOMAIN)
                .and_then(|body| decode::<Proposal>(body).ok())
                .is_some_and(|it| it.height == height && it.round == round && it.proposer == self.address),
            SignedStep::Prevote | SignedStep::Precommit => {
                let kind = if step == SignedStep::Prevote { VoteKind::Prevote } else { VoteKind::Precommit };
                body(VOTE_DOMAIN).and_then(|body| decode::<Vote>(body).ok()).is_some_and(|it| {
                    it.kind == kind && it.height == height && it.round == round && it.voter == self.address
                })
            }
        }
    }
}

/// The digest of the precommit at `position` for a block, or for none.
fn precommit_digest(position: Position, value: Option<Hash>, genesis: &Hash, address: Address) -> Hash {
    let Position { height, round, .. } = position;
    log::digest(&Vote { kind: VoteKind::Precommit, height, round, value, voter: address }.signing_bytes(genesis))
}

/// True for a precommit that is not for nil: the lock of its round.
fn is_for_block(record: &Record, genesis: &Hash, address: Address) -> bool {
    record.position.step == SignedStep::Precommit
        && record.digest != precommit_digest(record.position, None, genesis, address)
}

fn newest_for_block(records: &BTreeMap<Position, Record>, is_lock: impl Fn(&Record) -> bool) -> Option<Record> {
    records.values().rev().find(|record| is_lock(record)).copied()
}

/// Drops the oldest records above [`HEIGHT_RECORDS_MAX`], but never the newest precommit for a block.
fn trim(records: &mut BTreeMap<Position, Record>, is_lock: impl Fn(&Record) -> bool) {
    if records.len() <= HEIGHT_RECORDS_MAX {
        return;
    }
    let lock = newest_for_block(records, is_lock).map(|record| record.position);
    while records.len() > HEIGHT_RECORDS_MAX {
        let Some(oldest) = records.keys().copied().find(|position| Some(*position) != lock) else { return };
        records.remove(&oldest);
    }
}

/// Takes the lock beside `guard_path`. The file stays when the lock is released: removing it would let two
/// processes lock two files of one name.
fn take_lock(guard_path: &Path) -> Result<File, GuardError> {
    let mut name = guard_path.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let disk = |cause| GuardError::Disk { path: path.clone(), cause };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(disk)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(KEY_FILE_MODE);
    let mut file = options.open(&path).map_err(disk)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The text is for people only: an unreadable one must not hide the refusal.
            let named = (&mut file).take(64).read_to_string(&mut holder).is_ok_and(|length| length > 0);
            let holder = if named { holder.trim().to_owned() } else { "an unknown process".to_owned() };
            return Err(GuardError::Locked { path, holder });
        }
        Err(TryLockError::Error(cause)) => return Err(disk(cause)),
    }
    file.set_len(0).map_err(disk)?;
    file.rewind().map_err(disk)?;
    writeln!(file, "process {}", std::process::id()).map_err(disk)?;
    Ok(file)
}
