//! Certificates for one signer and one node, made in one step.
//!
//! ```text
//! authority ── vouches for ──► signer.pem + signer.key   for these addresses, as a server
//!           └─ vouches for ──► node.pem + node.key       as a client
//! its own key is never written: nobody can make a third
//! ```
//! So "signed by this authority" is the list of who may ask, and it has one entry. New certificates are a new authority.
//! They do not run out: what ends them is to make new ones.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

/// A certificate with its key, PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

/// What one authority vouched for before it was thrown away.
#[derive(Clone)]
pub struct Certificates {
    /// The authority's own certificate, PEM.
    pub authority: String,
    /// For the signer.
    pub signer: Pair,
    /// For the node.
    pub node: Pair,
}

/// Why certificates could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificates could not be made: {0}")]
pub struct CertificateError(String);

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// Makes certificates for a signer at these addresses and for one node.
///
/// # Errors
/// [`CertificateError`], for example when the system has no randomness.
pub fn make(addresses: &[IpAddr]) -> Result<Certificates, CertificateError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "authority of one signer");
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    let issue = |name: &str, addresses: &[IpAddr], purpose| -> Result<Pair, CertificateError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names = addresses.iter().copied().map(SanType::IpAddress).collect();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let own = KeyPair::generate()?;
        let cert = params.signed_by(&own, &authority, &key)?;
        Ok(Pair { cert: cert.pem(), key: own.serialize_pem() })
    };
    Ok(Certificates {
        authority: authority.pem(),
        signer: issue("signer", addresses, ExtendedKeyUsagePurpose::ServerAuth)?,
        node: issue("node", &[], ExtendedKeyUsagePurpose::ClientAuth)?,
    })
}
