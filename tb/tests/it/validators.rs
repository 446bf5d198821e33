//! Validators that earn their place and lose it: a newcomer that comes and goes, and one that signs twice.
//!
//! The chain's clock is shrunk: epochs of eight blocks, an hour of timetoke in three seconds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cli::commands::proof::verify_identity;
use cli::devnet::layout::Ports;
use primitives::{Address, Engine, Hash, Height, Params, VrfPublicKey};
use rpc::types::{AuditEvidence, AuditQuery, AuditStream, BlockId, IdentityProof, ValidatorState};
use serde_json::{Value, json};

use crate::cluster::{Cluster, INTERVAL_MS, Node, START_TIME, free_base, until};
use crate::command::{run, run_in, tb, tb_as, without_ours};
use crate::faults::twin_of_last;
use crate::join::{connected, start};
use crate::offences::{offenders_are_reported, strangers_publish_nothing};
use crate::outsider::{a_quarantine_holds_against_peers, a_wrong_timetoke_root_is_found, tiers_hold_against_peers};
use crate::pay::Payer;

/// Longest wait for anything that takes epochs or windows here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The parameters of a chain with a shrunk clock.
pub fn shrunk() -> Params {
    let params = json!({
        "epoch_blocks": 8,
        "staking": { "unbonding_epochs": 3, "trusting_epochs": 2, "churn_bps": 3333 },
        "evidence": { "age_epochs": 1, "delay_epochs": 1, "together_epochs": 1 },
        "identity": { "attestations_min": 2, "bond_delay_blocks": 17 },
        "timetoke": {
            "hour_seconds": 3, "window_seconds": 3, "challenges_per_window": 1, "answer_seconds": 3,
            "decay_seconds": 600, "sync_seconds": 1
        },
        "witness": { "interval_blocks": 8, "answer_blocks": 8 },
        "reputation": { "tier_thresholds": { "hours": 1, "candidate_successes": 2, "proven_successes": 400 } },
    });
    let params: Params = serde_json::from_value(params).expect("known parameters");
    params.validate().expect("within their bounds");
    params
}

/// A home with a validator's keys on the cluster's chain, and the words that connect it.
fn newcomer(cluster: &Cluster) -> (Node, Vec<String>, Address) {
    let home: PathBuf = cluster.folder().join("fifth");
    let genesis = cluster.network.root.join("genesis.json");
    let genesis = genesis.to_str().expect("text");
    let made = run_in(&home, &["init", "--mode", "validator", "--moniker", "fifth", "--genesis", genesis]).ok();
    let address = made["validator"]["address"].as_str().expect("an address").parse().expect("an address");
    // Its configuration follows the chain only; the command line makes it a validator.
    let file = home.join("node.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let follows = text.replace("mode = \"validator\"", "mode = \"node\"");
    assert_ne!(text, follows, "init wrote the mode");
    std::fs::write(&file, follows).expect("written");
    let ports = Ports::of(free_base(1), 0).expect("free ports");
    let mut words = connected(cluster, ports);
    words.push("--validator".to_owned());
    (Node::new(home, ports), words, address)
}

/// Runs a command of `home` against `node`; it must succeed.
fn done(home: &Path, node: &Node, words: &[&str]) -> Value {
    run(tb().args(words).args(["--rpc", &node.ports.rpc_url(), "--home"]).arg(home)).ok()
}

