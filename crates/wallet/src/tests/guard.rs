//! The double-sign guard in one process: a table of its rules, and random requests against a simple model.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use primitives::{Address, Hash, Height, Round, SecretKey, Signature, Vote, VoteKind};
use testkit::Seed;

use super::{GENESIS, ask, folder, key, message, message_of};
use crate::signer::log::{BLOCK_BYTES, COMPACT_BYTES, GuardLog, LOG_BYTES_MAX, Record, digest};
use crate::signer::{GuardError, HEIGHT_RECORDS_MAX, Position, SignRefusal, SignedStep, ValidatorSigner};

use SignedStep::{Precommit, Prevote, Proposal};

fn open(path: &Path) -> ValidatorSigner {
    ValidatorSigner::open(key(), path, &GENESIS, true).expect("the guard file is whole")
}

fn place(height: u64, round: u32, step: SignedStep) -> Position {
    Position { height: Height(height), round: Round(round), step }
}

#[test]
fn the_rules_one_by_one() {
    let home = folder();
    let mut signer = open(&home.path().join("guard"));
    assert_eq!(signer.highest(), None);
    let first = ask(&mut signer, Prevote, 5, 1, 1).expect("nothing is signed yet");
    assert!(key().public_key().verify(&message(Prevote, 5, 1, 1), &first));
    assert_eq!(signer.highest(), Some((Height(5), Round(1), Prevote)));

    let highest = place(5, 1, Prevote);
    let below = |asked| Err(SignRefusal::Below { asked, highest });
    // (step, height, round, message, what comes back)
    let table = [
        (Prevote, 5, 1, 1, Ok(first)),
        (Prevote, 5, 1, 2, Err(SignRefusal::Conflict(highest))),
        (Prevote, 5, 1, 0, Err(SignRefusal::Conflict(highest))),
        (Proposal, 5, 1, 1, below(place(5, 1, Proposal))),
        (Prevote, 5, 0, 1, below(place(5, 0, Prevote))),
        (Precommit, 5, 0, 1, below(place(5, 0, Precommit))),
        (Precommit, 4, 9, 1, below(place(4, 9, Precommit))),
    ];
    for (step, height, round, value, expected) in table {
        assert_eq!(ask(&mut signer, step, height, round, value), expected, "{step} {height} {round} {value}");
    }
    ask(&mut signer, Precommit, 5, 1, 0).expect("it is the next step");
    ask(&mut signer, Proposal, 5, 2, 7).expect("it is a later round");
    assert_eq!(ask(&mut signer, Prevote, 5, 1, 1), Ok(first), "records of the height must stay");
    ask(&mut signer, Prevote, 6, 0, 1).expect("it is a later height");
    let refused = ask(&mut signer, Prevote, 5, 1, 1).expect_err("records of earlier heights are dropped");
    assert!(matches!(refused, SignRefusal::Below { .. }), "{refused}");
}

#[test]
fn only_the_validators_own_message_for_the_named_place_is_signed() {
    let home = folder();
    let mut signer = open(&home.path().join("guard"));
    let good = message(Prevote, 5, 1, 1);
    let stranger = SecretKey::from_seed([4; 32]);
    let mut long = good.clone();
    long.push(0);
    let wrong: [(SignedStep, u64, u32, Vec<u8>); 10] = [
        (Precommit, 5, 1, good.clone()),
        (Proposal, 5, 1, good.clone()),
        (Prevote, 6, 1, good.clone()),
        (Prevote, 5, 2, good.clone()),
        (Prevote, 5, 1, message_of(&stranger, &GENESIS, Prevote, 5, 1, 1)),
        (Prevote, 5, 1, message_of(&key(), &Hash([8; 32]), Prevote, 5, 1, 1)),
        (Prevote, 5, 1, message(Proposal, 5, 1, 1)),
        (Prevote, 5, 1, good[..good.len() - 1].to_vec()),
        (Prevote, 5, 1, long),
        (Proposal, 5, 1, Vec::new()),
    ];
    for (step, height, round, bytes) in wrong {
        let refused = signer.sign(step, Height(height), Round(round), &bytes);
        assert_eq!(refused, Err(SignRefusal::WrongMessage { step, height: Height(height), round: Round(round) }));
    }
    assert_eq!(signer.highest(), None);
    signer.sign(Prevote, Height(5), Round(1), &good).expect("it is the right message");
}

