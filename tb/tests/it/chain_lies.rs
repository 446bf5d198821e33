//! What a node may lie about to a light client that has a chain proof: every answer altered, and none believed.
//!
//! Part of the one test in `chain_proof.rs`, which makes the chain.

use std::sync::{Arc, Mutex};

use primitives::{
    Address, Amount, CommitCertificate, Hash, Header, Height, LedgerDigest, LedgerSlot, Nonce, ProofMark, Round,
    Timestamp, Validator, ValidatorSet, VrfProof, decode, encode,
};
use proof::light::SealedChain;
use rpc::Client;
use rpc::types::{CertifiedBlock, Hex, ProvenAccount};
use serde_json::Value;
use testkit::Seed;
use tree::LedgerProof;

use crate::chain_proof::{WINDOW, certified};
use crate::cluster::Cluster;
use crate::command::Ended;
use crate::proofs::{Forger, alter, verify_with};
use crate::proxy::{Lie, Proxy};

/// Random alterations of each kind of answer.
const ALTERATIONS: usize = 6;
/// Bytes of a chain proof's head.
const HEAD: usize = 38;

/// A node that answers honestly but for one thing.
pub struct Lies<'a> {
    pub cluster: &'a Cluster,
    pub proxy: &'a Proxy,
    pub payee: String,
    pub honest: &'a Value,
    pub height: Height,
}