/// Waits until the validator is in this state, as `node` sees it.
async fn becomes(node: &Node, address: &Address, state: ValidatorState) {
    let client = node.client();
    let what = format!("{address} to be {state:?}");
    until(&what, PATIENCE, async || client.validator(address).await.ok().filter(|view| view.state == state)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifth_node_goes_from_nothing_to_validator_and_back() {
    let _identity_genesis = testkit::contract!("S000-105");
    let gates = ["timetoke_rewards", "witness_network"];
    let mut cluster = Cluster::with_gates(Engine::Bft, 4, INTERVAL_MS, Some(shrunk()), &gates);
    let (mut fifth, mut words, address) = newcomer(&cluster);
    words.extend(["--set", "witness.attest=true"].map(str::to_owned));
    // One of them will not use what the newcomer says as a witness.
    let quarantine = format!("p2p.witness_quarantine={address}");
    cluster.nodes[3].start_with(&["--set", &quarantine], &[]);
    cluster.start_all();
    cluster.all_ready().await;
    let node = &cluster.nodes[0];
    let mut payer = Payer::funded(&cluster.network, 1);
    let transaction = payer.pay(address, 20_000_000);
    node.client().submit(&payer.request(&transaction)).await.expect("admitted");
    node.finalized(transaction.id()).await;

    // An identity, attested by two validators, who pay their fees from the rewards of the first epoch.
    node.reaches(9, PATIENCE).await;
    let vacant = node.client().identity_proof(&address).await.expect("a proof");
    proven_by_strangers(&cluster, &vacant, None);
    done(&fifth.home, node, &["identity", "register"]);
    for attester in &cluster.nodes[..2] {
        done(&attester.home, node, &["identity", "attest", &address.to_string()]);
    }
    let shown = done(&fifth.home, node, &["identity", "show", &address.to_string()]);
    assert_eq!(shown["identity"]["stage"], "active", "{shown}");
    let present = node.client().identity_proof(&address).await.expect("a proof");
    proven_by_strangers(&cluster, &present, shown["identity"]["number"].as_u64());
    let (text, genesis) = (address.to_string(), cluster.network.genesis.hash().to_string());
    let checked = done(&fifth.home, node, &["proof", "identity", &text, "--genesis-hash", &genesis]);
    assert!(checked["what"].as_str().is_some_and(|what| what.ends_with("active")), "{checked}");
    let seated = rotate_seated(&cluster).await;

    // The node answers challenges by itself, and the hours bring tiers.
    start(&mut fifth, &words);
    fifth.reaches(cluster.highest().await, START_TIME).await;
    let client = node.client();
    until("an hour of timetoke", PATIENCE, async || {
        client.reputation(&address).await.ok().filter(|view| view.tier == "tl2")
    })
    .await;
    attests(&fifth).await;
    done(&fifth.home, node, &["stake", "bond", "--amount", "1"]);
    until("a success of a bonded candidate", PATIENCE, async || {
        client.reputation(&address).await.ok().filter(|view| view.counters.successes > 0)
    })
    .await;
    what_would_raise_its_share(node, &fifth, &address).await;
    commands_say_what_routes_say(node, &fifth, &address).await;
    explained(node);
    seen_by_peers(node, &fifth, &address).await;

    becomes(node, &address, ValidatorState::Voting).await;
    until("its signature in a block", PATIENCE, async || {
        let block = client.block_latest().await.ok()?;
        block.last_commit.filter(|commit| commit.signers.contains(&address))
    })
    .await;
    witness_is_paid(node, &fifth, &address).await;
    let _validator_flag = testkit::contract!("S003-064");
    lottery_is_counted(node, &fifth, &address).await;
    timetoke_is_told(&cluster, &fifth).await;
    let rotated = rotate(&cluster, &fifth, &address).await;
    smoke(&cluster);
    offenders_are_reported(&cluster, &fifth).await;
    strangers_publish_nothing(&cluster).await;
    tiers_hold_against_peers(&cluster).await;
    a_quarantine_holds_against_peers(&cluster, &fifth, &address).await;
    a_wrong_timetoke_root_is_found(&cluster).await;
    explained(node);

    // And back: the stake leaves, the seat goes, the money returns.
    let before = client.account(&address).await.expect("an account").balance;
    done(&fifth.home, node, &["stake", "unbond", "--amount", "1"]);
    until("the seat to be empty", PATIENCE, async || {
        let set = client.consensus_status().await.ok()?;
        set.validators.iter().all(|member| member.address != address).then_some(())
    })
    .await;
    let back = until("the stake to be paid out", PATIENCE, async || {
        let staker = client.staker(&address).await.ok()?;
        (staker.delegations.is_empty() && staker.unbonding.is_empty()).then_some(())?;
        Some(client.account(&address).await.ok()?.balance)
    })
    .await;
    assert!(back.micro() > before.micro() + 900_000, "{before} before, {back} after");
    until("the rotated key to be in use", PATIENCE, async || {
        client.vrf(&address).await.ok().filter(|standing| standing.vrf_key == Some(rotated))
    })
    .await;
    done(&fifth.home, node, &["identity", "revoke"]);
    let tier = client.reputation(&address).await.expect("a view").tier;
    assert_eq!(tier, "tl0");

    beacons_follow(&cluster, seated).await;
    let told = explained(node);
    assert!(!told.contains(" 0 changes of the voting set"), "{told}");
    for never in [" 0 payments of timetoke", " 0 to witnesses", " 0 admissions"] {
        assert!(!told.contains(never), "{told}");
    }
    what_blocks_did_is_told(node, &fifth, &address).await;

    // It follows on as any node does.
    fifth.reaches(cluster.highest().await, START_TIME).await;
    cluster.nodes.push(fifth);
    cluster.level(START_TIME).await;
    cluster.check_one_history().await;
}

/// Who trusts nobody but the genesis validators sees which identity there is, or that the place is vacant.
fn proven_by_strangers(cluster: &Cluster, proof: &IdentityProof, number: Option<u64>) {
    let found = verify_identity(proof).expect("it proves what it says");
    assert_eq!(found.map(|identity| u64::from(identity.number)), number);
    assert_eq!(proof.vacant, number.is_none());
    let genesis = &cluster.network.genesis;
    let power = proof.verify_certificate(&genesis.validator_set().expect("a set"), &genesis.hash());
    assert!(power.expect("the set of genesis decided it") > 0);
    let mut flipped = proof.clone();
    let last = flipped.state.proof.0.len() - 1;
    flipped.state.proof.0[last] ^= 1;
    assert!(verify_identity(&flipped).is_err(), "a flipped byte");
    let mut other = proof.clone();
    other.address = cluster.network.nodes[0].address;
    assert!(verify_identity(&other).is_err(), "the proof of another key");
    let mut rooted = proof.clone();
    rooted.state.root = Hash([1; 32]);
    assert!(rooted.header().is_err(), "a root that no header has");
}

/// Its node attests by itself that it has a sampled block; nobody typed anything.
async fn attests(fifth: &Node) {
    let sent = "validator_duties_total{duty=\"attestation\",result=\"sent\"}";
    until("an attestation", PATIENCE, async || (fifth.metric(sent).await >= 1.0).then_some(())).await;
}

/// What its attestations earned is paid when it asks.
async fn witness_is_paid(node: &Node, fifth: &Node, address: &Address) {
    let client = node.client();
    let before = client.account(address).await.expect("an account").balance;
    let claimed = done(&fifth.home, node, &["witness", "claim"]);
    let after = client.account(address).await.expect("an account").balance;
    let paid = &claimed["receipt"]["events"][0]["event"];
    assert_eq!((&paid["kind"], &paid["identity"]), (&json!("paid"), &json!(address)), "{claimed}");
    assert!(paid["amount"].as_u64() > Some(0) && after > before, "{before} before, {after} after: {claimed}");
}

/// Commands print what the routes answer, and nothing is lost on the way.
async fn commands_say_what_routes_say(node: &Node, fifth: &Node, address: &Address) {
    let (client, text) = (node.client(), address.to_string());
    // Both must be of one height: a block may come between them.
    until("an explanation of the same height", PATIENCE, async || {
        let told = done(&fifth.home, node, &["reputation", "explain", &text]);
        let served = serde_json::to_value(client.reputation(address).await.ok()?).expect("JSON");
        (told["height"] == served["height"]).then(|| assert_eq!(told, served))
    })
    .await;
    until("a standing of the same height", PATIENCE, async || {
        let told = done(&fifth.home, node, &["validator", "vrf", "inspect"])["standing"].take();
        let served = serde_json::to_value(client.vrf(address).await.ok()?).expect("JSON");
        (told["height"] == served["height"]).then(|| assert_eq!(told, served))
    })
    .await;
}

/// While it waits for the draw it is told why, and what would make it heavier.
async fn what_would_raise_its_share(node: &Node, fifth: &Node, address: &Address) {
    let client = node.client();
    let (standing, own) = until("its place on the list", PATIENCE, async || {
        let standing = client.vrf(address).await.ok()?;
        let own = standing.candidate.clone()?;
        Some((standing, own))
    })
    .await;
    assert!(!standing.validator && standing.reason.contains("ticket"), "{standing:?}");
    // Alone, with one BLOCK: everything is its own, and parts of a BLOCK have no weight.
    assert_eq!((own.weight, own.share_ppm), (1, 1_000_000), "{own:?}");
    let client = fifth.client();
    let told = until("its threshold at its own node", PATIENCE, async || {
        client.node_status().await.ok()?.vrf_metrics.threshold
    })
    .await;
    assert_eq!(told, own.threshold);
    let told: Vec<_> = standing.raises.iter().map(|one| (one.change.as_str(), one.weight, one.share_ppm)).collect();
    assert!(told[0].0.ends_with("BLOCK more stake"), "{told:?}");
    assert_eq!((told[0].1, told[0].2), (2, 1_000_000), "{told:?}");
}

/// A script that links none of our code recomputes what the explain commands say.
fn explained(node: &Node) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/explain_check.py");
    let ended = Command::new("python3").arg(script).args(["--rpc", &node.ports.rpc_url()]).output();
    let ended = ended.expect("python3 is missing: install it, the explain commands are checked by a script");
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}{err}");
    assert!(out.contains("tier") && out.contains("timetoke") && out.contains("rewards"), "{out}");
    out.into_owned()
}

