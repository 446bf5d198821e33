//! The running digest over every ledger operation since genesis.
//!
//! It starts from the genesis hash and takes one step per operation, so two chains have the same digest
//! only when they have the same genesis and the same operations in the same order:
//!
//! ```text
//!   start  = leaf hash(the genesis hash as 16 limbs of 16 bits, low byte first)
//!   step   = compress(digest before, leaf hash(row of the operation))
//! ```
//!
//! A row has 16 elements. `payload` is 8 elements wide because an address is:
//!
//! ```text
//!   element        0     1             2        3 … 6              7 … 10            11 … 15
//!   open           1     slot          0        address limbs 0 … 7 (elements 3 … 10)  0
//!   charge         2     payer's slot  0        fee, 4 × 16 bit    0                 0
//!   transfer       3     from          to       amount, 4 × 16 bit 0                 0
//!   burn           4     slot          0        amount, 4 × 16 bit 0                 0
//!   seal           5     0             0        issuance, 4 × 16   height, 4 × 16    0
//! ```
//!
//! Limbs are low first. The tag fixes the meaning of the other elements, so two operations never share a
//! row. The slots of the fee pot and of the issuance pot are constants and therefore not in the row.
//!
//! Read next: [`crate::ledger`], which applies the same operations; `spec/ledger.md`.

use primitives::ledger::limb_of;
use primitives::{Hash, LedgerDigest, LedgerOp};

use crate::hash::{ROW_ELEMENTS, from_ledger, hash_pair, hash_rows, row_digest, to_ledger, to_row};

/// Position of the operation's tag.
const TAG: usize = 0;
/// Position of the slot, or of the debited one.
const SLOT: usize = 1;
/// Position of a transfer's credited slot.
const SECOND_SLOT: usize = 2;
/// First position of the payload.
const PAYLOAD: usize = 3;
/// First position of a seal's height.
const HEIGHT: usize = PAYLOAD + 4;

/// Rows hashed at a time; bounds the memory of [`absorb`].
const ROWS_PER_STEP: usize = 1_024;

/// The digest before the first block of the chain with this genesis.
pub fn start(genesis: &Hash) -> LedgerDigest {
    let mut row = [0_u32; ROW_ELEMENTS];
    for (element, bytes) in row.iter_mut().zip(genesis.as_bytes().chunks_exact(2)) {
        *element = u32::from(bytes[0]) | (u32::from(bytes[1]) << 8);
    }
    row_digest(&row)
}

/// The digest after `ops`, in order.
pub fn absorb(digest: LedgerDigest, ops: &[LedgerOp]) -> LedgerDigest {
    let mut running = from_ledger(&digest);
    for some in ops.chunks(ROWS_PER_STEP) {
        let rows: Vec<_> = some.iter().map(|op| to_row(&row_of(op))).collect();
        for leaf in hash_rows(&rows) {
            running = hash_pair(&[running, leaf]);
        }
    }
    to_ledger(&running)
}

/// The 16 elements of one operation, laid out as in the module's header.
pub fn row_of(op: &LedgerOp) -> [u32; ROW_ELEMENTS] {
    let mut row = [0_u32; ROW_ELEMENTS];
    match op {
        LedgerOp::Open { slot, address } => {
            row[TAG] = 1;
            row[SLOT] = slot.get();
            row[PAYLOAD..PAYLOAD + 8].copy_from_slice(&address.limbs());
        }
        LedgerOp::Charge { slot, fee } => {
            row[TAG] = 2;
            row[SLOT] = slot.get();
            write_limbs(&mut row, PAYLOAD, fee.micro());
        }
        LedgerOp::Transfer { from, to, amount } => {
            row[TAG] = 3;
            row[SLOT] = from.get();
            row[SECOND_SLOT] = to.get();
            write_limbs(&mut row, PAYLOAD, amount.micro());
        }
        LedgerOp::Burn { slot, amount } => {
            row[TAG] = 4;
            row[SLOT] = slot.get();
            write_limbs(&mut row, PAYLOAD, amount.micro());
        }
        LedgerOp::Seal { height, issuance } => {
            row[TAG] = 5;
            write_limbs(&mut row, PAYLOAD, issuance.micro());
            write_limbs(&mut row, HEIGHT, height.0);
        }
    }
    row
}

fn write_limbs(row: &mut [u32; ROW_ELEMENTS], first: usize, value: u64) {
    for limb in 0..4 {
        row[first + limb] = limb_of(value, limb);
    }
}