#[test]
fn an_identity_proof_is_signed_but_no_message_of_the_chain_gets_past_the_guard() {
    let home = folder();
    let signer = open(&home.path().join("guard"));
    let proof = signer.sign_identity(b"PoV: this peer").expect("it is no message of the chain");
    assert!(signer.public_key().verify(b"PoV: this peer", &proof));
    for bytes in [message(Prevote, 1, 0, 1), message(Proposal, 1, 0, 1), b"the-block/transaction/v1 and more".to_vec()]
    {
        assert_eq!(signer.sign_identity(&bytes), Err(SignRefusal::Guarded));
    }
    assert_eq!(signer.highest(), None);
}

/// What the guard promises, in its simplest form: every message ever signed, by place.
#[derive(Default)]
struct Model {
    signed: BTreeMap<Position, (u8, Signature)>,
}

#[derive(Debug, PartialEq)]
enum Expected {
    New,
    Stored(Signature),
    Conflict,
    Below,
}

impl Model {
    fn expect(&self, asked: Position, value: u8) -> Expected {
        let Some((highest, _)) = self.signed.last_key_value() else { return Expected::New };
        match self.signed.get(&asked) {
            Some(_) if asked.height < highest.height => Expected::Below,
            Some((before, signature)) if *before == value => Expected::Stored(*signature),
            Some(_) => Expected::Conflict,
            None if asked > *highest => Expected::New,
            None => Expected::Below,
        }
    }
}

#[test]
fn random_requests_restarts_and_torn_writes_agree_with_the_model() {
    let mut seed = Seed::new();
    for _ in 0..6 {
        let home = folder();
        let path = home.path().join("guard");
        let mut signer = open(&path);
        let mut model = Model::default();
        let mut height = 1;
        for _ in 0..300 {
            match seed.below(20) {
                0 => {
                    drop(signer);
                    signer = open(&path);
                }
                1 => {
                    drop(signer);
                    // A power cut in the middle of the next record.
                    let torn = seed.index(BLOCK_BYTES);
                    let mut file = OpenOptions::new().append(true).open(&path).expect("it is ours");
                    file.write_all(&seed.bytes(torn)).expect("it is ours");
                    signer = open(&path);
                }
                2..=4 => height += seed.below(2),
                _ => request(&mut seed, &mut signer, &mut model, height),
            }
            let highest = model.signed.last_key_value().map(|(at, _)| (at.height, at.round, at.step));
            assert_eq!(signer.highest(), highest);
        }
        assert!(model.signed.len() > 20, "the requests were too tame");
    }
}

fn request(seed: &mut Seed, signer: &mut ValidatorSigner, model: &mut Model, height: u64) {
    let height = height.saturating_sub(seed.below(2));
    let round = u32::try_from(seed.below(4)).expect("it is below 4");
    let (step, value) = (*seed.pick(&SignedStep::ALL), u8::try_from(seed.below(3)).expect("it is below 3"));
    let asked = place(height, round, step);
    let expected = model.expect(asked, value);
    let answer = match ask(signer, step, height, round, value) {
        Ok(signature) => {
            assert!(key().public_key().verify(&message(step, height, round, value), &signature));
            let before = model.signed.insert(asked, (value, signature));
            assert!(before.is_none_or(|(other, _)| other == value), "two messages are signed at {asked}");
            if before.is_some() { Expected::Stored(signature) } else { Expected::New }
        }
        Err(SignRefusal::Conflict(_)) => Expected::Conflict,
        Err(SignRefusal::Below { .. }) => Expected::Below,
        Err(other) => unreachable!("{other}"),
    };
    assert_eq!(answer, expected, "message {value} at {asked}");
}

