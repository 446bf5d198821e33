//! The one task that owns the swarm: its state, its inputs, its loop.
//!
//! Model: [`run`] waits for the next [`Input`] and gives it to the handler of that input; handlers
//! never wait. Time is read once per input ([`Network::now_ms`]) and handed to the pure parts.
//!
//! Rules
//! - One input, one handler file; the match in [`Network::handle`] is exhaustive.
//! - What the node is told goes through a bounded queue; when it is full the message is dropped and
//!   counted, and a dropped batch may come again.
//!
//! Read next: `handlers/mod.rs`.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{future, io};

use futures::StreamExt;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use primitives::{BoundedVec, FormatVersion, Height};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::batches::{Collector, Relay};
use crate::config::{ADDRESSES_MAX, ChainIdentity, P2pConfig};
use crate::counters::{DropReason, HandshakeFailure};
use crate::dialer::{Dialer, Origin, peer_of};
use crate::handle::{Command, P2pEvent, PeerView, Shared};
use crate::handlers;
use crate::handlers::bodies::Bodies;
use crate::handlers::questions::Questions;
use crate::limits::ReplayWindow;
use crate::network::{Behaviour, BehaviourEvent};
use crate::peers::{Peer, Peers, Phase, REFUSED_LINGER_MS};
use crate::score::{Offence, PeerScores, Standing};
use crate::store::PeerStore;
use crate::wire::{Hello, Refusal, text};

/// Published transactions taken from the queue at once.
pub const PUBLISH_CHUNK_MAX: usize = 512;
/// Pause between two rounds of housekeeping.
pub const TICK: Duration = Duration::from_secs(1);
/// Digests of batches that peers were asked for.
pub const ASKED_MAX: u64 = 4_096;
/// Time for saying goodbye at shutdown.
pub const GOODBYE: Duration = Duration::from_millis(250);

/// Everything that can happen to the network.
pub(crate) enum Input {
    /// libp2p reports something.
    Swarm(Box<SwarmEvent<BehaviourEvent>>),
    /// The node published transactions, or (empty) dropped its last handle.
    Publish(Vec<Arc<[u8]>>),
    /// The node judged a message, published one of a topic or wants to stop; `None` when its last handle is gone.
    Command(Option<Command>),
    /// The oldest collected transaction has waited long enough.
    Flush,
    /// The oldest announcement has waited long enough.
    Announce,
    /// Time to ask the peers for their heights.
    PullHeights,
    /// Time for housekeeping.
    Tick,
    /// A write of the peer store ended.
    Persisted(io::Result<()>),
}

/// Where results go.
pub(crate) struct Outputs {
    pub events: mpsc::Sender<P2pEvent>,
    pub views: watch::Sender<Vec<PeerView>>,
    pub listening: watch::Sender<Vec<String>>,
}

/// The state of the network.
pub(crate) struct Network {
    pub swarm: Swarm<Behaviour>,
    pub config: P2pConfig,
    pub chain: ChainIdentity,
    pub shared: Arc<Shared>,
    pub outputs: Outputs,
    pub peers: Peers,
    pub scores: PeerScores,
    pub store: PeerStore,
    pub dialer: Dialer,
    pub collector: Collector,
    pub relay: Relay<PeerId>,
    pub replay: ReplayWindow,
    /// Digests that one peer was asked for, and those that a second one was asked for as well.
    pub asked: [ReplayWindow; 2],
    /// Questions of peers for a proof that the node has not answered yet.
    pub questions: Questions,
    /// Questions for bodies, ours and those of peers.
    pub bodies: Bodies,
    /// Requests of peers for a piece of a snapshot that the node has not answered yet.
    pub snapshot_questions: Questions,
    pub flush_due: Option<Instant>,
    pub announce_due: Option<Instant>,
    pub persisting: Option<JoinHandle<io::Result<()>>>,
    pub persisted_ms: Option<u64>,
    pub views_changed: bool,
    started: Instant,
    started_unix_ms: u64,
}

