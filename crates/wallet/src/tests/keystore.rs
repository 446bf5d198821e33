//! Wallet key files: round trips, every kind of damage, permissions, names, words.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use primitives::{Address, SecretKey};
use testkit::Seed;

use super::{QUICK, folder, password, put};
use crate::keystore::{KeyMaterial, KeyName, Keystore, KeystoreError};
use crate::mnemonic::Mnemonic;
use crate::seal::{KdfParams, SealError};

fn name(text: &str) -> KeyName {
    text.parse().expect("the name is allowed")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file exists").permissions().mode() & 0o777
}

/// Replaces text in a file that must contain it.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("the file is text");
    assert!(text.contains(from), "{from} is not in the file");
    fs::write(path, text.replace(from, to)).expect("the file can be written");
}

#[test]
fn a_created_key_unlocks_and_its_words_restore_it_elsewhere() {
    let (home, elsewhere) = (folder(), folder());
    let store = Keystore::with_kdf(home.path().join("keys"), QUICK);
    let secret = password("correct horse");
    let (entry, words) = store.create(&name("alice"), &secret, &[5; 32]).expect("the folder is empty");
    assert_eq!((mode(&entry.path), mode(&home.path().join("keys"))), (0o600, 0o700));
    assert_eq!(entry, store.entry(&name("alice")).expect("it was just written"));

    let unlocked = store.unlock(&name("alice"), &secret).expect("the password is right");
    assert_eq!(unlocked.entry.warning, None);
    assert_eq!(Address::of_key(&unlocked.key.public_key()), entry.address);
    let exported = store.export_mnemonic(&name("alice"), &secret).expect("it has words");
    assert_eq!((exported.mnemonic, exported.account, exported.needs_passphrase), (words.clone(), 0, false));

    let typed = Mnemonic::parse(&words.phrase()).expect("the words are valid");
    let material = KeyMaterial::from_mnemonic(&typed, "", 0).expect("account 0 is in range");
    let restored = Keystore::with_kdf(elsewhere.path(), QUICK)
        .import(&name("old-wallet"), &password("another"), &material)
        .expect("the folder is empty");
    assert_eq!(restored.address, entry.address);
}

#[test]
fn the_default_cost_is_stored_and_works() {
    let home = folder();
    let store = Keystore::new(home.path());
    assert_eq!(KdfParams::default(), KdfParams { memory_kib: 65_536, passes: 3, lanes: 1 });
    let (entry, _) = store.create(&name("a"), &password("p"), &[1; 32]).expect("the folder is empty");
    let text = fs::read_to_string(&entry.path).expect("it was just written");
    assert!(text.contains("\"memory_kib\": 65536") && text.contains("\"passes\": 3"), "{text}");
    store.unlock(&name("a"), &password("p")).expect("the password is right");
}

#[test]
fn the_same_key_is_sealed_differently_each_time() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let material = KeyMaterial::from_secret(SecretKey::from_seed([8; 32]));
    let sealed = |text: &str| {
        let entry = store.import(&name(text), &password("p"), &material).expect("the name is free");
        fs::read_to_string(entry.path).expect("it was just written")
    };
    let (one, two) = (sealed("a"), sealed("b"));
    let line = |text: &str, field: &str| text.lines().find(|line| line.contains(field)).map(str::to_owned);
    for field in ["salt", "nonce", "ciphertext"] {
        assert_ne!(line(&one, field), line(&two, field), "{field} is not fresh");
    }
    assert!(!one.contains(&hex::encode([8; 32])), "the secret stands in the file");
}

#[test]
fn a_wrong_password_has_a_name_and_changes_nothing() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    store.create(&name("a"), &password("right"), &[1; 32]).expect("the folder is empty");
    for wrong in ["Right", "right ", "r"] {
        let error = store.unlock(&name("a"), &password(wrong)).expect_err("the password is wrong");
        assert!(matches!(error, KeystoreError::Seal { cause: SealError::WrongPassword, .. }), "{error}");
    }
    store.unlock(&name("a"), &password("right")).expect("the password is right");
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let (entry, _) = store.create(&name("a"), &password("p"), &[1; 32]).expect("the folder is empty");
    let before = fs::read(&entry.path).expect("it was just written");
    let error = store.create(&name("a"), &password("q"), &[2; 32]).expect_err("the name is taken");
    assert!(matches!(error, KeystoreError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&entry.path).expect("it is still there"), before);
}

