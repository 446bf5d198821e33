//! Carries out the actions of the identity module. Implements IDN-9 to IDN-32.
//!
//! Rule: every check comes before the first write; on an outcome other than success nothing has changed. Keys are
//! strong and proven before a transaction gets here ([`IdentityAction::check_form`]).

use primitives::actions::IdentityEvent;
use primitives::actions::identity::{KeyKindProven, PeerBinding, Register, VrfBinding};
use primitives::ledger::IDENTITY_BONDS;
use primitives::{Address, Amount, BoundedVec, Event, Height, IdentityAction, Outcome, encode};

use super::{Identity, Stage, VrfKey, active, attestations_required, count, first_epoch, get, hold, holder, keys, put};
use crate::context::{Env, Payer};
use crate::overlay::Overlay;
use crate::timetoke::commitment::SUBJECTS_MAX;
use crate::view::{self, Broken, StateView};

/// What an action did, or why it did nothing.
type Done = Result<Result<Vec<Event>, Outcome>, Broken>;

/// Executes one action, whose fee is paid and whose spend the balance covers.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other. A named outcome is the inner error.
pub fn execute(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, action: &IdentityAction) -> Done {
    match action {
        IdentityAction::Register(register) => self::register(overlay, env, payer, register),
        IdentityAction::Attest { subject, registered_at } => {
            attest(overlay, env, payer.address, subject, *registered_at)
        }
        IdentityAction::RotateVrf(vrf) => rotate_vrf(overlay, env, payer.address, vrf),
        IdentityAction::RotatePeer { peer } => rotate_peer(overlay, env, payer.address, peer.as_ref()),
        IdentityAction::Revoke => revoke(overlay, env, payer.address),
        IdentityAction::Withdraw => withdraw(overlay, env, payer),
        IdentityAction::Vouch { subject } => vouch(overlay, env, payer.address, subject),
    }
}

fn register(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer, register: &Register) -> Done {
    let (height, params) = (env.block.height, &env.params.identity);
    let old = get(overlay, &payer.address)?;
    if old.as_ref().is_some_and(|old| old.stage(height) != Stage::Expired) {
        return Ok(Err(Outcome::IdentityExists));
    }
    if register.bond != params.bond {
        return Ok(Err(Outcome::WrongBond));
    }
    if count(overlay)? >= SUBJECTS_MAX {
        return Ok(Err(Outcome::IdentitiesFull));
    }
    if let Err(outcome) = check_vrf(overlay, env, &register.vrf)? {
        return Ok(Err(outcome));
    }
    if let Some(peer) = &register.peer
        && let Err(outcome) = check_peer(overlay, env, peer)?
    {
        return Ok(Err(outcome));
    }
    let mut events = Vec::new();
    if let Some(old) = old {
        close(overlay, payer, &old, &mut events)?;
    }
    overlay.transfer(payer.slot, IDENTITY_BONDS, register.bond)?;
    let number = super::take_number(overlay)?;
    hold(overlay, KeyKindProven::Vrf, &register.vrf.key.0, &payer.address, number);
    if let Some(peer) = &register.peer {
        hold(overlay, KeyKindProven::Peer, &peer.key.0, &payer.address, number);
    }
    let identity = Identity {
        number,
        vrf: stamp(env, &register.vrf),
        next_vrf: None,
        peer: register.peer.map(|peer| peer.key),
        bond: register.bond,
        registered_at: height,
        attest_until: Height(height.0.saturating_add(params.attestation_window_blocks)),
        attesters: BoundedVec::default(),
        active_at: None,
        revoked_at: None,
        tombstoned: false,
    };
    put(overlay, &payer.address, &identity);
    events.push(Event::Identity(IdentityEvent::Registered { identity: payer.address, number, bond: register.bond }));
    Ok(Ok(events))
}

/// Fresh, and held by nobody.
fn check_vrf(view: &dyn StateView, env: Env<'_>, vrf: &VrfBinding) -> Result<Result<(), Outcome>, Broken> {
    check_key(view, env, KeyKindProven::Vrf, &vrf.key.0, vrf.valid_from)
}

fn check_peer(view: &dyn StateView, env: Env<'_>, peer: &PeerBinding) -> Result<Result<(), Outcome>, Broken> {
    check_key(view, env, KeyKindProven::Peer, &peer.key.0, peer.valid_from)
}

fn check_key(
    view: &dyn StateView,
    env: Env<'_>,
    kind: KeyKindProven,
    key: &[u8; 32],
    valid_from: Height,
) -> Result<Result<(), Outcome>, Broken> {
    let height = env.block.height;
    if valid_from > height || height.0.saturating_sub(valid_from.0) > env.params.valid_until_max {
        return Ok(Err(Outcome::StaleKeyProof));
    }
    if holder(view, kind, key, height)?.is_some() {
        return Ok(Err(Outcome::KeyInUse));
    }
    Ok(Ok(()))
}

fn stamp(env: Env<'_>, vrf: &VrfBinding) -> VrfKey {
    VrfKey {
        key: vrf.key,
        from_epoch: first_epoch(env.params, env.block.height),
        stamped_at: env.block.height,
        stamped_time: env.block.time,
    }
}

