//! The state after a height whose block was pruned: made again from a snapshot of the node and the blocks of an archive, and an account read in it.

use std::path::Path;
use std::time::Duration;

use primitives::{Engine, Height};
use rpc::types::BlockId;
use storage::archive;

use crate::bucket::{QUICK_MS, TIME, params};
use crate::cluster::{Cluster, Node};
use crate::command::{Ended, run_in};
use crate::pay::Payer;
use crate::pruning::{PRUNES, oldest};

/// Blocks between a payment and what comes after it.
const APART: u64 = 4;
/// Longest time for a payment.
const PAID: Duration = Duration::from_secs(20);

/// Pays and gives the height of the payment.
async fn pay(node: &Node, payer: &mut Payer, amount: u64) -> u64 {
    let transaction = payer.pay(payer.stranger(5).address, amount);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    node.finalized(transaction.id()).await;
    let height = node.client().receipt(transaction.id()).await.expect("a receipt").height.0;
    node.reaches(height + APART, PAID).await;
    height
}

/// `tb snapshots rebuild` with the gate on.
fn rebuild(home: &Path, height: u64, path: &Path, words: &[&str]) -> Ended {
    let height = height.to_string();
    let fixed = ["snapshots", "rebuild", "--height", &height, "--path", path.to_str().expect("text")];
    run_in(home, &[&fixed[..], &["--set", "rollout.feature_gates.reconstruction=true"], words].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_a_pruned_height_is_made_again_from_a_snapshot_and_an_archive() {
    // What a proof adds is shown in `chain_proof.rs`.
    let _rebuilt = testkit::contract!("S000-010");
    let mut cluster = Cluster::with_params(Engine::Solo, 1, QUICK_MS, Some(params()));
    cluster.nodes[0].start();
    let node = &cluster.nodes[0];
    node.reaches(2, TIME).await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let (home, url, payee) = (node.home.clone(), node.ports.rpc_url(), payer.stranger(5).address);
    let first = pay(node, &mut payer, 7).await;
    let begun = node.client().make_snapshot().await.expect("a snapshot").height.0;
    let second = pay(node, &mut payer, 30).await;
    let third = pay(node, &mut payer, 500).await;
    assert!(first < begun && begun < second && second < third, "{first} {begun} {second} {third}");
    let root = cluster.folder().join("archive");
    let to = root.to_str().expect("text");
    run_in(&home, &["storage", "export", "--live", "--rpc", &url, "--to", to]).ok();
    let truth = node.client().block(BlockId::Height(Height(second))).await.expect("a block").hash;
    let counted = node.client().account(&payee).await.expect("an account").balance.micro();
    assert_eq!(counted, 537);

    // The blocks from the snapshot to the height go, the headers stay.
    cluster.nodes[0].stop();
    cluster.nodes[0].start_with(&PRUNES, &[]);
    oldest(&cluster.nodes[0], second + 1).await;
    cluster.nodes[0].stop();
    let (made, early) = (cluster.folder().join("at"), cluster.folder().join("early"));
    let named = format!("reconstruction.archive={to}");
    let off = run_in(&home, &["snapshots", "rebuild", "--height", "5"]).refused();
    assert_eq!((off.code.as_str(), off.exit), ("gate_off", 4), "{off:?}");
    let alone = rebuild(&home, second, &made, &[]).refused();
    assert_eq!((alone.code.as_str(), alone.exit), ("no_source", 5), "{alone:?}");
    let beyond = rebuild(&home, 100_000, &made, &["--set", &named]).refused();
    assert_eq!((beyond.code.as_str(), beyond.exit), ("pruned", 5), "{beyond:?}");
    let answer = rebuild(&home, second, &made, &["--set", &named]).ok();
    let blocks = second - begun;
    assert_eq!((&answer["block"], &answer["from"]), (&truth.to_string().into(), &begun.into()), "{answer}");
    for counted in ["replayed", "archived", "headers"] {
        assert_eq!(answer[counted], blocks, "{counted}: {answer}");
    }
    assert!(answer["proven_to"].is_null(), "nobody has proven this chain: {answer}");

    // It is a snapshot like every other one, and holds the account as it was.
    let at = |path: &Path, words: &[&str]| {
        run_in(&home, &[&["snapshots"], words, &["--path", path.to_str().expect("text")]].concat())
    };
    let verified = at(&made, &["verify"]).ok();
    assert_eq!((&verified["whole"], &verified["attested"]), (&true.into(), &true.into()), "{verified}");
    assert_eq!((&verified["height"], &verified["block"]), (&second.into(), &truth.to_string().into()), "{verified}");
    let balance = |path: &Path| at(path, &["account", &payee.to_string()]).ok()["balance"].clone();
    assert_eq!(balance(&made), 37, "neither 7 nor 537");
    // A height below every snapshot is executed from genesis on.
    let answer = rebuild(&home, first, &early, &["--set", &named]).ok();
    assert_eq!((&answer["from"], &answer["replayed"]), (&0.into(), &first.into()), "{answer}");
    assert_eq!(balance(&early), 7);
    let nobody = at(&early, &["account", &payer.stranger(6).address.to_string()]).refused();
    assert_eq!((nobody.code.as_str(), nobody.exit), ("not_found", 5), "{nobody:?}");

    // Another block of the right height and chain is found out, and nothing is left of the attempt.
    let (genesis, path) = (cluster.network.genesis.hash(), root.join(archive::name(Height(second))));
    let mut body = archive::open(&genesis, Height(second), &std::fs::read(&path).expect("a file")).expect("whole");
    let mut block = primitives::Block::from_bytes(&body.block).expect("a block");
    block.header.supply = primitives::Amount::ZERO;
    body.block = primitives::BoundedBytes::new(primitives::encode(&block)).expect("as long");
    std::fs::write(&path, archive::seal(&genesis, Height(second), &body).expect("small")).expect("a file");
    let wrong = rebuild(&home, second, &cluster.folder().join("wrong"), &["--set", &named]).refused();
    assert_eq!((wrong.code.as_str(), wrong.exit), ("wrong_body", 9), "{wrong:?}");
    assert!(!home.join("data/state.rebuilding").exists() && !cluster.folder().join("wrong").exists());
    cluster.check_no_panic();
}

/// The state of an earlier height is made again from blocks, and the chain proof that covers it is verified and says so; with the gate off nothing is.
pub fn is_made_again_below_a_proof(home: &Path, cache: &Path, height: Height) {
    let _rebuilt = testkit::contract!("S000-010");
    let (below, path) = ((height.0 - 1).to_string(), cache.join("state-below-the-proof"));
    let words = ["snapshots", "rebuild", "--height", &below, "--path", path.to_str().expect("text")];
    let off = run_in(home, &words).refused();
    assert_eq!(off.code, "gate_off", "{off:?}");
    let answer = run_in(home, &[&words[..], &["--set", "rollout.feature_gates.reconstruction=true"]].concat()).ok();
    assert_eq!((&answer["height"], &answer["proven_to"]), (&(height.0 - 1).into(), &height.0.into()), "{answer}");
    let whole = run_in(home, &["snapshots", "verify", "--path", path.to_str().expect("text")]).ok();
    assert_eq!((&whole["whole"], &whole["height"]), (&true.into(), &answer["height"]), "{whole}");
}
