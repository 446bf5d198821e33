//! Heights stand still, rounds fail, validators are silent, somebody signs twice.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::{JOB, NODE};

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // Readiness calls ten intervals a stall; a minute without a height is past every timeout of several rounds. Compared with
    // a minute before, and not counted in a window, which may hold one sample only.
    Alert {
        name: "HeightStalled",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "consensus_finalized_height == consensus_finalized_height offset 1m",
        summary: "{{ $labels.instance }} has finalized no height for two minutes",
        drill: Drill {
            series: &[("consensus_finalized_height{@}", "0+15x20 300x40 315+15x40")],
            quiet_at: "5m",
            fires_at: "9m",
            labels: NODE,
            clear_at: "20m",
        },
    },
    // The highest of all is no higher than a minute before: the network is cut, or a third of the power is gone. A node that
    // fetches old heights meanwhile does not hide it.
    Alert {
        name: "ChainHalted",
        severity: Severity::Critical,
        lasting: "1m",
        expr: "max by (job) (consensus_finalized_height) == max by (job) (consensus_finalized_height offset 1m)",
        summary: "No node of {{ $labels.job }} has finalized a height for two minutes",
        drill: Drill {
            series: &[
                ("consensus_finalized_height{@}", "0+15x20 300x40 315+15x40"),
                ("consensus_finalized_height{@2}", "0+15x40 600x20 615+15x40"),
                // A node that fetches old heights all the time.
                ("consensus_finalized_height{@3}", "0+5x100"),
            ],
            // The second node still moves at the first time.
            quiet_at: "9m",
            fires_at: "14m",
            labels: &[("job", JOB)],
            clear_at: "20m",
        },
    },
    // Prometheus asks the nodes one after the other, so healthy ones seem a scrape interval apart: 15 s of blocks.
    Alert {
        name: "NodeBehind",
        severity: Severity::Warning,
        lasting: "2m",
        expr: "(max by (job) (consensus_finalized_height) - on (job) group_right () consensus_finalized_height) \
               * on (instance, job) chain_block_interval_target_seconds > 60",
        summary: "{{ $labels.instance }} is more than a minute of blocks behind the highest node",
        drill: Drill {
            series: &[
                ("consensus_finalized_height{@}", "0+15x20 300x20 630+15x40"),
                ("chain_block_interval_target_seconds{@}", "1x80"),
                ("consensus_finalized_height{@2}", "0+15x80"),
            ],
            quiet_at: "5m",
            fires_at: "9m",
            labels: NODE,
            clear_at: "15m",
        },
    },
    Alert {
        name: "RoundAboveZero",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "min_over_time(consensus_round[2m]) > 0",
        summary: "{{ $labels.instance }} has not seen round 0 for three minutes",
        drill: Drill {
            series: &[("consensus_round{@}", "0x20 1x10 2x10 0x40")],
            quiet_at: "6m",
            fires_at: "10m",
            labels: NODE,
            clear_at: "14m",
        },
    },
    // One validator of four that is down fails a quarter of all first rounds, until it is jailed a few minutes later.
    // One bad round in a minute is far below the limit.
    Alert {
        name: "RoundsFailing",
        severity: Severity::Warning,
        lasting: "2m",
        expr: "rate(consensus_failed_rounds_total[5m]) > 0.05",
        summary: "{{ $labels.instance }} sees more than three rounds a minute end without a decision",
        drill: Drill {
            series: &[("consensus_failed_rounds_total{@}", "0x40 0+2x40 80x60")],
            quiet_at: "9m",
            fires_at: "19m",
            labels: NODE,
            clear_at: "30m",
        },
    },
    Alert {
        name: "FinalitySlow",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "instance:consensus_finality_seconds:p99_5m > 3",
        summary: "{{ $labels.instance }} needs more than three seconds for a height, at the 99th percentile",
        drill: Drill {
            series: &[
                ("consensus_finality_seconds_bucket{@,le=\"3.0\"}", "0+15x20 300x40 300+15x60"),
                ("consensus_finality_seconds_bucket{@,le=\"8.0\"}", "0+15x20 300+3x40 420+15x60"),
                ("consensus_finality_seconds_bucket{@,le=\"+Inf\"}", "0+15x20 300+3x40 420+15x60"),
            ],
            quiet_at: "5m",
            fires_at: "14m",
            labels: NODE,
            clear_at: "25m",
        },
    },
    Alert {
        name: "BlocksSlow",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "instance:consensus_block_interval_seconds:mean_5m > 3 * chain_block_interval_target_seconds",
        summary: "{{ $labels.instance }} sees blocks that are more than three times as far apart as the target",
        drill: Drill {
            series: &[
                ("chain_block_interval_target_seconds{@}", "1x200"),
                ("consensus_block_interval_seconds_sum{@}", "0+15x200"),
                ("consensus_block_interval_seconds_count{@}", "0+15x20 300+3x80 540+15x100"),
            ],
            quiet_at: "5m",
            fires_at: "22m",
            labels: NODE,
            clear_at: "35m",
        },
    },
    Alert {
        name: "InvalidProposals",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(consensus_proposals_total{verdict=\"invalid\"}[10m]) > 0",
        summary: "{{ $labels.instance }} judged a proposal invalid",
        drill: Drill {
            series: &[("consensus_proposals_total{@,verdict=\"invalid\"}", "0x20 1x80")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("verdict", "invalid")],
            clear_at: "20m",
        },
    },
    // A fresh proposal more than 2 s ahead of the clock gets no vote; 15 s behind is what `tb doctor` warns of.
    Alert {
        name: "ClockOff",
        severity: Severity::Warning,
        lasting: "2m",
        expr: "consensus_clock_offset_seconds > 15 or consensus_clock_offset_seconds < -2",
        summary: "The clock of {{ $labels.instance }} is off: it is more than 15 s ahead of new blocks, or more than 2 s behind",
        drill: Drill {
            series: &[
                ("consensus_clock_offset_seconds{@}", "0.4x20 3600x20 0.4x20 -3x20 0.4x20"),
                // A block took many rounds.
                ("consensus_clock_offset_seconds{@2}", "0.4x17 25x6 0.4x77"),
            ],
            quiet_at: "5m",
            fires_at: "9m",
            labels: NODE,
            clear_at: "13m",
        },
    },
    Alert {
        name: "ValidatorSilent",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "consensus_silent_validators > 0",
        summary: "{{ $labels.instance }} sees validators that signed none of the last 60 blocks",
        drill: Drill {
            series: &[("consensus_silent_validators{@}", "0x10 1x20 0x20")],
            quiet_at: "3m",
            fires_at: "5m",
            labels: NODE,
            clear_at: "10m",
        },
    },
    Alert {
        name: "ValidatorsLeft",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "delta(consensus_validators[15m]) < 0",
        summary: "{{ $labels.instance }} sees fewer validators in the set than a quarter of an hour ago",
        drill: Drill {
            series: &[("consensus_validators{@}", "4x40 3x90")],
            quiet_at: "9m",
            fires_at: "12m",
            labels: NODE,
            clear_at: "30m",
        },
    },
    Alert {
        name: "BuildsNothing",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "increase(consensus_built_blocks_total[30m]) == 0 \
               and on (instance, job) node_info{role=\"validator\"} == 1 \
               and on (instance, job) changes(consensus_finalized_height[30m]) > 60",
        summary: "{{ $labels.instance }} is a validator and has built no block for 40 minutes, while the chain moves",
        drill: Drill {
            series: &[
                ("consensus_built_blocks_total{@}", "0+4x40 160x200 164+4x100"),
                ("node_info{@,role=\"validator\"}", "1x400"),
                ("consensus_finalized_height{@}", "0+15x400"),
            ],
            quiet_at: "35m",
            fires_at: "52m",
            labels: NODE,
            clear_at: "75m",
        },
    },
    Alert {
        name: "DoubleSign",
        severity: Severity::Critical,
        lasting: "0m",
        expr: "increase(consensus_equivocations_total[1h]) > 0",
        summary: "{{ $labels.instance }} saw a validator sign two different messages for one step",
        drill: Drill {
            series: &[("consensus_equivocations_total{@,kind=\"vote\"}", "0x20 1x400")],
            quiet_at: "4m",
            fires_at: "6m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("kind", "vote")],
            clear_at: "70m",
        },
    },
    Alert {
        name: "SigningRefused",
        severity: Severity::Critical,
        lasting: "0m",
        expr: "increase(consensus_guard_refusals_total[10m]) > 0",
        summary: "The double-sign guard of {{ $labels.instance }} refused a signature",
        drill: Drill {
            series: &[("consensus_guard_refusals_total{@}", "0x20 1x80")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "20m",
        },
    },
    Alert {
        name: "EngineStopped",
        severity: Severity::Critical,
        lasting: "0m",
        expr: "malachitebft_core_consensus_node_safety_failure > 0",
        summary: "Consensus of {{ $labels.instance }} stopped for safety and waits for a restart",
        drill: Drill {
            series: &[("malachitebft_core_consensus_node_safety_failure{@,moniker=\"a\"}", "0x20 1x20 0x20")],
            quiet_at: "4m",
            fires_at: "6m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("moniker", "a")],
            clear_at: "12m",
        },
    },
];
