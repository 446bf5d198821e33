//! Governed values of the reputation module. Rules in `spec/reputation.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::ParamsError;

/// The reputation module's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReputationParams {}

impl ReputationParams {
    /// Checks every bound and relation.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        Ok(())
    }
}