fn attest(overlay: &mut Overlay<'_>, env: Env<'_>, by: Address, subject: &Address, registered_at: Height) -> Done {
    let height = env.block.height;
    let set = view::validators(overlay)?;
    if set.get(&by).is_none() {
        return Ok(Err(Outcome::NotAValidator));
    }
    let pending = get(overlay, subject)?
        .filter(|identity| identity.stage(height) == Stage::Pending && identity.registered_at == registered_at);
    let Some(mut identity) = pending else { return Ok(Err(Outcome::IdentityNotPending)) };
    if identity.attesters.contains(&by) {
        return Ok(Err(Outcome::AlreadyAttested));
    }
    let mut attesters = identity.attesters.clone().into_inner();
    attesters.push(by);
    let mut events = vec![Event::Identity(IdentityEvent::Attested { identity: *subject, by })];
    if u64::try_from(attesters.len()).unwrap_or(u64::MAX) >= attestations_required(env.params, set.validators().len()) {
        identity.active_at = Some(height);
        events.push(Event::Identity(IdentityEvent::Activated { identity: *subject }));
    }
    identity.attesters = BoundedVec::new(attesters).ok_or(Broken("more attesters than validators"))?;
    put(overlay, subject, &identity);
    Ok(Ok(events))
}

fn rotate_vrf(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Address, vrf: &VrfBinding) -> Done {
    let Some(mut identity) = active(overlay, &payer, env.block.height)? else {
        return Ok(Err(Outcome::IdentityNotActive));
    };
    if let Some(next) = identity.next_vrf {
        if next.from_epoch > env.epoch() {
            return Ok(Err(Outcome::RotationPending));
        }
        identity.vrf = next;
    }
    if let Err(outcome) = check_vrf(overlay, env, vrf)? {
        return Ok(Err(outcome));
    }
    let stamp = stamp(env, vrf);
    identity.next_vrf = Some(stamp);
    hold(overlay, KeyKindProven::Vrf, &vrf.key.0, &payer, identity.number);
    put(overlay, &payer, &identity);
    Ok(Ok(vec![Event::Identity(IdentityEvent::VrfRotated { identity: payer, from_epoch: stamp.from_epoch })]))
}

fn rotate_peer(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Address, peer: Option<&PeerBinding>) -> Done {
    let Some(mut identity) = active(overlay, &payer, env.block.height)? else {
        return Ok(Err(Outcome::IdentityNotActive));
    };
    if let Some(peer) = peer {
        if let Err(outcome) = check_peer(overlay, env, peer)? {
            return Ok(Err(outcome));
        }
        hold(overlay, KeyKindProven::Peer, &peer.key.0, &payer, identity.number);
    }
    identity.peer = peer.map(|peer| peer.key);
    put(overlay, &payer, &identity);
    Ok(Ok(vec![Event::Identity(IdentityEvent::PeerRotated { identity: payer })]))
}

fn revoke(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Address) -> Done {
    let height = env.block.height;
    let living =
        get(overlay, &payer)?.filter(|identity| matches!(identity.stage(height), Stage::Active | Stage::Pending));
    let Some(mut identity) = living else { return Ok(Err(Outcome::IdentityNotActive)) };
    identity.revoked_at = Some(height);
    put(overlay, &payer, &identity);
    Ok(Ok(vec![Event::Identity(IdentityEvent::Revoked { identity: payer })]))
}

fn withdraw(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Payer) -> Done {
    let height = env.block.height;
    let Some(mut identity) = get(overlay, &payer.address)? else { return Ok(Err(Outcome::NothingToWithdraw)) };
    match (identity.stage(height), identity.revoked_at) {
        (Stage::Expired, _) => {}
        (Stage::Revoked, Some(revoked_at)) => {
            if height.0 < revoked_at.0.saturating_add(env.params.identity.bond_delay_blocks) {
                return Ok(Err(Outcome::BondLocked));
            }
        }
        _ => return Ok(Err(Outcome::NothingToWithdraw)),
    }
    if identity.tombstoned && identity.bond == Amount::ZERO {
        return Ok(Err(Outcome::NothingToWithdraw));
    }
    let mut events = Vec::new();
    if identity.tombstoned {
        // The record stays, so that the wallet never registers again.
        pay_back(overlay, payer, identity.bond, &mut events)?;
        identity.bond = Amount::ZERO;
        put(overlay, &payer.address, &identity);
    } else {
        close(overlay, payer, &identity, &mut events)?;
    }
    Ok(Ok(events))
}

/// Pays the bond back and forgets the identity; its keys are free with it (IDN-3).
fn close(overlay: &mut Overlay<'_>, payer: Payer, identity: &Identity, events: &mut Vec<Event>) -> Result<(), Broken> {
    pay_back(overlay, payer, identity.bond, events)?;
    crate::timetoke::erase(overlay, &payer.address, identity.number)?;
    crate::reputation::erase(overlay, &payer.address);
    overlay.delete(keys::identity(&payer.address));
    Ok(())
}

fn pay_back(overlay: &mut Overlay<'_>, payer: Payer, bond: Amount, events: &mut Vec<Event>) -> Result<(), Broken> {
    if bond > Amount::ZERO {
        overlay.transfer(IDENTITY_BONDS, payer.slot, bond)?;
        events.push(Event::Identity(IdentityEvent::BondReturned { identity: payer.address, amount: bond }));
    }
    Ok(())
}

fn vouch(overlay: &mut Overlay<'_>, env: Env<'_>, payer: Address, subject: &Address) -> Done {
    let height = env.block.height;
    if active(overlay, &payer, height)?.is_none() {
        return Ok(Err(Outcome::IdentityNotActive));
    }
    let Some(identity) = active(overlay, subject, height)? else { return Ok(Err(Outcome::SubjectNotActive)) };
    let mark = keys::vouch(&payer, subject, identity.number);
    if overlay.get(&mark).is_some() {
        return Ok(Err(Outcome::AlreadyAttested));
    }
    overlay.put(mark, encode(&()));
    crate::reputation::vouched(overlay, subject)?;
    Ok(Ok(vec![Event::Identity(IdentityEvent::Vouched { identity: *subject, by: payer })]))
}