#[test]
fn a_failed_write_poisons_the_signer_until_it_is_opened_again() {
    let home = folder();
    let path = home.path().join("guard");
    let mut signer = open(&path);
    let first = ask(&mut signer, Prevote, 1, 0, 1).expect("nothing is signed yet");
    // A handle that cannot write stands for a full or broken disk.
    signer.log_mut().file = File::open(&path).expect("it is ours");
    for (step, value) in [(Precommit, 1), (Precommit, 1), (Prevote, 1)] {
        let refused = ask(&mut signer, step, 1, 0, value).expect_err("the write failed");
        assert!(matches!(refused, SignRefusal::Poisoned(_)), "{refused}");
    }
    drop(signer);
    let mut signer = open(&path);
    assert_eq!(ask(&mut signer, Prevote, 1, 0, 1), Ok(first));
    ask(&mut signer, Precommit, 1, 0, 2).expect("it was never signed");
}

#[test]
fn a_guard_behind_the_chain_is_refused() {
    let home = folder();
    let mut signer = open(&home.path().join("guard"));
    signer.check_not_behind(Height::GENESIS).expect("nothing is signed anywhere");
    assert!(matches!(signer.check_not_behind(Height(1)), Err(GuardError::Behind { .. })));
    ask(&mut signer, Precommit, 7, 0, 1).expect("nothing is signed yet");
    signer.check_not_behind(Height(7)).expect("the guard knows height 7");
    signer.check_not_behind(Height(6)).expect("the guard is ahead");
    assert!(matches!(
        signer.check_not_behind(Height(8)),
        Err(GuardError::Behind { highest: Height(7), signed: Height(8), .. })
    ));
}

/// A log with `count` prevotes of one height, in rounds from 0.
fn filled(path: &Path, height: u64, count: u32) {
    GuardLog::create(path, key().public_key(), GENESIS, None, &[]).expect("it is ours");
    let (mut log, _) = GuardLog::open(path, key().public_key(), GENESIS).expect("it is whole");
    let records: Vec<Record> = (0..count)
        .map(|round| {
            let bytes = message(Prevote, height, round, 1);
            Record { position: place(height, round, Prevote), digest: digest(&bytes), signature: key().sign(&bytes) }
        })
        .collect();
    log.rewrite(&records).expect("it is ours");
}

fn size(path: &Path) -> usize {
    usize::try_from(fs::metadata(path).expect("it exists").len()).expect("it is small")
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("it is small")
}

#[test]
fn a_change_of_height_compacts_a_long_log() {
    let home = folder();
    let path = home.path().join("guard");
    let most = COMPACT_BYTES / BLOCK_BYTES;
    filled(&path, 3, to_u32(most - 1));
    let mut signer = open(&path);
    ask(&mut signer, Prevote, 3, to_u32(most), 1).expect("it is the next round");
    assert_eq!(size(&path), COMPACT_BYTES + BLOCK_BYTES, "a height in progress is not compacted");
    let new = ask(&mut signer, Prevote, 4, 0, 1).expect("it is the next height");
    assert_eq!(size(&path), 2 * BLOCK_BYTES);
    let next = ask(&mut signer, Precommit, 4, 0, 1).expect("it is the next step");
    drop(signer);
    let mut signer = open(&path);
    assert_eq!(ask(&mut signer, Prevote, 4, 0, 1), Ok(new));
    assert_eq!(ask(&mut signer, Precommit, 4, 0, 1), Ok(next));
    assert!(ask(&mut signer, Prevote, 3, 0, 1).is_err());
}

