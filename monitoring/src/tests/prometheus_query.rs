//! `scripts/prometheus_query` against a server that answers as Prometheus does.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

/// Starts a server for as many requests as there are answers; it returns the request lines.
fn server(answers: &'static [&'static str]) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let requests = thread::spawn(move || {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut first = String::new();
            reader.read_line(&mut first).expect("a request line");
            let mut line = String::new();
            while reader.read_line(&mut line).expect("a header") > 2 {
                line.clear();
            }
            seen.push(first.trim().to_owned());
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())
                .expect("the answer is taken");
        }
        seen
    });
    (url, requests)
}

fn script() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies below the root");
    let mut command = Command::new(root.join("scripts/prometheus_query"));
    command.env_remove("PROMETHEUS_URL");
    command
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn the_first_value_is_printed_or_no_data() {
    let _shown = testkit::contract!("S004-363");
    const TWO: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"[1,\"9\"]"},"value":[1795245303.122,"4.5"]},{"metric":{},"value":[1795245303.122,"7"]}]}}"#;
    const NONE: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    const SCALAR: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1795245303,"-Inf"]}}"#;
    let (url, requests) = server(&[TWO, NONE, SCALAR, TWO]);
    let ask = |arguments: &[&str]| said(&script().env("PROMETHEUS_URL", &url).args(arguments).output().expect("bash"));
    assert_eq!(ask(&["sum by (job) (up) > 1"]), (Some(0), "4.5".to_owned()));
    assert_eq!(ask(&["gone"]), (Some(0), "no data".to_owned()));
    assert_eq!(ask(&["scalar(up)"]), (Some(0), "-Inf".to_owned()));
    assert_eq!(ask(&["--raw", "up"]), (Some(0), TWO.to_owned()));
    let requests = requests.join().expect("the server ends");
    let lower = requests[0].to_lowercase();
    assert!(
        lower
            .replace('+', "%20")
            .starts_with("get /api/v1/query?query=sum%20by%20%28job%29%20%28up%29%20%3e%201 http/"),
        "{requests:?}"
    );
    assert!(requests[3].starts_with("GET /api/v1/query?query=up "), "{requests:?}");
}

#[test]
fn refusals_name_the_server_and_usage_is_told() {
    let (url, requests) = server(&[r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#]);
    let output = script().env("PROMETHEUS_URL", &url).arg("sum(").output().expect("bash");
    assert_eq!(said(&output), (Some(1), String::new()));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains(&url) && error.contains("parse error"), "{error}");
    requests.join().expect("the server ends");
    for arguments in [&[][..], &[""], &["a", "b"], &["--raw"]] {
        let output = script().args(arguments).output().expect("bash");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    // Nobody listens on a port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound");
    let output = script().env("PROMETHEUS_URL", format!("http://{free}")).arg("up").output().expect("bash");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("set PROMETHEUS_URL"));
}

#[test]
fn without_a_server_named_it_asks_the_default_one() {
    let _shown = testkit::contract!("S004-364");
    // A program of the name `curl` that only says what it was asked.
    let folder = std::env::temp_dir().join(format!("prometheus-query-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let curl = folder.join("curl");
    std::fs::write(
        &curl,
        "#!/bin/sh\nfor last; do :; done\nprintf '{\"status\":\"success\",\"value\":[1,\"%s\"]}' \"$last\"\n",
    )
    .unwrap();
    let mut rights = std::fs::metadata(&curl).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    std::fs::set_permissions(&curl, rights).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let output = script().env("PATH", &path).arg("up").output().expect("bash");
    assert_eq!(said(&output), (Some(0), "http://localhost:9090/api/v1/query".to_owned()));
    let output = script().env("PATH", &path).env("PROMETHEUS_URL", "http://other:1/").arg("up").output().expect("bash");
    assert_eq!(said(&output), (Some(0), "http://other:1/api/v1/query".to_owned()));
    std::fs::remove_dir_all(folder).unwrap();
}
