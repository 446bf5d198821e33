//! Very many altered proofs and altered public values: none is accepted, none stops the verifier, none takes long.
//!
//! Model: number *i* of a run is made from the seed of the run and *i* alone: which honest proof, which class of alteration, where. So the work is cut into
//! chunks, and a chunk that is done is one line of a journal. A run that is stopped goes on behind the last whole line.
//!
//! Rules
//! - What is verified is one honest window, and the golden folds of 264,382 and of 330,974 bytes.
//! - Each class is taken in turn, so none is missed: the parts of a statement, and what can happen to the bytes of a proof.
//! - The head, and the first elements behind it, which are commitments and values of whole tables, are altered as often as all the rest.
//!
//! `cargo xtask nightly mutations` runs the ignored test and keeps the line of JSON that it prints. `NIGHTLY_MUTATIONS` is how many,
//! `NIGHTLY_JOURNAL` the file.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use primitives::{Amount, Hash, LedgerDigest};
use proof::{LedgerPoint, ProofError, WindowStatement, verify_folded, verify_window};
use serde_json::{Value, json};
use testkit::Seed;

use super::folds::{chain, halves};
use super::golden_windows::witnesses;
use super::honest::KEY;
use crate::prove_window;

/// Alterations of one chunk.
const CHUNK: u64 = 250;
/// How long the verdict on one may take, however busy the machine is.
const TIME_MAX: Duration = Duration::from_secs(20);
/// Bytes in which the head of a proof ends, and what is there once for a whole table.
const FRONT: usize = 4_096;
/// Bytes of the heads: of window proofs and of folds.
const HEADS: [usize; 2] = [10, 42];
/// The parts of a statement, then what is done to bytes.
const CLASSES: [&str; 24] = [
    "genesis",
    "issuance_max",
    "supply_cap",
    "payout",
    "before_height",
    "before_ledger_root",
    "before_ops_digest",
    "before_supply",
    "before_next_slot",
    "after_height",
    "after_ledger_root",
    "after_ops_digest",
    "after_supply",
    "after_next_slot",
    "cut",
    "grown",
    "head_bit",
    "front_bit",
    "any_bit",
    "any_byte",
    "swapped_elements",
    "zeroed_elements",
    "not_canonical",
    "spliced",
];
/// How many of them are about the statement.
const OF_STATEMENT: usize = 14;

/// What is altered.
struct Honest {
    statement: WindowStatement,
    bytes: Vec<u8>,
    is_fold: bool,
}

impl Honest {
    fn verdict(&self, statement: &WindowStatement, bytes: &[u8]) -> Result<(), ProofError> {
        if self.is_fold {
            let key = proof::folded::fold_key().expect("this build reads the pinned key");
            verify_folded(key, statement, bytes)
        } else {
            verify_window(KEY.verifying(), statement, bytes)
        }
    }
}

fn honest() -> Vec<Honest> {
    let window = prove_window(&KEY, &witnesses(1)[0]).expect("valid");
    let fold =
        |fold: proof::folded::FoldedProof| Honest { statement: fold.statement, bytes: fold.bytes, is_fold: true };
    let [first, second] = halves();
    let window = Honest { statement: window.statement, bytes: window.bytes, is_fold: false };
    let all = vec![window, fold(chain()), fold(first), fold(second)];
    for one in &all {
        assert_eq!(one.verdict(&one.statement, &one.bytes), Ok(()));
    }
    all
}

/// A number below 2^63 that is another one.
fn other(value: u64, seed: &mut Seed) -> u64 {
    let other = seed.edge_u64() >> 1;
    if other == value { value ^ 1 } else { other }
}

fn other_amount(amount: Amount, seed: &mut Seed) -> Amount {
    Amount::new(other(amount.micro(), seed)).expect("below 2^63")
}

