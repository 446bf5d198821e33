//! Window proofs and the chain proof over RPC: where they stand, their bytes, handing one in, and what provers and light clients fetch.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use p2p::ProofKind;
use primitives::{Address, Hash, Height, encode};
use proof::light::{SealedChain, SealedChainError, SealedWindow, SealedWindowError};
use proof::params::PROOF_BYTES_MAX;
use proof::{fold_key, verifying_key};
use replica::Application;
use rpc::types::proving::WAITING_WINDOWS_MAX;
use rpc::types::{
    BackendHealth, BackendVerdicts, BlockId, BlockProof, CertifiedBlock, ChainAccepted, ChainStatus, Claim,
    ClaimRequest, ClaimStatus, FamilyState, FamilyStatus, Hex, OperationPage, OperationsQuery, PlonkyHealth,
    ProofStatus, ProvenAccount, VerifierMetrics, WindowAccepted,
};
use rpc::{ApiError, ErrorCode};

use super::server::Server;
use super::{blocks, errors};
use crate::clock;
use crate::proofs::circuits::cached;
use crate::proofs::{self, BACKEND, Claims, LedgerFault, ProvenLedger, Refused, travel};

/// Families of claims: name, state, what exactly.
const FAMILIES: [(&str, FamilyState, &str); 5] = [
    (
        "transaction",
        FamilyState::Proven,
        "the ledger operations of every block, in order, under the rules of the ledger",
    ),
    ("state", FamilyState::Attested, "module state, receipts, parameters, gates and validator sets"),
    ("pruning", FamilyState::Attested, "that what was deleted was what the chain says"),
    ("uptime", FamilyState::Attested, "timetoke, reputation and who was online"),
    ("consensus", FamilyState::Attested, "who signed, that there is one chain, that nothing was left out"),
];

/// The refusal of a proof, by name.
fn refusal(server: &Server, refused: &Refused) -> ApiError {
    let code = match refused {
        Refused::Bytes(SealedWindowError::TooLong { .. }) | Refused::Chain(SealedChainError::TooLong { .. }) => {
            ErrorCode::BodyTooLarge
        }
        Refused::Bytes(_)
        | Refused::NotAnEnd { .. }
        | Refused::Chain(SealedChainError::TooShort { .. } | SealedChainError::Payout) => ErrorCode::BadRequest,
        Refused::Exists { .. } | Refused::ChainExists { .. } => ErrorCode::ProofExists,
        Refused::NotNext { .. } | Refused::NotClosed { .. } | Refused::NotFinalized { .. } | Refused::TailFull => {
            ErrorCode::ProofNotNext
        }
        Refused::Proof(_) | Refused::Chain(_) => ErrorCode::ProofRejected,
        Refused::Key(_) => {
            tracing::error!(target: "plonky3", error = %refused, "no proof can be verified");
            return ApiError::new(ErrorCode::NOT_READY).because(refused.to_string());
        }
        Refused::NoRoom => {
            return ApiError::new(ErrorCode::NOT_READY)
                .because(refused.to_string())
                .with_hint("ask another node, or again once this one has room");
        }
        Refused::Storage(error) => return errors::of_storage(&server.shared, error),
    };
    ApiError::new(code).because(refused.to_string())
}

/// The height that a block id names, if it is finalized here.
fn height_of(server: &Server, id: BlockId) -> Result<Height, ApiError> {
    let height = match id {
        BlockId::Height(height) => Some(height),
        BlockId::Hash(hash) => {
            server.shared.store.height_of(&hash).map_err(|error| errors::of_storage(&server.shared, &error))?
        }
    };
    height.ok_or_else(|| ApiError::not_found(format!("a finalized block with hash {id}")))
}

/// `/blocks/{block}/operations`.
///
/// # Errors
/// `not_found`.
pub fn operations(server: &Server, id: BlockId, query: OperationsQuery) -> Result<OperationPage, ApiError> {
    let height = height_of(server, id)?;
    let block = blocks::at_height(server, height)?;
    let operations = server.shared.store.operations(height);
    let operations = operations.map_err(|error| errors::of_storage(&server.shared, &error))?.unwrap_or_default();
    Ok(OperationPage::new(&block.block.header, &operations, query))
}

