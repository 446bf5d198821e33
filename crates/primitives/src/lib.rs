//! The vocabulary of the chain: what users sign, what blocks hold, what every other crate speaks.
//!
//! Model: plain values with one canonical binary encoding ([`codec`]) and one text form each. Nothing
//! here reads a clock, a disk or a network.
//!
//! Rules
//! - Integers only; amounts and nonces stay below 2^63 ([`Amount`], [`Nonce`]).
//! - Every variable length has a named bound; decoding refuses what is longer, truncated or trailing.
//! - Formats are versioned and pinned by one conformance hash per type (`tests/conformance.rs`).
//!
//! Read next: [`transaction`] (what users sign), then [`block`], then `state/src/block.rs`.

pub mod action;
pub mod actions;
pub mod address;
pub mod amount;
pub mod block;
pub mod certificate;
pub mod codec;
pub mod crypto;
pub mod defect;
pub mod genesis;
pub mod hash;
pub mod ids;
pub mod ledger;
pub mod merkle;
pub mod outcome;
pub mod params;
pub mod part;
pub mod proof_keys;
pub mod proposer;
pub mod receipt;
pub mod stage;
pub mod transaction;
pub mod validator;
pub mod vote;

pub use action::{Action, BatchTransfer, Lane, Memo, Payment, Transfer};
pub use actions::{Evidence, IdentityAction, LotteryAction, ProvingAction, StakeAction, TimetokeAction, WitnessAction};
pub use address::{Address, KeyKind};
pub use amount::Amount;
pub use block::{Block, Header, ProofMark};
pub use certificate::{CertificateError, CommitCertificate, CommitSignature};
pub use codec::{BoundedBytes, BoundedVec, DecodeError, FormatVersion, decode, encode};
pub use crypto::{PublicKey, SecretKey, Signature, VrfProof, VrfPublicKey, VrfSecretKey};
pub use genesis::{Engine, Genesis, GenesisAccount, GenesisValidator};
pub use hash::{Domain, Hash, hash};
pub use ids::{Height, Nonce, Round, Timestamp};
pub use ledger::{LedgerDigest, LedgerOp, LedgerSlot, SlotIndex};
pub use outcome::{Outcome, Rejection};
pub use params::Params;
pub use part::{PartLimits, PartMeter, PartSize};
pub use proof_keys::ProofKeys;
pub use receipt::{ClosingEvents, Event, Receipt};
pub use stage::Stage;
pub use transaction::{Transaction, TransactionBody, TransactionId};
pub use validator::{Validator, ValidatorSet};
pub use vote::{Proposal, Vote, VoteKind};