fn other_digest(digest: LedgerDigest, seed: &mut Seed) -> LedgerDigest {
    let mut elements = *digest.elements();
    let at = seed.index(elements.len());
    // Below the modulus, which is above 2^30.
    elements[at] = (elements[at] ^ (1 << seed.below(30))) & ((1 << 30) - 1);
    let other = LedgerDigest::new(elements).expect("below the modulus");
    if other == digest { LedgerDigest::default() } else { other }
}

fn other_point(point: LedgerPoint, part: usize, seed: &mut Seed) -> LedgerPoint {
    match part {
        0 => LedgerPoint { height: primitives::Height(other(point.height.0, seed)), ..point },
        1 => LedgerPoint { ledger_root: other_digest(point.ledger_root, seed), ..point },
        2 => LedgerPoint { ops_digest: other_digest(point.ops_digest, seed), ..point },
        3 => LedgerPoint { supply: other_amount(point.supply, seed), ..point },
        _ => LedgerPoint { next_slot: point.next_slot ^ (1 << seed.below(30)), ..point },
    }
}

/// The statement with one part changed: which one, in the order of [`CLASSES`].
fn other_statement(honest: &WindowStatement, class: usize, seed: &mut Seed) -> WindowStatement {
    let honest = *honest;
    match class {
        0 => {
            let mut genesis = *honest.genesis.as_bytes();
            genesis[seed.index(32)] ^= 1 << seed.below(8);
            WindowStatement { genesis: Hash(genesis), ..honest }
        }
        1 => WindowStatement { issuance_max: other_amount(honest.issuance_max, seed), ..honest },
        2 => WindowStatement { supply_cap: other_amount(honest.supply_cap, seed), ..honest },
        3 => {
            let mut payout = honest.payout;
            payout.0[seed.index(30)] ^= 1 << seed.below(8);
            WindowStatement { payout, ..honest }
        }
        4..9 => WindowStatement { before: other_point(honest.before, class - 4, seed), ..honest },
        _ => WindowStatement { after: other_point(honest.after, class - 9, seed), ..honest },
    }
}

/// Where in `bytes` an element starts: in the front as often as anywhere.
fn element(bytes: &[u8], head: usize, seed: &mut Seed) -> usize {
    let end = if seed.chance(50) { FRONT } else { bytes.len() };
    head + 4 * seed.index((end - head) / 4)
}

/// The bytes with one thing done to them.
fn other_bytes(honest: &[Honest], which: usize, class: &str, seed: &mut Seed) -> Vec<u8> {
    let Honest { bytes: before, is_fold, .. } = &honest[which];
    let mut bytes = before.clone();
    let head = HEADS[usize::from(*is_fold)];
    match class {
        "cut" => bytes.truncate(seed.index(bytes.len())),
        "grown" => {
            let more = 1 + seed.index(64);
            bytes.extend(seed.bytes(more));
        }
        "head_bit" => bytes[seed.index(head)] ^= 1 << seed.below(8),
        "front_bit" => bytes[seed.index(FRONT)] ^= 1 << seed.below(8),
        "any_bit" => {
            let at = seed.index(bytes.len());
            bytes[at] ^= 1 << seed.below(8);
        }
        "any_byte" => {
            let at = seed.index(bytes.len());
            bytes[at] = bytes[at].wrapping_add(u8::try_from(1 + seed.below(255)).expect("below 256"));
        }
        "swapped_elements" => {
            let (from, to) = (element(&bytes, head, seed), element(&bytes, head, seed));
            for byte in 0..4 {
                bytes.swap(from + byte, to + byte);
            }
        }
        "zeroed_elements" => {
            let at = element(&bytes, head, seed);
            let end = bytes.len().min(at + 4 * (1 + seed.index(64)));
            bytes[at..end].fill(0);
        }
        "not_canonical" => {
            let at = element(&bytes, head, seed);
            bytes[at..at + 4].copy_from_slice(&(u32::MAX - u32::from(seed.u64() & 1 == 0)).to_le_bytes());
        }
        // The front of one honest proof before the rest of another.
        _ => {
            let other = &honest[(which + 1 + seed.index(honest.len() - 1)) % honest.len()].bytes;
            let at = seed.index(bytes.len().min(other.len()));
            bytes[at..].iter_mut().zip(&other[at..]).for_each(|(byte, other)| *byte = *other);
        }
    }
    bytes
}

