//! Dishonest validators: an honest engine whose messages are changed on their way out.
//!
//! Rule: a dishonest validator signs whatever it likes with its own key; it cannot forge another's signature,
//! and it cannot break the network's links.

use std::collections::BTreeMap;

use bytes::Bytes;
use consensus::machine::{Channel, decode_vote, encode_parts, encode_proposal, encode_vote};
use consensus::types::ProposalInit;
use primitives::{Address, Block, BoundedVec, Hash, Height, Proposal, Round, SecretKey, Transaction, encode, merkle};

use crate::plan::Misbehaviour;
use crate::random::{PPM, Random};

/// Longest message of random bytes.
const GARBAGE_BYTES_MAX: u64 = 400;

/// Which validators get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Every other.
    All,
    /// Those with an even number.
    Even,
    /// Those with an odd number.
    Odd,
    /// Each with the chance of one half.
    Some,
}

/// Transactions that are smuggled into a block, and what counts when it is refused.
pub type Smuggled = (&'static str, Vec<Transaction>);

/// A message on its way out.
pub type Sent = (To, Channel, Bytes);

/// One dishonest validator.
pub struct Dishonest {
    /// How.
    pub kind: Misbehaviour,
    /// Its key.
    pub key: SecretKey,
    /// Its address.
    pub address: Address,
    /// The chain.
    pub genesis: Hash,
    /// Its own streams of parts so far.
    pub streams: u64,
    /// The invalid blocks that it offered, by hash, each with what counts when an honest validator refuses it.
    pub invalid: BTreeMap<Hash, Option<&'static str>>,
}

impl Dishonest {
    /// What goes out instead of a message of the honest engine.
    pub fn send(&self, channel: Channel, bytes: Bytes, random: &mut Random) -> Vec<Sent> {
        match (self.kind, channel) {
            (Misbehaviour::EquivocatingVoter, Channel::Consensus) => self.two_votes(bytes, random),
            (Misbehaviour::WithheldVotes, Channel::Consensus) if decode_vote(&bytes).is_some() => Vec::new(),
            (Misbehaviour::WithheldVotes, Channel::Liveness) => Vec::new(),
            (Misbehaviour::WithheldParts, Channel::Parts) => vec![(To::Some, channel, bytes)],
            (Misbehaviour::EquivocatingProposer, Channel::Parts) => vec![(To::Even, channel, bytes)],
            (Misbehaviour::EquivocatingProposer, Channel::Consensus) if decode_vote(&bytes).is_none() => {
                vec![(To::Even, channel, bytes)]
            }
            (Misbehaviour::InvalidBlocks | Misbehaviour::SmuggledProofs, Channel::Parts) => Vec::new(),
            (Misbehaviour::InvalidBlocks | Misbehaviour::SmuggledProofs, Channel::Consensus)
                if decode_vote(&bytes).is_none() =>
            {
                Vec::new()
            }
            (Misbehaviour::Garbage, _) => garbage(channel, bytes, random),
            _ => vec![(To::All, channel, bytes)],
        }
    }

    /// What goes out besides when its engine offers a block. Who smuggles adds transactions, which have a name together.
    pub fn offer(
        &mut self,
        (height, round): (Height, Round),
        block: &Bytes,
        smuggled: Option<Smuggled>,
        random: &mut Random,
    ) -> Vec<Sent> {
        // Some receivers see both offers, so that they can be proved.
        let odd = if random.chance(PPM / 4) { To::All } else { To::Odd };
        let Ok(mut block) = Block::from_bytes(block) else { return Vec::new() };
        let (to, name) = match (self.kind, smuggled) {
            (Misbehaviour::EquivocatingProposer, _) => {
                block.header.time = block.header.time.plus(1);
                (odd, None)
            }
            (Misbehaviour::InvalidBlocks, _) => {
                block.header.state_root = Hash([7; 32]);
                (To::All, None)
            }
            (Misbehaviour::SmuggledProofs, Some((name, more))) => {
                let all: Vec<Transaction> = more.into_iter().chain(block.transactions.into_inner()).collect();
                let Some(all) = BoundedVec::new(all) else { return Vec::new() };
                block.transactions = all;
                block.header.transactions_root = merkle::root(&block.transaction_leaves());
                (To::All, Some(name))
            }
            _ => return Vec::new(),
        };
        let proposal = Proposal { height, round, value: block.hash(), pol_round: None, proposer: self.address };
        let signature = self.key.sign(&proposal.signing_bytes(&self.genesis));
        let bytes = Bytes::from(encode(&block));
        let Ok(length) = u32::try_from(bytes.len()) else { return Vec::new() };
        self.streams += 1;
        if matches!(self.kind, Misbehaviour::InvalidBlocks | Misbehaviour::SmuggledProofs) {
            self.invalid.insert(proposal.value, name);
        }
        let init = ProposalInit { proposal, signature, bytes: length };
        let parts = encode_parts(init, &bytes, self.streams).unwrap_or_default();
        let message = encode_proposal(proposal, signature).ok();
        let message = message.into_iter().map(|bytes| (to, Channel::Consensus, bytes));
        message.chain(parts.into_iter().map(|bytes| (to, Channel::Parts, bytes))).collect()
    }

    fn two_votes(&self, bytes: Bytes, random: &mut Random) -> Vec<Sent> {
        let Some(mut vote) = decode_vote(&bytes) else { return vec![(To::All, Channel::Consensus, bytes)] };
        vote.value = match vote.value {
            Some(_) => None,
            None => Some(Hash(*blake3::hash(&random.any().to_le_bytes()).as_bytes())),
        };
        let other = encode_vote(vote, self.key.sign(&vote.signing_bytes(&self.genesis))).ok();
        let other = other.map(|other| (To::Odd, Channel::Consensus, other));
        // Some receivers see both, so that the double vote can be proved.
        let whole = if random.chance(PPM / 4) { To::All } else { To::Even };
        [(whole, Channel::Consensus, bytes)].into_iter().chain(other).collect()
    }
}

fn garbage(channel: Channel, bytes: Bytes, random: &mut Random) -> Vec<Sent> {
    let length = usize::try_from(random.below(GARBAGE_BYTES_MAX)).unwrap_or(0);
    let noise = Bytes::from(random.bytes(length));
    let mut damaged = bytes.to_vec();
    let bit = random.index(damaged.len().saturating_mul(8));
    if let Some(byte) = damaged.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    let other = [Channel::Consensus, Channel::Liveness, Channel::Parts][random.index(3)];
    vec![(To::All, channel, bytes), (To::Some, channel, damaged.into()), (To::Some, other, noise)]
}
