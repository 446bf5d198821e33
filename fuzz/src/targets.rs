//! Everything that reads bytes of others: from clients, from peers, and from files that somebody else may have written.
//!
//! Rules
//! - A target calls what the product calls, checks included, and then asks that what was accepted is written to the same bytes.
//! - What a checksum guards is given the right one, or nothing behind the checksum would ever be reached.
//! - Files are written to a scratch folder and read by the function that reads them in the product.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use borsh::{BorshDeserialize, BorshSerialize};
use config::{Home, NodeConfig, Profiles};
use primitives::actions::ProofSystemKind;
use primitives::{
    Action, Address, Block, ClosingEvents, CommitCertificate, Genesis, Hash, Header, Height, LedgerOp, LedgerSlot,
    Params, Receipt, Transaction, ValidatorSet, decode, encode,
};
use proof::light::{SealedChain, SealedWindow};
use proof::{LedgerPoint, WindowStatement};
use rpc::types::{
    AccountRequest, BlockRequest, BlocksRequest, CertifiedBlock, ClaimRequest, HeightRequest, HistoryRequest,
    OperationsRequest, TransactionRequest, WaitRequest,
};
use snapshots::{ChunkEntry, ChunkKind, Manifest};
use storage::archive;

use crate::samples;

/// One of them.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Longest input, bytes: long enough for a whole one, short enough for many a second.
    pub bytes_max: usize,
    /// Reads an input. It must come back.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "transaction", bytes_max: 4_096, run: transaction },
    Target { name: "action", bytes_max: 4_096, run: canonical::<Action> },
    Target { name: "block", bytes_max: 8_192, run: block },
    Target { name: "header", bytes_max: 1_024, run: canonical::<Header> },
    Target { name: "certificate", bytes_max: 2_048, run: certificate },
    Target { name: "receipt", bytes_max: 2_048, run: receipt },
    Target { name: "peer_message", bytes_max: 4_096, run: peer_message },
    Target { name: "signer_message", bytes_max: 4_096, run: signer_message },
    Target { name: "manifest", bytes_max: 4_096, run: manifest },
    Target { name: "chunk", bytes_max: 8_192, run: chunk },
    Target { name: "archive_file", bytes_max: 8_192, run: archive_file },
    Target { name: "guard_file", bytes_max: 4_096, run: guard_file },
    Target { name: "protection_file", bytes_max: 4_096, run: protection_file },
    Target { name: "genesis", bytes_max: 8_192, run: genesis },
    Target { name: "node_toml", bytes_max: 4_096, run: node_toml },
    Target { name: "profiles_toml", bytes_max: 16_384, run: profiles_toml },
    Target { name: "proof_envelope", bytes_max: 2_048, run: proof_envelope },
    Target { name: "proof", bytes_max: 400_000, run: proof_bytes },
    Target { name: "state_proof", bytes_max: 4_096, run: state_proof },
    Target { name: "address", bytes_max: 256, run: address },
    Target { name: "rpc_body", bytes_max: 4_096, run: rpc_body },
];

/// Key of the checksum of archived bodies: part of that format.
const CHECKSUM_KEY: &[u8; 32] = b"the-block v1 stored value chksum";
/// The height whose archived body is read.
pub const ARCHIVED: Height = Height(5);

/// What decodes is written to the bytes that it was read from.
fn canonical<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        assert_eq!(encode(&value), bytes, "another encoding of the same value was accepted");
    }
}

fn transaction(bytes: &[u8]) {
    let Ok((transaction, id)) = Transaction::read(bytes) else { return };
    assert_eq!(encode(&transaction), bytes);
    assert_eq!(transaction.id(), id);
    let _ = transaction.check(&samples::genesis().hash());
}

fn block(bytes: &[u8]) {
    let Ok(block) = Block::from_bytes(bytes) else { return };
    assert_eq!(encode(&block), bytes);
    let _ = block.header.hash();
}

