//! Tests of both places: what is written is read, what is wrong is refused, and what cannot be asked is never taken for missing.

use std::fs;
use std::path::Path;
use std::time::Instant;

use ::config::{ArchivePlace, S3Config};
use primitives::{BoundedBytes, BoundedVec, ClosingEvents, Hash, Height};
use storage::{Body, FaultyFiles, Files};
use testkit::Seed;
use testkit::bucket::{BUCKET, Bucket, KEY_ID, Manner, REGION, SECRET};

use crate::{Archive, ArchiveError, GET_TIME_MAX, folder};

const GENESIS: Hash = Hash([7; 32]);

fn body(byte: u8) -> Body {
    let block = BoundedBytes::new(vec![byte; 300]).unwrap();
    let (receipts, operations) = (BoundedVec::default(), BoundedVec::default());
    Body { block, certificate: None, receipts, operations, closing: ClosingEvents::default() }
}

fn s3(endpoint: &str) -> S3Config {
    S3Config {
        endpoint: Some(endpoint.to_owned()),
        region: REGION.to_owned(),
        path_style: true,
        allow_http: true,
        ca: None,
        credentials_file: None,
    }
}

fn key(secret: &str) -> impl Fn(&str) -> Option<String> {
    move |name| match name {
        "AWS_ACCESS_KEY_ID" => Some(KEY_ID.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(secret.to_owned()),
        _ => None,
    }
}

fn place(bucket: &str) -> ArchivePlace {
    ArchivePlace::Bucket { bucket: bucket.to_owned(), prefix: "main/v1".to_owned() }
}

fn in_bucket(store: &Bucket) -> Archive {
    Archive::new(&place(BUCKET), &s3(&store.url), GENESIS, key(SECRET)).unwrap()
}

fn in_folder(path: &Path) -> Archive {
    Archive::new(&ArchivePlace::Folder(path.to_owned()), &s3("http://127.0.0.1:1"), GENESIS, |_| None).unwrap()
}

async fn reason(archive: &Archive, height: u64) -> ArchiveError {
    archive.get(Height(height)).await.expect_err("it cannot be given")
}

#[tokio::test]
async fn both_places_give_what_was_put_and_hold_the_same_bytes() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Bucket::start());
    let root = folder.path().join("archive");
    let (near, far) = (in_folder(&root), in_bucket(&store));
    fs::create_dir(&root).unwrap();
    for archive in [&near, &far] {
        assert_eq!(archive.get(Height(3)).await.unwrap(), None);
        assert!(archive.put(Height(3), &body(1)).await.unwrap());
        assert!(!archive.put(Height(3), &body(1)).await.unwrap(), "it is there");
        assert_eq!(archive.get(Height(3)).await.unwrap(), Some(body(1)));
        assert!(archive.put(Height(3), &body(2)).await.unwrap(), "another body is written");
    }
    let (name, bytes) = store.objects().into_iter().next().unwrap();
    assert_eq!(name, "main/v1/0000000000000000/00000000000000000003.body");
    assert_eq!(far.name(Height(3)), format!("s3://{BUCKET}/{name}"));
    assert_eq!(fs::read(near.name(Height(3))).unwrap(), bytes, "the format is one");
}

#[tokio::test]
async fn a_file_with_any_other_byte_or_height_is_refused_and_written_again() {
    let mut seed = Seed::new();
    let folder = tempfile::tempdir().unwrap();
    let archive = in_folder(folder.path());
    archive.put(Height(3), &body(1)).await.unwrap();
    let path = archive.name(Height(3));
    let good = fs::read(&path).unwrap();
    for _ in 0..20 {
        let mut bytes = good.clone();
        bytes[seed.index(good.len())] ^= 1 << seed.below(8);
        fs::write(&path, bytes).unwrap();
        assert!(reason(&archive, 3).await.is_wrong());
    }
    assert!(archive.put(Height(3), &body(1)).await.unwrap(), "it is written again");
    assert_eq!(fs::read(&path).unwrap(), good);
    let sparse = fs::File::create(archive.name(Height(4))).unwrap();
    sparse.set_len(crate::FILE_BYTES_MAX + 1).unwrap();
    assert!(reason(&archive, 4).await.to_string().contains("larger than any body"));
}

