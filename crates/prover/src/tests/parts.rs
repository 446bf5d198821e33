//! Windows in parts: how they are split, that the largest part is provable, and that a fold joins them to the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use primitives::ledger::{FEE_POT, ISSUANCE_POT, LEDGER_DEPTH, SLOTS_MAX};
use primitives::part::{PART_HASHES_MAX, PART_OPS_MAX};
use primitives::{Height, LedgerDigest, LedgerOp, LedgerSlot, Nonce, PartLimits, PartMeter, PartSize, SlotIndex};
use proof::folded::fold_key;
use proof::params::STACKED_COLUMNS_MAX;
use proof::{LedgerPoint, WindowStatement, encoding, verify_chain_proof, verify_window};
use serde_json::json;
use testkit::Seed;
use tree::{LedgerTree, ops_digest};

use super::folds::{FOLDING, halves};
use super::golden_windows;
use super::honest::KEY;
use super::world::{address, applied, chain, micro, random, slot};
use crate::fold::{FOLD_BYTES, extend, extension_size};
use crate::tables::Tables;
use crate::{Part, WindowProof, WindowWitness, prove_traces, prove_window, replay, split};

/// The most memory that a prover of the largest parts may take, MB.
const MEMORY_MB_MAX: u64 = 4_000;

/// The size of these blocks, measured at once.
fn size(next_slot: u32, blocks: &[(Height, Vec<LedgerOp>)]) -> PartSize {
    let mut meter = PartMeter::new(next_slot);
    blocks.iter().for_each(|(_, operations)| meter.add(operations));
    meter.size()
}

#[test]
fn parts_cover_all_blocks_in_order_within_the_limits_and_each_takes_what_fits() {
    let mut seed = Seed::new();
    let mut several = 0;
    for _ in 0..200 {
        let blocks = 1 + seed.index(12);
        let (ledger, witness) = random(&mut seed, 12, blocks, 20);
        let limits = PartLimits { operations: 1 + seed.index(80), hashes: 1 + seed.below(800) };
        let next_slot = ledger.next_slot();
        let parts = split(limits, next_slot, &witness.blocks);
        let heights: Vec<Height> = witness.blocks.iter().map(|(height, _)| *height).collect();
        let covered = parts.iter().flat_map(|part| (part.first.0..=part.last.0).map(Height));
        assert_eq!(covered.collect::<Vec<_>>(), heights, "all of them, in order, once");
        let mut start = next_slot;
        let mut from = 0;
        for part in &parts {
            let count = usize::try_from(part.last.0 - part.first.0 + 1).expect("few");
            let its = &witness.blocks[from..from + count];
            let measured = size(start, its);
            assert_eq!(part.operations, measured.operations);
            assert!(count == 1 || limits.admit(&measured), "{measured:?} {limits:?}");
            if let Some(next) = witness.blocks.get(from + count) {
                let more = size(start, &[its, std::slice::from_ref(next)].concat());
                assert!(!limits.admit(&more), "the next block had room");
            }
            (start, from) = (measured.next_slot, from + count);
        }
        several += usize::from(parts.len() > 1);
        assert_eq!(split(PartLimits::PART, next_slot, &witness.blocks).len(), 1, "nearly every window is one part");
    }
    assert!(several > 50, "{several}");
    assert_eq!(split(PartLimits::PART, 9, &[]), []);
}

#[test]
fn tables_at_the_limits_of_a_part_fit_into_one_proof() {
    let log = |rows: u64| u8::try_from(rows.next_power_of_two().ilog2()).expect("small");
    let operations = u64::try_from(PART_OPS_MAX).expect("small");
    // Statement, operations, supply, accesses, opens, boundary, merkle, poseidon2, range; none needs fewer hashes than said.
    let rows = [
        1,
        operations,
        operations,
        2 * operations,
        operations,
        PART_HASHES_MAX / 3,
        PART_HASHES_MAX / 2,
        PART_HASHES_MAX,
        1 << 16,
    ];
    let columns = encoding::stacked_columns(KEY.verifying(), &rows.map(log)).expect("they fit");
    assert!(columns <= STACKED_COLUMNS_MAX, "{columns}");
    let mut larger = rows;
    larger[7] *= 2;
    assert!(encoding::stacked_columns(KEY.verifying(), &larger.map(log)).is_err(), "twice the hashes do not fit");
}

