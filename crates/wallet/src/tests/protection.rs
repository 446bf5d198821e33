//! Slashing protection between homes: an import only raises marks, and what would let a key sign twice is refused by name.

use std::fs;
use std::path::{Path, PathBuf};

use primitives::{Hash, Height, Round, Timestamp};

use super::{GENESIS, ask, folder, key, message};
use crate::signer::overrides::{self, Override, overrides_path};
use crate::signer::protection::{FILE_BYTES_MAX, export};
use crate::signer::{GuardError, Protection, SignRefusal, SignedStep, ValidatorSigner};

use SignedStep::{Precommit, Prevote, Proposal};

/// Why an old guard is taken.
const LOST: &str = "the disk was lost";

fn reason(words: &str) -> Override<'_> {
    Override { from: Path::new("export.json"), reason: words, time: Timestamp(7) }
}

fn open(path: &Path) -> ValidatorSigner {
    ValidatorSigner::open(key(), path, &GENESIS, true).expect("the guard file is whole")
}

/// A guard that has signed these votes for value 1.
fn guard(folder: &Path, name: &str, signed: &[(SignedStep, u64, u32)]) -> PathBuf {
    let path = folder.join(name);
    let mut signer = open(&path);
    for (step, height, round) in signed {
        ask(&mut signer, *step, *height, *round, 1).expect("each place is above the one before");
    }
    path
}

#[test]
fn an_import_raises_marks_and_never_lowers_them() {
    let home = folder();
    // (own, imported, changes, highest afterwards)
    let cases: [(&[_], &[_], bool, _); 6] = [
        (&[], &[(Prevote, 7, 0)], true, (7, 0, Prevote)),
        (&[(Prevote, 6, 3)], &[(Prevote, 7, 0), (Precommit, 7, 0)], true, (7, 0, Precommit)),
        (&[(Prevote, 7, 0)], &[(Prevote, 7, 0), (Precommit, 7, 0)], true, (7, 0, Precommit)),
        (&[(Prevote, 7, 0), (Precommit, 7, 0)], &[(Prevote, 7, 0)], false, (7, 0, Precommit)),
        (&[(Prevote, 9, 0)], &[(Precommit, 8, 5)], false, (9, 0, Prevote)),
        (&[(Prevote, 9, 1)], &[], false, (9, 1, Prevote)),
    ];
    for (index, (own, other, changes, (height, round, step))) in cases.into_iter().enumerate() {
        let own = guard(home.path(), &format!("own{index}"), own);
        let before = fs::read(&own).expect("it is there");
        let protection = export(&guard(home.path(), &format!("other{index}"), other)).expect("nobody signs with it");
        let imported = protection.import(&own, None).expect("the same key and chain");
        assert_eq!(imported.changed, changes, "case {index}");
        if !changes {
            assert_eq!(fs::read(&own).expect("it is there"), before, "case {index}");
        }
        let again = protection.import(&own, None).expect("the same key and chain");
        assert!(!again.changed && again.after == imported.after, "case {index}: {again:?}");
        let mut signer = open(&own);
        assert_eq!(signer.highest(), Some((Height(height), Round(round), step)), "case {index}");
        let refused = ask(&mut signer, Proposal, height, round, 1).expect_err("it is below the mark");
        assert!(matches!(refused, SignRefusal::Below { .. }), "case {index}: {refused}");
        ask(&mut signer, Prevote, height + 1, 0, 1).expect("the next height is free");
    }
}

#[test]
fn a_signature_that_was_given_elsewhere_is_given_again_and_no_other() {
    let home = folder();
    let first = guard(home.path(), "first", &[(Prevote, 5, 0), (Precommit, 5, 0)]);
    let protection = export(&first).expect("nobody signs with it");
    let second = home.path().join("second");
    protection.import(&second, Some(&reason(LOST))).expect("a guard that is missing is made with the marks");
    let mut signer = open(&second);
    let signature = ask(&mut signer, Precommit, 5, 0, 1).expect("the same bytes");
    assert!(key().public_key().verify(&message(Precommit, 5, 0, 1), &signature));
    let refused = ask(&mut signer, Precommit, 5, 0, 2).expect_err("other bytes");
    assert!(matches!(refused, SignRefusal::Conflict(_)), "{refused}");
}

