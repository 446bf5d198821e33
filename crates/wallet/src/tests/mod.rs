//! Tests of the wallet: official vectors, key files, the double-sign guard against a model, crashes of it in
//! processes of their own, planning.

mod guard;
mod guard_file;
mod guard_process;
mod handover;
mod key_file;
mod keystore;
mod plan;
mod protection;
mod stream;
mod vectors;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use primitives::{Address, Hash, Height, Proposal, Round, SecretKey, Signature, Vote, VoteKind};

use crate::seal::{KdfParams, Password};
use crate::signer::{SignRefusal, SignedStep, ValidatorSigner};

/// A key derivation that costs milliseconds: the smallest that is allowed.
const QUICK: KdfParams = KdfParams { memory_kib: 8 * 1_024, passes: 1, lanes: 1 };

/// The chain of the guard tests.
const GENESIS: Hash = Hash([9; 32]);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("the temporary folder can be written")
}

/// Writes a file that only we can read. The old one is removed first: a file system that protects files which are
/// written over would sync each one, which takes these tests from milliseconds to seconds.
fn put(path: &Path, bytes: &[u8]) {
    if path.exists() {
        fs::remove_file(path).expect("it is ours");
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).expect("it is ours");
    file.write_all(bytes).expect("it is ours");
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).expect("the text is a password")
}

/// The key of the guard tests.
fn key() -> SecretKey {
    SecretKey::from_seed([3; 32])
}

/// The signed bytes of [`key`]'s message for a place; `value` chooses between different messages.
fn message(step: SignedStep, height: u64, round: u32, value: u8) -> Vec<u8> {
    message_of(&key(), &GENESIS, step, height, round, value)
}

fn message_of(key: &SecretKey, genesis: &Hash, step: SignedStep, height: u64, round: u32, value: u8) -> Vec<u8> {
    let (height, round) = (Height(height), Round(round));
    let who = Address::of_key(&key.public_key());
    let vote = |kind| Vote { kind, height, round, value: (value > 0).then_some(Hash([value; 32])), voter: who };
    match step {
        SignedStep::Proposal => {
            Proposal { height, round, value: Hash([value; 32]), pol_round: None, proposer: who }.signing_bytes(genesis)
        }
        SignedStep::Prevote => vote(VoteKind::Prevote).signing_bytes(genesis),
        SignedStep::Precommit => vote(VoteKind::Precommit).signing_bytes(genesis),
    }
}

/// Asks for the signature of [`message`] at its own place.
fn ask(
    signer: &mut ValidatorSigner,
    step: SignedStep,
    height: u64,
    round: u32,
    value: u8,
) -> Result<Signature, SignRefusal> {
    signer.sign(step, Height(height), Round(round), &message(step, height, round, value))
}
