//! The live line: figures from blocks, consensus and mempool.

use cli::devnet::status_line::Watch;
use primitives::{Address, Amount, Engine, Hash, Height, Round, Timestamp};
use rpc::types::{BlockSummary, ConsensusStatus, LaneStatuses, MempoolStatus, QueueStatus, QueueWeights, Step};

fn block(height: u64, time_ms: u64, transaction_count: u64) -> BlockSummary {
    BlockSummary {
        height: Height(height),
        hash: Hash::default(),
        time_ms: Timestamp(time_ms),
        proposer: Address::of_module("proposer"),
        transaction_count,
        supply: Amount::ZERO,
    }
}

fn consensus(height: u64, since_last_block_ms: u64) -> ConsensusStatus {
    ConsensusStatus {
        engine: Engine::Bft,
        height: Height(height),
        round: Some(Round(2)),
        step: Step::Propose,
        proposer: None,
        last_rounds: 1,
        last_interval_ms: None,
        since_last_block_ms,
        stalled: false,
        total_power: 4,
        quorum_power: 3,
        validators: Vec::new(),
    }
}

fn mempool(size: u64) -> MempoolStatus {
    MempoolStatus {
        transactions: QueueStatus { size, ..QueueStatus::default() },
        identities: QueueStatus::default(),
        votes: QueueStatus::default(),
        lanes: LaneStatuses::default(),
        bytes: 0,
        queue_weights: QueueWeights { priority_ppm: 700_000, fee_ppm: 300_000 },
    }
}

#[test]
fn figures_come_from_the_last_blocks() {
    let mut watch = Watch::default();
    // Pages overlap and come newest first.
    watch.add(&[block(2, 2_000, 50), block(1, 1_000, 999)]);
    watch.add(&[block(3, 3_000, 150), block(2, 2_000, 50), block(1, 1_000, 999)]);
    let reading = watch.reading(&consensus(4, 400), &mempool(12), true, Timestamp(3_500));
    assert_eq!(reading.height, 3);
    assert_eq!(reading.block_ms, Some(1_000));
    // 200 transactions in the two seconds after the first block of the window.
    assert_eq!(reading.transactions_per_second, 100);
    // Finalized at 3,100, with the time 3,000 in its header.
    assert_eq!(reading.finality_ms, Some(100));
    assert_eq!(
        reading.line(),
        "height 3 · proven 0 · round 2 · block 1.00 s · finality 100 ms · 100 tx/s · mempool 12"
    );
}

#[test]
fn nothing_is_made_up_before_there_are_blocks() {
    let mut watch = Watch::default();
    let reading = watch.reading(&consensus(1, 0), &mempool(0), true, Timestamp(5));
    assert_eq!(reading.line(), "height 0 · proven 0 · round 2 · block - · finality - · 0 tx/s · mempool 0");
    watch.add(&[block(1, 1_000, 10)]);
    let reading = watch.reading(&consensus(2, 10), &mempool(0), true, Timestamp(1_100));
    assert_eq!((reading.block_ms, reading.transactions_per_second), (None, 0));
    assert_eq!(reading.finality_ms, Some(90));
}

#[test]
fn answers_of_different_moments_are_not_mixed() {
    let mut watch = Watch::default();
    watch.add(&[block(3, 3_000, 1)]);
    assert_eq!(watch.reading(&consensus(5, 10), &mempool(0), false, Timestamp(4_000)).finality_ms, None);
}

#[test]
fn the_window_is_bounded() {
    let mut watch = Watch::default();
    for height in 1..1_000 {
        watch.add(&[block(height, height * 10, 3)]);
    }
    let reading = watch.reading(&consensus(1_000, 0), &mempool(0), true, Timestamp(9_990));
    assert_eq!((reading.height, reading.block_ms, reading.transactions_per_second), (999, Some(10), 300));
}

#[test]
fn the_time_before_a_restart_does_not_count() {
    let mut watch = Watch::since(Timestamp(60_000));
    watch.add(&[block(4, 62_000, 8), block(3, 61_000, 9), block(2, 2_000, 50), block(1, 1_000, 50)]);
    let reading = watch.reading(&consensus(5, 0), &mempool(0), true, Timestamp(62_000));
    assert_eq!((reading.height, reading.block_ms, reading.transactions_per_second), (4, Some(1_000), 8));
}
