//! The admission lottery: what takes tickets now, what was drawn, and where one address stands in it.

use std::collections::BTreeMap;

use primitives::params::PPM;
use primitives::{Address, Amount};
use rpc::types::{OwnVrf, VrfAdmitted, VrfCandidate, VrfMetrics, VrfRaise, VrfResult, VrfStanding, VrfThreshold};
use rpc::{ApiError, ErrorCode};
use state::context::epoch_of;
use state::identity;
use state::lottery::draw::{self, Admitted, FrozenCandidate};
use state::lottery::{self, LotteryResult, why};
use state::reputation::Tier;
use state::view::{self, Broken};

use super::server::Server;
use super::standing::{Reading, read};
use crate::elections::participation_ppm;

/// `/consensus/vrf/threshold`.
///
/// # Errors
/// A fault of the node.
pub fn threshold(server: &Server) -> Result<VrfThreshold, ApiError> {
    read(server, open)
}

/// The epoch of the next block.
fn epoch(reading: &Reading<'_>) -> u64 {
    epoch_of(&reading.params, reading.height.next())
}

fn open(reading: &Reading<'_>) -> Result<VrfThreshold, Broken> {
    let (state, params) = (reading.state, &reading.params);
    let enter = epoch(reading).saturating_add(1);
    let frozen = lottery::frozen(state, enter)?;
    let tickets = lottery::tickets(state, enter)?;
    let total = total_weight(reading, &frozen);
    Ok(VrfThreshold {
        height: reading.height,
        enabled: lottery::is_on(params),
        epoch: enter,
        seed: lottery::seed(state, enter)?,
        seats: params.lottery.seats,
        total_weight: total.to_string(),
        submissions: u64::try_from(tickets.len()).unwrap_or(u64::MAX),
        candidates: frozen.iter().map(|one| candidate(reading, one, total, &tickets)).collect(),
        last: lottery::result(state, epoch(reading))?.map(|result| drawn(&result)),
    })
}

fn total_weight(reading: &Reading<'_>, frozen: &[FrozenCandidate]) -> u128 {
    let params = &reading.params;
    frozen.iter().map(|one| u128::from(draw::weight(&params.lottery, params.timetoke.cap_hours, one))).sum()
}

fn candidate(
    reading: &Reading<'_>,
    frozen: &FrozenCandidate,
    total: u128,
    tickets: &BTreeMap<Address, u64>,
) -> VrfCandidate {
    let params = &reading.params;
    let weight = draw::weight(&params.lottery, params.timetoke.cap_hours, frozen);
    VrfCandidate {
        address: frozen.address,
        stake: frozen.stake,
        tier: frozen.tier.name().to_owned(),
        hours: frozen.hours,
        weight,
        share_ppm: share_ppm(weight, total),
        threshold: draw::threshold(&params.lottery, weight, total).to_string(),
        ticket: tickets.get(&frozen.address).map(u64::to_string),
    }
}

/// The part of `total`, rounded down; `total` holds `weight`.
fn share_ppm(weight: u64, total: u128) -> u64 {
    let share = u128::from(weight).saturating_mul(u128::from(PPM)).checked_div(total).unwrap_or(0);
    u64::try_from(share).unwrap_or(PPM)
}

/// What more stake, the next tier and more hours would each do to a candidate's weight.
fn raises(reading: &Reading<'_>, frozen: &[FrozenCandidate], address: Address) -> Vec<VrfRaise> {
    let Some(own) = frozen.iter().find(|one| one.address == address) else { return Vec::new() };
    let (lottery, cap) = (&reading.params.lottery, reading.params.timetoke.cap_hours);
    let before = draw::weight(lottery, cap, own);
    let others = total_weight(reading, frozen).saturating_sub(u128::from(before));
    let raise = |change: String, with: FrozenCandidate| {
        let weight = draw::weight(lottery, cap, &with);
        let share_ppm = share_ppm(weight, others.saturating_add(u128::from(weight)));
        (weight > before).then_some(VrfRaise { change, weight, share_ppm })
    };
    // A tenth more, and at least one BLOCK: parts of a BLOCK have no weight.
    let tenth = Amount::from_blocks(1).max(Amount::new(own.stake.micro() / 10).unwrap_or_default());
    let stake = own
        .stake
        .checked_add(tenth)
        .map(|stake| raise(format!("{tenth} BLOCK more stake"), FrozenCandidate { stake, ..own.clone() }));
    let next = Tier::ALL.into_iter().find(|tier| *tier > own.tier);
    let tier = next.map(|tier| raise(format!("tier {}", tier.name()), FrozenCandidate { tier, ..own.clone() }));
    let hours = own.hours.saturating_add(24).min(cap);
    let hours = raise(format!("{hours} hours of timetoke"), FrozenCandidate { hours, ..own.clone() });
    [stake.flatten(), tier.flatten(), hours].into_iter().flatten().collect()
}

