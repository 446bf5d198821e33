//! A nightly build on its way: published where a cluster fetches it, brought onto the nodes one after the other, and taken back from the
//! one that does not come back with it.
//!
//! Four validators, so that the chain goes on while one of them is restarted. This test is their service manager: it restarts a
//! node when the command of that node asks for it, from `current` of its machine.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::devnet::layout::Ports;
use cli::release::info::STAMP_MARK;
use cli::release::{PROGRAM, sign};
use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, free_base, until};
use crate::command::{run, tb, without_ours};
use crate::signers::unsigned_with;

/// What runs, what is deployed, and what does not run at all.
const COMMITS: [&str; 3] = [
    "0123456789abcdef0123456789abcdef01234567",
    "89abcdef0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210fedcba98",
];
/// Longest deployment of the test.
const DEPLOY_TIME: Duration = Duration::from_secs(180);

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    without_ours(&mut command);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(name))
        .env("TB", env!("CARGO_BIN_EXE_tb"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a script ended, and all that it said.
type Told = (Option<i32>, String);

/// A place where releases are published, and a web server that shows it.
struct Place {
    folder: PathBuf,
    signers: PathBuf,
    key: PathBuf,
    url: String,
    server: Child,
}

impl Place {
    async fn open(folder: &Path) -> Self {
        let [place, signers, key] = ["published", "signers", "key"].map(|name| folder.join(name));
        let signer = sign::text_of(&sign::make_key(&key).expect("a key"));
        fs::write(&signers, format!("{signer} ours\n")).expect("a list");
        fs::create_dir(&place).expect("a folder");
        let port = Ports::of(free_base(1), 0).expect("free ports").rpc;
        let mut server = Command::new("python3");
        without_ours(&mut server);
        server.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"]).arg(&place);
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python3");
        let this = Self { folder: place, signers, key, url: format!("http://127.0.0.1:{port}"), server };
        let http = reqwest::Client::new();
        until("the web server", START_TIME, async || http.get(&this.url).send().await.ok().map(drop)).await;
        this
    }

    /// Publishes the release in a folder.
    fn publish(&self, release: &Path, key: Option<&Path>) -> Told {
        let mut command = script("publish_nightly.sh");
        command.args(["--to", text(&self.folder), "--signers", text(&self.signers), "--release", text(release)]);
        command.args(["--keep", "2"]);
        if let Some(key) = key {
            command.args(["--key", text(key)]);
        }
        let ended = command.output().expect("bash");
        (ended.status.code(), String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned())
    }

    fn latest(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("latest")).ok().map(|text| text.trim().to_owned())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A release of this commit around a program, as the nightly task leaves it.
fn release(folder: &Path, commit: &str, program: &[u8]) -> PathBuf {
    let folder = folder.join(commit);
    fs::create_dir(&folder).expect("a folder");
    unsigned_with(&folder, commit, program)
}

/// The validators, each with the folder of its machine's releases.
struct Machines {
    cluster: Cluster,
    list: PathBuf,
    environment: [(&'static str, String); 2],
    restarts: Vec<u32>,
}

impl Machines {
    /// Four that run the first release, and the list of them for the script.
    async fn start(mut cluster: Cluster, place: &Place, first: &Path) -> Self {
        let folder = cluster.folder().to_owned();
        let root = |index: usize| folder.join(format!("machine-{index}"));
        sign::sign(first, &place.key).expect("signed");
        run(tb().args(["release", "use", text(first), "--root", text(&root(0)), "--signers", text(&place.signers)]))
            .ok();
        let restart = folder.join("restart");
        fs::write(&restart, "touch \"$1/restart\"\nwhile [ -e \"$1/restart\" ]; do sleep 0.05; done\n")
            .expect("written");
        let mut list = "# the cluster of this test\n\n".to_owned();
        for (index, node) in cluster.nodes.iter().enumerate() {
            if index > 0 {
                let copied = Command::new("cp").arg("-al").args([root(0), root(index)]).status().expect("cp");
                assert!(copied.success());
            }
            // The first is asked through a program before the command, as another machine is through ssh.
            let via = if index == 0 { "env LANG=C bash -c" } else { "" };
            let (url, root, home) = (node.ports.rpc_url(), root(index), text(&node.home));
            let restart = format!("bash {} {home}", text(&restart));
            let line = [&format!("node-{index}"), &url, text(&root), &restart, via];
            list.push_str(&format!("{}\n", line.join("\t")));
        }
        let path = folder.join("cluster.tsv");
        fs::write(&path, list).expect("written");
        let samples = ("TB_ROLLOUT_TELEMETRY_SAMPLE_INTERVAL_MS", "200".to_owned());
        let environment = [("TB_RELEASE_SIGNERS", text(&place.signers).to_owned()), samples];
        let nodes = cluster.nodes.len();
        let environment_of: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (index, node) in cluster.nodes.iter_mut().enumerate() {
            node.start_program(&root(index).join("current").join(PROGRAM), &environment_of);
        }
        cluster.all_ready().await;
        Self { cluster, list: path, environment, restarts: vec![0; nodes] }
    }

    fn root(&self, index: usize) -> PathBuf {
        self.cluster.folder().join(format!("machine-{index}"))
    }

    /// The commit that a link of a machine names.
    fn linked(&self, index: usize, name: &str) -> String {
        let target = fs::read_link(self.root(index).join(name)).expect("a release");
        target.file_name().and_then(|name| name.to_str()).expect("text").to_owned()
    }

    /// Deploys what the place has published last, and restarts what is to be restarted meanwhile.
    fn deploy(&mut self, place: &Place, patience: &str) -> Told {
        let mut command = script("deploy_nightly.sh");
        command.args(["--from", &place.url, "--cluster", text(&self.list), "--signers", text(&place.signers)]);
        let mut child = command.args(["--patience", patience]).spawn().expect("bash");
        let deadline = Instant::now() + DEPLOY_TIME;
        let status = loop {
            if let Some(status) = child.try_wait().expect("ours") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
            }
            self.serve();
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut said = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (status.code(), said)
    }

    /// Restarts each node that was asked to, whatever it does when it is started.
    fn serve(&mut self) {
        for index in 0..self.restarts.len() {
            let asked = self.cluster.nodes[index].home.join("restart");
            if !asked.exists() {
                continue;
            }
            let program = self.root(index).join("current").join(PROGRAM);
            let environment: Vec<(&str, &str)> =
                self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let node = &mut self.cluster.nodes[index];
            node.ask_to_stop();
            node.ended(Duration::from_secs(15));
            node.start_program(&program, &environment);
            self.restarts[index] += 1;
            fs::remove_file(&asked).expect("it is there");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nightly_build_is_published_and_brought_onto_a_cluster_and_one_that_does_not_run_is_taken_back() {
    let _nightly = testkit::contract!("S001-022");
    let cluster = Cluster::new(Engine::Bft, 4, INTERVAL_MS);
    let folder = cluster.folder().to_owned();
    let place = Place::open(&folder).await;
    // The program that was built here, with the stamp of a commit behind its end, where no loader looks.
    let program = fs::read(env!("CARGO_BIN_EXE_tb")).expect("it was built");
    let stamped = |commit: &str| [&program[..], format!("{STAMP_MARK}{commit}\n").as_bytes()].concat();
    let first = release(&folder, COMMITS[0], &stamped(COMMITS[0]));
    let second = release(&folder, COMMITS[1], &stamped(COMMITS[1]));
    let broken = release(&folder, COMMITS[2], format!("#!/bin/sh\nexit 7\n# {STAMP_MARK}{}\n", COMMITS[2]).as_bytes());
    let mut machines = Machines::start(cluster, &place, &first).await;

    refuses_to_publish(&place, &second, &folder);
    assert_eq!(place.publish(&first, None).0, Some(0));
    let (code, said) = place.publish(&second, Some(&place.key));
    assert!(code == Some(0) && said.contains(&format!("published {} at", COMMITS[1])), "{said}");
    assert_eq!(place.latest().as_deref(), Some(COMMITS[1]));
    assert!(!second.join("provenance.json.sig").exists(), "what the task left is as it was");

    reaches_every_node(&mut machines, &place).await;
    does_not_run(&mut machines, &place, &broken).await;
    machines.cluster.check_one_history().await;
}

/// A release that nobody of the list signed is not published.
fn refuses_to_publish(place: &Place, release: &Path, folder: &Path) {
    let (code, said) = place.publish(release, None);
    assert!(code == Some(1) && said.contains("lacks provenance.json.sig"), "{said}");
    let foreign = folder.join("foreign");
    sign::make_key(&foreign).expect("a key");
    let (code, said) = place.publish(release, Some(&foreign));
    assert!(code == Some(1) && said.contains("signer_unknown"), "{said}");
    assert_eq!(place.latest(), None, "nothing is there");
}

/// One node after the other runs it; the chain goes on, and a second deployment has nothing to do.
async fn reaches_every_node(machines: &mut Machines, place: &Place) {
    let before = machines.cluster.highest().await;
    let (code, said) = machines.deploy(place, "60");
    assert!(code == Some(0) && said.contains("OK: every node of"), "{said}");
    assert_eq!(machines.restarts, [1; 4], "{said}");
    for index in 0..4 {
        assert!(said.contains(&format!("node-{index}: runs {}", COMMITS[1])), "{said}");
        assert_eq!(machines.linked(index, "current"), COMMITS[1]);
        assert_eq!(machines.linked(index, "previous"), COMMITS[0]);
        assert!(!machines.root(index).join("incoming").exists(), "nothing is left over");
        let node = &machines.cluster.nodes[index];
        assert!(node.metric("release_attestation_valid").await > 0.5, "it runs what the signer made");
    }
    machines.cluster.level(START_TIME).await;
    assert!(machines.cluster.highest().await > before + 4, "the chain went on");
    let (code, said) = machines.deploy(place, "60");
    assert!(code == Some(0) && said.matches("runs 89abcdef").count() == 5 && said.contains("already"), "{said}");
    assert_eq!(machines.restarts, [1; 4], "nobody was restarted for nothing");
}

/// One whose bytes were changed on the way is refused before anything is touched; one that does not run is taken back from the first node,
/// and the others never see it.
async fn does_not_run(machines: &mut Machines, place: &Place, broken: &Path) {
    let (code, said) = place.publish(broken, Some(&place.key));
    assert_eq!(code, Some(0), "{said}");
    assert!(!place.folder.join(COMMITS[0]).exists(), "two are kept");
    let published = place.folder.join(COMMITS[2]).join(PROGRAM);
    let good = fs::read(&published).expect("published");
    fs::write(&published, [&good[..], b"!"].concat()).expect("written");
    let (code, said) = machines.deploy(place, "8");
    assert!(code == Some(1) && said.contains("FAILED: node-0 refuses"), "{said}");
    assert_eq!((machines.restarts[0], machines.linked(0, "current").as_str()), (1, COMMITS[1]));

    fs::write(&published, good).expect("written");
    fs::set_permissions(&published, PermissionsExt::from_mode(0o755)).expect("ours");
    let (code, said) = machines.deploy(place, "8");
    assert!(code == Some(1) && said.contains("FAILED: node-0 did not come back"), "{said}");
    assert!(said.contains("runs its previous release again"), "{said}");
    assert_eq!(machines.restarts, [3, 1, 1, 1], "the first was restarted with it and without it");
    for index in 0..4 {
        assert_eq!(machines.linked(index, "current"), COMMITS[1]);
    }
    let height = machines.cluster.highest().await;
    for node in &machines.cluster.nodes {
        node.ready(START_TIME).await;
        node.reaches(height + 3, START_TIME).await;
    }
}
