//! Key files of nodes and validators: both protections, roles, permissions, damage.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use primitives::SecretKey;
use testkit::Seed;

use super::{QUICK, folder, password, put};
use crate::key_file::{KeyFileError, NodeKey, Protect, ValidatorKey, VrfKey, read_password};
use crate::seal::{PasswordError, SealError};

fn validator() -> ValidatorKey {
    ValidatorKey::from_seeds([1; 32], [2; 32])
}

#[test]
fn both_protections_give_the_same_keys_back() {
    let home = folder();
    let secret = password("p");
    for (file, protect, given) in
        [("plain.json", Protect::Plain, None), ("sealed.json", Protect::Password(&secret, QUICK), Some(&secret))]
    {
        let path = home.path().join("config").join(file);
        validator().write(&path, protect).expect("the name is free");
        assert_eq!(fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o600);
        let loaded = ValidatorKey::load(&path, given).expect("it was just written");
        assert_eq!((loaded.key.consensus.seed(), loaded.key.vrf.seed()), (&[1; 32], &[2; 32]));
        assert_eq!(loaded.warning, None);
        let error = validator().write(&path, protect).expect_err("the name is taken");
        assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    }
    let sealed = fs::read_to_string(home.path().join("config/sealed.json")).expect("it is text");
    assert!(!sealed.contains(&hex::encode([1; 32])) && !sealed.contains(&hex::encode([2; 32])));

    let path = home.path().join("node_key.json");
    NodeKey { identity: SecretKey::from_seed([4; 32]) }.write(&path, Protect::Plain).expect("the name is free");
    assert_eq!(NodeKey::load(&path, None).expect("it was just written").key.identity.seed(), &[4; 32]);
}

#[test]
fn every_refusal_has_a_name() {
    let home = folder();
    let path = |file: &str| home.path().join(file);
    let load = |file: &str, given: Option<&str>| {
        ValidatorKey::load(&path(file), given.map(password).as_ref()).expect_err("it must be refused")
    };
    assert!(matches!(load("missing", None), KeyFileError::Missing { .. }));

    validator().write(&path("sealed"), Protect::Password(&password("p"), QUICK)).expect("the name is free");
    assert!(matches!(load("sealed", None), KeyFileError::PasswordNeeded { .. }));
    assert!(matches!(load("sealed", Some("q")), KeyFileError::Seal { cause: SealError::WrongPassword, .. }));

    NodeKey { identity: SecretKey::from_seed([4; 32]) }.write(&path("node"), Protect::Plain).expect("the name is free");
    assert!(matches!(load("node", None), KeyFileError::Role { found: "node", wanted: "validator", .. }));

    validator().write(&path("plain"), Protect::Plain).expect("the name is free");
    let text = fs::read_to_string(path("plain")).expect("it is text");
    let rewrite = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in the file");
        fs::write(path("plain"), text.replace(from, to)).expect("it is ours");
    };
    rewrite("\"version\": 1", "\"version\": 7");
    assert!(matches!(load("plain", None), KeyFileError::Version { version: 7, .. }));
    for (from, to) in [
        (&hex::encode([1; 32]), hex::encode([3; 32])),
        (&hex::encode([2; 32]), hex::encode([3; 32])),
        (&hex::encode([2; 32]), String::new()),
        (&hex::encode([2; 32]), hex::encode([2; 33])),
        (&hex::encode([2; 32]), "xyz".to_owned()),
    ] {
        rewrite(from, &to);
        let error = load("plain", None);
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{to}: {error}");
        assert!(!error.to_string().contains(&hex::encode([1; 32])), "the message quotes the secret");
    }
}

#[test]
fn a_plain_file_that_others_can_read_is_refused_and_a_sealed_one_warned_about() {
    let home = folder();
    let (plain, sealed) = (home.path().join("plain"), home.path().join("sealed"));
    validator().write(&plain, Protect::Plain).expect("the name is free");
    validator().write(&sealed, Protect::Password(&password("p"), QUICK)).expect("the name is free");
    for path in [&plain, &sealed] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("it is ours");
    }
    let error = ValidatorKey::load(&plain, None).expect_err("it is open to others");
    assert!(matches!(error, KeyFileError::OpenToOthers(_)) && error.to_string().contains("chmod 600"), "{error}");
    let loaded = ValidatorKey::load(&sealed, Some(&password("p"))).expect("it is encrypted");
    assert_eq!(loaded.warning.expect("it is open to others").mode, 0o644);
}

#[test]
fn cut_flipped_or_random_files_never_panic_and_never_give_another_key() {
    let home = folder();
    let path = home.path().join("key");
    validator().write(&path, Protect::Plain).expect("the name is free");
    let whole = fs::read(&path).expect("it was just written");
    let attempt = |bytes: &[u8]| {
        put(&path, bytes);
        ValidatorKey::load(&path, None)
    };
    for length in 0..whole.len() {
        assert!(attempt(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(loaded) = attempt(&flipped) {
                assert_eq!((loaded.key.consensus.seed(), loaded.key.vrf.seed()), (&[1; 32], &[2; 32]), "byte {at}");
            }
        }
    }
    let mut seed = Seed::new();
    for _ in 0..200 {
        let length = seed.index(400);
        assert!(attempt(&seed.bytes(length)).is_err());
    }
}

#[test]
fn the_first_line_of_a_password_file_is_the_password() {
    let home = folder();
    let path = home.path().join("password");
    let key = home.path().join("key");
    validator().write(&key, Protect::Password(&password("open sesame"), QUICK)).expect("the name is free");
    for text in ["open sesame", "open sesame\n", "open sesame\r\nsecond line"] {
        fs::write(&path, text).expect("it is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let read = read_password(&path).expect("it is a password");
        assert_eq!(read.warning, None);
        ValidatorKey::load(&key, Some(&read.key)).expect("the password is right");
    }
    let refused = |text: &[u8]| {
        fs::write(&path, text).expect("it is ours");
        read_password(&path).expect_err("it is no password")
    };
    assert!(matches!(refused(b""), KeyFileError::Password { cause: PasswordError::Empty, .. }));
    assert!(matches!(refused(b"\nsecond"), KeyFileError::Password { cause: PasswordError::Empty, .. }));
    assert!(matches!(refused(&[b'a'; 2_000]), KeyFileError::Password { cause: PasswordError::TooLong, .. }));
    assert!(matches!(refused(&[0xff]), KeyFileError::Damaged { .. }));
    let missing = read_password(&home.path().join("nowhere")).expect_err("there is none");
    assert!(matches!(missing, KeyFileError::PasswordMissing { .. }), "{missing}");
}

#[test]
fn what_stays_at_the_node_is_the_vrf_secret_and_names_the_validator() {
    let home = folder();
    let secret = password("p");
    for (file, protect, given) in
        [("plain.json", Protect::Plain, None), ("sealed.json", Protect::Password(&secret, QUICK), Some(&secret))]
    {
        let path = home.path().join(file);
        VrfKey::of(&validator()).write(&path, protect).expect("the name is free");
        let loaded = VrfKey::load(&path, given).expect("it was just written").key;
        assert_eq!((loaded.validator, loaded.vrf.seed()), (validator().consensus.public_key(), &[2; 32]));
        let text = fs::read_to_string(&path).expect("it is text");
        assert!(!text.contains(&hex::encode([1; 32])), "the consensus secret is not in it");
        let refused = ValidatorKey::load(&path, given).expect_err("it is no validator's file");
        assert!(matches!(refused, KeyFileError::Role { found: "vrf", wanted: "validator", .. }), "{refused}");
    }
}
