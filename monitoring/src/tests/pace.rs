//! Rules at another pace are the same rules.

use crate::alerts::{AREAS, RECORDINGS};
use crate::pace::seconds;
use crate::{Pace, query};

const QUICK: Pace = Pace { divisor: 60, window_seconds_min: 4, lasting_seconds_min: 2 };

#[test]
fn windows_offsets_and_waits_are_shorter_and_nothing_else_is_changed() {
    assert_eq!(
        QUICK.expr("increase(a[2h]) < 0.5 * increase(a{b=\"[5m] offset 5m\"}[30m] offset 2h) and c > 0"),
        "increase(a[120s]) < 0.5 * increase(a{b=\"[5m] offset 5m\"}[30s] offset 120s) and c > 0"
    );
    assert_eq!(QUICK.expr("changes(a[1m]) == 0"), "changes(a[4s]) == 0", "a window has a floor");
    assert_eq!(["0m", "1m", "10m"].map(|text| QUICK.lasting(text)), ["0m", "2s", "10s"]);
    assert_eq!([seconds("90s"), seconds("2d"), seconds("m"), seconds("1m30s")], [Some(90), Some(172_800), None, None]);
}

#[test]
fn every_rule_parses_at_a_drills_pace_and_reads_the_same_series() {
    let exprs = AREAS.iter().flat_map(|area| area.alerts).map(|alert| alert.expr);
    for expr in exprs.chain(RECORDINGS.iter().map(|recording| recording.expr)) {
        let quick = QUICK.expr(expr);
        assert_eq!(query::series(&quick).expect("it parses"), query::series(expr).expect("it parses"), "{quick}");
        let has_time = expr.contains('[') || expr.contains("offset ");
        assert_eq!(quick == expr, !has_time, "every window and offset is shorter: {quick}");
        assert!(!quick.contains("m]") && !quick.contains("h]"), "{quick}");
    }
    let (quick, real) = (QUICK.rules(), Pace::REAL.rules());
    assert_eq!(quick.lines().count(), real.lines().count());
    for alert in AREAS.iter().flat_map(|area| area.alerts) {
        assert!(quick.contains(&format!("alert: {}\n", alert.name)));
        assert!(seconds(alert.lasting).is_some(), "{} waits for {}", alert.name, alert.lasting);
    }
    // What operators load has the durations as they are written.
    assert_eq!(real, crate::files()["alert.rules.yml"]);
}
