//! An archive in a bucket: written by a running node, read by one that has pruned, and never believed.
//!
//! ```text
//!   node runs ── tb storage export --live ──► bucket        the same node prunes ── question ──► bucket ── judged by the header ──► answer
//! ```
//! The store is one of the test (`testkit::bucket`): it checks the signature of every request, and lies, fails and dies when it is told to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use primitives::params::StakingParams;
use primitives::{Engine, Height, Params};
use rpc::types::BlockId;
use storage::archive;
use testkit::bucket::{BUCKET, Bucket, KEY_ID, Manner, REGION, SECRET};

use crate::cluster::{Cluster, Node};
use crate::command::run_in;
use crate::pruning::{PRUNES, oldest, short};
use crate::reconstruction::{body, is_pruned};

/// Time between blocks, milliseconds.
pub const QUICK_MS: u64 = 40;
/// Blocks before the export.
const BLOCKS: u64 = 30;
/// Longest time for them.
pub const TIME: Duration = Duration::from_secs(30);

/// Blocks count as evidence for 24 heights, and headers stay for 400: whatever the machine does meanwhile, the header of an early height is there.
pub fn params() -> Params {
    let staking = StakingParams { unbonding_epochs: 160, trusting_epochs: 100, ..StakingParams::default() };
    Params { staking, ..short() }
}

/// A file with a key, its owner's alone.
fn key_file(home: &Path, name: &str, secret: &str) {
    let path = home.join(name);
    let text = format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// The configuration of the bucket, as an operator gives it.
pub fn configure(home: &Path, store: &Bucket) {
    key_file(home, "s3_credentials", SECRET);
    for (key, value) in [
        ("reconstruction.s3_allow_http", "true"),
        ("reconstruction.s3_endpoint", store.url.as_str()),
        ("reconstruction.s3_region", REGION),
        ("reconstruction.s3_credentials_file", "s3_credentials"),
    ] {
        run_in(home, &["config", "set", key, value]).ok();
    }
}

/// The node does not answer `pruned` when it does not know.
async fn is_not_known(node: &Node, height: u64) {
    let refused = node.client().block(BlockId::Height(Height(height))).await.expect_err("nobody answers");
    assert_eq!(refused.code(), "not_ready", "{refused}");
    assert!(refused.to_string().contains("the archive of this node does not answer"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_go_to_a_bucket_while_the_node_runs_and_come_back_once_they_are_pruned() {
    let mut store = Bucket::start();
    let mut cluster = Cluster::with_params(Engine::Solo, 1, QUICK_MS, Some(params()));
    cluster.nodes[0].start();
    let node = &cluster.nodes[0];
    node.reaches(BLOCKS, TIME).await;
    let (home, url) = (node.home.clone(), node.ports.rpc_url());
    configure(&home, &store);
    let to = format!("s3://{BUCKET}/main");
    let export =
        |words: &[&str]| run_in(&home, &[&["storage", "export", "--live", "--rpc", &url, "--to", &to], words].concat());

    // While the node runs. A second export writes nothing twice, and another key is refused by name.
    let exported = export(&["--to-height", "25"]).ok();
    assert_eq!((&exported["written"], &exported["missing"]), (&25.into(), &0.into()), "{exported}");
    let again = export(&["--to-height", "25"]).ok();
    assert_eq!((&again["written"], &again["kept"]), (&0.into(), &25.into()), "{again}");
    assert_eq!((store.objects().len(), store.refused()), (25, 0), "every request was signed");
    key_file(&home, "wrong_key", "another-secret-of-tests");
    let refused = export(&["--set", "reconstruction.s3_credentials_file=wrong_key"]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("archive_refused", 7), "{refused:?}");
    assert!(!refused.error.contains("secret-of-tests") && !refused.hint.contains("secret-of-tests"), "{refused:?}");
    let truth = (
        node.client().block(BlockId::Height(Height(12))).await.expect("a block"),
        node.client().block_events(BlockId::Height(Height(12))).await.expect("events"),
        body(node, Height(12)).await.expect("a body"),
    );

    // The same node prunes, and gives the blocks again.
    cluster.nodes[0].stop();
    let named = format!("reconstruction.archive={to}");
    let words = ["--set", "rollout.feature_gates.reconstruction=true", "--set", &named];
    cluster.nodes[0].start_with(&[&PRUNES[..], &words].concat(), &[]);
    let node = &cluster.nodes[0];
    oldest(node, 24).await;
    let found = (
        node.client().block(BlockId::Height(Height(12))).await.expect("it is in the bucket"),
        node.client().block_events(BlockId::Height(Height(12))).await.expect("events"),
        body(node, Height(12)).await.expect("a body"),
    );
    assert_eq!(
        (&found.0.hash, &found.0.header, &found.0.transactions),
        (&truth.0.hash, &truth.0.header, &truth.0.transactions)
    );
    assert_eq!((found.1, found.2), (truth.1, truth.2), "the same bytes");
    assert_eq!(node.metric("reconstruction_bodies_total").await, 1.0, "the others came out of memory");

    // A store that lies is found out, one that fails is named, and neither is taken for a height that nobody has.
    for (number, manner) in (1_u64..).zip([Manner::Flips, Manner::Swaps, Manner::Swells]) {
        store.behave(manner);
        is_pruned(node, Height(12 + number)).await;
        assert_eq!(node.metric("reconstruction_refused_total").await.to_string(), number.to_string(), "{manner:?}");
    }
    forged(&store, &cluster);
    store.behave(Manner::Serves);
    is_pruned(node, Height(16)).await;
    assert_eq!(node.metric("reconstruction_refused_total").await, 4.0, "the wrong body of the right height");
    store.behave(Manner::Broken);
    is_not_known(node, 17).await;
    store.stop();
    is_not_known(node, 18).await;
    assert_eq!(node.metric("reconstruction_unanswered_total").await, 2.0);
    let gone = export(&[]).refused();
    assert_eq!((gone.code.as_str(), gone.exit), ("archive_unanswered", 3), "{gone:?}");

    // The log names what was wrong; the secret is nowhere.
    let log = node.log();
    for named in [format!("{to}/{}", archive::name(Height(13))), format!("the archive {to} does not answer")] {
        assert!(log.contains(&named), "{named}");
    }
    let shown = run_in(&home, &["config", "show"]);
    assert!(shown.stdout.contains("s3_credentials") && !shown.stdout.contains(SECRET), "{shown:?}");
    assert!(!log.contains(SECRET) && !log.contains("Signature="), "no secret and no signature is logged");
    cluster.check_no_panic();
}

/// Puts a sound file of the right height and chain in the place of a file, with a block that the chain did not decide.
fn forged(store: &Bucket, cluster: &Cluster) {
    let genesis = cluster.network.genesis.hash();
    let name = format!("main/{}", archive::name(Height(16)));
    let bytes = store.objects().get(&name).cloned().expect("it was exported");
    let mut body = archive::open(&genesis, Height(16), &bytes).expect("whole");
    let mut block = primitives::Block::from_bytes(&body.block).expect("a block");
    block.header.supply = primitives::Amount::ZERO;
    body.block = primitives::BoundedBytes::new(primitives::encode(&block)).expect("as long");
    store.replace(&name, archive::seal(&genesis, Height(16), &body).expect("small"));
}
