//! A node that speaks https, with certificates of clients, asked by the command line and by a node that takes its state.

use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use primitives::Engine;
use testkit::certificates::{Authority, Pair, Use};

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME, until};
use crate::command::{Ended, run, tb};
use crate::join::connected_to;
use crate::snapshots::empty;

fn text(path: &Path) -> &str {
    path.to_str().expect("our own folder")
}

/// `tb status` at this URL with these files.
fn status(url: &str, ca: Option<&PathBuf>, client: Option<&Pair>) -> Ended {
    let mut command = tb();
    command.args(["status", "--rpc", url]);
    if let Some(ca) = ca {
        command.arg("--ca-cert").arg(ca);
    }
    if let Some(pair) = client {
        command.arg("--client-cert").arg(&pair.cert).arg("--client-key").arg(&pair.key);
    }
    run(&mut command)
}

#[track_caller]
fn refused(ended: &Ended, words: &str) {
    let refusal = ended.refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (7, "tls"), "{ended:?}");
    assert!(ended.stdout.contains(words), "{words}: {ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_mutual_tls_answers_its_clients_and_nobody_else() {
    let _timeout = testkit::contract!("S004-078");
    let _variable = testkit::contract!("S004-080");
    let _family = testkit::contract!("S003-035");
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let folder = cluster.folder().to_owned();
    let [ours, foreign] = ["ours", "foreign"].map(|name| Authority::new(&folder, name));
    let server = ours.issue("server", Use::Server);
    let client = ours.issue("client", Use::Client);
    let environment = [
        ("TB_HTTP_TLS_CERT", text(&server.cert)),
        ("TB_HTTP_TLS_KEY", text(&server.key)),
        ("TB_HTTP_TLS_CLIENT_CA", text(&ours.ca)),
        ("TB_TLS_HANDSHAKE_TIMEOUT_MS", "700"),
    ];
    // A key of another certificate: refused by name before anything is opened.
    let wrong = [environment[0], ("TB_RPC_TLS_KEY", text(&client.key))];
    let refusal = cluster.nodes[0].start_refused(&[], &wrong).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (8, "tls"));

    cluster.nodes[0].start_with(&[], &environment);
    let port = cluster.nodes[0].ports.rpc;
    let url = format!("https://127.0.0.1:{port}");
    let answer = until("an answer over https", START_TIME, async || {
        Some(status(&url, Some(&ours.ca), Some(&client))).filter(|ended| ended.code == Some(0))
    });
    assert!(answer.await.ok()["finalized_height"].is_u64());
    // Without a file the bundled authorities of the web count, which are not ours.
    refused(&status(&url, None, Some(&client)), "an authority that is not trusted here");
    refused(&status(&url, Some(&foreign.ca), Some(&client)), "an authority that is not trusted here");
    refused(&status(&url, Some(&ours.ca), None), "asks for a client certificate");
    refused(&status(&url, Some(&ours.ca), Some(&foreign.issue("stranger", Use::Client))), "does not trust the client");
    let late = ours.issue("late", Use::ExpiredClient);
    refused(&status(&url, Some(&ours.ca), Some(&late)), "the client certificate has expired");
    let plain = status(&format!("http://127.0.0.1:{port}"), None, None).refused();
    assert_eq!(plain.exit, 3, "plain http is not answered");

    // A handshake that does not go on is closed when its time is over, not before.
    let start = Instant::now();
    let mut silent = TcpStream::connect(("127.0.0.1", port)).expect("the system takes it");
    silent.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
    assert_eq!(silent.read(&mut [0; 16]).expect("it is closed"), 0);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(600) && waited < Duration::from_secs(5), "{waited:?}");
    gives_its_state_over_https(&cluster, &url, &ours, &client).await;
    cluster.check_no_panic();
}

/// An empty node takes its state with the certificates of the command line, and not without them.
async fn gives_its_state_over_https(cluster: &Cluster, url: &str, ours: &Authority, client: &Pair) {
    let files = ["--ca-cert", text(&ours.ca), "--client-cert", text(&client.cert), "--client-key", text(&client.key)];
    let made = run(tb().args(["snapshots", "create", "--live", "--rpc", url]).args(files)).ok();
    let (mut late, _) = empty(cluster, "late");
    let mut words = connected_to(late.ports, &[], &[]);
    words.extend(["--state-sync", "--peer-url", url].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let refusal = late.start_refused(&words, &[]).refused();
    assert_eq!((refusal.exit, refusal.code.as_str()), (4, "state_sync"), "{refusal:?}");
    assert!(refusal.error.contains("an authority that is not trusted here"), "{refusal:?}");
    late.start_with(&[&words, &files[..]].concat(), &[]);
    late.reaches(made["height"].as_u64().expect("a height"), START_TIME).await;
    late.stop();
}
