//! What `tb sim` does: from the words of the command line to the simulator, and its reports to files.
//!
//! Model: the simulator reads no file and no clock. Here scenarios become plans, a batch keeps its journal, and
//! reports are written as JSON, as a page and as a table.
//!
//! Rules
//! - The journal is appended to, one line for each run, and handed to the disk before the next one is counted.
//! - A folder for reports is made if it is not there; files in it are replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cli::{ExitCode, Failure, SimAnswer, SimNews, SimPlan, SimTask, SimWork};
use prover_service::stress::stress;
use serde::Serialize;
use sim::{Batch, Format, Plan, Report, Summary};

/// Longest journal that is read, bytes: a million runs of two kibibytes.
const JOURNAL_BYTES_MAX: u64 = 2 << 30;
/// Most runs that try to make a failing plan smaller.
const SHRINK_RUNS_MAX: usize = sim::shrink::RUNS_MAX;

type News<'a> = &'a mut dyn FnMut(SimNews<'_>);

/// Runs simulations.
pub fn run(work: &SimWork, news: News<'_>) -> Result<SimAnswer, Failure> {
    let plan = plan(&work.plan)?;
    let seeded = |seed: Option<u64>| match &plan {
        Some(plan) => Plan { seed: seed.unwrap_or(plan.seed), ..plan.clone() },
        None => Plan::of_seed(seed.unwrap_or(0)),
    };
    match &work.task {
        SimTask::Run { seed } => {
            let plan = seeded(*seed);
            if plan.seeds == 1 {
                return one(plan, work);
            }
            let batch = Batch { seeds: plan.seed..plan.seed.saturating_add(plan.seeds), plan: Some(plan) };
            many(&batch, None, work, news)
        }
        SimTask::Batch { first, count, journal } => {
            let batch = Batch { seeds: *first..first.saturating_add(*count), plan };
            many(&batch, journal.as_deref(), work, news)
        }
        SimTask::Shrink { seed } => shrink(&seeded(*seed), news),
        SimTask::Replay { seed, from, to } => {
            let report = sim::replay(seeded(*seed), *from, *to, |line| news(SimNews::Line(line)));
            Ok(answer(&report, report.verdict.to_string(), report.is_expected()))
        }
    }
}

fn plan(wanted: &SimPlan) -> Result<Option<Plan>, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::told(ExitCode::Usage, "scenario", error, "");
    match wanted {
        SimPlan::OfSeed => Ok(None),
        SimPlan::Profile(name) => sim::profile(name).map(Some).map_err(|error| refused(&error)),
        SimPlan::Scenario { path, text } => {
            let plan = Format::of_path(path).and_then(|format| Plan::read(text, format));
            plan.map(Some).map_err(|error| refused(&error))
        }
    }
}

fn answer(report: &impl Serialize, verdict: String, passed: bool) -> SimAnswer {
    let report = serde_json::to_value(report).expect("a report is plain data");
    SimAnswer { report, text: None, verdict, passed }
}

/// With `--proofs` the answer also says what proofs cost on this machine, under `proofs`, and fails when an altered one was taken.
fn proven(mut answer: SimAnswer, work: &SimWork) -> Result<SimAnswer, Failure> {
    let Some(windows) = work.proofs else { return Ok(answer) };
    let seed = answer.report.get("seed").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let found = stress(windows, seed).map_err(|error| {
        Failure::told(
            ExitCode::Unexpected,
            "proof_stress",
            error,
            "run: tb validator proofs preload --backend plonky3 --anew",
        )
    })?;
    if found.tamper_accepted > 0 {
        answer.passed = false;
        answer.verdict = format!("{} altered proofs were accepted", found.tamper_accepted);
    }
    if let Some(report) = answer.report.as_object_mut() {
        report.insert("proofs".to_owned(), serde_json::to_value(&found).expect("plain data"));
    }
    Ok(answer)
}

fn one(plan: Plan, work: &SimWork) -> Result<SimAnswer, Failure> {
    let name = title(&work.plan, &format!("seed {}", plan.seed));
    let (report, timeline) = sim::watch(plan);
    let answer = proven(answer(&report, outcome(&report), report.is_expected()), work)?;
    if let Some(folder) = &work.report {
        let page = sim::page::of_run(&name, &report, &timeline);
        write_reports(folder, &answer, &page, ("heights.csv", &sim::csv::of_run(&timeline)))?;
    }
    Ok(answer)
}

/// The verdict of one run; one that is no failure by itself but not what was expected says so.
fn outcome(report: &Report) -> String {
    match report.unmet.first() {
        Some(unmet) => format!("{} ({unmet})", report.verdict),
        None => report.verdict.to_string(),
    }
}

