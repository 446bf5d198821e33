//! Who gives a snapshot: a node that is asked over HTTP, or a peer. Whoever syncs asks both the same way.
//!
//! Rule: nothing that a source says is believed. A wrong piece is reported, and a peer loses points for it.

use std::time::Duration;

use p2p::{AskError, P2pHandle, PeerKey, SnapshotAnswer, SnapshotRequest};
use primitives::{CommitCertificate, Hash, Header, Height, ValidatorSet, decode};
use proof::light::CertifiedHeader;
use rpc::tls::ClientFiles;
use rpc::types::BlockId;
use rpc::{Client, ClientConfig, ClientError, ErrorCode};

/// Pause when a source is busy and does not say for how long.
const BUSY: Duration = Duration::from_millis(500);
/// Longest pause that a source is believed.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// A header with what certifies it, as it travels between peers: canonical bytes of the three.
pub type CertifiedParts = (Header, CommitCertificate, ValidatorSet);

/// Who gives a snapshot.
#[derive(Debug, Clone)]
pub enum Source {
    /// A node that is asked over HTTP.
    Http {
        /// Its URL.
        url: String,
        /// A client of it.
        client: Client,
    },
    /// A peer.
    Peer {
        /// Its key.
        key: PeerKey,
        /// The network that it is on.
        network: P2pHandle,
    },
}

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It has nothing of the kind, which is no fault.
    Nothing,
    /// It gives no more at this moment.
    Busy(Duration),
    /// It did not answer, or said something else.
    Failed(String),
}

impl Source {
    /// The node at a URL, asked with these certificates.
    ///
    /// # Errors
    /// A URL or a file that cannot be used, in words.
    pub fn http(url: &str, tls: &ClientFiles) -> Result<Self, String> {
        let config = ClientConfig { tls: tls.clone(), ..ClientConfig::new(url) };
        let client = Client::new(&config).map_err(|error| error.to_string())?;
        Ok(Self::Http { url: url.to_owned(), client })
    }

    /// Its name in logs and reports: the URL, or the peer id.
    pub fn name(&self) -> String {
        match self {
            Self::Http { url, .. } => url.clone(),
            Self::Peer { key, .. } => key.to_string(),
        }
    }

    /// The bytes of the manifest of its newest snapshot.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn manifest(&self) -> Result<Vec<u8>, Unanswered> {
        match self {
            Self::Http { client, .. } => {
                let plan = client.state_sync_plan().await?;
                plan.manifest_bytes().map_err(|error| Unanswered::Failed(error.to_string()))
            }
            Self::Peer { key, network } => piece(network, *key, SnapshotRequest::Manifest).await,
        }
    }

    /// The header of a height with what certifies it, unchecked but for the height.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn header(&self, height: Height) -> Result<CertifiedHeader, Unanswered> {
        let failed = |reason: String| Unanswered::Failed(reason);
        let (header, certificate, validators) = match self {
            Self::Http { client, .. } => {
                let block = client.certified_block(BlockId::Height(height)).await?;
                block.decode().map_err(|error| failed(error.to_string()))?
            }
            Self::Peer { key, network } => {
                let bytes = piece(network, *key, SnapshotRequest::Header(height)).await?;
                decode::<CertifiedParts>(&bytes).map_err(|_| failed("its header does not decode".to_owned()))?
            }
        };
        if header.height != height {
            return Err(failed(format!("asked for height {height}, it answered for {}", header.height)));
        }
        Ok(CertifiedHeader { header, certificate, validators })
    }

    /// The chain proof, unchecked.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn chain_proof(&self) -> Result<Vec<u8>, Unanswered> {
        match self {
            Self::Http { client, .. } => match client.chain_proof().await {
                Ok(bytes) => Ok(bytes),
                Err(error) if error.code() == ErrorCode::ProofUnavailable.name() => Err(Unanswered::Nothing),
                Err(error) => Err(error.into()),
            },
            Self::Peer { key, network } => piece(network, *key, SnapshotRequest::ChainProof).await,
        }
    }

    /// The file of a chunk, unchecked.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn chunk(&self, id: &Hash) -> Result<Vec<u8>, Unanswered> {
        match self {
            Self::Http { client, .. } => {
                let chunk = client.state_sync_chunk(id).await?;
                chunk.file().map_err(|error| Unanswered::Failed(error.to_string()))
            }
            Self::Peer { key, network } => piece(network, *key, SnapshotRequest::Chunk(*id)).await,
        }
    }

    /// What it gave is wrong. A peer loses points for it, and is banned when it is not the first time.
    pub fn report(&self) {
        if let Self::Peer { key, network } = self {
            network.report_snapshot(*key);
        }
    }
}

impl From<ClientError> for Unanswered {
    fn from(error: ClientError) -> Self {
        let is_busy = [ErrorCode::RateLimited, ErrorCode::Overloaded].iter().any(|code| error.code() == code.name());
        if is_busy { Self::Busy(BUSY) } else { Self::Failed(error.to_string()) }
    }
}

async fn piece(network: &P2pHandle, key: PeerKey, request: SnapshotRequest) -> Result<Vec<u8>, Unanswered> {
    match network.ask_snapshot(key, request).await {
        Ok(SnapshotAnswer::Piece(bytes)) => Ok(bytes.into_inner()),
        Ok(SnapshotAnswer::Nothing) => Err(Unanswered::Nothing),
        Ok(SnapshotAnswer::Busy(wait_ms)) => {
            Err(Unanswered::Busy(Duration::from_millis(wait_ms.into()).clamp(Duration::from_millis(10), BUSY_MAX)))
        }
        Err(AskError::Asked) => Err(Unanswered::Busy(BUSY)),
        Err(error) => Err(Unanswered::Failed(error.to_string())),
    }
}
