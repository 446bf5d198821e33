//! Money: `u64` micro-BLOCK below 2^63, with checked arithmetic only.
//!
//! 1 BLOCK = 1,000,000 µBLOCK. JSON carries the integer in µBLOCK; the command line prints BLOCK.

use std::fmt;
use std::str::FromStr;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize};

use crate::codec::invalid;

/// µBLOCK in one BLOCK.
pub const MICRO_PER_BLOCK: u64 = 1_000_000;

/// An amount of money in µBLOCK, below 2^63.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize)]
#[serde(transparent)]
pub struct Amount(u64);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount, 2^63 − 1 µBLOCK.
    pub const MAX: Self = Self((1 << 63) - 1);

    /// `micro` µBLOCK, or `None` from 2^63 on.
    pub const fn new(micro: u64) -> Option<Self> {
        if micro <= Self::MAX.0 { Some(Self(micro)) } else { None }
    }

    /// `blocks` whole BLOCK (a `u32` always fits).
    pub const fn from_blocks(blocks: u32) -> Self {
        // u32::MAX · 10^6 < 2^52. `u64::from` is not yet const, so the number is widened by its bytes.
        let [a, b, c, d] = blocks.to_le_bytes();
        Self(u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]) * MICRO_PER_BLOCK)
    }

    /// The integer in µBLOCK.
    pub const fn micro(self) -> u64 {
        self.0
    }

    /// Sum, or `None` from 2^63 on.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::new(sum),
            None => None,
        }
    }

    /// Difference, or `None` when it would be negative.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// Product with a count, or `None` from 2^63 on.
    pub const fn checked_mul(self, count: u64) -> Option<Self> {
        match self.0.checked_mul(count) {
            Some(product) => Self::new(product),
            None => None,
        }
    }
}

impl BorshDeserialize for Amount {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let micro = u64::deserialize_reader(reader)?;
        Self::new(micro).ok_or_else(|| invalid("amount is 2^63 or more"))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<u64 as Deserialize>::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("amount is 2^63 µBLOCK or more"))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MICRO_PER_BLOCK, self.0 % MICRO_PER_BLOCK)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} BLOCK")
    }
}

/// Text that is not an amount in BLOCK.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a number of BLOCK with at most six decimals, such as 12.5, and below 2^63 µBLOCK")]
pub struct AmountTextError;

impl FromStr for Amount {
    type Err = AmountTextError;
    fn from_str(text: &str) -> Result<Self, AmountTextError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(AmountTextError);
        }
        let whole: u64 = whole.parse().map_err(|_| AmountTextError)?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| AmountTextError)?;
        whole
            .checked_mul(MICRO_PER_BLOCK)
            .and_then(|micro| micro.checked_add(fraction))
            .and_then(Self::new)
            .ok_or(AmountTextError)
    }
}
