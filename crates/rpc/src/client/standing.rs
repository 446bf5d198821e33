//! Questions about identities, reputation, timetoke and the lottery.

use primitives::Address;

use super::{Client, ClientError};
use crate::routes::Operation;
use crate::types::{
    AuditPage, AuditQuery, AuditStream, IdentityProof, IdentityView, OwnVrf, ReputationView, TimetokeView,
    ValidatorPeers, ValidatorStatistics, VrfStanding, VrfThreshold,
};

impl Client {
    /// `GET /ledger/identity/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn identity(&self, address: &Address) -> Result<IdentityView, ClientError> {
        self.get(Operation::IdentityGet, &[&address.to_string()]).await
    }

    /// `GET /ledger/identity/{address}/proof`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn identity_proof(&self, address: &Address) -> Result<IdentityProof, ClientError> {
        self.get(Operation::IdentityProof, &[&address.to_string()]).await
    }

    /// `GET /ledger/reputation/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn reputation(&self, address: &Address) -> Result<ReputationView, ClientError> {
        self.get(Operation::ReputationGet, &[&address.to_string()]).await
    }

    /// `GET /ledger/timetoke`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn timetoke(&self) -> Result<TimetokeView, ClientError> {
        self.get(Operation::Timetoke, &[]).await
    }

    /// `GET /consensus/vrf/threshold`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn vrf_threshold(&self) -> Result<VrfThreshold, ClientError> {
        self.get(Operation::VrfThreshold, &[]).await
    }

    /// `GET /consensus/vrf/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn vrf(&self, address: &Address) -> Result<VrfStanding, ClientError> {
        self.get(Operation::VrfGet, &[&address.to_string()]).await
    }

    /// `GET /staking/validators/{address}/statistics`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn validator_statistics(&self, address: &Address) -> Result<ValidatorStatistics, ClientError> {
        self.get(Operation::ValidatorStatistics, &[&address.to_string()]).await
    }

    /// `GET /validator/peers`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn validator_peers(&self) -> Result<ValidatorPeers, ClientError> {
        self.get(Operation::ValidatorPeers, &[]).await
    }

    /// `GET /validator/vrf`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn validator_vrf(&self) -> Result<OwnVrf, ClientError> {
        self.get(Operation::ValidatorVrf, &[]).await
    }

    /// `GET /observability/audits/{stream}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn audits(&self, stream: AuditStream, query: AuditQuery) -> Result<AuditPage, ClientError> {
        let operation = match stream {
            AuditStream::Reputation => Operation::AuditReputation,
            AuditStream::Slashing => Operation::AuditSlashing,
        };
        let request = self.request(operation.route(), &[]).query(&query);
        self.answer(request, self.request_timeout).await
    }
}
