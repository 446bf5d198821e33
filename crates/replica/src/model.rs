//! A second, simple model of the ledger that predicts every block: the auditor.
//!
//! It shares no code with `state` or `tree`: it knows balances and nonces by address, applies what the
//! receipts claim was done by the transactions, and says where the claimed result cannot be right.
//! Every node runs it on its own blocks before it prevotes; the simulator's auditor is this module.
//!
//! Rules it checks, from the transactions and receipts alone
//! - Each payer pays exactly the receipt's fees once, its nonce was the expected one and steps by one.
//! - Payments happen all or none, only on `success`, in full, and never below a zero balance.
//! - The base fees vanish, the tips reach the proposer.
//! - Bonds and delegations go into the stake pot; money leaves the stake pot, the issuance pot and the pools only as
//!   the events say, never below zero; a slash burns stake; nothing else changes.
//! - The new money of a block is in the issuance pot and within the genesis bound and cap.
//! - The slots the block changed hold exactly the predicted address, nonce and balance.

use std::collections::BTreeMap;

use primitives::actions::{
    IdentityAction, IdentityEvent, ProvingAction, ProvingEvent, StakeAction, TimetokeEvent, WitnessEvent,
};
use primitives::{Action, Address, Block, Event, LedgerSlot, Outcome, Params, Receipt};

/// What one address owns, in plain integers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Account {
    balance: u64,
    nonce: u64,
}

/// The model after some height.
#[derive(Debug, Clone, Default)]
pub struct Model {
    accounts: BTreeMap<Address, Account>,
    supply: u64,
    bounds: Bounds,
}

/// What genesis allows to be issued, µBLOCK.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Most new money in one block.
    pub issuance_max: u64,
    /// All the money there may ever be.
    pub cap: u64,
}

impl Bounds {
    /// The bounds of a chain with these parameters.
    pub const fn of(params: &Params) -> Self {
        Self { issuance_max: params.issuance_per_block_max.micro(), cap: params.supply_cap.micro() }
    }
}

/// Where a block and the model disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger model disagrees: {0}")]
pub struct Disagreement(pub String);

/// A block's predicted changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prediction {
    accounts: BTreeMap<Address, Account>,
    supply: u64,
}

