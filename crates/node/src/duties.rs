//! What a validator's node does by itself: answers challenges, submits lottery tickets, attests blocks.
//!
//! ```text
//! finalized block ─► what is due? ─┬─ a challenge is open and not answered ─► heartbeat
//!                                  ├─ on the list of the next epoch, no ticket ─► VRF proof
//!                                  └─ drawn as a witness, and `witness.attest` is on ─► attestation
//!                     ─► can the account pay? ─► transaction, submitted as a client would
//! ```
//! Rules
//! - The fee comes from the validator's own account. When it cannot pay, that is one named log line and one count for
//!   each challenge or epoch, and the node goes on.
//! - A member of the voting set answers challenges by its commits, so it sends no heartbeat (TTK-12).
//! - A transaction that did not reach a block within [`RETRY_HEIGHTS`] is made again while it still counts.
//! - A node that is behind its peers does nothing: what it would answer is over.
//! - An attestation says that this node has the sampled block: it is read from the own store first.
//! - A ticket is proven with the key that the frozen list names. After a rotation that is the key in
//!   [`NEXT_KEY_FILE`], which is read when it is needed.
//! - The same key is handed to the replica before the voting set names it, so that no block is built with the old one.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use primitives::actions::lottery::lottery_input;
use primitives::actions::timetoke::Heartbeat;
use primitives::actions::witness::Attestation;
use primitives::{
    Action, Address, Amount, BoundedVec, FormatVersion, Hash, Height, Lane, LotteryAction, Nonce, Params, Timestamp,
    TimetokeAction, TransactionBody, VrfPublicKey, VrfSecretKey, WitnessAction, encode,
};
use replica::Replica;
use state::context::epoch_of;
use state::view::{self, Broken};
use state::{StateView, fees, identity, lottery, timetoke, witness};
use telemetry::health::is_syncing;
use wallet::Password;
use wallet::key_file::ValidatorKey;

use crate::keys::{DutySigner, Keys};
use crate::shared::Shared;
use crate::{ready, submit};

/// Heights for which one transaction of a duty is valid, and after which it is made again.
pub const RETRY_HEIGHTS: u64 = 5;
/// The ceiling of a fee, in fees at the present price: the price may rise by an eighth a block until then.
const FEE_MARGIN: u64 = 4;
/// Name of the key file that a rotation leaves in the home directory.
pub const NEXT_KEY_FILE: &str = "validator_key.next.json";

/// Something that a validator owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// Answer this challenge.
    Heartbeat(u64),
    /// Enter the lottery of this epoch.
    Ticket(u64),
    /// Attest that the block at this height is here.
    Attestation(u64),
}

impl Duty {
    const fn name(self) -> &'static str {
        match self {
            Self::Heartbeat(_) => "heartbeat",
            Self::Ticket(_) => "ticket",
            Self::Attestation(_) => "attestation",
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Heartbeat(number) | Self::Ticket(number) | Self::Attestation(number) => number,
        }
    }
}

/// What was last tried for one kind of duty, and at which height.
#[derive(Debug, Clone, Copy)]
struct Tried {
    number: u64,
    height: Height,
    is_over: bool,
}

/// A duty with what does it.
struct Due {
    duty: Duty,
    deed: Deed,
}

/// What does a duty.
enum Deed {
    /// An answer that is yet to be signed. Not while the chain is looked at: the key may be in another process.
    Heartbeat(Heartbeat),
    /// An attestation that is yet to be signed.
    Attestation(Attestation),
    /// This action.
    Act(Action),
    /// Nothing: the lottery expects this VRF key, which is not here.
    WrongKey(VrfPublicKey),
}

/// The state with what every duty asks of it.
struct Moment<'a> {
    state: &'a dyn StateView,
    params: &'a Params,
    /// The next height.
    height: Height,
    /// Time of the last block.
    now: Timestamp,
}

/// What a transaction needs to know.
struct Account {
    height: Height,
    nonce: Nonce,
    balance: Amount,
    base_fees: [Amount; 3],
    due: Vec<Due>,
}

/// Does the duties of one validator.
pub struct Duties {
    address: Address,
    signer: DutySigner,
    vrf: VrfSecretKey,
    next_key: PathBuf,
    password: Option<Password>,
    tried: Mutex<[Option<Tried>; 3]>,
    /// The rotated VRF key that was last looked for, so that its file is opened once.
    rotated: Mutex<Option<VrfPublicKey>>,
}

