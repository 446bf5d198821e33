//! Identity: registered subjects with keys, a bond and the word of validators.
//!
//! ```text
//!              Register (bond paid)              attestations ≥ required
//!  (nothing) ───────────────────────► pending ───────────────────────────► active ──Revoke──► revoked
//!      ▲                                 │ height > attest_until                                  │
//!      │                                 ▼                                                        │
//!      └──────────── Withdraw ──────── expired            Withdraw, bond_delay_blocks later ──────┘
//! ```
//!
//! Invariants
//! - The state of an identity is a function of its record and the height (IDN-1): blocks without identity
//!   transactions cost nothing, however many identities there are.
//! - The slot `identity_bonds` holds exactly the sum of the bonds in all records (IDN-29).
//! - A VRF key and a peer key are held by at most one identity (IDN-3).
//!
//! Read next: [`execute`], `spec/identity.md`.

pub mod execute;
pub mod keys;

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::actions::IdentityEvent;
use primitives::actions::identity::KeyKindProven;
use primitives::ledger::IDENTITY_BONDS;
use primitives::validator::VALIDATORS_MAX;
use primitives::{
    Address, Amount, BoundedVec, Event, Genesis, Height, Params, PublicKey, Timestamp, VrfPublicKey, decode, encode,
};

use crate::context::epoch_of;
use crate::overlay::Overlay;
use crate::timetoke::commitment::SUBJECTS_MAX;
use crate::view::{Broken, StateView};

/// Epochs from the rotation of a VRF key until it is used: lotteries take keys frozen three epochs before (IDN-26).
pub const VRF_DELAY_EPOCHS: u64 = 3;
/// Parts per million in one.
const PPM: u64 = 1_000_000;

/// A VRF key with its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VrfKey {
    /// The key.
    pub key: VrfPublicKey,
    /// The first epoch that uses it.
    pub from_epoch: u64,
    /// The block that registered it.
    pub stamped_at: Height,
    /// That block's time.
    pub stamped_time: Timestamp,
}

/// A registered subject.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Identity {
    /// Its place in the timetoke tree; never used again.
    pub number: u32,
    /// The VRF key in use.
    pub vrf: VrfKey,
    /// The VRF key that follows, once rotated.
    pub next_vrf: Option<VrfKey>,
    /// The node's network key.
    pub peer: Option<PublicKey>,
    /// What is left of the refundable bond.
    pub bond: Amount,
    /// The block that registered it.
    pub registered_at: Height,
    /// The last height at which validators may attest.
    pub attest_until: Height,
    /// Who attested, in order.
    pub attesters: BoundedVec<Address, VALIDATORS_MAX>,
    /// When it became active.
    pub active_at: Option<Height>,
    /// When it was revoked.
    pub revoked_at: Option<Height>,
    /// Whether evidence ended it for ever.
    pub tombstoned: bool,
}

/// Where an identity is in its life (IDN-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waits for attestations.
    Pending,
    /// Was not attested in time.
    Expired,
    /// Valid.
    Active,
    /// Ended by its owner or by evidence.
    Revoked,
}

impl Stage {
    /// The name used in JSON, metrics and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Expired => "expired",
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }
}

impl Identity {
    /// Its stage in the block at `height`.
    pub fn stage(&self, height: Height) -> Stage {
        match (self.revoked_at, self.active_at) {
            (Some(_), _) => Stage::Revoked,
            (None, Some(_)) => Stage::Active,
            (None, None) if height <= self.attest_until => Stage::Pending,
            (None, None) => Stage::Expired,
        }
    }

    /// The VRF key of `epoch`, or `None` before its first.
    pub fn vrf_key(&self, epoch: u64) -> Option<VrfPublicKey> {
        let newest = self.next_vrf.filter(|next| next.from_epoch <= epoch).unwrap_or(self.vrf);
        (newest.from_epoch <= epoch).then_some(newest.key)
    }
}

/// Who a key belongs to, in the key index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct KeyHolder {
    identity: Address,
    number: u32,
}

/// The identity of a wallet, whatever its stage.
///
/// # Errors
/// [`Broken`] when the record does not decode.
pub fn get(view: &dyn StateView, address: &Address) -> Result<Option<Identity>, Broken> {
    read(view, &keys::identity(address), "an identity does not decode")
}

/// The identity of a wallet when it is active at `height`.
///
/// # Errors
/// [`Broken`] when the record does not decode.
pub fn active(view: &dyn StateView, address: &Address, height: Height) -> Result<Option<Identity>, Broken> {
    Ok(get(view, address)?.filter(|identity| identity.stage(height) == Stage::Active))
}

/// The VRF key that `address` uses in `epoch` by its active identity; `None` leaves the choice to the caller.
///
/// # Errors
/// [`Broken`] when the record does not decode.
pub fn vrf_key(
    view: &dyn StateView,
    address: &Address,
    height: Height,
    epoch: u64,
) -> Result<Option<VrfPublicKey>, Broken> {
    Ok(active(view, address, height)?.and_then(|identity| identity.vrf_key(epoch)))
}

/// Who holds a key at `height` (IDN-3).
///
/// # Errors
/// [`Broken`] when a record does not decode.
pub fn holder(
    view: &dyn StateView,
    kind: KeyKindProven,
    key: &[u8; 32],
    height: Height,
) -> Result<Option<Address>, Broken> {
    let entry: Option<KeyHolder> = read(view, &keys::key(kind, key), "a key index entry does not decode")?;
    let Some(entry) = entry else { return Ok(None) };
    let holds = get(view, &entry.identity)?
        .is_some_and(|identity| identity.number == entry.number && identity.stage(height) != Stage::Expired);
    Ok(holds.then_some(entry.identity))
}

