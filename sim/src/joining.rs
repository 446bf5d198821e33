//! A validator with an empty disk that begins with a copy of another one, as `tb node start --state-sync` does.
//!
//! ```text
//!   plans of all ──► the highest whose header counts ──► its chunks, one after the other ──► store ──► boot, value sync
//!                        └ headers on the way                └ refused: that source is asked no more
//! ```
//!
//! Model: what judges headers ([`proof::light::Walk`]), checks and keeps chunks ([`snapshots::Collection`]) and fills the store
//! ([`snapshots::restore`]) is the code of a node. Here are the questions, the answers, and an operator: it trusts genesis while
//! that is young enough, later a height that it learns elsewhere, and starts without a copy when there is none to be had.
//!
//! Rule: a source that gave a wrong chunk is asked no more, nor one that fails three times in a row.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use primitives::{CommitCertificate, Hash, Header, Height, Timestamp, ValidatorSet, decode, encode};
use proof::light::{CertifiedHeader, ChainRules, Walk};
use replica::Application;
use snapshots::chunk::chunk_id;
use snapshots::{ChunkEntry, Collection, Manifest, restore};
use storage::{Store, StoreConfig};

use crate::node::Node;
use crate::properties::{Check, Property, broken};
use crate::upkeep::bodies;
use crate::world::{Event, MS, Packet, REBOOT_US, World};

/// Where fetched chunks are kept.
const CHUNKS: &str = "/chunks";
/// How long plans are waited for, microseconds.
const PLANS_US: u64 = 1_500 * MS;
/// How long one answer is waited for, microseconds.
const ANSWER_US: u64 = 2_000 * MS;
/// Failures of a source in a row after which it is asked no more.
const FAILURES_MAX: u32 = 3;
/// How often an operator tries to begin with a copy.
const TRIES_MAX: u32 = 4;

/// What is asked of a validator that has snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The manifest of its newest snapshot.
    Plan,
    /// The header of a height with what shows that it was decided.
    Header(Height),
    /// The file of a chunk.
    Chunk(Hash),
    /// The body of a height, and that of the one before.
    Bodies(Height),
}

/// A validator on its way to a copy.
pub struct Joining {
    rules: ChainRules,
    trust: Option<(Height, Hash)>,
    now: Timestamp,
    /// The number of the question that waits for an answer, and to whom.
    asked: (u64, Option<u16>),
    offers: Vec<(u16, Manifest)>,
    stage: Stage,
}

enum Stage {
    /// Plans come in.
    Plans,
    /// The first of the offers is judged.
    Headers(Box<Walk>),
    /// Its chunks are fetched.
    Chunks(Box<Fetching>),
}

struct Fetching {
    collection: Collection,
    sources: VecDeque<u16>,
    failures: BTreeMap<u16, u32>,
    /// What was asked for; none when all is there.
    wanted: Option<ChunkEntry>,
}

/// What comes next after an answer.
enum Next {
    Ask(u16, Question),
    /// The first of the offers is judged.
    Judge,
    /// The first of the offers does not hold.
    Drop,
    /// All chunks are there.
    Restore,
    /// The process ends; the next one goes on.
    Die,
    /// Nobody has a copy that holds.
    GiveUp,
}

impl World {
    /// True when a validator that is to be started begins with a copy. A store that holds anything is left as it is, and so is
    /// one that cannot be opened.
    pub(crate) fn begins_with_a_copy(&mut self, number: u16) -> bool {
        let wants = self.plan.snapshots.as_ref().is_some_and(|snapshots| snapshots.restore);
        let (genesis, are_there) = (self.genesis_hash, !self.copied.is_empty());
        let node = self.node(number);
        if !wants || !are_there || !node.is_blank || node.joins_failed >= TRIES_MAX {
            return false;
        }
        let store = Store::open(&StoreConfig::Faulty(node.disk.clone()), &genesis);
        store.is_ok_and(|store| store.head().is_none())
    }

    /// Asks everybody for a plan.
    pub(crate) fn join(&mut self, number: u16) -> Check {
        let Ok(rules) = ChainRules::of(&self.genesis) else { return Ok(()) };
        let now_ms = self.now_us / MS;
        let node = self.node(number);
        node.set_clock(now_ms);
        let now = node.now();
        node.life += 1;
        let (life, question) = (node.life, self.numbers);
        let trust = self.trusted(&rules, now);
        let (asked, offers) = ((question, None), Vec::new());
        self.node(number).joining = Some(Box::new(Joining { rules, trust, now, asked, offers, stage: Stage::Plans }));
        for peer in self.mesh.neighbours(number) {
            self.send(number, peer, Packet::SnapshotAsk(question, Question::Plan));
        }
        self.after(PLANS_US, Event::JoinLate(number, life, question));
        Ok(())
    }