impl Model {
    /// The model of a ledger with these slots, on a chain that may issue so much.
    pub fn new<'a>(bounds: Bounds, slots: impl IntoIterator<Item = &'a LedgerSlot>) -> Self {
        let mut model = Self { bounds, ..Self::default() };
        for slot in slots {
            let account = Account { balance: slot.balance.micro(), nonce: slot.nonce.get() };
            model.supply = model.supply.saturating_add(account.balance);
            model.accounts.insert(slot.address, account);
        }
        model
    }

    /// All money there is.
    pub const fn supply(&self) -> u64 {
        self.supply
    }

    /// The nonce that this address uses next.
    pub fn nonce(&self, address: &Address) -> u64 {
        self.accounts.get(address).map_or(0, |account| account.nonce)
    }

    /// Predicts the block from its transactions, receipts and closing events, and compares with the `changed` slots and
    /// the claimed supply.
    ///
    /// # Errors
    /// [`Disagreement`] in words, naming the account.
    pub fn check<'a>(
        &self,
        block: &Block,
        receipts: &[Receipt],
        closing: &[Event],
        changed: impl IntoIterator<Item = &'a LedgerSlot>,
    ) -> Result<Prediction, Disagreement> {
        let prediction = self.predict(block, receipts, closing)?;
        let mut seen = 0_usize;
        for slot in changed {
            let claimed = Account { balance: slot.balance.micro(), nonce: slot.nonce.get() };
            let predicted = self.read(&prediction.accounts, &slot.address);
            if claimed != predicted {
                let at = slot.address;
                return Err(Disagreement(format!("{at} holds {claimed:?}, predicted {predicted:?}")));
            }
            seen += usize::from(prediction.accounts.contains_key(&slot.address));
        }
        if seen != prediction.accounts.len() {
            return Err(Disagreement("an account that must change was left alone".to_owned()));
        }
        if prediction.supply != block.header.supply.micro() {
            let (claimed, predicted) = (block.header.supply.micro(), prediction.supply);
            return Err(Disagreement(format!("supply is {claimed}, predicted {predicted}")));
        }
        Ok(prediction)
    }

    /// Takes over a finalized block's prediction.
    pub fn commit(&mut self, prediction: Prediction) {
        self.supply = prediction.supply;
        self.accounts.extend(prediction.accounts);
    }

    fn read(&self, overlay: &BTreeMap<Address, Account>, address: &Address) -> Account {
        overlay.get(address).or_else(|| self.accounts.get(address)).copied().unwrap_or_default()
    }

    fn predict(&self, block: &Block, receipts: &[Receipt], closing: &[Event]) -> Result<Prediction, Disagreement> {
        if receipts.len() != block.transactions.len() {
            return Err(Disagreement("receipts and transactions differ in number".to_owned()));
        }
        let mut now = BTreeMap::new();
        let (mut burned, mut tips) = (0_u64, 0_u64);
        for (transaction, receipt) in block.transactions.iter().zip(receipts) {
            let body = &transaction.body;
            let mut payer = self.read(&now, &body.payer);
            if payer.nonce != body.nonce.get() {
                return Err(Disagreement(format!("{} used nonce {}", body.payer, body.nonce)));
            }
            if receipt.tip != body.tip {
                return Err(Disagreement(format!("{} offered another tip", body.payer)));
            }
            let fee = plus(receipt.fee_burned.micro(), receipt.tip.micro())?;
            if fee > body.max_fee.micro() {
                return Err(Disagreement(format!("{} paid more than its max_fee", body.payer)));
            }
            payer.balance = minus(payer.balance, fee, &body.payer)?;
            payer.nonce = plus(payer.nonce, 1)?;
            now.insert(body.payer, payer);
            burned = plus(burned, receipt.fee_burned.micro())?;
            tips = plus(tips, receipt.tip.micro())?;
            if receipt.outcome == Outcome::Success {
                self.pay(&mut now, &body.payer, &body.action)?;
            }
            for event in &receipt.events {
                burned = plus(burned, self.follow(&mut now, event)?)?;
            }
        }
        if tips > 0 {
            let mut proposer = self.read(&now, &block.header.proposer);
            proposer.balance = plus(proposer.balance, tips)?;
            now.insert(block.header.proposer, proposer);
        }
        for event in closing {
            burned = plus(burned, self.follow(&mut now, event)?)?;
        }
        let supply =
            self.supply.checked_sub(burned).ok_or_else(|| Disagreement("burned more than exists".to_owned()))?;
        let claimed = block.header.supply.micro();
        let issued = claimed.saturating_sub(supply);
        if issued > self.bounds.issuance_max || (issued > 0 && claimed > self.bounds.cap) {
            return Err(Disagreement(format!("the supply grew by {issued} to {claimed}, more than genesis allows")));
        }
        if issued > 0 {
            self.add(&mut now, &Address::of_module("issuance_pot"), issued)?;
        }
        Ok(Prediction { accounts: now, supply: plus(supply, issued)? })
    }

    /// Moves what an event says leaves a module's account; returns what it burns.
    fn follow(&self, now: &mut BTreeMap<Address, Account>, event: &Event) -> Result<u64, Disagreement> {
        let stake = Address::of_module("stake_pot");
        let issuance = Address::of_module("issuance_pot");
        match *event {
            Event::Unbonded { owner, amount, .. } => {
                self.take(now, &stake, amount.micro())?;
                self.add(now, &owner, amount.micro())?;
            }
            Event::Slashed { amount, .. } => {
                self.take(now, &stake, amount.micro())?;
                return Ok(amount.micro());
            }
            Event::RewardPaid { to: payee, amount } | Event::PoolFunded { pool: payee, amount } => {
                self.take(now, &issuance, amount.micro())?;
                self.add(now, &payee, amount.micro())?;
            }
            Event::Identity(IdentityEvent::BondReturned { identity, amount }) => {
                self.take(now, &Address::of_module("identity_bonds"), amount.micro())?;
                self.add(now, &identity, amount.micro())?;
            }
            Event::Identity(IdentityEvent::Punished { burned, .. }) if burned.micro() > 0 => {
                self.take(now, &Address::of_module("identity_bonds"), burned.micro())?;
                return Ok(burned.micro());
            }
            Event::Timetoke(TimetokeEvent::Rewarded { validator, proposer_part, witness_part, paid: true }) => {
                let amount = plus(proposer_part.micro(), witness_part.micro())?;
                self.take(now, &Address::of_module("timetoke_pool"), amount)?;
                self.add(now, &validator, amount)?;
            }
            Event::Proving(ProvingEvent::Accepted { payout, reward, .. }) if reward.micro() > 0 => {
                self.take(now, &Address::of_module("prover_pool"), reward.micro())?;
                self.add(now, &payout, reward.micro())?;
            }
            Event::Proving(ProvingEvent::Returned { prover, amount }) => {
                self.take(now, &Address::of_module("prover_bonds"), amount.micro())?;
                self.add(now, &prover, amount.micro())?;
            }
            Event::Proving(ProvingEvent::Forfeited { burned, .. }) => {
                self.take(now, &Address::of_module("prover_bonds"), burned.micro())?;
                return Ok(burned.micro());
            }
            Event::Witness(WitnessEvent::Paid { identity, amount }) => {
                self.take(now, &Address::of_module("witness_pool"), amount.micro())?;
                self.add(now, &identity, amount.micro())?;
            }
            Event::AccountOpened { .. }
            | Event::Identity(_)
            | Event::Timetoke(_)
            | Event::Lottery(_)
            | Event::Witness(_)
            | Event::Proving(_)
            | Event::Transferred { .. }
            | Event::Bonded { .. }
            | Event::Unbonding { .. }
            | Event::Redelegated { .. }
            | Event::Jailed { .. }
            | Event::Unjailed { .. }
            | Event::CommissionSet { .. }
            | Event::ValidatorSetChanged { .. } => {}
        }
        Ok(0)
    }

    fn take(&self, now: &mut BTreeMap<Address, Account>, from: &Address, amount: u64) -> Result<(), Disagreement> {
        let mut account = self.read(now, from);
        account.balance = minus(account.balance, amount, from)?;
        now.insert(*from, account);
        Ok(())
    }

    fn add(&self, now: &mut BTreeMap<Address, Account>, to: &Address, amount: u64) -> Result<(), Disagreement> {
        let mut account = self.read(now, to);
        account.balance = plus(account.balance, amount)?;
        now.insert(*to, account);
        Ok(())
    }

    fn pay(&self, now: &mut BTreeMap<Address, Account>, from: &Address, action: &Action) -> Result<(), Disagreement> {
        let payments: Vec<(Address, u64)> = match action {
            Action::Transfer(transfer) => vec![(transfer.to, transfer.amount.micro())],
            Action::BatchTransfer(batch) => {
                batch.payments.iter().map(|payment| (payment.to, payment.amount.micro())).collect()
            }
            Action::Stake(StakeAction::Bond(bond)) => vec![(Address::of_module("stake_pot"), bond.amount.micro())],
            Action::Stake(StakeAction::Delegate { amount, .. }) => {
                vec![(Address::of_module("stake_pot"), amount.micro())]
            }
            Action::Stake(_) | Action::Evidence(_) => Vec::new(),
            Action::Identity(IdentityAction::Register(register)) => {
                vec![(Address::of_module("identity_bonds"), register.bond.micro())]
            }
            Action::Proving(ProvingAction::Bond { amount }) => {
                vec![(Address::of_module("prover_bonds"), amount.micro())]
            }
            Action::Identity(_)
            | Action::Timetoke(_)
            | Action::Lottery(_)
            | Action::Witness(_)
            | Action::Proving(_) => Vec::new(),
        };
        for (to, amount) in payments {
            self.take(now, from, amount)?;
            self.add(now, &to, amount)?;
        }
        Ok(())
    }
}

fn plus(left: u64, right: u64) -> Result<u64, Disagreement> {
    left.checked_add(right).ok_or_else(|| Disagreement("a sum overflows".to_owned()))
}

fn minus(left: u64, right: u64, whose: &Address) -> Result<u64, Disagreement> {
    left.checked_sub(right).ok_or_else(|| Disagreement(format!("{whose} would fall below zero")))
}