impl Network {
    /// The state at start: remembered peers and bans are in force, nobody is dialled yet.
    pub(crate) fn new(
        swarm: Swarm<Behaviour>,
        config: P2pConfig,
        chain: ChainIdentity,
        bootstrap: &[Multiaddr],
        shared: Arc<Shared>,
        outputs: Outputs,
    ) -> Self {
        let started_unix_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let (store, warnings) = PeerStore::open(config.store.clone(), started_unix_ms);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let mut network = Self {
            scores: PeerScores::new(config.ban_secs.saturating_mul(1_000)),
            replay: ReplayWindow::new(config.limits.replay_window_size),
            asked: [ReplayWindow::new(ASKED_MAX), ReplayWindow::new(ASKED_MAX)],
            questions: Questions::default(),
            bodies: Bodies::default(),
            snapshot_questions: Questions::default(),
            swarm,
            config,
            chain,
            shared,
            outputs,
            peers: Peers::new(),
            store,
            dialer: Dialer::default(),
            collector: Collector::default(),
            relay: Relay::default(),
            flush_due: None,
            announce_due: None,
            persisting: None,
            persisted_ms: None,
            views_changed: false,
            started: Instant::now(),
            started_unix_ms,
        };
        network.restore(bootstrap);
        network
    }

    fn restore(&mut self, bootstrap: &[Multiaddr]) {
        let own = *self.swarm.local_peer_id();
        // A list shared by a whole network names this node too.
        for address in bootstrap.iter().filter(|address| peer_of(address) != Some(own)) {
            self.dialer.add(peer_of(address), vec![address.clone()], Origin::Bootstrap);
        }
        for (key, addresses) in self.store.candidates() {
            let addresses: Vec<Multiaddr> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
            if let Some(peer) = key.peer_id().filter(|peer| *peer != own) {
                self.dialer.add(Some(peer), addresses, Origin::Met);
            }
        }
        for record in self.store.records() {
            let standing = Standing {
                points: record.points,
                updated_ms: record.last_seen_unix_ms,
                banned_until_ms: record.banned_until_unix_ms,
                bans: record.bans,
            };
            self.scores.restore(record.peer, standing);
            let banned = record.banned_until_unix_ms.is_some_and(|until| until > self.started_unix_ms);
            if let Some(peer) = record.peer.peer_id().filter(|_| banned) {
                self.swarm.behaviour_mut().banned.block_peer(peer);
            }
        }
    }

