//! Names that the one binary is called by.
//!
//! ```text
//! tb, tb-cli, contract-cli       the command tree
//! rpp-node X …                   tb node X …
//! rpp-node validator vrf …       tb validator vrf …
//! rpp-node validator snapshot …  tb validator snapshot …
//! rpp-node validator …           tb node start --mode validator …   (also: node, hybrid and wallet)
//! simnet …                       tb sim …
//! probe …                        tb probe …
//! metrics-aggregator,
//! gateway-service                not in this version: refused by name
//! ```
//!
//! A name nobody promised is treated as `tb`, so that a renamed binary still works.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use rpc::ExitCode;

use crate::exit::Failure;

/// Names of programs that will be part of this binary and are not yet.
const LATER: [&str; 2] = ["metrics-aggregator", "gateway-service"];
/// Modes of a node that `rpp-node MODE` starts.
const MODES: [&str; 4] = ["validator", "node", "hybrid", "wallet"];

/// The arguments as if the binary had been called `tb`.
///
/// # Errors
/// [`Failure`] for the name of a program that is not in this version.
pub fn resolve(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Failure> {
    let mut arguments = arguments.into_iter();
    let called = arguments.next().unwrap_or_else(|| "tb".into());
    let name = Path::new(&called).file_stem().and_then(OsStr::to_str).unwrap_or("tb").to_owned();
    let mut resolved: Vec<OsString> = vec!["tb".into()];
    if LATER.contains(&name.as_str()) {
        return Err(later(&name));
    }
    let mut rest: Vec<OsString> = arguments.collect();
    match name.as_str() {
        "simnet" => resolved.push("sim".into()),
        "probe" => resolved.push("probe".into()),
        _ => {}
    }
    if name == "rpp-node" {
        let is_command = rest.first().is_some_and(|first| first == "validator")
            && rest.get(1).is_some_and(|next| next == "vrf" || next == "snapshot");
        if !is_command {
            resolved.push("node".into());
        }
        let mode = rest.first().and_then(|first| first.to_str()).unwrap_or_default().to_owned();
        if MODES.contains(&mode.as_str()) && !is_command {
            rest.splice(0..1, ["start".into(), "--mode".into(), OsString::from(mode)]);
        }
    }
    resolved.extend(rest);
    Ok(resolved)
}

fn later(name: &str) -> Failure {
    Failure::new(
        ExitCode::Refused,
        "not_in_this_version",
        format!("{name} is not in this version of tb"),
        "CHANGELOG.md says what each version has; tb --help lists the commands of this one",
    )
}
