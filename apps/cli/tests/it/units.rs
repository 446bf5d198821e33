//! The units of systemd that are shipped.

use std::path::Path;
use std::process::Command;

/// Highest exposure that `systemd-analyze security` may find, in tenths.
const EXPOSURE_MAX: u32 = 15;

#[test]
fn units_expose_little_and_start_commands_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/systemd");
    let unit = folder.join("the-block.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    let commands: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart").and_then(|rest| rest.split_once('=')))
        .map(|(_, command)| command)
        .collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let words = command.split_whitespace().skip(1);
        let parsed = <cli::args::Cli as clap::Parser>::try_parse_from(["tb"].into_iter().chain(words));
        assert!(parsed.is_ok(), "{command}: {:?}", parsed.err());
    }
    assert!(text.contains("Alias=ledger-node.service"), "the other promised name");
    let _ledger = testkit::contract!("S004-292");
    let runbook = include_str!("../../../../docs/runbooks/node.md");
    let down = runbook.split("\n## ").find(|section| section.starts_with("NodeDown\n")).expect("its section");
    let (confirm, _) = down.split_once("**Fix.**").expect("confirm comes before fix");
    assert!(confirm.contains("systemctl is-active ledger-node"), "the runbook asks the unit before anything is done");
    assert!(confirm.contains("/health/live"), "and the ledger behind it");
    is_closed(&unit, "the-block.service");
}

#[test]
fn the_unit_of_the_signer_exposes_little_and_starts_a_command_that_exists() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/systemd/the-block-signer.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let words = command.split_whitespace().skip(1);
    let parsed = <cli::args::Cli as clap::Parser>::try_parse_from(["tb"].into_iter().chain(words));
    assert!(parsed.is_ok(), "{command}: {:?}", parsed.err());
    assert!(text.contains("LimitCORE=0"), "a key must not be in a core file");
    is_closed(&unit, "the-block-signer.service");
}

/// What systemd itself thinks of a unit, where it is installed.
fn is_closed(unit: &Path, name: &str) {
    let Ok(judged) =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager"]).arg(unit).output()
    else {
        eprintln!("systemd-analyze is not installed, so the exposure was not judged");
        return;
    };
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    let level = said.rsplit_once(&format!("Overall exposure level for {name}: ")).map(|(_, rest)| rest);
    let level = level.and_then(|rest| rest.split_whitespace().next()).expect("a level");
    let (whole, tenths) = level.split_once('.').unwrap_or((level, "0"));
    let exposure = whole.parse::<u32>().expect("a number") * 10 + tenths.parse::<u32>().expect("a number");
    assert!(exposure <= EXPOSURE_MAX, "{said}");
}
