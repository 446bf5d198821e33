//! Governed values of the lottery module. Rules in `spec/lottery.md`.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::ParamsError;

/// The lottery module's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LotteryParams {}

impl LotteryParams {
    /// Checks every bound and relation.
    ///
    /// # Errors
    /// The first [`ParamsError`] in field order.
    pub fn validate(&self) -> Result<(), ParamsError> {
        Ok(())
    }
}
