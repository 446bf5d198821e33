//! What is signed and what is refused, one by one and against a model.

use std::collections::BTreeMap;

use primitives::actions::witness::Attestation;
use primitives::{
    Action, Address, Amount, BoundedVec, Hash, Height, Signature, StakeAction, TimetokeAction, TransactionBody, Vote,
    VoteKind, WitnessAction,
};
use testkit::Seed;

use super::{FEE_MAX, GENESIS, begin, heartbeat, hello, key, open, own, proposal, ticket, vote};
use crate::message::{Answer, Logged, RefusalCode, Request};

/// The signature, or the code of the refusal.
fn signed(answer: Answer) -> Result<Signature, RefusalCode> {
    match answer {
        Answer::Signature(signature) => Ok(signature),
        Answer::Refused(refusal) => Err(refusal.code),
        other => panic!("neither signed nor refused: {other:?}"),
    }
}

#[test]
fn votes_and_proposals_are_signed_once_for_each_place_as_the_local_guard_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    let mut ask = |request: Request| signed(signer.answer(&request));
    let prevote = |value| Request::Vote(vote(VoteKind::Prevote, 5, 1, value));
    let first = ask(prevote(1)).expect("nothing is signed yet");
    assert!(key().public_key().verify(&vote(VoteKind::Prevote, 5, 1, 1).signing_bytes(&GENESIS), &first));
    assert_eq!(ask(prevote(1)), Ok(first), "the same message gets the stored signature");
    assert_eq!(ask(prevote(2)), Err(RefusalCode::Conflict));
    assert_eq!(ask(Request::Proposal(proposal(5, 1, 1))), Err(RefusalCode::Below), "a proposal comes before a prevote");
    let offer = ask(Request::Proposal(proposal(5, 2, 1))).expect("a later round");
    assert!(key().public_key().verify(&proposal(5, 2, 1).signing_bytes(&GENESIS), &offer));
    assert_eq!(ask(Request::Vote(vote(VoteKind::Precommit, 4, 9, 1))), Err(RefusalCode::Below));
}

#[test]
fn a_message_of_somebody_else_and_of_another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    let stranger = Address([1; 30]);
    let requests = [
        Request::Vote(Vote { voter: stranger, ..vote(VoteKind::Prevote, 5, 1, 1) }),
        Request::Proposal(primitives::Proposal { proposer: stranger, ..proposal(5, 1, 1) }),
        Request::Heartbeat(primitives::actions::timetoke::Heartbeat { identity: stranger, ..heartbeat(1, 1) }),
        Request::Attestation(Attestation { identity: stranger, height: Height(1), seed: GENESIS, value: GENESIS }),
        Request::Duty(TransactionBody { payer: stranger, ..ticket() }),
    ];
    for request in requests {
        assert_eq!(signed(signer.answer(&request)), Err(RefusalCode::NotOwn), "{request:?}");
    }
    assert_eq!(signed(signer.answer(&hello(Hash([8; 32])))), Err(RefusalCode::OtherChain));
    let Answer::Welcome(welcome) = signer.answer(&hello(GENESIS)) else { panic!("the same chain is welcome") };
    assert_eq!((welcome.key, welcome.genesis, welcome.highest), (key().public_key(), GENESIS, None));
}

