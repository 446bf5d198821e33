//! Looks for the first seed at which each seeded defect is caught by the property that is meant to catch it.
//!
//! ```text
//! cargo run --release -p sim --features seeded-bugs --example defects -- 500
//! ```
//! Prints one JSON object: the defects with seed and verdict, and what another property caught before. Ends with exit
//! code 1 when a defect is not caught within so many seeds. `cargo xtask nightly defects` runs it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;
use sim::plan::SeededBug;
use sim::properties::Broken;
use sim::{Verdict, run};

/// Seeds within which a defect must be found, unless the command line says otherwise.
const SEEDS: u64 = 500;

fn main() -> ExitCode {
    let seeds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let (mut defects, mut missed) = (serde_json::Map::new(), 0);
    for bug in SeededBug::ALL {
        let name = serde_json::to_value(bug).expect("a defect is a name");
        let name = name.as_str().unwrap_or_default().to_owned();
        let wanted = Verdict::of(Broken { property: bug.caught_by(), detail: String::new() }).to_string();
        let mut others: BTreeMap<String, u64> = BTreeMap::new();
        let found = (0..seeds).find_map(|seed| {
            let verdict = run(bug.plan(seed)).verdict.to_string();
            if verdict == wanted {
                return Some(seed);
            }
            if verdict != "pass" {
                *others.entry(verdict).or_default() += 1;
            }
            None
        });
        eprintln!("{name}: {wanted} at seed {found:?}; before it {others:?}");
        missed += u64::from(found.is_none());
        let entry = json!({ "property": bug.caught_by().name(), "verdict": wanted, "seed": found, "others": others });
        defects.insert(name, entry);
    }
    let verdict = if missed == 0 { "pass" } else { "missed" };
    println!("{:#}", json!({ "verdict": verdict, "seeds": seeds, "missed": missed, "defects": defects }));
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
