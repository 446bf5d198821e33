//! Reports as tables for other programs: comma-separated values, one header line, numbers without units.

use crate::report::Report;
use crate::timeline::Timeline;

/// One run: a line for each height, with the time when the first honest validator finalized it and the time of each
/// validator, in milliseconds; empty where a validator never told that height.
pub fn of_run(timeline: &Timeline) -> String {
    let mut text = "height,first_ms".to_owned();
    for index in 0..timeline.lanes.len() {
        text.push_str(&format!(",validator_{index}_ms"));
    }
    text.push('\n');
    for (height, first_ms) in (1_u64..).zip(&timeline.decided_ms) {
        text.push_str(&format!("{height},{first_ms}"));
        for lane in &timeline.lanes {
            let told = lane.finalized.iter().find(|(_, told)| *told == height);
            text.push_str(&told.map_or_else(|| ",".to_owned(), |(ms, _)| format!(",{ms}")));
        }
        text.push('\n');
    }
    text
}

/// A batch: a line for each run.
pub fn of_batch(reports: &[Report]) -> String {
    let mut text = "seed,verdict,as_expected,topology,validators,virtual_ms,heights,calm_heights,round_max,resume_ms,\
                    propagation_p50_ms,propagation_p95_ms,acknowledged,fault_kinds,faults,snapshots_made,\
                    snapshots_refused,snapshots_restored,trace_hash\n"
        .to_owned();
    let maybe = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    for report in reports {
        let faults: u64 = report.faults.values().sum();
        let effect = |name: &str| report.effects.get(name).copied().unwrap_or(0).to_string();
        let cells = [
            report.seed.to_string(),
            report.verdict.to_string(),
            report.is_expected().to_string(),
            report.topology.clone(),
            report.validators.to_string(),
            report.virtual_ms.to_string(),
            report.height.to_string(),
            report.calm_heights.to_string(),
            report.round_max.to_string(),
            maybe(report.resume_ms),
            maybe(report.propagation_p50_ms),
            maybe(report.propagation_p95_ms),
            report.acknowledged.to_string(),
            report.faults.len().to_string(),
            faults.to_string(),
            effect("snapshot_made"),
            effect("snapshot_refused"),
            effect("snapshot_restored"),
            report.trace_hash.clone(),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}
