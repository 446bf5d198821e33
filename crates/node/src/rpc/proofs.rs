//! Proofs that a client checks without trusting this node: a transaction in its block, an account at the head.

use primitives::{Address, TransactionId, encode};
use rpc::types::{AccountProof, Hex, IdentityProof, StateProof, TransactionProof};
use rpc::{ApiError, ErrorCode};

use super::server::Server;
use super::transactions::{self, Found};
use super::{blocks, errors};

/// `/transactions/{id}/proof`.
///
/// # Errors
/// `not_found`, or `proof_unavailable` while the transaction is on its way.
pub fn transaction(server: &Server, id: TransactionId) -> Result<TransactionProof, ApiError> {
    let place = match transactions::find(server, &id)? {
        Found::Finalized(place) => place,
        Found::Known => {
            return Err(ApiError::new(ErrorCode::ProofUnavailable)
                .because(format!("transaction {id} is not in a finalized block yet"))
                .with_hint("wait with GET /transactions/{id}/wait, then ask again"));
        }
    };
    let finalized = blocks::expect(server, place.height)?;
    let certificate = blocks::certificate(server, place.height)?;
    let index = usize::try_from(place.index).map_err(|error| errors::of_damage("transaction index", error))?;
    TransactionProof::new(&finalized.block, index, certificate.as_ref())
        .ok_or_else(|| errors::of_damage("transaction index", format!("height {} has no {index}", place.height)))
}

/// `/accounts/{address}/proof`: the slot of the address, or that it has none, under the last header.
///
/// # Errors
/// `proof_unavailable` before the first block.
pub fn account(server: &Server, address: Address) -> Result<AccountProof, ApiError> {
    let failed = |fault| errors::of_fault(&fault);
    let chain = server.shared.chain().map_err(failed)?;
    let head = chain.head().clone();
    let Some(header) = head.header else {
        return Err(ApiError::new(ErrorCode::ProofUnavailable)
            .because("no block is finalized yet, so there is no header to prove under")
            .with_hint("ask again after the first block"));
    };
    let account = chain.account(&address).map_err(failed)?;
    let (key, state) = chain.prove_account(&address).map_err(failed)?;
    let ledger = account.map(|(slot, _)| chain.prove_slot(slot));
    drop(chain);
    Ok(AccountProof {
        address,
        height: head.height,
        block: head.hash,
        slot: account.map(|(slot, _)| slot.get()),
        state: StateProof {
            key: Hex(key),
            value: account.map(|(slot, _)| Hex(encode(&slot))),
            root: header.state_root,
            proof: Hex(state.to_bytes()),
        },
        ledger_root: header.ledger_root,
        ledger_slot: account.map(|(_, content)| Hex(encode(&content))),
        ledger_proof: ledger.map(|proof| Hex(encode(&proof))),
        header: Hex(encode(&header)),
        certificate: head.certificate.map(|certificate| Hex(encode(&certificate))),
    })
}

/// `/ledger/identity/{address}/proof`: the record, or that the slot is vacant, under the last header.
///
/// # Errors
/// `proof_unavailable` before the first block.
pub fn identity(server: &Server, address: Address) -> Result<IdentityProof, ApiError> {
    let failed = |fault| errors::of_fault(&fault);
    let chain = server.shared.chain().map_err(failed)?;
    let head = chain.head();
    let Some(header) = &head.header else {
        return Err(ApiError::new(ErrorCode::ProofUnavailable)
            .because("no block is finalized yet, so there is no header to prove under")
            .with_hint("ask again after the first block"));
    };
    let key = state::identity::keys::identity(&address);
    let value = chain.state().get(&key);
    let proof = chain.prove_key(&key).map_err(failed)?;
    Ok(IdentityProof {
        address,
        height: head.height,
        block: head.hash,
        vacant: value.is_none(),
        state: StateProof {
            key: Hex(key),
            value: value.map(Hex),
            root: header.state_root,
            proof: Hex(proof.to_bytes()),
        },
        header: Hex(encode(header)),
        certificate: head.certificate.as_ref().map(|certificate| Hex(encode(certificate))),
    })
}