/// `/blocks/{block}/certified`.
///
/// # Errors
/// `not_found`, or `proof_unavailable` when this node no longer has the set of that height.
pub fn certified(server: &Server, id: BlockId) -> Result<CertifiedBlock, ApiError> {
    let height = height_of(server, id)?;
    // The header outlives its block where blocks are pruned.
    let (header, certificate) = blocks::header(server, height)?;
    let chain = server.shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let electorate = chain.electorate(height);
    drop(chain);
    match (certificate, electorate) {
        (Some(certificate), Some(electorate)) => Ok(CertifiedBlock::new(&header, &certificate, &electorate.validators)),
        _ => Err(ApiError::new(ErrorCode::ProofUnavailable)
            .because(format!("this node has no certificate or no validator set for height {height}"))
            .with_hint("ask for a newer height, or start from a newer checkpoint")),
    }
}

/// `/proofs/status`.
///
/// # Errors
/// `not_ready` when this build has another key than the network.
pub fn status(server: &Server) -> Result<ProofStatus, ApiError> {
    let shared = &server.shared;
    let key = verifying_key().map_err(|error| refusal(server, &error.into()))?;
    let chain_key = fold_key().map_err(|error| refusal(server, &error.into()))?.verifying();
    let (finalized_height, proven_height) = (blocks::head(server), proofs::proven_height(shared));
    let (next_window, window_blocks) = (shared.proofs.windows(), shared.genesis.params.window_blocks);
    let mut claims = shared.proofs.claims();
    claims.expire(next_window, clock::now());
    let claims =
        claims.list().map(|(window, prover, expires_ms)| ClaimStatus { window, prover: prover.to_owned(), expires_ms });
    Ok(ProofStatus {
        backend: BACKEND.to_owned(),
        key: key.hash(),
        security_bits: whole_bits(key.security_bits()),
        window_blocks,
        next_window,
        proven_height,
        finalized_height,
        lag_blocks: finalized_height.0.saturating_sub(proven_height.0),
        queue_depth: (finalized_height.0 / window_blocks).saturating_sub(next_window),
        max_proof_size_bytes: u64::try_from(max_bytes(server)).unwrap_or(u64::MAX),
        claims: claims.collect(),
        chain: chain_status(server)?,
        chain_key: chain_key.hash(),
        chain_security_bits: whole_bits(chain_key.security_bits()),
        families: families(),
    })
}

/// Each family of claims, and whether it is proven or attested.
pub fn families() -> Vec<FamilyStatus> {
    let says = |(name, state, says): &(&str, FamilyState, &str)| FamilyStatus {
        name: (*name).to_owned(),
        state: *state,
        says: (*says).to_owned(),
    };
    FAMILIES.iter().map(says).collect()
}

/// The chain proof that is kept.
fn chain_status(server: &Server) -> Result<Option<ChainStatus>, ApiError> {
    let kept = server.shared.store.chain_proof();
    let Some((windows, bytes)) = kept.map_err(|error| errors::of_storage(&server.shared, &error))? else {
        return Ok(None);
    };
    let sealed = SealedChain::from_bytes(&bytes).map_err(|error| errors::of_damage("chain proof", error))?;
    Ok(Some(ChainStatus {
        first_height: Height::GENESIS.next(),
        last_height: sealed.height,
        windows,
        payout: sealed.payout,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    }))
}

/// The bits, rounded down: the calculator speaks in fractions.
fn whole_bits(bits: f64) -> u32 {
    (0_u32..=256).rev().find(|whole| f64::from(*whole) <= bits).unwrap_or(0)
}

/// Most bytes of a proof that this node takes.
pub fn max_bytes(server: &Server) -> usize {
    server.shared.config.max_proof_size_bytes.min(PROOF_BYTES_MAX)
}

/// `/proofs/windows/{window}`: the bytes as they were handed in.
///
/// # Errors
/// `not_found`.
pub fn window(server: &Server, window: u64) -> Result<Bytes, ApiError> {
    let metrics = &server.shared.metrics.proofs;
    let found = server.shared.store.window_proof(window);
    match found.map_err(|error| errors::of_storage(&server.shared, &error))? {
        Some(bytes) => {
            metrics.hits.inc();
            Ok(bytes.into())
        }
        None => {
            metrics.misses.inc();
            let next = server.shared.proofs.windows();
            if window < server.shared.proofs.folded() {
                return Err(ApiError::not_found(format!("window {window}: the chain proof covers it")).with_hint(
                    "GET /proofs/chain has the proof of the whole chain; a window of several parts has no other",
                ));
            }
            Err(ApiError::not_found(format!("window {window}: the next one to be proven is {next}")).with_hint(
                "GET /proofs/status shows how far the proofs are; a window of several parts has the chain proof only",
            ))
        }
    }
}

