//! What wallets do with identities: register, answer challenges, attest samples, claim, end; and validators: attest
//! identities.
//!
//! Rules
//! - Only accounts register, and no account has stake of its own: so the judge can say what each attestation is worth.
//! - A wallet brings the answers of others too, as anybody may.
//! - Some answers are wrong or late on purpose; such a transaction is refused by name and pays its fee.

use primitives::actions::identity::{PeerBinding, Register, VrfBinding};
use primitives::actions::timetoke::{Heartbeat, SignedHeartbeat};
use primitives::actions::witness::{Attestation, SignedAttestation};
use primitives::{Action, Address, BoundedVec, Hash, Height, IdentityAction, TimetokeAction, WitnessAction};

use crate::chain::{ACCOUNTS, IDENTITY_BOND, Keys};
use crate::plan::Plan;
use crate::random::{PPM, Random};
use crate::registry::{Registry, Stage};
use crate::stakers::Owner;

/// Most answers that one wallet brings.
const ANSWERS_MAX: usize = 4;
/// One in so many answers names another block than the challenge asks for.
const WRONG_ONE_IN: u64 = 16;

/// Who acts for identities in a run.
pub struct Subjects {
    actions_ppm: u32,
    keys: Keys,
    genesis: Hash,
}

impl Subjects {
    /// Those of a plan; nobody when it has no identities.
    pub fn of(plan: &Plan, keys: Keys, genesis: Hash) -> Option<Self> {
        let actions_ppm = plan.identities.as_ref()?.actions_ppm;
        Some(Self { actions_ppm, keys, genesis })
    }

    /// What an owner does about identities at this height, if anything.
    pub fn action(
        &self,
        (owner, address): (Owner, Address),
        registry: &Registry,
        height: Height,
        random: &mut Random,
    ) -> Option<Action> {
        if !random.chance(self.actions_ppm) {
            return None;
        }
        match owner {
            Owner::Validator(_) => Self::attest_identity(&address, registry, height, random),
            Owner::Account(number) => match registry.get(&address).map(|known| known.stage) {
                None => self.register(number, address, height, random),
                Some(Stage::Active) => self.active(number, address, registry, height, random),
                // Nobody attested it in time: the bond comes back, with or without another try.
                Some(Stage::Pending) if registry.is_late(&address, height) && random.chance(PPM / 2) => {
                    Some(Action::Identity(IdentityAction::Withdraw))
                }
                Some(Stage::Pending) if registry.is_late(&address, height) => {
                    self.register(number, address, height, random)
                }
                Some(Stage::Pending) => None,
                Some(Stage::Ended(_)) => Some(Action::Identity(IdentityAction::Withdraw)),
            },
        }
    }

    fn attest_identity(by: &Address, registry: &Registry, height: Height, random: &mut Random) -> Option<Action> {
        let pending: Vec<_> = registry
            .pending()
            .filter(|(who, known)| !known.attesters.contains(by) && !registry.is_late(who, height))
            .collect();
        let (subject, known) = pending.get(random.index(pending.len().max(1)))?;
        let (subject, registered_at) = (**subject, known.registered_at);
        Some(Action::Identity(IdentityAction::Attest { subject, registered_at }))
    }

    fn vrf(&self, number: u64, address: Address, height: Height, random: &mut Random) -> Option<VrfBinding> {
        VrfBinding::prove(&self.keys.account_vrf(number, random.any()), address, height, &self.genesis)
    }

    fn register(&self, number: u64, address: Address, height: Height, random: &mut Random) -> Option<Action> {
        let peer = random
            .chance(PPM / 3)
            .then(|| PeerBinding::sign(&self.keys.account_peer(number, random.any()), address, height, &self.genesis));
        let register = Register { bond: IDENTITY_BOND, vrf: self.vrf(number, address, height, random)?, peer };
        Some(Action::Identity(IdentityAction::Register(Box::new(register))))
    }

    fn active(
        &self,
        number: u64,
        address: Address,
        registry: &Registry,
        height: Height,
        random: &mut Random,
    ) -> Option<Action> {
        if registry.owed(&address) > 0 && random.chance(PPM / 3) {
            return Some(Action::Witness(WitnessAction::Claim));
        }
        match random.below(20) {
            0..=9 => self.heartbeats(registry, random),
            10..=17 => self.attestations(registry, random),
            18 => {
                let vouched = Address::of_key(&self.keys.account(random.below(ACCOUNTS)).public_key());
                let vouch = IdentityAction::Vouch { subject: vouched };
                (vouched != address).then_some(Action::Identity(vouch))
            }
            _ if random.chance(PPM / 2) => {
                Some(Action::Identity(IdentityAction::RotateVrf(self.vrf(number, address, height, random)?)))
            }
            _ => Some(Action::Identity(IdentityAction::Revoke)),
        }
    }

    /// Some accounts of those for which `may` holds, by address.
    fn some(&self, random: &mut Random, may: impl Fn(&Address) -> bool) -> Vec<(Address, u64)> {
        let all = (0..ACCOUNTS).map(|number| (Address::of_key(&self.keys.account(number).public_key()), number));
        let mut some: Vec<_> = all.filter(|(address, _)| may(address)).collect();
        while some.len() > ANSWERS_MAX {
            some.swap_remove(random.index(some.len()));
        }
        some.sort_unstable();
        some
    }

    fn heartbeats(&self, registry: &Registry, random: &mut Random) -> Option<Action> {
        let open = registry.challenge()?;
        let is_active = |who: &Address| registry.get(who).is_some_and(|known| known.stage == Stage::Active);
        let answering = self.some(random, |who| is_active(who) && !registry.has_answered(who));
        // Now and then the answer names another block: it counts, and counts against the subject. Whoever signs for the
        // subject signs the same: two answers to one challenge would be an offence.
        let sign = |(identity, number): (Address, u64)| {
            let is_wrong = open.number.wrapping_add(number) % WRONG_ONE_IN == 0;
            let value = if is_wrong { open.seed } else { open.value };
            Heartbeat { identity, challenge: open.number, seed: open.seed, value }
                .sign(&self.keys.account(number), &self.genesis)
        };
        let list: Vec<SignedHeartbeat> = answering.into_iter().map(sign).collect();
        let list = BoundedVec::new(list).filter(|list| !list.is_empty())?;
        Some(Action::Timetoke(TimetokeAction::Heartbeats { list }))
    }

    fn attestations(&self, registry: &Registry, random: &mut Random) -> Option<Action> {
        let open = registry.sample()?;
        let is_active = |who: &Address| registry.get(who).is_some_and(|known| known.stage == Stage::Active);
        let any = random.chance(PPM / 16);
        let drawn = self.some(random, |who| is_active(who) && (any || registry.is_drawn(who)));
        let sign = |(identity, number): (Address, u64)| {
            Attestation { identity, height: open.height, seed: open.seed, value: open.value }
                .sign(&self.keys.account(number), &self.genesis)
        };
        let list: Vec<SignedAttestation> = drawn.into_iter().map(sign).collect();
        let list = BoundedVec::new(list).filter(|list| !list.is_empty())?;
        Some(Action::Witness(WitnessAction::Attest { list }))
    }
}
