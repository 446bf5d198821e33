//! Transactions, their stages and their receipts as JSON.
//!
//! The stages are those of `primitives::Stage`. A transaction is acknowledged once its status says `finalized`: that
//! never reverts. What waits only in memory may vanish when the node stops; wallets submit again until `finalized`,
//! `rejected` or `expired`.

pub use primitives::Stage;
use primitives::actions::{EndRecord, IdentityEvent, LotteryEvent, ProvingEvent, TimetokeEvent, WitnessEvent};
use primitives::{Action, Address, Amount, Event, Height, Lane, Nonce, Outcome, PublicKey, Receipt, Signature};
use primitives::{
    Evidence, Hash, IdentityAction, LotteryAction, ProvingAction, StakeAction, TimetokeAction, WitnessAction,
};
use primitives::{Timestamp, Transaction, TransactionId, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::Hex;
use crate::schema::{AddressText, AmountInteger, HashText, HexText, LaneText, OutcomeText, PublicKeyText};
use crate::schema::{SignatureText, StageText, TransactionIdText};

/// When a stage was reached on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageTime {
    /// The stage.
    #[schema(value_type = StageText)]
    pub stage: Stage,
    /// This node's clock, milliseconds since the Unix epoch.
    #[schema(value_type = u64)]
    pub time_ms: Timestamp,
}

/// `GET /transactions/{id}`: the stages so far, as this node saw them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionStatus {
    /// The transaction.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
    /// The last stage reached.
    #[schema(value_type = StageText)]
    pub stage: Stage,
    /// Why it stopped: a code of the error table, for `rejected` and `dropped`.
    pub reason: Option<String>,
    /// Each stage reached here, in order. Stages another node saw alone are not listed.
    pub reached: Vec<StageTime>,
    /// Its block, from `proposed` on.
    #[schema(value_type = Option<u64>)]
    pub height: Option<Height>,
    /// Its place in the block.
    pub index: Option<u32>,
    /// What it did, from `finalized` on.
    pub receipt: Option<ReceiptView>,
    /// What was signed, when this node has it.
    pub transaction: Option<TransactionView>,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// Who is paid.
    #[schema(value_type = AddressText)]
    pub to: Address,
    /// How much, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub amount: Amount,
}

/// What a transaction asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActionView {
    /// Pay one recipient.
    Transfer {
        /// Who is paid.
        #[schema(value_type = AddressText)]
        to: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
        /// A note for the recipient, any bytes.
        #[schema(value_type = HexText)]
        memo: Hex,
    },
    /// Pay several recipients, all or none.
    BatchTransfer {
        /// The payments, in order.
        payments: Vec<PaymentView>,
    },
    /// A staking action.
    Stake {
        /// Which, by `kind`, with its fields as `spec/staking.md` names them.
        #[schema(value_type = Object)]
        action: StakeAction,
    },
    /// Evidence of an offence.
    Evidence {
        /// The two signed messages, by `kind`.
        #[schema(value_type = Object)]
        evidence: Evidence,
    },
    /// An identity action.
    Identity {
        /// Which, by `kind`, with its fields.
        #[schema(value_type = Object)]
        action: IdentityAction,
    },
    /// A timetoke action.
    Timetoke {
        /// Which, by `kind`, with its fields.
        #[schema(value_type = Object)]
        action: TimetokeAction,
    },
    /// A lottery action.
    Lottery {
        /// Which, by `kind`, with its fields.
        #[schema(value_type = Object)]
        action: LotteryAction,
    },
    /// A bond of a prover.
    Proving {
        /// Which, by `kind`, with its fields.
        #[schema(value_type = Object)]
        action: ProvingAction,
    },
    /// A chain proof. Its bytes are in the block and not shown here.
    ProofSubmit {
        /// What it was made with.
        system: String,
        /// The ledger that it leads to, from genesis.
        #[schema(value_type = Object)]
        end: EndRecord,
        /// Who is paid.
        #[schema(value_type = AddressText)]
        payout: Address,
        /// Hash of the proof.
        #[schema(value_type = HashText)]
        proof: Hash,
        /// Length of the proof, bytes.
        bytes: u64,
    },
    /// A witness action.
    Witness {
        /// Which, by `kind`, with its fields.
        #[schema(value_type = Object)]
        action: WitnessAction,
    },
}