#[test]
fn one_endless_height_keeps_its_newest_records_and_a_bounded_file() {
    let home = folder();
    let path = home.path().join("guard");
    let most = to_u32(LOG_BYTES_MAX / BLOCK_BYTES) - 1;
    let kept = to_u32(HEIGHT_RECORDS_MAX);
    filled(&path, 3, most);
    assert_eq!(size(&path), LOG_BYTES_MAX);
    let mut signer = open(&path);
    ask(&mut signer, Prevote, 3, most - kept, 1).expect("it is the oldest that is kept");
    assert!(matches!(ask(&mut signer, Prevote, 3, most - kept - 1, 1), Err(SignRefusal::Below { .. })));

    ask(&mut signer, Prevote, 3, most, 1).expect("it is the next round");
    assert_eq!(size(&path), (HEIGHT_RECORDS_MAX + 1) * BLOCK_BYTES);
    for _ in 0..2 {
        ask(&mut signer, Prevote, 3, most, 1).expect("it is the newest");
        assert!(matches!(ask(&mut signer, Prevote, 3, most, 2), Err(SignRefusal::Conflict(_))));
        assert!(matches!(ask(&mut signer, Prevote, 3, most - kept, 1), Err(SignRefusal::Below { .. })));
        ask(&mut signer, Prevote, 3, most + 1 - kept, 1).expect("it is the oldest that is kept");
        drop(signer);
        signer = open(&path);
    }
}

#[test]
fn a_vote_for_nothing_and_a_vote_for_a_block_exclude_each_other() {
    let home = folder();
    let mut signer = open(&home.path().join("guard"));
    let vote = |value| Vote {
        kind: VoteKind::Precommit,
        height: Height(1),
        round: Round(0),
        value,
        voter: Address::of_key(&key().public_key()),
    };
    signer.sign(Precommit, Height(1), Round(0), &vote(None).signing_bytes(&GENESIS)).expect("nothing is signed yet");
    let refused = signer.sign(Precommit, Height(1), Round(0), &vote(Some(Hash([0; 32]))).signing_bytes(&GENESIS));
    assert_eq!(refused, Err(SignRefusal::Conflict(place(1, 0, Precommit))));
}

/// A message of height 5: step, round, value.
type Message = (SignedStep, u32, u8);

/// The places and bytes of a log that holds these messages.
fn logged(messages: &[Message]) -> Vec<(Position, Vec<u8>)> {
    messages.iter().map(|(step, round, value)| (place(5, *round, *step), message(*step, 5, *round, *value))).collect()
}

fn recover(signer: &mut ValidatorSigner, finalized: u64, log: &[Message]) -> Result<Option<Position>, GuardError> {
    let log = logged(log);
    signer.recover(Height(finalized), log.iter().map(|(position, bytes)| (*position, bytes.as_slice())))
}

/// A guard that was opened again after prevote and precommit of block 1 in round 1 of height 5.
fn locked(path: &Path) -> ValidatorSigner {
    let mut signer = open(path);
    for (step, round, value) in [(Prevote, 0, 2), (Precommit, 0, 0), (Prevote, 1, 1), (Precommit, 1, 1)] {
        ask(&mut signer, step, 5, round, value).expect("each is above the one before");
    }
    drop(signer);
    open(path)
}

#[test]
fn the_guard_keeps_the_lock_that_a_lost_log_forgot() {
    let home = folder();
    let mut signer = locked(&home.path().join("guard"));
    let at = place(5, 1, Precommit);
    assert_eq!(recover(&mut signer, 4, &[]).expect("no log contradicts nothing"), Some(at));
    // What was signed before is given again, and a vote for no block can harm nobody.
    ask(&mut signer, Prevote, 5, 1, 1).expect("it is stored");
    let refused = ask(&mut signer, Prevote, 5, 2, 2).expect_err("another block");
    assert_eq!(refused, SignRefusal::Held { asked: place(5, 2, Prevote), locked: at });
    ask(&mut signer, Prevote, 5, 2, 0).expect("nil");
    ask(&mut signer, Precommit, 5, 2, 0).expect("nil");
    ask(&mut signer, Proposal, 5, 3, 2).expect("an offer binds nobody");
    ask(&mut signer, Prevote, 5, 3, 1).expect("the block of the lock");
    assert!(matches!(ask(&mut signer, Prevote, 5, 4, 3), Err(SignRefusal::Held { .. })), "still held");
    // A quorum of prevotes in a later round gives consensus a lock of its own.
    ask(&mut signer, Precommit, 5, 4, 3).expect("its round has a quorum");
    ask(&mut signer, Prevote, 5, 5, 4).expect("consensus remembers its lock itself");
}

