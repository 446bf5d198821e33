//! Refused starts: what happened and what to do next come apart at the right place.

use std::path::PathBuf;

use consensus::EngineError;
use consensus::wal::WalError;
use node::{StartError, StateSyncError, Told};
use wallet::{GuardError, KeyFileError};

#[test]
fn a_cause_with_a_semicolon_does_not_move_the_hint() {
    let cause = "the disk says a; b".to_owned();
    let error = StartError::GenesisFile { path: PathBuf::from("/home/genesis.json"), cause };
    let told = error.told();
    assert_eq!(told.what, "cannot read the genesis file /home/genesis.json: the disk says a; b");
    assert!(told.hint.starts_with("copy the chain's genesis.json"), "{told:?}");
}

#[test]
fn reasons_of_dropped_sources_stay_whole_and_the_last_hint_counts() {
    let dropped = "http://a (no chunk; it was asked three times), http://b (it is busy; next: wait)".to_owned();
    let told = StartError::from(StateSyncError::NoSnapshot { dropped: dropped.clone() }).told();
    assert_eq!(told.what, format!("no source gave a snapshot that holds: {dropped}"));
    assert_eq!(told.hint, "name other nodes with --peer-url, or start without --state-sync");
}

#[test]
fn every_refusal_of_another_crate_brings_its_hint() {
    let guard = GuardError::Missing { path: PathBuf::from("guard.log") };
    let key = KeyFileError::Missing { path: PathBuf::from("validator_key.json") };
    let wal = WalError::InUse { path: PathBuf::from("consensus.wal") };
    let errors = [StartError::Guard(guard), StartError::KeyFile(key), StartError::Engine(EngineError::Wal(wal))];
    for error in errors {
        let Told { what, hint } = error.told();
        assert!(!what.is_empty() && hint != "correct the cause and start the node again", "{what} / {hint}");
    }
}
