//! A view as a page of HTML.
//!
//! ```text
//! header: chain, node, channel, READY or NOT READY, how the page is kept up to date
//! chain · alerts · transactions · blocks · validators · proofs · peers · storage
//! footer: where the same is told to programs
//! ```
//! Rules
//! - The words are those of `tb top` and of the routes. Nothing is told by colour alone.
//! - A part that is missing leaves its panel with the reason in it.

use primitives::{Address, Engine, Height};
use rpc::display::{blocks, bytes, count, duration_ms, place, short, shortened, step};
use rpc::types::{
    ConsensusStatus, MempoolStatus, NodeStatus, PipelineDashboard, ProofStatus, PruningStatus, ValidatorPeer,
    ValidatorStatus,
};

use super::markup::Markup;
use super::table::{Cell, Column, numbers, pairs, table, wide, wide_numbers, words};
use super::view::{Part, Stored, View};

/// Most validators that are listed: as many as a set may have.
pub const VALIDATORS_MAX: usize = 128;
/// Most peers that are listed.
pub const PEERS_MAX: usize = 50;
/// Most transactions that are listed.
pub const FLOWS_MAX: usize = 10;
/// Most provers at work, and most reasons, that are listed.
pub const LINES_MAX: usize = 10;
/// Letters of a name that a peer or a prover gave itself.
pub const NAME_CHARS_MAX: usize = 48;
/// Blocks within which a validator must have signed to count as present: the newest certificate may lack a late vote.
pub const PRESENT_BLOCKS: u64 = 3;
/// Windows that may wait for a prover before it is bad news, as in `tb top`.
const QUEUE_DEPTH_GOOD: u64 = 3;

/// The page.
pub fn draw(view: &View) -> String {
    let mut markup = Markup::document();
    markup.element("html", &[("lang", "en")], |markup| {
        markup.element("head", &[], |markup| head(markup, view));
        markup.element("body", &[], |markup| {
            markup.leaf("a", &[("class", "skip"), ("href", "#main")], "To the panels");
            header(markup, view);
            markup.element("main", &[("id", "main"), ("tabindex", "-1")], |markup| panels(markup, view));
            footer(markup);
        });
    });
    markup.finish()
}

fn head(markup: &mut Markup, view: &View) {
    let title = match &view.node {
        Ok(node) => format!("{} · height {} · The Block", node.chain_id, count(node.finalized_height.0)),
        Err(_) => format!("{} · NOT READY · The Block", view.rollout.chain_id),
    };
    markup.empty("meta", &[("charset", "utf-8")]);
    markup.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    markup.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    markup.leaf("title", &[], &title);
    markup.empty("link", &[("rel", "stylesheet"), ("href", "/ui/page.css")]);
    markup.leaf("script", &[("src", "/ui/page.js"), ("defer", "defer")], "");
    if let Some(seconds) = view.refresh_seconds {
        markup.element("noscript", &[], |markup| {
            markup.empty("meta", &[("http-equiv", "refresh"), ("content", &seconds.to_string())]);
        });
    }
}

fn header(markup: &mut Markup, view: &View) {
    markup.element("header", &[], |markup| {
        markup.leaf("h1", &[], &format!("The Block: {}", view.rollout.chain_id));
        let channel = &view.rollout.release_channel;
        let (who, is_ready) = match &view.node {
            Ok(node) => (format!("{} {} · {channel}", node.role, node.version), node.readiness.ready),
            Err(_) => (format!("{} · {channel}", view.rollout.version), false),
        };
        markup.leaf("p", &[("id", "who"), ("data-part", "")], &who);
        markup.element("p", &[("id", "ready"), ("data-part", ""), ("class", "ready"), ("role", "status")], |markup| {
            let word = if is_ready { "READY" } else { "NOT READY" };
            markup.leaf("span", &[("class", if is_ready { "good" } else { "bad" })], word);
        });
        markup.element("p", &[("id", "live")], |markup| {
            match view.refresh_seconds {
                Some(seconds) => markup.text(&format!("Read again every {seconds} s. ")),
                None => markup.text("As of when it was read. "),
            }
            markup.link("/ui", "Read it again");
            markup.text(" or ");
            markup.link("/ui?refresh=10", "every 10 s");
        });
    });
}

fn footer(markup: &mut Markup) {
    markup.element("footer", &[], |markup| {
        markup.text("The same for programs: ");
        for (to, name) in [
            ("/status/node", "node"),
            ("/status/consensus", "consensus"),
            ("/status/mempool", "mempool"),
            ("/wallet/pipeline/dashboard", "pipeline"),
            ("/proofs/status", "proofs"),
            ("/validator/peers", "peers"),
            ("/status/pruning", "storage"),
            ("/metrics", "metrics"),
        ] {
            markup.link(to, name);
        }
        markup.text("At a terminal: tb top.");
    });
}

