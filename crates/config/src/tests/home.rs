//! The home directory: its files and where it is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Place, lookup};
use crate::{Home, default_root};

#[test]
fn the_root_is_named_by_tb_home_or_lies_in_the_home_of_the_user() {
    let root = |environment: &[(&str, &str)]| default_root(lookup(environment)).map_err(|error| error.to_string());
    assert_eq!(root(&[("TB_HOME", "/a"), ("HOME", "/b")]), Ok(PathBuf::from("/a")));
    assert_eq!(root(&[("HOME", "/b")]), Ok(PathBuf::from("/b/.the_block")));
    assert_eq!(root(&[("TB_HOME", ""), ("HOME", "/b")]), Ok(PathBuf::from("/b/.the_block")));
    assert!(root(&[]).expect_err("nothing is set").contains("--home"));
}

#[test]
fn files_lie_where_the_manual_says() {
    let home = Home::new("/h");
    let files = [home.genesis_json(), home.node_toml(), home.validator_key(), home.node_key(), home.keys()];
    let names = ["genesis.json", "node.toml", "validator_key.json", "node_key", "keys"];
    for (file, name) in files.iter().zip(names) {
        assert_eq!(*file, Path::new("/h").join(name));
    }
    assert_eq!(home.resolve("x/y"), Path::new("/h/x/y"));
    assert_eq!(home.resolve("/x"), Path::new("/x"));
    assert_eq!(home.env_files(), [PathBuf::from("/h/.env")]);
    let started_in_home = home.clone().with_env_file("/h/.env");
    assert_eq!(started_in_home.env_files().len(), 1);
    assert_eq!(home.with_env_file("/w/.env").env_files(), [PathBuf::from("/h/.env"), PathBuf::from("/w/.env")]);
}

#[test]
fn the_folders_are_closed_to_other_users() {
    let place = Place::new();
    let home = Home::new(place.path().join("a/b"));
    home.create().unwrap();
    home.create().unwrap();
    for folder in [home.root().to_owned(), home.keys()] {
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