    /// Milliseconds since the Unix epoch, read from a clock that never steps: the wall clock at start
    /// plus the time since then.
    pub(crate) fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_unix_ms.saturating_add(passed)
    }

    /// The finalized height that the node last told.
    pub(crate) fn height(&self) -> Height {
        Height(self.shared.height.load(Ordering::Relaxed))
    }

    /// What this node says about itself.
    pub(crate) fn hello(&self) -> Hello {
        let listen = self.swarm.listeners().take(if self.config.announce { ADDRESSES_MAX } else { 0 });
        let listen = listen.filter_map(|address| BoundedVec::new(address.to_string().into_bytes())).collect();
        Hello {
            format: FormatVersion,
            chain_id: text(&self.chain.chain_id),
            genesis: self.chain.genesis,
            height: self.height(),
            agent: text(&self.config.agent),
            mode: text(&self.config.mode),
            channel: text(&self.config.channel),
            gates: BoundedVec::new(self.config.gates.clone().into_bytes()).unwrap_or_default(),
            listen: BoundedVec::new(listen).expect("it takes at most that many"),
        }
    }

    /// Tells the node; drops and counts the event when the node does not keep up.
    pub(crate) fn tell(&self, event: P2pEvent) -> bool {
        let told = self.outputs.events.try_send(event).is_ok();
        if !told {
            self.count_drop(DropReason::NodeQueueFull);
        }
        told
    }

    /// Counts a dropped message.
    pub(crate) fn count_drop(&self, reason: DropReason) {
        self.shared.counters.dropped(reason).inc();
    }

    /// Counts an offence against the peer's score; bans and disconnects it at the threshold.
    pub(crate) fn offend(&mut self, peer_id: PeerId, offence: Offence) {
        let now_ms = self.now_ms();
        let Some(key) = self.peers.get(&peer_id).map(|peer| peer.key) else { return };
        if !self.scores.offend(key, offence, now_ms) {
            return;
        }
        tracing::warn!(peer = %key, ?offence, ban_secs = self.config.ban_secs, "peer banned");
        self.shared.counters.bans.inc();
        // Blocking closes the open connections too.
        self.swarm.behaviour_mut().banned.block_peer(peer_id);
        self.dialer.unwanted(&peer_id, now_ms);
        // A ban is written at the next round, so that a crash does not lift it.
        self.persisted_ms = None;
        self.tell(P2pEvent::PeerBanned { peer: key });
    }

    /// Ends a handshake without agreement. A dialler that we refuse gets some time to read why.
    pub(crate) fn refuse(&mut self, peer_id: PeerId, reason: Refusal, linger: bool) {
        let now_ms = self.now_ms();
        let key = self.peers.get_mut(&peer_id).map(|peer| {
            peer.phase = Phase::Refused { deadline_ms: now_ms.saturating_add(REFUSED_LINGER_MS) };
            peer.key
        });
        tracing::warn!(peer = %peer_id, %reason, "handshake refused");
        self.shared.counters.handshakes_refused.inc();
        self.shared.counters.handshake_failures(HandshakeFailure::Refused(reason)).inc();
        // A slow peer may do better soon; one of another chain will not.
        if !matches!(reason, Refusal::Timeout | Refusal::RateLimited) {
            self.dialer.unwanted(&peer_id, now_ms);
        }
        self.views_changed = true;
        self.tell(P2pEvent::PeerRefused { peer: key, reason });
        if !linger {
            // An error means that the connection is gone already.
            let _ = self.swarm.disconnect_peer_id(peer_id);
        }
    }

    async fn next(&mut self, queues: &mut Queues) -> Input {
        let (flush, announce) = (at(self.flush_due), at(self.announce_due));
        let pulls = async {
            match &mut queues.pulls {
                Some(interval) => interval.tick().await,
                None => future::pending().await,
            }
        };
        let persisting = &mut self.persisting;
        let persisted = async {
            match persisting {
                Some(task) => task.await,
                None => future::pending().await,
            }
        };
        let mut transactions = Vec::new();
        tokio::select! {
            event = self.swarm.select_next_some() => Input::Swarm(Box::new(event)),
            _ = queues.published.recv_many(&mut transactions, PUBLISH_CHUNK_MAX) => Input::Publish(transactions),
            command = queues.commands.recv() => Input::Command(command),
            () = flush => Input::Flush,
            () = announce => Input::Announce,
            _ = pulls => Input::PullHeights,
            _ = queues.tick.tick() => Input::Tick,
            result = persisted => Input::Persisted(result.unwrap_or_else(|error| Err(io::Error::other(error)))),
        }
    }

    fn handle(&mut self, input: Input) -> ControlFlow<Option<Command>> {
        match input {
            Input::Swarm(event) => handlers::swarm::handle(self, *event),
            Input::Publish(transactions) if transactions.is_empty() => return ControlFlow::Break(None),
            Input::Publish(transactions) => handlers::publish::handle(self, &transactions),
            Input::Command(Some(Command::Verdict(digest, verdict))) => handlers::verdict::handle(self, digest, verdict),
            Input::Command(Some(Command::Topic(message))) => handlers::publish::topic(self, &message),
            Input::Command(Some(Command::Proof(message))) => handlers::publish::proof(self, &message),
            Input::Command(Some(Command::Ask(peer, window))) => handlers::questions::ask(self, peer, window),
            Input::Command(Some(Command::Answer(question, answer))) => {
                handlers::questions::answer(self, question, &answer);
            }
            Input::Command(Some(Command::AskBody(peer, height, told))) => {
                handlers::bodies::ask(self, peer, height, told);
            }
            Input::Command(Some(Command::AnswerBody(question, body))) => {
                handlers::bodies::answer(self, question, body);
            }
            Input::Command(Some(Command::Blame(peer))) => handlers::bodies::blame(self, peer),
            Input::Command(Some(Command::AskSnapshot(peer, request, asker))) => {
                handlers::snapshots::ask(self, peer, request, asker);
            }
            Input::Command(Some(Command::AnswerSnapshot(question, answer))) => {
                handlers::snapshots::answer(self, question, &answer);
            }
            Input::Command(Some(Command::WrongSnapshot(peer))) => handlers::snapshots::wrong(self, peer),
            Input::Command(stop) => return ControlFlow::Break(stop),
            Input::Flush => handlers::flush::handle(self),
            Input::Announce => handlers::announce::handle(self),
            Input::PullHeights => handlers::pull_heights::handle(self),
            Input::Tick => handlers::tick::handle(self),
            Input::Persisted(result) => handlers::persisted::handle(self, result),
        }
        if std::mem::take(&mut self.views_changed) {
            self.publish_views();
        }
        ControlFlow::Continue(())
    }

    fn publish_views(&self) {
        let now_ms = self.now_ms();
        let views: Vec<PeerView> = self.peers.values().filter_map(|peer| self.view(peer, now_ms)).collect();
        self.shared.counters.peers.set(views.len());
        self.outputs.views.send_replace(views);
    }

    fn view(&self, peer: &Peer, now_ms: u64) -> Option<PeerView> {
        let connection = peer.connections.last()?;
        peer.may_receive().then(|| PeerView {
            peer: peer.key,
            agent: peer.agent.clone(),
            mode: peer.mode.clone(),
            address: connection.address.clone(),
            provider: connection.provider,
            inbound: connection.inbound,
            height: peer.height,
            points: self.scores.points(&peer.key, now_ms),
            connected_ms: now_ms.saturating_sub(peer.connected_ms),
        })
    }

    async fn stop(mut self) {
        if let Some(task) = self.persisting.take() {
            // What it wrote is written again below.
            let _ = task.await;
        }
        if let Some(task) = handlers::tick::start_persist(&mut self)
            && let Ok(Err(error)) = task.await
        {
            tracing::warn!(%error, "the peer store could not be written; peers are found again through the bootstrap list");
        }
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        // Polling sends the goodbyes; whoever does not take them in time notices by silence.
        let goodbye = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

struct Queues {
    published: mpsc::Receiver<Arc<[u8]>>,
    commands: mpsc::Receiver<Command>,
    tick: Interval,
    pulls: Option<Interval>,
}

/// Waits until `due`, for ever when there is nothing to wait for.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => future::pending().await,
    }
}

fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Runs until the node says stop or drops its last handle.
pub(crate) async fn run(mut network: Network, published: mpsc::Receiver<Arc<[u8]>>, commands: mpsc::Receiver<Command>) {
    let pull_ms = network.config.limits.chain_sync_interval_ms;
    let pulls = (pull_ms > 0).then(|| interval(Duration::from_millis(pull_ms)));
    let mut queues = Queues { published, commands, tick: interval(TICK), pulls };
    let stop = loop {
        let input = network.next(&mut queues).await;
        if let ControlFlow::Break(stop) = network.handle(input) {
            break stop;
        }
    };
    network.stop().await;
    if let Some(Command::Shutdown(done)) = stop {
        // Nobody waits when the caller was dropped.
        let _ = done.send(());
    }
}