impl From<&Action> for ActionView {
    fn from(action: &Action) -> Self {
        match action {
            Action::Transfer(transfer) => {
                Self::Transfer { to: transfer.to, amount: transfer.amount, memo: Hex(transfer.memo.to_vec()) }
            }
            Action::BatchTransfer(batch) => Self::BatchTransfer {
                payments: batch
                    .payments
                    .iter()
                    .map(|payment| PaymentView { to: payment.to, amount: payment.amount })
                    .collect(),
            },
            Action::Stake(action) => Self::Stake { action: action.clone() },
            Action::Evidence(evidence) => Self::Evidence { evidence: evidence.clone() },
            Action::Identity(action) => Self::Identity { action: action.clone() },
            Action::Timetoke(action) => Self::Timetoke { action: action.clone() },
            Action::Lottery(action) => Self::Lottery { action: action.clone() },
            Action::Witness(action) => Self::Witness { action: action.clone() },
            Action::Proving(ProvingAction::Submit(submission)) => Self::ProofSubmit {
                system: submission.system.name().to_owned(),
                end: submission.end,
                payout: submission.payout,
                proof: submission.proof_hash(),
                bytes: u64::try_from(submission.proof.len()).unwrap_or(u64::MAX),
            },
            Action::Proving(action) => Self::Proving { action: action.clone() },
        }
    }
}

/// A transaction, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionView {
    /// The hash of its body.
    #[schema(value_type = TransactionIdText)]
    pub id: TransactionId,
    /// The account that pays fees.
    #[schema(value_type = AddressText)]
    pub payer: Address,
    /// The payer's nonce.
    #[schema(value_type = u64)]
    pub nonce: Nonce,
    /// Its lane.
    #[schema(value_type = LaneText)]
    pub lane: Lane,
    /// Extra to the proposer, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub tip: Amount,
    /// Most that all fees together may take, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub max_fee: Amount,
    /// The last height that may include it.
    #[schema(value_type = u64)]
    pub valid_until: Height,
    /// What it does.
    pub action: ActionView,
    /// The payer's key.
    #[schema(value_type = PublicKeyText)]
    pub key: PublicKey,
    /// The payer's signature.
    #[schema(value_type = SignatureText)]
    pub signature: Signature,
    /// Length of the encoded transaction, bytes.
    pub bytes: u64,
}

impl From<&Transaction> for TransactionView {
    fn from(transaction: &Transaction) -> Self {
        let body = &transaction.body;
        Self {
            id: transaction.id(),
            payer: body.payer,
            nonce: body.nonce,
            lane: body.lane,
            tip: body.tip,
            max_fee: body.max_fee,
            valid_until: body.valid_until,
            action: ActionView::from(&body.action),
            key: transaction.key,
            signature: transaction.signature,
            bytes: u64::try_from(encode(transaction).len()).unwrap_or(u64::MAX),
        }
    }
}

