//! The commands of the documents, run as they stand there.
//!
//! Model: every block of README.md, CONTRIBUTING.md, SECURITY.md and the files of `docs/` and `docs/runbooks/` that is
//! marked `sh` or `bash` is a script. The blocks of one document run in order, each in a shell of its own, with an empty
//! home directory, as on a machine where nobody has used the program yet. Words behind the language say more:
//!
//! ````text
//! ```sh keeps-running          a program that somebody stops at the end; the next block waits for its chain
//! ```sh in-clone               for people who change the code; scripts run, builds and chores are only looked up
//! ```sh fix                    mends what an alert is about; the drill of the alert runs it (`alert_remedies.rs`)
//! ```sh packaged               on a machine with the Debian package, as somebody who may use sudo; `package.rs` runs it
//! ```sh no-run: REASON         cannot run inside a test; at most one block in ten
//! ````
//!
//! A block of another language that holds a command is refused ([`fences`](crate::fences)): nothing is typed that nobody ran.
//!
//! A block that is typed in a clone would build everything again. Its scripts are run; of `cargo xtask` the command
//! line is checked by xtask itself (`--help` behind it), and of `cargo test -p` and the like that package, bench and example are there.
//!
//! What is not as on a reader's machine: `cargo run --release --` starts the program that was built already, and
//! free ports take the place of the default ones, so that a network that runs beside the tests disturbs nobody. A Prometheus of which no
//! alert fires stands for the one at `http://127.0.0.1:9090`, which is also `PROMETHEUS_URL`.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::devnet::layout::{BASE_PORT_DEFAULT, PORT_STEP, Ports};
use nix::sys::signal::{Signal, killpg};
use rpc::routes::{Method, ROUTES};
use tempfile::TempDir;

use crate::cluster::{Cluster, START_TIME, Turn, free_base, until};
use crate::command::{pid, without_ours};
use crate::fences;
use crate::rollout::Canned;

/// Words before every script. `dev` and `devnet` are given the free ports, which they would otherwise choose alike.
const PRELUDE: &str = r#"set -euo pipefail
shopt -s expand_aliases
tb() { case "${1:-}" in dev|devnet) command tb "$@" --base-port "$DOCUMENT_PORT" ;; *) command tb "$@" ;; esac; }
cargo() {
    if [ "${1:-} ${2:-} ${3:-}" != "run --release --" ]; then echo "a document may not run cargo $*" >&2; return 1; fi
    shift 3
    tb "$@"
}
"#;
/// Words before every script of a clone.
const CLONE_PRELUDE: &str = r#"set -euo pipefail
cargo() {
    case "${1:-}" in
        xtask) command cargo "$@" --help ;;
        fmt) command cargo fmt --version ;;
        test|clippy|check|bench|run)
            local words=" $* " package
            [[ $words =~ " -p "([a-z-]+)" " ]] || { echo "name the package: cargo $*" >&2; return 1; }
            package=${BASH_REMATCH[1]}
            command cargo pkgid --offline "$package"
            if [[ $words =~ " --"(bench|example)" "([a-z_]+)" " ]]; then
                command cargo metadata --offline --no-deps --format-version 1 | python3 -c '
import json, sys
targets = [target for package in json.load(sys.stdin)["packages"] if package["name"] == sys.argv[1] for target in package["targets"]]
sys.exit(not any(sys.argv[2] in target["kind"] and target["name"] == sys.argv[3] for target in targets))
' "$package" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" || { echo "there is no such target: cargo $*" >&2; return 1; }
            fi ;;
        *) echo "nobody checks cargo $*" >&2; return 1 ;;
    esac
}
target/tools/bin/cargo-deny() {
    if [ -x target/tools/bin/cargo-deny ]; then command target/tools/bin/cargo-deny "$@" --help; fi
}
"#;
/// Where documents look for a Prometheus.
const PROMETHEUS: &str = "http://127.0.0.1:9090";
/// Nodes whose default ports are replaced.
const NODES: u16 = 4;
/// Longest time for one block.
const BLOCK_TIME: Duration = Duration::from_secs(60);
/// Longest time for a program to stop after it was asked to.
const STOP_TIME: Duration = Duration::from_secs(20);
/// Of so many blocks one may be excused.
const EXCUSED_OF: usize = 10;