fn drawn(result: &LotteryResult) -> VrfResult {
    VrfResult {
        epoch: result.epoch,
        seats: result.seats,
        candidates: result.candidates,
        submissions: result.submissions,
        admitted: result.admitted.iter().map(admitted).collect(),
    }
}

fn admitted(one: &Admitted) -> VrfAdmitted {
    VrfAdmitted {
        address: one.address,
        route: one.route.name().to_owned(),
        ticket: one.ticket.to_string(),
        threshold: one.threshold.to_string(),
    }
}

/// `/consensus/vrf/{address}`.
///
/// # Errors
/// A fault of the node.
pub fn one(server: &Server, address: Address) -> Result<VrfStanding, ApiError> {
    read(server, |reading| {
        let (state, params) = (reading.state, &reading.params);
        let now = open(reading)?;
        let found = now.candidates.into_iter().find(|one| one.address == address);
        let last = lottery::result(state, epoch(reading))?;
        let came_in = last.and_then(|result| result.admitted.iter().find(|one| one.address == address).map(admitted));
        let validator = view::validators(state)?.get(&address).is_some();
        let reason = reason(reading, &address)?;
        Ok(VrfStanding {
            address,
            height: reading.height,
            validator,
            vrf_key: identity::vrf_key(state, &address, reading.height, epoch_of(params, reading.height.next()))?,
            candidate: found,
            admitted: came_in,
            reason,
            raises: raises(reading, &lottery::frozen(state, epoch(reading).saturating_add(1))?, address),
        })
    })
}

/// `/validator/vrf`.
///
/// # Errors
/// `not_found` when this node has no validator key, or a fault of the node.
pub fn own(server: &Server) -> Result<OwnVrf, ApiError> {
    let (Some(address), Some(duties)) = (server.shared.validator, &server.shared.duties) else {
        return Err(ApiError::new(ErrorCode::NotFound)
            .because("this node has no validator key".to_owned())
            .with_hint("ask a node with mode = \"validator\", or GET /consensus/vrf/{address}".to_owned()));
    };
    Ok(OwnVrf { held_keys: duties.vrf_keys(), standing: one(server, address)?, vrf_metrics: metrics(server)? })
}

/// `vrf_metrics` of `/status/node`.
///
/// # Errors
/// A fault of the node.
pub fn metrics(server: &Server) -> Result<VrfMetrics, ApiError> {
    let counts = server.shared.elections.counts();
    let (participation_ppm, threshold) = read(server, |reading| {
        let last = lottery::result(reading.state, epoch(reading))?;
        let held = last.filter(|last| last.candidates > 0);
        let participation = held.map(|last| participation_ppm(last.submissions, last.candidates));
        let Some(address) = server.shared.validator else { return Ok((participation, None)) };
        let now = open(reading)?;
        let own = now.candidates.into_iter().find(|one| one.address == address);
        Ok((participation, own.map(|own| own.threshold)))
    })?;
    Ok(VrfMetrics {
        submissions: counts.submissions,
        accepted: counts.accepted,
        rejected: counts.rejected.values().fold(0, |sum: u64, count| sum.saturating_add(*count)),
        rejected_by_reason: counts.rejected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect(),
        fallback: counts.fallback,
        participation_ppm,
        threshold,
    })
}

/// The first thing that keeps `address` out and what to do about it, after what the last draw did with it.
fn reason(reading: &Reading<'_>, address: &Address) -> Result<String, Broken> {
    let (state, params) = (reading.state, &reading.params);
    let why = why::why(state, params, address, reading.height.next(), reading.time)?;
    Ok(match why::last_draw(state, params, address, epoch(reading))? {
        Some(draw) => format!("{draw}; {why}"),
        None => why.to_string(),
    })
}
