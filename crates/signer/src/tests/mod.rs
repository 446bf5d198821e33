//! Tests of the remote signer: the formats, the rules against a model, and real connections with real certificates.

mod discovery;
mod formats;
mod guests;
mod keyholder;
mod wire;

use std::path::Path;

use primitives::actions::timetoke::Heartbeat;
use primitives::{
    Action, Address, Amount, FormatVersion, Hash, Height, LotteryAction, Nonce, Proposal, Round, SecretKey,
    TransactionBody, Vote, VoteKind, VrfSecretKey,
};
use wallet::signer::{HeartbeatMark, ValidatorSigner};

use crate::keyholder::{Keyholder, Limits};
use crate::message::Request;

/// The chain of these tests.
const GENESIS: Hash = Hash([9; 32]);
/// What a duty may cost here.
const FEE_MAX: u64 = 1_000;

fn key() -> SecretKey {
    SecretKey::from_seed([3; 32])
}

fn own() -> Address {
    Address::of_key(&key().public_key())
}

/// A signer with a new guard in `folder`.
fn begin(folder: &Path) -> Keyholder {
    let (guard, mark) = (folder.join("guard.log"), folder.join("heartbeats.json"));
    drop(ValidatorSigner::open(key(), &guard, &GENESIS, true).expect("a new guard"));
    HeartbeatMark::create(&mark, key().public_key(), GENESIS).expect("a new mark");
    open(folder).expect("both were made")
}

fn open(folder: &Path) -> Result<Keyholder, wallet::GuardError> {
    let limits = Limits { fee_max: Amount::new(FEE_MAX).expect("a small amount") };
    Keyholder::open(key(), &folder.join("guard.log"), &folder.join("heartbeats.json"), GENESIS, limits)
}

/// A vote of ours; `value` 0 is nil.
fn vote(kind: VoteKind, height: u64, round: u32, value: u8) -> Vote {
    let value = (value > 0).then_some(Hash([value; 32]));
    Vote { kind, height: Height(height), round: Round(round), value, voter: own() }
}

fn proposal(height: u64, round: u32, value: u8) -> Proposal {
    let (height, round, value) = (Height(height), Round(round), Hash([value; 32]));
    Proposal { height, round, value, pol_round: None, proposer: own() }
}

fn heartbeat(challenge: u64, value: u8) -> Heartbeat {
    Heartbeat { identity: own(), challenge, seed: Hash([1; 32]), value: Hash([value; 32]) }
}

/// A duty: a lottery ticket.
fn ticket() -> TransactionBody {
    let proof = VrfSecretKey::from_seed([5; 32]).prove(b"a ticket").expect("a proof");
    let action = Action::Lottery(LotteryAction::Submit { epoch: 7, proof });
    TransactionBody {
        version: FormatVersion,
        payer: own(),
        nonce: Nonce::new(4).expect("a small number"),
        lane: action.lane(),
        tip: Amount::ZERO,
        max_fee: Amount::new(FEE_MAX).expect("a small amount"),
        valid_until: Height(9),
        action,
    }
}

fn hello(genesis: Hash) -> Request {
    Request::Hello { version: FormatVersion, genesis }
}
