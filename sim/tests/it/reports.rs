//! Reports: percentiles, journals that go on, pages and tables.

use sim::histogram::Histogram;
use sim::plan::Misbehaviour;
use sim::{Batch, JournalError, Plan, Report, Summary, run, run_seeds, watch};

/// A short run for tests that are about its report.
fn short(seed: u64) -> Plan {
    let text = "seed = 1\nvalidators = 4\ntraffic_per_second = 3\nfaults_ms = 4000\ncalm_heights = 3\n[[faults]]\n\
                at_ms = 2000\nfor_ms = 1500\nfault = { kind = \"crash\", node = 1, effects = 4 }\n";
    Plan { seed, ..Plan::from_toml(text).unwrap() }
}

#[test]
fn a_percentile_is_the_end_of_its_bucket() {
    let mut times = Histogram::default();
    assert_eq!(times.percentile(95), None);
    (0..100).for_each(|ms| times.add(ms));
    assert_eq!((times.percentile(50), times.percentile(95), times.percentile(100)), (Some(50), Some(95), Some(100)));
    times.add(20_100);
    assert_eq!((times.count(), times.percentile(100)), (101, Some(20_500)));
    let mut twice = times.clone();
    twice.merge(&times);
    assert_eq!((twice.count(), twice.percentile(50)), (202, times.percentile(50)));
}

#[test]
fn a_report_can_be_read_back() {
    let mut halted = Plan { beyond_bound: true, calm_heights: 1, ..short(1) };
    halted.dishonest.extend([(0, Misbehaviour::WithheldVotes), (1, Misbehaviour::WithheldVotes)]);
    let reports = [run(short(1)), run(halted)];
    assert!(!reports[1].verdict.is_pass());
    for report in reports {
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(Report::from_json(&text), Ok(report));
    }
    assert!(Report::from_json("{\"verdict\":\"fine\"}").is_err());
}

#[test]
fn a_fault_counts_from_the_moment_when_it_strikes() {
    let (report, timeline) = watch(short(2));
    assert_eq!(report.faults["crash"], 1);
    let since = timeline.faults[0].since_ms.unwrap();
    assert!((2_000..3_500).contains(&since), "{since}");
    assert_eq!(report.fault_ms["crash"], 3_500 - since);
    // It waits for an effect that never comes.
    let mut never = short(2);
    never.faults[0].fault = sim::plan::Fault::Crash { node: 1, effects: 1_000_000 };
    let (report, timeline) = watch(never);
    assert!(report.faults.is_empty() && report.fault_ms.is_empty());
    assert_eq!(timeline.faults[0].since_ms, None);
}

#[test]
fn watching_changes_nothing_and_sees_who_is_down() {
    let (report, timeline) = watch(short(3));
    assert_eq!(report, run(short(3)));
    assert_eq!(timeline.lanes.len(), 4);
    assert_eq!(timeline.lanes[0].up, [(0, timeline.end_ms)]);
    let crashed = &timeline.lanes[1].up;
    assert!(crashed.len() == 2 && crashed[0].1 < 3_500 && crashed[1].0 >= 3_500, "{crashed:?}");
    assert_eq!(u64::try_from(timeline.decided_ms.len()), Ok(report.height));
    assert!(report.recovery_ms["crash"] <= 2_000, "{:?}", report.recovery_ms);
}

#[test]
fn a_batch_goes_on_where_it_was_and_gives_the_same_summary() {
    let batch = Batch { seeds: 10..16, plan: Some(short(0)) };
    let mut journal = format!("{}\n", batch.journal_head());
    let whole = batch.run(Vec::new(), 2, |_| true);
    let mut left = 3;
    batch.run(Vec::new(), 2, |report| {
        journal.push_str(&format!("{}\n", serde_json::to_string(report).unwrap()));
        left -= 1;
        left > 0
    });
    let torn = format!("{journal}{{\"seed\":12,\"verd");
    let (done, bytes) = batch.read_journal(&torn).unwrap();
    assert_eq!((done.len(), bytes), (3, journal.len()));
    let mut ran = 0;
    let resumed = batch.run(done, 1, |_| {
        ran += 1;
        true
    });
    assert_eq!((ran, &resumed), (3, &whole));
    assert_eq!(Summary::of(&resumed), Summary::of(&whole));
}

#[test]
fn a_journal_of_something_else_is_refused() {
    let batch = Batch { seeds: 10..16, plan: Some(short(0)) };
    let head = batch.journal_head();
    assert_eq!(batch.read_journal(""), Ok((Vec::new(), 0)));
    assert_eq!(batch.read_journal(&head[..20]), Ok((Vec::new(), 0)), "a head that was torn");
    assert_eq!(batch.read_journal("# notes\n"), Err(JournalError::Foreign));
    assert_eq!(batch.read_journal("# notes"), Err(JournalError::Foreign));
    let other = Batch { seeds: 10..17, ..batch.clone() };
    assert!(matches!(other.read_journal(&format!("{head}\n")), Err(JournalError::OtherBatch(_))));
    let other = Batch { plan: Some(Plan { calm_heights: 4, ..short(0) }), ..batch.clone() };
    assert!(matches!(other.read_journal(&format!("{head}\n")), Err(JournalError::OtherBatch(_))));
    let damaged = batch.read_journal(&format!("{head}\n{{}}\n"));
    assert!(matches!(damaged, Err(JournalError::Damaged { line: 2, .. })), "{damaged:?}");
    let foreign = run(Plan { seed: 16, ..short(0) });
    let line = serde_json::to_string(&foreign).unwrap();
    assert!(matches!(batch.read_journal(&format!("{head}\n{line}\n")), Err(JournalError::Damaged { line: 2, .. })));
    let changed = Report { trace_hash: "0".repeat(64), seed: 12, ..foreign };
    let line = serde_json::to_string(&changed).unwrap();
    assert_eq!(batch.read_journal(&format!("{head}\n{line}\n")), Err(JournalError::OtherProgram { seed: 12 }));
}

#[test]
fn a_page_opens_alone_and_shows_everything() {
    let (report, timeline) = watch(Plan { seed: 4, ..short(4) });
    let page = sim::page::of_run("a <b> & \"c\"", &report, &timeline);
    assert!(page.contains("<h1>a &lt;b&gt; &amp; &quot;c&quot; <span class=\"good\">pass</span></h1>"), "{page}");
    for word in ["<svg", "validator 3", "crash 1", "last fault over", "Properties checked", &report.trace_hash] {
        assert!(page.contains(word), "{word}");
    }
    for outside in ["<script", "http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page reaches outside: {outside}");
    }
    let reports = run_seeds(0..3, 2, |_| {});
    let batch = sim::page::of_batch("three", &Summary::of(&reports));
    for kind in sim::plan::Fault::KINDS {
        assert!(batch.contains(&format!("<td>{}</td>", kind.replace('_', " "))), "{kind}");
    }
}

#[test]
fn tables_have_a_line_for_each_height_and_each_seed() {
    let (report, timeline) = watch(short(5));
    let table = sim::csv::of_run(&timeline);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "height,first_ms,validator_0_ms,validator_1_ms,validator_2_ms,validator_3_ms");
    assert_eq!(u64::try_from(lines.len()), Ok(report.height + 1));
    assert!(lines.iter().all(|line| line.split(',').count() == 6));
    let batch = sim::csv::of_batch(&[report.clone(), report]);
    let lines: Vec<&str> = batch.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
    assert!(lines[1].starts_with("5,pass,true,full_mesh,4,60"), "{}", lines[1]);
}
