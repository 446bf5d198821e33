//! After an incident of a prover: what a postmortem needs can be collected, and the thresholds of the runbook are those of the alerts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::command::{entries, run_in};

fn text(path: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of series in an expression of the board: words that the node's metrics have.
fn series(board: &Value) -> BTreeSet<String> {
    let panels = board["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let texts: Vec<&str> = targets.filter_map(|target| target["expr"].as_str()).collect();
    let words = texts.iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
    words.filter(|word| word.contains("proof_")).map(str::to_owned).collect()
}

/// Of a network whose prover failed and came back, with the log that this prover left.
pub fn is_collected(cluster: &Cluster, prover_log: &Path) {
    let _shown = testkit::contract!("S002-040");
    let out = cluster.folder().join("incident.zip");
    let url = cluster.nodes[0].ports.rpc_url();
    let (out_text, prover) = (out.to_str().expect("text"), prover_log.to_str().expect("text"));
    let words = ["diagnostics", "bundle", "--out", out_text, "--log", prover, "--rpc", &url];
    run_in(&cluster.nodes[0].home, &words).ok();
    let packed = entries(&out);
    // Excerpts of the logs: the prover's work, and the node's word that it recovered.
    assert!(packed["logs/prover.log"].contains("plonky3"), "{}", packed["logs/prover.log"]);
    assert!(packed["logs/node.log"].contains("backend_health.plonky3.recovered"));
    assert!(packed["status/node.json"].contains("recovered_ms"));
    // The panels can be drawn from what the node tells: each series of the board is in the scrape.
    let board: Value = serde_json::from_str(&text("docs/dashboards/consensus_proof_validation.json")).expect("JSON");
    let drawn = series(&board);
    assert!(drawn.len() >= 6, "{drawn:?}");
    for name in drawn {
        assert!(packed["metrics.txt"].contains(&name), "{name} is drawn and not told");
    }

    // The steps that help are written down for each alert, and the thresholds to be reviewed are those in force.
    let (runbook, steps, rules) =
        (text("docs/runbooks/prover.md"), text("docs/runbooks/proofs.md"), text("monitoring/alert.rules.yml"));
    let (_, review) = runbook.split_once("## After an incident").expect("the section");
    let rows: Vec<(&str, &str)> =
        review.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix("` |")?.split_once("` | `")).collect();
    assert!(rows.len() >= 6, "{rows:?}");
    for (alert, threshold) in rows {
        let rule = rules.split_once(&format!("- alert: {alert}\n")).unwrap_or_else(|| panic!("no alert {alert}")).1;
        let expression = rule.lines().next().expect("an expression").trim();
        let written = serde_json::from_str::<String>(expression.strip_prefix("expr: ").expect("an expression"));
        assert_eq!(written.expect("a text in quotes"), threshold, "{alert}");
        let section = steps.split_once(&format!("## {alert}\n")).unwrap_or_else(|| panic!("no steps for {alert}")).1;
        let section = section.split("\n## ").next().expect("a section");
        assert!(section.contains("**Confirm.**") && section.contains("**Fix.**"), "{alert}: {section}");
    }
}