impl Lies<'_> {
    fn told(&self, lie: Lie) -> Ended {
        self.proxy.lies(lie);
        let ended = verify_with(self.cluster, &self.proxy.url, &["--account", &self.payee]);
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
        ended
    }

    /// This answer instead of the true one must be refused.
    fn refused(&self, what: &str, path: String, answer: Vec<u8>) {
        let ended = self.told(Box::new(move |asked, _| (asked == path).then(|| answer.clone())));
        assert_ne!(ended.code, Some(0), "{what} was believed: {ended:?}");
        assert_eq!(ended.refused().code, "not_proven", "{what}: {ended:?}");
    }

    /// The answer may be refused; if it is not, nothing else is shown.
    fn harmless(&self, what: &str, lie: Lie) {
        let ended = self.told(lie);
        if ended.code == Some(0) {
            let shown = ended.json();
            for name in ["proven_height", "chain_height", "ledger_root", "supply", "account"] {
                assert_eq!(shown[name], self.honest[name], "{what}");
            }
        } else {
            ended.refused();
        }
    }

    pub async fn chain_proofs(&self) {
        let mut seed = Seed::new();
        let good = reqwest::get(format!("{}/proofs/chain", self.proxy.url)).await.expect("it answers");
        let good = good.bytes().await.expect("bytes").to_vec();
        let sealed = SealedChain::from_bytes(&good).expect("it is one");
        let path = || "/proofs/chain".to_owned();
        let mut altered: Vec<(&str, Vec<u8>)> = vec![
            ("another payout", SealedChain { payout: Address::of_module("0"), ..sealed.clone() }.to_bytes()),
            ("one height more", SealedChain { height: sealed.height.next(), ..sealed.clone() }.to_bytes()),
            ("one window less", SealedChain { height: Height(sealed.height.0 - WINDOW), ..sealed.clone() }.to_bytes()),
            ("one window more", SealedChain { height: Height(sealed.height.0 + WINDOW), ..sealed }.to_bytes()),
            ("nothing", Vec::new()),
            ("a byte less", good[..good.len() - 1].to_vec()),
            ("a byte more", [good.as_slice(), &[0]].concat()),
            ("another chain's", [&good[..HEAD], include_bytes!("../../../fixtures/fold_chain_long.proof")].concat()),
            ("a window's", [&good[..HEAD], include_bytes!("../../../fixtures/window.proof")].concat()),
        ];
        // The classes of bytes: version, kind, table heights, then the elements from the first to the last.
        for (what, at) in [("version", HEAD), ("kind", HEAD + 1), ("table height", HEAD + 2 + seed.index(40))] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            altered.push((what, bytes));
        }
        for part in 0..ALTERATIONS {
            let (start, size) = (HEAD + 42, (good.len() - HEAD - 42) / ALTERATIONS);
            let mut bytes = good.clone();
            bytes[start + part * size + seed.index(size)] ^= 1 << seed.below(8);
            altered.push(("an element", bytes));
        }
        for (what, bytes) in altered {
            self.refused(what, path(), bytes);
        }
    }

    /// The header at the proven height: each field altered, under the true certificate and under one of all validators.
    pub async fn headers(&self, client: &Client) {
        let forger = Forger::new(self.cluster);
        let true_block = certified(client, self.height).await;
        let (header, _, validators) = true_block.decode().expect("it decodes");
        let path = || format!("/blocks/{}/certified", self.height);
        for (what, forged, is_ledger) in altered_headers(&header) {
            let mut block = true_block.clone();
            block.header = Hex(encode(&forged));
            self.refused(what, path(), serde_json::to_vec(&block).expect("JSON"));
            if is_ledger {
                // Every validator signs it: the quorum is dishonest, and the proof still does not fit.
                let signed = serde_json::to_vec(&forger.certify(&forged, &validators)).expect("JSON");
                self.refused(what, path(), signed);
            }
        }
    }

    pub async fn certificates(&self, client: &Client) {
        let mut seed = Seed::new();
        let true_block = certified(client, self.height).await;
        let (_, certificate, validators) = true_block.decode().expect("it decodes");
        let path = || format!("/blocks/{}/certified", self.height);
        for (what, altered) in altered_certificates(&certificate) {
            let mut block = true_block.clone();
            block.certificate = Hex(encode(&altered));
            self.refused(what, path(), serde_json::to_vec(&block).expect("JSON"));
        }
        for (what, altered) in altered_sets(&validators) {
            let mut block = true_block.clone();
            block.validators = Hex(altered);
            self.refused(what, path(), serde_json::to_vec(&block).expect("JSON"));
        }
        for field in ["header", "certificate"] {
            for _ in 0..ALTERATIONS {
                let body = serde_json::to_vec(&true_block).expect("JSON");
                self.refused(field, path(), alter(&body, field, seed.u64()));
            }
        }
        // The lottery key of a validator is no part of its set's hash, so not every bit of a set counts.
        for _ in 0..ALTERATIONS {
            let random = seed.u64();
            let lie: Lie =
                Box::new(move |asked, body| asked.ends_with("/certified").then(|| alter(body, "validators", random)));
            self.harmless("validators", lie);
        }
    }

    /// The newest header, which is attested and not proven: each part of that answer altered.
    pub fn heads(&self) {
        let proven = format!("/blocks/{}/certified", self.height);
        let (told, all) = (Arc::new(Mutex::new(None)), 0..);
        for at in all {
            let (proven, told_too) = (proven.clone(), Arc::clone(&told));
            let lie: Lie = Box::new(move |asked, body| {
                let is_head = asked.ends_with("/certified") && asked != proven;
                let (what, block) = is_head.then(|| altered_answers(body).into_iter().nth(at)).flatten()?;
                *told_too.lock().expect("nobody panics") = Some(what);
                Some(block)
            });
            let ended = self.told(lie);
            let Some(what) = told.lock().expect("nobody panics").take() else {
                assert!(at > 25 && ended.code == Some(0), "{at} answers were altered: {ended:?}");
                return;
            };
            assert_eq!(ended.refused().code, "not_proven", "the newest block: {what}");
        }
    }

    /// The header of a checkpoint, and its set: each altered. Its certificate is not asked for, because its hash is trusted.
    pub async fn checkpoints(&self, client: &Client) {
        let at = Height(3);
        let block = certified(client, at).await;
        let (header, _, validators) = block.decode().expect("it decodes");
        let trust = format!("{at}:{}", header.hash());
        let path = format!("/blocks/{at}/certified");
        let headers = altered_headers(&header)
            .into_iter()
            .map(|(what, forged, _)| (what, CertifiedBlock { header: Hex(encode(&forged)), ..block.clone() }));
        let sets = altered_sets(&validators)
            .into_iter()
            .map(|(what, set)| (what, CertifiedBlock { validators: Hex(set), ..block.clone() }));
        for (what, forged) in headers.chain(sets) {
            let (path, answer) = (path.clone(), serde_json::to_vec(&forged).expect("JSON"));
            self.proxy.lies(Box::new(move |asked, _| (asked == path).then(|| answer.clone())));
            let ended = verify_with(self.cluster, &self.proxy.url, &["--trust", &trust]);
            assert_eq!(ended.refused().code, "not_proven", "the checkpoint: {what}");
        }
    }

    /// The block at the proof's end when a checkpoint above it is trusted: each part altered.
    pub async fn below_a_checkpoint(&self, client: &Client) {
        let newest = client.node_status().await.expect("it answers").finalized_height;
        let (header, ..) = certified(client, newest).await.decode().expect("it decodes");
        let trust = format!("{newest}:{}", header.hash());
        let path = format!("/blocks/{}/certified", self.height);
        let body = serde_json::to_vec(&certified(client, self.height).await).expect("JSON");
        for (what, answer) in altered_answers(&body) {
            let path = path.clone();
            self.proxy.lies(Box::new(move |asked, _| (asked == path).then(|| answer.clone())));
            let ended = verify_with(self.cluster, &self.proxy.url, &["--trust", &trust]);
            assert_eq!(ended.refused().code, "not_proven", "below the checkpoint: {what}");
        }
    }

    pub fn accounts(&self) {
        let mut seed = Seed::new();
        let slot = |shown: &LedgerProof| shown.content.expect("it has an account");
        type Change = (&'static str, Box<dyn Fn(&mut LedgerProof) + Send>);
        let changes: [Change; 6] = [
            (
                "a balance",
                Box::new(move |shown| {
                    let old = slot(shown);
                    let balance = Amount::new(old.balance.micro() + 1).expect("in range");
                    shown.content = Some(LedgerSlot { balance, ..old });
                }),
            ),
            (
                "a nonce",
                Box::new(move |shown| {
                    let old = slot(shown);
                    let nonce = Nonce::new(old.nonce.get() + 1).expect("in range");
                    shown.content = Some(LedgerSlot { nonce, ..old });
                }),
            ),
            (
                "an owner",
                Box::new(move |shown| {
                    shown.content = Some(LedgerSlot { address: Address::of_module("0"), ..slot(shown) });
                }),
            ),
            ("an empty slot", Box::new(|shown| shown.content = None)),
            (
                "an index",
                Box::new(|shown| {
                    shown.slot = primitives::SlotIndex::new(shown.slot.get() ^ 1).expect("below 2^30");
                }),
            ),
            ("a sibling", Box::new(|shown| shown.siblings.swap(0, 29))),
        ];
        for (what, change) in changes {
            let ended = self.told(Box::new(move |asked, body| {
                asked.starts_with("/proofs/accounts/").then(|| {
                    let mut account: ProvenAccount = serde_json::from_slice(body).expect("an account");
                    let mut shown: LedgerProof = decode(&account.ledger_proof.0).expect("a proof");
                    change(&mut shown);
                    account.ledger_proof = Hex(encode(&shown));
                    serde_json::to_vec(&account).expect("JSON")
                })
            }));
            assert_eq!(ended.refused().code, "not_proven", "{what}");
        }
        for _ in 0..ALTERATIONS {
            let random = seed.u64();
            let lie: Lie = Box::new(move |asked, body| {
                asked.starts_with("/proofs/accounts/").then(|| alter(body, "ledger_proof", random))
            });
            assert_eq!(self.told(lie).refused().code, "not_proven");
        }
    }

    /// Numbers say what to ask for, and nothing more.
    pub fn numbers(&self) {
        let mut seed = Seed::new();
        for (place, field) in
            [("/proofs/accounts/", "height"), ("/status/node", "finalized_height"), ("/certified", "height")]
        {
            let random = seed.u64();
            let lie: Lie = Box::new(move |asked, body| asked.contains(place).then(|| alter(body, field, random)));
            self.harmless(field, lie);
        }
        // A node may hide what it has.
        self.proxy.lies(Box::new(|asked, _| (asked == "/proofs/chain").then(|| b"{}".to_vec())));
        let ended = verify_with(self.cluster, &self.proxy.url, &[]);
        assert_eq!(ended.refused().code, "not_proven");
    }
}