fn certificate(bytes: &[u8]) {
    canonical::<ValidatorSet>(bytes);
    let Ok(certificate) = decode::<CommitCertificate>(bytes) else { return };
    assert_eq!(encode(&certificate), bytes);
    let genesis = samples::genesis();
    let validators = genesis.validator_set().expect("the sample has a set");
    let _ = certificate.verify(&validators, &genesis.hash());
}

fn receipt(bytes: &[u8]) {
    canonical::<Receipt>(bytes);
    canonical::<ClosingEvents>(bytes);
    canonical::<LedgerOp>(bytes);
    canonical::<LedgerSlot>(bytes);
    canonical::<Params>(bytes);
}

/// The first byte chooses the message.
fn peer_message(bytes: &[u8]) {
    let Some((first, frame)) = bytes.split_first() else { return };
    let message = p2p::Message::ALL[usize::from(*first) % p2p::Message::ALL.len()];
    if let Some(again) = message.again(frame) {
        assert_eq!(again, frame, "{message:?}");
    }
}

/// A message between a node and its signer, both ways.
fn signer_message(bytes: &[u8]) {
    canonical::<signer::Request>(bytes);
    canonical::<signer::Answer>(bytes);
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        assert_eq!(manifest.to_bytes(), bytes);
    }
    // Behind the mark and the signature, which no random bytes pass.
    canonical::<Manifest>(bytes);
}

/// The first byte says whether the rest is the file or what is packed in it, the second which part it is said to be.
fn chunk(bytes: &[u8]) {
    static MANIFEST: OnceLock<Manifest> = OnceLock::new();
    let [packing, part, content @ ..] = bytes else { return };
    let file = match packing % 2 {
        0 => content.to_vec(),
        _ => zstd::bulk::compress(content, 1).expect("it fits into memory"),
    };
    let kind =
        if part % 2 == 0 { ChunkKind::Ledger(u32::from(part / 2)) } else { ChunkKind::State(samples_prefix(*part)) };
    let packed = u32::try_from(file.len()).expect("an input is short");
    let unpacked = if packing % 2 == 0 { 65_536 } else { u32::try_from(content.len()).expect("an input is short") };
    let entry = ChunkEntry { kind, packed, unpacked, id: snapshots::chunk::chunk_id(&file) };
    let manifest = MANIFEST.get_or_init(|| decode(&crate::seeds::manifest_body()).expect("the seed decodes"));
    if let Ok(chunk) = manifest.check_chunk(&entry, &file) {
        assert_eq!(packing % 2, 1, "a chunk of the empty sample: {chunk:?}");
    }
}

fn samples_prefix(part: u8) -> tree::Prefix {
    tree::Prefix { depth: part / 2 % 40, bits: u32::from(part) }
}

/// The folder for files of this process.
fn scratch() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let base = std::env::var_os("FUZZ_SCRATCH").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = base.join(format!("fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a scratch folder");
        folder
    })
}

/// The bytes as a file.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    fs::write(&path, bytes).expect("the scratch folder can be written");
    path
}

/// An archived body, with the checksum that it must have.
fn archive_file(bytes: &[u8]) {
    let checksum = *blake3::keyed_hash(CHECKSUM_KEY, bytes).as_bytes();
    if let Ok(body) = archive::open(&samples::genesis().hash(), ARCHIVED, &[bytes, &checksum].concat()) {
        assert!(bytes.ends_with(&encode(&body)), "what was read is what is there");
    }
}

fn guard_file(bytes: &[u8]) {
    let _ = wallet::signer::look(&file("guard.log", bytes));
}

fn protection_file(bytes: &[u8]) {
    if let Ok(protection) = wallet::signer::Protection::read(&file("protection.json", bytes)) {
        let _ = protection.highest();
        let text = serde_json::to_vec(&protection).expect("it was read from JSON");
        let again = wallet::signer::Protection::read(&file("again.json", &text)).expect("it was accepted");
        assert_eq!(serde_json::to_vec(&again).expect("the same"), text);
    }
}

