//! `tb devnet --scenario` and `--profile`: a drill on real processes, with a verdict and an artefact.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use primitives::{Engine, Timestamp};
use rpc::ExitCode;
use serde_json::{Value, json};

use crate::artefact::{self, Artefact, Metadata};
use crate::commands::genesis::now;
use crate::commands::sim::{VERDICT_CODE, read_scenario};
use crate::context::Context;
use crate::devnet::datagrams::Packets;
use crate::devnet::drill::disk::SmallDisk;
use crate::devnet::drill::run::{self, News, Outcome};
use crate::devnet::drill::summary::{Replayed, Summary};
use crate::devnet::drill::{Drill, DrillPlanner};
use crate::devnet::layout::{self, Network, Wanted};
use crate::exit::Failure;
use crate::output::{Output, duration_ms, fields};
use crate::simulation::SimPlan;
use crate::stop;

/// Milliseconds between two lines of status that nobody watches.
const STATUS_EVERY_MS: u64 = 5_000;

/// What a drill is run from.
pub struct Source {
    plan: SimPlan,
    replayed: Option<(Replayed, Metadata)>,
}

/// How a drill is run.
pub struct Options<'a> {
    /// What it is run from.
    pub source: Source,
    /// First port of the first node.
    pub base_port: Option<u16>,
    /// Target time between blocks, milliseconds.
    pub block_interval_ms: Option<u64>,
    /// The folder of artefacts.
    pub artifacts: &'a Path,
}

impl Source {
    /// A scenario file, or the artefact of a drill.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        if path.extension().is_some_and(|ending| ending == "zip") {
            let (text, metadata, blake3) = artefact::read(path)?;
            let replayed = Replayed { artefact: path.display().to_string(), blake3 };
            let plan = SimPlan::Scenario { path: PathBuf::from(format!("{}.toml", metadata.name)), text };
            return Ok(Self { plan, replayed: Some((replayed, metadata)) });
        }
        let plan = SimPlan::Scenario { path: path.to_owned(), text: read_scenario(path)? };
        Ok(Self { plan, replayed: None })
    }

    /// A built-in drill.
    pub fn profile(name: &str) -> Self {
        Self { plan: SimPlan::Profile(name.to_owned()), replayed: None }
    }
}

/// Runs a drill.
///
/// # Errors
/// [`Failure`] when it cannot be run, and for every verdict that is not as expected.
pub async fn run(options: Options<'_>, context: &Context, planner: Option<DrillPlanner>) -> Result<(), Failure> {
    let Options { source, base_port, block_interval_ms, artifacts } = options;
    let planner = planner.ok_or_else(|| {
        let what = "this program was built without drills";
        Failure::new(ExitCode::Refused, "not_in_this_version", what, "use the tb of a release")
    })?;
    let drill = planner(&source.plan)?;
    let mut stopping = stop::requested(false)?;
    let recorded_ms = source.replayed.as_ref().map(|(_, metadata)| metadata.block_interval_ms);
    let wanted = Wanted {
        engine: Engine::Bft,
        nodes: Some(drill.nodes),
        base_port,
        block_interval_ms: block_interval_ms.or(recorded_ms),
        params: None,
        gates: Vec::new(),
    };
    let root = context.home_or_below("drill");
    if !drill.small_disks().is_empty() {
        SmallDisk::check(&std::env::temp_dir().join(format!("tb-drill-{}", std::process::id())))?;
    }
    let network = layout::prepare(&root, &wanted, true)?;
    let started = now();
    let mut teller = Teller::new(&drill, context.output);
    teller.started(&network, source.replayed.as_ref().map(|(replayed, _)| replayed));
    let done = run::run(&drill, &network, &mut stopping, &mut |at_ms, news| teller.tell(at_ms, news)).await;
    teller.bar.finish_and_clear();
    let outcome = match done {
        Ok(outcome) => outcome,
        Err(failure) => {
            let summary = json!({ "name": drill.name, "verdict": "not run to its end", "detail": failure.error });
            let (path, _) =
                pack(&drill, &network, started, &teller, &[], &summary).write(artifacts, &drill.name, started.0)?;
            context.output.talk(format_args!("what there is of it is in {}", path.display()));
            return Err(failure);
        }
    };
    conclude(&drill, &network, source.replayed, outcome, Ending { started, teller, artifacts }, context.output)
}

