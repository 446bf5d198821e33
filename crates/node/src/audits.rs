//! Audit files: one signed line for each change of a standing (tier, score, counters) and each decision to slash.
//!
//! ```text
//! <data_dir>/audits/reputation/<start, ms>.jsonl      lines chained over all files, see rpc::types::audit
//! <data_dir>/audits/slashing/<start, ms>.jsonl
//! ```
//! Rules
//! - A file takes lines for [`FILE_MS`] of block time, then a new one starts; the newest [`FILES_MAX`] stay.
//! - A torn last line, as after a crash, is cut off at the next start; the chain goes on from the line before.
//! - A thread of its own writes and syncs; the queue to it holds [`QUEUE_MAX`] blocks and then makes the chain wait, so
//!   nothing is left out while the node runs. A crash can lose the records of the last blocks, never reorder them.
//! - After a failed write a stream is poisoned: it takes no more lines until the node is restarted, and says so in
//!   the log. Audits are a report; the chain goes on.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use primitives::actions::IdentityEvent;
use primitives::{Event, Hash, Height, SecretKey, Signature, Timestamp};
use replica::FinalizedBlock;
use replica::changes::{ReputationChange, Standing};
use rpc::types::audit::{AUDIT_VERSION, line_hash};
use rpc::types::{AuditEvidence, AuditRecord, AuditStanding, AuditStream, CountersView};

/// Block time after which a new file starts, milliseconds: 24 hours.
pub const FILE_MS: u64 = 86_400_000;
/// Files of one stream that stay.
pub const FILES_MAX: usize = 30;
/// Records of one stream that can be asked for.
pub const NEWEST_MAX: usize = 1_000;
/// Blocks that wait for the writer.
const QUEUE_MAX: usize = 256;

/// What one block gives to the streams.
struct Batch {
    height: Height,
    block: Hash,
    time: Timestamp,
    entries: Vec<(AuditStream, AuditEvidence)>,
}

/// The audits of a running node.
pub struct Audits {
    sender: SyncSender<Batch>,
    newest: [Arc<Mutex<VecDeque<AuditRecord>>>; 2],
}

impl Audits {
    /// Opens both streams below `root` and starts the writer.
    ///
    /// # Errors
    /// What the system says, or that a whole line of the newest file is not a record.
    pub fn open(root: &Path, secret: SecretKey, genesis: Hash) -> io::Result<Self> {
        let mut streams = Vec::new();
        for stream in AuditStream::ALL {
            streams.push(StreamLog::open(root, stream, secret.clone(), genesis)?);
        }
        let newest =
            [0, 1].map(|index: usize| streams.get(index).map(|log| Arc::clone(&log.newest)).unwrap_or_default());
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        std::thread::Builder::new().name("audits".to_owned()).spawn(move || write(streams, &receiver))?;
        Ok(Self { sender, newest })
    }

    /// Hands what a block did to the writer; waits when it is far behind.
    pub fn observe(&self, block: &FinalizedBlock) {
        let entries = entries(block);
        if entries.is_empty() {
            return;
        }
        let header = &block.block.header;
        let batch = Batch { height: header.height, block: block.hash, time: header.time, entries };
        // The writer ends only with the process.
        let _ = self.sender.send(batch);
    }

    /// The newest records of a stream, oldest of them first; at most [`NEWEST_MAX`].
    pub fn newest(&self, stream: AuditStream, limit: usize) -> Vec<AuditRecord> {
        let Some(kept) = self.newest.get(index(stream)) else { return Vec::new() };
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().skip(kept.len().saturating_sub(limit)).cloned().collect()
    }
}

const fn index(stream: AuditStream) -> usize {
    match stream {
        AuditStream::Reputation => 0,
        AuditStream::Slashing => 1,
    }
}

fn write(mut streams: Vec<StreamLog>, receiver: &Receiver<Batch>) {
    while let Ok(batch) = receiver.recv() {
        for log in &mut streams {
            let mine = batch.entries.iter().filter(|(stream, _)| *stream == log.stream);
            let evidence: Vec<AuditEvidence> = mine.map(|(_, evidence)| evidence.clone()).collect();
            if evidence.is_empty() || log.poisoned {
                continue;
            }
            if let Err(error) = log.append(batch.height, batch.block, batch.time, evidence) {
                log.poisoned = true;
                let stream = log.stream.name();
                tracing::error!(stream, %error, "audits cannot be written any more; free the disk and restart the node");
            }
        }
    }
}

/// What a block says to the streams, in order.
fn entries(block: &FinalizedBlock) -> Vec<(AuditStream, AuditEvidence)> {
    let changed = block.reputation.iter().map(|change| (AuditStream::Reputation, reputation(change)));
    let events = block.receipts.iter().flat_map(|receipt| receipt.events.iter()).chain(&block.events);
    let slashed = events.filter_map(|event| Some((AuditStream::Slashing, slashing(event)?)));
    changed.chain(slashed).collect()
}

fn reputation(change: &ReputationChange) -> AuditEvidence {
    let standing = |standing: &Standing| AuditStanding {
        tier: standing.tier.name().to_owned(),
        score_ppm: standing.score_ppm,
        counters: CountersView {
            validations: standing.counters.validations,
            validation_failures: standing.counters.validation_failures,
            successes: standing.counters.successes,
            failures: standing.counters.failures,
            vouches: standing.counters.vouches,
            active_at_ms: standing.counters.active_at,
        },
    };
    AuditEvidence::ReputationChanged {
        address: change.address,
        before: standing(&change.before),
        after: standing(&change.after),
    }
}

