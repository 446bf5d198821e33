//! Whom to dial, and when again.
//!
//! Model: pure; targets are the configured bootstrap peers, which stay for ever; peers met before, which
//! are forgotten after [`FAILURES_MAX`] failures in a row; and peers that others only told of, which are
//! forgotten after [`HEARD_FAILURES_MAX`]. A failed dial doubles the pause before the next, from
//! [`PAUSE_MIN_MS`] to [`PAUSE_MAX_MS`].
//!
//! Rules
//! - At most [`TARGETS_MAX`] targets and [`DIALS_PER_ROUND`] dials a round; peers that are not bootstrap
//!   peers are dialled only while fewer than [`PEERS_WANTED`] peers are connected.
//! - What others tell is a claim. It takes at most [`HEARD_MAX`] places, never changes what is known of a
//!   target, and counts as met only once the peer's own handshake is done.

use libp2p::{Multiaddr, PeerId};

/// Targets that are remembered.
pub const TARGETS_MAX: usize = 256;
/// Dials started in one round.
pub const DIALS_PER_ROUND: usize = 16;
/// Below this number of peers, remembered peers are dialled too.
pub const PEERS_WANTED: usize = 16;
/// Failures after which a remembered peer is forgotten.
pub const FAILURES_MAX: u32 = 8;
/// Targets that others only told of.
pub const HEARD_MAX: usize = 64;
/// Failures after which such a target is forgotten.
pub const HEARD_FAILURES_MAX: u32 = 2;
/// The first pause after a failure, milliseconds.
pub const PAUSE_MIN_MS: u64 = 1_000;
/// The longest pause, milliseconds.
pub const PAUSE_MAX_MS: u64 = 60_000;

/// How a target became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Named by the configuration.
    Bootstrap,
    /// Its handshake was done once.
    Met,
    /// Another peer told of it.
    Heard,
}

impl Origin {
    const fn failures_max(self) -> u32 {
        match self {
            Self::Bootstrap => u32::MAX,
            Self::Met => FAILURES_MAX,
            Self::Heard => HEARD_FAILURES_MAX,
        }
    }
}

/// Someone to stay connected to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its id, once known.
    pub peer: Option<PeerId>,
    /// Where to try.
    pub addresses: Vec<Multiaddr>,
    origin: Origin,
    failures: u32,
    next_ms: u64,
}

/// The list of targets.
#[derive(Debug, Default)]
pub(crate) struct Dialer {
    targets: Vec<Target>,
}

impl Dialer {
    /// Adds a target, or new addresses of a known one that is not a bootstrap peer. What was only heard
    /// adds nothing to a known target.
    pub(crate) fn add(&mut self, peer: Option<PeerId>, addresses: Vec<Multiaddr>, origin: Origin) {
        // The same address with and without its peer id would be dialled twice at once.
        let mut addresses: Vec<Multiaddr> = addresses.iter().map(without_peer).collect();
        addresses.sort();
        addresses.dedup();
        if addresses.is_empty() {
            return;
        }
        if let Some(known) = self.targets.iter_mut().find(|target| peer.is_some() && target.peer == peer) {
            if known.origin == Origin::Bootstrap && origin == Origin::Bootstrap {
                // One bootstrap peer listed with several addresses, for example QUIC and TCP.
                known.addresses.extend(addresses);
                known.addresses.sort();
                known.addresses.dedup();
            } else if known.origin != Origin::Bootstrap && origin != Origin::Heard {
                (known.addresses, known.origin) = (addresses, origin);
            }
        } else if self.targets.len() < TARGETS_MAX && (origin != Origin::Heard || self.heard() < HEARD_MAX) {
            self.targets.push(Target { peer, addresses, origin, failures: 0, next_ms: 0 });
        }
    }

    /// The targets to dial at `now_ms`. Each counts as failed until [`Dialer::connected`] is told.
    pub(crate) fn due(&mut self, now_ms: u64, peers: usize, is_connected: impl Fn(&PeerId) -> bool) -> Vec<Target> {
        // A target that is connected at this moment is not given up, whatever its last dials did.
        self.targets.retain(|target| {
            target.failures < target.origin.failures_max() || target.peer.as_ref().is_some_and(&is_connected)
        });
        let mut due = Vec::new();
        for target in &mut self.targets {
            let connected = target.peer.as_ref().is_some_and(&is_connected);
            let wanted = target.origin == Origin::Bootstrap || peers < PEERS_WANTED;
            if connected || !wanted || target.next_ms > now_ms || due.len() >= DIALS_PER_ROUND {
                continue;
            }
            let pause = PAUSE_MIN_MS.checked_shl(target.failures).unwrap_or(PAUSE_MAX_MS).min(PAUSE_MAX_MS);
            target.failures = target.failures.saturating_add(1).min(FAILURES_MAX);
            target.next_ms = now_ms.saturating_add(pause);
            due.push(target.clone());
        }
        due
    }

    fn heard(&self) -> usize {
        self.targets.iter().filter(|target| target.origin == Origin::Heard).count()
    }

    /// Notes that `peer` answered at `address`.
    pub(crate) fn connected(&mut self, peer: PeerId, address: &Multiaddr) {
        for target in &mut self.targets {
            let same_address = || target.addresses.contains(&without_peer(address));
            if target.peer == Some(peer) || (target.peer.is_none() && same_address()) {
                (target.peer, target.failures) = (Some(peer), 0);
            }
        }
    }

    /// Notes that `peer` is on another chain or banned: the longest pause comes first.
    pub(crate) fn unwanted(&mut self, peer: &PeerId, now_ms: u64) {
        for target in self.targets.iter_mut().filter(|target| target.peer.as_ref() == Some(peer)) {
            target.failures = FAILURES_MAX;
            target.next_ms = now_ms.saturating_add(PAUSE_MAX_MS);
        }
    }
}

/// The peer id at the end of an address, if there is one.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    address.iter().find_map(|part| match part {
        libp2p::multiaddr::Protocol::P2p(peer) => Some(peer),
        _ => None,
    })
}

/// The address without the peer id at its end.
pub(crate) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, libp2p::multiaddr::Protocol::P2p(_))).collect()
}