#[test]
fn no_transaction_is_signed_but_a_cheap_duty_of_the_validator() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    let mut ask = |body: TransactionBody| signed(signer.answer(&Request::Duty(body)));
    let signature = ask(ticket()).expect("a ticket is a duty");
    assert!(key().public_key().verify(&ticket().signing_bytes(&GENESIS), &signature));

    let with = |action: Action| TransactionBody { lane: action.lane(), action, ..ticket() };
    let beat = heartbeat(3, 1).sign(&key(), &GENESIS);
    let own_beats = Action::Timetoke(TimetokeAction::Heartbeats { list: BoundedVec::new(vec![beat]).unwrap() });
    assert!(ask(with(own_beats)).is_ok());
    let mut other = beat;
    other.heartbeat.identity = Address([1; 30]);
    let others_beats = Action::Timetoke(TimetokeAction::Heartbeats { list: BoundedVec::new(vec![other]).unwrap() });
    let refused = [
        others_beats,
        Action::Transfer(primitives::Transfer {
            to: Address([1; 30]),
            amount: Amount::new(5).unwrap(),
            memo: primitives::Memo::default(),
        }),
        Action::Stake(StakeAction::Unbond { validator: own(), amount: Amount::new(5).unwrap() }),
        Action::Witness(WitnessAction::Claim),
    ];
    for action in refused {
        let name = action.name();
        assert_eq!(ask(with(action)), Err(RefusalCode::NotADuty), "{name}");
    }
    let dear = Amount::new(FEE_MAX + 1).unwrap();
    assert_eq!(ask(TransactionBody { max_fee: dear, ..ticket() }), Err(RefusalCode::TooDear));
    assert_eq!(ask(TransactionBody { tip: Amount::new(1).unwrap(), ..ticket() }), Err(RefusalCode::TooDear));
    let lane = primitives::Lane::ALL.into_iter().find(|lane| *lane != ticket().lane).unwrap();
    assert_eq!(ask(TransactionBody { lane, ..ticket() }), Err(RefusalCode::NotADuty));
}

#[test]
fn one_answer_is_signed_for_each_challenge_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    let first = signed(signer.answer(&Request::Heartbeat(heartbeat(7, 1)))).expect("nothing is answered yet");
    drop(signer);
    let mut signer = open(folder.path()).expect("both files are there");
    let mut ask = |challenge, value| signed(signer.answer(&Request::Heartbeat(heartbeat(challenge, value))));
    assert_eq!(ask(7, 1), Ok(first));
    assert_eq!(ask(7, 2), Err(RefusalCode::Conflict), "another answer to the same challenge is evidence");
    assert_eq!(ask(6, 1), Err(RefusalCode::Conflict), "what was signed for it is not known any more");
    assert!(ask(8, 2).is_ok());
}

#[test]
fn a_guard_or_a_mark_that_is_gone_or_of_another_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(begin(folder.path()));
    for name in ["guard.log", "heartbeats.json"] {
        let (path, aside) = (folder.path().join(name), folder.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        let refused = open(folder.path()).expect_err("it is never made anew").to_string();
        assert!(refused.contains("is missing") && refused.contains(name), "{refused}");
        std::fs::rename(&aside, &path).unwrap();
    }
    let mark = folder.path().join("heartbeats.json");
    let text = std::fs::read_to_string(&mark).unwrap();
    std::fs::write(&mark, text.replace(&GENESIS.to_string(), &Hash([8; 32]).to_string())).unwrap();
    assert!(open(folder.path()).expect_err("another chain").to_string().contains("belongs to the chain"));
    std::fs::write(&mark, &text[..text.len() - 5]).unwrap();
    assert!(open(folder.path()).expect_err("cut short").to_string().contains("is damaged"));
}

#[test]
fn a_guard_behind_the_store_or_the_log_is_refused_as_by_the_local_signer() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    let code = |answer: Answer| match answer {
        Answer::Refused(refusal) => Some(refusal.code),
        _ => None,
    };
    signed(signer.answer(&Request::Vote(vote(VoteKind::Prevote, 5, 0, 1)))).unwrap();
    assert_eq!(signer.answer(&Request::Reaches(Height(5))), Answer::Done);
    assert_eq!(code(signer.answer(&Request::Reaches(Height(6)))), Some(RefusalCode::Guard));
    let recover =
        |logged: Vec<Logged>| Request::Recover { finalized: Height(4), logged: BoundedVec::new(logged).unwrap() };
    let above = Logged::Vote(vote(VoteKind::Precommit, 5, 0, 1));
    assert_eq!(code(signer.answer(&recover(vec![above]))), Some(RefusalCode::Guard));
    let other = Logged::Vote(vote(VoteKind::Prevote, 5, 0, 2));
    assert_eq!(code(signer.answer(&recover(vec![other]))), Some(RefusalCode::Guard));
    let same = Logged::Vote(vote(VoteKind::Prevote, 5, 0, 1));
    assert_eq!(signer.answer(&recover(vec![same])), Answer::Recovered { held: None });
}

