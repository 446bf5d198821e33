//! Questions about window proofs, and handing them in.

use primitives::{Address, Height};
use serde::de::DeserializeOwned;

use super::{Client, ClientError, read, refusal};
use crate::limits::PROOF_REPLY_BYTES_MAX;
use crate::routes::Operation;
use crate::types::{
    BlockId, BlockProof, CertifiedBlock, ChainAccepted, Claim, ClaimRequest, OperationPage, OperationsQuery,
    ProofStatus, ProvenAccount, ProversStatus, SubmitWindowQuery, WindowAccepted,
};

impl Client {
    /// `GET /blocks/{block}/operations`.
    ///
    /// # Errors
    /// See [`Client::health`]; so for every method below.
    pub async fn block_operations(&self, block: BlockId, query: OperationsQuery) -> Result<OperationPage, ClientError> {
        let request = self.request(Operation::BlockOperations.route(), &[&block.to_string()]).query(&query);
        self.answer(request, self.request_timeout).await
    }

    /// `GET /blocks/{block}/certified`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn certified_block(&self, block: BlockId) -> Result<CertifiedBlock, ClientError> {
        self.get(Operation::BlockCertified, &[&block.to_string()]).await
    }

    /// `GET /proofs/status`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn proof_status(&self) -> Result<ProofStatus, ClientError> {
        self.get(Operation::ProofStatus, &[]).await
    }

    /// `GET /proofs/windows/{window}`, at most [`PROOF_REPLY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn window_proof(&self, window: u64) -> Result<Vec<u8>, ClientError> {
        let request = self.request(Operation::ProofWindow.route(), &[&window.to_string()]);
        let (url, status, body) = self.send(request, self.request_timeout, PROOF_REPLY_BYTES_MAX).await?;
        if status == 200 { Ok(body) } else { Err(refusal(&url, status, &body)) }
    }

    /// `POST /proofs/windows`; the prover says how long it worked.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn submit_window(
        &self,
        bytes: Vec<u8>,
        generation_ms: Option<u64>,
    ) -> Result<WindowAccepted, ClientError> {
        self.submit_proof(Operation::ProofSubmit, bytes, generation_ms).await
    }

    /// `GET /proofs/chain`, at most [`PROOF_REPLY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn chain_proof(&self) -> Result<Vec<u8>, ClientError> {
        let request = self.request(Operation::ProofChain.route(), &[]);
        let (url, status, body) = self.send(request, self.request_timeout, PROOF_REPLY_BYTES_MAX).await?;
        if status == 200 { Ok(body) } else { Err(refusal(&url, status, &body)) }
    }

    /// `POST /proofs/chain`; the prover says how long it worked.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn submit_chain(&self, bytes: Vec<u8>, generation_ms: Option<u64>) -> Result<ChainAccepted, ClientError> {
        self.submit_proof(Operation::ProofChainSubmit, bytes, generation_ms).await
    }

    async fn submit_proof<T: DeserializeOwned>(
        &self,
        operation: Operation,
        bytes: Vec<u8>,
        generation_ms: Option<u64>,
    ) -> Result<T, ClientError> {
        let request = self.request(operation.route(), &[]).query(&SubmitWindowQuery { generation_ms });
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/octet-stream").body(bytes);
        let (url, status, body) = self.send(request, self.request_timeout, crate::limits::REPLY_BYTES_MAX).await?;
        read(&url, status, &body)
    }

    /// `POST /proofs/claims`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn claim_window(&self, claim: &ClaimRequest) -> Result<Claim, ClientError> {
        let request = self.request(Operation::ProofClaim.route(), &[]).json(claim);
        self.answer(request, self.request_timeout).await
    }

    /// `GET /proofs/provers`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn provers(&self) -> Result<ProversStatus, ClientError> {
        self.get(Operation::Provers, &[]).await
    }

    /// `GET /proofs/block/{height}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn block_proof(&self, height: Height) -> Result<BlockProof, ClientError> {
        self.get(Operation::ProofBlock, &[&height.to_string()]).await
    }

    /// `GET /proofs/accounts/{address}`.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn proven_account(&self, address: &Address) -> Result<ProvenAccount, ClientError> {
        self.get(Operation::ProofAccount, &[&address.to_string()]).await
    }
}
