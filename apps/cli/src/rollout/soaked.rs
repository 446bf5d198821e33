//! The questions about what the stage before has gone through: soak, epochs, incidents, interventions, hotfixes.
//!
//! Rules
//! - Time and epochs count for the release that is to run, so from the start of the process that runs it there.
//! - Incidents that nobody said the place of are unknown, and not none.

use config::ReleaseChannel;

use super::incident::Incident;
use super::judge::{Facts, Finding, SoakFacts, Verdict, finding, monitored, told, unknown};

/// It ran quietly for long enough.
pub(super) fn soak(hours: u64, facts: &Facts) -> Finding {
    let Some(soak) = &facts.soak else { return unknown("soak", "a node of the stage before with --soaked") };
    if soak.hours < hours {
        let found = format!("{} hours of this process on its chain, {hours} are wanted", soak.hours);
        return finding("soak", Verdict::Failed, found, "let the stage before run longer");
    }
    if let Err(finding) = soaked_build("soak", soak, facts) {
        return finding;
    }
    let monitoring = match monitored("soak", facts) {
        Ok(monitoring) => monitoring,
        Err(finding) => return finding,
    };
    let Some(pages) = monitoring.pages_in_soak else {
        return finding(
            "soak",
            Verdict::Unknown,
            unwatched(hours),
            "let Prometheus watch the stage before for so long",
        );
    };
    let found = format!("{} hours of this process on its chain, {pages} pages in the last {hours}", soak.hours);
    finding("soak", told(pages == 0), found, "find what paged, and begin the soak again")
}

/// Why nothing is known of the alerts of these hours.
pub(super) fn unwatched(hours: u64) -> String {
    format!("Prometheus did not watch each of its targets all the time of the last {hours} hours")
}

/// What is counted on the stage before is counted for the release that is to run.
fn soaked_build(check: &'static str, soak: &SoakFacts, facts: &Facts) -> Result<(), Finding> {
    let released = match &facts.release {
        None => return Err(unknown(check, "the folder of the release with --release")),
        Some(Err(error)) => {
            return Err(finding(check, Verdict::Unknown, error, "fetch the release again and verify it"));
        }
        Some(Ok(release)) => &release.commit,
    };
    if soak.commit.as_ref() == Some(released) {
        return Ok(());
    }
    let runs = soak.commit.as_deref().unwrap_or("no release");
    let found = format!("the stage before runs {runs}, and the release is {released}");
    let hint = "install the release there, and begin the soak again: tb release use DIR";
    Err(finding(check, Verdict::Failed, found, hint))
}

/// It finalized enough epochs.
pub(super) fn epochs(wanted: u64, facts: &Facts) -> Finding {
    let Some(soak) = &facts.soak else { return unknown("epochs", "a node of the stage before with --soaked") };
    let found = format!("{} epochs are final since this process runs on its chain, {wanted} are wanted", soak.epochs);
    if soak.epochs >= wanted
        && let Err(finding) = soaked_build("epochs", soak, facts)
    {
        return finding;
    }
    finding("epochs", told(soak.epochs >= wanted), found, "let the stage before run longer")
}

/// The incidents, where anybody said where they lie.
fn known<'f>(check: &'static str, facts: &'f Facts) -> Result<&'f [Incident], Finding> {
    let missing = "a home that exists with --home, or a folder that exists with --incidents";
    facts.incidents.as_deref().ok_or_else(|| unknown(check, missing))
}

/// Nothing that went wrong is open.
pub(super) fn incidents(facts: &Facts) -> Finding {
    let known = match known("incidents", facts) {
        Ok(known) => known,
        Err(finding) => return finding,
    };
    let open: Vec<String> = known
        .iter()
        .filter(|incident| incident.resolved.is_none())
        .map(|incident| format!("{} ({})", incident.number, incident.reason))
        .collect();
    let found = match open.len() {
        0 => format!("none is open, {} are resolved", known.len()),
        _ => format!("open: {}", open.join(", ")),
    };
    finding(
        "incidents",
        told(open.is_empty()),
        found,
        "find the cause, then: tb rollout incident resolve NUMBER --by WORDS",
    )
}

/// Somebody had to take a node of the stage before back within the epochs that are counted, or nobody knows at which height.
pub(super) fn interventions(stage: ReleaseChannel, wanted: u64, facts: &Facts) -> Finding {
    let check = "interventions";
    let Some(soak) = &facts.soak else { return unknown(check, "a node of the stage before with --soaked") };
    let known = match known(check, facts) {
        Ok(known) => known,
        Err(finding) => return finding,
    };
    let since = soak.height.0.saturating_sub(wanted.saturating_mul(soak.epoch_blocks));
    let is_within = |incident: &&Incident| {
        Some(incident.stage) == stage.before() && incident.height.is_none_or(|height| height.0 > since)
    };
    let within: Vec<String> = known.iter().filter(is_within).map(|incident| incident.number.to_string()).collect();
    let found = match within.len() {
        0 => format!("none since height {since}"),
        _ => format!("incidents since height {since}: {}", within.join(", ")),
    };
    finding(check, told(within.is_empty()), found, "let the stage before run for so many epochs without help")
}

/// What went wrong on the stage before is repaired, and somebody says where.
pub(super) fn hotfixes(stage: ReleaseChannel, facts: &Facts) -> Finding {
    let known = match known("hotfixes", facts) {
        Ok(known) => known,
        Err(finding) => return finding,
    };
    let of_before = known.iter().filter(|incident| Some(incident.stage) == stage.before());
    let named = |incident: &&Incident| incident.resolved.as_ref().is_some_and(|resolved| resolved.hotfix.is_some());
    let (done, left): (Vec<_>, Vec<_>) = of_before.partition(named);
    let numbers: Vec<String> = left.iter().map(|incident| incident.number.to_string()).collect();
    let found = match numbers.len() {
        0 => format!("each of {} incidents of the stage before names its branch", done.len()),
        _ => format!("no branch is named by the incidents {}", numbers.join(", ")),
    };
    finding(
        "hotfixes",
        told(left.is_empty()),
        found,
        "queue the repair, then: tb rollout incident resolve NUMBER --by WORDS --hotfix BRANCH",
    )
}