/// What the end of a drill needs besides its outcome.
struct Ending<'a> {
    started: Timestamp,
    teller: Teller<'a>,
    artifacts: &'a Path,
}

fn conclude(
    drill: &Drill,
    network: &Network,
    replayed: Option<(Replayed, Metadata)>,
    outcome: Outcome,
    ending: Ending<'_>,
    output: Output,
) -> Result<(), Failure> {
    let Outcome { verdict, history, findings, metrics } = outcome;
    let mut summary = Summary::of(drill, &verdict, &history, findings);
    summary.replay_of = replayed.map(|(replayed, _)| replayed);
    let value = serde_json::to_value(&summary).expect("a summary is plain data");
    let Ending { started, teller, artifacts } = ending;
    let artefact = pack(drill, network, started, &teller, &metrics, &value);
    let (path, blake3) = artefact.write(artifacts, &drill.name, started.0)?;
    let event = json!({ "event": "summary", "summary": value, "artefact": path, "artefact_blake3": blake3 });
    output.event(&event, || format!("\n{}\nartefact  {}\nblake3    {blake3}", describe(&summary), path.display()));
    if summary.is_expected() {
        return Ok(());
    }
    let why = summary.unmet.join("; ");
    let detail = summary.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    Err(Failure::new(
        ExitCode::Unexpected,
        VERDICT_CODE,
        format!("the drill failed: {why}{detail}"),
        "look into the artefact: log.txt, logs and metrics; docs/chaos.md says how to read it",
    ))
}

fn pack(
    drill: &Drill,
    network: &Network,
    started: Timestamp,
    teller: &Teller<'_>,
    metrics: &[(String, String)],
    summary: &Value,
) -> Artefact {
    let line = |line: &crate::devnet::relay::Line| {
        let crate::devnet::relay::Line { from, to, delay_ms, jitter_ms, loss_ppm, duplicate_ppm } = line;
        format!("{from}-{to} {delay_ms}+{jitter_ms} ms, {loss_ppm} ppm lost, {duplicate_ppm} ppm twice")
    };
    let metadata = Metadata {
        block_interval_ms: network.shape.block_interval_ms,
        genesis_hash: network.genesis.hash().to_string(),
        lines: drill.lines.iter().map(line).collect(),
        ..Metadata::new(&drill.name, started.0)
    };
    let pretty = |value: &Value| format!("{value:#}\n");
    let mut artefact = Artefact::of(&network.root);
    artefact.add("scenario.toml", &drill.scenario);
    artefact.add("metadata.json", &pretty(&serde_json::to_value(&metadata).expect("metadata is plain data")));
    artefact.add("summary.json", &pretty(summary));
    artefact.add("log.txt", &teller.log);
    artefact.add("events.jsonl", &teller.events);
    artefact.add("genesis.json", &network.genesis.to_json());
    for node in &network.nodes {
        artefact.add_file(format!("logs/{}.log", node.name), &node.home.root().join("node.log"));
    }
    for (name, text) in metrics {
        artefact.add(name.as_str(), text);
    }
    artefact
}

/// Says what happens: a bar for a person who watches, lines for everybody else, and both kinds of log.
struct Teller<'a> {
    drill: &'a Drill,
    output: Output,
    bar: ProgressBar,
    log: String,
    events: String,
    next_status_ms: u64,
}

