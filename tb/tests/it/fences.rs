//! Blocks of documents that are not run: whether commands hide in them.
//!
//! A block that is neither `sh` nor `bash` is shown and never run. Whatever a reader would type at a shell belongs into one that is
//! run, or that says why it is not (`documents.rs`).

/// What a line of a shell begins with, besides names of variables, `sudo` and a prompt. A word that ends with `/` begins a path.
const TYPED: [&str; 44] = [
    "tb",
    "tb-cli",
    "rpp-node",
    "contract-cli",
    "probe",
    "simnet",
    "scripts/",
    "tests/",
    "target/",
    "./",
    "cargo",
    "rustup",
    "just",
    "make",
    "npm",
    "git",
    "systemctl",
    "journalctl",
    "apt",
    "apt-get",
    "dpkg",
    "docker",
    "unshare",
    "ssh",
    "scp",
    "curl",
    "wget",
    "openssl",
    "prometheus",
    "promtool",
    "python3",
    "bash",
    "sh",
    "source",
    "export",
    "alias",
    "mkdir",
    "cp",
    "mv",
    "rm",
    "chmod",
    "kill",
    "grep",
    "tail",
];
/// Letters of drawings, in which the name of a program is a picture of it.
const DRAWN: [char; 6] = ['─', '│', '┌', '└', '►', '▼'];

/// The first line of a block that somebody would type.
pub fn typed(block: &str) -> Option<&str> {
    block.lines().find(|line| is_typed(line))
}

fn is_typed(line: &str) -> bool {
    if line.contains(DRAWN) {
        return false;
    }
    let words = line.trim_start().trim_start_matches("$ ").split_whitespace();
    let mut words = words.skip_while(|word| *word == "sudo" || is_assignment(word));
    let Some(first) = words.next() else { return false };
    // A key of a configuration may have the name of a program.
    if words.next() == Some("=") {
        return false;
    }
    TYPED.iter().any(|typed| if typed.ends_with('/') { first.starts_with(typed) } else { first == *typed })
}

/// `NAME=value` before a command.
fn is_assignment(word: &str) -> bool {
    let is_name = |name: &str| name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && is_name(name))
}

#[test]
fn commands_are_found_wherever_they_hide_and_other_lines_are_not() {
    for command in [
        "tb status",
        "  tb status   what it says",
        "$ tb status",
        "TB_PARTITION_TAG=left tb node start",
        "sudo systemctl restart the-block",
        "RUST_LOG=debug sudo cargo xtask test",
        "scripts/test.sh",
        "target/release/tb status",
    ] {
        assert_eq!(typed(&format!("a line before\n{command}\n")), Some(command), "{command}");
    }
    for other in [
        "",
        " tb tx transfer ──► │  node 1  │",
        "tests          8:04    14:00  ok",
        "node-1	http://10.0.0.1:26657	/opt/the-block	systemctl restart the-block	ssh node-1",
        "witness_quarantine = [\"tb1…\"]",
        "source = \"the run of the tests\"",
        "let _shown = testkit::contract!(\"S000-030\");",
        "sudo",
    ] {
        assert_eq!(typed(other), None, "{other}");
    }
}