fn many(batch: &Batch, journal: Option<&Path>, work: &SimWork, news: News<'_>) -> Result<SimAnswer, Failure> {
    let (mut journal, done) = match journal {
        Some(path) => {
            let (journal, done) = Journal::open(path, batch)?;
            if !done.is_empty() {
                news(SimNews::Talk(&format!("{} holds {} of {} runs", path.display(), done.len(), batch.count())));
            }
            (Some(journal), done)
        }
        None => (None, Vec::new()),
    };
    let mut ended = u64::try_from(done.len()).unwrap_or(u64::MAX);
    let mut failed = 0;
    for report in done.iter().filter(|report| !report.is_expected()) {
        failed += 1;
        tell(report, news);
    }
    let mut lost = None;
    let reports = batch.run(done, work.jobs, |report| {
        if let Some(Err(failure)) = journal.as_mut().map(|journal| journal.append(report)) {
            lost = Some(failure);
            return false;
        }
        ended += 1;
        if !report.is_expected() {
            failed += 1;
            tell(report, news);
        }
        news(SimNews::Done { done: ended, count: batch.count(), failed });
        true
    });
    if let Some(failure) = lost {
        return Err(failure);
    }
    let summary = if batch.plan.is_some() { Summary::of(&reports) } else { Summary::of_seeds(&reports) };
    let unmet = summary.unmet.first().map(|unmet| format!("{} ({unmet})", summary.verdict));
    let said = summary.failed.first().map(outcome).or(unmet).unwrap_or_else(|| summary.verdict.clone());
    let answer = proven(answer(&summary, said, summary.is_expected()), work)?;
    if let Some(folder) = &work.report {
        let name = title(&work.plan, &format!("seeds {} to {}", batch.seeds.start, batch.seeds.end.saturating_sub(1)));
        let page = sim::page::of_batch(&name, &summary);
        write_reports(folder, &answer, &page, ("seeds.csv", &sim::csv::of_batch(&reports)))?;
    }
    Ok(answer)
}

fn tell(report: &Report, news: News<'_>) {
    let detail = report.detail.clone().unwrap_or_else(|| report.unmet.join("; "));
    news(SimNews::Failed { seed: report.seed, verdict: &report.verdict.to_string(), detail: &detail });
}

fn shrink(plan: &Plan, news: News<'_>) -> Result<SimAnswer, Failure> {
    let report = sim::run(plan.clone());
    if report.verdict.is_pass() {
        let what = format!("seed {} passes, so there is nothing to make smaller", plan.seed);
        return Err(Failure::usage(what, "name a seed or a scenario that fails"));
    }
    let shrunk = sim::shrink(plan, &report.verdict, SHRINK_RUNS_MAX, |so_far| {
        let (validators, faults) = (so_far.plan.validators, so_far.plan.faults.len());
        news(SimNews::Talk(&format!("run {}: {validators} validators, {faults} faults", so_far.runs)));
    });
    let text = shrunk.plan.to_toml();
    let json = serde_json::json!({
        "verdict": report.verdict, "trace_hash": shrunk.report.trace_hash, "runs": shrunk.runs, "scenario": text,
    });
    Ok(SimAnswer { text: Some(text), ..answer(&json, report.verdict.to_string(), true) })
}

fn title(plan: &SimPlan, runs: &str) -> String {
    match plan {
        SimPlan::OfSeed => format!("Simulation of {runs}"),
        SimPlan::Profile(name) => format!("{name}, {runs}"),
        SimPlan::Scenario { path, .. } => {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            format!("{name}, {runs}")
        }
    }
}

fn write_reports(folder: &Path, answer: &SimAnswer, page: &str, table: (&str, &str)) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|cause| Failure::disk(folder, &cause))?;
    let (name, table) = table;
    let json = format!("{:#}\n", answer.report);
    for (name, text) in [("summary.json", json.as_str()), ("index.html", page), (name, table)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|cause| Failure::disk(&path, &cause))?;
    }
    Ok(())
}

/// The journal of a batch.
struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal at `path`, and makes one that is not there; also the runs that it says are done.
    fn open(path: &Path, batch: &Batch) -> Result<(Self, Vec<Report>), Failure> {
        let disk = |cause: std::io::Error| Failure::disk(path, &cause);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(disk)?;
        file.try_lock().map_err(|_| {
            let what = format!("{} is in use by another simulation", path.display());
            Failure::new(ExitCode::Refused, "journal", what, "wait until it ends, or name another file")
        })?;
        let mut text = String::new();
        let size = file.metadata().map_err(disk)?.len();
        if size > JOURNAL_BYTES_MAX {
            let what = format!("{} has {size} bytes, a journal has at most {JOURNAL_BYTES_MAX}", path.display());
            return Err(Failure::new(ExitCode::Refused, "journal", what, "name another file"));
        }
        (&file).read_to_string(&mut text).map_err(disk)?;
        let refused = |error: sim::JournalError| {
            Failure::told(ExitCode::Refused, "journal", format!("{}: {error}", path.display()), "")
        };
        let (done, whole) = batch.read_journal(&text).map_err(refused)?;
        let mut journal = Self { file, path: path.to_owned() };
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        journal.file.set_len(whole).map_err(disk)?;
        journal.file.seek(SeekFrom::Start(whole)).map_err(disk)?;
        if whole == 0 {
            journal.line(&batch.journal_head())?;
        }
        Ok((journal, done))
    }

    fn append(&mut self, report: &Report) -> Result<(), Failure> {
        self.line(&serde_json::to_string(report).expect("a report is plain data"))
    }

    fn line(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.file.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|cause| Failure::disk(&self.path, &cause))
    }
}