/// An answer about a block with each part altered, under names.
fn altered_answers(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let block: CertifiedBlock = serde_json::from_slice(body).expect("a certified block");
    let (header, certificate, validators) = block.decode().expect("it decodes");
    let headers = altered_headers(&header)
        .into_iter()
        .map(|(what, forged, _)| (what, CertifiedBlock { header: Hex(encode(&forged)), ..block.clone() }));
    let certificates = altered_certificates(&certificate)
        .into_iter()
        .map(|(what, forged)| (what, CertifiedBlock { certificate: Hex(encode(&forged)), ..block.clone() }));
    let sets = altered_sets(&validators)
        .into_iter()
        .map(|(what, forged)| (what, CertifiedBlock { validators: Hex(forged), ..block.clone() }));
    let all = headers.chain(certificates).chain(sets);
    all.map(|(what, block)| (what, serde_json::to_vec(&block).expect("JSON"))).collect()
}

/// The header with each field altered, and whether the field is part of what is proven.
fn altered_headers(header: &Header) -> Vec<(&'static str, Header, bool)> {
    let hash = |old: Hash| Hash(old.0.map(|byte| byte ^ 1));
    let digest = |old: &LedgerDigest| {
        let mut elements = *old.elements();
        elements[0] ^= 1;
        LedgerDigest::new(elements).expect("still below the modulus")
    };
    let old = || header.clone();
    let last_proof = Some(ProofMark { height: header.height, proof: hash(header.parent) });
    let supply = Amount::new(header.supply.micro() + 1).expect("in range");
    vec![
        ("supply", Header { supply, ..old() }, true),
        ("ledger_root", Header { ledger_root: digest(&header.ledger_root), ..old() }, true),
        ("ops_digest", Header { ops_digest: digest(&header.ops_digest), ..old() }, true),
        ("next_slot", Header { next_slot: header.next_slot + 1, ..old() }, true),
        ("genesis", Header { genesis: hash(header.genesis), ..old() }, true),
        ("height", Header { height: header.height.next(), ..old() }, false),
        ("time", Header { time: Timestamp(header.time.0 + 1), ..old() }, false),
        ("parent", Header { parent: hash(header.parent), ..old() }, false),
        ("proposer", Header { proposer: Address::of_module("0"), ..old() }, false),
        ("transactions_root", Header { transactions_root: hash(header.transactions_root), ..old() }, false),
        ("last_commit", Header { last_commit: hash(header.last_commit), ..old() }, false),
        ("state_root", Header { state_root: hash(header.state_root), ..old() }, false),
        ("receipts_root", Header { receipts_root: hash(header.receipts_root), ..old() }, false),
        ("validators", Header { validators: hash(header.validators), ..old() }, false),
        ("next_validators", Header { next_validators: hash(header.next_validators), ..old() }, false),
        ("params", Header { params: hash(header.params), ..old() }, false),
        ("beacon", Header { beacon: hash(header.beacon), ..old() }, false),
        ("beacon_proof", Header { beacon_proof: VrfProof([7; 80]), ..old() }, false),
        ("gates", Header { gates: hash(header.gates), ..old() }, false),
        ("last_proof", Header { last_proof, ..old() }, false),
    ]
}