impl<'a> Teller<'a> {
    fn new(drill: &'a Drill, output: Output) -> Self {
        let bar = if output.is_watched() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("a fixed template that parses"));
        Self { drill, output, bar, log: String::new(), events: String::new(), next_status_ms: 0 }
    }

    fn started(&mut self, network: &Network, replayed: Option<&Replayed>) {
        let nodes: Vec<Value> = network
            .nodes
            .iter()
            .map(|node| json!({ "node": node.name, "rpc": node.ports.rpc_url(), "home": node.home.root() }))
            .collect();
        let drill = self.drill;
        let event = json!({
            "event": "started", "drill": drill.name, "nodes": nodes, "home": network.root,
            "genesis_hash": network.genesis.hash(), "healed_ms": drill.healed_ms(), "replay_of": replayed,
        });
        let again = replayed.map(|replayed| format!(", again from {} ({})", replayed.artefact, replayed.blake3));
        let text = format!(
            "drill {}: {} nodes, {} faults within {}{}",
            drill.name,
            drill.nodes,
            drill.faults.len(),
            duration_ms(drill.healed_ms()),
            again.unwrap_or_default()
        );
        self.say(&event, &text);
    }

    fn tell(&mut self, at_ms: u64, news: News<'_>) {
        let at = duration_ms(at_ms);
        match news {
            News::Begun => {
                self.say(
                    &json!({ "event": "begun" }),
                    "every node has a block; the times of the scenario count from here",
                );
            }
            News::Begins { number, what } => {
                let event = json!({ "event": "fault_begins", "at_ms": at_ms, "fault": number, "what": what });
                self.say(&event, &format!("{at}: {what} begins"));
            }
            News::Ends { number, what } => {
                let event = json!({ "event": "fault_ends", "at_ms": at_ms, "fault": number, "what": what });
                self.say(&event, &format!("{at}: {what} ends"));
            }
            News::Calm => {
                let wanted = self.drill.calm_heights;
                let event = json!({ "event": "calm", "at_ms": at_ms, "heights_wanted": wanted });
                self.say(&event, &format!("{at}: no fault is left; {wanted} more heights are wanted of every node"));
            }
            News::Status { active, heights } => self.status(at_ms, active, heights),
        }
    }

    fn status(&mut self, at_ms: u64, active: &[String], heights: &[Option<u64>]) {
        let shown: Vec<String> =
            heights.iter().map(|height| height.map_or("-".to_owned(), |height| height.to_string())).collect();
        let faults = if active.is_empty() { "no fault".to_owned() } else { active.join(", ") };
        let line = format!("{} · {faults} · heights {}", duration_ms(at_ms), shown.join(" "));
        if self.output.is_watched() {
            self.bar.tick();
            self.bar.set_message(line.clone());
        }
        if at_ms >= self.next_status_ms {
            self.next_status_ms = at_ms.saturating_add(STATUS_EVERY_MS);
            let event = json!({ "event": "status", "at_ms": at_ms, "active": active, "heights": heights });
            self.write(&event, &line);
            if !self.output.is_watched() {
                self.output.event(&event, || line);
            }
        }
    }

    fn say(&mut self, event: &Value, text: &str) {
        self.write(event, text);
        let output = self.output;
        self.bar.suspend(|| output.event(event, || text.to_owned()));
    }

    fn write(&mut self, event: &Value, text: &str) {
        self.log.push_str(text);
        self.log.push('\n');
        self.events.push_str(&event.to_string());
        self.events.push('\n');
    }
}

fn describe(summary: &Summary) -> String {
    let counted = |map: &std::collections::BTreeMap<String, u64>| {
        map.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let or_dash = |value: Option<u64>| value.map_or("-".to_owned(), duration_ms);
    let mut rows = vec![
        ("verdict", summary.verdict.clone()),
        ("height", summary.height.to_string()),
        ("calm heights", summary.calm_heights.to_string()),
        ("highest round", summary.round_max.to_string()),
        ("resumed after", or_dash(summary.resume_ms)),
        ("peers found again after", or_dash(summary.redialled_ms)),
        ("payments acknowledged", summary.acknowledged.to_string()),
        ("faults", counted(&summary.faults)),
        ("properties checked", counted(&summary.properties)),
    ];
    if let Some(Packets { carried, lost, doubled }) = summary.packets {
        rows.push(("packets", format!("{carried} between nodes, {lost} lost, {doubled} twice")));
    }
    if let Some(detail) = &summary.detail {
        rows.insert(1, ("detail", detail.clone()));
    }
    let recovered = summary.recoveries.iter().map(|recovery| {
        let (somebody, everybody) = (or_dash(recovery.somebody_ms), or_dash(recovery.everybody_ms));
        format!("  {}: somebody after {somebody}, everybody after {everybody}", recovery.what)
    });
    let recovered = recovered.collect::<Vec<_>>().join("\n");
    format!("{}\nnew blocks after each fault\n{recovered}", fields(&rows))
}
