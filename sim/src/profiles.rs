//! Scenarios that everybody has, by name: the files of `scenarios/`, part of the program.

use crate::plan::{Plan, PlanError};

/// Every profile, with the text of its scenario.
const PROFILES: [(&str, &str); 8] = [
    ("small-world", include_str!("../../scenarios/small-world.toml")),
    ("partition", include_str!("../../scenarios/partition.toml")),
    ("flood", include_str!("../../scenarios/flood.toml")),
    ("quorum-stress", include_str!("../../scenarios/quorum-stress.toml")),
    ("canary-rolling", include_str!("../../scenarios/canary-rolling.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("snapshot-guard", include_str!("../../scenarios/snapshot-guard.toml")),
    ("proofs", include_str!("../../scenarios/proofs.toml")),
];

/// A profile that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// There is none of this name.
    #[error("there is no profile {name}; next: use one of {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// Its scenario is wrong.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// The names of all profiles.
pub fn names() -> Vec<&'static str> {
    PROFILES.into_iter().map(|(name, _)| name).collect()
}

/// The plan of a profile.
///
/// # Errors
/// [`ProfileError::Unknown`] for a name that no profile has.
pub fn profile(name: &str) -> Result<Plan, ProfileError> {
    let known = names().join(", ");
    match PROFILES.into_iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Ok(Plan::from_toml(text)?),
        None => Err(ProfileError::Unknown { name: name.to_owned(), known }),
    }
}
