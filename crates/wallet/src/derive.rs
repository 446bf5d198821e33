//! From a seed to keys: SLIP-10 for Ed25519, one path per account.
//!
//! ```text
//! m / 44' / 21570' / account' / 0'
//!     │     │        │          └ the account's first and only key
//!     │     │        └ 0, 1, 2 … below 2^31
//!     │     └ coin type
//!     └ BIP-44
//! ```
//!
//! Rules: every level is hardened, because Ed25519 has no other kind in SLIP-10. The path is part of what a
//! recovery phrase means, so it never changes; any SLIP-10 tool restores the key from words and path.
//!
//! Source: SLIP-10; its official vectors pass in `tests/vectors.rs`.

use primitives::SecretKey;
use zeroize::Zeroizing;

/// First level of the path (BIP-44).
pub const PURPOSE: u32 = 44;
/// Second level: the coin type. It is the two letters "TB" in ASCII (0x5442) and is **not registered** in
/// SLIP-44, where it was free when it was chosen.
pub const COIN_TYPE: u32 = 0x5442;
/// Largest account index, 2^31 − 1: hardening takes the highest bit.
pub const ACCOUNT_MAX: u32 = 0x7fff_ffff;

/// An account index of 2^31 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("account {0} is 2^31 or more; accounts count from 0, use a smaller index")]
pub struct AccountError(pub u32);

/// The secret at `path` (every index is hardened) below `seed`, as SLIP-10 defines it.
pub fn derive(seed: &[u8], path: &[u32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(slip10_ed25519::derive_ed25519_private_key(seed, path))
}

/// The key of account `account` below `seed`, at the path of the module header.
///
/// # Errors
/// [`AccountError`] from 2^31 on.
pub fn account_key(seed: &[u8], account: u32) -> Result<SecretKey, AccountError> {
    if account > ACCOUNT_MAX {
        return Err(AccountError(account));
    }
    Ok(SecretKey::from_seed(*derive(seed, &[PURPOSE, COIN_TYPE, account, 0])))
}