impl Duties {
    /// The duties of the validator with these keys. `next_key` is where a rotation leaves the following one, under the
    /// same password if the key has one.
    pub fn new(keys: &Keys, next_key: PathBuf) -> Self {
        let address = Address::of_key(&keys.public);
        let (signer, vrf, password) = (keys.duties(), keys.vrf.clone(), keys.password.clone());
        Self { address, signer, vrf, next_key, password, tried: Mutex::default(), rotated: Mutex::default() }
    }

    /// The VRF keys of the home directory: the one in use and the one that follows, if there is one.
    pub fn vrf_keys(&self) -> Vec<VrfPublicKey> {
        [Some(self.vrf.public_key()), self.next_public()].into_iter().flatten().collect()
    }

    /// Does what is due. Called after each finalized block.
    pub fn perform(&self, shared: &Shared) {
        self.hold_rotated(shared);
        let head = shared.store.head().map_or(0, |head| head.height.0);
        if is_syncing(ready::behind(shared, head)) || shared.is_stopping() {
            return;
        }
        // A broken state stops the node by itself at its next block.
        let Ok(Some(account)) = shared.chain().map(|chain| self.look(shared, &chain).ok().flatten()) else { return };
        let mut nonce = account.nonce;
        for due in &account.due {
            let result = match &due.deed {
                Deed::WrongKey(frozen) => {
                    self.note(due.duty, account.height, true);
                    tracing::error!(
                        epoch = due.duty.number(),
                        frozen = %frozen,
                        "no ticket: the lottery expects a VRF key that this home does not hold; put its file back as {NEXT_KEY_FILE}"
                    );
                    "wrong_key"
                }
                deed => match self.action(shared, deed) {
                    Ok(action) => self.send(shared, &account, due.duty, &action, nonce),
                    Err(reason) => self.unsigned(due.duty, account.height, &reason),
                },
            };
            if result == "sent" {
                nonce = nonce.next().unwrap_or(nonce);
            }
            shared.metrics.standing.duties.with([due.duty.name(), result]).inc();
        }
    }

    /// Hands the replica the VRF key of a rotation as soon as the chain knows it: three epochs before it is used.
    fn hold_rotated(&self, shared: &Shared) {
        let registered = shared.chain().ok().and_then(|chain| {
            let found = identity::get(chain.state(), &self.address).ok().flatten()?;
            Some(found.next_vrf.unwrap_or(found.vrf).key)
        });
        let Some(registered) = registered.filter(|key| *key != self.vrf.public_key()) else { return };
        let mut looked_for = self.rotated.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_for.replace(registered) == Some(registered) {
            return;
        }
        match self.next_vrf().filter(|key| key.public_key() == registered) {
            Some(key) => {
                if let Ok(mut chain) = shared.chain() {
                    chain.hold_vrf_key(key);
                }
            }
            None => tracing::error!(
                %registered,
                "the chain has a VRF key of this validator that its home does not hold, and blocks built without it are invalid; put its file \
                 back as {NEXT_KEY_FILE} and restart, or rotate again"
            ),
        }
    }

    /// What is due at the next height; `None` without an account or with nothing to do.
    fn look(&self, shared: &Shared, chain: &Replica) -> Result<Option<Account>, Broken> {
        let state = chain.state();
        let params = view::params(state)?;
        let (height, now) = (chain.head().height.next(), chain.head().time);
        let Some(identity) = identity::active(state, &self.address, height)? else { return Ok(None) };
        let at = Moment { state, params: &params, height, now };
        let mut due: Vec<Due> = self.heartbeat(&at)?.into_iter().collect();
        due.extend(self.lottery(shared, &at)?);
        if shared.config.witness_attest {
            due.extend(self.attestation(shared, &at)?);
        }
        tracing::trace!(identity = identity.number, due = due.len(), %height, "duties looked at");
        if due.is_empty() {
            return Ok(None);
        }
        let Some((_, slot)) = view::account(state, &self.address)? else { return Ok(None) };
        let base = Lane::ALL.map(|lane| view::base_fee(state, lane));
        let [consumer, industrial, reserved] = base;
        Ok(Some(Account {
            height,
            nonce: chain.mempool().next_nonce(&self.address).unwrap_or(slot.nonce),
            balance: slot.balance,
            base_fees: [consumer?, industrial?, reserved?],
            due,
        }))
    }

