//! A view as cells of a screen.
//!
//! ```text
//! ┌ header: chain, node, channel, READY or NOT READY ┐
//! │ chain            │ transactions                  │
//! │ validators       │ peers                         │
//! │ proofs           │ alerts                        │
//! └ footer: keys, or since when there is no answer   ┘
//! ```
//! Rule: what does not fit is cut and never panics: a screen may have any size.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Paragraph, Row, Table, Widget};
use rpc::display::{blocks, count, duration_ms, place, short, step};

use super::View;

/// How the answers stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The view is of now.
    Live,
    /// It is, and the node limits how often it is asked: there is one look in so many seconds.
    Slowed {
        /// Seconds between two looks.
        seconds: u64,
    },
    /// The person stopped it.
    Paused,
    /// The node has not answered for so many seconds, for this reason.
    Silent {
        /// Seconds since the last answer.
        seconds: u64,
        /// What the last try said.
        reason: String,
    },
}

const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// Draws a view into `area`.
pub fn draw(view: &View, standing: &Standing, area: Rect, cells: &mut Buffer) {
    let rows = [
        Constraint::Length(1),
        Constraint::Length(10),
        Constraint::Min(4),
        Constraint::Length(9),
        Constraint::Length(1),
    ];
    let [head, first, second, third, foot] = Layout::vertical(rows).areas(area);
    let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
    header(view).render(head, cells);
    let [left, right] = Layout::horizontal(halves).areas(first);
    panel("chain", chain(view)).render(left, cells);
    panel("transactions", transactions(view)).render(right, cells);
    let [left, right] = Layout::horizontal(halves).areas(second);
    validators(view).render(left, cells);
    peers(view).render(right, cells);
    let [left, right] = Layout::horizontal(halves).areas(third);
    panel("proofs", proofs(view)).render(left, cells);
    panel("alerts", alerts(view)).render(right, cells);
    footer(standing).render(foot, cells);
}

/// A view as lines of text, for a place that is no terminal.
pub fn lines(view: &View, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut cells = Buffer::empty(area);
    draw(view, &Standing::Live, area, &mut cells);
    let line = |y: u16| {
        let symbols = (0..width).filter_map(|x| cells.cell((x, y)).map(ratatui::buffer::Cell::symbol));
        symbols.collect::<String>().trim_end().to_owned()
    };
    // Keys are of no use in a text.
    (0..height.saturating_sub(1)).map(line).collect::<Vec<_>>().join("\n")
}

fn panel<'a>(title: &'a str, lines: Vec<Line<'a>>) -> Paragraph<'a> {
    Paragraph::new(Text::from(lines)).block(Block::bordered().title(format!(" {title} ")))
}

fn field(name: &str, value: impl Into<String>) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{name:<12}"), FAINT), Span::raw(value.into())])
}

fn judged(name: &str, value: impl Into<String>, is_good: bool) -> Line<'static> {
    let style = if is_good { GOOD } else { BAD };
    Line::from(vec![Span::styled(format!("{name:<12}"), FAINT), Span::styled(value.into(), style)])
}

fn header(view: &View) -> Line<'static> {
    let (node, rollout) = (&view.node, &view.rollout);
    let who = format!(" {} · {} {} · {} ", node.chain_id, node.role, node.version, rollout.release_channel);
    let ready = if node.readiness.ready { Span::styled("READY", GOOD) } else { Span::styled("NOT READY", BAD) };
    Line::from(vec![Span::styled(who, Style::new().add_modifier(Modifier::BOLD)), ready])
}

fn footer(standing: &Standing) -> Line<'static> {
    match standing {
        Standing::Live => Line::styled(" q quit   p pause", FAINT),
        Standing::Slowed { seconds } => {
            Line::raw(format!(" q quit   p pause   the node limits how often it is asked: one look in {seconds} s"))
        }
        Standing::Paused => Line::raw(" PAUSED   p go on   q quit"),
        Standing::Silent { seconds, reason } => {
            Line::styled(format!(" NO ANSWER for {seconds} s: {reason}   q quit"), BAD)
        }
    }
}

fn chain(view: &View) -> Vec<Line<'static>> {
    let (node, consensus) = (&view.node, &view.consensus);
    let epoch = node.epoch_blocks.max(1);
    let round = consensus.round.map_or("before the first".to_owned(), |round| round.0.to_string());
    let interval = consensus.last_interval_ms.map_or("none yet".to_owned(), duration_ms);
    let since = duration_ms(consensus.since_last_block_ms);
    vec![
        field("height", count(node.finalized_height.0)),
        field(
            "epoch",
            format!("{}, block {} of {epoch}", node.finalized_height.0 / epoch, node.finalized_height.0 % epoch),
        ),
        field("deciding", format!("{}, round {round}, {}", count(consensus.height.0), step(consensus.step))),
        field("proposer", consensus.proposer.as_ref().map_or("nobody yet".to_owned(), short)),
        field("interval", format!("{interval}, wanted {}", duration_ms(node.block_interval_ms))),
        judged(
            "last block",
            if consensus.stalled { format!("{since} ago: STALLED") } else { format!("{since} ago") },
            !consensus.stalled,
        ),
        field("supply", blocks(node.supply)),
        field("accounts", count(u64::from(node.next_slot))),
    ]
}

