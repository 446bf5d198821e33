//! Who votes, who is missing, who signs wrongly.

use crate::board::{Board, Unit};
use crate::boards::{lines, named, number, query};

/// The board.
pub const BOARD: Board = Board {
    name: "validators",
    title: "validators",
    about: "Who votes, who is missing, who signs what it must not.",
    panels: &[
        number("Validators", "Validators in the voting set.", Unit::Count, &[query("max(consensus_validators{@})")]),
        number(
            "Silent validators",
            "Validators that signed none of the last 60 commit certificates, as the node that misses most sees it.",
            Unit::Count,
            &[query("max(consensus_silent_validators{@})")],
        ),
        number(
            "Double signs seen",
            "Messages signed twice with different content, since the nodes started. Anything but 0 is an incident.",
            Unit::Count,
            &[query("sum(consensus_equivocations_total{@})")],
        ),
        number(
            "Signatures refused",
            "Signatures that the double-sign guards refused, since the nodes started. Anything but 0 is an incident.",
            Unit::Count,
            &[query("sum(consensus_guard_refusals_total{@})")],
        ),
        lines(
            "Blocks built",
            "Per second and validator. Equal power builds equally often.",
            Unit::PerSecond,
            &[query("rate(consensus_built_blocks_total{@}[5m])")],
        ),
        lines(
            "Validators missing from the last certificate",
            "A certificate holds the first two thirds of the power that arrive, so a steady number here is normal.",
            Unit::Count,
            &[query("consensus_missed_validators{@}")],
        ),
        lines(
            "Power in the last certificate",
            "Share of the set's power. Above two thirds always.",
            Unit::Share,
            &[query("consensus_certificate_power_ppm{@} / 1000000")],
        ),
        lines(
            "Precommits missing",
            "Per second, summed over validators.",
            Unit::PerSecond,
            &[query("rate(consensus_missed_precommits_total{@}[5m])")],
        ),
        lines(
            "Time of a signature",
            "Mean seconds, the write of the double-sign guard included.",
            Unit::Seconds,
            &[query(
                "rate(malachitebft_core_consensus_signature_signing_time_sum{@}[5m]) \
                 / rate(malachitebft_core_consensus_signature_signing_time_count{@}[5m])",
            )],
        ),
        lines(
            "Conflicting messages that the engine saw",
            "By kind, since the nodes started.",
            Unit::Count,
            &[
                named("sum(malachitebft_core_consensus_equivocation_votes_total{@})", "votes"),
                named("sum(malachitebft_core_consensus_equivocation_proposals_total{@})", "proposals"),
            ],
        ),
        lines(
            "Heights since rewards were paid",
            "Of each node that saw an epoch end. It climbs to the blocks of an epoch and falls.",
            Unit::Count,
            &[query("consensus_finalized_height{@} - rewards_height{@} and on (instance, job) rewards_height{@} > 0")],
        ),
        lines(
            "Rewards of epochs",
            "Validators that the last epoch paid, and BLOCK paid in the last hour.",
            Unit::Count,
            &[
                named("reward_payees{@}", "{{instance}} validators"),
                named("increase(rewards_paid_micro_total{@}[1h]) / 1000000", "{{instance}} BLOCK"),
            ],
        ),
    ],
};
