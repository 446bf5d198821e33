//! The check of the log: every flipped bit is a refusal that names the file, a torn tail is not.

use std::fs;
use std::path::{Path, PathBuf};

use arc_malachitebft_app_channel::app::consensus::{Input, ProposedValue};
use arc_malachitebft_app_channel::app::engine::wal::encode_entry;
use arc_malachitebft_app_channel::app::types::core::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, SignedMessage, Timeout, Validity, ValueOrigin, VoteType,
};
use arc_malachitebft_app_channel::app::wal::Log;
use consensus::LoggedMessage;
use consensus::blocks::ProposedBlocks;
use consensus::codec::WalCodec;
use consensus::context::ChainContext;
use consensus::types::{BlockId, ChainHeight, ValidatorAddress, VoteMessage};
use consensus::wal::{WalError, clear, create, inspect, is_in_use};
use primitives::{Address, Hash, Height, Signature};
use tempfile::TempDir;
use testkit::Seed;

const HEIGHT: Height = Height(7);
const FINALIZED: Height = Height(6);
const ENTRIES: u64 = 4;

/// Entries of every kind, as the engine writes them.
fn inputs(seed: &mut Seed) -> Vec<Input<ChainContext>> {
    let block = BlockId(Hash(seed.array()));
    let voter = ValidatorAddress(Address(seed.array()));
    let vote = VoteMessage {
        kind: VoteType::Prevote,
        height: ChainHeight(HEIGHT),
        round: Round::new(0),
        value: NilOrVal::Val(block),
        voter,
    };
    let value = ProposedValue {
        height: ChainHeight(HEIGHT),
        round: Round::new(0),
        valid_round: Round::Nil,
        proposer: voter,
        value: block,
        validity: Validity::Valid,
    };
    let polka = PolkaCertificate {
        height: ChainHeight(HEIGHT),
        round: Round::new(0),
        value_id: block,
        polka_signatures: vec![PolkaSignature::new(voter, Signature(seed.array()))],
    };
    vec![
        Input::ProposedValue(value, ValueOrigin::Consensus),
        Input::Vote(SignedMessage::new(vote, Signature(seed.array()))),
        Input::PolkaCertificate(polka),
        Input::TimeoutElapsed(Timeout::propose(Round::new(0))),
    ]
}

/// A log with one entry of every kind, written by the engine's own code, in a folder of its own.
fn log(seed: &mut Seed) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("consensus.wal");
    let blocks = ProposedBlocks::default();
    let inputs = inputs(seed);
    if let Some(Input::ProposedValue(value, _)) = inputs.first() {
        blocks.insert(HEIGHT, value.value.0, seed.bytes(60).into());
    }
    let codec = WalCodec::new(blocks);
    let mut log = Log::open(&path).expect("a new log");
    log.reset(HEIGHT.0).expect("a height");
    for input in inputs {
        let mut entry = Vec::new();
        encode_entry(input, &codec, &mut entry).expect("an entry");
        log.append(&entry).expect("written");
    }
    log.flush().expect("flushed");
    (folder, path)
}

fn assert_names_file(error: &WalError, path: &Path) {
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[test]
fn whole_log_passes() {
    let (_folder, path) = log(&mut Seed::new());
    let summary = inspect(&path, FINALIZED, None).expect("whole").expect("it exists");
    assert_eq!((summary.height, summary.entries, summary.torn_bytes, summary.stale), (HEIGHT, ENTRIES, 0, false));
    // After the height is finalized the engine will drop it.
    assert!(inspect(&path, HEIGHT, None).is_ok());
    assert!(inspect(&path.with_extension("none"), FINALIZED, None).expect("no log yet").is_none());
}

#[test]
fn every_flipped_bit_is_refused_and_the_file_named() {
    let mut seed = Seed::new();
    let (_folder, path) = log(&mut seed);
    let whole = fs::read(&path).expect("readable");
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[place] ^= 1 << bit;
            fs::write(&path, &changed).expect("writable");
            match inspect(&path, FINALIZED, None) {
                Err(error) => assert_names_file(&error, &path),
                Ok(found) => panic!("bit {bit} of byte {place} was flipped unnoticed: {found:?}"),
            }
        }
    }
}

