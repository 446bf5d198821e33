//! The page of a node over HTTP: with and without a token, what it tells, and what a browser may load.

use primitives::Engine;
use reqwest::Client;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};

const ALL: &str = "correct-horse-battery-staple";
const READER: &str = "a-token-for-reading-only";
/// The panels, in order.
const PANELS: [&str; 8] = ["chain", "alerts", "transactions", "blocks", "validators", "proofs", "peers", "storage"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_tells_what_the_routes_tell_and_asks_for_the_same_token() {
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    let node = &mut cluster.nodes[0];
    let file = node.home.join("rpc_tokens");
    std::fs::write(&file, format!("read reader {READER}\n")).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let words = ["--set", "rpc.tokens_file=rpc_tokens", "--set", "rpc.open_reads=false"];
    node.start_with(&words, &[("TB_RPC_AUTH_TOKEN", ALL)]);
    node.ready(START_TIME).await;
    let (url, http) = (node.ports.rpc_url(), Client::new());
    let get = async |path: &str, token: Option<&str>| {
        let mut request = http.get(format!("{url}{path}")).header("origin", "https://evil.example");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("an answer")
    };
    for path in ["/ui", "/ui/page.js", "/ui/page.css"] {
        assert_eq!(get(path, None).await.status().as_u16(), 401, "{path}");
        assert_eq!(get(path, Some(READER)).await.status().as_u16(), 403, "{path}");
    }
    let mut texts = Vec::new();
    for (path, kind) in
        [("/ui", "text/html; charset=utf-8"), ("/ui/page.js", "text/javascript"), ("/ui/page.css", "text/css")]
    {
        let answer = get(path, Some(ALL)).await;
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let header =
            |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text")).unwrap_or_default();
        assert_eq!(header("content-type"), kind);
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff", "no-store"));
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control")), "{path}");
        texts.push(answer.text().await.expect("text"));
    }
    let page = &texts[0];
    for id in PANELS {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id} is missing in\n{page}");
    }
    for word in ["The Block: dev", "READY", "finalized", "quorum ", "this node", "bits", "Read it again"] {
        assert!(page.contains(word), "{word} is missing in\n{page}");
    }
    assert!(!page.contains("not told: ") && !page.contains("<meta http-equiv"), "{page}");
    for file in &texts[1..] {
        assert!(!file.contains("http:") && !file.contains("https:"), "the page loads from elsewhere");
    }
    let again = get("/ui?refresh=10", Some(ALL)).await.text().await.expect("text");
    let asks = "<noscript><meta http-equiv=\"refresh\" content=\"10\">";
    assert!(again.contains(asks), "{again}");
    for wrong in ["/ui?refresh=1", "/ui?refresh=3601", "/ui?refresh=x", "/ui?every=10", "/ui/page.js?v=1"] {
        assert_eq!(get(wrong, Some(ALL)).await.status().as_u16(), 400, "{wrong}");
    }
    let metrics = get("/metrics", Some(ALL)).await.text().await.expect("text");
    assert!(metrics.contains("rpc_requests_total{route=\"/ui\",status=\"200\"} 2"), "{metrics}");
    cluster.check_no_panic();
}