/// The end of an epoch is shown with its proof, and so is what a validator did.
async fn what_blocks_did_is_told(node: &Node, fifth: &Node, address: &Address) {
    let shown = done(&fifth.home, node, &["block", "events", "8"]);
    let kinds: Vec<_> = shown["events"].as_array().expect("a list").iter().map(|one| one["type"].as_str()).collect();
    assert!(kinds.contains(&Some("reward_paid")) && kinds.contains(&Some("pool_funded")), "{shown}");
    let served = node.client().block_events(BlockId::Height(Height(8))).await.expect("events");
    let block = node.client().block_at(Height(8)).await.expect("a block");
    assert_eq!(served.verify_inclusion().expect("a proof").receipts_root, block.header.receipts_root);
    assert_eq!(served.block, block.hash);
    let refused = run(tb().args(["block", "events", "999999", "--rpc", &node.ports.rpc_url()])).refused();
    assert_eq!(refused.code, "not_found", "{refused:?}");

    // The stake left with the seat, so its record went; a member's is there.
    let gone = node.client().validator_statistics(address).await.expect_err("nobody backs it any more");
    assert_eq!(gone.code(), "not_found", "{gone}");
    let member = node.client().validator_status().await.expect("a validator").address;
    let shown = done(&fifth.home, node, &["validator", "statistics", &member.to_string()]);
    let number = |field: &str| shown[field].as_u64().unwrap_or_else(|| panic!("{field} in {shown}"));
    assert_eq!(number("commits"), number("epochs") * 8);
    assert!(number("built") > 0 && number("members_built") >= number("built"), "{shown}");
    assert!(number("epochs") * 8 <= number("height") && number("missed") <= number("commits"), "{shown}");
    assert_eq!(number("missed_allowed"), 7, "95 % of eight");
}