fn genesis(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(genesis) = Genesis::from_json(text) else { return };
    let again = Genesis::from_json(&genesis.to_json()).expect("what was accepted is accepted again");
    assert_eq!(again.hash(), genesis.hash());
    assert!(decode::<Genesis>(&encode(&genesis)).is_ok_and(|read| read == genesis));
    let _ = (genesis.validator_set(), genesis.slots());
}

fn node_toml(bytes: &[u8]) {
    file("node.toml", bytes);
    let home = Home::new(scratch());
    let loaded = NodeConfig::load(&home, &[], |_| None);
    let report = config::check(&home, &[], |_| None);
    assert_eq!(loaded.is_err(), report.has_errors(), "the check and the start disagree");
    if let Ok(loaded) = loaded {
        let _ = config::show(&loaded, true);
    }
}

fn profiles_toml(bytes: &[u8]) {
    if let Ok(profiles) = Profiles::read(&file("profiles.toml", bytes)) {
        for stage in config::ReleaseChannel::ALL {
            let _ = profiles.node_toml(stage);
        }
    }
}

fn proof_envelope(bytes: &[u8]) {
    if let Ok(window) = SealedWindow::from_bytes(bytes) {
        assert_eq!(window.to_bytes(), bytes);
    }
    if let Ok(chain) = SealedChain::from_bytes(bytes) {
        assert_eq!(chain.to_bytes(), bytes);
    }
    canonical::<ProofSystemKind>(bytes);
}

/// A statement; what a proof decodes to does not depend on it.
fn statement() -> WindowStatement {
    let point = LedgerPoint::from(&samples::header());
    let (issuance_max, supply_cap) = (samples::amount(1), samples::amount(9));
    WindowStatement {
        genesis: Hash([1; 32]),
        before: point,
        after: point,
        issuance_max,
        supply_cap,
        payout: samples::address(1),
    }
}

/// The proof itself, of a window and of the chain: shape and elements. Verifying it takes too long to be tried often.
fn proof_bytes(bytes: &[u8]) {
    let statement = statement();
    let fold = proof::fold_key().expect("the pinned key");
    if let Ok(read) = fold.decode(&statement, bytes) {
        assert_eq!(fold.encode(&statement, &read).map(|proof| proof.bytes).ok().as_deref(), Some(bytes));
    }
    let window = proof::verifying_key().expect("the pinned key");
    if let Ok(read) = proof::encoding::decode(window, bytes) {
        assert_eq!(proof::encoding::encode(window, &read).ok().as_deref(), Some(bytes));
    }
}

fn state_proof(bytes: &[u8]) {
    let Ok(read) = tree::StateProof::from_bytes(bytes) else { return };
    assert_eq!(read.to_bytes(), bytes);
    let _ = (read.verify(&Hash([1; 32]), b"key", Some(b"value")), read.verify(&Hash([1; 32]), b"key", None));
}

fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text.to_lowercase());
    }
    let _ = text.parse::<Hash>();
}

/// A body of `/rpc` with its calls, and the bodies of the other routes.
fn rpc_body(bytes: &[u8]) {
    if let Ok(incoming) = rpc::jsonrpc::parse(bytes) {
        for call in incoming.calls.into_iter().flatten() {
            let _ = (call.needs_token(), call.operation());
            let _ = (call.params::<BlockRequest>(), call.params::<BlocksRequest>());
            let _ = (call.params::<TransactionRequest>(), call.params::<AccountRequest>());
            let _ = (call.params::<HistoryRequest>(), call.params::<HeightRequest>());
        }
    }
    let _ = rpc::json::parse::<WaitRequest>(bytes);
    let _ = rpc::json::parse::<ClaimRequest>(bytes);
    let _ = rpc::json::parse::<OperationsRequest>(bytes);
    if let Ok(block) = rpc::json::parse::<CertifiedBlock>(bytes) {
        let _ = block.decode();
    }
    let Ok(submission) = rpc::json::parse_submission(bytes) else { return };
    let _ = submission.decode(&samples::genesis().hash());
    let text = serde_json::to_vec(&submission).expect("it was read from JSON");
    assert_eq!(rpc::json::parse_submission(&text).as_ref(), Ok(&submission));
}
