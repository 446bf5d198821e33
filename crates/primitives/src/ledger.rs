//! The provable ledger's vocabulary: slots, digests and the closed list of operations.
//!
//! Modules never write a balance. They return [`LedgerOp`]s, applied in order; `tree` turns them into
//! the ledger root and the running operations digest, and later a proof shows that the list leads from
//! one root to the next. Read next: `spec/ledger.md`, `tree/src/lib.rs`.

use std::fmt;
use std::str::FromStr;

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::invalid;
use crate::hash::HashTextError;
use crate::ids::{Height, Nonce};

/// Depth of the ledger tree: slot indices are below 2^30, hence below the field's modulus.
pub const LEDGER_DEPTH: usize = 30;
/// Slots the ledger can ever have.
pub const SLOTS_MAX: u32 = 1 << 30;
/// The modulus of BabyBear, 2^31 − 2^27 + 1.
pub const FIELD_MODULUS: u32 = 2_013_265_921;
/// The slot that fees pass through within a block.
pub const FEE_POT: SlotIndex = SlotIndex(0);
/// The slot that issuance is credited to.
pub const ISSUANCE_POT: SlotIndex = SlotIndex(1);
/// The slot that holds all bonded and unbonding stake.
pub const STAKE_POT: SlotIndex = SlotIndex(2);
/// The slot of the treasury.
pub const TREASURY: SlotIndex = SlotIndex(3);
/// The slot that witnesses are paid from.
pub const WITNESS_POOL: SlotIndex = SlotIndex(4);
/// The slot that proven uptime is paid from.
pub const TIMETOKE_POOL: SlotIndex = SlotIndex(5);
/// The slot that provers are paid from.
pub const PROVER_POOL: SlotIndex = SlotIndex(6);
/// The slot that holds the refundable bonds of identities.
pub const IDENTITY_BONDS: SlotIndex = SlotIndex(7);
/// The slot that holds the bonds of provers.
pub const PROVER_BONDS: SlotIndex = SlotIndex(8);
/// Names of the module accounts in the first slots, in slot order.
pub const MODULE_ACCOUNTS: [&str; 9] = [
    "fee_pot",
    "issuance_pot",
    "stake_pot",
    "treasury",
    "witness_pool",
    "timetoke_pool",
    "prover_pool",
    "identity_bonds",
    "prover_bonds",
];

/// Position of an account in the ledger tree, below 2^30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize)]
#[serde(transparent)]
pub struct SlotIndex(u32);

impl SlotIndex {
    /// The slot at `index`, or `None` from 2^30 on.
    pub const fn new(index: u32) -> Option<Self> {
        if index < SLOTS_MAX { Some(Self(index)) } else { None }
    }

    /// The index.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SlotIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl BorshDeserialize for SlotIndex {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        Self::new(u32::deserialize_reader(reader)?).ok_or_else(|| invalid("slot index is 2^30 or more"))
    }
}

/// The content of one ledger slot: 46 bytes on disk, 16 field elements in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerSlot {
    /// Whose account it is.
    pub address: Address,
    /// Transactions of this account so far.
    pub nonce: Nonce,
    /// Its money.
    pub balance: Amount,
}

impl LedgerSlot {
    /// The 16 field elements: address 8 × 30 bit, nonce 4 × 16 bit, balance 4 × 16 bit, low limbs first.
    pub fn elements(&self) -> [u32; 16] {
        let mut elements = [0_u32; 16];
        elements[..8].copy_from_slice(&self.address.limbs());
        for limb in 0..4 {
            elements[8 + limb] = limb_of(self.nonce.get(), limb);
            elements[12 + limb] = limb_of(self.balance.micro(), limb);
        }
        elements
    }
}

/// The 16-bit limb number `limb` (0 is lowest) of `value`.
pub fn limb_of(value: u64, limb: usize) -> u32 {
    let bytes = value.to_le_bytes();
    u32::from(u16::from_le_bytes([bytes[2 * limb], bytes[2 * limb + 1]]))
}

/// Eight canonical BabyBear elements: a ledger root, a node or a running digest. Text form: 64 hex
/// digits, each element little-endian.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerDigest([u32; 8]);

impl LedgerDigest {
    /// The digest of these elements, or `None` when one is not below the modulus.
    pub fn new(elements: [u32; 8]) -> Option<Self> {
        elements.iter().all(|element| *element < FIELD_MODULUS).then_some(Self(elements))
    }

    /// The elements, each below the modulus.
    pub const fn elements(&self) -> &[u32; 8] {
        &self.0
    }

    /// The 32 bytes of the text and binary form.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0_u8; 32];
        for (chunk, element) in bytes.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&element.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let mut elements = [0_u32; 8];
        for (element, chunk) in elements.iter_mut().zip(bytes.chunks_exact(4)) {
            *element = u32::from_le_bytes(chunk.try_into().ok()?);
        }
        Self::new(elements)
    }
}

impl fmt::Display for LedgerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for LedgerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for LedgerDigest {
    type Err = HashTextError;
    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashTextError)?;
        Self::from_bytes(bytes).ok_or(HashTextError)
    }
}

impl BorshSerialize for LedgerDigest {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        writer.write_all(&self.to_bytes())
    }
}

impl BorshDeserialize for LedgerDigest {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let bytes = <[u8; 32]>::deserialize_reader(reader)?;
        Self::from_bytes(bytes).ok_or_else(|| invalid("field element is not canonical"))
    }
}

impl Serialize for LedgerDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LedgerDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One change of the provable ledger. The list is closed: there is no mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LedgerOp {
    /// Gives the next free slot to an address.
    Open {
        /// Must be the ledger's next slot.
        slot: SlotIndex,
        /// The owner.
        address: Address,
    } = 1,
    /// Moves a fee to the fee pot and adds one to the payer's nonce.
    Charge {
        /// The payer.
        slot: SlotIndex,
        /// The fee.
        fee: Amount,
    } = 2,
    /// Moves money between two accounts.
    Transfer {
        /// Debited.
        from: SlotIndex,
        /// Credited.
        to: SlotIndex,
        /// How much.
        amount: Amount,
    } = 3,
    /// Destroys money.
    Burn {
        /// Debited.
        slot: SlotIndex,
        /// How much.
        amount: Amount,
    } = 4,
    /// Ends a block: exactly one, last. Credits the issuance pot.
    Seal {
        /// The block's height.
        height: Height,
        /// New money, within the genesis bound per block.
        issuance: Amount,
    } = 5,
}