    /// What the operator trusts: genesis, or when that is too old a height that it learns elsewhere.
    fn trusted(&self, rules: &ChainRules, now: Timestamp) -> Option<(Height, Hash)> {
        let every = self.plan.snapshots.as_ref().map_or(1, |snapshots| snapshots.every_heights);
        if now.since(rules.genesis_time) <= rules.trusting_period_ms {
            return None;
        }
        let newest = self.judge.height().0 / every;
        let height = Height(newest.saturating_sub(1).saturating_mul(every));
        self.judge.decided(height).map(|(hash, _)| (height, hash))
    }

    /// A question reaches a validator that is up.
    pub(crate) fn answer(&mut self, number: u16, from: u16, question: u64, asked: &Question) {
        let shelf = self.shelf(number);
        let listed = shelf.list().unwrap_or_default();
        let Some(running) = &self.nodes[usize::from(number)].running else { return };
        let mut whole = listed.into_iter().filter_map(|(_, snapshot)| snapshot.ok());
        let mut answer = match asked {
            Question::Plan => whole.next().map(|newest| newest.manifest.to_bytes()),
            Question::Header(height) => {
                let chain = running.chain();
                let block = chain.block(*height).ok().flatten();
                let certified = block.and_then(|(block, certificate)| Some((block.header, certificate?)));
                let set = chain.electorate(*height).map(|electorate| electorate.validators);
                certified.zip(set).map(|((header, certificate), set)| encode(&(header, certificate, set)))
            }
            Question::Chunk(id) => {
                let holder = whole.find(|one| one.manifest.chunks().iter().any(|chunk| chunk.id == *id));
                holder.and_then(|holder| holder.chunk_file(id).ok())
            }
            Question::Bodies(height) => bodies(&running.store, *height),
        };
        let lies = match asked {
            Question::Chunk(_) => {
                self.plan.snapshots.as_ref().is_some_and(|snapshots| snapshots.liars.contains(&number))
            }
            Question::Bodies(_) => !self.is_honest(number),
            Question::Plan | Question::Header(_) => false,
        };
        if let (true, Some(file)) = (lies, &mut answer) {
            let bit = self.copies_chance.index(file.len().saturating_mul(8));
            if let Some(byte) = file.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        self.send(number, from, Packet::SnapshotAnswer(question, answer.map(Bytes::from)));
    }

    /// An answer reaches a validator that is on its way.
    pub(crate) fn answered(&mut self, number: u16, from: u16, question: u64, answer: Option<&Bytes>) -> Check {
        let genesis = self.genesis_hash;
        let node = self.node(number);
        let Some(joining) = &mut node.joining else { return Ok(()) };
        let (number_asked, whom) = joining.asked;
        if number_asked != question || whom.is_some_and(|whom| whom != from) {
            return Ok(());
        }
        if matches!(joining.stage, Stage::Plans) {
            let manifest = answer.and_then(|bytes| Manifest::from_bytes(bytes).ok());
            joining
                .offers
                .extend(manifest.filter(|manifest| manifest.check_chain(&genesis).is_ok()).map(|it| (from, it)));
            return Ok(());
        }
        let files = node.files.clone();
        let armed = files.armed();
        let (next, is_refused) = match &mut joining.stage {
            Stage::Headers(walk) => (walked(walk, from, answer), false),
            Stage::Chunks(fetching) => {
                let Some(wanted) = fetching.wanted else { return Ok(()) };
                let taken = answer.map(|file| fetching.collection.take(&wanted, file));
                let kept = answer.filter(|_| matches!(taken, Some(Ok(()))));
                if let Some(file) = kept.filter(|file| chunk_id(file) != wanted.id) {
                    let (id, bytes) = (wanted.id, file.len());
                    let detail = format!("validator {number} kept {bytes} bytes of validator {from} as chunk {id}");
                    return broken(Property::NoBadSnapshotIsUsed, detail);
                }
                let disk = matches!(&taken, Some(Err(error)) if error.is_of_the_disk());
                let refused = matches!(&taken, Some(Err(_))) && !disk;
                let next = if disk { Next::Die } else { fetching.after(from, taken.map(|taken| taken.is_ok())) };
                (next, refused)
            }
            Stage::Plans => return Ok(()),
        };
        if is_refused {
            self.judge.count(Property::NoBadSnapshotIsUsed);
            self.effect("chunk_refused");
        }
        if files.armed() < armed && files.reached().is_none() {
            self.strikes("snapshot_disk", number);
        }
        self.joins(number, next)
    }

    /// A question was not answered in time, or the time for plans is over.
    pub(crate) fn join_late(&mut self, number: u16, life: u32, question: u64) -> Check {
        let node = self.node(number);
        let Some(joining) = node.joining.as_mut().filter(|_| node.life == life) else { return Ok(()) };
        let (asked, whom) = joining.asked;
        if asked != question {
            return Ok(());
        }
        let next = match (&mut joining.stage, whom) {
            (Stage::Plans, _) => {
                joining.offers.sort_by_key(|(_, manifest)| std::cmp::Reverse((manifest.height(), manifest.state_id())));
                Next::Judge
            }
            (Stage::Headers(_), _) => Next::Drop,
            (Stage::Chunks(fetching), Some(whom)) => fetching.after(whom, None),
            (Stage::Chunks(_), None) => Next::GiveUp,
        };
        self.joins(number, next)
    }

    fn joins(&mut self, number: u16, mut next: Next) -> Check {
        loop {
            next = match next {
                Next::Judge => self.node(number).judge_offer(),
                Next::Drop => self.node(number).drop_offer(),
                Next::Ask(peer, question) => {
                    self.ask_for(number, peer, question);
                    return Ok(());
                }
                Next::Restore => return self.restores(number),
                Next::Die => return self.dies_joining(number),
                Next::GiveUp => {
                    let node = self.node(number);
                    (node.joining, node.joins_failed) = (None, node.joins_failed.saturating_add(1));
                    self.after(REBOOT_US, Event::Boot(number));
                    return Ok(());
                }
            };
        }
    }

    fn ask_for(&mut self, number: u16, peer: u16, question: Question) {
        let (life, asked) = (self.node(number).life, self.numbers);
        if let Some(joining) = &mut self.node(number).joining {
            joining.asked = (asked, Some(peer));
        }
        self.after(ANSWER_US, Event::JoinLate(number, life, asked));
        self.send(number, peer, Packet::SnapshotAsk(asked, question));
    }

    /// The process ends because a file could not be written, or at a step of a test.
    fn dies_joining(&mut self, number: u16) -> Check {
        if let Some(point) = self.node(number).files.reached() {
            return self.ends_at(number, point);
        }
        self.stop(number);
        self.after(REBOOT_US, Event::Boot(number));
        Ok(())
    }

    /// All chunks are there: the store is filled, and the validator starts from it.
    fn restores(&mut self, number: u16) -> Check {
        let genesis = self.genesis_hash;
        let node = self.node(number);
        let Some(Stage::Chunks(fetching)) = node.joining.take().map(|joining| joining.stage) else { return Ok(()) };
        let collection = fetching.collection;
        let armed = node.files.armed();
        let filled = Store::open(&StoreConfig::Faulty(node.disk.clone()), &genesis)
            .map_err(snapshots::SnapshotError::from)
            .and_then(|store| restore(&collection.snapshot()?, &store, &mut |_| {}));
        let base = collection.manifest().height();
        match filled {
            Ok(_) => {}
            Err(error) if error.is_of_the_disk() && armed > 0 => return self.dies_joining(number),
            Err(snapshots::SnapshotError::Storage(_)) if node.disk_fails => {
                // A torn write is counted when the batch is torn.
                if !node.tears {
                    self.strikes("disk", number);
                }
                return self.dies_joining(number);
            }
            Err(error) if node.damage.is_some() => return self.damage_is_found(number, Some(&error.to_string())),
            Err(error) => {
                let detail = format!("validator {number} cannot begin with the copy of height {base}: {error}");
                return broken(Property::RestoredEqualsTheOthers, detail);
            }
        }
        // What cannot be removed only takes room.
        let _ = collection.remove();
        let node = self.node(number);
        (node.is_blank, node.acknowledged) = (false, base);
        self.effect("snapshot_restored");
        self.boot(number)?;
        self.restored_equals_the_others(number, base)
    }

    fn restored_equals_the_others(&mut self, number: u16, base: Height) -> Check {
        let Some(running) = self.nodes[usize::from(number)].running.as_ref().filter(|_| self.is_honest(number)) else {
            return Ok(());
        };
        let head = running.chain().head().clone();
        self.judge.restored_equals_the_others(number, base, (head.height, head.hash, head.state_root))
    }
}

impl Node {
    /// Goes on without the first of the offers.
    fn drop_offer(&mut self) -> Next {
        let Some(joining) = self.joining.as_mut().filter(|joining| !joining.offers.is_empty()) else {
            return Next::GiveUp;
        };
        joining.offers.remove(0);
        joining.stage = Stage::Plans;
        Next::Judge
    }

