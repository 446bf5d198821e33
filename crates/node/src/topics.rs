//! Topics of our own gossip, and who may publish on them.
//!
//! | topic | what travels on it | lowest tier of its publisher |
//! |---|---|---|
//! | proofs | transactions that bring a proof | TL1 |
//! | meta | signed messages of nodes ([`crate::meta`]) | TL0 |
//! | vrf | lottery submissions | TL2 |
//! | witness | attestations of the witness network | TL2 |
//!
//! Rules
//! - The publisher of a transaction is its payer. Its tier is looked up in our own state at the finalized height,
//!   never in what a peer says (REP-9).
//! - What a publisher may not publish is neither published nor relayed here, and not taken from a peer. A client's
//!   submission is taken: an own node needs no leave. Receiving and syncing need no tier.
//! - Nobody loses points for it: the peer that relays may have another height than we have.
//! - `p2p.witness_quarantine` names publishers whose witness data this node does not use, whatever their tier.

use primitives::{Action, Address, ProvingAction, Transaction, WitnessAction};
use replica::Replica;
use state::view::{self, Broken};
use state::{lottery, reputation::Tier};

use crate::shared::Shared;

/// A topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Proofs.
    Proofs,
    /// Messages of nodes.
    Meta,
    /// Lottery submissions.
    Vrf,
    /// Attestations.
    Witness,
}

impl Topic {
    /// The topic of an action; most travel on none and need no tier.
    pub const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Lottery(_) => Some(Self::Vrf),
            Action::Witness(WitnessAction::Attest { .. }) => Some(Self::Witness),
            Action::Proving(ProvingAction::Submit(_)) => Some(Self::Proofs),
            Action::Transfer(_)
            | Action::BatchTransfer(_)
            | Action::Stake(_)
            | Action::Evidence(_)
            | Action::Identity(_)
            | Action::Timetoke(_)
            | Action::Witness(_)
            | Action::Proving(_) => None,
        }
    }

    /// The name used in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proofs => "proofs",
            Self::Meta => "meta",
            Self::Vrf => "vrf",
            Self::Witness => "witness",
        }
    }

    /// The lowest tier that may publish.
    pub const fn lowest_tier(self) -> Tier {
        match self {
            Self::Meta => Tier::New,
            Self::Proofs => Tier::Valid,
            Self::Vrf | Self::Witness => Tier::Online,
        }
    }

    /// Whether a publisher of this tier may publish.
    pub fn takes(self, tier: Tier) -> bool {
        tier >= self.lowest_tier()
    }
}

/// Why something of a topic is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its publisher's tier is too low.
    Tier,
    /// Its publisher is quarantined here.
    Quarantined,
}

impl Refusal {
    /// The name used in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tier => "tier",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Whether a transaction brings witness data of a publisher on the list: of its payer, or of an identity that signed
/// one of its attestations.
pub fn is_quarantined(quarantine: &[Address], transaction: &Transaction) -> bool {
    let Action::Witness(WitnessAction::Attest { list }) = &transaction.body.action else { return false };
    let signers = list.iter().map(|signed| &signed.attestation.identity);
    signers.chain([&transaction.body.payer]).any(|address| quarantine.contains(address))
}

/// Whether the payer may publish its transaction on `topic` now.
///
/// # Errors
/// [`Broken`] when the state does not decode.
pub fn judge(
    chain: &Replica,
    quarantine: &[Address],
    topic: Topic,
    transaction: &Transaction,
) -> Result<Result<(), Refusal>, Broken> {
    if is_quarantined(quarantine, transaction) {
        return Ok(Err(Refusal::Quarantined));
    }
    let publisher = &transaction.body.payer;
    let (state, head) = (chain.state(), chain.head());
    let tier = lottery::tier(state, &view::params(state)?, publisher, head.height, head.time)?;
    Ok(if topic.takes(tier) { Ok(()) } else { Err(Refusal::Tier) })
}

/// Whether a transaction may be published or relayed; what may not is counted, and named in the
/// log at debug: peers could fill it otherwise.
pub fn may_pass(shared: &Shared, chain: &Replica, transaction: &Transaction) -> bool {
    let Some(topic) = Topic::of(&transaction.body.action) else { return true };
    let publisher = &transaction.body.payer;
    // A broken state stops the node at its next block; until then nothing of a topic passes.
    let refusal = match judge(chain, &shared.config.p2p.witness_quarantine, topic, transaction) {
        Ok(Ok(())) => return true,
        Ok(Err(refusal)) => refusal.name(),
        Err(_) => Refusal::Tier.name(),
    };
    shared.metrics.standing.topic_refusals.with([topic.name(), refusal]).inc();
    tracing::debug!(topic = topic.name(), reason = refusal, %publisher, id = %transaction.id(), "not passed on");
    false
}
