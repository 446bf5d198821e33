//! What must hold at the end of a drill, asked of every node while all of them still run.
//!
//! Rule: the first property that does not hold is the verdict; forks come before everything else.

use std::collections::BTreeMap;

use primitives::{Hash, Height, TransactionId};
use rpc::Client;
use rpc::types::{PageQuery, Stage};

use crate::devnet::drill::history::History;
use crate::devnet::drill::reader::{Reader, View};
use crate::devnet::drill::run::Run;
use crate::devnet::drill::summary::{Findings, NodeEnd, Verdict};
use crate::devnet::drill::{Drill, ProcessFault, name_of};

/// Blocks that are asked for at a time.
const PAGE: u32 = 100;
/// Pages of one node: longer chains are compared from their end.
const PAGES_MAX: usize = 200;
/// Heights whose rounds are counted: the newest.
const ROUNDS_MAX: u64 = 2_000;
/// Payments that are looked for on every node.
const PAYMENTS_MAX: usize = 2_000;
/// A cut has to last this long before the watch must have seen it, milliseconds: its grace, a look, a reading.
const SEEN_AFTER_MS: u64 = 5_000;
/// Where packets are relayed a cut closes nothing: QUIC gives up a peer that said nothing for this long, milliseconds.
const QUIC_SILENCE_MS: u64 = 10_000;

/// Judges a drill.
pub(super) async fn judge(run: &mut Run<'_>, is_calm: bool, calm_heights: u64) -> (Verdict, Findings) {
    let views: Vec<View> = run.readers.iter().map(Reader::view).collect();
    let chains = futures::future::join_all(run.clients.iter().map(chain)).await;
    for (node, chain) in chains.iter().enumerate() {
        for (height, hash) in chain {
            run.history.shown(node, *height, *hash);
        }
    }
    // A node may be a block behind at this moment; what is above it has not come there yet.
    let lowest = run.history.lowest();
    let told: Vec<_> = run.payers.acknowledged.iter().filter(|(_, height)| **height <= lowest).collect();
    let told: Vec<_> = told.into_iter().take(PAYMENTS_MAX).map(|(id, height)| (*id, *height)).collect();
    let mut lost = Vec::new();
    for (node, client) in run.clients.iter().enumerate() {
        lost.extend(lost_on(client, node, &told).await);
    }
    let rounds = match run.clients.first() {
        Some(client) => rounds(client, run.history.lowest()).await,
        None => BTreeMap::new(),
    };
    let nodes = views.iter().zip(0..).map(|(view, number)| end_of(view, number)).collect();
    let verdict = verdict(run, &views, lost, is_calm, calm_heights);
    let mut count = |name: &str, times: usize| {
        run.properties.insert(name.to_owned(), u64::try_from(times).unwrap_or(u64::MAX));
    };
    let machines = views.len();
    let compared = usize::try_from(run.history.compared).unwrap_or(usize::MAX);
    count("agreement", compared);
    count("finalized_survives_restart", compared);
    count("no_acknowledged_transaction_lost", told.len().saturating_mul(machines));
    for name in ["honest_validator_runs", "no_conflicting_signature", "partition_watch_tells_the_truth", "progress"] {
        count(name, machines);
    }
    let findings = Findings {
        rounds,
        nodes,
        properties: run.properties.clone(),
        acknowledged: u64::try_from(run.payers.acknowledged.len()).unwrap_or(u64::MAX),
        equivocations: views.iter().map(|view| view.equivocations).max().unwrap_or(0),
        calm_heights,
        duration_ms: 0,
        packets: None,
    };
    (verdict, findings)
}

