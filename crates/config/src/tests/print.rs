//! What is made from the table: the committed files are current, and the template loads.

use std::fs;
use std::path::Path;

use super::Place;
use crate::{KEYS, Source, env_example, markdown, show, template, template_with};

/// A file of the project.
fn committed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; run: cargo xtask codegen"))
}

#[test]
fn the_committed_files_are_those_of_the_table() {
    for (name, made) in
        [("config/node.toml", template()), ("docs/configuration.md", markdown()), (".env.example", env_example())]
    {
        assert!(committed(name) == made, "{name} is not current; run: cargo xtask codegen");
    }
}

/// `text` with `# ` removed from the lines that hold the key of `is_key`.
fn uncommented(text: &str, is_key: impl Fn(&str) -> bool) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_changes_nothing_until_a_line_is_uncommented() {
    let place = Place::new();
    let default = place.load(&[], &[]).unwrap();
    place.write("node.toml", committed("config/node.toml"));
    place.write(".env", committed(".env.example"));
    let loaded = place.load(&[], &[]).unwrap();
    assert_eq!(loaded.config, default.config);
    assert_eq!(loaded.settings, default.settings);

    // With every line that has a default in force, the values are the same and come from the file.
    let has_default = |rest: &str| {
        rest.split_once(" = ")
            .is_some_and(|(leaf, _)| KEYS.iter().any(|key| key.leaf() == leaf && key.default.is_some()))
    };
    place.write("node.toml", uncommented(&committed("config/node.toml"), has_default));
    let loaded = place.load(&[], &[]).unwrap();
    assert_eq!(loaded.config, default.config);
    for key in KEYS.iter().filter(|key| key.default.is_some()) {
        assert_eq!(
            loaded.source(key.name),
            Some(&Source::File { path: place.path().join("node.toml") }),
            "{}",
            key.name
        );
    }
}

#[test]
fn the_env_example_loads_with_every_default_in_force() {
    let place = Place::new();
    let is_default = |rest: &str| {
        rest.split_once('=')
            .is_some_and(|(name, _)| KEYS.iter().any(|key| key.environment[0] == name && key.default.is_some()))
    };
    let default = place.load(&[], &[]).unwrap().config;
    place.write(".env", uncommented(&env_example(), is_default));
    let loaded = place.load(&[], &[]).unwrap();
    assert_eq!(loaded.config, default);
    for key in KEYS.iter().filter(|key| key.default.is_some()) {
        assert!(matches!(loaded.source(key.name), Some(Source::EnvFile { .. })), "{}", key.name);
    }
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn a_template_with_values_holds_them_and_refuses_others() {
    let place = Place::new();
    let text = template_with(&[
        ("moniker", "a"),
        ("p2p_max_per_sec", "7"),
        ("consensus.peers", ""),
        ("rpc.auth_token", "s3cret-s3cret-s3cret"),
    ]);
    place.write("node.toml", text.unwrap());
    let config = place.load(&[], &[]).unwrap().config;
    assert_eq!((config.moniker.as_str(), config.p2p.max_per_sec), ("a", 7));
    assert_eq!(config.rpc.auth_token.unwrap().expose(), "s3cret-s3cret-s3cret");
    let refused = template_with(&[("monicer", "a"), ("mempool_limit", "0")]).expect_err("both are wrong").to_string();
    assert!(refused.contains("`moniker`") && refused.contains("`mempool_limit` = 0"), "{refused}");
}

#[test]
fn show_prints_value_and_source_of_every_key() {
    let place = Place::new();
    let loaded = place.load(&[("moniker", "a"), ("queue_weights.fee", "0.30")], &[]).unwrap();
    let lines = show(&loaded, false);
    assert_eq!(lines.lines().count(), KEYS.len());
    let object: serde_json::Value = serde_json::from_str(&show(&loaded, true)).unwrap();
    for key in KEYS {
        assert!(
            lines.lines().any(|line| line.starts_with(&format!("{} = ", key.name)) && line.contains("# ")),
            "{}",
            key.name
        );
        assert!(object[key.name]["source"].is_string(), "{}", key.name);
    }
    assert_eq!(object["moniker"], serde_json::json!({ "value": "a", "source": "flag" }));
    assert_eq!(object["mempool_limit"], serde_json::json!({ "value": 8192, "source": "default" }));
    assert_eq!(object["queue_weights.fee"]["value"], "0.3");
    assert_eq!(object["rpc.auth_token"]["value"], serde_json::Value::Null);
}

#[test]
fn the_manual_names_every_key_variable_and_unit() {
    let text = markdown();
    for key in KEYS {
        assert!(text.contains(&format!("### `{}`", key.name)));
        for name in key.environment.iter().chain(key.aliases) {
            assert!(text.contains(&format!("`{name}`")), "{name}");
        }
    }
}
