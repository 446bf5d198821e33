//! Duties of validators are not done, lotteries run dry, somebody is punished.

use crate::alert::{Alert, Drill, Severity};
use crate::alerts::{JOB, NODE};

/// The alerts.
pub const ALERTS: &[Alert] = &[
    // Half of the candidates that were frozen for a lottery hand in no ticket.
    Alert {
        name: "VrfParticipationLow",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "vrf_participation_ppm < 500000 and on (instance, job) vrf_candidates > 0",
        summary: "Fewer than half of the candidates took part in the last lottery, as {{ $labels.instance }} counts",
        drill: Drill {
            series: &[
                ("vrf_participation_ppm{@}", "1000000x20 400000x60 500000x20"),
                ("vrf_candidates{@}", "5x110"),
                ("vrf_participation_ppm{@2}", "0x110"),
                ("vrf_candidates{@2}", "0x110"),
            ],
            quiet_at: "12m",
            fires_at: "18m",
            labels: NODE,
            clear_at: "22m",
        },
    },
    Alert {
        name: "VrfFallbackRepeated",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "increase(vrf_fallback_total[1h]) > 3",
        summary: "Lotteries gave more than three seats by fallback within an hour, as {{ $labels.instance }} counts",
        drill: Drill {
            series: &[("vrf_fallback_total{@}", "0x20 1x20 2x20 3x20 4x20 5x300")],
            quiet_at: "20m",
            fires_at: "35m",
            labels: NODE,
            clear_at: "95m",
        },
    },
    // A block carries precommits of more than two thirds of the power. How many validators that are depends on how power is
    // spread, so their share is compared with that of the hour before last, and with no number.
    Alert {
        name: "ConsensusProofsFew",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "rate(block_consensus_proofs_total[5m]) / rate(consensus_block_size_bytes_count[5m]) / consensus_validators \
               < 0.75 * rate(block_consensus_proofs_total[1h] offset 1h) / rate(consensus_block_size_bytes_count[1h] offset 1h) \
               / avg_over_time(consensus_validators[1h] offset 1h)",
        summary: "Blocks carry precommits of a quarter fewer of the validators than before, as {{ $labels.instance }} counts",
        drill: Drill {
            series: &[
                ("block_consensus_proofs_total{@}", "0+120x520 62400+75x160 74400+120x80"),
                ("consensus_block_size_bytes_count{@}", "0+15x760"),
                ("consensus_validators{@}", "10x760"),
                // Six validators with power 5 and four with power 1: half of them are two thirds of the power, always.
                ("block_consensus_proofs_total{@2}", "0+75x760"),
                ("consensus_block_size_bytes_count{@2}", "0+15x760"),
                ("consensus_validators{@2}", "10x760"),
            ],
            quiet_at: "125m",
            fires_at: "150m",
            labels: NODE,
            clear_at: "185m",
        },
    },
    // Every validator is seen online at a steady pace; half of the usual number means that many stopped.
    Alert {
        name: "UptimeProofsFew",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "increase(block_uptime_proofs_total[2h]) < 0.5 * increase(block_uptime_proofs_total[2h] offset 2h)",
        summary: "Blocks carry fewer than half of the heartbeats of two hours before, as {{ $labels.instance }} counts",
        drill: Drill {
            series: &[("block_uptime_proofs_total{@}", "0+1x960 960x480 960+1x1200")],
            quiet_at: "230m",
            fires_at: "340m",
            labels: NODE,
            clear_at: "660m",
        },
    },
    Alert {
        name: "DutyNotDone",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(validator_duties_total{result!=\"sent\"}[1h]) > 2",
        summary: "{{ $labels.instance }} could not do the duty {{ $labels.duty }} of its validator: {{ $labels.result }}",
        drill: Drill {
            series: &[("validator_duties_total{@,duty=\"ticket\",result=\"cannot_pay\"}", "0x20 1x20 2x20 4x400")],
            quiet_at: "14m",
            fires_at: "20m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("duty", "ticket"), ("result", "cannot_pay")],
            clear_at: "90m",
        },
    },
    Alert {
        name: "TimetokeRootsDiffer",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(meta_timetoke_messages_total{result=\"mismatched\"}[10m]) > 0",
        summary: "{{ $labels.instance }} heard a timetoke root that is not its own for the same height",
        drill: Drill {
            series: &[("meta_timetoke_messages_total{@,result=\"mismatched\"}", "0x20 1x80")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("result", "mismatched")],
            clear_at: "20m",
        },
    },
    Alert {
        name: "WitnessGossipRefused",
        severity: Severity::Warning,
        lasting: "5m",
        expr: "rate(gossip_topic_refused_total{topic=\"witness\"}[5m]) > 0.1",
        summary: "{{ $labels.instance }} does not relay witness data, reason {{ $labels.reason }}",
        drill: Drill {
            series: &[("gossip_topic_refused_total{@,topic=\"witness\",reason=\"tier\"}", "0x20 0+3x40 120x60")],
            quiet_at: "6m",
            fires_at: "14m",
            labels: &[("instance", "node1:26658"), ("job", JOB), ("topic", "witness"), ("reason", "tier")],
            clear_at: "25m",
        },
    },
    // A node that was just started has seen no end of an epoch, and says 0.
    Alert {
        name: "RewardsOverdue",
        severity: Severity::Warning,
        lasting: "1m",
        expr: "consensus_finalized_height - rewards_height > 2 * chain_epoch_blocks \
               and on (instance, job) rewards_height > 0",
        summary: "No validator has been paid for more than two epochs, as {{ $labels.instance }} counts",
        drill: Drill {
            series: &[
                ("consensus_finalized_height{@}", "0+15x90"),
                ("rewards_height{@}", "0x7 120x7 240x7 360x39 960x25"),
                ("chain_epoch_blocks{@}", "120x90"),
                ("consensus_finalized_height{@2}", "5000+15x90"),
                ("rewards_height{@2}", "0x90"),
                ("chain_epoch_blocks{@2}", "120x90"),
            ],
            quiet_at: "9m",
            fires_at: "13m",
            labels: NODE,
            clear_at: "18m",
        },
    },
    Alert {
        name: "RewardPayeesFew",
        severity: Severity::Warning,
        lasting: "10m",
        expr: "reward_payees < consensus_validators * 0.6 and on (instance, job) reward_payees > 0",
        summary: "The last epoch paid fewer than 60 % of the validators, as {{ $labels.instance }} counts",
        drill: Drill {
            series: &[
                ("reward_payees{@}", "5x20 2x60 5x40"),
                ("consensus_validators{@}", "5x125"),
                ("reward_payees{@2}", "0x125"),
                ("consensus_validators{@2}", "5x125"),
            ],
            quiet_at: "12m",
            fires_at: "17m",
            labels: NODE,
            clear_at: "22m",
        },
    },
    Alert {
        name: "ValidatorJailed",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(staking_jailings_total[15m]) > 0",
        summary: "{{ $labels.instance }} saw a validator being sent to jail",
        drill: Drill {
            series: &[("staking_jailings_total{@}", "0x20 1x120")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "25m",
        },
    },
    Alert {
        name: "ValidatorSlashed",
        severity: Severity::Warning,
        lasting: "0m",
        expr: "increase(staking_slashes_total[1h]) > 0",
        summary: "{{ $labels.instance }} saw a validator lose stake",
        drill: Drill {
            series: &[("staking_slashes_total{@}", "0x20 1x400")],
            quiet_at: "4m",
            fires_at: "7m",
            labels: NODE,
            clear_at: "70m",
        },
    },
];