/// `POST /proofs/windows`.
///
/// # Errors
/// `proof_rejected`, `proof_not_next`, `proof_exists`, `bad_request`.
pub async fn submit(
    server: &Arc<Server>,
    bytes: Bytes,
    generation_ms: Option<u64>,
) -> Result<WindowAccepted, ApiError> {
    let accept = move |server: &Server| {
        let accepted = proofs::accept(&server.shared, &bytes, generation_ms.map(Duration::from_millis));
        let (window, proven_height) = accepted.map_err(|refused| refusal(server, &refused))?;
        travel::publish(&server.shared, ProofKind::Window, &bytes);
        Ok(WindowAccepted { window, proven_height })
    };
    server.read(accept).await
}

/// `GET /proofs/chain`: the bytes as they were handed in.
///
/// # Errors
/// `proof_unavailable` before the first windows are folded.
pub fn chain(server: &Server) -> Result<Bytes, ApiError> {
    let metrics = &server.shared.metrics.proofs;
    let found = server.shared.store.chain_proof();
    match found.map_err(|error| errors::of_storage(&server.shared, &error))? {
        Some((_, bytes)) => {
            metrics.hits.inc();
            Ok(bytes.into())
        }
        None => {
            metrics.misses.inc();
            Err(ApiError::new(ErrorCode::ProofUnavailable)
                .because("no windows of this chain are folded into one proof on this node yet")
                .with_hint(
                    "a prover does it some time after windows are proven; GET /proofs/status shows how far it is",
                ))
        }
    }
}

/// `POST /proofs/chain`.
///
/// # Errors
/// `proof_rejected`, `proof_not_next`, `proof_exists`, `bad_request`.
pub async fn submit_chain(
    server: &Arc<Server>,
    bytes: Bytes,
    generation_ms: Option<u64>,
) -> Result<ChainAccepted, ApiError> {
    let accept = move |server: &Server| {
        let accepted = proofs::accept_chain(&server.shared, &bytes, generation_ms.map(Duration::from_millis));
        let windows = accepted.map_err(|refused| refusal(server, &refused))?;
        travel::publish(&server.shared, ProofKind::Chain, &bytes);
        let chain_height = Height(windows.saturating_mul(server.shared.genesis.params.window_blocks));
        Ok(ChainAccepted { windows, chain_height, proven_height: proofs::proven_height(&server.shared) })
    };
    server.read(accept).await
}

/// `POST /proofs/claims`.
///
/// # Errors
/// `bad_request` for a name that is none.
pub fn claim(server: &Server, request: &ClaimRequest) -> Result<Claim, ApiError> {
    Claims::check_name(&request.prover).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let (shared, now) = (&server.shared, clock::now());
    // Anybody may ask, so a failure counts only from a name that has something in hand.
    let works =
        || shared.proofs.claims().has(&request.prover, now) || shared.proofs.chain_claim().has(&request.prover, now);
    if let Some(failure) = &request.failure
        && works()
    {
        shared.proofs.failed(&shared.metrics, &request.prover, failure);
    }
    let next_window = shared.proofs.windows();
    let closed = blocks::head(server).0 / shared.genesis.params.window_blocks;
    let waiting = request.waiting.get(..WAITING_WINDOWS_MAX).unwrap_or(&request.waiting);
    if request.leaves {
        shared.proofs.claims().leave(&request.prover);
        shared.proofs.chain_claim().leave(&request.prover);
        return Ok(Claim { window: None, expires_ms: None, next_window });
    }
    if request.chain {
        let expires_ms = shared.proofs.chain_claim().claim(&request.prover, now);
        // The parts of a large window are done while they are folded: nobody else should prove them.
        shared.proofs.claims().wait(&request.prover, waiting, (next_window, closed), now);
        let window = expires_ms.map(|_| shared.proofs.folded());
        return Ok(Claim { window, expires_ms, next_window });
    }
    let mut claims = shared.proofs.claims();
    let given = claims.claim(&request.prover, request.window, waiting, (next_window, closed), now);
    drop(claims);
    Ok(Claim { window: given.map(|given| given.0), expires_ms: given.map(|given| given.1), next_window })
}