/// One panel with its heading; without its part, the reason.
fn panel<T>(markup: &mut Markup, id: &str, name: &str, part: &Part<T>, inside: impl FnOnce(&mut Markup, &T)) {
    let title = format!("{id}-title");
    markup.element("section", &[("id", id), ("data-part", ""), ("aria-labelledby", &title)], |markup| {
        markup.leaf("h2", &[("id", &title)], name);
        match part {
            Ok(part) => inside(markup, part),
            Err(error) => {
                markup.leaf("p", &[("class", "bad")], &format!("not told: {}", error.error));
                markup.leaf("p", &[("class", "faint")], &error.hint);
            }
        }
    });
}

/// What a list leaves out.
fn more(markup: &mut Markup, all: usize, most: usize) {
    if all > most {
        markup.leaf("p", &[("class", "faint")], &format!("and {} more", all - most));
    }
}

/// A name that somebody gave himself.
fn named(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

fn panels(markup: &mut Markup, view: &View) {
    let both = view.node.as_ref().map_err(Clone::clone);
    let both = both.and_then(|node| Ok((node, view.consensus.as_ref().map_err(Clone::clone)?)));
    panel(markup, "chain", "chain", &both, |markup, (node, consensus)| chain(markup, node, consensus));
    panel(markup, "alerts", "alerts", &both, |markup, (node, consensus)| alerts(markup, node, consensus));
    let both = view.mempool.as_ref().map_err(Clone::clone);
    let both = both.and_then(|mempool| Ok((mempool, view.pipeline.as_ref().map_err(Clone::clone)?)));
    panel(markup, "transactions", "transactions", &both, |markup, (mempool, pipeline)| {
        transactions(markup, mempool, pipeline);
    });
    panel(markup, "blocks", "blocks", &view.blocks, |markup, page| {
        let rows = page.blocks.iter().map(|block| {
            [
                Cell::link(format!("/blocks/{}", block.height), count(block.height.0)),
                Cell::text(format!("{} ago", duration_ms(view.now.since(block.time_ms)))),
                Cell::text(count(block.transaction_count)),
                Cell::text(short(&block.proposer)),
                Cell::text(shortened(&block.hash.to_string())),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let columns = [words("height"), words("made"), numbers("transactions"), words("proposer"), wide("hash")];
        table_or(markup, "blocks-title", columns, &rows, "no block yet: the chain is at genesis");
    });
    panel(markup, "validators", "validators", &both_with_blocks(view), |markup, seen| validators(markup, seen));
    panel(markup, "proofs", "proofs", &view.proofs, |markup, proofs| proven(markup, view.node.as_ref().ok(), proofs));
    panel(markup, "peers", "peers", &view.peers, |markup, peers| list_peers(markup, &peers.peers));
    panel(markup, "storage", "storage", &view.pruning, |markup, pruning| storage(markup, &view.stored, pruning));
}

/// A table, or what to say where there is nothing in it.
fn table_or<const N: usize>(
    markup: &mut Markup,
    title: &str,
    columns: [Column; N],
    rows: &[[Cell; N]],
    otherwise: &str,
) {
    if rows.is_empty() {
        markup.leaf("p", &[("class", "faint")], otherwise);
    } else {
        table(markup, title, columns, rows);
    }
}

fn chain(markup: &mut Markup, node: &NodeStatus, consensus: &ConsensusStatus) {
    let epoch = node.epoch_blocks.max(1);
    let height = node.finalized_height;
    let round = consensus.round.map_or("before the first".to_owned(), |round| round.0.to_string());
    let interval = consensus.last_interval_ms.map_or("none yet".to_owned(), duration_ms);
    let since = duration_ms(consensus.since_last_block_ms);
    let last = if consensus.stalled { format!("{since} ago: STALLED") } else { format!("{since} ago") };
    let proven = node.proven_height.map_or("nothing yet".to_owned(), |height| format!("to {}", count(height.0)));
    let finalized = match height {
        Height::GENESIS => Cell::text("0: genesis"),
        height => Cell::link(format!("/blocks/{height}"), count(height.0)),
    };
    pairs(
        markup,
        &[
            ("height", finalized),
            ("proven", Cell::text(proven)),
            ("epoch", Cell::text(format!("{}, block {} of {epoch}", height.0 / epoch, height.0 % epoch))),
            ("deciding", Cell::text(format!("{}, round {round}, {}", count(consensus.height.0), step(consensus.step)))),
            ("proposer", Cell::text(consensus.proposer.as_ref().map_or("nobody yet".to_owned(), short))),
            ("interval", Cell::text(format!("{interval}, wanted {}", duration_ms(node.block_interval_ms)))),
            ("last block", Cell::judged(last, !consensus.stalled)),
            ("supply", Cell::text(blocks(node.supply))),
            ("accounts", Cell::text(count(u64::from(node.next_slot)))),
        ],
    );
}

fn alerts(markup: &mut Markup, node: &NodeStatus, consensus: &ConsensusStatus) {
    let reasons = &node.readiness.reasons;
    for reason in reasons.iter().take(LINES_MAX) {
        let text = format!("{}: {}; {}", reason.code, reason.message, reason.hint);
        markup.leaf("p", &[("class", "bad")], &text);
    }
    more(markup, reasons.len(), LINES_MAX);
    if consensus.stalled && reasons.is_empty() {
        markup.leaf("p", &[("class", "bad")], "stalled: no block for longer than is normal");
    }
    if reasons.is_empty() && !consensus.stalled {
        markup.leaf("p", &[("class", "good")], "the node itself has no complaint");
    }
    let elsewhere = "Alerts of Prometheus are not known to the node: tb top --prometheus URL shows them.";
    markup.leaf("p", &[("class", "faint")], elsewhere);
}

fn transactions(markup: &mut Markup, mempool: &MempoolStatus, pipeline: &PipelineDashboard) {
    let queue = |size: u64, limit: u64| {
        Cell::judged(format!("{} of {}", count(size), count(limit)), size.saturating_mul(5) < limit.saturating_mul(4))
    };
    pairs(
        markup,
        &[
            ("waiting", queue(mempool.transactions.size, mempool.transactions.limit)),
            ("identities", queue(mempool.identities.size, mempool.identities.limit)),
            ("votes", queue(mempool.votes.size, mempool.votes.limit)),
            ("mempool", Cell::text(bytes(mempool.bytes))),
        ],
    );
    markup.leaf("h3", &[("id", "stages-title")], "by stage, since the start of the node");
    let numbers_of = &pipeline.telemetry;
    let time = |value: Option<u64>| value.map_or("-".to_owned(), duration_ms);
    let rows = numbers_of.stages.iter().map(|stage| {
        let stopped = numbers_of.errors.iter().find(|errors| errors.stage == stage.stage);
        [
            Cell::text(stage.stage.name()),
            Cell::text(count(stage.count)),
            Cell::text(time(stage.p50_ms)),
            Cell::text(time(stage.p95_ms)),
            Cell::text(stopped.map_or("-".to_owned(), |errors| count(errors.count))),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [words("stage"), numbers("count"), numbers("p50"), numbers("p95"), numbers("stopped")];
    table(markup, "stages-title", columns, &rows);
    markup.leaf("h3", &[("id", "newest-title")], "newest");
    let rows = pipeline.flows.iter().take(FLOWS_MAX).map(|flow| {
        let reason = flow.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", named(reason)));
        let stage = format!("{}{reason}", flow.stage.name());
        [
            Cell::link(format!("/transactions/{}", flow.id), shortened(&flow.id.to_string())),
            if flow.stage.is_failure() { Cell::judged(stage, false) } else { Cell::text(stage) },
            Cell::text(flow.height.map_or("-".to_owned(), |height| count(height.0))),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [words("transaction"), words("stage"), numbers("height")];
    table_or(markup, "newest-title", columns, &rows, "none since the start of the node");
}

/// What the panel of the validators is made of.
struct Seen<'a> {
    consensus: &'a ConsensusStatus,
    own: Option<Address>,
    last: Option<Address>,
}

fn both_with_blocks(view: &View) -> Part<Seen<'_>> {
    let consensus = view.consensus.as_ref().map_err(Clone::clone)?;
    Ok(Seen {
        consensus,
        own: view.node.as_ref().ok().and_then(|node| node.validator),
        last: view.blocks.as_ref().ok().and_then(|page| page.blocks.first()).map(|block| block.proposer),
    })
}

/// Whether a validator signs, in words.
fn presence(consensus: &ConsensusStatus, validator: &ValidatorStatus) -> Cell {
    let is_counted = consensus.validators.iter().any(|validator| validator.last_signed_height.is_some());
    match validator.last_signed_height {
        _ if consensus.engine == Engine::Solo || !is_counted => Cell::text("-"),
        Some(signed) if signed.0.saturating_add(PRESENT_BLOCKS) >= consensus.height.0 => Cell::judged("present", true),
        Some(signed) => Cell::judged(format!("absent since {}", count(signed.0)), false),
        None => Cell::judged("absent in this epoch", false),
    }
}

fn validators(markup: &mut Markup, seen: &Seen<'_>) {
    let consensus = seen.consensus;
    let (all, quorum, total) = (consensus.validators.len(), consensus.quorum_power, consensus.total_power);
    let text = format!("{all}, quorum {} of {}", count(quorum), count(total));
    markup.leaf("p", &[("class", "faint")], &text);
    let rows = consensus.validators.iter().take(VALIDATORS_MAX).map(|validator| {
        let address = validator.address;
        let turns = [
            (consensus.proposer == Some(address), "proposes now"),
            (seen.last == Some(address), "made the last block"),
            (seen.own == Some(address), "this node"),
        ];
        let turns: Vec<&str> = turns.into_iter().filter_map(|(is_so, words)| is_so.then_some(words)).collect();
        [
            Cell::link(format!("/staking/validators/{address}"), short(&address)),
            Cell::text(count(validator.power)),
            presence(consensus, validator),
            Cell::text(count(validator.missed_blocks)),
            Cell::text(turns.join(", ")),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [words("validator"), numbers("power"), words("presence"), wide_numbers("missed"), words("turn")];
    table_or(markup, "validators-title", columns, &rows, "nobody");
    more(markup, all, VALIDATORS_MAX);
}

fn proven(markup: &mut Markup, node: Option<&NodeStatus>, proofs: &ProofStatus) {
    let chain = proofs.chain.as_ref().map_or("none yet".to_owned(), |chain| {
        format!("to {}, {} bytes", count(chain.last_height.0), count(chain.bytes))
    });
    let accepted = node.and_then(|node| node.chain_proven_height);
    let mut lines = vec![
        ("proven", Cell::text(format!("{} of {}", count(proofs.proven_height.0), count(proofs.finalized_height.0)))),
        ("lag", Cell::text(format!("{} blocks, windows of {}", count(proofs.lag_blocks), count(proofs.window_blocks)))),
        (
            "queue",
            Cell::judged(format!("{} windows", count(proofs.queue_depth)), proofs.queue_depth < QUEUE_DEPTH_GOOD),
        ),
        ("chain proof", Cell::text(chain)),
        ("in blocks", Cell::text(accepted.map_or("none yet".to_owned(), |height| format!("to {}", count(height.0))))),
        ("system", Cell::text(format!("{}, {} bits", proofs.backend, proofs.security_bits))),
    ];
    if let Some(failure) = node.and_then(|node| node.backend_health.plonky3.last_failure.as_deref()) {
        lines.push(("failed", Cell::judged(failure, false)));
    }
    pairs(markup, &lines);
    markup.leaf("h3", &[("id", "claims-title")], "at work");
    let rows = proofs.claims.iter().take(LINES_MAX);
    let rows: Vec<_> = rows.map(|claim| [Cell::text(named(&claim.prover)), Cell::text(count(claim.window))]).collect();
    table_or(markup, "claims-title", [words("prover"), numbers("window")], &rows, "nobody");
    more(markup, proofs.claims.len(), LINES_MAX);
}

fn list_peers(markup: &mut Markup, peers: &[ValidatorPeer]) {
    markup.leaf("p", &[("class", "faint")], &format!("{} connected", count_of(peers.len())));
    let rows = peers.iter().take(PEERS_MAX).map(|peer| {
        [
            Cell::text(place(&named(&peer.remote))),
            Cell::text(named(&peer.mode)),
            Cell::text(count(peer.height.0)),
            Cell::judged(peer.points.to_string(), peer.points >= 0),
            Cell::text(&*peer.tier),
            Cell::text(named(&peer.agent)),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = [words("at"), words("mode"), numbers("height"), numbers("points"), wide("tier"), wide("agent")];
    table_or(markup, "peers-title", columns, &rows, "nobody is connected");
    more(markup, peers.len(), PEERS_MAX);
}

fn count_of(length: usize) -> String {
    count(u64::try_from(length).unwrap_or(u64::MAX))
}

fn storage(markup: &mut Markup, stored: &Stored, pruning: &PruningStatus) {
    let free = stored.free.map_or("not known yet".to_owned(), bytes);
    let mut lines = vec![
        ("store", Cell::text(bytes(stored.bytes))),
        ("disk", Cell::text(format!("{free} free"))),
        ("blocks", Cell::text(format!("{} to {}", count(pruning.oldest_height.0), count(stored.newest.0)))),
        ("pruning", Cell::text(&*pruning.state)),
        ("deleted", Cell::text(format!("{} blocks", count(pruning.removed_blocks)))),
    ];
    if let Some(failure) = &pruning.failure {
        lines.push(("failed", Cell::judged(failure.as_str(), false)));
    }
    pairs(markup, &lines);
}