/// What became of some alterations.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tally {
    classes: BTreeMap<String, u64>,
    verdicts: BTreeMap<String, u64>,
    slowest_us: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        for (sum, counts) in [(&mut self.classes, &other.classes), (&mut self.verdicts, &other.verdicts)] {
            for (name, count) in counts {
                *sum.entry(name.clone()).or_default() += count;
            }
        }
        self.slowest_us = self.slowest_us.max(other.slowest_us);
    }
}

/// Number `index` of a run: its class and what the verifier makes of it.
fn altered(honest: &[Honest], seed: u64, index: u64) -> (&'static str, &'static str, Duration) {
    let class = usize::try_from(index % 24).expect("below 24");
    let mut seed = Seed::of(seed.wrapping_add(index.wrapping_mul(0x2545_f491_4f6c_dd1d)));
    let (one, statement, bytes) = loop {
        let which = seed.index(honest.len());
        let one = &honest[which];
        let (mut statement, mut bytes) = (one.statement, one.bytes.clone());
        if class < OF_STATEMENT {
            statement = other_statement(&one.statement, class, &mut seed);
        } else {
            bytes = other_bytes(honest, which, CLASSES[class], &mut seed);
        }
        // Two elements that were swapped may be the same.
        if statement != one.statement || bytes != one.bytes {
            break (one, statement, bytes);
        }
    };
    let start = Instant::now();
    let verdict = catch_unwind(AssertUnwindSafe(|| one.verdict(&statement, &bytes)));
    let taken = start.elapsed();
    let verdict = match verdict {
        Ok(Ok(())) => "accepted",
        Ok(Err(ProofError::Statement(_))) => "by_statement",
        Ok(Err(ProofError::Encoding(_))) => "by_encoding",
        Ok(Err(ProofError::Refused(_))) => "by_verifier",
        // The border has caught a panic of the proof stack, or none has.
        Ok(Err(ProofError::Unreadable)) | Err(_) => "panics",
    };
    (CLASSES[class], verdict, taken)
}

fn chunk(honest: &[Honest], seed: u64, numbers: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for index in numbers {
        let (class, verdict, taken) = altered(honest, seed, index);
        let bad = matches!(verdict, "accepted" | "panics") || taken > TIME_MAX;
        assert!(!bad, "number {index} of the run of seed {seed:#x}, {class}: {verdict} after {taken:?}");
        *tally.classes.entry(class.to_owned()).or_default() += 1;
        *tally.verdicts.entry(verdict.to_owned()).or_default() += 1;
        tally.slowest_us = tally.slowest_us.max(u64::try_from(taken.as_micros()).expect("below 20 s"));
    }
    tally
}

/// One chunk as a line, and back. A torn line is none.
fn line(key: &str, seed: u64, from: u64, tally: &Tally) -> Value {
    json!({
        "key": key, "seed": seed.to_string(), "from": from, "classes": tally.classes, "verdicts": tally.verdicts,
        "slowest_us": tally.slowest_us,
    })
}

fn parsed(line: &str, key: &str) -> Option<(u64, u64, Tally)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let counts = |field: &str| -> Option<BTreeMap<String, u64>> {
        line.get(field)?.as_object()?.iter().map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
    };
    let tally = Tally {
        classes: counts("classes")?,
        verdicts: counts("verdicts")?,
        slowest_us: line.get("slowest_us")?.as_u64()?,
    };
    let seed = line.get("seed")?.as_str()?.parse().ok()?;
    (line.get("key")?.as_str()? == key).then_some(())?;
    Some((seed, line.get("from")?.as_u64()?, tally))
}