/// The node key that the identity bound is known to the peers of its node.
async fn seen_by_peers(node: &Node, fifth: &Node, address: &Address) {
    let client = node.client();
    let peer = until("the fifth among the peers", PATIENCE, async || {
        let peers = client.validator_peers().await.ok()?.peers;
        peers.into_iter().find(|peer| peer.identity == Some(*address))
    })
    .await;
    assert!(!peer.validator && peer.tier != "tl0" && peer.points >= 0, "{peer:?}");
    let _shown = testkit::contract!("S000-065");
    let records = until("a record of each handshake", PATIENCE, async || {
        let log = node.log();
        let records: Vec<String> =
            log.lines().filter(|line| line.contains("telemetry.handshake")).map(str::to_owned).collect();
        let completed = node.metric("p2p_handshakes_total{result=\"completed\"}").await;
        (format!("{}", records.len()) == format!("{completed:.0}")).then_some(records)
    })
    .await;
    assert!(records.len() >= 4, "three validators and the newcomer: {records:?}");
    assert!(
        records.iter().all(|line| line.contains("agent=\"the-block/") && line.contains(" tier=\"tl")),
        "{records:?}"
    );
    // Channel, gates and genesis of the peer stand in the same record.
    let genesis = node.client().rollout_status().await.expect("a status").genesis_hash;
    let announced = [
        "release_channel=\"development\"".to_owned(),
        "gates=\"".to_owned(),
        "malachite_consensus".to_owned(),
        format!("genesis={genesis}"),
    ];
    assert!(records.iter().all(|line| announced.iter().all(|words| line.contains(words))), "{records:?}");
    let identity = format!("identity=\"{address}\"");
    assert!(records.iter().any(|line| line.contains(&identity)), "{records:?}");
    // Validators of genesis have bound no node key to their identities.
    assert!(records.iter().any(|line| line.contains("identity=\"none\"")), "{records:?}");
    let own = fifth.client().validator_vrf().await.expect("it has a validator key");
    assert_eq!(own.held_keys.len(), 1);
    assert_eq!(own.standing.address, *address);
}