fn altered_certificates(certificate: &CommitCertificate) -> Vec<(&'static str, CommitCertificate)> {
    let CommitCertificate { height, round, block, .. } = certificate.clone();
    let signatures = certificate.signatures.to_vec();
    let with = |height, round, block, signatures| {
        CommitCertificate::new(height, round, block, signatures).expect("few signatures")
    };
    let mut swapped = signatures.clone();
    swapped[0].signature = signatures[1].signature;
    let mut foreign = signatures.clone();
    foreign[0].address = Address::of_module("0");
    vec![
        ("the certificate's height", with(height.next(), round, block, signatures.clone())),
        ("the certificate's round", with(height, Round(round.0 + 1), block, signatures.clone())),
        ("the certificate's block", with(height, round, Hash([9; 32]), signatures.clone())),
        ("a signature less", with(height, round, block, signatures[1..].to_vec())),
        ("a signature of another", with(height, round, block, swapped)),
        ("a signer that is none", with(height, round, block, foreign)),
        ("nobody's certificate", with(height, round, block, Vec::new())),
    ]
}

fn altered_sets(validators: &ValidatorSet) -> Vec<(&'static str, Vec<u8>)> {
    let members = validators.validators().to_vec();
    let bytes = |members: Vec<Validator>| encode(&ValidatorSet::new(members).expect("a set"));
    let mut stronger = members.clone();
    stronger[0].power += 1;
    vec![
        ("a validator with more power", bytes(stronger)),
        ("a validator less", bytes(members[1..].to_vec())),
        ("no validators", Vec::new()),
    ]
}
