//! Altered snapshots: each class of damage and of lies is refused by its name, and nothing is used.

use std::fs;
use std::path::Path;

use primitives::{Hash, Timestamp};
use storage::{Store, StoreConfig};
use testkit::Seed;

use super::chain::{Chain, secret};
use crate::chunk::chunk_id;
use crate::manifest::{CHUNK_BYTES_MAX, Parts};
use crate::shelf::{chunk_path, write_manifest};
use crate::{ChunkEntry, ChunkKind, Manifest, Shelf, Snapshot, SnapshotError, restore};

fn sample(folder: &Path, accounts: u32) -> (Chain, Snapshot) {
    let mut chain = Chain::new(accounts, &StoreConfig::Memory);
    (0..3).for_each(|_| chain.grow());
    let snapshot = chain.snapshot(&Shelf::new(folder));
    (chain, snapshot)
}

/// What a restore of the snapshot in this folder answers; the store stays empty.
fn refusal(chain: &Chain, path: &Path) -> SnapshotError {
    let store = Store::open(&StoreConfig::Memory, &chain.genesis.hash()).unwrap();
    let refused = Snapshot::open(path).and_then(|snapshot| restore(&snapshot, &store, &mut |_| {})).unwrap_err();
    assert_eq!(store.head(), None, "nothing was used");
    refused
}

/// The same snapshot with other chunks named, signed again by somebody.
fn resigned(snapshot: &Snapshot, change: impl FnOnce(&mut Vec<ChunkEntry>)) -> Manifest {
    let content = snapshot.manifest.content.clone();
    let mut chunks = snapshot.manifest.chunks().to_vec();
    change(&mut chunks);
    let parts = Parts {
        chain_id: snapshot.manifest.chain_id(),
        header: content.header,
        certificate: content.certificate,
        validators: content.validators,
        chain_proof: None,
        chunks,
    };
    Manifest::sign(parts, &secret(66), Timestamp(1)).unwrap()
}

#[test]
fn every_flipped_byte_of_a_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, snapshot) = sample(folder.path(), 20);
    let bytes = fs::read(snapshot.path.join("manifest")).unwrap();
    assert_eq!(Manifest::from_bytes(&bytes).unwrap(), snapshot.manifest);
    let mut seed = Seed::new();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << seed.below(8);
        let refused = Manifest::from_bytes(&flipped).unwrap_err();
        match at {
            0..8 => assert!(matches!(refused, SnapshotError::NotAManifest { .. }), "byte {at}: {refused}"),
            8..12 => assert!(matches!(refused, SnapshotError::OtherFormat { .. }), "byte {at}: {refused}"),
            _ => assert!(
                matches!(refused, SnapshotError::Signature | SnapshotError::NotAManifest { .. }),
                "byte {at}: {refused}"
            ),
        }
        assert!(Manifest::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(Manifest::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err(), "one byte more");
}

#[test]
fn a_damaged_cut_or_missing_chunk_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, snapshot) = sample(folder.path(), 5_000);
    let mut seed = Seed::new();
    for entry in snapshot.manifest.chunks() {
        let path = chunk_path(&snapshot.path, &entry.id);
        let bytes = fs::read(&path).unwrap();
        for _ in 0..20 {
            let mut flipped = bytes.clone();
            let at = seed.index(bytes.len());
            flipped[at] ^= 1 << seed.below(8);
            let refused = snapshot.manifest.check_chunk(entry, &flipped).unwrap_err();
            assert!(matches!(refused, SnapshotError::ChunkHash { id } if id == entry.id), "byte {at}: {refused}");
            let refused = snapshot.manifest.check_chunk(entry, &bytes[..at]).unwrap_err();
            assert!(matches!(refused, SnapshotError::ChunkSize { id, .. } if id == entry.id), "cut at {at}: {refused}");
        }
        fs::remove_file(&path).unwrap();
        let refused = refusal(&chain, &snapshot.path);
        assert!(matches!(refused, SnapshotError::MissingChunk { id } if id == entry.id), "{refused}");
        fs::write(&path, &bytes[1..]).unwrap();
        let refused = refusal(&chain, &snapshot.path);
        assert!(matches!(refused, SnapshotError::ChunkSize { id, .. } if id == entry.id), "{refused}");
        fs::write(&path, &bytes).unwrap();
    }
    fs::remove_file(snapshot.path.join("manifest")).unwrap();
    assert!(matches!(refusal(&chain, &snapshot.path), SnapshotError::Missing { .. }));
}

