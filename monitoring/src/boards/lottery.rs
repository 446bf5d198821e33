//! Lotteries, online time, reputation, penalties.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query};

/// The board.
pub const BOARD: Board = Board {
    name: "lottery",
    title: "lottery and standing",
    about: "Who takes part in lotteries, who is seen online, who is punished.",
    panels: &[
        number("Candidates", "Frozen candidates of the last lottery.", Unit::Count, &[query("max(vrf_candidates{@})")]),
        number(
            "Participation",
            "Tickets for each frozen candidate of the last lottery. An alert fires below 0.5.",
            Unit::Share,
            &[query("min(vrf_participation_ppm{@}) / 1000000")],
        ),
        number(
            "Identities",
            "Identities that were ever registered.",
            Unit::Count,
            &[query("max(identity_registrations{@})")],
        ),
        number(
            "Slashings",
            "Validators that lost stake, since the nodes started.",
            Unit::Count,
            &[query("max(staking_slashes_total{@})")],
        ),
        lines(
            "Lottery submissions",
            "Per second: in blocks, with a ticket, and without one by outcome.",
            Unit::PerSecond,
            &[
                named("max(rate(vrf_submissions_total{@}[10m]))", "submitted"),
                named("max(rate(vrf_tickets_total{@}[10m]))", "ticket"),
                named("max by (reason) (rate(vrf_rejections_total{@}[10m]))", "{{reason}}"),
            ],
        ),
        lines(
            "Seats given",
            "Candidates that lotteries admitted, and those among them that took a seat that tickets had left.",
            Unit::Count,
            &[
                named("max(vrf_accepted_validators_total{@})", "admitted"),
                named("max(vrf_fallback_total{@})", "by fallback"),
            ],
        ),
        lines(
            "Proofs in a block",
            "Heartbeats that counted, and precommits for the block before.",
            Unit::Count,
            &[
                named("last_block_uptime_proofs{@}", "{{instance}} uptime"),
                named("last_block_consensus_proofs{@}", "{{instance}} consensus"),
            ],
        ),
        lines(
            "Proofs per second",
            "The same, over five minutes.",
            Unit::PerSecond,
            &[
                named("rate(block_uptime_proofs_total{@}[5m])", "{{instance}} uptime"),
                named("rate(block_consensus_proofs_total{@}[5m])", "{{instance}} consensus"),
            ],
        ),
        lines(
            "Duties of the own validator",
            "Heartbeats and tickets per second, by result. Only `sent` is good.",
            Unit::PerSecond,
            &[named(
                "sum by (instance, duty, result) (rate(validator_duties_total{@}[10m]))",
                "{{instance}} {{duty}} {{result}}",
            )],
        ),
        lines(
            "Standing of the own validator",
            "Hours of timetoke, and tier from 0 to 5.",
            Unit::Count,
            &[
                named("validator_timetoke_hours{@}", "{{instance}} hours"),
                named("validator_tier{@}", "{{instance}} tier"),
            ],
        ),
        lines(
            "Score of the own validator",
            "Between 0 and 1.",
            Unit::Share,
            &[query("validator_score_ppm{@} / 1000000")],
        ),
        lines(
            "Timetoke roots told by peers",
            "Messages per second, by result. `mismatched` is a peer that is wrong, or this node.",
            Unit::PerSecond,
            &[named("sum by (result) (rate(meta_timetoke_messages_total{@}[5m]))", "{{result}}")],
        ),
        lines(
            "Topics not relayed",
            "Per second, by topic and reason.",
            Unit::PerSecond,
            &[named("sum by (topic, reason) (rate(gossip_topic_refused_total{@}[5m]))", "{{topic}} {{reason}}")],
        ),
        lines(
            "Penalties",
            "Since the nodes started: jailed, slashed, evidence that a node reported, audit records written.",
            Unit::Count,
            &[
                named("max(staking_jailings_total{@})", "jailed"),
                named("max(staking_slashes_total{@})", "slashed"),
                named("sum(evidence_reports_total{@})", "reported"),
                named("max by (stream) (audit_records_total{@})", "records {{stream}}"),
            ],
        ),
    ],
};