/// What the node status says about lotteries.
async fn lottery_is_counted(node: &Node, fifth: &Node, address: &Address) {
    let _status = testkit::contract!("S000-063");
    let metrics = node.client().node_status().await.expect("a status").vrf_metrics;
    assert!(metrics.submissions >= 1 && metrics.accepted >= 1, "{metrics:?}");
    assert_eq!(metrics.rejected, metrics.rejected_by_reason.values().sum::<u64>());
    assert!(metrics.participation_ppm.is_some(), "{metrics:?}");
    assert!(node.metric("vrf_submissions_total").await >= 1.0);
    assert!(node.metric("vrf_accepted_validators_total").await >= 1.0);
    // It came without anybody typing a command.
    assert!(fifth.metric("validator_duties_total{duty=\"ticket\",result=\"sent\"}").await >= 1.0);
    let standing = node.client().vrf(address).await.expect("a standing");
    assert!(standing.validator, "{standing:?}");
    assert_eq!(standing.reason, "it votes now");
}

/// Rotates the VRF key by the name that operators know; gives the new key, which waits for its epoch.
async fn rotate(cluster: &Cluster, fifth: &Node, address: &Address) -> VrfPublicKey {
    let _shown = testkit::contract!("S002-036");
    let node = &cluster.nodes[0];
    let url = node.ports.rpc_url();
    let mut command = tb_as("rpp-node", cluster.folder());
    run(command.args(["validator", "vrf", "rotate", "--rpc", &url, "--home"]).arg(&fifth.home)).ok();
    let record = node.client().identity(address).await.expect("a view").identity.expect("it has one");
    let next = record.next_vrf.expect("the new key waits");
    assert!(next.key != record.vrf.key && next.from_epoch > record.vrf.from_epoch, "{next:?}");
    // Height and time of the block that registered it are stamped on chain.
    let block = node.client().block(BlockId::Height(next.stamped_at)).await.expect("the block");
    assert_eq!(block.header.time_ms, next.stamped_time_ms);
    let held = fifth.client().validator_vrf().await.expect("it has a validator key").held_keys;
    assert_eq!(held, [record.vrf.key, next.key], "the node finds the new secret by itself");
    let inspected = done(&fifth.home, node, &["validator", "vrf", "inspect"]).to_string();
    let secret = std::fs::read_to_string(fifth.home.join("validator_key.json")).expect("the key file");
    let secret: Value = serde_json::from_str(&secret).expect("JSON");
    let seeds = secret["protection"]["plain"]["seeds"].as_str().expect("a plain key").to_owned();
    assert!(!inspected.contains(&seeds[64..]) && !inspected.contains(&seeds[..64]), "no secret is printed");

    let out = cluster.folder().join("vrf-secret.json");
    let words = ["validator", "vrf", "export", "--out", out.to_str().expect("text"), "--home"];
    let exported = run(tb().args(words).arg(&fifth.home)).ok().to_string();
    assert!(!exported.contains(&seeds[64..]) && !exported.contains(&seeds[..64]), "no secret is printed: {exported}");
    let written = std::fs::read_to_string(&out).expect("the file");
    let secret = record.vrf.key.to_string();
    assert!(written.contains(&secret) && exported.contains(&secret), "{exported}");
    assert!(written.contains(&seeds[64..]) || written.contains(&seeds[..64]), "the file holds the secret");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&out).expect("the file").permissions());
    assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
    run(tb().args(words).arg(&fifth.home)).refused();
    next.key
}

/// Rotates the VRF key of a validator that votes: the old key, the new one, and the first height that needs it.
async fn rotate_seated(cluster: &Cluster) -> (VrfPublicKey, VrfPublicKey, u64) {
    let (node, address) = (&cluster.nodes[2], cluster.network.nodes[2].address);
    done(&node.home, node, &["validator", "vrf", "rotate"]);
    let record = node.client().identity(&address).await.expect("a view").identity.expect("it has one");
    let next = record.next_vrf.expect("the new key waits");
    (record.vrf.key, next.key, next.from_epoch * 8 + 1)
}