    /// Judges the first of the offers.
    fn judge_offer(&mut self) -> Next {
        let files = Arc::new(self.files.clone());
        let Some(joining) = &mut self.joining else { return Next::GiveUp };
        let Some((peer, manifest)) = joining.offers.first() else { return Next::GiveUp };
        let (peer, content) = (*peer, &manifest.content);
        if let Stage::Headers(walk) = &joining.stage
            && walk.wanted().is_none()
        {
            return joining.fetch(files);
        }
        let goal = content.certificate.clone().map(|certificate| CertifiedHeader {
            header: content.header.clone(),
            certificate,
            validators: content.validators.clone(),
        });
        let walk = goal.and_then(|goal| Walk::new(joining.rules.clone(), joining.trust, goal, joining.now).ok());
        let Some(walk) = walk else { return Next::Drop };
        let wanted = walk.wanted();
        joining.stage = Stage::Headers(Box::new(walk));
        match wanted {
            Some(height) => Next::Ask(peer, Question::Header(height)),
            None => joining.fetch(files),
        }
    }
}

impl Joining {
    /// Fetches the chunks of the offer that was judged, from all who offer the same state.
    fn fetch(&mut self, files: Arc<storage::FaultyFiles>) -> Next {
        let Some((_, manifest)) = self.offers.first() else { return Next::GiveUp };
        let (manifest, id) = (manifest.clone(), manifest.state_id());
        let same = self.offers.iter().filter(|(_, offer)| offer.state_id() == id);
        let sources: VecDeque<u16> = same.map(|(peer, _)| *peer).collect();
        let Ok(collection) = Collection::open(files, Path::new(CHUNKS), Arc::new(manifest)) else { return Next::Die };
        let Some(first) = sources.front().copied() else { return Next::GiveUp };
        let wanted = collection.next();
        let fetching = Fetching { collection, sources, failures: BTreeMap::new(), wanted };
        self.stage = Stage::Chunks(Box::new(fetching));
        wanted.map_or(Next::Restore, |wanted| Next::Ask(first, Question::Chunk(wanted.id)))
    }
}

impl Fetching {
    /// What is asked next after `from` gave the chunk (`true`), gave a wrong one (`false`), or nothing.
    fn after(&mut self, from: u16, given: Option<bool>) -> Next {
        let failures = self.failures.entry(from).or_default();
        match given {
            Some(true) => {
                *failures = 0;
                self.wanted = self.collection.next();
            }
            Some(false) => self.sources.retain(|source| *source != from),
            None => {
                *failures = failures.saturating_add(1);
                if *failures >= FAILURES_MAX {
                    self.sources.retain(|source| *source != from);
                }
            }
        }
        // The sources take turns.
        self.sources.rotate_left(usize::from(self.sources.len() > 1));
        match (self.wanted, self.sources.front()) {
            (None, _) => Next::Restore,
            (Some(wanted), Some(peer)) => Next::Ask(*peer, Question::Chunk(wanted.id)),
            (Some(_), None) => Next::GiveUp,
        }
    }
}

/// What is asked next after a header came, or did not.
fn walked(walk: &mut Walk, from: u16, answer: Option<&Bytes>) -> Next {
    let header = answer.and_then(|bytes| decode::<(Header, CommitCertificate, ValidatorSet)>(bytes).ok());
    let header = header.map(|(header, certificate, validators)| CertifiedHeader { header, certificate, validators });
    match header.map(|header| walk.give(header)) {
        Some(Ok(())) => match walk.wanted() {
            Some(height) => Next::Ask(from, Question::Header(height)),
            None => Next::Judge,
        },
        _ => Next::Drop,
    }
}
