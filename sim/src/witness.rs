//! Who signed what: every signed message that any validator sends, seen before the network may lose it.
//!
//! Model: the witness knows the public keys and nothing else. From two signed messages for one place it names the
//! equivocator. From the order of votes at one height it finds a validator that voted against its own lock: it
//! precommitted a block and, in a later round, prevoted another one although no two thirds had prevoted that one in
//! between. No two messages prove that, so it is counted as *unattributed*; of an honest validator it is a broken
//! property.
//!
//! Rules
//! - Only messages whose signature verifies count: what somebody forged says nothing about its sender.
//! - Heights more than [`KEPT_HEIGHTS`] below the highest final one are forgotten.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use consensus::SignedStep;
use consensus::machine::{Channel, Signed, Verdicts, decode_signed};
use primitives::{Address, Hash, Height, PublicKey, Round, ValidatorSet, VoteKind};

use crate::chain::Keys;
use crate::properties::{Broken, Check, Property};

/// Final heights that are kept: late messages are about the last few.
pub const KEPT_HEIGHTS: u64 = 8;

/// Round, step, validator.
type Place = (Round, SignedStep, u16);

struct Member {
    number: u16,
    key: PublicKey,
}

/// What was said at a place: the block, or nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Said {
    value: Option<Hash>,
    pol_round: Option<Round>,
}

/// The witness of a run.
pub struct Witness {
    genesis: Hash,
    members: BTreeMap<Address, Member>,
    verdicts: Verdicts,
    sets: BTreeMap<Height, ValidatorSet>,
    said: BTreeMap<Height, BTreeMap<Place, Said>>,
    equivocators: BTreeSet<u16>,
    unattributed: u64,
}

impl Witness {
    /// The witness of a chain with so many validators, of which `first` decides the first height.
    pub fn new(keys: Keys, validators: u16, (genesis, first): (Hash, ValidatorSet), verdicts: Verdicts) -> Self {
        let members = (0..validators).map(|number| {
            let key = keys.validator(number).public_key();
            (Address::of_key(&key), Member { number, key })
        });
        Self {
            genesis,
            members: members.collect(),
            verdicts,
            sets: BTreeMap::from([(Height(1), first)]),
            said: BTreeMap::new(),
            equivocators: BTreeSet::new(),
            unattributed: 0,
        }
    }

    /// Validators that signed two messages for one place, by number.
    pub fn equivocators(&self) -> &BTreeSet<u16> {
        &self.equivocators
    }

    /// Votes of unreliable validators against their own lock.
    pub fn unattributed(&self) -> u64 {
        self.unattributed
    }

    /// Forgets what is far below the highest final height. `next` decides the next one.
    pub fn finalized(&mut self, height: Height, next: &ValidatorSet) {
        let kept = Height(height.0.saturating_sub(KEPT_HEIGHTS));
        self.sets = self.sets.split_off(&kept);
        self.sets.insert(height.next(), next.clone());
        self.said = self.said.split_off(&kept);
    }

    /// A message leaves its sender. `is_reliable` says who keeps to the protocol and has forgotten nothing.
    ///
    /// # Errors
    /// A reliable validator voted against its lock.
    pub fn saw(&mut self, channel: Channel, bytes: &Bytes, is_reliable: impl Fn(u16) -> bool) -> Check {
        let Some(signed) = decode_signed(channel, bytes) else { return Ok(()) };
        let (address, height, signature, signing_bytes) = match &signed {
            Signed::Vote(vote, signature) => (vote.voter, vote.height, signature, vote.signing_bytes(&self.genesis)),
            Signed::Proposal(offer, signature) => {
                (offer.proposer, offer.height, signature, offer.signing_bytes(&self.genesis))
            }
        };
        let Some(Member { number, key }) = self.members.get(&address) else { return Ok(()) };
        let (number, verify) = (*number, || key.verify(&signing_bytes, signature));
        if !self.verdicts.of(key, &signing_bytes, signature, verify) {
            return Ok(());
        }
        let (round, step, said) = match signed {
            Signed::Vote(vote, _) => {
                let step = match vote.kind {
                    VoteKind::Prevote => SignedStep::Prevote,
                    VoteKind::Precommit => SignedStep::Precommit,
                };
                (vote.round, step, Said { value: vote.value, pol_round: None })
            }
            Signed::Proposal(offer, _) => {
                let said = Said { value: Some(offer.value), pol_round: offer.pol_round };
                (offer.round, SignedStep::Proposal, said)
            }
        };
        match self.said.entry(height).or_default().insert((round, step, number), said) {
            Some(before) if before != said => {
                self.equivocators.insert(number);
            }
            Some(_) => {}
            None if step == SignedStep::Prevote => {
                return self.no_vote_against_a_lock(height, round, number, is_reliable);
            }
            None => {}
        }
        Ok(())
    }

    fn no_vote_against_a_lock(
        &mut self,
        height: Height,
        round: Round,
        number: u16,
        is_reliable: impl Fn(u16) -> bool,
    ) -> Check {
        // Of a height that is long over the witness has forgotten what would have been a reason.
        let (Some(said), Some(set)) = (self.said.get(&height), self.sets.get(&height)) else { return Ok(()) };
        let value_at = |round: Round, step, who| said.get(&(round, step, who)).and_then(|said| said.value);
        let Some(value) = value_at(round, SignedStep::Prevote, number) else { return Ok(()) };
        let mut earlier = (0..round.0).rev().map(Round);
        let locked = earlier.find_map(|round| Some((round, value_at(round, SignedStep::Precommit, number)?)));
        let Some((locked_round, locked)) = locked.filter(|(_, locked)| *locked != value) else { return Ok(()) };
        // Its own prevote may be in its log only: a crash came before it was sent.
        let polka_at = |round: Round| {
            let voters = self.members.iter().filter(|(_, member)| {
                member.number == number || value_at(round, SignedStep::Prevote, member.number) == Some(value)
            });
            let power = voters.filter_map(|(address, _)| set.get(address)).map(|member| member.power);
            set.is_quorum(power.fold(0, u64::saturating_add))
        };
        if (locked_round.0..round.0).map(Round).any(polka_at) {
            return Ok(());
        }
        if !is_reliable(number) {
            self.unattributed = self.unattributed.saturating_add(1);
            return Ok(());
        }
        let detail = format!(
            "validator {number} precommitted {locked} at height {height} round {locked_round} and prevoted {value} in \
             round {round} without a reason"
        );
        Err(Broken { property: Property::NoVoteAgainstALock, detail })
    }
}
