//! Between the engine's commit certificates and the chain's.

use arc_malachitebft_app_channel::app::types::core::{
    CommitCertificate as EngineCertificate, ExtendedCommitCertificate, ExtendedCommitSignature,
};
use primitives::{CommitCertificate, CommitSignature};

use crate::context::ChainContext;
use crate::types::{BlockId, ChainHeight, ValidatorAddress, chain_round, engine_round};

/// The chain's form; `None` for the nil round or more signatures than a set has validators.
pub fn from_engine(certificate: &EngineCertificate<ChainContext>) -> Option<CommitCertificate> {
    let signatures = certificate
        .commit_signatures
        .iter()
        .map(|entry| CommitSignature { address: entry.address.0, signature: entry.signature });
    CommitCertificate::new(
        certificate.height.0,
        chain_round(certificate.round)?,
        certificate.value_id.0,
        signatures.collect(),
    )
}

/// The engine's form for value sync; this chain has no vote extensions.
pub fn to_engine(certificate: &CommitCertificate) -> ExtendedCommitCertificate<ChainContext> {
    let signatures = certificate
        .signatures
        .iter()
        .map(|entry| ExtendedCommitSignature::new(ValidatorAddress(entry.address), entry.signature, None));
    ExtendedCommitCertificate {
        height: ChainHeight(certificate.height),
        round: engine_round(Some(certificate.round)),
        value_id: BlockId(certificate.block),
        commit_signatures: signatures.collect(),
    }
}
