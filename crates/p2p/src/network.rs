//! The swarm: transports, protocols, connection limits.
//!
//! Model: QUIC and TCP (Noise, Yamux) under one identity; six request-response protocols of
//! `wire.rs`; ping to notice a peer that is gone; libp2p's own connection limits and block list.
//!
//! Rule: streams, pending and established connections are bounded before any handler of ours runs.

use std::io;
use std::time::Duration;

use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, noise, ping, tcp, yamux};

use crate::codec::{Frame, FrameCodec};
use crate::peers::{HANDSHAKE_TIMEOUT_MS, IN_FLIGHT_MAX, PROOFS_IN_FLIGHT_MAX};
use crate::wire::{
    BODIES_PROTOCOL, BODY_MESSAGE_BYTES_MAX, GOSSIP_PROTOCOL, HANDSHAKE_PROTOCOL, HEIGHTS_PROTOCOL, MESSAGE_BYTES_MAX,
    PEERS_PROTOCOL, PROOF_MESSAGE_BYTES_MAX, PROOFS_PROTOCOL, SMALL_BYTES_MAX, SNAPSHOT_REPLY_BYTES_MAX,
    SNAPSHOTS_PROTOCOL,
};

/// Connections whose encryption is not set up yet.
pub const PENDING_CONNECTIONS_MAX: u32 = 64;
/// Connections to one peer: both sides may dial at once, over both transports.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 4;
/// Connections above the configured number of peers, for diallers that are about to be refused.
pub const CONNECTIONS_SPARE: u32 = 16;
/// A gossip message or heights request without an answer for this long has failed.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A question for a body without an answer for this long has failed.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Questions for bodies that are open over one connection, each way.
pub const BODY_STREAMS: usize = 2;
/// A message with a proof without an answer for this long has failed.
pub const PROOF_TIMEOUT: Duration = Duration::from_secs(30);
/// A request for a piece of a snapshot without an answer for this long has failed.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests for pieces of a snapshot that one peer may have open at once: one, and its next one while the answer is written.
pub const SNAPSHOT_STREAMS_MAX: usize = 2;
/// Small requests that one peer may have open at once.
pub const SMALL_STREAMS_MAX: usize = 8;
/// A QUIC connection without any packet for this long is closed, milliseconds.
pub const QUIC_IDLE_TIMEOUT_MS: u32 = 10_000;
/// Pause between two keep-alive packets of QUIC.
pub const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(3);
/// A connection nobody uses is kept this long. Peers are meant to stay; ping ends dead ones.
const IDLE_TIMEOUT: Duration = Duration::from_secs(86_400);

/// A protocol of `wire.rs`.
pub(crate) type Requests = request_response::Behaviour<FrameCodec>;
/// What such a protocol reports.
pub(crate) type RequestsEvent = request_response::Event<Frame, Frame>;

/// Everything that runs on a connection.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    // The first two may deny a connection before the others see it.
    pub limits: connection_limits::Behaviour,
    pub banned: allow_block_list::Behaviour<BlockedPeers>,
    pub ping: ping::Behaviour,
    pub handshake: Requests,
    pub heights: Requests,
    pub exchange: Requests,
    pub gossip: Requests,
    pub proofs: Requests,
    pub bodies: Requests,
    pub snapshots: Requests,
}

impl Behaviour {
    fn new(peers_max: u32) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_CONNECTIONS_MAX))
            .with_max_pending_outgoing(Some(PENDING_CONNECTIONS_MAX))
            .with_max_established(Some(peers_max.saturating_add(CONNECTIONS_SPARE)))
            .with_max_established_incoming(Some(peers_max))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
        let handshake_timeout = Duration::from_millis(HANDSHAKE_TIMEOUT_MS);
        // The remote's sending bound and some slack for messages that are being answered.
        let gossip_streams = IN_FLIGHT_MAX.saturating_mul(4);
        // One each way: what is read before any limit of ours counts is one message of a peer.
        let proof_streams = PROOFS_IN_FLIGHT_MAX.saturating_mul(2);
        Self {
            limits: connection_limits::Behaviour::new(limits),
            banned: allow_block_list::Behaviour::default(),
            ping: ping::Behaviour::new(ping::Config::new()),
            handshake: requests(HANDSHAKE_PROTOCOL, SMALL_BYTES_MAX, handshake_timeout, SMALL_STREAMS_MAX),
            heights: requests(HEIGHTS_PROTOCOL, SMALL_BYTES_MAX, REQUEST_TIMEOUT, SMALL_STREAMS_MAX),
            exchange: requests(PEERS_PROTOCOL, SMALL_BYTES_MAX, REQUEST_TIMEOUT, SMALL_STREAMS_MAX),
            gossip: requests(GOSSIP_PROTOCOL, MESSAGE_BYTES_MAX, REQUEST_TIMEOUT, gossip_streams),
            proofs: requests(PROOFS_PROTOCOL, PROOF_MESSAGE_BYTES_MAX, PROOF_TIMEOUT, proof_streams),
            bodies: with_codec(
                BODIES_PROTOCOL,
                FrameCodec { request_bytes_max: SMALL_BYTES_MAX, reply_bytes_max: BODY_MESSAGE_BYTES_MAX },
                BODY_TIMEOUT,
                BODY_STREAMS,
            ),
            snapshots: with_codec(
                SNAPSHOTS_PROTOCOL,
                FrameCodec { request_bytes_max: SMALL_BYTES_MAX, reply_bytes_max: SNAPSHOT_REPLY_BYTES_MAX },
                SNAPSHOT_TIMEOUT,
                SNAPSHOT_STREAMS_MAX,
            ),
        }
    }
}

fn requests(protocol: StreamProtocol, bytes_max: usize, timeout: Duration, streams_max: usize) -> Requests {
    let codec = FrameCodec { request_bytes_max: bytes_max, reply_bytes_max: bytes_max };
    with_codec(protocol, codec, timeout, streams_max)
}

fn with_codec(protocol: StreamProtocol, codec: FrameCodec, timeout: Duration, streams_max: usize) -> Requests {
    let config =
        request_response::Config::default().with_request_timeout(timeout).with_max_concurrent_streams(streams_max);
    request_response::Behaviour::with_codec(codec, [(protocol, ProtocolSupport::Full)], config)
}

/// A swarm that neither listens nor dials yet.
pub(crate) fn swarm(keypair: &Keypair, peers_max: u32) -> io::Result<Swarm<Behaviour>> {
    // Written out twice because the builder's type differs; a machine without a resolver
    // configuration can still use numeric addresses.
    let transports = || {
        SwarmBuilder::with_existing_identity(keypair.clone())
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .map_err(io::Error::other)
            .map(|builder| {
                builder.with_quic_config(|mut config| {
                    config.max_idle_timeout = QUIC_IDLE_TIMEOUT_MS;
                    config.keep_alive_interval = QUIC_KEEP_ALIVE;
                    config
                })
            })
    };
    let idle = |config: libp2p::swarm::Config| config.with_idle_connection_timeout(IDLE_TIMEOUT);
    let behaviour = |_: &Keypair| Behaviour::new(peers_max);
    match transports()?.with_dns() {
        Ok(builder) => Ok(builder.with_behaviour(behaviour).map_err(io::Error::other)?.with_swarm_config(idle).build()),
        Err(error) => {
            tracing::warn!(%error, "no resolver configuration: peers given by host name cannot be dialled; use numeric addresses or repair /etc/resolv.conf");
            Ok(transports()?.with_behaviour(behaviour).map_err(io::Error::other)?.with_swarm_config(idle).build())
        }
    }
}
