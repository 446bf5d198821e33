//! The rollout channel of a node: four stages in one order, passed one step at a time.
//!
//! ```text
//! development ─► testnet ─► canary ─► mainnet
//! ```
//!
//! Rule: a build enters a stage from the stage before it and from nowhere else; going back to it is always allowed.
//!
//! Read next: [`crate::profile`].

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rollout channel of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseChannel {
    /// Machines of developers.
    Development,
    /// Public test network.
    Testnet,
    /// The first validators that take a change.
    Canary,
    /// The main network.
    Mainnet,
}

impl ReleaseChannel {
    /// Every channel, in the order in which a build passes them.
    pub const ALL: [Self; 4] = [Self::Development, Self::Testnet, Self::Canary, Self::Mainnet];

    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Testnet => "testnet",
            Self::Canary => "canary",
            Self::Mainnet => "mainnet",
        }
    }

    /// The channel that a build comes from; none for the first.
    pub const fn before(self) -> Option<Self> {
        match self {
            Self::Development => None,
            Self::Testnet => Some(Self::Development),
            Self::Canary => Some(Self::Testnet),
            Self::Mainnet => Some(Self::Canary),
        }
    }
}

/// A word that is no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no release channel; give one of: development (or dev), testnet, canary, mainnet")]
pub struct NoChannel;

impl FromStr for ReleaseChannel {
    type Err = NoChannel;

    fn from_str(text: &str) -> Result<Self, NoChannel> {
        let text = if text == "dev" { "development" } else { text };
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or(NoChannel)
    }
}
