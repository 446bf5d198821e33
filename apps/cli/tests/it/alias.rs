//! The names that the binary is called by.

use std::ffi::OsString;

use clap::Parser;
use cli::alias::resolve;
use cli::args::Cli;
use rpc::ExitCode;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn resolved(line: &str) -> String {
    let words = resolve(words(line)).expect("a name of this version");
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_name_leads_to_the_same_tree() {
    let cases = [
        ("tb status --json", "tb status --json"),
        ("tb-cli status --json", "tb status --json"),
        ("/usr/bin/contract-cli status --json", "tb status --json"),
        ("./renamed status", "tb status"),
        ("rpp-node status", "tb node status"),
        ("rpp-node start --mode node", "tb node start --mode node"),
        ("rpp-node validator --config node.toml", "tb node start --mode validator --config node.toml"),
        ("rpp-node node", "tb node start --mode node"),
        ("rpp-node hybrid --home x", "tb node start --mode hybrid --home x"),
        ("rpp-node wallet", "tb node start --mode wallet"),
        ("rpp-node validator vrf inspect", "tb validator vrf inspect"),
        ("/opt/rpp-node", "tb node"),
        ("tb", "tb"),
        ("simnet --seed 7 --json", "tb sim --seed 7 --json"),
    ];
    for (given, wanted) in cases {
        assert_eq!(resolved(given), wanted, "{given}");
    }
}

#[test]
fn the_command_of_a_mode_parses() {
    for line in [
        "probe tip --prom",
        "probe ping-rpc",
        "rpp-node validator",
        "rpp-node node --set mempool_limit=5 --stop-with-stdin",
        "rpp-node hybrid --set wallet.listen=127.0.0.1:0",
        "rpp-node wallet --set wallet.upstream=http://127.0.0.1:1",
    ] {
        Cli::try_parse_from(resolve(words(line)).expect("in this version")).expect("a complete command");
    }
}

#[test]
fn programs_of_later_versions_are_refused_by_name() {
    let lines = ["metrics-aggregator", "/usr/bin/gateway-service --home x"];
    for line in lines {
        let failure = resolve(words(line)).expect_err("not in this version");
        assert_eq!((failure.exit, failure.error.code.as_str()), (ExitCode::Refused, "not_in_this_version"));
        let name = line.split_whitespace().next().and_then(|path| path.rsplit('/').next()).expect("a name");
        assert!(failure.error.error.contains(name), "{} does not name {name}", failure.error.error);
        assert_eq!(cli::run(words(line), crate::offline::no_node), ExitCode::Refused, "{line}");
    }
}
