//! Identities, reputation and timetoke, read from the state at the finalized height.

use std::cmp::Reverse;

use primitives::actions::identity::KeyKindProven;
use primitives::{Address, Height, Params, PublicKey, Timestamp};
use rpc::ApiError;
use rpc::types::{
    ChallengeView, CountersView, IdentityRecord, IdentityView, NextTier, ReputationBoard, ReputationLine,
    ReputationView, ScorePart, TimetokeSubject, TimetokeView, ValidatorPeer, ValidatorPeers, VrfKeyView,
};
use state::identity::{self, Identity, VrfKey};
use state::reputation::{self, Counters, Explanation, Tier};
use state::timetoke::{self, commitment};
use state::view::{self, Broken};
use state::{StateView, staking};

use super::errors;
use super::server::Server;

/// Identities that a list looks at.
const SCANNED_MAX: usize = 1_000;
/// Lines of the board.
const BOARD_MAX: usize = 100;

/// The state with what every view needs from it.
pub struct Reading<'a> {
    /// The state after the finalized block.
    pub state: &'a dyn StateView,
    /// The governed values.
    pub params: Params,
    /// The finalized height.
    pub height: Height,
    /// Its block's time.
    pub time: Timestamp,
}

/// Reads the state at one height.
///
/// # Errors
/// A fault of the node.
pub fn read<T>(server: &Server, ask: impl FnOnce(&Reading<'_>) -> Result<T, Broken>) -> Result<T, ApiError> {
    let broken = |broken: Broken| errors::of_fault(&replica::Fault(broken.to_string()));
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let state = chain.state();
    let params = view::params(state).map_err(broken)?;
    let (height, time) = (chain.head().height, chain.head().time);
    ask(&Reading { state, params, height, time }).map_err(broken)
}

/// `/ledger/identity/{address}`.
///
/// # Errors
/// A fault of the node.
pub fn identity(server: &Server, address: Address) -> Result<IdentityView, ApiError> {
    read(server, |reading| {
        let found = identity::get(reading.state, &address)?;
        let members = view::validators(reading.state)?.validators().len();
        let required = identity::attestations_required(&reading.params, members);
        Ok(IdentityView {
            address,
            identity: found.map(|identity| record(&identity, required, reading.height)),
            bond: reading.params.identity.bond,
            height: reading.height,
        })
    })
}

fn record(identity: &Identity, attestations_required: u64, height: Height) -> IdentityRecord {
    let key = |key: VrfKey| VrfKeyView {
        key: key.key,
        from_epoch: key.from_epoch,
        stamped_at: key.stamped_at,
        stamped_time_ms: key.stamped_time,
    };
    IdentityRecord {
        number: identity.number,
        stage: identity.stage(height).name().to_owned(),
        vrf: key(identity.vrf),
        next_vrf: identity.next_vrf.map(key),
        peer: identity.peer,
        bond: identity.bond,
        registered_at: identity.registered_at,
        attest_until: identity.attest_until,
        attesters: identity.attesters.to_vec(),
        attestations_required,
        active_at: identity.active_at,
        revoked_at: identity.revoked_at,
        tombstoned: identity.tombstoned,
    }
}

/// `/ledger/reputation/{address}`.
///
/// # Errors
/// A fault of the node.
pub fn reputation(server: &Server, address: Address) -> Result<ReputationView, ApiError> {
    read(server, |reading| explained(reading, address))
}

fn explained(reading: &Reading<'_>, address: Address) -> Result<ReputationView, Broken> {
    let (state, params) = (reading.state, &reading.params);
    let Explanation { tier, score_ppm, verifiable_score_ppm, parts, next } =
        reputation::explain(state, params, &address, reading.height, reading.time)?;
    let part = |part: &reputation::Part| ScorePart {
        name: part.name.to_owned(),
        count: part.count,
        curve_ppm: part.curve_ppm,
        weight_ppm: part.weight_ppm,
        contribution_ppm: part.contribution_ppm,
        negative: part.negative,
        verifiable: part.verifiable,
    };
    Ok(ReputationView {
        address,
        tier: tier.name().to_owned(),
        score_ppm,
        verifiable_score_ppm,
        parts: parts.iter().map(part).collect(),
        next: next.map(|next| NextTier {
            tier: next.tier.name().to_owned(),
            counter: next.counter.to_owned(),
            has: next.has,
            needs: next.needs,
        }),
        counters: counters(reputation::counters(state, &address)?),
        height: reading.height,
        time_ms: reading.time,
    })
}

/// Counters as JSON.
pub fn counters(counters: Counters) -> CountersView {
    CountersView {
        validations: counters.validations,
        validation_failures: counters.validation_failures,
        successes: counters.successes,
        failures: counters.failures,
        vouches: counters.vouches,
        active_at_ms: counters.active_at,
    }
}

/// `/ui/reputation`.
///
/// # Errors
/// A fault of the node.
pub fn board(server: &Server) -> Result<ReputationBoard, ApiError> {
    let own = server.shared.validator;
    read(server, |reading| {
        let mut lines = Vec::new();
        for address in addresses(reading.state, identity::keys::IDENTITY) {
            let facts = reputation::facts(reading.state, &reading.params, &address, reading.height, reading.time)?;
            let found = reputation::score::explain(&reading.params.reputation, &facts);
            let tier = found.tier.name().to_owned();
            lines.push(ReputationLine { address, tier, score_ppm: found.score_ppm, hours: facts.hours });
        }
        lines.sort_by_key(|line| (Reverse(line.score_ppm), line.address));
        lines.truncate(BOARD_MAX);
        Ok(ReputationBoard {
            height: reading.height,
            params: reading.params.reputation.clone(),
            identities: identity::count(reading.state)?,
            best: lines,
            own: own.map(|address| explained(reading, address)).transpose()?,
        })
    })
}

/// `/validator/peers`.
///
/// # Errors
/// A fault of the node.
pub fn peers(server: &Server) -> Result<ValidatorPeers, ApiError> {
    let mut connected = server.shared.p2p.get().map(p2p::P2pHandle::peers).unwrap_or_default();
    connected.sort_by_key(|peer| *peer.peer.as_bytes());
    read(server, |reading| {
        let (state, set) = (reading.state, view::validators(reading.state)?);
        let mut peers = Vec::with_capacity(connected.len());
        for peer in connected {
            let identity = identity::holder(state, KeyKindProven::Peer, peer.peer.as_bytes(), reading.height)?;
            let tier = match &identity {
                Some(address) => {
                    reputation::explain(state, &reading.params, address, reading.height, reading.time)?.tier
                }
                None => Tier::New,
            };
            peers.push(ValidatorPeer {
                node_key: PublicKey(*peer.peer.as_bytes()),
                agent: peer.agent,
                mode: peer.mode,
                remote: peer.address,
                transport: peer.provider.name().to_owned(),
                inbound: peer.inbound,
                height: peer.height,
                points: peer.points,
                connected_ms: peer.connected_ms,
                validator: identity.is_some_and(|address| set.get(&address).is_some()),
                identity,
                tier: tier.name().to_owned(),
            });
        }
        Ok(ValidatorPeers { height: reading.height, peers })
    })
}

/// The first addresses of a column whose keys are addresses.
fn addresses(state: &dyn StateView, column: u8) -> Vec<Address> {
    let found = state.scan(&[column], SCANNED_MAX);
    found.iter().filter_map(|(key, _)| staking::keys::address_at(key, 1)).collect()
}

/// `/ledger/timetoke`.
///
/// # Errors
/// A fault of the node.
pub fn timetoke(server: &Server) -> Result<TimetokeView, ApiError> {
    read(server, |reading| {
        let (state, params) = (reading.state, &reading.params.timetoke);
        let mut subjects = Vec::new();
        let listed = addresses(state, timetoke::keys::SUBJECT);
        for address in &listed {
            let Some(identity) = identity::get(state, address)? else { continue };
            let record = timetoke::get(state, address)?;
            subjects.push(TimetokeSubject {
                address: *address,
                number: identity.number,
                hours: record.hours,
                accrued_at_ms: record.accrued_at,
                hours_now: record.hours_at(params, reading.time),
            });
        }
        let challenge = timetoke::challenge(state)?.map(|open| ChallengeView {
            number: open.number,
            height: open.height,
            value: open.value,
            seed: open.seed,
            opened_at_ms: open.opened_at,
            answer_until_ms: open.opened_at.plus(params.answer_seconds.saturating_mul(1_000)),
        });
        Ok(TimetokeView {
            height: reading.height,
            time_ms: reading.time,
            root: commitment::root(state)?,
            params: params.clone(),
            challenge,
            truncated: listed.len() >= SCANNED_MAX,
            subjects,
        })
    })
}
