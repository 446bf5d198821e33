//! Which source wins, and what is said about names that nothing reads.

use super::{Place, load};
use crate::{Home, Source, show, unknown_environment};

#[test]
fn flag_beats_environment_beats_env_files_beats_toml_beats_default() {
    let _shown = testkit::contract!("S003-015");
    let place = Place::new();
    let home = place.home().with_env_file(place.path().join("other.env"));
    let moniker = |flags: &[(&str, &str)], environment: &[(&str, &str)]| {
        let loaded = load(&home, flags, environment).unwrap();
        // The dump of the effective configuration says the same as the configuration.
        let line = format!("moniker = {} ", loaded.config.moniker);
        let shown = show(&loaded, false);
        let shown = shown.lines().find(|shown| shown.starts_with(&line)).expect("the dump has the value").to_owned();
        let source = loaded.source("moniker").unwrap().clone();
        assert!(shown.ends_with(&format!("# {source}")), "{shown}");
        (loaded.config.moniker, source)
    };
    let file = |name: &str| place.path().join(name);
    assert_eq!(moniker(&[], &[]), ("node".to_owned(), Source::Default));
    place.write("node.toml", "moniker = \"toml\"");
    assert_eq!(moniker(&[], &[]), ("toml".to_owned(), Source::File { path: file("node.toml") }));
    place.write("other.env", "TB_MONIKER=other");
    let source = Source::EnvFile { path: file("other.env"), name: "TB_MONIKER" };
    assert_eq!(moniker(&[], &[]), ("other".to_owned(), source));
    place.write(".env", "TB_MONIKER=own");
    let source = Source::EnvFile { path: file(".env"), name: "TB_MONIKER" };
    assert_eq!(moniker(&[], &[]), ("own".to_owned(), source));
    let environment = [("TB_MONIKER", "environment")];
    let source = Source::Environment { name: "TB_MONIKER" };
    assert_eq!(moniker(&[], &environment), ("environment".to_owned(), source));
    assert_eq!(moniker(&[("moniker", "flag")], &environment), ("flag".to_owned(), Source::Flag));
}

#[test]
fn every_variable_starts_with_tb_and_an_unknown_one_is_a_warning() {
    let _shown = testkit::contract!("S003-016");
    for key in crate::KEYS {
        assert!(key.environment.iter().any(|name| name.starts_with("TB_")), "{}", key.name);
    }
    let names = ["TB_MONIKR", "TB_MONIKER", "TB_HOME", "PATH", "TB_RPC_AUTH_TOKEN"];
    let warnings = unknown_environment(names.into_iter());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("TB_MONIKR ") && warnings[0].contains("TB_MONIKER"), "{warnings:?}");

    let place = Place::new();
    place.write(".env", "TB_MEMPOOL_LIMT=9\nOTHER=1\n");
    let warnings = place.load(&[], &[]).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("TB_MEMPOOL_LIMT") && warnings[0].contains("TB_MEMPOOL_LIMIT"), "{warnings:?}");
}

#[test]
fn of_two_variables_of_one_key_the_first_counts_and_the_other_is_named() {
    let place = Place::new();
    let loaded = place.load(&[], &[("RUST_LOG", "debug")]).unwrap();
    assert_eq!((loaded.config.log.level.as_str(), loaded.warnings.len()), ("debug", 0));
    let loaded = place.load(&[], &[("RUST_LOG", "debug"), ("TB_LOG_LEVEL", "warn")]).unwrap();
    assert_eq!(loaded.config.log.level, "warn");
    assert!(loaded.warnings[0].starts_with("RUST_LOG = debug is not used"), "{:?}", loaded.warnings);
    let loaded = place.load(&[], &[("RUST_LOG", "warn"), ("TB_LOG_LEVEL", "warn")]).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn a_wrong_value_is_refused_also_where_a_stronger_source_replaces_it() {
    let place = Place::new();
    place.write("node.toml", "mempool_limit = 0");
    let refused = place.load(&[("mempool_limit", "10")], &[]).expect_err("the file is wrong").to_string();
    assert!(refused.contains("`mempool_limit` = 0") && refused.contains("node.toml"), "{refused}");
}

#[test]
fn a_named_file_replaces_the_usual_one_and_must_exist() {
    let place = Place::new();
    place.write("node.toml", "moniker = \"usual\"");
    place.write("named.toml", "moniker = \"named\"");
    let named = |name: &str| Home::new(place.path()).with_config(place.path().join(name));
    assert_eq!(load(&named("named.toml"), &[], &[]).unwrap().config.moniker, "named");
    let refused = load(&named("absent.toml"), &[], &[]).expect_err("it is absent").to_string();
    assert!(refused.contains("absent.toml does not exist") && refused.contains("--config"), "{refused}");
}

#[test]
fn a_key_given_twice_under_two_names_is_refused() {
    let place = Place::new();
    let refused = place.refusal("p2p_max_per_sec = 1\n[p2p]\nmax_per_sec = 2\n");
    assert!(refused.contains("`p2p.max_per_sec` is given twice"), "{refused}");
    place.write("node.toml", "");
    let refused =
        place.load(&[("p2p_max_per_sec", "1"), ("p2p.max_per_sec", "2")], &[]).expect_err("twice").to_string();
    assert!(refused.contains("`p2p.max_per_sec` is given twice"), "{refused}");
}

#[test]
fn what_differs_from_the_defaults_or_from_another_file_is_listed() {
    let place = Place::new();
    place.write("node.toml", "mempool_limit = 99\n[log]\nlevel = \"debug\"\n");
    place.write(".env", "TB_MONIKER=bob\n");
    let here = place.load(&[("mode", "validator")], &[]).unwrap();
    let names = |there: &crate::Loaded| here.changed(there).iter().map(|key| key.name).collect::<Vec<_>>();
    let defaults = crate::Loaded::defaults(&place.home()).unwrap();
    assert_eq!(names(&defaults), ["moniker", "mode", "mempool_limit", "log.level"]);
    assert!(defaults.changed(&defaults).is_empty());
    let file = crate::Loaded::of_file(&place.home()).unwrap();
    assert_eq!(names(&file), ["moniker", "mode"], "neither flags nor .env are part of the file");
    place.write("other.toml", "mempool_limit = 0\n");
    let refused = crate::Loaded::of_file(&place.home().with_config(place.path().join("other.toml"))).unwrap_err();
    assert!(refused.to_string().contains("mempool_limit"), "{refused}");
}
