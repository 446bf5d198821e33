//! A remote signer that has the validator's key.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Reader;
use crate::value::Value;

/// A remote signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// The authority that vouches for it, PEM.
    pub ca: PathBuf,
    /// The certificate to show, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Longest time for one answer.
    pub timeout: Duration,
}

impl Reader<'_> {
    /// `None` where the key is in the home.
    pub(super) fn signer(&self) -> Option<SignerConfig> {
        let Value::Text(address) = self.value("signer.address") else { return None };
        Some(SignerConfig {
            address: address.parse().expect("its kind was checked"),
            ca: self.path("signer.ca"),
            cert: self.path("signer.cert"),
            key: self.path("signer.key"),
            timeout: Duration::from_millis(self.number("signer.timeout_ms")),
        })
    }
}
