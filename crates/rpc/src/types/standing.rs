//! Where an identity stands: its record, its reputation part by part, its timetoke and its chance in the lottery.
//!
//! Every number is read from the state at the finalized height that the view names, and follows `spec/identity.md`,
//! `spec/reputation.md`, `spec/timetoke.md` and `spec/lottery.md`.

use std::collections::BTreeMap;

use primitives::params::{ReputationParams, TimetokeParams};
use primitives::{Address, Amount, Hash, Header, Height, PublicKey, Timestamp, ValidatorSet, VrfPublicKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proof::{ProofError, StateProof, checked_certificate, checked_header};
use super::text::Hex;
use crate::schema::{AddressText, AmountInteger, HashText, HexText, PublicKeyText};

/// A VRF key with its place in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfKeyView {
    /// The key.
    #[schema(value_type = PublicKeyText)]
    pub key: VrfPublicKey,
    /// The first epoch that uses it.
    pub from_epoch: u64,
    /// The block that registered it.
    #[schema(value_type = u64)]
    pub stamped_at: Height,
    /// That block's time.
    #[schema(value_type = u64)]
    pub stamped_time_ms: Timestamp,
}

/// The record of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityRecord {
    /// Its place in the timetoke tree.
    pub number: u32,
    /// pending, expired, active or revoked.
    pub stage: String,
    /// The VRF key in use.
    pub vrf: VrfKeyView,
    /// The VRF key that follows.
    pub next_vrf: Option<VrfKeyView>,
    /// The node's network key.
    #[schema(value_type = Option<PublicKeyText>)]
    pub peer: Option<PublicKey>,
    /// What is left of the refundable bond, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub bond: Amount,
    /// The block that registered it.
    #[schema(value_type = u64)]
    pub registered_at: Height,
    /// The last height at which validators may attest.
    #[schema(value_type = u64)]
    pub attest_until: Height,
    /// Who attested, in order.
    #[schema(value_type = Vec<AddressText>)]
    pub attesters: Vec<Address>,
    /// Attestations it needs with the present validator set.
    pub attestations_required: u64,
    /// When it became active.
    #[schema(value_type = Option<u64>)]
    pub active_at: Option<Height>,
    /// When it was revoked.
    #[schema(value_type = Option<u64>)]
    pub revoked_at: Option<Height>,
    /// Whether evidence ended it for ever.
    pub tombstoned: bool,
}

/// `GET /ledger/identity/{address}`: `identity` is none for a wallet that has no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    /// The wallet.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Its record.
    pub identity: Option<IdentityRecord>,
    /// The bond that a registration needs, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub bond: Amount,
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
}

/// `GET /ledger/identity/{address}/proof`: that the record is there, or that the slot is vacant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityProof {
    /// The wallet.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The height whose header has the root.
    #[schema(value_type = u64)]
    pub height: Height,
    /// That block's hash.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// True when the proof shows that there is no record.
    pub vacant: bool,
    /// Key, value and proof under the state root.
    pub state: StateProof,
    /// The header that carries the root.
    #[schema(value_type = HexText)]
    pub header: Hex,
    /// The canonical bytes of the certificate that decided the block; every finalized block has one.
    #[schema(value_type = Option<HexText>)]
    pub certificate: Option<Hex>,
}

impl IdentityProof {
    /// The header, once it is the block's and the state root is its own. The proof is then checked against that root with `tree`.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails.
    pub fn header(&self) -> Result<Header, ProofError> {
        let header = checked_header(&self.header, self.height, &self.block)?;
        if header.state_root == self.state.root { Ok(header) } else { Err(ProofError::Mismatch("state root")) }
    }

    /// Checks that `validators` decided the block on the chain with this genesis hash; gives the power
    /// that signed.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails.
    pub fn verify_certificate(&self, validators: &ValidatorSet, genesis: &Hash) -> Result<u64, ProofError> {
        checked_certificate(self.certificate.as_ref(), &self.header()?, validators, genesis)
    }
}

/// One counter of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScorePart {
    /// validation, uptime, consensus, peer_feedback or decay.
    pub name: String,
    /// The counter's value.
    pub count: u64,
    /// What its curve makes of it, ppm.
    pub curve_ppm: u64,
    /// Its weight, ppm.
    pub weight_ppm: u64,
    /// What it adds to the score, or takes from it when `negative`, ppm.
    pub contribution_ppm: u64,
    /// Whether it is taken from the score.
    pub negative: bool,
    /// Whether it counts for tiers.
    pub verifiable: bool,
}