    /// The answer to the open challenge, if it is due.
    fn heartbeat(&self, at: &Moment<'_>) -> Result<Option<Due>, Broken> {
        let Some(open) = timetoke::challenge(at.state)? else { return Ok(None) };
        let duty = Duty::Heartbeat(open.number);
        let over = at.now.since(open.opened_at) > at.params.timetoke.answer_seconds.saturating_mul(1_000);
        let answered = timetoke::get(at.state, &self.address)?.last_challenge.is_some_and(|last| last >= open.number);
        let votes = view::validators(at.state)?.get(&self.address).is_some();
        if over || answered || votes || !self.is_due(duty, at.height) {
            return Ok(None);
        }
        let heartbeat =
            Heartbeat { identity: self.address, challenge: open.number, seed: open.seed, value: open.value };
        Ok(Some(Due { duty, deed: Deed::Heartbeat(heartbeat) }))
    }

    /// The ticket for the next epoch, if it is due.
    fn lottery(&self, shared: &Shared, at: &Moment<'_>) -> Result<Option<Due>, Broken> {
        let epoch = epoch_of(at.params, at.height).saturating_add(1);
        let duty = Duty::Ticket(epoch);
        if !lottery::is_on(at.params) || !self.is_due(duty, at.height) {
            return Ok(None);
        }
        let Some(seed) = lottery::seed(at.state, epoch)? else { return Ok(None) };
        let list = lottery::frozen(at.state, epoch)?;
        let Some(frozen) = list.iter().find(|one| one.address == self.address) else { return Ok(None) };
        if lottery::tickets(at.state, epoch)?.contains_key(&self.address) {
            return Ok(None);
        }
        let ticket = self.ticket(shared, epoch, &seed, &frozen.vrf_key);
        Ok(Some(Due { duty, deed: ticket.map_or_else(Deed::WrongKey, Deed::Act) }))
    }

    /// The attestation of the sampled block, if this identity was drawn and has the block.
    fn attestation(&self, shared: &Shared, at: &Moment<'_>) -> Result<Option<Due>, Broken> {
        if !witness::is_on(at.state, at.height)? {
            return Ok(None);
        }
        let params = &at.params.witness;
        let Some(open) = witness::sample(at.state)?.filter(|open| open.is_open(params, at.height)) else {
            return Ok(None);
        };
        let duty = Duty::Attestation(open.height.0);
        let set = |set: primitives::ValidatorSet| set.get(&self.address).is_some();
        let in_committee = set(view::validators(at.state)?) || set(view::previous_validators(at.state)?);
        let attested = witness::part(at.state, &self.address)?.is_some_and(|part| part.last >= open.height);
        if in_committee || attested || !open.draws(params, &self.address) || !self.is_due(duty, at.height) {
            return Ok(None);
        }
        let tier = lottery::tier(at.state, at.params, &self.address, at.height, at.now)?;
        let held = shared.store.block(open.height).is_ok_and(|block| block.is_some());
        if u64::from(tier.level()) < params.min_tier || !held {
            return Ok(None);
        }
        let attestation =
            Attestation { identity: self.address, height: open.height, seed: open.seed, value: open.value };
        Ok(Some(Due { duty, deed: Deed::Attestation(attestation) }))
    }

    /// The action that does a duty, with what it carries signed.
    fn action(&self, shared: &Shared, deed: &Deed) -> Result<Action, String> {
        let genesis = &shared.genesis_hash;
        match deed {
            Deed::Heartbeat(heartbeat) => {
                let list = BoundedVec::new(vec![self.signer.heartbeat(*heartbeat, genesis)?]);
                let list = list.ok_or("one heartbeat is over the bound")?;
                Ok(Action::Timetoke(TimetokeAction::Heartbeats { list }))
            }
            Deed::Attestation(attestation) => {
                let list = BoundedVec::new(vec![self.signer.attestation(*attestation, genesis)?]);
                let list = list.ok_or("one attestation is over the bound")?;
                Ok(Action::Witness(WitnessAction::Attest { list }))
            }
            Deed::Act(action) => Ok(action.clone()),
            Deed::WrongKey(frozen) => Err(format!("the VRF key {frozen} is not here")),
        }
    }

