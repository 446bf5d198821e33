//! A peer that is put together by hand: it sends any bytes on any protocol, in any order.
//!
//! It encodes the messages itself, field by field, so it also pins their format.

use std::io;

use async_trait::async_trait;
use borsh::BorshSerialize;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Event, Message, OutboundFailure, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use primitives::Hash;
use tokio::time::timeout;

use crate::harness::{PATIENCE, SILENCE};

/// Bytes without bounds.
#[derive(Clone, Default)]
pub struct AnyBytes;

#[async_trait]
impl request_response::Codec for AnyBytes {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        if bytes.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }
}

type Any = request_response::Behaviour<AnyBytes>;

#[derive(NetworkBehaviour)]
struct Protocols {
    handshake: Any,
    heights: Any,
    peers: Any,
    gossip: Any,
    proofs: Any,
    snapshots: Any,
}

/// Which protocol to speak.
#[derive(Debug, Clone, Copy)]
pub enum Protocol {
    Handshake,
    Heights,
    Peers,
    Gossip,
    Proofs,
    Snapshots,
}

#[derive(BorshSerialize)]
struct Hello {
    version: u8,
    chain_id: String,
    genesis: Hash,
    height: u64,
    agent: String,
    mode: String,
    channel: String,
    gates: String,
    listen: Vec<String>,
}

/// The bytes of a handshake on the chain of the harness.
pub fn hello() -> Vec<u8> {
    hello_from(&[])
}

/// The bytes of a handshake of a peer that says it listens there.
pub fn hello_from(listen: &[String]) -> Vec<u8> {
    let chain = crate::harness::chain();
    borsh::to_vec(&Hello {
        version: 2,
        chain_id: chain.chain_id,
        genesis: chain.genesis,
        height: 5,
        agent: "raw/1".to_owned(),
        mode: "full".to_owned(),
        channel: "development".to_owned(),
        gates: String::new(),
        listen: listen.to_vec(),
    })
    .unwrap()
}

/// The bytes of a batch message.
pub fn batch(transactions: &[&[u8]]) -> Vec<u8> {
    borsh::to_vec(&(0_u8, transactions.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>())).unwrap()
}

/// The bytes of a message with a proof.
pub fn proof_message(transaction: &[u8]) -> Vec<u8> {
    borsh::to_vec(&(0_u8, transaction)).unwrap()
}

/// The bytes of a question for the proof of a window.
pub fn question(window: u64) -> Vec<u8> {
    borsh::to_vec(&(3_u8, window)).unwrap()
}

/// The name of a message.
pub fn name(message: &[u8]) -> Hash {
    Hash(blake3::derive_key("the-block v1 gossip message", message))
}

/// The bytes of an announcement.
pub fn announce(digests: &[Hash]) -> Vec<u8> {
    borsh::to_vec(&(1_u8, digests.to_vec())).unwrap()
}

pub struct Raw {
    swarm: Swarm<Protocols>,
    remote: PeerId,
}

fn protocol(name: &'static str) -> Any {
    Any::new([(StreamProtocol::new(name), ProtocolSupport::Outbound)], request_response::Config::default())
}

/// One in which the node may ask, too.
fn both_ways(name: &'static str) -> Any {
    Any::new([(StreamProtocol::new(name), ProtocolSupport::Full)], request_response::Config::default())
}

impl Raw {
    /// Dials a node. `Err` when the connection does not come about.
    pub async fn dial(secret: u8, address: &str) -> Result<Self, String> {
        let keypair = Keypair::ed25519_from_bytes([secret; 32]).unwrap();
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_quic()
            .with_behaviour(|_| Protocols {
                handshake: protocol("/the-block/handshake/2"),
                heights: protocol("/the-block/heights/1"),
                peers: protocol("/the-block/peers/1"),
                gossip: protocol("/the-block/transactions/2"),
                proofs: both_ways("/the-block/proofs/3"),
                snapshots: both_ways("/the-block/snapshots/1"),
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE * 4))
            .build();
        swarm.dial(address.parse::<Multiaddr>().unwrap()).unwrap();
        let opened = async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::ConnectionEstablished { peer_id, .. } => return Ok(peer_id),
                    SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.to_string()),
                    _ => {}
                }
            }
        };
        let remote = timeout(PATIENCE, opened).await.expect("dialling ends")?;
        Ok(Self { swarm, remote })
    }

    /// Dials and finishes the handshake.
    pub async fn admitted(secret: u8, address: &str) -> Self {
        let mut raw = Self::dial(secret, address).await.unwrap();
        let reply = raw.ask(Protocol::Handshake, hello()).await.unwrap();
        assert_eq!(reply[0], 0, "accepted");
        raw.ask(Protocol::Heights, 9_u64.to_le_bytes().to_vec()).await.unwrap();
        raw
    }

    /// Sends one request and waits for its answer or failure.
    pub async fn ask(&mut self, protocol: Protocol, bytes: Vec<u8>) -> Result<Vec<u8>, OutboundFailure> {
        let behaviour = self.swarm.behaviour_mut();
        let requests = match protocol {
            Protocol::Handshake => &mut behaviour.handshake,
            Protocol::Heights => &mut behaviour.heights,
            Protocol::Peers => &mut behaviour.peers,
            Protocol::Gossip => &mut behaviour.gossip,
            Protocol::Proofs => &mut behaviour.proofs,
            Protocol::Snapshots => &mut behaviour.snapshots,
        };
        let id = requests.send_request(&self.remote, bytes);
        let answer = async {
            loop {
                let event = match self.swarm.select_next_some().await {
                    SwarmEvent::Behaviour(
                        ProtocolsEvent::Handshake(event)
                        | ProtocolsEvent::Heights(event)
                        | ProtocolsEvent::Peers(event)
                        | ProtocolsEvent::Gossip(event)
                        | ProtocolsEvent::Proofs(event)
                        | ProtocolsEvent::Snapshots(event),
                    ) => event,
                    _ => continue,
                };
                match event {
                    Event::Message { message: Message::Response { request_id, response }, .. } if request_id == id => {
                        return Ok(response);
                    }
                    Event::OutboundFailure { request_id, error, .. } if request_id == id => return Err(error),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, answer).await.expect("a request is answered or fails")
    }

    /// Waits for a question of the node over the protocols of proofs and snapshots, answers it with these bytes, and gives what was
    /// asked.
    pub async fn answers(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let answered = async {
            loop {
                let (event, is_proof) = match self.swarm.select_next_some().await {
                    SwarmEvent::Behaviour(ProtocolsEvent::Proofs(event)) => (event, true),
                    SwarmEvent::Behaviour(ProtocolsEvent::Snapshots(event)) => (event, false),
                    _ => continue,
                };
                if let Event::Message { message: Message::Request { request, channel, .. }, .. } = event {
                    let behaviour = self.swarm.behaviour_mut();
                    let protocol = if is_proof { &mut behaviour.proofs } else { &mut behaviour.snapshots };
                    protocol.send_response(channel, bytes).expect("the node waits");
                    return request;
                }
            }
        };
        let asked = timeout(PATIENCE, answered).await.expect("the node asks");
        // What was sent leaves with the next events.
        let _ = timeout(SILENCE, async {
            loop {
                self.swarm.select_next_some().await;
            }
        })
        .await;
        asked
    }

    /// Waits until the node closes the connection.
    pub async fn closed(&mut self) {
        let closed = async {
            loop {
                if let SwarmEvent::ConnectionClosed { num_established: 0, .. } = self.swarm.select_next_some().await {
                    return;
                }
            }
        };
        timeout(PATIENCE, closed).await.expect("the connection is closed");
    }
}