#[test]
fn a_file_that_was_put_survives_a_crash_with_every_folder_that_was_made_for_it() {
    let files = FaultyFiles::new();
    // The folder of the archive, and one in it that comes later.
    for name in ["/mount/archive/0000000000000000/3.body", "/mount/archive/0000000000010000/4.body"] {
        let path = Path::new(name);
        folder::write(&files, path, b"a body").unwrap();
        // Nothing that was not synced survives.
        assert!(!files.crash(&mut |_| 0), "something was not durable");
        assert_eq!(files.read(path, 9).unwrap().as_deref(), Some(&b"a body"[..]));
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_no_missing_height() {
    let folder = tempfile::tempdir().unwrap();
    let archive = in_folder(&folder.path().join("mount"));
    assert!(matches!(reason(&archive, 3).await, ArchiveError::Unanswered { .. }));
    assert!(archive.put(Height(4), &body(1)).await.unwrap(), "an export makes it");
    assert_eq!(archive.get(Height(3)).await.unwrap(), None);
}

#[tokio::test]
async fn another_key_or_region_or_bucket_is_refused_by_name_and_no_secret_is_told() {
    let store = Bucket::start();
    in_bucket(&store).put(Height(3), &body(1)).await.unwrap();
    let wrong = Archive::new(&place(BUCKET), &s3(&store.url), GENESIS, key("another-secret-of-tests")).unwrap();
    let elsewhere = S3Config { region: "eu-test-2".to_owned(), ..s3(&store.url) };
    let elsewhere = Archive::new(&place(BUCKET), &elsewhere, GENESIS, key(SECRET)).unwrap();
    for archive in [&wrong, &elsewhere] {
        let refused = reason(archive, 3).await;
        assert!(matches!(refused, ArchiveError::KeyRefused { .. }), "{refused}");
        let told = format!("{refused} {refused:?} {archive:?}");
        assert!(!told.contains("secret-of-tests") && !told.contains(SECRET) && !told.contains("Credential"), "{told}");
        assert!(matches!(archive.put(Height(4), &body(1)).await, Err(ArchiveError::KeyRefused { .. })));
    }
    assert!(store.refused() >= 4);
    assert_eq!(store.objects().len(), 1, "nothing was taken");
    let none = Archive::new(&place("no-bucket"), &s3(&store.url), GENESIS, key(SECRET)).unwrap();
    assert!(
        matches!(reason(&none, 3).await, ArchiveError::Unanswered { .. }),
        "a bucket that is not there is no missing height"
    );
    let without = Archive::new(&place(BUCKET), &s3(&store.url), GENESIS, |_| None).expect_err("no key");
    assert!(without.to_string().contains("there is no key for it"), "{without}");
}

#[tokio::test]
async fn a_store_that_lies_is_found_out_and_one_that_fails_is_left_in_time() {
    let mut store = Bucket::start();
    let archive = in_bucket(&store);
    archive.put(Height(3), &body(1)).await.unwrap();
    archive.put(Height(4), &body(2)).await.unwrap();
    for (manner, said) in [
        (Manner::Flips, "its checksum does not match"),
        (Manner::Swaps, "another height"),
        (Manner::Swells, "larger than any body"),
    ] {
        store.behave(manner);
        let wrong = reason(&archive, 3).await;
        assert!(wrong.is_wrong() && wrong.to_string().contains(said), "{manner:?}: {wrong}");
    }
    store.behave(Manner::Broken);
    let before = store.requests().len();
    let broken = reason(&archive, 3).await;
    assert!(matches!(broken, ArchiveError::Unanswered { .. }) && broken.to_string().len() < 600, "{broken}");
    assert_eq!(store.requests().len() - before, 1 + super::bucket::RETRIES_MAX, "it is tried so often and no more");
    store.behave(Manner::Silent);
    let started = Instant::now();
    assert!(reason(&archive, 3).await.to_string().contains("nothing for 5 s"));
    assert!(started.elapsed() < GET_TIME_MAX * 2);
    store.behave(Manner::Serves);
    assert_eq!(archive.get(Height(3)).await.unwrap(), Some(body(1)), "and it is asked again");
    store.stop();
    let gone = reason(&archive, 3).await;
    assert!(matches!(gone, ArchiveError::Unanswered { .. }), "{gone}");
}
