//! The wallet routes at an address of their own: modes `wallet` and `hybrid`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Reader;
use crate::secret::Secret;

/// The wallet routes at an address of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletConfig {
    /// Where they are served.
    pub listen: SocketAddr,
    /// The node that answers where this process keeps no chain.
    pub upstream: String,
    /// The authorities that vouch for it; `None`: those of the web.
    pub upstream_ca: Option<PathBuf>,
    /// The token that it asks for.
    pub upstream_token: Option<Secret>,
}

impl Reader<'_> {
    /// All but the token, which is read with the other tokens.
    pub(super) fn wallet(&self) -> WalletConfig {
        WalletConfig {
            listen: self.text("wallet.listen").parse().expect("its kind was checked"),
            upstream: self.text("wallet.upstream").to_owned(),
            upstream_ca: self.path_if_set("wallet.upstream_ca"),
            upstream_token: None,
        }
    }
}