/// Whoever makes a snapshot may name any bytes as a chunk: the root of the header decides.
#[test]
fn a_signed_lie_is_refused_by_the_roots_of_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, snapshot) = sample(folder.path(), 5_000);
    let entries = snapshot.manifest.chunks().to_vec();
    for (number, entry) in entries.iter().enumerate() {
        let file = snapshot.chunk_file(&entry.id).unwrap();
        let content = zstd::bulk::decompress(&file, CHUNK_BYTES_MAX as usize).unwrap();
        let mut seed = Seed::new();
        for _ in 0..10 {
            let mut altered = content.clone();
            let at = 1 + seed.index(content.len() - 1);
            altered[at] ^= 1 << seed.below(8);
            let file = zstd::bulk::compress(&altered, 3).unwrap();
            let packed = u32::try_from(file.len()).unwrap();
            let lie = ChunkEntry { packed, id: chunk_id(&file), ..*entry };
            let manifest = resigned(&snapshot, |chunks| chunks[number] = lie);
            let manifest = Manifest::from_bytes(&manifest.to_bytes()).expect("it says nothing that is wrong in itself");
            let refused = manifest.check_chunk(&lie, &file).unwrap_err();
            assert!(
                matches!(
                    refused,
                    SnapshotError::ChunkRoot { .. }
                        | SnapshotError::ChunkEncoding { .. }
                        | SnapshotError::ChunkPlace { .. }
                ),
                "byte {at}: {refused}"
            );
        }
    }
    // One chunk in the place of another.
    let manifest = resigned(&snapshot, |chunks| {
        let (first, last) = (chunks[0], chunks[chunks.len() - 1]);
        chunks[0] = ChunkEntry { kind: first.kind, ..last };
    });
    write_manifest(&snapshot.path, &manifest).unwrap();
    assert!(matches!(refusal(&chain, &snapshot.path), SnapshotError::ChunkPlace { .. }));
    let manifest = resigned(&snapshot, |chunks| {
        let second = chunks[1];
        chunks[0] = ChunkEntry { kind: chunks[0].kind, ..second };
    });
    write_manifest(&snapshot.path, &manifest).unwrap();
    assert!(matches!(refusal(&chain, &snapshot.path), SnapshotError::ChunkPlace { .. }), "a range of another length");
}

#[test]
fn a_list_of_chunks_that_leaves_something_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, snapshot) = sample(folder.path(), 5_000);
    let changes: [fn(&mut Vec<ChunkEntry>); 7] = [
        |chunks| chunks.clear(),
        |chunks| chunks.truncate(chunks.len() - 1),
        |chunks| chunks.rotate_left(1),
        |chunks| chunks.swap(0, 1),
        |chunks| chunks.reverse(),
        |chunks| chunks.push(chunks[0]),
        |chunks| chunks[0].unpacked = CHUNK_BYTES_MAX + 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let refused = Manifest::from_bytes(&resigned(&snapshot, change).to_bytes()).unwrap_err();
        assert!(matches!(refused, SnapshotError::Cover { .. }), "change {number}: {refused}");
    }
}

#[test]
fn a_frame_that_unpacks_to_more_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let (_, snapshot) = sample(folder.path(), 20);
    let bomb = zstd::bulk::compress(&vec![0; 512 * 1024 * 1024], 19).unwrap();
    assert!(bomb.len() < 64 * 1024, "half a gibibyte in {} bytes", bomb.len());
    let entry = |file: &[u8], unpacked| ChunkEntry {
        kind: ChunkKind::Ledger(0),
        packed: u32::try_from(file.len()).unwrap(),
        unpacked,
        id: chunk_id(file),
    };
    let two = [bomb.as_slice(), &bomb].concat();
    let none: &[u8] = b"not a frame at all";
    for (file, unpacked) in [(&bomb[..], 1_000), (&bomb, CHUNK_BYTES_MAX), (&bomb, u32::MAX), (&two, 10), (none, 10)] {
        let refused = snapshot.manifest.check_chunk(&entry(file, unpacked), file).unwrap_err();
        assert!(matches!(refused, SnapshotError::ChunkSize { .. }), "{refused}");
    }
}

#[test]
fn a_manifest_of_other_validators_or_another_header_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, snapshot) = sample(folder.path(), 20);
    let with = |change: &dyn Fn(&mut Parts)| {
        let content = snapshot.manifest.content.clone();
        let mut parts = Parts {
            chain_id: "snapshot-test".to_owned(),
            header: content.header,
            certificate: content.certificate,
            validators: content.validators,
            chain_proof: None,
            chunks: snapshot.manifest.chunks().to_vec(),
        };
        change(&mut parts);
        let manifest = Manifest::sign(parts, &secret(66), Timestamp(1)).unwrap();
        Manifest::from_bytes(&manifest.to_bytes()).unwrap_err()
    };
    let refused = with(&|parts| parts.certificate = None);
    assert!(matches!(refused, SnapshotError::NoCertificate), "{refused}");
    let refused = with(&|parts| parts.certificate = Some(chain.blocks[0].1.clone()));
    assert!(matches!(refused, SnapshotError::Certificate(_)), "{refused}");
    let refused = with(&|parts| parts.header.state_root = Hash([1; 32]));
    assert!(matches!(refused, SnapshotError::Certificate(_)), "{refused}");
    let refused = with(&|parts| parts.header.validators = Hash([1; 32]));
    assert!(matches!(refused, SnapshotError::OtherValidators), "{refused}");
    let refused = with(&|parts| {
        if let Some(certificate) = &mut parts.certificate {
            let unsigned = certificate
                .signatures
                .iter()
                .map(|entry| primitives::CommitSignature { signature: primitives::Signature([3; 64]), ..*entry });
            certificate.signatures = primitives::BoundedVec::new(unsigned.collect()).unwrap();
        }
    });
    assert!(matches!(refused, SnapshotError::Certificate(_)), "{refused}");
}
