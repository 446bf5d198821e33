//! Stores of the schemas that were shipped: refused by name until they are brought forward, and nothing is lost on the way.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use borsh::BorshDeserialize;
use primitives::Height;

use super::model::{Model, genesis, on_disk};
use crate::backend::disk::Disk;
use crate::backend::{Backend, Op};
use crate::columns::{Column, SCHEMA, SCHEMA_VERSION};
use crate::value::seal;
use crate::{CrashPoint, Mark, Migration, PruneTo, StorageError, Store, Verify, set_crash_point};

const DIRECTORY: &str = "TB_STORAGE_MIGRATE_DIRECTORY";
const POINT: &str = "TB_STORAGE_MIGRATE_POINT";
/// The files of a store of schema 4 as the build before schema 5 wrote them: 30 blocks of the model with seed 4, half of them in
/// tables. Zeros at the end of files are left out.
const SHIPPED_4: &[u8] = include_bytes!("../../../../fixtures/store_schema_4.bin");

/// Puts the shipped store there.
fn unpack(fixture: &[u8], home: &Path) -> Model {
    for (name, bytes) in Vec::<(String, Vec<u8>)>::try_from_slice(fixture).unwrap() {
        let path = home.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    Model::of_length(4, 30)
}

/// Writes a schema into a store of the newest one.
fn relabel(home: &Path, schema: u32) {
    let fresh = (crate::backend::memory::Map::new(), Mark { batch: 0, head: None });
    let (disk, _) = Disk::open(home, &genesis(), Verify::Full, fresh).unwrap();
    let value = seal(Column::Meta, SCHEMA, &schema.to_le_bytes());
    disk.write(vec![Op { column: Column::Meta, key: SCHEMA.to_vec(), value: Some(value) }]).unwrap();
    disk.sync().unwrap();
}

#[test]
fn the_shipped_store_is_refused_by_name_then_brought_forward_once() {
    let home = tempfile::tempdir().unwrap();
    let model = unpack(SHIPPED_4, home.path());
    let error = Store::open(&on_disk(home.path()), &genesis()).unwrap_err();
    assert!(matches!(error, StorageError::OldSchema { found: 4, supported: SCHEMA_VERSION, .. }), "{error}");
    assert!(error.to_string().contains("tb migrate"), "{error}");
    let migrate = |dry_run| Store::migrate(home.path(), &genesis(), dry_run, &mut |_, _| {}).unwrap();
    let planned = Migration { found: 4, wanted: SCHEMA_VERSION, is_done: false };
    assert_eq!((migrate(true), migrate(true)), (planned, planned), "nothing was written");
    assert_eq!(migrate(false), Migration { is_done: true, ..planned });
    assert_eq!(
        migrate(false),
        Migration { found: SCHEMA_VERSION, is_done: true, ..planned },
        "a second time does nothing"
    );
    let mut told = Vec::new();
    Store::migrate(home.path(), &genesis(), true, &mut |done, all| told.push((done, all))).unwrap();
    let values: Vec<(u64, u64)> = (1..=4 * 30).map(|done| (done, 4 * 30)).collect();
    assert_eq!(told, values, "every value of the 30 heights is told of");
    let store = Store::open(&on_disk(home.path()), &genesis()).unwrap();
    assert_eq!(model.check(&store), Height(30));
    store.prune(PruneTo { bodies: Height(20), headers_from: Height(0) }).unwrap();
    assert_eq!(model.check(&store), Height(30), "it can do what is new");
}

#[test]
fn other_chains_damage_and_unknown_schemas_are_refused_and_stay_as_they_are() {
    for schema in [0, 3, SCHEMA_VERSION + 1, u32::MAX] {
        let home = tempfile::tempdir().unwrap();
        drop(Model::of_length(1, 3).fill(&on_disk(home.path())));
        relabel(home.path(), schema);
        for error in [
            Store::migrate(home.path(), &genesis(), false, &mut |_, _| {}).unwrap_err(),
            Store::open(&on_disk(home.path()), &genesis()).unwrap_err(),
        ] {
            assert!(matches!(error, StorageError::UnknownSchema { found, .. } if found == schema), "{error}");
        }
    }
    let home = tempfile::tempdir().unwrap();
    unpack(SHIPPED_4, home.path());
    let error = Store::migrate(home.path(), &primitives::Hash([8; 32]), false, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, StorageError::OtherChain { .. } | StorageError::DamagedFile { .. }), "{error}");
    let table = walk(home.path()).into_iter().find(|path| path.parent().unwrap().ends_with("tables")).unwrap();
    let mut bytes = std::fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    let error = Store::migrate(home.path(), &genesis(), false, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, StorageError::DamagedFile { .. }), "{error}");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Does nothing unless it is the child of another test: then it migrates the store in the directory until it dies.
#[test]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    assert!(set_crash_point(env::var(POINT).unwrap().parse().unwrap()));
    Store::migrate(Path::new(&directory), &genesis(), false, &mut |_, _| {}).unwrap();
    println!("done");
}

#[test]
fn a_migration_that_dies_at_any_step_is_finished_by_the_next() {
    for point in CrashPoint::MIGRATION {
        let home = tempfile::tempdir().unwrap();
        let model = unpack(SHIPPED_4, home.path());
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "tests::migrate::child", "--nocapture", "--test-threads=1"]);
        command.env(DIRECTORY, home.path()).env(POINT, point.name());
        let output = command.stderr(Stdio::null()).output().unwrap();
        assert!(!output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("done"), "{point}");
        let after = Store::migrate(home.path(), &genesis(), false, &mut |_, _| {}).unwrap();
        let expected: &[u32] = match point {
            CrashPoint::MigrateBeforeWrite => &[4],
            CrashPoint::MigrateAfterWrite => &[4, SCHEMA_VERSION],
            _ => &[SCHEMA_VERSION],
        };
        assert!(after.is_done && expected.contains(&after.found), "{point}: {after:?}");
        assert_eq!(model.check(&Store::open(&on_disk(home.path()), &genesis()).unwrap()), Height(30), "{point}");
    }
}
