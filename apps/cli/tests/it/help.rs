//! The help of every command, as one text.
//!
//! After a wanted change: `WRITE_SNAPSHOT=1 cargo test --release -p cli help`, then read the difference.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use cli::args::Cli;

/// Width of the snapshot, so that it does not depend on a terminal.
const WIDTH: usize = 100;

fn tree() -> Command {
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    command
}

/// Calls `visit` with every command and its full name, parents first. The parser's own `help` is left out.
fn walk(command: &mut Command, name: &str, visit: &mut impl FnMut(&str, &mut Command)) {
    visit(name, command);
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        let full = format!("{name} {}", sub.get_name());
        walk(sub, &full, visit);
    }
}

#[test]
fn help_of_everything_is_as_committed() {
    let mut text = String::new();
    walk(&mut tree(), "tb", &mut |name, command| {
        let help = command.clone().term_width(WIDTH).render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(text, "$ {name} --help\n{}\n\n", lines.join("\n").trim_end()).expect("a text takes every write");
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/help.txt");
    if std::env::var_os("WRITE_SNAPSHOT").is_some() {
        std::fs::write(&path, &text).expect("the snapshot can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let place = committed.lines().zip(text.lines()).position(|(old, new)| old != new);
    assert!(
        committed == text,
        "the help differs from tests/it/help.txt, first at line {:?}; if that is wanted run \
         WRITE_SNAPSHOT=1 cargo test --release -p cli help",
        place.map(|line| line + 1)
    );
}

#[test]
fn every_command_shows_examples_that_parse() {
    let mut seen = 0;
    walk(&mut tree(), "tb", &mut |name, command| {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(text.starts_with("Examples:\n"), "{name} has no examples");
        for line in text.lines().skip(1).take_while(|line| !line.is_empty()) {
            let Some(example) = line.trim_start().strip_prefix("tb ") else { continue };
            if example.ends_with('\\') {
                continue;
            }
            // Two spaces and more begin the explanation.
            let example = example.split("   ").next().unwrap_or(example);
            let example = example.split("  ").next().unwrap_or(example);
            let example = example.split(" > ").next().unwrap_or(example);
            check_example(name, example);
            seen += 1;
        }
    });
    assert!(seen > 40, "only {seen} examples were read");
}

/// Ids and hashes stand as words in the examples.
fn check_example(name: &str, example: &str) {
    let id = "ab".repeat(32);
    let words = example.split_whitespace().map(|word| match word {
        "ID" | "HASH" => id.clone(),
        "01a0…" => "01a0".to_owned(),
        other => other.to_owned(),
    });
    let words = std::iter::once("tb".to_owned()).chain(words);
    let parsed: Result<Cli, clap::Error> = clap::Parser::try_parse_from(words);
    assert!(parsed.is_ok(), "{name}: the example `tb {example}` does not parse: {:?}", parsed.err());
}

#[test]
fn every_exit_code_is_in_the_main_help() {
    let text = tree().get_after_help().expect("the main help has a foot").to_string();
    for code in rpc::ExitCode::ALL {
        let entry = format!("{} {}", code.number(), code.name().replace('_', " "));
        assert!(text.contains(&entry), "the main help lacks {entry:?}");
    }
}

#[test]
fn the_argument_tree_is_consistent() {
    Cli::command().debug_assert();
}
