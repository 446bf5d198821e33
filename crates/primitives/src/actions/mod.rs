//! The actions of modules beyond payments: one file and one enum per module.
//!
//! | tag | module | lane | file |
//! |---|---|---|---|
//! | 10 | staking | consumer | [`stake`] |
//! | 11 | evidence | reserved | [`evidence`] |
//! | 12 | identity | industrial | [`identity`] |
//! | 13 | timetoke | industrial | [`timetoke`] |
//! | 14 | lottery | industrial | [`lottery`] |
//! | 15 | witness | industrial | [`witness`] |
//! | 16 | proving | bonds: consumer, proofs: reserved | [`proving`] |
//!
//! Every enum offers the same functions: `name` for people, `spend` for what it takes from the payer's
//! balance besides fees, `check_form` for everything that needs no state. Tags are never reused.

pub mod evidence;
pub mod identity;
pub mod lottery;
pub mod proving;
pub mod stake;
pub mod timetoke;
pub mod witness;

pub use evidence::{
    About, ConflictingHeartbeats, DoubleProposal, DoubleVote, Evidence, FalseKeyProof, PossessionProof, SignedProposal,
    SignedVote,
};
pub use identity::{IdentityAction, IdentityEvent};
pub use lottery::{LotteryAction, LotteryEvent};
pub use proving::{EndRecord, ProofClaim, ProofSubmission, ProofSystemKind, ProvingAction, ProvingEvent};
pub use stake::{Bond, Candidacy, StakeAction};
pub use timetoke::{TimetokeAction, TimetokeEvent};
pub use witness::{WitnessAction, WitnessEvent};