#[test]
fn a_lock_that_a_log_has_lost_is_held_also_after_the_signer_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    signed(signer.answer(&Request::Vote(vote(VoteKind::Precommit, 5, 0, 1)))).unwrap();
    let lost = Request::Recover { finalized: Height(4), logged: BoundedVec::default() };
    let Answer::Recovered { held: Some(held) } = signer.answer(&lost) else { panic!("the lock is not in the log") };
    assert_eq!((held.height, held.round.0), (Height(5), 0));
    drop(signer);
    // The node keeps running and says nothing of its log again.
    let mut signer = open(folder.path()).unwrap();
    let mut ask = |kind, round, value| signed(signer.answer(&Request::Vote(vote(kind, 5, round, value))));
    assert_eq!(ask(VoteKind::Prevote, 1, 2), Err(RefusalCode::Held), "a prevote against the lock");
    assert!(ask(VoteKind::Prevote, 1, 1).is_ok(), "for the same block");
    assert!(ask(VoteKind::Precommit, 1, 2).is_ok(), "consensus has a lock as new");
    assert!(ask(VoteKind::Prevote, 2, 2).is_ok(), "and the hold is over");
}

#[test]
fn after_a_write_that_failed_nothing_more_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = begin(folder.path());
    // The mark is written anew beside itself, which needs the folder.
    std::fs::remove_dir_all(folder.path()).unwrap();
    std::fs::write(folder.path(), b"no folder").unwrap();
    assert_eq!(signed(signer.answer(&Request::Heartbeat(heartbeat(1, 1)))), Err(RefusalCode::Poisoned));
    std::fs::remove_file(folder.path()).unwrap();
    std::fs::create_dir(folder.path()).unwrap();
    for request in
        [Request::Heartbeat(heartbeat(2, 1)), Request::Vote(vote(VoteKind::Prevote, 1, 0, 1)), Request::Duty(ticket())]
    {
        assert_eq!(signed(signer.answer(&request)), Err(RefusalCode::Poisoned), "{request:?}");
    }
}

/// Nodes that restart, lose their logs and race each other ask a signer that restarts too: for one place there is one
/// signed message, and for one challenge one answer.
#[test]
fn no_sequence_of_requests_gets_two_signatures_for_one_place() {
    let mut random = Seed::new();
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let mut signer = begin(folder.path());
        let mut places: BTreeMap<(u64, u32, u8), u8> = BTreeMap::new();
        let mut challenges: BTreeMap<u64, u8> = BTreeMap::new();
        let mut highest = (0, 0, 0);
        for _ in 0..120 {
            let small = |random: &mut Seed, below| u8::try_from(random.below(below)).unwrap();
            let (height, round) = (1 + random.below(4), u32::from(small(&mut random, 3)));
            let (step, value) = (small(&mut random, 3), 1 + small(&mut random, 3));
            match random.below(10) {
                0 => {
                    drop(signer);
                    signer = open(folder.path()).expect("whole after every restart");
                }
                1 => {
                    let finalized = Height(random.below(3));
                    let request = Request::Recover { finalized, logged: BoundedVec::default() };
                    assert!(matches!(signer.answer(&request), Answer::Recovered { .. }));
                }
                2 => {
                    let challenge = random.below(6);
                    if signed(signer.answer(&Request::Heartbeat(heartbeat(challenge, value)))).is_ok() {
                        let before = *challenges.entry(challenge).or_insert(value);
                        testkit::safety!(before == value, "two answers to challenge {challenge}");
                    }
                }
                _ => {
                    let request = match step {
                        0 => Request::Proposal(proposal(height, round, value)),
                        1 => Request::Vote(vote(VoteKind::Prevote, height, round, value)),
                        _ => Request::Vote(vote(VoteKind::Precommit, height, round, value)),
                    };
                    let place = (height, round, step);
                    let is_new = !places.contains_key(&place);
                    if signed(signer.answer(&request)).is_ok() {
                        let before = *places.entry(place).or_insert(value);
                        testkit::safety!(before == value, "two messages at {place:?}");
                        testkit::safety!(!is_new || place > highest, "{place:?} is new and below {highest:?}");
                        highest = highest.max(place);
                    }
                }
            }
        }
        assert!(!places.is_empty(), "something was signed");
    }
}
