//! Who is linked to whom.
//!
//! Model: in a full mesh every message takes one link. In every other topology a message is passed on from
//! neighbour to neighbour, once by each node, and value sync asks neighbours only.

use serde::{Deserialize, Serialize};

use super::check::PlanError;
use crate::random::PPM;

/// Who is linked to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Topology {
    /// Everybody to everybody.
    #[default]
    FullMesh,
    /// Each to the one before and the one after.
    Ring,
    /// Each to one in the middle.
    Star {
        /// The one in the middle.
        #[serde(default)]
        hub: u16,
    },
    /// Each to this many others, round a circle in an order of chance.
    KRegular {
        /// How many; with an odd number of nodes it must be even.
        degree: u16,
    },
    /// A circle in which each is linked to its nearest, with shortcuts of chance; no link of the circle is taken
    /// away, so that the network stays in one piece.
    SmallWorld {
        /// Links of each on the circle; even.
        degree: u16,
        /// Chance of a shortcut for each link of the circle, parts per million.
        shortcut_ppm: u32,
    },
    /// Nodes come one after the other, and link to those that have many links already.
    ScaleFree {
        /// Links of each that comes.
        links: u16,
    },
}

impl Topology {
    /// The names of all topologies.
    pub const KINDS: [&'static str; 6] = ["full_mesh", "ring", "star", "k_regular", "small_world", "scale_free"];

    /// Its name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::FullMesh => "full_mesh",
            Self::Ring => "ring",
            Self::Star { .. } => "star",
            Self::KRegular { .. } => "k_regular",
            Self::SmallWorld { .. } => "small_world",
            Self::ScaleFree { .. } => "scale_free",
        }
    }

    pub(super) fn check(&self, nodes: u16) -> Result<(), PlanError> {
        let wrong = |name, value: u16, rule| {
            let value = u64::from(value);
            Err(PlanError::Topology { name, value, nodes, rule })
        };
        match *self {
            Self::Star { hub } if hub >= nodes => wrong("hub", hub, "the number of a node"),
            Self::KRegular { degree } if degree < 2 || degree >= nodes => {
                wrong("degree", degree, "2 or more, fewer than there are nodes")
            }
            Self::KRegular { degree } if degree % 2 == 1 && nodes % 2 == 1 => {
                wrong("degree", degree, "an even number, since the number of nodes is odd")
            }
            Self::SmallWorld { degree, .. } if degree < 2 || degree >= nodes || degree % 2 == 1 => {
                wrong("degree", degree, "an even number, 2 or more, fewer than there are nodes")
            }
            Self::SmallWorld { shortcut_ppm, .. } if shortcut_ppm > PPM => {
                let value = u64::from(shortcut_ppm);
                Err(PlanError::Bound { name: "shortcut_ppm", value, rule: "at most 1,000,000" })
            }
            Self::ScaleFree { links } if links < 1 || links >= nodes => {
                wrong("links", links, "1 or more, fewer than there are nodes")
            }
            _ => Ok(()),
        }
    }
}