/// `/proofs/block/{height}`.
///
/// # Errors
/// `not_found` above the finalized height and for genesis, `proof_unavailable` above the proven one.
pub fn block(server: &Server, height: Height) -> Result<BlockProof, ApiError> {
    blocks::at_height(server, height)?;
    let shared = &server.shared;
    let rules = shared.proofs.rules(&shared.genesis);
    let unproven = || {
        ApiError::new(ErrorCode::ProofUnavailable)
            .because(format!("height {height} is above the proven height {}", proofs::proven_height(shared)))
            .with_hint("its window is proven some time after it is closed; GET /proofs/status shows the lag")
    };
    let number = rules.window_of(height).ok_or_else(unproven)?;
    if let Some(chain) = chain_status(server)?.filter(|chain| height <= chain.last_height) {
        let ChainStatus { first_height, last_height, payout, bytes, .. } = chain;
        let last_block: Hash = blocks::expect(server, last_height)?.hash;
        let path = "/proofs/chain".to_owned();
        return Ok(BlockProof { height, window: number, first_height, last_height, payout, bytes, path, last_block });
    }
    let kept = shared.store.window_proof(number).map_err(|error| errors::of_storage(shared, &error))?;
    let kept = kept.ok_or_else(unproven)?;
    let sealed = SealedWindow::from_bytes(&kept).map_err(|error| errors::of_damage("window proof", error))?;
    let last_height = rules.window_end(number);
    let last_block: Hash = blocks::expect(server, last_height)?.hash;
    Ok(BlockProof {
        height,
        window: number,
        first_height: rules.window_start(number).next(),
        last_height,
        payout: sealed.payout,
        bytes: u64::try_from(kept.len()).unwrap_or(u64::MAX),
        path: format!("/proofs/windows/{number}"),
        last_block,
    })
}

/// `/proofs/accounts/{address}`.
///
/// # Errors
/// `proof_unavailable` before the first window, `not_found` for an address that had no account at the proven height.
pub fn account(server: &Server, address: Address) -> Result<ProvenAccount, ApiError> {
    let shared = &server.shared;
    let chain = shared.chain().map_err(|fault| errors::of_fault(&fault))?;
    let slot = chain.account(&address).map_err(|fault| errors::of_fault(&fault))?.map(|(slot, _)| slot);
    drop(chain);
    let absent = || {
        ApiError::not_found(format!("an account of {address} in the proven ledger"))
            .with_hint("that an address has no account is only attested: GET /accounts/{address}/proof")
    };
    let (height, proof) = ProvenLedger::prove(shared, slot.ok_or_else(absent)?, &address).map_err(|fault| {
        let told = fault.to_string();
        match fault {
            LedgerFault::Read(refused) => refusal(server, &refused),
            LedgerFault::Chain(fault) => errors::of_fault(&fault),
            LedgerFault::OtherLedger { .. } => errors::of_damage("list of ledger operations", told),
            LedgerFault::NothingProven | LedgerFault::TooFar { .. } => {
                ApiError::new(ErrorCode::ProofUnavailable).because(told)
            }
        }
    })?;
    let proof = proof.ok_or_else(absent)?;
    let ledger_root = blocks::expect(server, height)?.block.header.ledger_root;
    Ok(ProvenAccount { address, height, ledger_root, ledger_proof: Hex(encode(&proof)) })
}

/// `verifier_metrics` of `/status/node`.
pub fn verifier_metrics(server: &Server) -> VerifierMetrics {
    let verdicts = server.shared.proofs.verdicts();
    let verification_ms = u64::try_from(verdicts.time.as_millis()).unwrap_or(u64::MAX);
    let one = BackendVerdicts { accepted: verdicts.accepted, rejected: verdicts.rejected, verification_ms };
    VerifierMetrics { per_backend: std::collections::BTreeMap::from([(BACKEND.to_owned(), one)]) }
}

/// `backend_health` of `/status/node`.
pub fn backend_health(server: &Server) -> BackendHealth {
    let health = server.shared.proofs.health();
    let circuits = proof::circuits(server.shared.genesis.proof_system);
    let (windows, folded) = (server.shared.proofs.windows(), server.shared.proofs.folded());
    let (cached_circuits, circuit_cache_bytes) = cached(&server.shared.config.proof_cache_dir);
    BackendHealth {
        plonky3: PlonkyHealth {
            healthy: health.failure().is_none(),
            // A chain proof takes the place of the windows that it covers.
            cache_size: windows.saturating_sub(folded).saturating_add(u64::from(folded > 0)),
            cached_circuits,
            circuit_cache_bytes,
            last_key_rotation_ms: server.shared.proofs.rotated(),
            active_circuits: circuits.iter().map(|name| (*name).to_owned()).collect(),
            last_failure: health.failure().map(str::to_owned),
            recovered_ms: health.recovered(),
        },
    }
}
