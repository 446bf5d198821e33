//! Stores of the schemas that were shipped, in homes: the present one is read to the last value, an older one is backed up by the program
//! that wrote it.

use std::fs;
use std::path::{Path, PathBuf};

use cli::devnet::layout::Ports;
use primitives::{Hash, Height};
use rpc::types::BlockId;
use serde_json::Value;
use storage::columns::SCHEMA_VERSION;

use crate::cluster::{Node, START_TIME, Turn, free_base, until};
use crate::command::run_in;

/// What the shipped chain of schema 5 holds: its head, who was paid in it, and the payment.
const HEAD: u64 = 51;
const BLOCK: &str = "06d914ff86860daa4a444db44a511a5016ade0778e8f200c83d0ebd04f6644f4";
const PAYEE: &str = "tb1ncm3yqeyctwx4us664m7ksc0wdr5xmzr6a5jglerxmtdren5ek9q3q";
const DELEGATOR: &str = "tb1vzttq5m92adwx33xa096kqvf7kj2r20xl8fecqphp30ulqa6grpua4";
const PAYMENT: &str = "322b695fd194deda7b84c7549e1c7ea6dbc6fd300f9497ebdbc5bbd2efdb34f4";
/// Its oldest block, and its oldest header: what is between was pruned to headers.
const OLDEST: (u64, u64) = (26, 9);
/// A header without a block whose validators are still known.
const HEADER_WITH_SET: u64 = 16;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// A home with the store that was shipped with this schema.
fn shipped(folder: &Path, schema: u32) -> PathBuf {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/home_schema_{schema}"));
    assert!(
        fixture.exists(),
        "schema {schema} has no fixture: make {} with the program that writes it",
        fixture.display()
    );
    let home = folder.join(format!("home{schema}"));
    let genesis = fixture.join("genesis.json");
    run_in(&home, &["init", "--mode", "node", "--genesis", genesis.to_str().expect("text")]).ok();
    copy(&fixture.join("store"), &home.join("data/store"));
    home
}

/// A change of what is stored that leaves the number of the schema as it is ends here: this store was written before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_home_of_the_present_schema_is_read_to_the_last_value() {
    let _turn = Turn::take();
    let folder = tempfile::tempdir().expect("a folder");
    let home = shipped(folder.path(), SCHEMA_VERSION);
    let done = run_in(&home, &["migrate"]).ok();
    assert_eq!((&done["old_schema"], &done["changed"]), (&SCHEMA_VERSION.into(), &false.into()), "{done}");
    let verified = run_in(&home, &["storage", "verify"]).ok();
    let wanted = serde_json::json!([true, HEAD, BLOCK, OLDEST.0, OLDEST.1]);
    let found = ["whole", "height", "block", "oldest_height", "oldest_header"].map(|name| verified[name].clone());
    assert_eq!(Value::from(found.to_vec()), wanted, "{verified}");

    let ports = Ports::of(free_base(1), 0).expect("a base has ports");
    let mut node = Node::new(home.clone(), ports);
    node.start_with(&["--set", &format!("rpc.listen=127.0.0.1:{}", ports.rpc)], &[]);
    until("the shipped chain", START_TIME, async || node.height().await.filter(|height| *height == HEAD)).await;
    let client = node.client();
    let payee = client.account(&PAYEE.parse().expect("an address")).await.expect("an account");
    assert_eq!(payee.balance.micro(), 17_500_000);
    let receipt = client.receipt(PAYMENT.parse().expect("an id")).await.expect("a receipt");
    assert_eq!(receipt.height, Height(37));
    let url = ports.rpc_url();
    let staked = run_in(&home, &["stake", "show", DELEGATOR, "--rpc", &url]).ok();
    assert_eq!(staked["delegations"][0]["amount"], 50_000_000, "{staked}");
    let history = run_in(&home, &["account", "history", PAYEE, "--rpc", &url]).ok();
    assert!(history.to_string().contains(PAYMENT), "{history}");
    for height in OLDEST.0..=HEAD {
        let block = client.block(BlockId::Height(Height(height))).await.expect("a block that is kept");
        assert_eq!(block.header.height, Height(height));
    }
    for height in HEADER_WITH_SET..=HEAD {
        client.certified_block(BlockId::Height(Height(height))).await.expect("a header that is kept");
    }
    let head = client.block(BlockId::Height(Height(HEAD))).await.expect("a block").hash;
    assert_eq!(head, BLOCK.parse::<Hash>().expect("a hash"));
    node.stop();
}

#[test]
fn what_stands_in_the_way_of_a_migration_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = shipped(folder.path(), 4);
    let backups = folder.path().join("backups");
    let backup = ["backup", "create", "--path", backups.to_str().expect("text")];
    let refused = run_in(&old, &backup).refused();
    assert_eq!(refused.code, "old_schema", "{refused:?}");
    assert!(refused.hint.starts_with("make the backup with the program that wrote the store"), "{refused:?}");
    let nowhere = folder.path().join("nowhere");
    for words in [&["migrate"][..], &["storage", "verify"], &backup] {
        let refused = run_in(&nowhere, words).refused();
        assert_eq!((refused.code.as_str(), refused.exit), ("genesis_missing", 5), "{words:?}: {refused:?}");
        assert!(refused.hint.contains("--home"), "{refused:?}");
    }
    let told = run_in(&old, &["migrate"]);
    told.ok();
    assert!(told.stderr.contains(" of ") && told.stderr.contains("values of heights"), "{told:?}");
}
