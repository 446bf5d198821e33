//! What a signer signs and what it refuses: the key, its guard, and the rules, without network or clock.
//!
//! | request | signed when |
//! |---|---|
//! | vote, proposal | it is this validator's, and the guard allows it (GRD-1 … GRD-14) |
//! | heartbeat | it is this validator's, and no other answer to this or a later challenge was signed |
//! | attestation | it is this validator's |
//! | duty | payer is this validator, the action is one of the duties, no tip, and at most [`Limits::fee_max`] |
//!
//! Rules
//! - The signed bytes are made here, from the fields and the genesis hash of the start. Nobody names a domain.
//! - Nothing else is ever signed: no transfer, no stake, no rotation of keys, no proof of possession, no raw bytes.
//! - A guard's refusal passes through by name; after a failed write everything is refused until the next start.
//!
//! What a stolen node can still ask for: one message of its choice for each place that is not signed yet, attestations,
//! and duties for which the validator's account pays fees.
//!
//! Read next: `wallet/src/signer/mod.rs`, `spec/signer.md`.

use std::path::Path;

use primitives::actions::timetoke::Heartbeat;
use primitives::actions::witness::Attestation;
use primitives::{
    Action, Address, Amount, FormatVersion, Hash, LotteryAction, Proposal, PublicKey, SecretKey, Signature,
    TimetokeAction, TransactionBody, Vote, VoteKind, WitnessAction,
};
use wallet::signer::{GuardCrashPoint, GuardError, HeartbeatMark, Position, SignRefusal, SignedStep, ValidatorSigner};

use crate::message::{Answer, Logged, Place, Refusal, RefusalCode, Request, Welcome};

/// What a signer is told about money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most that one duty may offer as its fee, µBLOCK.
    pub fee_max: Amount,
}

/// The key behind its guard and the rules.
#[derive(Debug)]
pub struct Keyholder {
    key: SecretKey,
    address: Address,
    genesis: Hash,
    guard: ValidatorSigner,
    heartbeats: HeartbeatMark,
    limits: Limits,
    poisoned: Option<String>,
}

impl Keyholder {
    /// Opens the guard and the mark of heartbeats of this key. Both must be there.
    ///
    /// # Errors
    /// [`GuardError`].
    pub fn open(
        key: SecretKey,
        guard: &Path,
        heartbeats: &Path,
        genesis: Hash,
        limits: Limits,
    ) -> Result<Self, GuardError> {
        let public = key.public_key();
        let guard = ValidatorSigner::open(key.clone(), guard, &genesis, false)?;
        let heartbeats = HeartbeatMark::open(heartbeats, public, genesis)?;
        Ok(Self { key, address: Address::of_key(&public), genesis, guard, heartbeats, limits, poisoned: None })
    }

    /// The public half of the key.
    pub fn public_key(&self) -> PublicKey {
        self.guard.public_key()
    }

    /// The chain that it signs for.
    pub const fn genesis(&self) -> Hash {
        self.genesis
    }

    /// The highest place that is signed.
    pub fn highest(&self) -> Option<Place> {
        self.guard.highest().map(|(height, round, step)| Position { height, round, step }.into())
    }

    /// Makes the process abort at this place of the guard's next write. For crash tests.
    pub fn set_crash_point(&mut self, point: Option<GuardCrashPoint>) {
        self.guard.set_crash_point(point);
    }

    /// The answer to a request.
    pub fn answer(&mut self, request: &Request) -> Answer {
        if let (Some(reason), false) = (&self.poisoned, matches!(request, Request::Hello { .. })) {
            return Answer::Refused(Refusal::new(RefusalCode::Poisoned, reason));
        }
        let answered = match request {
            Request::Hello { genesis, .. } => self.hello(genesis),
            Request::Vote(vote) => self.vote(vote).map(Answer::Signature),
            Request::Proposal(proposal) => self.proposal(proposal).map(Answer::Signature),
            Request::Heartbeat(heartbeat) => self.heartbeat(heartbeat).map(Answer::Signature),
            Request::Attestation(attestation) => self.attestation(attestation).map(Answer::Signature),
            Request::Duty(body) => self.duty(body).map(Answer::Signature),
            Request::Reaches(height) => {
                self.guard.check_not_behind(*height).map(|()| Answer::Done).map_err(|error| guard(&error))
            }
            Request::Recover { finalized, logged } => {
                let messages: Vec<(Position, Vec<u8>)> = logged.iter().map(|one| self.place_of(one)).collect();
                let known = messages.iter().map(|(position, bytes)| (*position, bytes.as_slice()));
                let held = self.guard.recover(*finalized, known);
                held.map(|held| Answer::Recovered { held: held.map(Place::from) }).map_err(|error| guard(&error))
            }
        };
        answered.unwrap_or_else(Answer::Refused)
    }