#[test]
fn a_log_that_is_given_up_is_compared_first_and_nothing_changes() {
    let home = folder();
    let path = home.path().join("guard");
    let signer = locked(&path);
    let bytes = std::fs::read(&path).expect("a guard");
    let check = |messages: &[Message]| {
        let log = logged(messages);
        signer.check_log(log.iter().map(|(position, bytes)| (*position, bytes.as_slice())))
    };
    check(&[]).expect("no log contradicts nothing");
    check(&[(Prevote, 0, 2), (Precommit, 0, 0), (Precommit, 1, 1)]).expect("the guard knows them");
    assert!(matches!(check(&[(Prevote, 1, 3)]), Err(GuardError::Differs { .. })), "another vote");
    assert!(matches!(check(&[(Proposal, 1, 1)]), Err(GuardError::Differs { .. })), "one that it does not know");
    assert!(matches!(check(&[(Precommit, 1, 1), (Prevote, 2, 1)]), Err(GuardError::BehindLog { .. })), "a later one");
    assert_eq!(std::fs::read(&path).expect("a guard"), bytes);
}

#[test]
fn a_restart_or_another_height_does_not_change_what_is_held() {
    let home = folder();
    let path = home.path().join("guard");
    let mut signer = locked(&path);
    recover(&mut signer, 4, &[]).expect("no log contradicts nothing");
    ask(&mut signer, Prevote, 5, 2, 0).expect("nil");
    drop(signer);
    // The log of the life in between has the new prevote and still not the lock.
    let mut signer = open(&path);
    assert_eq!(recover(&mut signer, 4, &[(Prevote, 2, 0)]).expect("it fits"), Some(place(5, 1, Precommit)));
    assert!(ask(&mut signer, Prevote, 5, 3, 2).is_err());
    ask(&mut signer, Prevote, 6, 0, 2).expect("the next height is free");
    ask(&mut signer, Prevote, 6, 1, 3).expect("it stays free");
}

#[test]
fn a_lock_that_was_lost_stays_lost_although_a_peer_gave_the_precommit_back() {
    let home = folder();
    let path = home.path().join("guard");
    let at = place(5, 1, Precommit);
    let mut signer = locked(&path);
    recover(&mut signer, 4, &[]).expect("no log contradicts nothing");
    drop(signer);
    // A certificate of round 1 brought the own precommit into the new log. Consensus has no lock from it.
    for _ in 0..2 {
        let mut signer = open(&path);
        assert_eq!(recover(&mut signer, 4, &[(Precommit, 1, 1)]).expect("it fits"), Some(at));
        let refused = ask(&mut signer, Prevote, 5, 2, 2).expect_err("another block");
        assert_eq!(refused, SignRefusal::Held { asked: place(5, 2, Prevote), locked: at });
    }
    // A newer lock is consensus' own: the log that it was written to knows it.
    let mut signer = open(&path);
    recover(&mut signer, 4, &[(Precommit, 1, 1)]).expect("it fits");
    ask(&mut signer, Precommit, 5, 3, 2).expect("its round has a quorum");
    drop(signer);
    let mut signer = open(&path);
    assert_eq!(recover(&mut signer, 4, &[(Precommit, 1, 1), (Precommit, 3, 2)]).expect("it fits"), None);
    drop(signer);
    let mut signer = open(&path);
    let again = recover(&mut signer, 4, &[(Precommit, 1, 1)]).expect("it fits");
    assert_eq!(again, Some(place(5, 3, Precommit)), "the log was lost a second time");
}

#[test]
fn a_loss_that_cannot_be_recorded_stops_the_start() {
    let home = folder();
    let path = home.path().join("guard");
    let mut signer = locked(&path);
    // A folder stands where the new file is staged.
    fs::create_dir(home.path().join(".guard.staged.tmp")).expect("it is ours");
    let refused = recover(&mut signer, 4, &[]).expect_err("nothing can be written");
    assert!(matches!(refused, GuardError::Disk { .. }), "{refused}");
}