#[test]
fn a_window_never_needs_more_hashes_than_its_size_says() {
    let mut seed = Seed::new();
    for _ in 0..20 {
        let (_, witness) = random(&mut seed, 40, 4, 40);
        let (_, tables) = replay(&witness).expect("valid");
        let needed = u64::try_from(tables.lookups().hashes.len()).expect("few");
        assert!(needed <= witness.size().hashes(), "{needed}");
    }
    let (witness, tables) = deep(200, 60);
    let (needed, said) = (hashes(&tables), witness.size().hashes());
    assert!(
        needed <= said && needed * 100 >= said * 98,
        "slots that lie apart need nearly what is said: {needed} {said}"
    );
}

fn hashes(tables: &Tables) -> u64 {
    u64::try_from(tables.lookups().hashes.len()).expect("few")
}

/// One block of `operations` that touch `slots` slots, as far apart in a ledger of 2^30 as can be.
fn deep(operations: usize, slots: usize) -> (WindowWitness, Tables) {
    let touched: Vec<SlotIndex> = apart(slots);
    let content = |at: &SlotIndex| LedgerSlot {
        address: address(at.get()),
        nonce: Nonce::default(),
        balance: micro(1_000_000_000),
    };
    let held: BTreeMap<SlotIndex, Option<LedgerSlot>> = touched.iter().map(|at| (*at, Some(content(at)))).collect();
    let others: Vec<SlotIndex> = touched.iter().copied().filter(|at| at.get() > 1).collect();
    let mut ops = Vec::new();
    for at in 0..operations - 1 {
        let at = others[at % others.len()];
        let amount = micro(u64::try_from(ops.len()).expect("few") + 1);
        // The fee pot is one of the slots, so a charge touches no more.
        ops.push(LedgerOp::Charge { slot: at, fee: amount });
    }
    ops.push(LedgerOp::Seal { height: Height(1), issuance: micro(500) });
    let before = LedgerPoint {
        height: Height(0),
        ledger_root: LedgerDigest::default(),
        ops_digest: ops_digest::start(&chain().genesis),
        supply: micro(30_000_000_000_000),
        next_slot: SLOTS_MAX,
    };
    let siblings = siblings(&touched);
    let blocks = vec![(Height(1), ops)];
    let mut witness = WindowWitness { chain: chain(), payout: address(99), before, blocks, slots: held, siblings };
    // What the slots and the nodes beside them hash to is the ledger that the window starts from.
    if let Err(crate::ProveError::OtherLedger { found, .. }) = replay(&witness) {
        witness.before.ledger_root = found;
    }
    let (_, tables) = replay(&witness).expect("the operations obey the rules");
    (witness, tables)
}

/// Slots 0, 1 and others that lie as far from each other as can be.
fn apart(slots: usize) -> Vec<SlotIndex> {
    let step = SLOTS_MAX / u32::try_from(slots).expect("few").next_power_of_two();
    let rest = (1..).map(|at| at * step).take(slots - 2);
    [0, 1].into_iter().chain(rest).map(slot).collect()
}

