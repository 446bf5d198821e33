//! No room on the disk: what is decided is held, no height is begun, and all of it goes on by itself.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consensus::{
    EngineConfig, EngineHandle, Room, SharedApplication, SignRefused, SignedStep, SoloConfig, StopReason, VoteSigner,
    start_solo,
};
use primitives::genesis::Engine;
use primitives::{Address, Height, PublicKey, Round, Signature};
use replica::application::Application;
use tokio::time::timeout;

use crate::memory_chain::{MemoryChain, MemorySigner, genesis, secret};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for many blocks, were they made.
const A_WHILE: Duration = Duration::from_millis(900);
/// The height in whose midst the room goes.
const AT: Height = Height(3);

/// A disk that fills up when the precommit of [`AT`] is signed, or has no room for that signature.
struct Filling {
    signer: MemorySigner,
    room: Arc<AtomicBool>,
    refuses: bool,
}

impl VoteSigner for Filling {
    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        if height == AT && step == SignedStep::Precommit {
            self.room.store(false, Ordering::SeqCst);
            if self.refuses {
                return Err(SignRefused { reason: "no space left".to_owned() });
            }
        }
        self.signer.sign(step, height, round, bytes)
    }
}

struct Alone {
    chain: Arc<Mutex<MemoryChain>>,
    room: Arc<AtomicBool>,
    engine: EngineHandle,
}

/// The one validator of a chain.
async fn alone(home: &Path, refuses: bool) -> Alone {
    let own = Address::of_key(&secret(0).public_key());
    let chain = Arc::new(Mutex::new(MemoryChain::new(genesis(Engine::Bft, 1, 1), own)));
    let room = Arc::new(AtomicBool::new(true));
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it has one").port();
    let asked = Arc::clone(&room);
    let config = EngineConfig {
        moniker: format!("room-{refuses}"),
        wal: home.join("consensus.wal"),
        listen: format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address"),
        peers: Vec::new(),
        network_seed: [7; 32],
        vote_queue_limit: 64,
        room: Room::new(move || asked.load(Ordering::SeqCst)),
        partition_tag: None,
        crash_at: None,
    };
    let signer = Filling { signer: MemorySigner::new(0), room: Arc::clone(&room), refuses };
    let app: SharedApplication = chain.clone();
    let engine = consensus::start(config, app, Some(Box::new(signer))).await.expect("it starts");
    Alone { chain, room, engine }
}

impl Alone {
    fn height(&self) -> Height {
        self.chain.lock().expect("not poisoned").finalized()
    }

    async fn reaches(&self, height: Height) {
        let reached = async {
            while self.height() < height {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached).await.expect("the height in time");
    }

    async fn stands(&self) -> Height {
        let before = self.height();
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(self.height(), before, "a block was made durable without room");
        before
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_without_room_is_held_and_committed_once_there_is_some() {
    let folder = tempfile::tempdir().expect("a folder");
    let alone = alone(folder.path(), false).await;
    alone.reaches(Height(AT.0 - 1)).await;
    let waits = async {
        while alone.room.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits).await.expect("the precommit is signed");
    assert_eq!(alone.stands().await, Height(AT.0 - 1), "the decision of this height is held");

    alone.room.store(true, Ordering::SeqCst);
    alone.reaches(Height(AT.0 + 2)).await;
    // Between two heights there is no room for the next one.
    alone.room.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stood = alone.stands().await;
    alone.room.store(true, Ordering::SeqCst);
    alone.reaches(Height(stood.0 + 2)).await;
    assert_eq!(alone.engine.shutdown().await, StopReason::Requested);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_has_no_room_for_a_signature_stops_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let alone = alone(folder.path(), true).await;
    let stopped = timeout(PATIENCE, alone.engine.stopped()).await.expect("it stops");
    assert!(matches!(&stopped, StopReason::Fault(reason) if reason.contains("no room for a signature")), "{stopped:?}");
    assert_eq!(alone.height(), Height(AT.0 - 1));
}

#[tokio::test]
async fn a_solo_chain_makes_no_block_without_room_and_goes_on_by_itself() {
    let own = Address::of_key(&secret(0).public_key());
    let chain = Arc::new(Mutex::new(MemoryChain::new(genesis(Engine::Solo, 1, 1), own)));
    let room = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&room);
    let config = SoloConfig { room: Room::new(move || asked.load(Ordering::SeqCst)), ..SoloConfig::default() };
    let app: SharedApplication = chain.clone();
    let handle = start_solo(config, app, Box::new(MemorySigner::new(0))).await.expect("it starts");
    let reaches = async |height: u64| {
        let reached = async {
            while handle.finalized() < Height(height) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached).await.expect("the height in time");
    };
    reaches(3).await;
    room.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stood = handle.finalized();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(handle.finalized(), stood, "a block was made without room");
    room.store(true, Ordering::SeqCst);
    reaches(stood.0 + 2).await;
    assert_eq!(handle.shutdown().await, StopReason::Requested);
}