fn transactions(view: &View) -> Vec<Line<'static>> {
    let mempool = &view.mempool;
    let queue = |name: &str, size: u64, limit: u64| {
        judged(name, format!("{} of {}", count(size), count(limit)), size.saturating_mul(5) < limit.saturating_mul(4))
    };
    let mut lines = vec![
        queue("waiting", mempool.transactions.size, mempool.transactions.limit),
        queue("identities", mempool.identities.size, mempool.identities.limit),
        queue("votes", mempool.votes.size, mempool.votes.limit),
    ];
    for stage in &view.pipeline.stages {
        let ms = |value: Option<u64>| value.map_or("-".to_owned(), duration_ms);
        let value = format!("{:>9}  p50 {}  p95 {}", count(stage.count), ms(stage.p50_ms), ms(stage.p95_ms));
        lines.push(field(stage.stage.name(), value));
    }
    lines
}

fn validators(view: &View) -> Table<'static> {
    let consensus = &view.consensus;
    let rows = consensus.validators.iter().map(|validator| {
        let mark = if consensus.proposer == Some(validator.address) { "▸" } else { " " };
        let own = if view.node.validator == Some(validator.address) { " (this)" } else { "" };
        let signed = validator.last_signed_height.map_or("never".to_owned(), |height| count(height.0));
        let row = Row::new([
            format!("{mark}{}{own}", short(&validator.address)),
            count(validator.power),
            count(validator.missed_blocks),
            signed,
        ]);
        if validator.missed_blocks > 0 { row.style(Style::new().fg(Color::Yellow)) } else { row }
    });
    let widths = [Constraint::Min(24), Constraint::Length(9), Constraint::Length(6), Constraint::Length(9)];
    let title = format!(
        " validators: {}, quorum {} of {} ",
        consensus.validators.len(),
        count(consensus.quorum_power),
        count(consensus.total_power)
    );
    Table::new(rows, widths)
        .header(Row::new(["validator", "power", "missed", "signed"]).style(FAINT))
        .block(Block::bordered().title(title))
}

fn peers(view: &View) -> Table<'static> {
    let peers = view.peers.as_ref().map(|peers| peers.peers.as_slice()).unwrap_or_default();
    let rows = peers.iter().map(|peer| {
        Row::new([
            peer.mode.clone(),
            place(&peer.remote),
            peer.tier.clone(),
            count(peer.height.0),
            peer.points.to_string(),
        ])
    });
    let widths = [
        Constraint::Length(9),
        Constraint::Min(14),
        Constraint::Length(4),
        Constraint::Length(9),
        Constraint::Length(6),
    ];
    let known = if view.peers.is_some() { "" } else { ", not told by this node" };
    Table::new(rows, widths)
        .header(Row::new(["mode", "at", "tier", "height", "points"]).style(FAINT))
        .block(Block::bordered().title(format!(" peers: {}{known} ", view.node.peers)))
}

fn proofs(view: &View) -> Vec<Line<'static>> {
    let Some(proofs) = &view.proofs else { return vec![Line::raw("this node tells nothing of proofs")] };
    let chain = proofs.chain.as_ref().map_or("none yet".to_owned(), |chain| {
        format!("to {}, {} bytes", count(chain.last_height.0), count(chain.bytes))
    });
    let working = match proofs.claims.as_slice() {
        [] => "nobody".to_owned(),
        claims => claims
            .iter()
            .map(|claim| format!("{} on window {}", claim.prover, claim.window))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let failure = view.node.backend_health.plonky3.last_failure.clone();
    let mut lines = vec![
        field("proven", format!("{} of {}", count(proofs.proven_height.0), count(proofs.finalized_height.0))),
        field("lag", format!("{} blocks, windows of {}", count(proofs.lag_blocks), proofs.window_blocks)),
        judged("queue", format!("{} windows", proofs.queue_depth), proofs.queue_depth < 3),
        field("chain proof", chain),
        field("at work", working),
        field("system", format!("{}, {} bits", proofs.backend, proofs.security_bits)),
    ];
    lines.extend(failure.map(|failure| judged("failed", failure, false)));
    lines
}

fn alerts(view: &View) -> Vec<Line<'static>> {
    let reasons = view.node.readiness.reasons.iter();
    let mut lines: Vec<Line<'static>> = reasons
        .map(|reason| Line::styled(format!("{}: {}; {}", reason.code, reason.message, reason.hint), BAD))
        .collect();
    match (&view.alerts, &view.alerts_unknown) {
        (None, Some(reason)) => {
            lines.push(Line::styled("Prometheus does not answer, no alert is known:", BAD));
            lines.push(Line::styled(reason.clone(), BAD));
        }
        (None, None) => lines.push(Line::styled("no Prometheus is asked; name one with --prometheus", FAINT)),
        (Some(alerts), _) => lines.extend(alerts.iter().map(|name| Line::styled(format!("firing: {name}"), BAD))),
    }
    if view.alerts.as_ref().is_some_and(Vec::is_empty) {
        lines.push(Line::styled("no alert fires", GOOD));
    }
    lines
}
