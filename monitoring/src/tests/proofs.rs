//! What operators of provers were promised about proofs: what is recorded, and when who is told.

use crate::alerts::{RECORDINGS, all};
use crate::query::labels;
use crate::scenes::{Pager, SCENES};
use crate::{Alert, Severity};

fn alert(name: &str) -> &'static Alert {
    all().find(|alert| alert.name == name).expect("it is there")
}

fn recorded(name: &str) -> &'static str {
    RECORDINGS.iter().find(|recording| recording.name == name).expect("it is recorded").expr
}

#[test]
fn median_95th_percentile_and_mean_of_proving_are_recorded_for_each_backend_and_kind() {
    let _exported = testkit::contract!("S002-018");
    for (name, starts) in [
        ("instance:proof_generation_ms:p50_10m", "histogram_quantile(0.5,"),
        ("instance:proof_generation_ms:p95_10m", "histogram_quantile(0.95,"),
        ("instance:proof_generation_ms:mean_10m", "rate(rpp_runtime_proof_generation_latency_ms_sum"),
    ] {
        let expr = recorded(name);
        assert!(expr.starts_with(starts) && expr.contains("rpp_runtime_proof_generation_latency_ms_"), "{expr}");
        let found = labels(expr).expect("nodes serve it");
        assert!(found.contains("backend") && found.contains("proof"), "{name}: {found:?}");
    }
}

#[test]
fn slow_proving_warns_after_two_minutes() {
    let _shown = testkit::contract!("S002-030");
    let slow = alert("ProveSlow");
    assert_eq!((slow.severity, slow.lasting), (Severity::Warning, "2m"));
    assert_eq!(slow.expr, "instance:proof_generation_ms:p95_10m{proof=\"window\"} > 5500");
    assert!(recorded("instance:proof_generation_ms:p95_10m").starts_with("histogram_quantile(0.95,"));
}

#[test]
fn failures_without_a_recovery_are_critical() {
    let _shown = testkit::contract!("S002-032");
    let failing = alert("ProverFailing");
    assert_eq!(failing.severity, Severity::Critical);
    // The gauge is 0 after a failure until the recovery, and no window of time ends it.
    assert_eq!(failing.expr, "proof_backend_healthy == 0");
    let scene = SCENES.iter().find(|scene| scene.name == "a prover fails once and never comes back").expect("a scene");
    assert_eq!((scene.at, scene.pages), ("95m", [("ProverFailing", Pager::Nodes(&[1]))].as_slice()));
}

#[test]
fn the_first_tampered_proof_that_is_accepted_is_critical() {
    let _shown = testkit::contract!("S002-031");
    let accepted = alert("TamperedProofAccepted");
    assert_eq!((accepted.severity, accepted.lasting), (Severity::Critical, "0m"));
    assert_eq!(accepted.expr, "increase(proof_tampered_accepted_total[10m]) > 0");
}

#[test]
fn a_backend_that_keeps_failing_or_takes_seconds_is_told() {
    let _shown = testkit::contract!("S000-099");
    assert_eq!(alert("ProofBackendFailing").expr, "increase(rpp_runtime_proof_verification_failures_total[10m]) > 3");
    assert_eq!(alert("VerifySlow").expr, "instance:proof_verification_ms:p95_10m > 2000");
    for name in ["ProofBackendFailing", "VerifySlow"] {
        assert_eq!(alert(name).severity, Severity::Warning);
    }
}

#[test]
fn a_cache_at_its_capacity_is_told() {
    let _shown = testkit::contract!("S000-097");
    let full = alert("ProofCacheFull");
    assert_eq!(full.severity, Severity::Warning);
    let (refused, kept) = full.expr.split_once(" or on (instance, job) ").expect("either way");
    assert_eq!(refused, "increase(proof_refused_total{reason=\"tail_full\"}[10m]) > 0");
    assert_eq!(kept, "proof_windows_kept > 4000");
}