#[test]
fn a_log_without_entries_names_the_height_that_the_store_waits_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("wal/consensus.wal");
    create(&path, FINALIZED).expect("made with its folder");
    let summary = inspect(&path, FINALIZED, None).expect("whole").expect("it exists");
    assert_eq!((summary.height, summary.entries, summary.stale), (HEIGHT, 0, false));
    // The engine takes it as its own, and a crash may leave it at the height that was finalized last.
    assert!(Log::open(&path).expect("the engine opens it").is_empty());
    assert!(inspect(&path, HEIGHT, None).is_ok());
    let whole = fs::read(&path).expect("readable");
    for place in 0..whole.len() {
        for bit in 0..8 {
            // From the height after the last one to the last one: what a crash leaves, and there is nothing to lose.
            if (place, bit) == (whole.len() - 1, 0) {
                continue;
            }
            let mut changed = whole.clone();
            changed[place] ^= 1 << bit;
            fs::write(&path, &changed).expect("writable");
            let error = inspect(&path, FINALIZED, None).expect_err("a flipped bit");
            assert_names_file(&error, &path);
            assert!(error.to_string().contains("damaged"), "{error}");
        }
    }
}

#[test]
fn a_stale_log_may_name_no_height_but_its_own_and_the_next() {
    let (_folder, path) = log(&mut Seed::new());
    let whole = fs::read(&path).expect("readable");
    for height in [HEIGHT, HEIGHT.next()] {
        let mut bytes = whole.clone();
        bytes[4..12].copy_from_slice(&height.0.to_be_bytes());
        for bit in 0..64 {
            let changed = height.0 ^ (1 << bit);
            bytes[4..12].copy_from_slice(&changed.to_be_bytes());
            fs::write(&path, &bytes).expect("writable");
            let legal = [HEIGHT.0, HEIGHT.0 + 1].contains(&changed);
            assert_eq!(inspect(&path, HEIGHT, None).is_ok(), legal, "height {changed}");
        }
    }
}

#[test]
fn own_messages_are_picked_out_and_those_of_others_are_not() {
    let mut seed = Seed::new();
    let (_folder, path) = log(&mut seed);
    let Input::Vote(vote) = inputs(&mut Seed::of(seed.value())).remove(1) else { panic!("it is a vote") };
    let own = inspect(&path, FINALIZED, Some(vote.message.voter.0)).expect("whole").expect("it exists").own;
    assert_eq!(own, [LoggedMessage::Vote(vote.message.signed().expect("it has a round"))]);
    let other = Address(seed.array());
    assert!(inspect(&path, FINALIZED, Some(other)).expect("whole").expect("it exists").own.is_empty());
}

#[test]
fn torn_tail_is_no_damage() {
    let mut seed = Seed::new();
    let (_folder, path) = log(&mut seed);
    let whole = fs::read(&path).expect("readable");
    for length in 12..whole.len() {
        fs::write(&path, &whole[..length]).expect("writable");
        let summary = inspect(&path, FINALIZED, None).expect("a torn tail").expect("it exists");
        assert!(summary.entries < ENTRIES);
        // The engine's own reading agrees on what is left.
        let log = Log::open(&path).expect("the engine opens it");
        assert_eq!(u64::try_from(log.len()).expect("small"), summary.entries, "cut at {length}");
    }
    fs::write(&path, &whole[..5]).expect("writable");
    assert_names_file(&inspect(&path, FINALIZED, None).expect_err("half a header"), &path);
}

#[test]
fn log_in_use_is_refused() {
    let (_folder, path) = log(&mut Seed::new());
    let engine = Log::open(&path).expect("the engine opens it");
    let error = inspect(&path, FINALIZED, None).expect_err("another node has it");
    assert!(matches!(error, WalError::InUse { .. }), "{error}");
    assert_names_file(&error, &path);
    drop(engine);
    assert!(!is_in_use(&path) && inspect(&path, FINALIZED, None).is_ok());
}

#[test]
fn log_above_the_store_is_refused() {
    let (_folder, path) = log(&mut Seed::new());
    let error = inspect(&path, Height(5), None).expect_err("the store lost a block");
    assert!(matches!(error, WalError::StoreBehind { log: HEIGHT, finalized: Height(5), .. }), "{error}");
    assert_names_file(&error, &path);
}

#[test]
fn entries_of_a_finalized_height_are_cleared() {
    let (_folder, path) = log(&mut Seed::new());
    // A crash after the engine wrote the next height and before it cut the entries.
    let mut bytes = fs::read(&path).expect("readable");
    bytes[4..12].copy_from_slice(&8_u64.to_be_bytes());
    fs::write(&path, &bytes).expect("writable");
    assert!(inspect(&path, HEIGHT, None).expect("no damage").expect("it exists").stale);
    clear(&path).expect("cleared");
    let summary = inspect(&path, HEIGHT, None).expect("whole").expect("it exists");
    assert_eq!((summary.height, summary.entries, summary.stale), (Height(8), 0, false));
    assert!(Log::open(&path).expect("the engine opens it").is_empty());
}
