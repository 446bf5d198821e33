//! Evidence.
pub mod check;
pub mod execute;
pub mod keys;
