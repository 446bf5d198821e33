//! What the store has to be told to check and repair blocks: how operations are digested, and who decided the last block.
//!
//! Rule: everything is judged by the chain's own genesis and state, never by who gave the bytes.
//!
//! Read next: `storage/src/check.rs`, `storage/src/repair.rs`.

use std::collections::BTreeMap;

use primitives::{CommitCertificate, Hash, Header};
use storage::{Digest, Store};
use tree::ops_digest;

use crate::make::deciders;

/// How operations are digested on the chain with this genesis.
pub fn digest(genesis: &Hash) -> Digest {
    Digest { start: ops_digest::start(genesis), absorb: ops_digest::absorb }
}

/// Whether the certificate decides the header by a set of validators in the state of this store.
pub fn certifies(store: &Store, header: &Header, certificate: &CommitCertificate) -> bool {
    let Ok(state) = store.load_state() else { return false };
    let entries: BTreeMap<Vec<u8>, Vec<u8>> = state.into_iter().collect();
    let Ok(validators) = deciders(&entries, header) else { return false };
    certificate.block == header.hash() && certificate.verify(&validators, store.genesis()).is_ok()
}
