//! TLS of servers and clients: from PEM files to what the library takes.
//!
//! Rules
//! - TLS 1.2 and 1.3 with the library's own safe choices; nothing is configurable below that.
//! - A server that names authorities of clients refuses everybody else in the handshake: mutual TLS.
//! - A client trusts the authorities of its file, or without one those of the web as they are bundled; never both.
//! - Files are read once, at the start. A file that cannot serve is an error that names it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The protocol that servers and clients agree on.
const PROTOCOL: &[u8] = b"http/1.1";
/// Most certificates of one file.
const CERTIFICATES_MAX: usize = 1_024;

/// Why TLS cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A file holds no certificate, or too many.
    #[error("{} holds {count} certificates, 1 to {CERTIFICATES_MAX} are wanted", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// How many it holds.
        count: usize,
    },
    /// Certificate and key do not serve together.
    #[error("{} and {} do not serve together: {cause}", cert.display(), key.display())]
    Pair {
        /// File of the certificate.
        cert: PathBuf,
        /// File of the key.
        key: PathBuf,
        /// Why.
        cause: String,
    },
    /// The authorities cannot serve.
    #[error("{} holds no authority that can serve: {cause}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

/// Files of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientFiles {
    /// The authorities to trust; `None`: those of the web.
    pub ca: Option<PathBuf>,
    /// Certificate and key to show; `None`: none.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// TLS of a server with this certificate and key; with `client_ca`, only for clients of these authorities.
///
/// # Errors
/// [`TlsError`].
pub fn server(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>, TlsError> {
    let pair = |cause: rustls::Error| TlsError::Pair { cert: cert.into(), key: key.into(), cause: cause.to_string() };
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions");
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let authorities = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider).build();
            let verifier =
                verifier.map_err(|error| TlsError::Authorities { path: path.into(), cause: error.to_string() })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(certificates(cert)?, private_key(key)?).map_err(pair)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

/// TLS of a client with these files.
///
/// # Errors
/// [`TlsError`].
pub fn client(files: &ClientFiles) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions");
    let roots = match &files.ca {
        Some(path) => authorities(path)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let builder = builder.with_root_certificates(roots);
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let (chain, secret) = (certificates(cert)?, private_key(key)?);
            builder.with_client_auth_cert(chain, secret).map_err(|cause| TlsError::Pair {
                cert: cert.clone(),
                key: key.clone(),
                cause: cause.to_string(),
            })?
        }
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |cause: &dyn std::fmt::Display| TlsError::File { path: path.into(), cause: cause.to_string() };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let found = found.take(CERTIFICATES_MAX + 1).collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
    if found.is_empty() || found.len() > CERTIFICATES_MAX {
        return Err(TlsError::Certificates { path: path.into(), count: found.len() });
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| TlsError::File { path: path.into(), cause: format!("no private key: {error}") })
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .map_err(|error| TlsError::Authorities { path: path.into(), cause: error.to_string() })?;
    }
    Ok(store)
}
