//! Certificates for tests of TLS: authorities, and whom they vouch for, as PEM files in a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// What a certificate is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A server at 127.0.0.1 and localhost.
    Server,
    /// A client.
    Client,
    /// A server whose certificate ended years ago.
    ExpiredServer,
    /// A client whose certificate ended years ago.
    ExpiredClient,
    /// A server of another name.
    OtherServer,
}

/// Files of a certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// Its key, PEM, mode 0600.
    pub key: PathBuf,
}

/// An authority of one test.
pub struct Authority {
    /// Its own certificate, PEM.
    pub ca: PathBuf,
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    /// A new authority with its file in `folder`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let ca = folder.join(format!("{name}.pem"));
        fs::write(&ca, certificate.pem()).expect("a file");
        Self { ca, certificate, key }
    }

    /// A certificate of this authority, in the folder of its file.
    pub fn issue(&self, name: &str, made_for: Use) -> Pair {
        let names = match made_for {
            Use::OtherServer => vec!["elsewhere.example".to_owned()],
            _ => vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        };
        let mut params = CertificateParams::new(names).expect("good names");
        params.distinguished_name.push(DnType::CommonName, name);
        if matches!(made_for, Use::ExpiredServer | Use::ExpiredClient) {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        params.extended_key_usages = vec![match made_for {
            Use::Client | Use::ExpiredClient => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.certificate, &self.key).expect("a certificate");
        let folder = self.ca.parent().expect("the file is in a folder");
        let pair = Pair { cert: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
        fs::write(&pair.cert, certificate.pem()).expect("a file");
        fs::write(&pair.key, key.serialize_pem()).expect("a file");
        fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).expect("its mode");
        pair
    }
}
