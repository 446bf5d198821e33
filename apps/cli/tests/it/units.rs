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

/// The commands of a unit or a drop-in in order, by key; an empty one clears those before it.
fn commands<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_drop_in_for_releases_runs_the_same_commands_with_the_program_of_the_release() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/systemd");
    let read =
        |path: &str| std::fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (unit, drop_in) = (read("the-block.service"), read("the-block.service.d/release.conf"));
    for key in ["ExecStartPre", "ExecStart"] {
        let own = commands(&unit, key).join(" ");
        assert!(own.starts_with("/usr/bin/tb "), "{own}");
        assert_eq!(commands(&drop_in, key), ["", &own.replace("/usr/bin/tb", "/opt/the-block/current/tb")]);
    }
    let page = include_str!("../../../../docs/releases.md");
    let settings: Vec<&str> = drop_in.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(page.contains(&settings.join("\n")), "the page shows it as it is shipped");
    // Judged where it would lie. The program of the package need not be there any more.
    let place = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(place.path().join("the-block.service.d")).expect("a folder");
    std::fs::write(place.path().join("the-block.service"), &unit).expect("written");
    let runs = drop_in.replace("/opt/the-block/current/tb", "/bin/true");
    let judged = |drop_in: &str| {
        std::fs::write(place.path().join("the-block.service.d/release.conf"), drop_in).expect("written");
        let mut judge = Command::new("systemd-analyze");
        judge.env("SYSTEMD_UNIT_PATH", format!("{}:", place.path().display()));
        judge.arg("verify").arg(place.path().join("the-block.service")).output()
    };
    let Ok(sound) = judged(&runs) else {
        eprintln!("systemd-analyze is not installed, so the unit with its drop-in was not judged");
        return;
    };
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
    let both = judged(&runs.replace("ExecStart=\n", "")).expect("it was there");
    assert!(!both.status.success(), "a drop-in that does not clear the command first is refused");
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
