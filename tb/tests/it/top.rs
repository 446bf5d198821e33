//! `tb top` at real nodes: one picture, lines of JSON, and a terminal.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use primitives::Engine;

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, until};
use crate::command::{run, tb, without_ours};

const PATIENCE: Duration = Duration::from_secs(15);

/// What a person sees; the others ask for JSON.
fn shown(words: &[&str]) -> Output {
    let mut command = tb();
    command.arg("top").args(words).stdin(Stdio::null()).output().expect("it runs")
}

fn once(node: &Node, words: &[&str]) -> crate::command::Ended {
    run(tb().args(["top", "--once", "--rpc", &node.ports.rpc_url()]).args(words))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_picture_says_what_the_node_says_at_any_size_of_the_screen() {
    let mut cluster = Cluster::new(Engine::Bft, 2, INTERVAL_MS);
    cluster.nodes.iter_mut().for_each(Node::start);
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    let picture = shown(&["--once", "--rpc", &node.ports.rpc_url()]);
    assert!(picture.status.success(), "{picture:?}");
    let picture = String::from_utf8(picture.stdout).expect("text");
    for word in ["READY", "height", "proposer", "waiting", "validators: 2", "peers: 1", "proofs", "alerts", "(this)"] {
        assert!(picture.contains(word), "{word} is missing in\n{picture}");
    }
    let view = once(node, &[]).ok();
    assert!(view["node"]["finalized_height"].as_u64() > Some(0), "{view}");
    assert_eq!(view["consensus"]["validators"].as_array().map(Vec::len), Some(2), "{view}");
    assert!(view["alerts"].is_null(), "{view}");

    let view = cli::top::gather(&node.client(), None).await.expect("a view");
    for (width, height) in [(0, 0), (1, 1), (7, 3), (40, 12), (80, 24), (400, 120), (3, 200), (300, 2)] {
        let text = cli::top::lines(&view, width, height);
        assert!(text.lines().count() < usize::from(height.max(1)), "{width}×{height}:\n{text}");
    }

    // Nobody there, no terminal: each by name.
    let gone = run(tb().args(["top", "--once", "--rpc", "http://127.0.0.1:1"])).refused();
    assert_eq!(gone.exit, 3, "{gone:?}");
    let blind = shown(&["--rpc", &node.ports.rpc_url()]);
    let said = String::from_utf8_lossy(&blind.stderr);
    assert!(blind.status.code() == Some(2) && said.contains("needs a terminal"), "{blind:?}");
    // A Prometheus that is gone takes nothing of the node's screen away.
    let deaf = once(node, &["--prometheus", "http://127.0.0.1:1"]).ok();
    let why = deaf["alerts_unknown"].as_str().expect("a reason");
    assert!(deaf["alerts"].is_null() && why.contains("127.0.0.1:1") && deaf["node"].is_object(), "{deaf}");
    let words = ["--once", "--rpc", &node.ports.rpc_url(), "--prometheus", "http://127.0.0.1:1"];
    let picture = String::from_utf8(shown(&words).stdout).expect("text");
    assert!(picture.contains("Prometheus does not answer") && picture.contains("validators: 2"), "{picture}");
    cluster.check_no_panic();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_shows_the_chain_moving_and_says_when_the_node_is_gone() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.nodes[0].start();
    let node = &mut cluster.nodes[0];
    node.ready(START_TIME).await;
    // `script` gives the program a terminal of its own.
    let line = format!(
        "stty cols 110 rows 34; {} top --interval 200ms --rpc {}",
        env!("CARGO_BIN_EXE_tb"),
        node.ports.rpc_url()
    );
    let mut command = Command::new("script");
    without_ours(&mut command);
    command.args(["-qfec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("script is part of every Debian");
    let drawn = Arc::new(Mutex::new(String::new()));
    let (mut output, shared) = (running.stdout.take().expect("piped"), Arc::clone(&drawn));
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(length @ 1..) = output.read(&mut bytes) {
            shared.lock().expect("nobody panics").push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    });
    let said = |word: &str| drawn.lock().expect("nobody panics").contains(word);
    until("the first picture", PATIENCE, async || said("validators").then_some(())).await;
    let length = drawn.lock().expect("nobody panics").len();
    let height = node.height().await.expect("it answers");
    node.reaches(height + 3, PATIENCE).await;
    until("another picture", PATIENCE, async || (drawn.lock().expect("nobody panics").len() > length).then_some(()))
        .await;
    node.stop();
    until("the silence", PATIENCE, async || said("NO ANSWER").then_some(())).await;
    running.stdin.take().expect("piped").write_all(b"q").expect("it reads");
    let ended = until("the end", PATIENCE, async || running.try_wait().expect("it is ours")).await;
    assert!(ended.success(), "{ended}: {}", drawn.lock().expect("nobody panics"));
    reader.join().expect("it only reads");
    // The screen of before is back.
    assert!(said("\u{1b}[?1049l"), "the terminal was left as it was drawn");
}
