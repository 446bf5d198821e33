//! The keys of a validator whose key is with a signer of its own.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `spec/signer.md`.

use super::entry::{Key, key, number};
use crate::value::Kind;

/// Shortest time for an answer, milliseconds: a handshake on one machine takes a few.
const TIMEOUT_MS_MIN: u64 = 50;
/// Longest time for an answer, milliseconds: a round is over by then.
const TIMEOUT_MS_MAX: u64 = 5_000;

pub(super) const ADDRESS: Key = key(
    "signer.address",
    &["TB_SIGNER_ADDRESS"],
    Kind::Socket,
    "The remote signer that has this validator's key (`tb signer serve`). With it this home holds no validator_key.json and no guard, and the node does not start while the signer does not answer.",
)
.unset("the key is in this home", "127.0.0.1:26600");

pub(super) const CA: Key =
    key("signer.ca", &["TB_SIGNER_CA"], Kind::Path, "File of the authority that vouches for the remote signer, PEM.")
        .default("signer/authority.pem", "tls/signer_authority.pem");

pub(super) const CERT: Key = key(
    "signer.cert",
    &["TB_SIGNER_CERT"],
    Kind::Path,
    "File of the certificate that this node shows to the remote signer, PEM.",
)
.default("signer/node.pem", "tls/signer_node.pem");

pub(super) const KEY: Key =
    key("signer.key", &["TB_SIGNER_KEY"], Kind::Path, "File of that certificate's private key, PEM, mode 0600.")
        .default("signer/node.key", "tls/signer_node.key");

pub(super) const TIMEOUT_MS: Key = key(
    "signer.timeout_ms",
    &["TB_SIGNER_TIMEOUT_MS"],
    number(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
    "Longest time for one answer of the remote signer; without it the validator abstains in that step.",
)
.unit("milliseconds")
.default("500", "250");
