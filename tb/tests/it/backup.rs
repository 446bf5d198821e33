//! A backup of a real home, checked, damaged, and brought back: the same state, the same files, and no old guard in silence.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use primitives::Engine;
use serde_json::Value;

use crate::cluster::{Cluster, INTERVAL_MS, START_TIME};
use crate::command::{COMMAND_TIME, Ended, run, run_in, tb};
use crate::pay::Payer;

const REASON: &str = "the disk was lost, the key signs nowhere else";

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

/// The overrides that the home was made with: names and values.
const OVERRIDE: (&str, &str) = ("TB_PEER_DB_PATH", "mine/peer_db");
const TRACKER: (&str, &str) = ("TB_PROOF_TRACKER_PATH", "mine/proof_tracker");

/// What else of a home nobody else has: one file of every store that a backup holds, below the home.
const ROWS: [&str; 7] = [
    "overlay/overlay_peers.json",
    OVERRIDE.1,
    "peer_db_quic",
    "peer_key_history",
    TRACKER.1,
    "le_portal/le_requests.log",
    "le_portal/evidence/0",
];

/// A command on a home with its overrides.
fn overridden(home: &Path, words: &[&str]) -> Ended {
    run(tb().args(words).arg("--home").arg(home).envs([OVERRIDE, TRACKER]))
}

fn restore(home: &Path, from: &Path, words: &[&str]) -> Ended {
    overridden(home, &[&["backup", "restore", "--from", text(from)], words].concat())
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_comes_back_from_its_backup_with_the_same_state() {
    let (_overrides, _tracker) = (testkit::contract!("S003-188"), testkit::contract!("S003-179"));
    let mut cluster = Cluster::new(Engine::Solo, 1, INTERVAL_MS);
    cluster.start_all();
    cluster.nodes[0].ready(START_TIME).await;
    let mut payer = Payer::funded(&cluster.network, 1);
    let to = payer.stranger(5).address;
    let transaction = payer.pay(to, 9);
    cluster.nodes[0].client().submit(&payer.request(&transaction)).await.expect("admitted");
    cluster.nodes[0].finalized(transaction.id()).await;
    let (home, ports) = (cluster.nodes[0].home.clone(), cluster.nodes[0].ports);
    let folder = cluster.folder().join("backups");

    // While the node runs, and once more when it is stopped.
    let words = ["backup", "create", "--path", text(&folder), "--rpc", &ports.rpc_url(), "--live"];
    let running = |words: &[&str]| overridden(&home, words).refused();
    let refused = running(&["backup", "create", "--path", text(&folder)]);
    assert_eq!(refused.code, "store_in_use", "{refused:?}");
    assert!(refused.hint.contains("tb backup create --live"), "{refused:?}");
    let refused = running(&["migrate", "--dry-run"]);
    assert!(refused.code == "store_in_use" && !refused.hint.contains("--live"), "{refused:?}");
    // The node of another home is not asked for a snapshot, which it would keep.
    let (other, genesis) = (cluster.folder().join("other_node"), cluster.network.root.join("genesis.json"));
    run_in(&other, &["init", "--mode", "node", "--genesis", text(&genesis)]).ok();
    assert_eq!(overridden(&other, &words).refused().code, "other_node");
    let left = cluster.nodes[0].client().snapshots().await.expect("a list").snapshots;
    assert!(left.is_empty(), "{left:?}");
    let live = overridden(&home, &words).ok();
    assert_eq!((&live["with_keys"], &live["guard_height"]), (&false.into(), &Value::Null), "{live}");
    cluster.nodes[0].stop();
    for row in ROWS.map(|row| home.join(row)).into_iter().filter(|row| !row.exists()) {
        fs::create_dir_all(row.parent().expect("the home")).expect("a folder");
        fs::write(&row, format!("{} as it was", row.display())).expect("a file");
    }
    fs::write(home.join("guard/overrides.log"), "an earlier reason\n").expect("it is ours");
    let made = overridden(&home, &["backup", "create", "--path", text(&folder), "--with-keys"]).ok();
    assert!(made["guard_height"].as_u64() >= made["height"].as_u64(), "{made}");
    let backup = PathBuf::from(made["path"].as_str().expect("a path"));
    run(tb().args(["backup", "verify", "--path"]).arg(&backup)).ok();

    keyless(cluster.folder(), Path::new(live["path"].as_str().expect("a path")));
    damage(&backup);
    refusals(cluster.folder(), &backup, &home);
    sealed(cluster.folder(), &home);

    // The home is lost, but for what the backup holds.
    let before = snapshot_id(&home);
    let lost = cluster.folder().join("lost");
    fs::rename(&home, &lost).expect("nobody uses it");
    let refused = restore(&home, &backup, &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("old_guard", 4), "{refused:?}");
    assert!(!home.join("validator_key.json").exists(), "nothing was written");
    cut_short(&home, &backup);
    let restored = restore(&home, &backup, &["--override-guard", REASON]).ok();
    assert_eq!(restored["height"], made["height"]);
    let notes = fs::read_to_string(home.join("guard/overrides.log")).expect("it is kept");
    let notes: Vec<&str> = notes.lines().collect();
    assert_eq!((notes.len(), notes[0]), (3, "an earlier reason"), "{notes:?}");
    assert!(notes[1..].iter().all(|note| note.contains(REASON)), "{notes:?}");
    assert_eq!(snapshot_id(&home), before, "the same state, to the byte");
    let own = ["validator_key.json", "node_key", "node.toml", "genesis.json", "guard/guard.log"];
    for name in own.iter().chain(&ROWS) {
        let was = fs::read(lost.join(name)).expect("it was there");
        assert_eq!(fs::read(home.join(name)).ok(), Some(was), "{name}");
    }
    cluster.nodes[0].start_with(&[], &[OVERRIDE, TRACKER]);
    let height = made["height"].as_u64().expect("a height");
    cluster.nodes[0].reaches(height + 1, START_TIME).await;
    let account = cluster.nodes[0].client().account(&to).await.expect("an account");
    assert_eq!(account.balance.micro(), 9);
    cluster.nodes[0].stop();
    lower_guard(&home, &backup);
    // What is there now is never written over.
    let again = restore(&home, &backup, &["--override-guard", REASON]).refused();
    assert_eq!(again.code, "store_not_empty", "{again:?}");
    cluster.check_no_panic();
}

/// A validator's backup without secrets is restored only where that is wanted, and says which backup it was.
fn keyless(folder: &Path, backup: &Path) {
    let home = folder.join("keyless");
    let refused = restore(&home, backup, &[]).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("without_keys", 4), "{refused:?}");
    assert!(!home.join("node.toml").exists(), "nothing was written");
    let restored = restore(&home, backup, &["--without-keys"]).ok();
    assert_eq!((&restored["with_keys"], &restored["path"]), (&false.into(), &text(backup).into()), "{restored}");
    assert!(home.join("node.toml").exists() && !home.join("validator_key.json").exists());
}

