//! The seven rollout gates: what the local file says, and whether the chain agrees.
//!
//! A gate of the chain is in force from the height in the genesis file on; the local file may repeat it, so that
//! an operator who meant another chain is stopped at start. A local gate binds this node alone.
//! No gate of either kind can be switched on for what this version cannot do.

use primitives::{Genesis, Height};

use crate::error::ConfigError;

/// Whom a gate binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateKind {
    /// Every node of the chain.
    Chain,
    /// This node.
    Local,
}

/// One gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Its name below `rollout.feature_gates`.
    pub name: &'static str,
    /// Whom it binds.
    pub kind: GateKind,
    /// What the local configuration says.
    pub local: Option<bool>,
}

/// A gate as it stands at one height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateState {
    /// Its name.
    pub name: &'static str,
    /// Whom it binds.
    pub kind: GateKind,
    /// Whether it is in force.
    pub is_active: bool,
    /// The height from which a chain gate is in force, if it ever is.
    pub activation_height: Option<Height>,
}

/// All gates, sorted by kind and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureGates(pub(crate) Vec<Gate>);

impl FeatureGates {
    /// Every gate.
    pub fn iter(&self) -> impl Iterator<Item = &Gate> {
        self.0.iter()
    }

    /// Compares the chain gates of the local configuration with `genesis`. A gate that genesis activates at any
    /// height counts as true.
    ///
    /// # Errors
    /// [`ConfigError::GateDisagrees`], one for each gate that is set otherwise here.
    pub fn check(&self, genesis: &Genesis) -> Result<(), Vec<ConfigError>> {
        let disagree: Vec<ConfigError> = self
            .0
            .iter()
            .filter(|gate| gate.kind == GateKind::Chain)
            .filter_map(|gate| {
                let (local, chain) = (gate.local?, activation(genesis, gate.name).is_some());
                (local != chain).then_some(ConfigError::GateDisagrees { gate: gate.name, local, chain })
            })
            .collect();
        if disagree.is_empty() { Ok(()) } else { Err(disagree) }
    }

    /// Every gate at `height` of the chain of `genesis`.
    pub fn at(&self, genesis: &Genesis, height: Height) -> Vec<GateState> {
        let state = |gate: &Gate| {
            let (is_active, activation_height) = match gate.kind {
                GateKind::Chain => {
                    let from = activation(genesis, gate.name);
                    (from.is_some_and(|from| from <= height), from)
                }
                GateKind::Local => (gate.local == Some(true), None),
            };
            GateState { name: gate.name, kind: gate.kind, is_active, activation_height }
        };
        self.0.iter().map(state).collect()
    }
}

/// The height from which genesis puts a gate in force.
fn activation(genesis: &Genesis, name: &str) -> Option<Height> {
    genesis.gates.iter().find(|gate| gate.name == name).map(|gate| gate.height)
}