    fn hello(&self, genesis: &Hash) -> Result<Answer, Refusal> {
        if *genesis != self.genesis {
            let text =
                format!("this signer signs for the chain with genesis {}, the node is of {genesis}", self.genesis);
            return Err(Refusal::new(RefusalCode::OtherChain, text));
        }
        let (key, highest) = (self.public_key(), self.highest());
        Ok(Answer::Welcome(Welcome { version: FormatVersion, genesis: self.genesis, key, highest }))
    }

    fn vote(&mut self, vote: &Vote) -> Result<Signature, Refusal> {
        self.own(vote.voter)?;
        let bytes = vote.signing_bytes(&self.genesis);
        self.guard.sign(step_of(vote), vote.height, vote.round, &bytes).map_err(|refusal| guarded(&refusal))
    }

    fn proposal(&mut self, proposal: &Proposal) -> Result<Signature, Refusal> {
        self.own(proposal.proposer)?;
        let bytes = proposal.signing_bytes(&self.genesis);
        let signed = self.guard.sign(SignedStep::Proposal, proposal.height, proposal.round, &bytes);
        signed.map_err(|refusal| guarded(&refusal))
    }

    fn heartbeat(&mut self, heartbeat: &Heartbeat) -> Result<Signature, Refusal> {
        self.own(heartbeat.identity)?;
        let bytes = heartbeat.signing_bytes(&self.genesis);
        match self.heartbeats.allow(heartbeat.challenge, &bytes) {
            Ok(true) => Ok(self.key.sign(&bytes)),
            Ok(false) => {
                let text = format!("challenge {} or a later one is answered already", heartbeat.challenge);
                Err(Refusal::new(RefusalCode::Conflict, text))
            }
            Err(cause) => {
                let reason =
                    format!("the mark of heartbeats could not be written: {cause}; free the disk and start again");
                self.poisoned = Some(reason.clone());
                Err(Refusal::new(RefusalCode::Poisoned, reason))
            }
        }
    }

    fn attestation(&self, attestation: &Attestation) -> Result<Signature, Refusal> {
        self.own(attestation.identity)?;
        Ok(self.key.sign(&attestation.signing_bytes(&self.genesis)))
    }

    fn duty(&self, body: &TransactionBody) -> Result<Signature, Refusal> {
        self.own(body.payer)?;
        let is_duty = match &body.action {
            Action::Timetoke(TimetokeAction::Heartbeats { list }) => {
                list.iter().all(|signed| signed.heartbeat.identity == self.address)
            }
            Action::Witness(WitnessAction::Attest { list }) => {
                list.iter().all(|signed| signed.attestation.identity == self.address)
            }
            Action::Lottery(LotteryAction::Submit { .. }) => true,
            _ => false,
        };
        if !is_duty || body.lane != body.action.lane() {
            let text = format!("{} is no duty of a validator: sign it with the key at hand", body.action.name());
            return Err(Refusal::new(RefusalCode::NotADuty, text));
        }
        if body.tip != Amount::ZERO || body.max_fee > self.limits.fee_max {
            let (offered, most) = (body.max_fee, self.limits.fee_max);
            let text = format!("a duty pays no tip and at most {most}, this one offers {offered}; see --fee-max");
            return Err(Refusal::new(RefusalCode::TooDear, text));
        }
        Ok(self.key.sign(&body.signing_bytes(&self.genesis)))
    }

    fn own(&self, named: Address) -> Result<(), Refusal> {
        let text = || format!("the message is of {named}, this is the key of {}", self.address);
        if named == self.address { Ok(()) } else { Err(Refusal::new(RefusalCode::NotOwn, text())) }
    }

    fn place_of(&self, logged: &Logged) -> (Position, Vec<u8>) {
        match logged {
            Logged::Vote(vote) => {
                let position = Position { height: vote.height, round: vote.round, step: step_of(vote) };
                (position, vote.signing_bytes(&self.genesis))
            }
            Logged::Proposal(proposal) => {
                let (height, round) = (proposal.height, proposal.round);
                let position = Position { height, round, step: SignedStep::Proposal };
                (position, proposal.signing_bytes(&self.genesis))
            }
        }
    }
}

const fn step_of(vote: &Vote) -> SignedStep {
    match vote.kind {
        VoteKind::Prevote => SignedStep::Prevote,
        VoteKind::Precommit => SignedStep::Precommit,
    }
}

fn guard(error: &GuardError) -> Refusal {
    Refusal::new(RefusalCode::Guard, error)
}

fn guarded(refusal: &SignRefusal) -> Refusal {
    let code = match refusal {
        SignRefusal::Conflict(_) => RefusalCode::Conflict,
        SignRefusal::Below { .. } => RefusalCode::Below,
        SignRefusal::Held { .. } => RefusalCode::Held,
        SignRefusal::WrongMessage { .. } | SignRefusal::Guarded => RefusalCode::NotOwn,
        SignRefusal::Poisoned(_) => RefusalCode::Poisoned,
    };
    Refusal::new(code, refusal)
}