/// What the next tier asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextTier {
    /// The tier.
    pub tier: String,
    /// Which counter.
    pub counter: String,
    /// What there is.
    pub has: u64,
    /// What is needed.
    pub needs: u64,
}

/// The raw counters, before failures are taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountersView {
    /// Blocks built, challenges answered, right heartbeats.
    pub validations: u32,
    /// Challenges missed, wrong heartbeats.
    pub validation_failures: u32,
    /// Commits signed, right heartbeats of a bonded candidate.
    pub successes: u32,
    /// Commits missed, wrong heartbeats of a bonded candidate.
    pub failures: u32,
    /// Vouches of other identities.
    pub vouches: u32,
    /// Block time of the last success.
    #[schema(value_type = Option<u64>)]
    pub active_at_ms: Option<Timestamp>,
}

/// `GET /ledger/reputation/{address}`: the score with everything it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReputationView {
    /// The identity.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// tl0 to tl5.
    pub tier: String,
    /// With peer feedback, ppm.
    pub score_ppm: u64,
    /// Without peer feedback, ppm: decides tiers.
    pub verifiable_score_ppm: u64,
    /// Each counter with its contribution.
    pub parts: Vec<ScorePart>,
    /// What is missing for the next tier; none at the top.
    pub next: Option<NextTier>,
    /// The counters as stored.
    pub counters: CountersView,
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// That block's time, which decay counts to.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
}

/// One line of a list of reputations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReputationLine {
    /// The identity.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// tl0 to tl5.
    pub tier: String,
    /// With peer feedback, ppm.
    pub score_ppm: u64,
    /// Hours of timetoke after decay.
    pub hours: u64,
}

/// `GET /ui/reputation`: what people look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReputationBoard {
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Weights and tier thresholds in force.
    #[schema(value_type = Object)]
    pub params: ReputationParams,
    /// Identities ever registered.
    pub identities: u32,
    /// The best scores, highest first, at most 100 of the first 1,000 identities by address.
    pub best: Vec<ReputationLine>,
    /// This node's own identity, if it validates.
    pub own: Option<ReputationView>,
}

/// The open challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengeView {
    /// Its number.
    pub number: u64,
    /// The challenged height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Hash of the block at that height.
    #[schema(value_type = HashText)]
    pub value: Hash,
    /// What an answer must repeat.
    #[schema(value_type = HashText)]
    pub seed: Hash,
    /// Block time at which it opened.
    #[schema(value_type = u64)]
    pub opened_at_ms: Timestamp,
    /// Last block time at which it can be answered.
    #[schema(value_type = u64)]
    pub answer_until_ms: Timestamp,
}

/// One subject of the timetoke tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimetokeSubject {
    /// The identity.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Its place in the tree.
    pub number: u32,
    /// Hours as stored: what the root commits to.
    pub hours: u64,
    /// When they were last credited: what the root commits to.
    #[schema(value_type = u64)]
    pub accrued_at_ms: Timestamp,
    /// Hours that count now, after settling and decay.
    pub hours_now: u64,
}

/// `GET /ledger/timetoke`: root, open challenge and subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimetokeView {
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// That block's time.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
    /// The timetoke root.
    #[schema(value_type = HashText)]
    pub root: Hash,
    /// Lengths, cap and decay in force.
    #[schema(value_type = Object)]
    pub params: TimetokeParams,
    /// The open challenge; none before the first block.
    pub challenge: Option<ChallengeView>,
    /// The first 1,000 subjects by address.
    pub subjects: Vec<TimetokeSubject>,
    /// True when there are more.
    pub truncated: bool,
}

/// One candidate of the next lottery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfCandidate {
    /// Who.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// Stake when the list was frozen, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub stake: Amount,
    /// tl0 to tl5, when the list was frozen.
    pub tier: String,
    /// Hours of timetoke, when the list was frozen.
    pub hours: u64,
    /// Its weight.
    pub weight: u64,
    /// Its part of all weight on the list, ppm, rounded down.
    pub share_ppm: u64,
    /// A ticket below this wins a seat; decimal text, because it may be above 2^53.
    pub threshold: String,
    /// Its ticket, decimal; none while it submitted none.
    pub ticket: Option<String>,
}

/// One thing that would raise a candidate's weight, and to how much, if it had been so when the list was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfRaise {
    /// What would change.
    pub change: String,
    /// The weight with it.
    pub weight: u64,
    /// The part of all weight with it, ppm, rounded down.
    pub share_ppm: u64,
}