#[test]
fn of_many_who_create_one_name_at_once_exactly_one_wins() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let won: Vec<u8> = std::thread::scope(|scope| {
        let tries: Vec<_> = (1..=8_u8)
            .map(|byte| {
                let store = &store;
                scope.spawn(move || store.create(&name("a"), &password("p"), &[byte; 32]).is_ok().then_some(byte))
            })
            .collect();
        tries.into_iter().filter_map(|thread| thread.join().expect("the thread ends well")).collect()
    });
    assert_eq!(won.len(), 1);
    let words = store.export_mnemonic(&name("a"), &password("p")).expect("the winner's file is whole").mnemonic;
    assert_eq!(*words.entropy(), vec![won[0]; 32]);
    assert_eq!(fs::read_dir(home.path()).expect("it exists").count(), 1, "a temporary was left behind");
}

#[test]
fn names_are_checked() {
    for good in ["a", "validator-1", "0", "-", &"x".repeat(32)] {
        assert_eq!(good.parse::<KeyName>().map(|name| name.to_string()), Ok(good.to_owned()));
    }
    for bad in ["", "A", "a.b", "../a", "a/b", "a b", "ä", "a\0", &"x".repeat(33)] {
        assert!(bad.parse::<KeyName>().is_err(), "{bad:?} was taken for a name");
    }
}

#[test]
fn a_file_that_others_can_read_opens_with_a_warning() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let (entry, _) = store.create(&name("a"), &password("p"), &[1; 32]).expect("the folder is empty");
    for open in [0o640, 0o604, 0o620, 0o666] {
        fs::set_permissions(&entry.path, fs::Permissions::from_mode(open)).expect("it is ours");
        let unlocked = store.unlock(&name("a"), &password("p")).expect("the password is right");
        let warning = unlocked.entry.warning.expect("others can reach the file");
        assert_eq!(warning.mode, open);
        assert!(warning.to_string().contains("chmod 600"), "{warning}");
    }
}

#[test]
fn files_that_do_not_fit_together_are_refused_by_name() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let open = |text: &str| store.unlock(&name(text), &password("p")).expect_err("the file was altered");
    let fresh = |text: &str| store.create(&name(text), &password("p"), &[1; 32]).expect("the name is free").0;

    let renamed = fresh("a");
    fs::rename(&renamed.path, home.path().join("b.json")).expect("it is ours");
    assert!(matches!(open("b"), KeystoreError::Damaged { .. }));
    edit(&home.path().join("b.json"), "\"name\": \"a\"", "\"name\": \"b\"");
    assert!(matches!(open("b"), KeystoreError::Seal { cause: SealError::WrongPassword, .. }), "the name is not bound");

    let other_key = SecretKey::from_seed([7; 32]).public_key();
    let swapped = fresh("c");
    edit(&swapped.path, &swapped.public_key.to_string(), &other_key.to_string());
    assert!(matches!(open("c"), KeystoreError::Damaged { .. }), "the address is not recomputed");
    edit(&swapped.path, &swapped.address.to_string(), &Address::of_key(&other_key).to_string());
    assert!(matches!(open("c"), KeystoreError::Seal { cause: SealError::WrongPassword, .. }), "the key is not bound");

    let newer = fresh("d");
    edit(&newer.path, "\"version\": 1", "\"version\": 2");
    assert!(matches!(open("d"), KeystoreError::Version { version: 2, .. }));

    for (at, (from, to)) in [
        ("\"memory_kib\": 8192", "\"memory_kib\": 4000000000"),
        ("\"memory_kib\": 8192", "\"memory_kib\": 1024"),
        ("\"passes\": 1", "\"passes\": 4000000000"),
        ("\"lanes\": 1", "\"lanes\": 0"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("bounds-{at}");
        edit(&fresh(&key).path, from, to);
        let error = open(&key);
        assert!(matches!(error, KeystoreError::Seal { cause: SealError::KdfBounds { .. }, .. }), "{to}: {error}");
    }
    assert!(matches!(open("nobody"), KeystoreError::Missing { .. }));
}