/// How many identities were ever registered.
///
/// # Errors
/// [`Broken`] when the counter does not decode.
pub fn count(view: &dyn StateView) -> Result<u32, Broken> {
    Ok(read(view, &keys::count(), "the identity counter does not decode")?.unwrap_or_default())
}

/// Attestations that an identity needs in a set of `members` validators (IDN-27).
pub fn attestations_required(params: &Params, members: usize) -> u64 {
    params.identity.attestations_min.min(u64::try_from(members).unwrap_or(u64::MAX))
}

/// Punishes an identity for proven misbehaviour (IDN-32): burns `share_ppm` of the bond, rounded up, zeroes timetoke and
/// reputation and ends it for ever. An address without identity, or one that was punished before, is left alone.
///
/// # Errors
/// [`Broken`] when stored values do not fit each other.
pub fn punish(
    overlay: &mut Overlay<'_>,
    address: &Address,
    share_ppm: u64,
    height: Height,
) -> Result<Option<Event>, Broken> {
    let Some(mut identity) = get(overlay, address)?.filter(|identity| !identity.tombstoned) else { return Ok(None) };
    let cut = (u128::from(identity.bond.micro()) * u128::from(share_ppm.min(PPM))).div_ceil(u128::from(PPM));
    let burned = u64::try_from(cut).ok().and_then(Amount::new).ok_or(Broken("a bond's cut is out of range"))?;
    if burned > Amount::ZERO {
        overlay.burn(IDENTITY_BONDS, burned)?;
    }
    identity.bond = identity.bond.checked_sub(burned).ok_or(Broken("a cut above the bond"))?;
    identity.tombstoned = true;
    identity.revoked_at = identity.revoked_at.or(Some(height));
    crate::timetoke::erase(overlay, address, identity.number)?;
    crate::reputation::erase(overlay, address);
    put(overlay, address, &identity);
    Ok(Some(Event::Identity(IdentityEvent::Punished { identity: *address, burned })))
}

/// Gives every genesis validator an active identity without bond (IDN-27).
///
/// # Errors
/// [`Broken`] when `genesis` was not validated.
pub fn genesis(overlay: &mut Overlay<'_>, genesis: &Genesis) -> Result<(), Broken> {
    let mut addresses: Vec<(Address, VrfPublicKey)> =
        genesis.validators.iter().map(|one| (Address::of_key(&one.public_key), one.vrf_key)).collect();
    addresses.sort();
    for (address, vrf_key) in addresses {
        let number = take_number(overlay)?;
        let stamp =
            VrfKey { key: vrf_key, from_epoch: 0, stamped_at: Height::GENESIS, stamped_time: genesis.genesis_time };
        let identity = Identity {
            number,
            vrf: stamp,
            next_vrf: None,
            peer: None,
            bond: Amount::ZERO,
            registered_at: Height::GENESIS,
            attest_until: Height::GENESIS,
            attesters: BoundedVec::default(),
            active_at: Some(Height::GENESIS),
            revoked_at: None,
            tombstoned: false,
        };
        hold(overlay, KeyKindProven::Vrf, &vrf_key.0, &address, number);
        put(overlay, &address, &identity);
    }
    Ok(())
}

/// The slot of the bonds holds exactly the bonds of all identities (IDN-29).
///
/// # Errors
/// [`Broken`] when it does not.
pub fn pot_equals_bonds(view: &dyn StateView) -> Result<(), Broken> {
    let mut sum = Amount::ZERO;
    for (_, bytes) in view.scan(&[keys::IDENTITY], usize::MAX) {
        let identity: Identity = decode(&bytes).map_err(|_| Broken("an identity does not decode"))?;
        sum = sum.checked_add(identity.bond).ok_or(Broken("the bonds are out of range"))?;
    }
    let pot = view.slot(IDENTITY_BONDS).ok_or(Broken("the slot of the bonds is empty"))?;
    if pot.balance == sum { Ok(()) } else { Err(Broken("identity_bonds is not the sum of all bonds")) }
}

fn take_number(overlay: &mut Overlay<'_>) -> Result<u32, Broken> {
    let number = count(overlay)?;
    if number >= SUBJECTS_MAX {
        return Err(Broken("no identity number is left"));
    }
    overlay.put(keys::count(), encode(&number.saturating_add(1)));
    Ok(number)
}

fn put(overlay: &mut Overlay<'_>, address: &Address, identity: &Identity) {
    overlay.put(keys::identity(address), encode(identity));
}

fn hold(overlay: &mut Overlay<'_>, kind: KeyKindProven, key: &[u8; 32], identity: &Address, number: u32) {
    overlay.put(keys::key(kind, key), encode(&KeyHolder { identity: *identity, number }));
}

/// The first epoch that uses a key stamped at `height`.
fn first_epoch(params: &Params, height: Height) -> u64 {
    epoch_of(params, height).saturating_add(VRF_DELAY_EPOCHS)
}

fn read<T: BorshDeserialize>(view: &dyn StateView, key: &[u8], what: &'static str) -> Result<Option<T>, Broken> {
    view.get(key).map(|bytes| decode(&bytes).map_err(|_| Broken(what))).transpose()
}
