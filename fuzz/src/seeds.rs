//! Inputs to begin with: the pinned samples, committed fixtures, and the files that the project ships.
//!
//! Rule: a seed is accepted by its target, or stands one step before; mutation finds what is refused by itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use primitives::{BoundedBytes, BoundedVec, FormatVersion, Hash, Height, Timestamp, Vote, encode};
use signer::{Answer, Logged, Refusal, RefusalCode, Request, Welcome};
use storage::{Body, archive};
use wallet::{SignedStep, ValidatorSigner};

use crate::samples;
use crate::targets::{ARCHIVED, Target};

/// Bytes of the checksum behind an archived body.
const CHECKSUM_BYTES: usize = 32;
/// What a manifest begins with, before its fields.
const MANIFEST_MARK: &[u8] = b"TBSNAP01";

/// Writes the seeds of a target below `folder`.
///
/// # Errors
/// A fixture that is missing, or a disk that refuses.
pub fn write(folder: &Path, target: &Target) -> io::Result<()> {
    let place = folder.join(target.name);
    fs::create_dir_all(&place)?;
    for (number, seed) in seeds(target.name)?.into_iter().enumerate() {
        fs::write(place.join(format!("seed-{number:03}")), seed)?;
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn fixture(path: &str) -> io::Result<Vec<u8>> {
    fs::read(root().join(path))
}

fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    Ok(match target {
        "transaction" => transactions(),
        "action" => samples::module_actions().iter().map(|(_, action)| encode(action)).collect(),
        "block" => vec![encode(&samples::block())],
        "header" => vec![encode(&samples::header())],
        "certificate" => {
            let set = samples::genesis().validator_set().expect("the sample has a set");
            vec![encode(&samples::certificate(&[10, 11, 12])), encode(&set)]
        }
        "receipt" => {
            let mut all = vec![encode(&samples::receipt()), encode(&samples::closing())];
            all.push(encode(&samples::genesis().params));
            all.extend(samples::ops().iter().map(encode));
            all
        }
        "peer_message" => peer_messages(),
        "signer_message" => signer_messages(),
        "manifest" => vec![manifest_body(), [MANIFEST_MARK, &manifest_body()].concat()],
        "chunk" => chunks(),
        "archive_file" => vec![archived()?],
        "guard_file" => vec![guard()?, vec![0; 200]],
        "protection_file" => vec![protection()],
        "genesis" => vec![samples::genesis().to_json().into_bytes(), fixture("fixtures/home_schema_4/genesis.json")?],
        "node_toml" => vec![
            uncommented(&fixture("config/node.toml")?),
            b"mempool_limit = 99\n[rpc]\nlisten = \"127.0.0.1:1\"\n".to_vec(),
        ],
        "profiles_toml" => vec![fixture("config/defaults/mainnet.toml")?],
        "proof_envelope" => {
            let head = [&7_u64.to_le_bytes()[..], &encode(&samples::address(1)), &[1, 2, 3]].concat();
            vec![head]
        }
        "proof" => vec![
            fixture("fixtures/window.proof")?,
            fixture("fixtures/fold_first.proof")?,
            fixture("fixtures/fold_chain.proof")?,
        ],
        "state_proof" => vec![vec![0; 40], vec![1; 120]],
        "address" => vec![samples::address(1).to_string().into_bytes(), Hash([7; 32]).to_string().into_bytes()],
        "rpc_body" => rpc_bodies(),
        other => panic!("{other} has no seeds"),
    })
}

fn transactions() -> Vec<Vec<u8>> {
    let all = [
        samples::transaction(),
        samples::batch_transaction(),
        samples::bond_transaction(),
        samples::evidence_transaction(),
        samples::heartbeat_evidence_transaction(),
        samples::false_key_proof_transaction(),
        samples::witness_transaction(),
        samples::proof_transaction(),
    ];
    all.iter().map(encode).collect()
}

/// A greeting, and the shortest of every message.
fn peer_messages() -> Vec<Vec<u8>> {
    let text = |text: &str| encode(&text.as_bytes().to_vec());
    let hello = [
        vec![2],
        text("sample-1"),
        vec![1; 32],
        9_u64.to_le_bytes().to_vec(),
        text("tb 0.1.0"),
        text("validator"),
        text("development"),
        text("pruning"),
        1_u32.to_le_bytes().to_vec(),
        text("/ip4/127.0.0.1/udp/1/quic-v1"),
    ]
    .concat();
    let transaction = encode(&samples::transaction());
    let batch = [vec![0], 1_u32.to_le_bytes().to_vec(), encode(&transaction)].concat();
    let bodies = [
        hello.clone(),
        [vec![0], hello].concat(),
        9_u64.to_le_bytes().to_vec(),
        batch,
        vec![1; 40],
        vec![0; 9],
        vec![0],
        vec![2; 12],
    ];
    let kinds = 0..u8::try_from(p2p::Message::ALL.len()).expect("few");
    kinds.flat_map(|kind| bodies.iter().map(move |body| [vec![kind], body.clone()].concat())).collect()
}

/// A question of each kind that has a sample, and an answer.
fn signer_messages() -> Vec<Vec<u8>> {
    let (genesis, version) = (samples::genesis().hash(), FormatVersion);
    let logged = BoundedVec::new(vec![Logged::Vote(samples::vote())]).expect("short");
    let asked = [
        Request::Hello { version, genesis },
        Request::Vote(samples::vote()),
        Request::Duty(samples::witness_transaction().body),
        Request::Reaches(Height(9)),
        Request::Recover { finalized: Height(8), logged },
    ];
    let text = BoundedBytes::new(b"no".to_vec()).expect("short");
    let answers = [
        Answer::Welcome(Welcome { version, genesis, key: samples::secret(10).public_key(), highest: None }),
        Answer::Refused(Refusal { code: RefusalCode::Below, text }),
    ];
    asked.iter().map(encode).chain(answers.iter().map(encode)).collect()
}

/// The fields of a manifest without chunks, signed by nobody.
pub fn manifest_body() -> Vec<u8> {
    let set = samples::genesis().validator_set().expect("the sample has a set");
    let content = [
        1_u32.to_le_bytes().to_vec(),
        encode(&b"sample-1".to_vec()),
        encode(&samples::header()),
        encode(&Some(samples::certificate(&[10, 11, 12]))),
        encode(&set),
        vec![0],
        0_u32.to_le_bytes().to_vec(),
    ];
    let seal = [
        encode(&Timestamp(1_800_000_000_000)),
        encode(&samples::secret(1).public_key()),
        encode(&samples::secret(1).sign(b"nothing")),
    ];
    [content.concat(), seal.concat()].concat()
}

/// A ledger chunk with one slot and a state chunk with one entry, to be packed.
fn chunks() -> Vec<Vec<u8>> {
    let one = 1_u32.to_le_bytes();
    let slot = samples::genesis().slots().first().map(encode).unwrap_or_default();
    let ledger = [&[0_u8][..], &one, &slot, &18_u32.to_le_bytes(), &[0; 18 * 32]].concat();
    let entry = [encode(&b"key".to_vec()), encode(&b"value".to_vec())].concat();
    let state = [&[1_u8][..], &one, &entry, &one, &[0]].concat();
    let file = zstd::bulk::compress(&state, 3).expect("it fits into memory");
    vec![[&[1, 0][..], &ledger].concat(), [&[1, 1][..], &state].concat(), [&[0, 1][..], &file].concat()]
}

/// The file of an archived body as the archive writes it, without its checksum.
fn archived() -> io::Result<Vec<u8>> {
    let body = Body {
        block: BoundedBytes::new(encode(&samples::block())).expect("short"),
        certificate: Some(samples::certificate(&[10, 11, 12])),
        receipts: BoundedVec::new(vec![samples::receipt()]).expect("short"),
        operations: BoundedVec::new(samples::ops()).expect("short"),
        closing: samples::closing(),
    };
    let mut bytes = archive::seal(&samples::genesis().hash(), ARCHIVED, &body).map_err(io::Error::other)?;
    bytes.truncate(bytes.len().saturating_sub(CHECKSUM_BYTES));
    Ok(bytes)
}

/// A guard that has signed at two heights.
fn guard() -> io::Result<Vec<u8>> {
    let folder = std::env::temp_dir().join(format!("fuzz-guard-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (path, genesis) = (folder.join("guard.log"), samples::genesis().hash());
    let signer = ValidatorSigner::open(samples::secret(10), &path, &genesis, true);
    let signed = signer.map_err(io::Error::other).and_then(|mut signer| {
        for height in [5, 6] {
            let vote = Vote { height: Height(height), ..samples::vote() };
            let bytes = vote.signing_bytes(&genesis);
            signer.sign(SignedStep::Precommit, vote.height, vote.round, &bytes).map_err(io::Error::other)?;
        }
        Ok(())
    });
    let bytes = fs::read(&path);
    let _ = fs::remove_dir_all(folder);
    signed?;
    bytes
}

fn protection() -> Vec<u8> {
    let (genesis, key) = (samples::genesis().hash(), samples::secret(10).public_key());
    format!(r#"{{"format":"the-block slashing protection","version":1,"genesis":"{genesis}","key":"{key}","records":[],"lost":null}}"#).into_bytes()
}

/// The commented settings of the shipped file, switched on.
fn uncommented(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest)
            if rest.contains(" = ")
                && rest
                    .split(' ')
                    .next()
                    .is_some_and(|word| word.chars().all(|one| one.is_ascii_lowercase() || one == '_')) =>
        {
            rest
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

fn rpc_bodies() -> Vec<Vec<u8>> {
    let transaction = samples::transaction();
    let submission = rpc::types::SubmitTransaction::new(&transaction, samples::genesis().hash());
    let call =
        |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let id = transaction.id();
    let mut all = vec![
        call("transaction.get", &format!(r#"{{"id":"{id}"}}"#)),
        call("block.get", r#"{"block":"latest"}"#),
        call("account.get", &format!(r#"{{"address":"{}"}}"#, samples::address(1))),
        format!("[{},{}]", call("health", "{}"), call("node.status", "{}")),
        format!(r#"{{"id":"{id}","stage":"finalized","timeout_ms":20}}"#),
        r#"{"prover":"one","window":3,"waiting":[4,5],"chain":true,"failure":"no memory"}"#.to_owned(),
        r#"[[[[[[{"a":"\u00e4\\"}]]]]]]"#.to_owned(),
    ];
    all.push(serde_json::to_string(&submission).expect("it is JSON"));
    all.into_iter().map(String::into_bytes).collect()
}