#[test]
fn nothing_is_held_when_the_log_has_the_lock_or_the_height_is_final_or_there_was_none() {
    let home = folder();
    let path = home.path().join("guard");
    // (finalized, what the log holds)
    let whole = [(Prevote, 0, 2), (Precommit, 0, 0), (Prevote, 1, 1), (Precommit, 1, 1)];
    let table: [(u64, &[Message]); 3] = [(4, &whole), (4, &whole[3..]), (5, &[])];
    for (finalized, log) in table {
        let mut signer = locked(&path);
        assert_eq!(recover(&mut signer, finalized, log).expect("it fits"), None);
        ask(&mut signer, Prevote, 5, 2, 2).expect("consensus has its own lock, or the height is over");
        drop(signer);
        fs::remove_file(&path).expect("it is ours");
    }
    let mut signer = open(&path);
    ask(&mut signer, Prevote, 5, 0, 1).expect("nothing is signed yet");
    ask(&mut signer, Precommit, 5, 0, 0).expect("nil is no lock");
    drop(signer);
    let mut signer = open(&path);
    assert_eq!(recover(&mut signer, 4, &[]).expect("it fits"), None);
    ask(&mut signer, Prevote, 5, 1, 2).expect("there was no lock");
}

#[test]
fn the_same_precommit_again_ends_the_hold_because_consensus_came_to_the_same_lock() {
    let home = folder();
    let mut signer = locked(&home.path().join("guard"));
    recover(&mut signer, 4, &[(Prevote, 1, 1)]).expect("the crash came before the log");
    ask(&mut signer, Precommit, 5, 1, 1).expect("it is stored");
    ask(&mut signer, Prevote, 5, 2, 2).expect("consensus remembers its lock itself");
    // So does its log from then on.
    drop(signer);
    let mut signer = open(&home.path().join("guard"));
    assert_eq!(recover(&mut signer, 4, &[(Prevote, 1, 1), (Precommit, 1, 1)]).expect("it fits"), None);
}

#[test]
fn a_guard_that_does_not_know_what_the_log_holds_is_refused() {
    let home = folder();
    let path = home.path().join("guard");
    let mut empty = open(&path);
    let refused = recover(&mut empty, 4, &[(Prevote, 0, 1)]).expect_err("an empty guard");
    assert!(matches!(refused, GuardError::BehindLog { highest: None, .. }), "{refused}");
    drop(empty);
    let mut signer = locked(&path);
    // (what the log holds, whether the guard is behind it or contradicts it)
    let table =
        [((Prevote, 2, 1), true), ((Precommit, 1, 2), false), ((Prevote, 1, 0), false), ((Proposal, 1, 1), false)];
    for (message, is_behind) in table {
        let refused = recover(&mut signer, 4, &[message]).expect_err("the guard does not know it");
        assert_eq!(matches!(refused, GuardError::BehindLog { .. }), is_behind, "{refused}");
        assert_eq!(matches!(refused, GuardError::Differs { .. }), !is_behind, "{refused}");
        assert!(refused.to_string().contains(&path.display().to_string()), "{refused}");
    }
}

#[test]
fn an_endless_height_never_drops_the_lock() {
    let home = folder();
    let path = home.path().join("guard");
    drop(locked(&path));
    let mut records = GuardLog::open(&path, key().public_key(), GENESIS).expect("it is whole").1;
    let rounds = 2..2 + to_u32(HEIGHT_RECORDS_MAX);
    records.extend(rounds.map(|round| {
        let bytes = message(Prevote, 5, round, 0);
        Record { position: place(5, round, Prevote), digest: digest(&bytes), signature: key().sign(&bytes) }
    }));
    let (mut log, _) = GuardLog::open(&path, key().public_key(), GENESIS).expect("it is whole");
    log.rewrite(&records).expect("it is ours");
    drop(log);
    let mut signer = open(&path);
    assert_eq!(recover(&mut signer, 4, &[]).expect("no log contradicts nothing"), Some(place(5, 1, Precommit)));
}