/// Its blocks carry beacons under the new key from that height on, and its node was not restarted.
async fn beacons_follow(cluster: &Cluster, (old, new, first): (VrfPublicKey, VrfPublicKey, u64)) {
    let (client, address) = (cluster.nodes[0].client(), cluster.network.nodes[2].address);
    let mut height = first;
    let (before, block) = until("a block under the new key", PATIENCE, async || {
        let block = client.block_at(Height(height)).await.ok()?;
        height += 1;
        let before = client.block_at(Height(height - 2)).await.ok()?;
        (block.header.proposer == address).then_some((before, block))
    })
    .await;
    let genesis = cluster.network.genesis.hash();
    let input = primitives::block::beacon_input(&genesis, block.header.height, &before.header.beacon);
    assert!(new.verify(&input, &block.header.beacon_proof).is_some(), "{:?}", block.header);
    assert!(old.verify(&input, &block.header.beacon_proof).is_none());
}

/// The suite for deployed nodes, with the script that follows a rollout in it.
fn smoke(cluster: &Cluster) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pipeline/run.sh");
    let mut command = Command::new("bash");
    without_ours(&mut command);
    command.arg(script).env("TB", env!("CARGO_BIN_EXE_tb")).args(["--rpc", &cluster.nodes[0].ports.rpc_url()]);
    let ended = command.args(["--from", "account-2", "--home"]).arg(&cluster.network.root).output().expect("bash");
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && out.contains("OK: transaction, identity and commitment"), "{out}{err}");
    assert!(out.contains("OK: tests/pipeline at"), "{out}{err}");
}

/// The number in a field of a line of the log.
fn logged(line: &str, field: &str) -> Option<u64> {
    let prefix = format!("{field}=");
    line.split_whitespace().find_map(|word| word.strip_prefix(&prefix)?.parse().ok())
}