/// One admitted candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfAdmitted {
    /// Who.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// uncontested, ticket or fallback.
    pub route: String,
    /// The ticket it was ranked by, decimal.
    pub ticket: String,
    /// Its threshold, decimal.
    pub threshold: String,
}

/// The recorded result of one lottery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfResult {
    /// The first epoch of those admitted.
    pub epoch: u64,
    /// Seats there were.
    pub seats: u64,
    /// Candidates on the frozen list.
    pub candidates: u64,
    /// Tickets that were submitted.
    pub submissions: u64,
    /// Who may enter, in order.
    pub admitted: Vec<VrfAdmitted>,
}

/// `GET /consensus/vrf/threshold`: the lottery that takes tickets now, and the last result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfThreshold {
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// False when stake alone decides who enters.
    pub enabled: bool,
    /// The epoch that tickets of now are for.
    pub epoch: u64,
    /// Its seed; none before it is known.
    #[schema(value_type = Option<HashText>)]
    pub seed: Option<Hash>,
    /// Seats.
    pub seats: u64,
    /// Weights of all candidates together, decimal.
    pub total_weight: String,
    /// Tickets so far.
    pub submissions: u64,
    /// The candidates, by falling stake.
    pub candidates: Vec<VrfCandidate>,
    /// The result of the epoch that runs now.
    pub last: Option<VrfResult>,
}

/// `GET /consensus/vrf/{address}`: why this address was, or was not, selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfStanding {
    /// The address.
    #[schema(value_type = AddressText)]
    pub address: Address,
    /// The finalized height this was read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Whether it votes now.
    pub validator: bool,
    /// The VRF key that its identity uses in this epoch.
    #[schema(value_type = Option<PublicKeyText>)]
    pub vrf_key: Option<VrfPublicKey>,
    /// Its line on the list of the lottery that takes tickets now.
    pub candidate: Option<VrfCandidate>,
    /// How it came in with the result of the epoch that runs now.
    pub admitted: Option<VrfAdmitted>,
    /// In words, why it waits or what it can do.
    pub reason: String,
    /// What would raise its weight, each alone; empty while it is not on the list.
    pub raises: Vec<VrfRaise>,
}

/// What lotteries gave, counted by this process since it started, and the last recorded result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VrfMetrics {
    /// Submissions in finalized blocks.
    pub submissions: u64,
    /// Candidates that were admitted.
    pub accepted: u64,
    /// Submissions that gave no ticket.
    pub rejected: u64,
    /// The same by outcome.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// Candidates that were admitted to a seat that tickets had left.
    pub fallback: u64,
    /// Tickets for each candidate of the last recorded lottery, ppm; none when it had no candidates.
    pub participation_ppm: Option<u64>,
    /// A ticket of this node's validator below this wins a seat in the lottery that is open now, decimal; none when it
    /// is not on the list.
    pub threshold: Option<String>,
}

/// `GET /validator/vrf`: this node's keys, where its validator stands, and what lotteries gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnVrf {
    /// Public keys whose secrets this node holds: the one in use, and the one that follows a rotation.
    #[schema(value_type = Vec<PublicKeyText>)]
    pub held_keys: Vec<VrfPublicKey>,
    /// Where the validator stands.
    pub standing: VrfStanding,
    /// What lotteries gave.
    pub vrf_metrics: VrfMetrics,
}

/// One peer of this node, with what the chain knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorPeer {
    /// Its node key.
    #[schema(value_type = PublicKeyText)]
    pub node_key: PublicKey,
    /// Its software.
    pub agent: String,
    /// Its mode, as it says.
    pub mode: String,
    /// Where it is connected from or to.
    pub remote: String,
    /// quic or tcp.
    pub transport: String,
    /// True when it dialled us.
    pub inbound: bool,
    /// Its finalized height, as it says.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Its points; at -100 it is banned for a while.
    pub points: i64,
    /// Time since its handshake, milliseconds.
    pub connected_ms: u64,
    /// The identity that has bound this node key on chain.
    #[schema(value_type = Option<AddressText>)]
    pub identity: Option<Address>,
    /// That identity's tier; tl0 without one.
    pub tier: String,
    /// Whether that identity votes now.
    pub validator: bool,
}

/// `GET /validator/peers`: the peers of this node's own network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorPeers {
    /// The finalized height that identities and tiers were read at.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The peers, by node key.
    pub peers: Vec<ValidatorPeer>,
}