#[test]
fn cut_flipped_or_random_files_never_panic_and_never_give_another_key() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let (entry, _) = store.create(&name("a"), &password("p"), &[1; 32]).expect("the folder is empty");
    let whole = fs::read(&entry.path).expect("it was just written");
    let attempt = |bytes: &[u8]| {
        put(&entry.path, bytes);
        store.unlock(&name("a"), &password("p"))
    };
    // The last byte is a line end.
    for length in 0..whole.len() - 1 {
        assert!(attempt(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    let mut seed = Seed::new();
    for _ in 0..150 {
        let mut flipped = whole.clone();
        let at = seed.index(flipped.len());
        flipped[at] ^= 1 << seed.below(8);
        if let Ok(unlocked) = attempt(&flipped) {
            assert_eq!(unlocked.key.public_key(), entry.public_key, "byte {at}");
        }
        let length = seed.index(200);
        assert!(attempt(&seed.bytes(length)).is_err());
    }
    for hostile in ["[".repeat(10_000), format!("{{\"version\":{}}}", "9".repeat(1_000)), " ".repeat(20_000)] {
        assert!(attempt(hostile.as_bytes()).is_err());
    }
}

#[test]
fn a_listing_is_sorted_and_shows_bad_files() {
    let home = folder();
    let store = Keystore::with_kdf(home.path().join("keys"), QUICK);
    assert!(store.list().expect("a missing folder is empty").keys.is_empty());
    for text in ["carol", "alice", "bob"] {
        store.create(&name(text), &password("p"), &[1; 32]).expect("the name is free");
    }
    for (file, text) in
        [("broken.json", "{"), ("Upper.json", "{}"), (".alice.1.tmp", ""), (".x.json", ""), ("note", "")]
    {
        fs::write(home.path().join("keys").join(file), text).expect("it is ours");
    }
    let listing = store.list().expect("the folder can be read");
    let names: Vec<&str> = listing.keys.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
    assert_eq!(listing.unreadable.len(), 2, "{:?}", listing.unreadable);
}

#[test]
fn words_with_a_passphrase_say_so_and_plain_secrets_have_none() {
    let home = folder();
    let store = Keystore::with_kdf(home.path(), QUICK);
    let words = Mnemonic::from_entropy(&[6; 16]).expect("16 bytes give 12 words");
    let material = KeyMaterial::from_mnemonic(&words, "extra", 4).expect("account 4 is in range");
    store.import(&name("a"), &password("p"), &material).expect("the name is free");
    let exported = store.export_mnemonic(&name("a"), &password("p")).expect("it has words");
    assert_eq!((exported.mnemonic, exported.account, exported.needs_passphrase), (words, 4, true));

    let plain = KeyMaterial::from_secret(SecretKey::from_seed([8; 32]));
    store.import(&name("b"), &password("p"), &plain).expect("the name is free");
    assert_eq!(store.unlock(&name("b"), &password("p")).expect("right").key.seed(), &[8; 32]);
    let error = store.export_mnemonic(&name("b"), &password("p")).expect_err("it has no words");
    assert!(matches!(error, KeystoreError::NoWords { .. }), "{error}");
}

#[test]
fn debug_shows_no_secret() {
    let material = KeyMaterial::from_secret(SecretKey::from_seed([8; 32]));
    let shown = format!("{material:?} {:?} {:?}", password("hunter2"), material.secret());
    assert!(!shown.contains("hunter2") && !shown.contains("0808"), "{shown}");
}
