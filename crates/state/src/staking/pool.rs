//! Tokens owned in shares: how a slash reaches every owner at once, in integers.
//!
//! `worth of s shares = s · tokens / shares`, rounded down: an owner never gets more than its part, and what
//! rounding leaves belongs to the owners that stay. The last owner to leave takes everything that is left.
//!
//! Bounds: shares stay at or below 2^65 and tokens below 2^63 (the supply cap is at most 2^62), so that
//! every product here fits 128 bits.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::Amount;
use primitives::params::PPM;

use crate::view::Broken;

/// Most shares of one pool.
pub const SHARES_MAX: u128 = 1 << 65;

/// Tokens and the shares that own them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pool {
    /// µBLOCK.
    pub tokens: Amount,
    /// Shares that own them.
    pub shares: u128,
}

impl Pool {
    /// The worth of `shares`, rounded down.
    ///
    /// # Errors
    /// [`Broken`] when that many shares do not exist.
    pub fn value(&self, shares: u128) -> Result<Amount, Broken> {
        if shares == 0 {
            return Ok(Amount::ZERO);
        }
        let product = shares.checked_mul(u128::from(self.tokens.micro()));
        let worth = product.and_then(|product| product.checked_div(self.shares));
        worth
            .and_then(|worth| u64::try_from(worth).ok())
            .and_then(Amount::new)
            .filter(|worth| *worth <= self.tokens)
            .ok_or(Broken("more shares than the pool has"))
    }

    /// The shares that `amount` buys, rounded down; `None` when it buys none or too many.
    pub fn price(&self, amount: Amount) -> Option<u128> {
        let shares = if self.shares == 0 {
            u128::from(amount.micro())
        } else {
            self.shares.checked_mul(u128::from(amount.micro()))?.checked_div(u128::from(self.tokens.micro()))?
        };
        let total = self.shares.checked_add(shares)?;
        (shares > 0 && total <= SHARES_MAX && self.tokens.checked_add(amount).is_some()).then_some(shares)
    }

    /// The shares that must be given for `amount`, rounded up; `None` when the pool has not that much.
    pub fn cost(&self, amount: Amount) -> Option<u128> {
        if amount > self.tokens || self.tokens == Amount::ZERO {
            return None;
        }
        let product = self.shares.checked_mul(u128::from(amount.micro()))?;
        Some(product.div_ceil(u128::from(self.tokens.micro())))
    }

    /// Takes in `amount` for `shares`, as [`Pool::price`] said.
    ///
    /// # Errors
    /// [`Broken`] when out of range.
    pub fn join(&mut self, amount: Amount, shares: u128) -> Result<(), Broken> {
        self.tokens = self.tokens.checked_add(amount).ok_or(Broken("pool tokens out of range"))?;
        self.shares = self.shares.checked_add(shares).ok_or(Broken("pool shares out of range"))?;
        Ok(())
    }

    /// What leaves the pool for `shares` that cost `amount`: the last shares take all that is left.
    pub fn given(&self, amount: Amount, shares: u128) -> Amount {
        if shares == self.shares { self.tokens } else { amount }
    }

    /// Gives out [`Pool::given`] for `shares`, as [`Pool::cost`] said, and returns it.
    ///
    /// # Errors
    /// [`Broken`] when the pool has less.
    pub fn leave(&mut self, amount: Amount, shares: u128) -> Result<Amount, Broken> {
        let given = self.given(amount, shares);
        self.tokens = self.tokens.checked_sub(given).ok_or(Broken("pool tokens below zero"))?;
        self.shares = self.shares.checked_sub(shares).ok_or(Broken("pool shares below zero"))?;
        Ok(given)
    }

    /// Removes `ppm` millionths of the tokens, rounded down, and returns them.
    ///
    /// # Errors
    /// [`Broken`] when `ppm` is above a million.
    pub fn slash(&mut self, ppm: u64) -> Result<Amount, Broken> {
        let cut = part(self.tokens, ppm).ok_or(Broken("slash above everything"))?;
        self.tokens = self.tokens.checked_sub(cut).ok_or(Broken("slash above everything"))?;
        Ok(cut)
    }
}

/// `ppm` millionths of `amount`, rounded down; `None` above a million.
pub fn part(amount: Amount, ppm: u64) -> Option<Amount> {
    if ppm > PPM {
        return None;
    }
    let cut = u128::from(amount.micro()) * u128::from(ppm) / u128::from(PPM);
    u64::try_from(cut).ok().and_then(Amount::new)
}
