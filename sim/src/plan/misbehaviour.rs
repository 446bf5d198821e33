//! How dishonest validators behave.

use serde::{Deserialize, Serialize};

/// How a dishonest validator behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misbehaviour {
    /// Signs two different votes for one step and shows each to a part of the others.
    EquivocatingVoter,
    /// Offers two different valid blocks in one round.
    EquivocatingProposer,
    /// Never sends a vote.
    WithheldVotes,
    /// Sends only some parts of its proposals.
    WithheldParts,
    /// Offers blocks whose header does not follow from executing them.
    InvalidBlocks,
    /// Sends random bytes and damaged messages besides its own.
    Garbage,
    /// Forgets its log and what it signed whenever it restarts.
    Amnesia,
    /// Runs its key in two nodes that know nothing of each other; the second one comes after the validators.
    Twin,
    /// Offers blocks with proofs that no block may hold: too long, without a bond, or two at once.
    SmuggledProofs,
}

impl Misbehaviour {
    /// Every misbehaviour.
    pub const ALL: [Self; 9] = [
        Self::EquivocatingVoter,
        Self::EquivocatingProposer,
        Self::WithheldVotes,
        Self::WithheldParts,
        Self::InvalidBlocks,
        Self::Garbage,
        Self::Amnesia,
        Self::Twin,
        Self::SmuggledProofs,
    ];

    /// So many of them, the first ones, make sense in every plan; the rest need proofs on chain.
    pub const EVERYWHERE: usize = 8;

    /// True when its key may come to sign two messages for one place.
    pub const fn may_sign_twice(self) -> bool {
        match self {
            Self::EquivocatingVoter
            | Self::EquivocatingProposer
            | Self::InvalidBlocks
            | Self::Amnesia
            | Self::Twin
            | Self::SmuggledProofs => true,
            Self::WithheldVotes | Self::WithheldParts | Self::Garbage => false,
        }
    }

    /// The name in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EquivocatingVoter => "equivocating_voter",
            Self::EquivocatingProposer => "equivocating_proposer",
            Self::WithheldVotes => "withheld_votes",
            Self::WithheldParts => "withheld_parts",
            Self::InvalidBlocks => "invalid_blocks",
            Self::Garbage => "garbage",
            Self::Amnesia => "amnesia",
            Self::Twin => "twin",
            Self::SmuggledProofs => "smuggled_proofs",
        }
    }
}

/// Validator numbers as text keys, since a key of a TOML table is text.
pub(super) mod by_text {
    use std::collections::BTreeMap;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Misbehaviour;

    pub(in crate::plan) fn serialize<S: Serializer>(
        map: &BTreeMap<u16, Misbehaviour>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text: BTreeMap<String, Misbehaviour> = map.iter().map(|(node, kind)| (node.to_string(), *kind)).collect();
        text.serialize(serializer)
    }

    pub(in crate::plan) fn deserialize<'a, D: Deserializer<'a>>(
        deserializer: D,
    ) -> Result<BTreeMap<u16, Misbehaviour>, D::Error> {
        let text = BTreeMap::<String, Misbehaviour>::deserialize(deserializer)?;
        text.into_iter().map(|(node, kind)| Ok((node.parse().map_err(D::Error::custom)?, kind))).collect()
    }
}