/// A digest for every node beside a path.
fn siblings(touched: &[SlotIndex]) -> BTreeMap<(usize, u32), LedgerDigest> {
    let mut siblings = BTreeMap::new();
    let mut level: BTreeSet<u32> = touched.iter().map(|slot| slot.get()).collect();
    for depth in 0..LEDGER_DEPTH {
        for index in &level {
            if !level.contains(&(index ^ 1)) {
                let digest = [u32::try_from(depth).expect("small"), index ^ 1, 3, 4, 5, 6, 7, 8];
                siblings.insert((depth, index ^ 1), LedgerDigest::new(digest).expect("below the modulus"));
            }
        }
        level = level.into_iter().map(|index| index / 2).collect();
    }
    siblings
}

/// The golden chain proof of one block, and a window of the three blocks after it.
#[test]
fn a_window_of_three_parts_is_folded_onto_a_chain_that_then_ends_at_its_end() {
    let witnesses = golden_windows::witnesses(4);
    let window: Vec<(Height, Vec<LedgerOp>)> =
        witnesses.iter().skip(1).flat_map(|witness| witness.blocks.clone()).collect();
    let limits = PartLimits { operations: 5, hashes: PART_HASHES_MAX };
    let parts = split(limits, 5, &window);
    let part = |height: u64, operations| Part { first: Height(height), last: Height(height), operations };
    assert_eq!(parts, [part(2, 5), part(3, 4), part(4, 4)]);

    let prove = |witness: &WindowWitness| prove_window(&KEY, witness).expect("the operations obey the rules");
    let proofs: Vec<WindowProof> = witnesses.iter().skip(1).map(prove).collect();
    let [chain, _] = halves();
    let whole = extend(&FOLDING, Some(&chain), &proofs).expect("neighbours");
    let pinned = fold_key().expect("this build reads the pinned key");
    let end = proofs[2].statement.after;
    assert_eq!(verify_chain_proof(pinned, chain.statement.before, &whole.statement, &whole.bytes), Ok(end));
    assert_eq!(whole.bytes.len(), FOLD_BYTES, "it is as large as any chain proof");
    assert_eq!(end.ledger_root, golden_ledger(&witnesses).root(), "the ledger at the end of the window");
}

fn golden_ledger(witnesses: &[WindowWitness]) -> LedgerTree {
    let slots = (0..5_u32).map(|index| LedgerSlot {
        address: primitives::Address::of_module(&index.to_string()),
        nonce: Nonce::default(),
        balance: micro(u64::from(index) * 3_000_000_000),
    });
    let start = LedgerTree::new(slots.collect()).expect("a small supply");
    witnesses.iter().fold(start, |ledger, witness| applied(&ledger, witness))
}

/// Most slots that a part of so many operations may touch in the deepest ledger.
fn slots_beside(operations: usize) -> usize {
    let fits = |slots: usize| PartLimits::PART.admit(&PartSize { operations, slots, next_slot: SLOTS_MAX });
    (2..PART_OPS_MAX).take_while(|slots| fits(*slots)).last().expect("two slots fit")
}

