//! Governed values of the identity module. Rules in `spec/identity.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::ParamsError;

/// The identity module's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityParams {}

impl IdentityParams {
    /// Checks every bound and relation.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        Ok(())
    }
}