/// A restore that cannot be finished leaves the reason of its override and no guard, so that the next one asks again.
fn cut_short(home: &Path, backup: &Path) {
    // In the way of a file that is written after all others of a home.
    let obstacle = home.join("le_portal");
    fs::create_dir_all(home).expect("a folder");
    fs::write(&obstacle, "in the way").expect("it is ours");
    let failed = restore(home, backup, &["--override-guard", REASON]).refused();
    assert_eq!(failed.code, "disk", "{failed:?}");
    assert!(home.join("validator_key.json").exists(), "it was half done");
    assert!(fs::read_to_string(home.join("guard/overrides.log")).expect("it is kept").contains(REASON));
    assert!(!home.join("guard/guard.log").exists(), "the guard comes last");
    fs::remove_file(&obstacle).expect("it is ours");
    assert_eq!(restore(home, backup, &[]).refused().code, "old_guard");
}

/// A guard that is the lower one is named as such.
fn lower_guard(home: &Path, backup: &Path) {
    let guard = home.join("guard/guard.log");
    let whole = fs::read(&guard).expect("a guard");
    // Its head alone: nothing was signed.
    fs::write(&guard, &whole[..128]).expect("it is ours");
    let refused = restore(home, backup, &["--override-guard", REASON]).refused();
    assert_eq!(refused.code, "guard_differs", "{refused:?}");
    assert!(refused.error.contains("the guard of the home is the lower one"), "{refused:?}");
    fs::write(&guard, whole).expect("it is ours");
}

