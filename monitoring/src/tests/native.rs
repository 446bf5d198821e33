//! `make monitor`: the boards as one page, with a Prometheus and without one.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::BOARDS;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";
/// A label that would like to be markup.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies below the root").to_owned()
}

/// The page that the script draws; `name` keeps tests apart.
fn drawn(name: &str, prometheus: &str) -> String {
    let output = std::env::temp_dir().join(format!("native-monitor-{name}-{}.html", std::process::id()));
    let mut command = Command::new("python3");
    command.arg(root().join("scripts/native_monitor.py")).arg("--output").arg(&output).args(["--at", "1795245300"]);
    let done = command.env("PROMETHEUS_URL", prometheus).output().expect("python3");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(&output).expect("the page");
    std::fs::remove_file(output).expect("it was there");
    text
}

/// Every board and panel has its place, and nothing is loaded or run.
fn is_whole(page: &str) {
    for board in BOARDS {
        assert!(page.contains(&format!("<section id=\"{}\"", board.name)), "{}", board.name);
        for panel in board.panels {
            let title =
                panel.title.replace('&', "&amp;").replace('\'', "&#x27;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(page.contains(&format!(">{title}</h3>")), "{}: {}", board.name, panel.title);
        }
    }
    for word in ["<script", "<link", "src=\"", "@import", "url("] {
        assert!(!page.contains(word), "the page has {word}");
    }
}

fn answer(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut first, mut line) = (String::new(), String::new());
    if reader.read_line(&mut first).is_err() {
        return;
    }
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    let values = if first.starts_with("GET /api/v1/query_range?") {
        r#""values":[[1795245000,"1"],[1795245300,"1234"]]"#
    } else {
        r#""value":[1795245300,"1234"]"#
    };
    let body =
        format!(r#"{{"status":"success","data":{{"result":[{{"metric":{{"instance":"{HOSTILE}"}},{values}}}]}}}}"#);
    let mut stream = stream;
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}

#[test]
fn every_panel_is_drawn_with_its_values_and_no_label_becomes_markup() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    // It answers until the test ends.
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    let page = drawn("values", &url);
    is_whole(&page);
    let panels: usize = BOARDS.iter().map(|board| board.panels.len()).sum();
    let charts =
        BOARDS.iter().flat_map(|board| board.panels).filter(|panel| panel.shape == crate::Shape::Lines).count();
    assert!(charts > 50 && page.matches("<polyline").count() >= charts, "{charts} of {panels}");
    assert!(page.matches("1,234").count() > 20, "the values are told in words too");
    assert_eq!(page.matches("role=\"img\"").count(), charts);
    let rows = BOARDS.iter().flat_map(|board| board.panels).filter(|panel| panel.shape == crate::Shape::Row).count();
    assert_eq!(
        (page.matches("no data").count(), page.matches("class=row").count()),
        (0, rows),
        "a heading asks for no values"
    );
    assert!(!page.contains(HOSTILE) && page.contains("&lt;img src=x"), "{page}");
    assert!(page.contains(&format!("Values of {url}")));
}

#[test]
fn without_a_prometheus_the_page_is_whole_says_so_and_is_the_same_each_time() {
    let page = drawn("none", NOWHERE);
    is_whole(&page);
    assert!(page.contains(&format!("No values: {NOWHERE} does not answer.")) && page.contains("no data"), "{page}");
    assert_eq!(page, drawn("again", NOWHERE));
}

#[test]
fn the_commands_of_the_contract_draw_the_page_where_it_is_promised() {
    let run = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).current_dir(root()).env("PROMETHEUS_URL", NOWHERE).env("npm_config_offline", "true");
        command.output().ok().map(|done| (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned()))
    };
    let Some((made, said)) = run("make", &["monitor"]) else {
        testkit::lacks!("S004-179", "make");
        testkit::lacks!("S004-178", "make");
        testkit::lacks!("S003-049", "make");
        testkit::lacks!("S003-051", "make");
        return;
    };
    assert!(made, "{said}");
    let place = root().join("monitoring/output/index.html");
    let read = || std::fs::read_to_string(&place).expect("the page is there");
    let first = read();
    is_whole(&first);
    std::fs::remove_file(&place).expect("it was there");
    // The other spelling, which names no program but this one.
    let (made, said) = run("make", &["monitor", "--", "--native-monitor"]).expect("it was there");
    assert!(made, "{said}");
    assert_eq!(first, read());
    let _page = testkit::contract!("S004-179");
    let _native = testkit::contract!("S004-178");
    // The board about gossip: committed, asked of series that nodes serve, and drawn.
    let board = BOARDS.iter().find(|board| board.name == "network").expect("the board");
    assert!(board.panels.iter().any(|panel| panel.title == "Gossip fanout"));
    let committed = std::fs::read_to_string(root().join("monitoring/grafana/network.json")).expect("it is committed");
    assert!(committed == crate::files()["grafana/network.json"] && committed.contains("\"title\": \"Gossip fanout\""));
    for query in board.panels.iter().flat_map(|panel| panel.queries) {
        crate::query::labels(&crate::grafana::chosen(query.expr)).expect("series that nodes serve");
    }
    let _gossip = testkit::contract!("S003-049");
    // The board about telemetry itself, in the same way.
    let board = BOARDS.iter().find(|board| board.name == "telemetry").expect("the board");
    let titles: Vec<&str> = board.panels.iter().map(|panel| panel.title).collect();
    for title in ["Heights without a sample", "Samples that could not be encoded", "Spans lost", "Exports that failed"]
    {
        assert!(titles.contains(&title), "{titles:?}");
    }
    let committed = std::fs::read_to_string(root().join("monitoring/grafana/telemetry.json")).expect("it is committed");
    assert!(committed == crate::files()["grafana/telemetry.json"] && committed.contains("\"title\": \"Spans lost\""));
    for query in board.panels.iter().flat_map(|panel| panel.queries) {
        crate::query::labels(&crate::grafana::chosen(query.expr)).expect("series that nodes serve");
    }
    let _anomalies = testkit::contract!("S003-051");
    match run("npm", &["ci", "--prefix", "monitoring"]) {
        None => testkit::lacks!("S003-047", "npm"),
        Some((fetched, said)) => {
            assert!(fetched, "{said}");
            let (made, said) = run("make", &["monitor"]).expect("it was there");
            assert!(made && read() == first, "{said}");
            let _drawn = testkit::contract!("S003-047");
        }
    }
}
