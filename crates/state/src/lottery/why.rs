//! Why an address does not vote: what keeps it out now, and what the last draw did with it. Implements LOT-17.
//!
//! A report about the state; nothing in the state transition reads it. The last draw is judged again from the frozen list and the
//! tickets, which stay for one epoch, so the answer is exact.

use std::fmt;

use primitives::{Address, Amount, Height, Params, Timestamp};

use super::draw::{Admitted, ranked};
use super::{frozen, is_on, result, tickets};
use crate::context::epoch_of;
use crate::reputation::Tier;
use crate::view::{self, Broken, StateView};
use crate::{identity, reputation, staking};

/// What keeps an address out of the voting set, the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing does: it votes.
    Votes,
    /// Stake alone decides on this chain.
    NoLottery,
    /// Evidence removed it for ever.
    Tombstoned,
    /// No active identity.
    NoIdentity,
    /// It never bonded, or everything was paid out.
    NoCandidate,
    /// Its own stake is below the least.
    SelfStake {
        /// What it has.
        has: Amount,
        /// What is needed.
        needs: Amount,
    },
    /// It is jailed.
    Jailed {
        /// The first epoch in which it may ask to return.
        until: u64,
    },
    /// It has a ticket for the draw at the end of this epoch.
    Waits,
    /// It is on the list of the draw at the end of this epoch and has submitted nothing.
    Silent,
    /// Its tier is too low for the next list.
    Tier {
        /// What it has.
        has: Tier,
        /// What is needed.
        needs: u64,
    },
    /// It will be on the list that is frozen at the end of this epoch.
    Qualifies,
}

/// What the draw for one epoch did with a candidate that does not vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The epoch it could have entered in.
    pub epoch: u64,
    /// Its ticket.
    pub ticket: u64,
    /// The threshold of its ticket.
    pub threshold: u64,
    /// Whether it submitted the ticket itself.
    pub submitted: bool,
    /// What came of it.
    pub fate: Fate,
}

/// How a draw ended for a candidate that does not vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Admitted, but the voting set had no room within its bounds (LOT-14).
    NoRoom,
    /// Others came first (LOT-10, LOT-11).
    Lost,
    /// Not eligible at the draw (LOT-12).
    PassedOver,
}

/// What keeps `address` out in the block at `height`, whose parent has the time `now`.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn why(
    view: &dyn StateView,
    params: &Params,
    address: &Address,
    height: Height,
    now: Timestamp,
) -> Result<Why, Broken> {
    if view::validators(view)?.get(address).is_some() {
        return Ok(Why::Votes);
    }
    if staking::tombstone(view, address)?.is_some() {
        return Ok(Why::Tombstoned);
    }
    if !is_on(params) {
        return Ok(Why::NoLottery);
    }
    if identity::active(view, address, height)?.is_none() {
        return Ok(Why::NoIdentity);
    }
    let Some(candidate) = staking::candidate(view, address)? else { return Ok(Why::NoCandidate) };
    let (has, needs) = (staking::self_stake(view, address, &candidate)?, params.staking.min_self_stake);
    if has < needs {
        return Ok(Why::SelfStake { has, needs });
    }
    if let Some(until) = candidate.jailed_until {
        return Ok(Why::Jailed { until });
    }
    let enter = epoch_of(params, height).saturating_add(1);
    if frozen(view, enter)?.iter().any(|one| one.address == *address) {
        return Ok(if tickets(view, enter)?.contains_key(address) { Why::Waits } else { Why::Silent });
    }
    let (has, needs) = (reputation::explain(view, params, address, height, now)?.tier, params.lottery.min_tier);
    Ok(if u64::from(has.level()) < needs { Why::Tier { has, needs } } else { Why::Qualifies })
}

/// What the draw for `epoch` did with `address`; `None` when it votes, was not on the list, or the draw is forgotten.
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn last_draw(view: &dyn StateView, params: &Params, address: &Address, epoch: u64) -> Result<Option<Draw>, Broken> {
    let Some(result) = result(view, epoch)? else { return Ok(None) };
    if view::validators(view)?.get(address).is_some() {
        return Ok(None);
    }
    let (list, tickets) = (frozen(view, epoch)?, tickets(view, epoch)?);
    let order = ranked(&params.lottery, params.timetoke.cap_hours, &result.seed, &list, &tickets);
    let Some(place) = order.iter().position(|one| one.address == *address) else { return Ok(None) };
    let is_in = |one: &Admitted| result.admitted.iter().any(|other| other.address == one.address);
    let last = order.iter().rposition(is_in);
    let has_seats_left = u64::try_from(result.admitted.len()).is_ok_and(|count| count < result.seats);
    Ok(order.get(place).map(|own| Draw {
        epoch,
        ticket: own.ticket,
        threshold: own.threshold,
        submitted: tickets.contains_key(address),
        fate: match is_in(own) {
            true => Fate::NoRoom,
            // Whoever stands before an admitted one, or beside an empty seat, would have come in.
            false if has_seats_left || last.is_some_and(|last| place < last) => Fate::PassedOver,
            false => Fate::Lost,
        },
    }))
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Votes => write!(f, "it votes now"),
            Self::NoLottery => write!(f, "this chain has no lottery: the largest stakes vote; bond more"),
            Self::Tombstoned => write!(f, "evidence removed it for ever: begin with a new key"),
            Self::NoIdentity => {
                write!(f, "it has no active identity: register one and ask validators to attest it")
            }
            Self::NoCandidate => write!(f, "it is no candidate: bond with tb stake bond"),
            Self::SelfStake { has, needs } => {
                write!(f, "its own stake is {has} BLOCK and must be {needs} BLOCK: bond more")
            }
            Self::Jailed { until } => {
                write!(f, "it is jailed: ask to return with tb stake unjail from epoch {until} on")
            }
            Self::Waits => write!(f, "its ticket waits for the draw at the end of this epoch"),
            Self::Silent => {
                write!(f, "it is on the list and has no ticket yet: submit one before the epoch ends")
            }
            Self::Tier { has, needs } => {
                write!(f, "it is {} and needs tl{needs}: answer challenges, and see its reputation", has.name())
            }
            Self::Qualifies => write!(
                f,
                "it qualifies and will be on the list that is frozen at the end of this epoch, for three epochs later"
            ),
        }
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, ticket, threshold, .. } = self;
        match (self.fate, self.submitted) {
            (Fate::NoRoom, _) => write!(
                f,
                "it was admitted for epoch {epoch}, but the voting set had no room for it within churn_bps and max_validators"
            ),
            (Fate::PassedOver, _) => write!(
                f,
                "it was passed over in the draw for epoch {epoch}: it voted, was jailed, had no active identity or too little self-stake then"
            ),
            (Fate::Lost, true) if ticket < threshold => write!(
                f,
                "it was not drawn for epoch {epoch}: its ticket {ticket} was below its threshold {threshold}, but lower ones took the seats"
            ),
            (Fate::Lost, true) => write!(
                f,
                "it was not drawn for epoch {epoch}: its ticket {ticket} was not below its threshold {threshold}, and no seat was left"
            ),
            (Fate::Lost, false) => {
                write!(f, "it was not drawn for epoch {epoch}: it submitted no ticket, and no seat was left")
            }
        }
    }
}