/// The id of the snapshot of a home's state.
fn snapshot_id(home: &Path) -> String {
    let made = run_in(home, &["snapshots", "create"]).ok();
    fs::remove_dir_all(home.join("snapshots")).expect("it is there");
    made["id"].as_str().expect("a hash").to_owned()
}

/// A sealed backup shows nothing without its password, and is brought back with it.
fn sealed(folder: &Path, home: &Path) {
    let (password, wrong) = (folder.join("backup_password"), folder.join("wrong_password"));
    for (path, words) in [(&password, "correct horse"), (&wrong, "battery staple")] {
        fs::write(path, words).expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
    let shelf = folder.join("sealed");
    let words =
        ["backup", "create", "--path", text(&shelf), "--with-keys", "--encrypt", "--password-file", text(&password)];
    killed(home, &shelf, &words);
    let busy = fs::File::open(shelf.join("lock")).expect("it stays");
    busy.try_lock().expect("nobody makes a backup");
    assert_eq!(overridden(home, &words).refused().code, "backup_in_use");
    drop(busy);
    let made = overridden(home, &words).ok();
    assert_eq!(fs::read_dir(&shelf).expect("a folder").count(), 2, "one backup and the lock: leftovers are gone");
    assert_eq!((&made["sealed"], &made["with_keys"]), (&true.into(), &true.into()), "{made}");
    let backup = PathBuf::from(made["path"].as_str().expect("a path"));
    let key = fs::read(home.join("validator_key.json")).expect("a key");
    hides(&backup, &key);
    let verify = |password: &Path| {
        run_in(&folder.join("work"), &["backup", "verify", "--path", text(&shelf), "--password-file", text(password)])
    };
    assert_eq!(verify(&password).ok()["sealed"], true);
    let refused = verify(&wrong).refused();
    assert_eq!((refused.code.as_str(), refused.exit), ("backup_locked", 7), "{refused:?}");
    for name in ["backup.json", "files/000000", "snapshot"] {
        let path = files(&backup).into_iter().find(|path| text(path).contains(name)).expect("a file");
        let good = fs::read(&path).expect("a file");
        let mut bad = good.clone();
        *bad.last_mut().expect("a tag") ^= 1;
        fs::write(&path, bad).expect("it is ours");
        assert_eq!(verify(&password).refused().code, "backup_refused", "{name}");
        fs::remove_file(&path).expect("it is ours");
        assert_ne!(verify(&password).refused().exit, 0, "{name} is missing");
        fs::write(&path, good).expect("it was there");
    }
    let back = folder.join("back");
    let words = ["--password-file", text(&password), "--override-guard", REASON];
    let restored = restore(&back, &shelf, &words).ok();
    assert_eq!(restored["height"], made["height"]);
    assert_eq!(fs::read(back.join("validator_key.json")).ok(), Some(key));
    assert!(!folder.join("work").exists(), "a check writes nothing");
}

/// No file below a folder holds the first bytes of a secret; of a long one the begin is looked at.
fn hides(folder: &Path, secret: &[u8]) {
    for path in files(folder) {
        let mut bytes = Vec::new();
        fs::File::open(&path).expect("a file").take(1 << 20).read_to_end(&mut bytes).expect("a file");
        assert!(!bytes.windows(64).any(|part| secret.windows(64).next() == Some(part)), "{}", path.display());
    }
}

/// A sealed backup that is killed half-way leaves no secret on any disk but that of the home.
fn killed(home: &Path, shelf: &Path, words: &[&str]) {
    // Long enough that the kill comes while it is copied, after all the keys.
    let long = home.join("le_portal/long");
    fs::File::create(&long).and_then(|file| file.set_len(2 << 30)).expect("a file with holes");
    let mut command = tb();
    command.args(words).arg("--home").arg(home).envs([OVERRIDE, TRACKER]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program was built");
    let deadline = Instant::now() + COMMAND_TIME;
    // The genesis file, node.toml, the public keys, then the validator key, and one more.
    let is_half = || shelf.exists() && files(shelf).iter().any(|path| path.ends_with("files/000005"));
    while !is_half() {
        assert!(Instant::now() < deadline && child.try_wait().expect("our child").is_none(), "it copies for a while");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("it is our child");
    child.wait().expect("it is our child");
    fs::remove_file(&long).expect("it is ours");
    let key = fs::read(home.join("validator_key.json")).expect("a key");
    let left = fs::read_dir(shelf).expect("a folder").map(|entry| entry.expect("an entry").path());
    let left: Vec<PathBuf> = left.filter(|path| path.is_dir()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    hides(&left[0], &key);
    hides(&home.join("data"), &key);
}

/// One altered byte of any file is found, and so is a file that is missing.
fn damage(backup: &Path) {
    for path in files(backup) {
        let good = fs::read(&path).expect("a file");
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        if let Some(byte) = bad.get_mut(middle) {
            *byte ^= 1;
            fs::write(&path, &bad).expect("it is ours");
            let refused = run(tb().args(["backup", "verify", "--path"]).arg(backup)).refused();
            assert_eq!(refused.exit, 9, "{}: {refused:?}", path.display());
        }
        fs::remove_file(&path).expect("it is ours");
        let refused = run(tb().args(["backup", "verify", "--path"]).arg(backup)).refused();
        assert_ne!(refused.exit, 0, "{}", path.display());
        fs::write(&path, &good).expect("it was there");
    }
    run(tb().args(["backup", "verify", "--path"]).arg(backup)).ok();
}

/// The list of a backup with another value, and its checksum again.
fn relisted(backup: &Path, change: impl FnOnce(&mut Value), check: impl FnOnce()) {
    let (path, sum) = (backup.join("backup.json"), backup.join("backup.json.b3"));
    let (good, good_sum) = (fs::read(&path).expect("a list"), fs::read(&sum).expect("a checksum"));
    let mut index: Value = serde_json::from_slice(&good).expect("JSON");
    change(&mut index);
    let altered = serde_json::to_vec(&index).expect("JSON");
    fs::write(&sum, blake3::hash(&altered).to_hex().as_str()).expect("it is ours");
    fs::write(&path, altered).expect("it is ours");
    check();
    fs::write(&path, good).expect("it is ours");
    fs::write(&sum, good_sum).expect("it is ours");
}

/// What a restore refuses by name, each with nothing written.
fn refusals(folder: &Path, backup: &Path, home: &Path) {
    let empty = folder.join("empty");
    let code = |ended: Ended| ended.refused().code;
    relisted(
        backup,
        |index| index["schema"] = 99.into(),
        || {
            assert_eq!(code(restore(&empty, backup, &["--override-guard", REASON])), "newer_schema");
        },
    );
    relisted(
        backup,
        |index| index["format"] = 2.into(),
        || {
            assert_eq!(code(restore(&empty, backup, &["--override-guard", REASON])), "other_format");
        },
    );
    relisted(
        backup,
        |index| index["files"][0]["belongs"] = serde_json::json!({ "home": "../outside" }),
        || {
            assert_eq!(code(restore(&empty, backup, &["--override-guard", REASON])), "backup_refused");
        },
    );
    let without = run_in(&empty, &["backup", "restore", "--override-guard", REASON, "--from", text(backup)]);
    assert_eq!(code(without), "partial_migration");
    let other = folder.join("other");
    run_in(&other, &["init", "--mode", "node"]).ok();
    fs::write(other.join("genesis.json"), other_genesis(home)).expect("it is ours");
    assert_eq!(code(restore(&other, backup, &["--override-guard", REASON])), "other_chain");
    assert!(!empty.join("genesis.json").exists() && !empty.join("data/store/store").exists(), "nothing was written");
    assert_eq!(code(restore(&empty, &folder.join("nothing"), &[])), "backup_missing");
}

/// The genesis file of a home under another name of the chain.
fn other_genesis(home: &Path) -> String {
    let text = fs::read_to_string(home.join("genesis.json")).expect("a genesis file");
    let mut genesis: Value = serde_json::from_str(&text).expect("JSON");
    genesis["chain_id"] = "another".into();
    genesis.to_string()
}