/// Something that a transaction caused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventView {
    /// An address got an account.
    AccountOpened {
        /// The owner.
        #[schema(value_type = AddressText)]
        address: Address,
        /// Its place in the ledger.
        slot: u32,
    },
    /// Money moved.
    Transferred {
        /// Debited.
        #[schema(value_type = AddressText)]
        from: Address,
        /// Credited.
        #[schema(value_type = AddressText)]
        to: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
    },
    /// Money moved into the stake pot behind a validator.
    Bonded {
        /// Whose money.
        #[schema(value_type = AddressText)]
        owner: Address,
        /// Behind whom.
        #[schema(value_type = AddressText)]
        validator: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
    },
    /// Stake began to leave a validator.
    Unbonding {
        /// Whose money.
        #[schema(value_type = AddressText)]
        owner: Address,
        /// Behind whom.
        #[schema(value_type = AddressText)]
        validator: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
        /// The epoch at whose end it can be paid out.
        epoch: u64,
    },
    /// Unbonded stake was paid out.
    Unbonded {
        /// Whose money.
        #[schema(value_type = AddressText)]
        owner: Address,
        /// Behind whom.
        #[schema(value_type = AddressText)]
        validator: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
    },
    /// Stake changed its validator.
    Redelegated {
        /// Whose money.
        #[schema(value_type = AddressText)]
        owner: Address,
        /// Who lost it.
        #[schema(value_type = AddressText)]
        from: Address,
        /// Who got it.
        #[schema(value_type = AddressText)]
        to: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
    },
    /// A validator left the voting set for a while.
    Jailed {
        /// Who.
        #[schema(value_type = AddressText)]
        validator: Address,
    },
    /// A validator may return.
    Unjailed {
        /// Who.
        #[schema(value_type = AddressText)]
        validator: Address,
    },
    /// A commission changed.
    CommissionSet {
        /// Who.
        #[schema(value_type = AddressText)]
        validator: Address,
        /// Basis points.
        commission_bps: u64,
    },
    /// The voting set changes with the next height.
    ValidatorSetChanged {
        /// Hash of the new set.
        #[schema(value_type = HashText)]
        set: Hash,
    },
    /// Stake was burned for a proven offence.
    Slashed {
        /// Who.
        #[schema(value_type = AddressText)]
        validator: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
        /// The offence's evidence.
        #[schema(value_type = HashText)]
        evidence: Hash,
    },
    /// Rewards were paid.
    RewardPaid {
        /// Who was paid.
        #[schema(value_type = AddressText)]
        to: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
    },
    /// Part of the issuance went to a module's account.
    PoolFunded {
        /// The module account.
        #[schema(value_type = AddressText)]
        pool: Address,
        /// How much, µBLOCK.
        #[schema(value_type = AmountInteger)]
        amount: Amount,
    },
    /// Something in the identity module.
    Identity {
        /// What, by `kind`, with its fields.
        #[schema(value_type = Object)]
        event: IdentityEvent,
    },
    /// Something in the timetoke module.
    Timetoke {
        /// What, by `kind`, with its fields.
        #[schema(value_type = Object)]
        event: TimetokeEvent,
    },
    /// Something in the lottery module.
    Lottery {
        /// What, by `kind`, with its fields.
        #[schema(value_type = Object)]
        event: LotteryEvent,
    },
    /// Something in the proving module.
    Proving {
        /// What, by `kind`, with its fields.
        #[schema(value_type = Object)]
        event: ProvingEvent,
    },
    /// Something in the witness module.
    Witness {
        /// What, by `kind`, with its fields.
        #[schema(value_type = Object)]
        event: WitnessEvent,
    },
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        match *event {
            Event::AccountOpened { address, slot } => Self::AccountOpened { address, slot: slot.get() },
            Event::Transferred { from, to, amount } => Self::Transferred { from, to, amount },
            Event::Bonded { owner, validator, amount } => Self::Bonded { owner, validator, amount },
            Event::Unbonding { owner, validator, amount, epoch } => Self::Unbonding { owner, validator, amount, epoch },
            Event::Unbonded { owner, validator, amount } => Self::Unbonded { owner, validator, amount },
            Event::Redelegated { owner, from, to, amount } => Self::Redelegated { owner, from, to, amount },
            Event::Jailed { validator } => Self::Jailed { validator },
            Event::Unjailed { validator } => Self::Unjailed { validator },
            Event::CommissionSet { validator, commission_bps } => Self::CommissionSet { validator, commission_bps },
            Event::ValidatorSetChanged { set } => Self::ValidatorSetChanged { set },
            Event::Slashed { validator, amount, evidence } => Self::Slashed { validator, amount, evidence },
            Event::RewardPaid { to, amount } => Self::RewardPaid { to, amount },
            Event::PoolFunded { pool, amount } => Self::PoolFunded { pool, amount },
            Event::Identity(event) => Self::Identity { event },
            Event::Timetoke(event) => Self::Timetoke { event },
            Event::Lottery(event) => Self::Lottery { event },
            Event::Witness(event) => Self::Witness { event },
            Event::Proving(event) => Self::Proving { event },
        }
    }
}

/// `GET /receipts/{id}`: what a transaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    /// The transaction.
    #[schema(value_type = TransactionIdText)]
    pub transaction: TransactionId,
    /// Its block.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Its place in the block.
    pub index: u32,
    /// How it ended.
    #[schema(value_type = OutcomeText)]
    pub outcome: Outcome,
    /// What the payer can do about it; absent after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Metered cost in weight units.
    pub weight: u64,
    /// Base and opening fees, burned, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub fee_burned: Amount,
    /// Paid to the proposer, µBLOCK.
    #[schema(value_type = AmountInteger)]
    pub tip: Amount,
    /// What happened, in order.
    pub events: Vec<EventView>,
}

impl ReceiptView {
    /// The view of the receipt of transaction `index` in the block at `height`.
    pub fn new(receipt: &Receipt, height: Height, index: u32) -> Self {
        Self {
            transaction: receipt.transaction,
            height,
            index,
            outcome: receipt.outcome,
            hint: receipt.outcome.hint().map(str::to_owned),
            weight: receipt.weight,
            fee_burned: receipt.fee_burned,
            tip: receipt.tip,
            events: receipt.events.iter().map(EventView::from).collect(),
        }
    }
}
