//! The draw: who of the frozen candidates may enter. Implements LOT-8 to LOT-12.
//!
//! Pure: the frozen list, the tickets and the parameters come in, an ordered list comes out. All products stay in 128 bits:
//! weights below 2^47, seats at most 64, tickets below 2^64.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::params::LotteryParams;
use primitives::{Address, Amount, Domain, Hash, VrfPublicKey, hash};

use crate::reputation::score::{PPM, Tier};

/// A candidate as it was when its epoch's list was frozen (LOT-2).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FrozenCandidate {
    /// Who.
    pub address: Address,
    /// Bonded stake.
    pub stake: Amount,
    /// The key its ticket is proven with.
    pub vrf_key: VrfPublicKey,
    /// TL3 or above.
    pub tier: Tier,
    /// Hours of timetoke.
    pub hours: u64,
}

/// How a candidate was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Route {
    /// There was a seat for everyone (LOT-9).
    Uncontested = 0,
    /// Its ticket was below its threshold (LOT-10).
    Ticket = 1,
    /// A seat was left (LOT-11).
    Fallback = 2,
}

impl Route {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uncontested => "uncontested",
            Self::Ticket => "ticket",
            Self::Fallback => "fallback",
        }
    }
}

/// One candidate that may enter.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Admitted {
    /// Who.
    pub address: Address,
    /// The ticket it was ranked by.
    pub ticket: u64,
    /// Its weight.
    pub weight: u64,
    /// Its threshold.
    pub threshold: u64,
    /// How it came in.
    pub route: Route,
}

/// The weight of a candidate (rounded down, against it).
pub fn weight(params: &LotteryParams, cap_hours: u64, candidate: &FrozenCandidate) -> u64 {
    let above = u64::from(candidate.tier.level().saturating_sub(Tier::Candidate.level()));
    let timetoke = params.timetoke_bonus_ppm.saturating_mul(candidate.hours.min(cap_hours)) / cap_hours.max(1);
    let factor = PPM.saturating_add(params.tier_bonus_ppm.saturating_mul(above)).saturating_add(timetoke);
    let blocks = candidate.stake.micro() / primitives::amount::MICRO_PER_BLOCK;
    let weight = u128::from(blocks) * u128::from(factor) / u128::from(PPM);
    u64::try_from(weight).unwrap_or(u64::MAX)
}

/// A ticket below this wins a seat (rounded down, against the candidate). `total` 0 gives 0.
pub fn threshold(params: &LotteryParams, weight: u64, total: u128) -> u64 {
    if total == 0 {
        return 0;
    }
    // seats ≤ 64 and weight < 2^50 leave room for 2^64; a larger weight saturates, in favour of nobody else.
    let share = u128::from(params.seats).saturating_mul(u128::from(weight)).saturating_mul(1 << 64) / total;
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The ticket of a candidate that submitted none (LOT-11).
pub fn silent_ticket(seed: &Hash, address: &Address) -> u64 {
    let digest = hash(Domain::Lottery, &[seed.as_bytes(), &address.0]);
    ticket_of(&digest.0)
}

/// The ticket in the first eight bytes of an output (LOT-8).
pub fn ticket_of(output: &[u8]) -> u64 {
    output.iter().take(8).rev().fold(0, |ticket, byte| (ticket << 8) | u64::from(*byte))
}

/// Who may enter, in order. Who is not `eligible` any more is passed over; thresholds stay those of the frozen list.
pub fn draw(
    params: &LotteryParams,
    cap_hours: u64,
    seed: &Hash,
    candidates: &[FrozenCandidate],
    tickets: &BTreeMap<Address, u64>,
    eligible: &BTreeSet<Address>,
) -> Vec<Admitted> {
    let seats = usize::try_from(params.seats).unwrap_or(usize::MAX);
    ranked(params, cap_hours, seed, candidates, tickets)
        .into_iter()
        .filter(|one| eligible.contains(&one.address))
        .take(seats)
        .collect()
}

/// Every candidate with the ticket and the route by which it would come in, in the order of the draw.
pub fn ranked(
    params: &LotteryParams,
    cap_hours: u64,
    seed: &Hash,
    candidates: &[FrozenCandidate],
    tickets: &BTreeMap<Address, u64>,
) -> Vec<Admitted> {
    let weights: Vec<u64> = candidates.iter().map(|candidate| weight(params, cap_hours, candidate)).collect();
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let contested = candidates.len() > usize::try_from(params.seats).unwrap_or(usize::MAX);
    let mut ranked: Vec<((u8, u128, Address), Admitted)> = candidates
        .iter()
        .zip(weights)
        .map(|(candidate, weight)| {
            let threshold = threshold(params, weight, total);
            let submitted = tickets.get(&candidate.address).copied();
            let ticket = submitted.unwrap_or_else(|| silent_ticket(seed, &candidate.address));
            let (class, route) = match submitted {
                _ if !contested => (0, Route::Uncontested),
                Some(ticket) if ticket < threshold => (0, Route::Ticket),
                Some(_) => (1, Route::Fallback),
                None => (2, Route::Fallback),
            };
            let rank = (class, rank(ticket, weight), candidate.address);
            (rank, Admitted { address: candidate.address, ticket, weight, threshold, route })
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, admitted)| admitted).collect()
}

/// Lower is earlier: a ticket divided by the weight that bought it.
fn rank(ticket: u64, weight: u64) -> u128 {
    if weight == 0 { u128::MAX } else { (u128::from(ticket) << 32) / u128::from(weight) }
}
