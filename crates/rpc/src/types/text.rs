//! Text forms that belong to the API alone: block ids, history cursors and raw bytes.

use std::fmt;
use std::str::FromStr;

use primitives::{Hash, Height};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names one block: by height or by hash. In JSON a decimal height may also be a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockId {
    /// The block at this height.
    Height(Height),
    /// The block with this hash.
    Hash(Hash),
}

/// A place in an account's history, newest is highest. Text form `height.index.part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryCursor {
    /// The block.
    pub height: Height,
    /// The transaction within the block, from 0.
    pub index: u32,
    /// The entry within the transaction, from 0.
    pub part: u32,
}

/// Raw bytes; hexadecimal in JSON. The bound is that of the body they arrive in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

/// Text that has none of the forms of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not a block id.
    #[error("a block is named by its height in decimal digits or by its hash, 64 hexadecimal digits")]
    BlockId,
    /// Not a chunk id.
    #[error("a chunk is named by its place in the list in decimal digits or by its hash, 64 hexadecimal digits")]
    ChunkId,
    /// Not a history cursor.
    #[error("a history cursor is height.index.part, as next_before of the page before gave it")]
    HistoryCursor,
    /// Not hexadecimal bytes.
    #[error("bytes are written in hexadecimal, two digits each, without 0x")]
    Hex,
}

/// Decimal digits only: `u64::from_str` would also take a plus sign.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Height(height) => height.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
        }
    }
}

impl FromStr for BlockId {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        // 64 digits are a hash even when none of them is a letter; heights have at most 20.
        if text.len() == 64 {
            return text.parse().map(Self::Hash).map_err(|_| TextError::BlockId);
        }
        digits(text).map(|height| Self::Height(Height(height))).ok_or(TextError::BlockId)
    }
}

impl Serialize for BlockId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlockId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = BlockId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a height or a block hash")
            }
            fn visit_u64<E: serde::de::Error>(self, height: u64) -> Result<BlockId, E> {
                Ok(BlockId::Height(Height(height)))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BlockId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.height, self.index, self.part)
    }
}

impl FromStr for HistoryCursor {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(TextError::HistoryCursor);
        let (height, index, last) = (part()?, part()?, part()?);
        let cursor = || Some(Self { height: Height(digits(height)?), index: digits(index)?, part: digits(last)? });
        cursor().ok_or(TextError::HistoryCursor)
    }
}

impl Serialize for HistoryCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HistoryCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Hex {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        hex::decode(text).map(Self).map_err(|_| TextError::Hex)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