fn verdict(run: &Run<'_>, views: &[View], lost: Vec<String>, is_calm: bool, calm_heights: u64) -> Verdict {
    let History { forks, .. } = &run.history;
    if let Some(fork) = forks.first() {
        return Verdict::Diverged(fork.clone());
    }
    if let Some(ended) = run.machines.unexpected.first() {
        return Verdict::Broken("honest_validator_runs", ended.clone());
    }
    if let Some(lost) = lost.into_iter().next() {
        return Verdict::Broken("no_acknowledged_transaction_lost", lost);
    }
    if let Some(node) = views.iter().position(|view| view.equivocations > 0) {
        let name = name_of(u16::try_from(node).unwrap_or(u16::MAX));
        return Verdict::Broken("no_conflicting_signature", format!("{name} saw a validator sign twice"));
    }
    if !is_calm && calm_heights < run.drill.calm_heights {
        let wanted = run.drill.calm_heights;
        return Verdict::NoProgress(format!("{calm_heights} of {wanted} heights after the last fault in time"));
    }
    if let Some(node) = views.iter().position(|view| !view.ready) {
        let name = name_of(u16::try_from(node).unwrap_or(u16::MAX));
        return Verdict::NoProgress(format!("{name} is not ready after the last fault"));
    }
    if let Some(detail) = watch_lies(run.drill, views) {
        return Verdict::Broken("partition_watch_tells_the_truth", detail);
    }
    Verdict::Pass
}

/// Whether the series stayed at 0 through a partition, or above it afterwards.
fn watch_lies(drill: &Drill, views: &[View]) -> Option<String> {
    let name = |node: usize| name_of(u16::try_from(node).unwrap_or(u16::MAX));
    if let Some(node) = views.iter().position(|view| view.suspected) {
        return Some(format!("{} still suspects a partition", name(node)));
    }
    if let Some((node, view)) = views.iter().enumerate().find(|(_, view)| view.affected > 0) {
        return Some(format!("{} still misses {} of its peers", name(node), view.affected));
    }
    let nodes = usize::from(drill.nodes);
    let is_cut = |fault: &ProcessFault| match fault {
        ProcessFault::Partition { side, one_way } => !one_way && !side.is_empty() && side.len() < nodes,
        _ => false,
    };
    let seen_after_ms = SEEN_AFTER_MS.saturating_add(if drill.loses_packets { QUIC_SILENCE_MS } else { 0 });
    let must_rise = drill.faults.iter().any(|planned| planned.for_ms >= seen_after_ms && is_cut(&planned.fault));
    let has_risen = views.iter().any(|view| view.affected_max > 0);
    (must_rise && !has_risen).then(|| "no node missed anybody through a partition".to_owned())
}

fn end_of(view: &View, number: u16) -> NodeEnd {
    NodeEnd {
        node: name_of(number),
        height: view.head.map_or(Height::GENESIS, |(height, _)| height),
        ready: view.ready,
        partition_watch_affected_peers_max: view.affected_max,
        partition_watch_affected_peers: view.affected,
        partition_watch_suspected: view.suspected,
        partition_watch_recoveries: view.recoveries,
    }
}

/// The hash of every finalized block of a node, from its newest on.
async fn chain(client: &Client) -> BTreeMap<Height, Hash> {
    let (mut blocks, mut before) = (BTreeMap::new(), None);
    for _ in 0..PAGES_MAX {
        let Ok(page) = client.blocks(PageQuery { before, limit: Some(PAGE) }).await else { break };
        blocks.extend(page.blocks.iter().map(|block| (block.height, block.hash)));
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    blocks
}

/// Acknowledged payments that a node does not have where they were told to be.
async fn lost_on(client: &Client, node: usize, acknowledged: &[(TransactionId, Height)]) -> Vec<String> {
    let mut lost = Vec::new();
    for (id, height) in acknowledged {
        let found = client.transaction(*id).await;
        let is_there =
            found.as_ref().is_ok_and(|status| status.stage == Stage::Finalized && status.height == Some(*height));
        if !is_there {
            let name = name_of(u16::try_from(node).unwrap_or(u16::MAX));
            lost.push(format!("{id} was final at height {height}, and {name} does not have it there"));
        }
    }
    lost
}

/// How many heights were decided in each round.
async fn rounds(client: &Client, highest: Height) -> BTreeMap<u32, u64> {
    let mut rounds: BTreeMap<u32, u64> = BTreeMap::new();
    for height in highest.0.saturating_sub(ROUNDS_MAX).saturating_add(1)..=highest.0 {
        let Ok(block) = client.block_at(Height(height)).await else { continue };
        if let Some(certificate) = block.certificate {
            *rounds.entry(certificate.round.0).or_default() += 1;
        }
    }
    rounds
}
