//! Tests of the trees. `vectors.rs` pins what is hashed; the others compare with simple models.

mod damage;
mod hash;
mod ledger;
mod ops_digest;
mod range;
mod rules;
mod state;
mod vectors;

use primitives::{Address, Amount, Height, LedgerOp, LedgerSlot, Nonce, SlotIndex};
use testkit::Seed;

use crate::LedgerBounds;

/// The supply cap of the tests.
const CAP: u64 = 40_000_000_000_000;
/// The issuance bound per block of the tests.
const ISSUANCE_MAX: u64 = 1_000_000;

fn amount(micro: u64) -> Amount {
    Amount::new(micro).expect("below 2^63")
}

fn slot(index: u32) -> SlotIndex {
    SlotIndex::new(index).expect("below 2^30")
}

fn account(address: u8, nonce: u64, balance: u64) -> LedgerSlot {
    LedgerSlot {
        address: Address([address; 30]),
        nonce: Nonce::new(nonce).expect("below 2^63"),
        balance: amount(balance),
    }
}

fn random_account(seed: &mut Seed) -> LedgerSlot {
    LedgerSlot {
        address: Address(seed.array()),
        nonce: Nonce::new(seed.edge_u64() >> 1).expect("below 2^63"),
        balance: amount(seed.below(1_000_000_000)),
    }
}

fn bounds(height: u64) -> LedgerBounds {
    LedgerBounds { supply_cap: amount(CAP), issuance_max: amount(ISSUANCE_MAX), height: Height(height) }
}

fn seal(height: u64, issuance: u64) -> LedgerOp {
    LedgerOp::Seal { height: Height(height), issuance: amount(issuance) }
}