/// `cargo xtask nightly largest` runs this and keeps the line of JSON that it prints; some minutes and gigabytes.
#[test]
#[ignore = "minutes of processor time and gigabytes of memory; cargo xtask nightly largest runs it"]
fn parts_on_every_limit_are_proven_verified_and_folded() {
    // As many operations as may be with the slots that then fit, and as many slots as may be with an operation each.
    let most_slots = (2..PART_OPS_MAX)
        .take_while(|slots| {
            PartLimits::PART.admit(&PartSize { operations: *slots, slots: *slots, next_slot: SLOTS_MAX })
        })
        .last()
        .expect("two slots fit");
    let mut measured = Vec::new();
    for (operations, slots) in [(PART_OPS_MAX, slots_beside(PART_OPS_MAX)), (most_slots, most_slots)] {
        let (witness, needed, part, mut figures) = largest(operations, slots);
        // Two such parts are what one extension takes: it lifts each alone.
        let second = following(&witness, &part.statement);
        assert_eq!(second.size(), witness.size());
        let started = Instant::now();
        let second = prove_window(&KEY, &second).expect("the operations obey the rules");
        let second_ms = milliseconds(started);
        let parts = [part, second];
        assert_eq!(extension_size(&parts), 2);
        let started = Instant::now();
        let folded = extend(&FOLDING, None, &parts).expect("they verify");
        let more = json!({
            "operations": operations, "slots": slots, "hashes": needed, "second_proof_ms": second_ms,
            "extension_ms": milliseconds(started), "chain_proof_bytes": folded.bytes.len(), "peak_memory_mb": peak_memory_mb(),
        });
        figures.as_object_mut().expect("made as one").extend(more.as_object().expect("made as one").clone());
        eprintln!("{figures}");
        let pinned = fold_key().expect("this build reads the pinned key");
        let verdict = verify_chain_proof(pinned, parts[0].statement.before, &folded.statement, &folded.bytes);
        assert_eq!(verdict, Ok(parts[1].statement.after));
        assert_eq!(folded.bytes.len(), FOLD_BYTES, "it is as large as any chain proof");
        assert!(peak_memory_mb() <= MEMORY_MB_MAX, "{} MB, {MEMORY_MB_MAX} are the bound", peak_memory_mb());
        measured.push(figures);
    }
    println!(
        "{}",
        json!({ "nightly": "largest", "verdict": "pass", "memory_mb_max": MEMORY_MB_MAX, "parts": measured })
    );
}

/// A part on every limit with its hashes, its proof and what that took.
fn largest(operations: usize, slots: usize) -> (WindowWitness, u64, WindowProof, serde_json::Value) {
    let started = Instant::now();
    let (witness, tables) = deep(operations, slots);
    let replay_ms = milliseconds(started);
    let (size, needed) = (witness.size(), hashes(&tables));
    assert_eq!(size, PartSize { operations, slots, next_slot: SLOTS_MAX });
    let mut one_more = size;
    one_more.slots += 1;
    assert!(PartLimits::PART.admit(&size) && !PartLimits::PART.admit(&one_more), "it is on the limit");
    let (statement, _) = replay(&witness).expect("valid");
    let started = Instant::now();
    let bytes = prove_traces(&KEY, tables.traces()).expect("provable");
    let proof_ms = milliseconds(started);
    assert_eq!(verify_window(KEY.verifying(), &statement, &bytes), Ok(()));
    let figures = json!({
        "replay_ms": replay_ms, "proof_ms": proof_ms, "proof_bytes": bytes.len(), "peak_memory_of_proof_mb": peak_memory_mb(),
    });
    (witness, needed, WindowProof { statement, bytes }, figures)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).expect("less than an age")
}

/// The same charges once more, in the block after.
fn following(first: &WindowWitness, statement: &WindowStatement) -> WindowWitness {
    let mut slots = first.slots.clone();
    let mut blocks = first.blocks.clone();
    let mut change = |slot: SlotIndex, nonces: u64, add: u64, take: u64| {
        let content = slots.get_mut(&slot).and_then(Option::as_mut).expect("it is touched");
        content.nonce = Nonce::new(content.nonce.get() + nonces).expect("below 2^63");
        content.balance = micro(content.balance.micro() + add - take);
    };
    for (height, operations) in &mut blocks {
        for op in operations.iter_mut() {
            match op {
                LedgerOp::Charge { slot, fee } => {
                    change(*slot, 1, 0, fee.micro());
                    change(FEE_POT, 0, fee.micro(), 0);
                }
                LedgerOp::Seal { height, issuance } => {
                    change(ISSUANCE_POT, 0, issuance.micro(), 0);
                    *height = height.next();
                }
                other => panic!("{other:?}"),
            }
        }
        *height = height.next();
    }
    WindowWitness { before: statement.after, slots, blocks, ..first.clone() }
}

/// The most memory this process has had, as the kernel counts it.
fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it says so");
    line.trim().strip_suffix(" kB").expect("in kB").trim().parse::<u64>().expect("a number") / 1_024
}