const fn slashing(event: &Event) -> Option<AuditEvidence> {
    match *event {
        Event::Slashed { validator, amount, evidence } => Some(AuditEvidence::Slashed { validator, amount, evidence }),
        Event::Jailed { validator } => Some(AuditEvidence::Jailed { validator }),
        Event::Identity(IdentityEvent::Punished { identity, burned }) => {
            Some(AuditEvidence::IdentityPunished { identity, burned })
        }
        _ => None,
    }
}

/// One stream on disk.
pub struct StreamLog {
    stream: AuditStream,
    folder: PathBuf,
    secret: SecretKey,
    genesis: Hash,
    /// The file that takes lines, with its start.
    open: Option<(Timestamp, File)>,
    /// Sequence of the next record and hash of the line before it.
    next: (u64, Hash),
    newest: Arc<Mutex<VecDeque<AuditRecord>>>,
    poisoned: bool,
}

impl StreamLog {
    /// Reads the files of a stream and cuts off a torn last line.
    ///
    /// # Errors
    /// What the system says, or that a whole line is not a record.
    pub fn open(root: &Path, stream: AuditStream, secret: SecretKey, genesis: Hash) -> io::Result<Self> {
        let folder = root.join(stream.name());
        fs::create_dir_all(&folder)?;
        let mut log = Self {
            stream,
            folder,
            secret,
            genesis,
            open: None,
            next: (0, Hash::default()),
            newest: Arc::default(),
            poisoned: false,
        };
        let files = log.files()?;
        // Records are short: the newest files hold far more than are ever asked for.
        for (start, path) in files.iter().rev().take(2).rev() {
            let file = cut_torn_line(path)?;
            log.load(path)?;
            log.open = Some((*start, file));
        }
        Ok(log)
    }

    /// The files by start, oldest first.
    fn files(&self) -> io::Result<Vec<(Timestamp, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let start = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jsonl")?.parse().ok());
            if let Some(start) = start {
                files.push((Timestamp(start), path));
            }
        }
        files.sort();
        Ok(files)
    }

    fn load(&mut self, path: &Path) -> io::Result<()> {
        for line in BufReader::new(File::open(path)?).lines() {
            let line = line?;
            let record = AuditRecord::check(&line).map_err(|error| {
                let path = path.display();
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{path}: {error}; see `tb audit verify`, then move the file aside"),
                )
            })?;
            self.next = (record.sequence.saturating_add(1), line_hash(&line));
            self.keep(record);
        }
        Ok(())
    }

    fn keep(&self, record: AuditRecord) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() >= NEWEST_MAX {
            newest.pop_front();
        }
        newest.push_back(record);
    }

    /// Writes and syncs the records of one block.
    ///
    /// # Errors
    /// What the system says; the stream must not be used any more.
    pub fn append(
        &mut self,
        height: Height,
        block: Hash,
        time: Timestamp,
        evidence: Vec<AuditEvidence>,
    ) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|(start, _)| time.since(*start) >= FILE_MS) {
            self.rotate(time)?;
        }
        let (mut text, mut records) = (String::new(), Vec::new());
        for evidence in evidence {
            let (sequence, previous) = self.next;
            let unsigned = AuditRecord {
                version: AUDIT_VERSION,
                stream: self.stream,
                sequence,
                previous,
                genesis: self.genesis,
                height,
                block,
                time_ms: time,
                evidence_hash: evidence.hash(&self.genesis, height),
                evidence,
                signer: self.secret.public_key(),
                signature: Signature([0; 64]),
            };
            let record = unsigned.signed(&self.secret);
            let line = record.line();
            self.next = (sequence.saturating_add(1), line_hash(&line));
            text.push_str(&line);
            text.push('\n');
            records.push(record);
        }
        let (_, file) = self.open.as_mut().ok_or_else(|| io::Error::other("no audit file is open"))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        records.into_iter().for_each(|record| self.keep(record));
        Ok(())
    }

    /// Starts a file at `time` and removes the oldest ones.
    fn rotate(&mut self, time: Timestamp) -> io::Result<()> {
        // Twenty digits, so that names sort as numbers.
        let path = self.folder.join(format!("{:020}.jsonl", time.0));
        self.open = Some((time, OpenOptions::new().create(true).append(true).open(path)?));
        let files = self.files()?;
        for (_, path) in files.iter().take(files.len().saturating_sub(FILES_MAX)) {
            fs::remove_file(path)?;
        }
        File::open(&self.folder)?.sync_all()
    }

    /// The newest records, oldest of them first.
    pub fn newest(&self, limit: usize) -> Vec<AuditRecord> {
        let kept = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().skip(kept.len().saturating_sub(limit)).cloned().collect()
    }
}

/// Opens a file for appending after its last whole line.
fn cut_torn_line(path: &Path) -> io::Result<File> {
    let text = fs::read(path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let file = OpenOptions::new().append(true).open(path)?;
    if whole < text.len() {
        tracing::warn!(file = %path.display(), bytes = text.len() - whole, "a torn last audit line was cut off");
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        file.sync_all()?;
    }
    Ok(file)
}