/// How a block is run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    ToItsEnd,
    KeepsRunning,
    InClone,
    Remedy,
    Packaged,
    Excused(String),
}

/// One block of commands.
#[derive(Debug, Clone)]
struct Block {
    place: String,
    way: Way,
    script: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies below the root").to_owned()
}

/// Every document with commands that readers type.
fn documents() -> Vec<String> {
    let mut paths = Vec::new();
    for folder in ["docs", DEPLOYMENT, RUNBOOKS] {
        let entries = std::fs::read_dir(root().join(folder)).expect("the folder of the documents");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name of text"));
        paths.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    paths.extend(["CONTRIBUTING.md", "README.md", "SECURITY.md"].map(str::to_owned));
    paths.sort();
    paths
}

/// The blocks of commands of a document, in order.
fn blocks(path: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut found = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some((number, info.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => {
                let (start, info, script) = open.take().expect("it is open");
                found.extend(block(&format!("{path}:{start}"), &info, script));
            }
            (None, Some((_, _, script))) => {
                script.push_str(line.trim_start());
                script.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{path}: a block is never closed");
    found
}

fn block(place: &str, info: &str, script: String) -> Option<Block> {
    let (language, words) = info.split_once(' ').unwrap_or((info, ""));
    assert!(!language.is_empty(), "{place}: say the language of the block, `text` if it is none");
    if !["sh", "bash"].contains(&language) {
        let typed = fences::typed(&script);
        assert!(
            typed.is_none(),
            "{place}: mark commands as `sh`, with `no-run: REASON` if they cannot run here: {typed:?}"
        );
        return None;
    }
    let way = match words.trim() {
        "" => Way::ToItsEnd,
        "keeps-running" => Way::KeepsRunning,
        "in-clone" => Way::InClone,
        "packaged" if place.starts_with(QUICKSTART) => Way::Packaged,
        // Here nothing is broken. A test of alerts.rs has a drill for each of them.
        "fix" if place.starts_with(RUNBOOKS) => Way::Remedy,
        other => match other.strip_prefix("no-run: ") {
            Some(reason) if reason.len() > 10 => Way::Excused(reason.to_owned()),
            _ => panic!(
                "{place}: {other:?} is neither `keeps-running`, `in-clone`, `packaged`, `fix` in a runbook nor `no-run: REASON`"
            ),
        },
    };
    Some(Block { place: place.to_owned(), way, script })
}

/// A machine on which nobody has used the program yet, and what runs there.
pub struct Machine {
    /// Its home directory.
    pub home: TempDir,
    base: u16,
    running: Vec<(String, Child)>,
    prometheus: Canned,
    _turn: Turn,
}

impl Machine {
    /// One with the program and nothing else.
    pub fn new() -> Self {
        let turn = Turn::take();
        let home = tempfile::tempdir().expect("a folder");
        let built = Path::new(env!("CARGO_BIN_EXE_tb"));
        for name in ["bin/tb", "clone/target/release/tb"] {
            let link = home.path().join(name);
            std::fs::create_dir_all(link.parent().expect("it has a folder")).expect("a folder");
            std::os::unix::fs::symlink(built, link).expect("a link");
        }
        std::os::unix::fs::symlink(root().join("scripts"), home.path().join("clone/scripts")).expect("a link");
        Self { home, base: free_base(NODES), running: Vec::new(), prometheus: Canned::firing(&[]), _turn: turn }
    }

    /// The ports of the first program that runs.
    pub fn ports(&self) -> Ports {
        Ports::of(self.base, 0).expect("they were free")
    }

    /// The script with free ports in place of the default ones.
    fn script(&self, block: &Block) -> String {
        let mut script = block.script.clone();
        // In two steps, because a free port may be the default one of another node.
        for offset in 0..NODES * PORT_STEP {
            script = script.replace(&(BASE_PORT_DEFAULT + offset).to_string(), &format!("@port{offset}@"));
        }
        for offset in 0..NODES * PORT_STEP {
            script = script.replace(&format!("@port{offset}@"), &(self.base + offset).to_string());
        }
        format!("{PRELUDE}{}", script.replace(PROMETHEUS, &self.prometheus.url))
    }

    fn bash(&self, block: &Block) -> Command {
        let ports = self.ports();
        let mut command = Command::new("bash");
        without_ours(&mut command);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(["-c", &self.script(block)])
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:{path}", self.home.path().join("bin").display()))
            .env("DOCUMENT_PORT", self.base.to_string())
            .env("PROMETHEUS_URL", &self.prometheus.url)
            .env("TB_RPC_URL", ports.rpc_url())
            .env("TB_RPC_LISTEN", format!("127.0.0.1:{}", ports.rpc))
            .env("TB_CONSENSUS_LISTEN", format!("/ip4/127.0.0.1/tcp/{}", ports.consensus))
            .env("TB_P2P_LISTEN", format!("/ip4/127.0.0.1/udp/{}/quic-v1", ports.p2p))
            .current_dir(self.home.path().join("clone"))
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    /// Runs a block to its end; it must succeed.
    fn run(&self, block: &Block) {
        let (out, err) = (self.home.path().join("out"), self.home.path().join("err"));
        let file = |path: &Path| std::fs::File::create(path).expect("a file");
        let mut child = self.bash(block).stdout(file(&out)).stderr(file(&err)).spawn().expect("bash is there");
        let status = ended(&mut child, BLOCK_TIME);
        if status != Some(true) {
            let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
            let how = if status.is_none() { "did not end" } else { "failed" };
            panic!("{} {how}:\n{}\n--- it printed\n{}\n{}", block.place, block.script, text(&out), text(&err));
        }
    }

    /// Starts a block that keeps running and waits until its node has a finalized block.
    async fn start(&mut self, block: &Block) {
        let log = std::fs::File::create(self.home.path().join(format!("log{}", self.running.len()))).expect("a file");
        let errors = log.try_clone().expect("a second handle");
        let child = self.bash(block).stdout(log).stderr(errors).spawn().expect("bash is there");
        self.running.push((block.place.clone(), child));
        // Programs that are started one after the other are nodes with the ports of the plan.
        let node = u16::try_from(self.running.len() - 1).expect("few programs");
        let url = format!("{}/blocks/latest", Ports::of(self.base, node).expect("they were free").rpc_url());
        until(&format!("a block after {}", block.place), START_TIME, async || {
            reqwest::get(&url).await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Presses Ctrl-C on everything that runs; each must stop in order.
    pub fn stop(&mut self) {
        for (place, mut child) in std::mem::take(&mut self.running).into_iter().rev() {
            killpg(pid(child.id()), Signal::SIGINT).expect("it runs");
            assert!(ended(&mut child, STOP_TIME).is_some(), "{place} did not stop");
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for (place, child) in &mut self.running {
            let _ = killpg(pid(child.id()), Signal::SIGTERM);
            let _ = ended(child, STOP_TIME);
            let _ = killpg(pid(child.id()), Signal::SIGKILL);
            eprintln!("--- {place} was still running");
        }
        if std::thread::panicking() {
            for number in 0..self.running.len() {
                let log = std::fs::read_to_string(self.home.path().join(format!("log{number}"))).unwrap_or_default();
                eprintln!("{log}");
            }
        }
    }
}

/// Whether it ended well; none when it did not end in time.
fn ended(child: &mut Child, limit: Duration) -> Option<bool> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return Some(status.success());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = killpg(pid(child.id()), Signal::SIGKILL);
    let _ = child.wait();
    None
}

/// The scripts of the quickstart for a machine with the package, in order.
pub fn packaged() -> Vec<String> {
    blocks(QUICKSTART).into_iter().filter(|block| block.way == Way::Packaged).map(|block| block.script).collect()
}

/// Runs a block in the root of the project, where its builds and chores are only looked up.
fn in_clone(block: &Block) {
    let script = format!("{CLONE_PRELUDE}{}", block.script);
    let out = Command::new("bash").args(["-c", &script]).current_dir(root()).stdin(Stdio::null()).output();
    let out = out.expect("bash is there");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        out.status.success(),
        "{} failed:\n{}\n--- it printed\n{}\n{}",
        block.place,
        block.script,
        text(&out.stdout),
        text(&out.stderr)
    );
}

async fn commands_run(path: &str) {
    let mut machine = Machine::new();
    commands_run_on(&mut machine, path).await;
    machine.stop();
}

/// Runs the blocks of a document that others do not run; what keeps running runs on.
pub async fn commands_run_on(machine: &mut Machine, path: &str) {
    for block in blocks(path) {
        match &block.way {
            Way::ToItsEnd => machine.run(&block),
            Way::KeepsRunning => machine.start(&block).await,
            Way::InClone | Way::Remedy | Way::Packaged => {}
            Way::Excused(reason) => eprintln!("{} is not run: {reason}", block.place),
        }
    }
}

/// The pages of the alerts. The first starts the network that all of them are about.
const RUNBOOKS: &str = "docs/runbooks";
/// The pages about rolling a build out.
const DEPLOYMENT: &str = "docs/deployment";

const HANDBOOK: &str = "docs/developer_handbook.md";
/// The page of which `package.rs` runs the blocks for a machine with the package.
const QUICKSTART: &str = "docs/validator_quickstart.md";
const TROUBLESHOOTING: &str = "docs/validator_troubleshooting.md";
/// Documents whose commands are run by a test of their own below; those of the recovery page by `large.rs`.
const WITH_TESTS: [&str; 7] =
    ["CONTRIBUTING.md", "README.md", "SECURITY.md", HANDBOOK, "docs/storage_recovery.md", QUICKSTART, TROUBLESHOOTING];

/// Makes the list of the other documents with commands, and a test for each that runs them and nothing else.
macro_rules! pages {
    ($($test:ident: $path:literal;)*) => {
        const PAGES: &[&str] = &[$($path),*];
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                commands_run($path).await;
            }
        )*
    };
}

pages! {
    the_commands_of_the_page_about_drills_run: "docs/chaos.md";
    the_commands_of_the_pages_about_rollout_run: "docs/deployment/staged_rollout.md";
    the_commands_of_the_page_about_observability_run: "docs/deployment_observability.md";
    the_commands_of_the_page_about_operations_run: "docs/operations.md";
    the_commands_of_the_page_about_proofs_run: "docs/proofs.md";
    the_commands_of_the_page_about_releases_run: "docs/releases.md";
    the_commands_of_the_page_about_remote_signers_run: "docs/remote_signer.md";
    the_commands_of_the_rpc_guide_run: "docs/rpc_cli_operator_guide.md";
}

/// The page that says how nodes are deployed and watched.
const PLAYBOOK: &str = "docs/deployment_observability.md";

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn is_linked(from: &str, to: &str) {
    assert!(read(from).contains(&format!("({to})")), "{from} does not link to {to}");
}

#[test]
fn documents_that_others_refer_to_are_there_and_their_links_lead_somewhere() {
    let _node = testkit::contract!("S002-001");
    let _roadmap = testkit::contract!("S002-005");
    let _strategy = testkit::contract!("S002-006");
    is_linked("docs/runbooks/prover.md", "../rpp_node_operator_guide.md");
    is_linked("README.md", "docs/deployment/staged_rollout.md");
    is_linked("README.md", "docs/operations.md");
    let pages = [
        "rpp_node_operator_guide",
        "roadmap_implementation_plan",
        "test_validation_strategy",
        "deployment_observability",
        "operations",
    ];
    let pages =
        pages.map(|name| format!("docs/{name}.md")).into_iter().chain(["docs/deployment/staged_rollout.md".to_owned()]);
    for page in pages {
        let (text, folder) = (read(&page), Path::new(&page).parent().expect("a folder").to_owned());
        assert!(text.lines().count() > 10, "{page}");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let target = root().join(&folder).join(link.split('#').next().expect("a path"));
            assert!(target.exists(), "{page}: {link} leads nowhere");
        }
    }
}

/// Without a turn of its own: cargo may have to wait for somebody who waits for a turn.
#[test]
fn the_commands_for_people_who_change_the_code_are_known() {
    for path in documents() {
        for block in blocks(&path) {
            let is_ours = block.way == Way::InClone;
            assert!(is_ours || !["CONTRIBUTING.md", "SECURITY.md"].contains(&path.as_str()), "{}", block.place);
            if is_ours {
                in_clone(&block);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_readme_run() {
    let mut machine = Machine::new();
    commands_run_on(&mut machine, "README.md").await;
    // Its first block is `devnet`: what a newcomer sees of it.
    let line = "height ";
    let printed = until("a status line of the devnet", START_TIME, async || {
        let text = std::fs::read_to_string(machine.home.path().join("log0")).ok()?;
        text.lines().any(|printed| printed.starts_with(line)).then_some(text)
    })
    .await;
    let row = |first: &str| {
        let found = printed.lines().find(|line| line.split_whitespace().next() == Some(first));
        found.map(|line| line.split_whitespace().collect::<Vec<_>>()).unwrap_or_else(|| panic!("{first}: {printed}"))
    };
    assert_eq!(row("NODE"), ["NODE", "ADDRESS", "PROCESS", "RPC", "METRICS"]);
    for node in 0..NODES {
        let url = Ports::of(machine.base, node).expect("they are taken").rpc_url();
        let row = row(&format!("node{}", node + 1));
        assert!(row[1].parse::<primitives::Address>().is_ok() && row[2].parse::<u32>().is_ok(), "{row:?}");
        assert_eq!(row[3..], [url.clone(), format!("{url}/metrics")]);
    }
    for number in 1..=10 {
        assert!(row(&format!("account-{number}"))[1].parse::<primitives::Address>().is_ok());
    }
    let status = printed.lines().rev().find(|printed| printed.starts_with(line)).expect("it was just there");
    let named: Vec<&str> = status.split(" · ").filter_map(|part| part.split_whitespace().next()).collect();
    assert_eq!(named[..5], ["height", "proven", "round", "block", "finality"], "{status}");
    assert!(status.contains(" tx/s · mempool "), "{status}");
    machine.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_developer_handbook_run() {
    let _shown = testkit::contract!("S003-207");
    let text = read(HANDBOOK);
    let (_, chapter) = text.split_once("\n## Simulation and chaos\n").expect("the chapter that guides link to");
    for step in ["tb sim --seeds", "tb sim --scenario", "tb devnet --scenario", "--replay", "--shrink", "sim/bugbase"] {
        assert!(chapter.contains(step), "{step}");
    }
    commands_run(HANDBOOK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_validator_quickstart_run() {
    let _shown = testkit::contract!("S000-001");
    is_linked(PLAYBOOK, "validator_quickstart.md");
    commands_run(QUICKSTART).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_validator_troubleshooting_run() {
    let _shown = testkit::contract!("S000-002");
    is_linked(PLAYBOOK, "validator_troubleshooting.md");
    // Each symptom names what proves it, and the section that says what to do.
    let text = read(TROUBLESHOOTING);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && line.contains("](#")).collect();
    assert!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        assert!(cells.len() == 3 && !cells[0].trim_matches('|').trim().is_empty() && !cells[1].is_empty(), "{row}");
        let (_, anchor) = cells[2].split_once("](#").expect("a link");
        let number = anchor.split('-').next().expect("a number");
        assert!(text.contains(&format!("\n## {number}. ")), "{row}");
    }
    commands_run(TROUBLESHOOTING).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_runbooks_run() {
    let mut machine = Machine::new();
    // The page that starts the network comes first by its name.
    for path in documents().iter().filter(|path| path.starts_with(RUNBOOKS)) {
        commands_run_on(&mut machine, path).await;
    }
    machine.stop();
}

#[test]
fn every_document_with_commands_is_run_and_few_blocks_are_excused() {
    let all: Vec<Block> = documents().iter().flat_map(|path| blocks(path)).collect();
    let mut with_commands: Vec<&str> = all
        .iter()
        .map(|block| block.place.split(':').next().unwrap_or_default())
        .filter(|path| !path.starts_with(RUNBOOKS))
        .collect();
    with_commands.sort_unstable();
    with_commands.dedup();
    let mut tested = [&WITH_TESTS[..], PAGES].concat();
    tested.sort_unstable();
    assert_eq!(with_commands, tested, "each document with commands has a test here");
    let excused: Vec<&Block> = all.iter().filter(|block| matches!(block.way, Way::Excused(_))).collect();
    assert!(
        excused.len() * EXCUSED_OF <= all.len(),
        "{} of {} blocks do not run: {excused:?}",
        excused.len(),
        all.len()
    );
}

/// Words of a script that name a file of the project: a path below one of its folders, and the scenario of a drill.
fn files_of_the_project(script: &str) -> Vec<&str> {
    let words: Vec<&str> = script.split_whitespace().collect();
    let is_below =
        |word: &str| word.split_once('/').is_some_and(|(top, _)| top != "target" && root().join(top).is_dir());
    let is_scenario = |at: usize| at > 0 && words[at - 1] == "--scenario";
    let named = words.iter().enumerate().filter(|(at, word)| is_scenario(*at) || (is_plain(word) && is_below(word)));
    named.map(|(_, word)| *word).collect()
}

/// Whether a word begins with a name: neither an absolute path nor one below here, nor something of the shell.
fn is_plain(word: &str) -> bool {
    word.starts_with(|char: char| char.is_ascii_alphanumeric())
}

#[test]
fn files_that_blocks_name_which_nobody_runs_are_in_the_project() {
    let mut count = 0;
    for block in documents().iter().flat_map(|path| blocks(path)) {
        if !matches!(block.way, Way::Excused(_)) {
            continue;
        }
        for file in files_of_the_project(&block.script) {
            assert!(root().join(file).is_file(), "{}: there is no {file}", block.place);
            count += 1;
        }
    }
    assert!(count > 5, "{count} files were looked for");
    let named = "tb devnet --scenario full.toml\nscripts/nothing.sh ./target/x /docs/y target/z docs/a.md";
    assert_eq!(files_of_the_project(named), ["full.toml", "scripts/nothing.sh", "docs/a.md"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_apis_lists_what_a_running_node_answers_about_itself() {
    let _shown = testkit::contract!("S003-056");
    let page = read("docs/apis_and_tooling.md");
    let (_, section) = page.split_once("\n## Metrics and telemetry APIs\n").expect("the section that guides link to");
    let listed: BTreeSet<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let about_itself = ["/health", "/metrics", "/observability/", "/status/", "/wallet/pipeline/"];
    let routes = || ROUTES.iter().filter(|route| about_itself.iter().any(|start| route.path.starts_with(start)));
    assert_eq!(listed, routes().map(|route| route.path).collect());
    let cluster = Cluster::solo().await;
    let http = reqwest::Client::new();
    for route in routes() {
        let url = format!("{}{}", cluster.nodes[0].ports.rpc_url(), route.path);
        let (asked, wanted) = match route.method {
            Method::Get => (http.get(url), 200),
            // Nothing is waited for without an id: it is there, and says what it lacks.
            Method::Post => (http.post(url).json(&serde_json::json!({})), 400),
        };
        assert_eq!(asked.send().await.expect("it answers").status().as_u16(), wanted, "{}", route.path);
    }
}

#[test]
fn the_security_page_documents_the_provenance_of_releases() {
    let _shown = testkit::contract!("S003-127");
    let page = read("docs/security_and_privacy.md");
    let (_, section) = page.split_once("\n## Release provenance\n").expect("the section that guides link to");
    use cli::release::{PARTS, PROGRAM, PROVENANCE, SIGNATURE, SUMS};
    for name in [PROGRAM, PARTS, SUMS, PROVENANCE, SIGNATURE, "tb release verify DIR", "TB_RELEASE_SIGNERS"] {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
    for link in ["../SECURITY.md", "../config/release_signers.txt", "releases.md"] {
        is_linked("docs/security_and_privacy.md", link);
        assert!(root().join("docs").join(link).exists(), "{link}");
    }
}