/// What a journal has of a run under these keys: its seed, how far it is, and the sum.
fn resumed(journal: &str, key: &str) -> Option<(u64, u64, Tally)> {
    let mut lines = journal.lines().filter_map(|line| parsed(line, key));
    let (seed, from, mut sum) = lines.next()?;
    let mut done = sum.classes.values().sum::<u64>();
    (from == 0).then_some(())?;
    for (other, from, tally) in lines {
        if other == seed && from == done {
            done += tally.classes.values().sum::<u64>();
            sum.add(&tally);
        }
    }
    Some((seed, done, sum))
}

/// The keys that the proofs are of: another key is another run.
fn keys() -> String {
    let pins = proof::folded::fold_key().expect("this build reads the pinned key").pins();
    let window = include_str!("../../../../fixtures/window_key.txt").trim();
    format!("{window} {}", pins.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Goes on where the journal ends; gives seed and sum of `count` alterations.
fn run(honest: &[Honest], journal: &Path, count: u64) -> (u64, Tally) {
    let key = keys();
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let (seed, mut done, mut sum) = resumed(&text, &key).unwrap_or_else(|| (Seed::new().u64(), 0, Tally::default()));
    let mut file = OpenOptions::new().create(true).append(true).open(journal).expect("the journal can be written");
    // A torn last line stays one line of its own.
    writeln!(file).expect("the journal can be written");
    while done < count {
        let end = count.min(done + CHUNK);
        let tally = chunk(honest, seed, done..end);
        writeln!(file, "{}", line(&key, seed, done, &tally)).expect("the journal can be written");
        sum.add(&tally);
        done = end;
    }
    (seed, sum)
}

#[test]
fn altered_statements_and_bytes_are_refused_and_a_run_goes_on_where_it_was() {
    let honest = honest();
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let (seed, first) = run(&honest, &journal, CHUNK + 40);
    assert_eq!(first.classes.len(), CLASSES.len(), "{first:?}");
    assert!(["by_statement", "by_encoding", "by_verifier"].iter().all(|one| first.verdicts.contains_key(*one)));
    // Torn in the middle of its last line, which is done again; nothing else is.
    let text = std::fs::read_to_string(&journal).expect("just written");
    std::fs::write(&journal, &text[..text.len() - 20]).expect("ours");
    let (again, second) = run(&honest, &journal, CHUNK + 40);
    assert_eq!((seed, first.classes, first.verdicts), (again, second.classes, second.verdicts));
    assert_eq!(std::fs::read_to_string(&journal).expect("there").lines().filter(|line| line.len() > 80).count(), 3);
    // What was done under other keys is nothing here.
    let foreign = text.replace(&keys(), "another key");
    assert_eq!(resumed(&foreign, &keys()), None);
    println!("slowest {} us", second.slowest_us);
}

#[test]
#[ignore = "an hour of verifying; cargo xtask nightly mutations runs it"]
fn nightly_mutations() {
    let asked = |name: &str| std::env::var(name).expect("cargo xtask nightly mutations sets it");
    let count: u64 = asked("NIGHTLY_MUTATIONS").parse().expect("a number");
    let (seed, sum) = run(&honest(), Path::new(&asked("NIGHTLY_JOURNAL")), count);
    let made = sum.classes.values().sum::<u64>();
    let of = |name: &str| sum.verdicts.get(name).copied().unwrap_or(0);
    println!(
        "{}",
        json!({
            "mutations": made, "accepted": of("accepted"), "panics": of("panics"), "by_statement": of("by_statement"),
            "by_encoding": of("by_encoding"), "by_verifier": of("by_verifier"), "verdict": "pass", "classes": sum.classes, "slowest_ms": sum.slowest_us.div_ceil(1_000), "seed": format!("{seed:#x}"),
        })
    );
}
