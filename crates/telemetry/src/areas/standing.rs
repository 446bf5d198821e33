//! Identities, online time, reputation, the lottery, rewards, evidence and audits.

use crate::handles::{Counter, CounterFamily, Gauge};
use crate::metric::Metric;

area! {
    /// Identities, online time, reputation, the lottery, rewards, evidence and audits.
    Standing {
        "Identities that were ever registered"
        identities: Gauge = Metric::gauge("identity_registrations");
        "Heartbeats in the last finalized block that counted"
        uptime_proofs: Gauge = Metric::gauge("last_block_uptime_proofs");
        "Heartbeats in finalized blocks that counted"
        uptime_proofs_sum: Counter = Metric::counter("block_uptime_proofs_total");
        "Precommits that the last finalized block carries for the block before"
        consensus_proofs: Gauge = Metric::gauge("last_block_consensus_proofs");
        "Precommits that finalized blocks carry"
        consensus_proofs_sum: Counter = Metric::counter("block_consensus_proofs_total");
        "What this node did by itself for its validator, by duty (heartbeat, ticket, attestation) and result (sent, cannot_pay, wrong_key, not_signed, refused)"
        duties: CounterFamily<2> = Metric::counter("validator_duties_total").labels(&["duty", "result"]).values(&[&["heartbeat", "ticket", "attestation"], &["sent", "cannot_pay", "wrong_key", "not_signed", "refused"]]);
        "Whole hours of timetoke of the own validator"
        own_hours: Gauge = Metric::gauge("validator_timetoke_hours");
        "Tier of the own validator, 0 to 5"
        own_tier: Gauge = Metric::gauge("validator_tier");
        "Score of the own validator, parts per million"
        own_score: Gauge = Metric::gauge("validator_score_ppm");
        "Messages meta_timetoke by result (published, matched, mismatched, unknown_height, refused)"
        meta_timetoke: CounterFamily<1> = Metric::counter("meta_timetoke_messages_total").labels(&["result"]).values(&[&["published", "matched", "mismatched", "unknown_height", "refused"]]);
        "Transactions and messages of a topic that were not relayed, by topic (proofs, meta, vrf, witness) and reason (tier, quarantined)"
        topic_refusals: CounterFamily<2> = Metric::counter("gossip_topic_refused_total").labels(&["topic", "reason"]).values(&[&["proofs", "meta", "vrf", "witness"], &["tier", "quarantined"]]);
        "Lottery submissions in finalized blocks"
        vrf_submissions: Counter = Metric::counter("vrf_submissions_total");
        "Lottery submissions in finalized blocks that gave a ticket"
        vrf_tickets: Counter = Metric::counter("vrf_tickets_total");
        "Lottery submissions in finalized blocks that gave none, by outcome"
        vrf_rejections: CounterFamily<1> = Metric::counter("vrf_rejections_total").labels(&["reason"]);
        "Candidates that lotteries admitted"
        vrf_accepted: Counter = Metric::counter("vrf_accepted_validators_total");
        "Candidates that lotteries admitted to a seat that tickets had left"
        vrf_fallback: Counter = Metric::counter("vrf_fallback_total");
        "Frozen candidates of the last lottery"
        vrf_candidates: Gauge = Metric::gauge("vrf_candidates");
        "Tickets of the last lottery for each frozen candidate, parts per million"
        vrf_participation: Gauge = Metric::gauge("vrf_participation_ppm");
        "Evidence transactions that this node reported"
        evidence_reports: Counter = Metric::counter("evidence_reports_total");
        "Slashing decisions in finalized blocks"
        slashes: Counter = Metric::counter("staking_slashes_total");
        "Validators that the last finalized block slashed for a proven offence"
        last_slashes: Gauge = Metric::gauge("last_block_slashed_validators").aliases(&["cometbft_consensus_byzantine_validators"]);
        "Validators that finalized blocks sent to jail"
        jailings: Counter = Metric::counter("staking_jailings_total");
        "Height of the newest block that paid validators their rewards, at the end of an epoch; 0 until this process saw one"
        rewards_height: Gauge = Metric::gauge("rewards_height");
        "Validators that the newest such block paid"
        reward_payees: Gauge = Metric::gauge("reward_payees");
        "Rewards that blocks paid to validators at the end of epochs, µBLOCK"
        rewards_paid: Counter = Metric::counter("rewards_paid_micro_total");
        "Audit records that this node has ever written, by stream (reputation, slashing)"
        audit_records: CounterFamily<1> = Metric::counter("audit_records_total").labels(&["stream"]).values(&[&["reputation", "slashing"]]);
    }
}
