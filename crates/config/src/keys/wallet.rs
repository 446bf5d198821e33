//! The keys of the wallet routes at an address of their own: modes `wallet` and `hybrid`.
//!
//! Read next: [`super::KEYS`], where they stand in the order of the template; `node/src/wallet/mod.rs`.

use super::entry::{Key, key};
use crate::value::Kind;

pub(super) const LISTEN: Key = key(
    "wallet.listen",
    &["TB_WALLET_LISTEN"],
    Kind::Socket,
    "Where the modes `wallet` and `hybrid` serve the wallet routes. Tokens, TLS and limits are those of `rpc`.",
)
.default("127.0.0.1:26659", "0.0.0.0:26669");

pub(super) const UPSTREAM: Key = key(
    "wallet.upstream",
    &["TB_WALLET_UPSTREAM"],
    Kind::Url,
    "The node that answers in the mode `wallet`; it must be of the chain of genesis.json.",
)
.default("http://127.0.0.1:26658", "https://node.example.org:26658");

pub(super) const UPSTREAM_CA: Key = key(
    "wallet.upstream_ca",
    &["TB_WALLET_UPSTREAM_CA"],
    Kind::Path,
    "File of the authorities that vouch for that node, PEM. A certificate of anybody else is refused.",
)
.unset("the authorities of the web", "tls/upstream.pem");

pub(super) const UPSTREAM_TOKEN_FILE: Key = key(
    "wallet.upstream_token_file",
    &["TB_WALLET_UPSTREAM_TOKEN_FILE"],
    Kind::Path,
    "File that holds the bearer token for that node, mode 0600. Callers of the wallet routes never see it.",
)
.unset("no token is sent", "upstream_token");
