//! The solo engine over a chain in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use consensus::solo::SoloError;
use consensus::{ConsensusEvent, SharedApplication, SoloConfig, StopReason, start_solo};
use primitives::genesis::Engine;
use primitives::{Address, Height};
use replica::application::Application;
use tokio::time::timeout;

use crate::memory_chain::{MemoryChain, MemorySigner, genesis, secret};

const PATIENCE: Duration = Duration::from_secs(20);

fn chain(interval_ms: u64) -> Arc<Mutex<MemoryChain>> {
    let own = Address::of_key(&secret(0).public_key());
    Arc::new(Mutex::new(MemoryChain::new(genesis(Engine::Solo, 1, interval_ms), own)))
}

async fn finalized(events: &mut tokio::sync::broadcast::Receiver<ConsensusEvent>) -> Height {
    loop {
        let event = timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("the engine runs");
        if let ConsensusEvent::Finalized { height, .. } = event {
            return height;
        }
    }
}

#[tokio::test]
async fn empty_blocks_come_at_the_interval_and_work_makes_one_at_once() {
    let chain = chain(3_600_000);
    let config = SoloConfig::default();
    let app: SharedApplication = chain.clone();
    let handle = start_solo(config.clone(), app, Box::new(MemorySigner::new(0))).await.expect("it starts");
    let mut events = handle.events();
    // Genesis is years old, so the first block is due at once; the next one only in an hour.
    while handle.finalized() < Height(1) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(handle.finalized(), Height(1), "an empty block came before its time");
    for height in 2..6 {
        config.work.notify_one();
        while finalized(&mut events).await < Height(height) {}
    }
    assert_eq!(handle.shutdown().await, StopReason::Requested);
    let chain = chain.lock().expect("not poisoned");
    let certificate = chain.decided(Height(5)).expect("no fault").expect("it is there").1;
    let set = chain.electorate(Height(6)).expect("known").validators;
    assert!(certificate.verify(&set, &chain.genesis_hash()).is_ok());
}

#[tokio::test]
async fn blocks_that_are_wanted_at_once_do_not_wait_for_the_interval() {
    let chain = chain(3_600_000);
    let config = SoloConfig { hurry_to: Height(40), ..SoloConfig::default() };
    let handle = start_solo(config, chain, Box::new(MemorySigner::new(0))).await.expect("it starts");
    timeout(PATIENCE, async {
        while handle.finalized() < Height(40) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("forty blocks in seconds, with an hour between two");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(handle.finalized(), Height(40), "and then the interval counts again");
    assert_eq!(handle.shutdown().await, StopReason::Requested);
}

#[tokio::test]
async fn restart_goes_on_where_it_stopped() {
    let chain = chain(1);
    let signer = MemorySigner::new(0);
    for target in [3, 6] {
        // A crash forgets what was not durable; the guard and the finalized blocks stay.
        chain.lock().expect("not poisoned").forget_candidates();
        let app: SharedApplication = chain.clone();
        let handle = start_solo(SoloConfig::default(), app, Box::new(signer.clone())).await.expect("it starts");
        let mut events = handle.events();
        while handle.finalized() < Height(target) {
            timeout(PATIENCE, finalized(&mut events)).await.expect("a block in time");
        }
        assert_eq!(handle.shutdown().await, StopReason::Requested);
    }
    let chain = chain.lock().expect("not poisoned");
    let times = chain.times();
    assert!(times.len() >= 6 && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[tokio::test]
async fn fault_stops_the_engine_and_says_why() {
    let chain = chain(1);
    chain.lock().expect("not poisoned").broken = true;
    let app: SharedApplication = chain.clone();
    let handle = start_solo(SoloConfig::default(), app, Box::new(MemorySigner::new(0))).await.expect("it starts");
    let reason = timeout(PATIENCE, handle.stopped()).await.expect("it stops");
    assert_eq!(reason, StopReason::Fault("the disk is full".to_owned()));
    assert_eq!(chain.lock().expect("not poisoned").finalized(), Height(0));
}

#[tokio::test]
async fn wrong_chain_or_key_is_refused() {
    let own = Address::of_key(&secret(0).public_key());
    let bft: SharedApplication = Arc::new(Mutex::new(MemoryChain::new(genesis(Engine::Bft, 1, 1_000), own)));
    let refused = start_solo(SoloConfig::default(), bft, Box::new(MemorySigner::new(0))).await.err();
    assert_eq!(refused, Some(SoloError::WrongEngine));
    let key = Address::of_key(&secret(1).public_key());
    let refused = start_solo(SoloConfig::default(), chain(1_000), Box::new(MemorySigner::new(1))).await.err();
    assert_eq!(refused, Some(SoloError::WrongKey { key }));
}