    /// The duty was not signed; it is tried again like one whose transaction was refused.
    fn unsigned(&self, duty: Duty, height: Height, reason: &str) -> &'static str {
        self.note(duty, height, false);
        tracing::warn!(duty = duty.name(), number = duty.number(), reason, "duty not signed; it is tried again");
        "not_signed"
    }

    /// The submission for `epoch`, or the frozen key when it is none of ours.
    fn ticket(&self, shared: &Shared, epoch: u64, seed: &Hash, frozen: &VrfPublicKey) -> Result<Action, VrfPublicKey> {
        let next;
        let vrf = if self.vrf.public_key() == *frozen {
            &self.vrf
        } else {
            next = self.next_vrf().filter(|key| key.public_key() == *frozen).ok_or(*frozen)?;
            &next
        };
        let input = lottery_input(&shared.genesis_hash, epoch, seed, &self.address);
        let proof = vrf.prove(&input).ok_or(*frozen)?;
        Ok(Action::Lottery(LotteryAction::Submit { epoch, proof }))
    }

    /// The secret that a rotation left.
    fn next_vrf(&self) -> Option<VrfSecretKey> {
        ValidatorKey::load(&self.next_key, self.password.as_ref()).ok().map(|loaded| loaded.key.vrf)
    }

    /// Its public key, which stands in the file in the clear.
    fn next_public(&self) -> Option<VrfPublicKey> {
        let text = std::fs::read_to_string(&self.next_key).ok()?;
        let mut file: serde_json::Value = serde_json::from_str(&text).ok()?;
        serde_json::from_value(file.get_mut("vrf_public_key")?.take()).ok()
    }

    /// Signs and submits; gives the result's name for the metric.
    fn send(&self, shared: &Shared, account: &Account, duty: Duty, action: &Action, nonce: Nonce) -> &'static str {
        // A lane that borrows room pays the higher price, so the ceiling starts from the highest.
        let unit = account.base_fees.into_iter().max().unwrap_or(Amount::ZERO);
        let max_fee = unit.checked_mul(fees::weight(action)).and_then(|fee| fee.checked_mul(FEE_MARGIN));
        let Some(max_fee) = max_fee.filter(|fee| *fee <= account.balance) else {
            self.note(duty, account.height, true);
            tracing::warn!(
                validator = %self.address,
                duty = duty.name(),
                number = duty.number(),
                balance = %account.balance,
                "the validator's account cannot pay the fee of its duty; send BLOCK to it"
            );
            return "cannot_pay";
        };
        let body = TransactionBody {
            version: FormatVersion,
            payer: self.address,
            nonce,
            lane: action.lane(),
            tip: Amount::ZERO,
            max_fee,
            valid_until: Height(account.height.0.saturating_add(RETRY_HEIGHTS)),
            action: action.clone(),
        };
        let signed = self.signer.transaction(body, &shared.genesis_hash);
        let bytes = match signed {
            Ok(transaction) => encode(&transaction),
            Err(reason) => return self.unsigned(duty, account.height, &reason),
        };
        self.note(duty, account.height, false);
        match submit::submit(shared, &[&bytes]).pop() {
            Some(Ok(id)) => {
                tracing::info!(duty = duty.name(), number = duty.number(), %id, "duty done");
                "sent"
            }
            refused => {
                let reason = refused.and_then(Result::err).map(|refused| refused.rejection.code());
                tracing::warn!(duty = duty.name(), number = duty.number(), reason, "duty refused; it is tried again");
                "refused"
            }
        }
    }

    /// Whether a duty was not tried yet, or its transaction has run out.
    fn is_due(&self, duty: Duty, height: Height) -> bool {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried[index(duty)].is_none_or(|tried| {
            tried.number != duty.number() || (!tried.is_over && height.0 > tried.height.0.saturating_add(RETRY_HEIGHTS))
        })
    }

    fn note(&self, duty: Duty, height: Height, is_over: bool) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried[index(duty)] = Some(Tried { number: duty.number(), height, is_over });
    }
}

const fn index(duty: Duty) -> usize {
    match duty {
        Duty::Heartbeat(_) => 0,
        Duty::Ticket(_) => 1,
        Duty::Attestation(_) => 2,
    }
}