/// Every node heard the roots of others and found them equal to its own.
async fn timetoke_is_told(cluster: &Cluster, fifth: &Node) {
    let _event = testkit::contract!("S000-060");
    let _root = testkit::contract!("S000-061");
    let _params = testkit::contract!("S000-059");
    let _counts = testkit::contract!("S000-100");
    let matched = "meta_timetoke_messages_total{result=\"matched\"}";
    for node in cluster.nodes.iter().chain([fifth]) {
        until("a root that agrees", PATIENCE, async || (node.metric(matched).await > 0.5).then_some(())).await;
        assert!(node.metric("meta_timetoke_messages_total{result=\"mismatched\"}").await < 0.5);
    }
    let node = &cluster.nodes[0];
    assert!(node.metric("block_uptime_proofs_total").await >= 2.0);
    assert!(node.metric("block_consensus_proofs_total").await >= 20.0);
    let log = node.log();
    let record = log.lines().rfind(|line| line.contains("telemetry.block")).expect("a record for each block");
    for (name, expected) in [("window_seconds", 3), ("cap_hours", 720), ("decay_seconds", 600)] {
        assert_eq!(logged(record, &format!("timetoke_params.{name}")), Some(expected), "{record}");
    }
    let (uptime, consensus) = (logged(record, "uptime_proofs"), logged(record, "consensus_proofs"));
    assert!(uptime.is_some() && consensus >= Some(3), "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_signs_twice_is_slashed_within_three_blocks() {
    // What leaves an offender before it is found out must still be slashable then.
    let mut params = shrunk();
    params.staking.unbonding_epochs = 8;
    let mut cluster = Cluster::with_params(Engine::Bft, 4, INTERVAL_MS, Some(params));
    let (mut twin, words) = twin_of_last(&cluster);
    let (offender, other) = (cluster.network.nodes[3].address, cluster.network.nodes[0].address);
    cluster.start_all();
    let honest = &cluster.nodes[..3];
    for node in honest {
        node.reaches(1, START_TIME).await;
    }
    let delegator = stake_that_moves(&cluster, &honest[0], offender, other);
    start(&mut twin, &words);
    becomes(&honest[0], &offender, ValidatorState::Tombstoned).await;
    // The audits are written by a thread of their own.
    let page = until("the record of the slash", PATIENCE, async || {
        let page = honest[0].client().audits(AuditStream::Slashing, AuditQuery { limit: None }).await.ok()?;
        Some(page).filter(|page| !page.records.is_empty())
    })
    .await;
    let slashed = page
        .records
        .iter()
        .filter(|record| matches!(record.evidence, AuditEvidence::Slashed { validator, .. } if validator == offender));
    let slashed: Vec<_> = slashed.collect();
    assert_eq!(slashed.len(), 1, "one decision is one record: {page:?}");
    // From the block that could hold it when the first honest node saw the two messages, not from the first report.
    let possible = honest.iter().filter_map(|node| seen(&node.log())).min().expect("an honest node saw it");
    let height = slashed[0].height.0;
    assert!(height <= possible + 2, "evidence could be included at {possible}, the slash came at {height}");

    let before = cluster.highest().await;
    for node in honest {
        node.reaches(before + 5, PATIENCE).await;
    }
    stake_that_earns(&cluster, &honest[0], other);
    let told = explained(&honest[0]);
    assert!(told.contains(" 1 slashes"), "{told}");
    let staker = honest[0].client().staker(&delegator).await.expect("a view");
    let worth = |validator| {
        let found = staker.delegations.iter().find(|one| one.validator == validator).expect("a delegation");
        found.amount.micro()
    };
    // A tenth of everything, also of what had left; the pool rounds against its owner.
    assert!((90_002..=90_003).contains(&worth(other)), "{staker:?}");
    assert!((135_001..=135_003).contains(&worth(offender)), "{staker:?}");
    audits_verify(&cluster, &honest[0]);
    cluster.check_no_panic();
}

/// An account backs the offender-to-be, moves a part of that to another validator, and takes a part back.
fn stake_that_moves(cluster: &Cluster, node: &Node, offender: Address, other: Address) -> Address {
    let (offender, other) = (offender.to_string(), other.to_string());
    for words in [
        vec!["delegate", "--validator", &offender, "--amount", "0.300007"],
        vec!["redelegate", "--source", &offender, "--target", &other, "--amount", "0.100003"],
        vec!["unbond", "--validator", &offender, "--amount", "0.050001"],
    ] {
        let words = [vec!["stake"], words, vec!["--from", "account-2"]].concat();
        done(&cluster.network.root, node, &words);
    }
    Payer::funded(&cluster.network, 2).address
}

/// The delegator takes its rewards, a validator changes its commission, and who is not in jail cannot leave it.
fn stake_that_earns(cluster: &Cluster, node: &Node, other: Address) {
    let claim = ["stake", "claim", "--validator", &other.to_string(), "--from", "account-2"];
    done(&cluster.network.root, node, &claim);
    done(&node.home, node, &["stake", "commission", "--bps", "70"]);
    let url = node.ports.rpc_url();
    let refused = run(tb().args(["stake", "unjail", "--rpc", &url, "--home"]).arg(&node.home)).refused();
    assert_eq!(refused.code, "not_jailed", "{refused:?}");
}

/// The first height whose block could hold the evidence, as this node saw it.
fn seen(log: &str) -> Option<u64> {
    let mut head = 0;
    for line in log.lines() {
        if line.contains("signed two different messages for one step") {
            return Some(head + 1);
        }
        if line.contains("consensus_events: finalized") {
            head = logged(line, "height").unwrap_or(head);
        }
    }
    None
}

/// The files of a node verify as they are, and not with one byte changed.
fn audits_verify(cluster: &Cluster, node: &Node) {
    let _slashing = testkit::contract!("S000-113");
    let _reputation = testkit::contract!("S000-112");
    let _offline = testkit::contract!("S000-120");
    for stream in ["slashing", "reputation"] {
        let folder = node.home.join("data/audits").join(stream);
        let file = std::fs::read_dir(folder).expect("a folder").next().expect("a file").expect("an entry").path();
        let copy = cluster.folder().join(format!("{stream}.jsonl"));
        let mut text = std::fs::read(&file).expect("the audits");
        // The node goes on writing: whole lines only.
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').expect("a line") + 1);
        std::fs::write(&copy, &text).expect("written");
        let verify = |path: &Path| run(tb().args(["audit", "verify"]).arg(path));
        let report = verify(&copy).ok();
        assert!(report["records"].as_u64() > Some(0), "{report}");
        let middle = text.len() / 2;
        for at in [10, middle, text.len() - 20] {
            let mut tampered = text.clone();
            tampered[at] ^= 1;
            std::fs::write(&copy, &tampered).expect("written");
            let refusal = verify(&copy).refused();
            assert_eq!(refusal.code, "audit_invalid", "{refusal:?}");
            assert!(refusal.error.contains("line"), "{refusal:?}");
        }
    }
}