#[test]
fn a_guard_that_is_missing_is_made_for_a_reason_only_and_the_reason_comes_first() {
    let home = folder();
    let first = guard(home.path(), "first", &[(Prevote, 5, 0), (Precommit, 5, 0)]);
    let protection = export(&first).expect("nobody signs with it");
    let second = home.path().join("second/guard.log");
    let notes = overrides_path(&second);
    for no_reason in [None, Some(reason(" "))] {
        let refused = protection.import(&second, no_reason.as_ref()).expect_err("the key may have signed since");
        assert!(
            matches!(&refused, GuardError::Old { highest: Some(place), .. } if place.height == Height(5)),
            "{refused}"
        );
        assert!(!second.exists() && !notes.exists(), "nothing was written");
    }
    // A note that cannot be written leaves no guard.
    fs::create_dir(&notes).expect("an obstacle");
    assert!(matches!(protection.import(&second, Some(&reason(LOST))), Err(GuardError::Disk { .. })));
    assert!(!second.exists());
    fs::remove_dir(&notes).expect("it is ours");
    let made = protection.import(&second, Some(&reason(LOST))).expect("there is a reason");
    assert_eq!((made.before, made.after, made.changed), (None, protection.highest(), true));
    let line = r#"{"from":"export.json","guard_height":5,"reason":"the disk was lost","time":7}"#;
    assert_eq!(fs::read_to_string(&notes).expect("it is kept"), format!("{line}\n"));
    // A guard that is there is raised, or not: no reason is needed and none is noted.
    protection.import(&second, Some(&reason(LOST))).expect("it knows all of it");
    assert_eq!(fs::read_to_string(&notes).expect("it is kept").lines().count(), 1);
}

#[test]
fn notes_of_old_guards_are_only_added_to_also_after_one_that_was_cut_short() {
    let home = folder();
    let own = home.path().join("guard/guard.log");
    overrides::keep(&own, "first\nsecond\n").expect("there is room");
    let path = overrides_path(&own);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "first\nsecond\n");
    fs::write(&path, "second\n{\"cut").expect("it is ours");
    overrides::keep(&own, "first\nsecond\n").expect("there is room");
    overrides::keep(&own, "first\nsecond\n").expect("there is room");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "second\n{\"cut\nfirst\n");
}

#[test]
fn what_would_let_a_key_sign_twice_is_refused_and_changes_nothing() {
    let home = folder();
    let own = guard(home.path(), "own", &[(Prevote, 5, 0)]);
    let before = fs::read(&own).expect("it is there");
    let protection = export(&own).expect("nobody signs with it");
    let refusal = |protection: &Protection| {
        let error = protection.import(&own, None).expect_err("it is refused");
        assert_eq!(fs::read(&own).expect("it is there"), before);
        error
    };
    let chain = Protection { genesis: Hash([201; 32]), ..protection.clone() };
    assert!(matches!(refusal(&chain), GuardError::OtherChain { .. }));
    let other = primitives::SecretKey::from_seed([77; 32]).public_key();
    assert!(matches!(refusal(&Protection { key: other, ..protection.clone() }), GuardError::OtherKey { .. }));
    let mut twice = protection.clone();
    twice.records[0].digest = Hash([1; 32]);
    assert!(matches!(refusal(&twice), GuardError::TwoMessages { .. }));
    let mut disorder = protection.clone();
    disorder.records.push(protection.records[0]);
    assert!(matches!(refusal(&disorder), GuardError::Protection { .. }));
    let mut heights = protection.clone();
    heights.records.push(crate::signer::protection::SignedRecord { height: Height(6), ..protection.records[0] });
    assert!(matches!(refusal(&heights), GuardError::Protection { .. }));
    assert!(matches!(refusal(&Protection { version: 2, ..protection.clone() }), GuardError::Protection { .. }));
    let holder = open(&own);
    assert!(matches!(protection.import(&own, None), Err(GuardError::Locked { .. })));
    assert!(matches!(export(&own), Err(GuardError::Locked { .. })), "a node that signs is not exported");
    drop(holder);
    assert!(matches!(export(&home.path().join("nowhere")), Err(GuardError::Missing { .. })));
}

#[test]
fn a_file_reads_back_and_anything_else_is_refused() {
    let home = folder();
    let protection = export(&guard(home.path(), "own", &[(Prevote, 5, 0), (Precommit, 5, 2)])).expect("it is whole");
    let file = home.path().join("file.json");
    let text = serde_json::to_string(&protection).expect("text and numbers");
    fs::write(&file, &text).expect("written");
    assert_eq!(Protection::read(&file).expect("it is whole"), protection);
    let cut = (0..text.len()).map(|end| text.as_bytes()[..end].to_vec());
    let large = vec![b' '; usize::try_from(FILE_BYTES_MAX).expect("4 MiB") + 1];
    let foreign = text.replace("the-block slashing protection", "something else");
    for bytes in cut.chain([large, foreign.into_bytes(), text.replace("\"round\"", "\"rounds\"").into_bytes()]) {
        fs::write(&file, &bytes).expect("written");
        let error = Protection::read(&file).expect_err("it is no export");
        assert!(matches!(error, GuardError::Protection { .. }), "{error}");
    }
}
