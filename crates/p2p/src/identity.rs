//! The name of a peer: its Ed25519 node key.
//!
//! Rule: the transport proves that the remote holds the secret of this key (TLS in QUIC, Noise over
//! TCP), with certificates made from the key itself; there is no other authority. A peer with a key
//! of another kind is refused. Text form: the base-58 peer id that addresses carry after `/p2p/`.

use std::fmt;
use std::str::FromStr;

use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The Ed25519 public key of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey([u8; 32]);

/// Multihash code of a peer id that holds the whole key.
const IDENTITY_MULTIHASH: u64 = 0;

impl PeerKey {
    /// The key of the node with this secret.
    ///
    /// # Errors
    /// [`KeyError`] when the bytes are not an Ed25519 secret.
    pub fn of_secret(secret: &[u8; 32]) -> Result<Self, KeyError> {
        let keypair = keypair(*secret)?;
        Self::of_peer(&keypair.public().to_peer_id()).ok_or(KeyError)
    }

    /// The 32 bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key with these bytes; `None` when they are not a point of the curve.
    pub(crate) fn of_bytes(bytes: [u8; 32]) -> Option<Self> {
        let key = Self(bytes);
        key.peer_id().map(|_| key)
    }

    /// The key inside a peer id, when it holds an Ed25519 key.
    pub(crate) fn of_peer(peer: &PeerId) -> Option<Self> {
        let multihash = peer.as_ref();
        if multihash.code() != IDENTITY_MULTIHASH {
            return None;
        }
        let key = PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
        Some(Self(key.try_into_ed25519().ok()?.to_bytes()))
    }

    /// The peer id of this key, when the bytes are a point of the curve.
    pub(crate) fn peer_id(&self) -> Option<PeerId> {
        let key = ed25519::PublicKey::try_from_bytes(&self.0).ok()?;
        Some(PublicKey::from(key).to_peer_id())
    }
}

/// The key pair of a secret. The given copy of the secret is overwritten.
pub(crate) fn keypair(mut secret: [u8; 32]) -> Result<Keypair, KeyError> {
    Keypair::ed25519_from_bytes(&mut secret).map_err(|_| KeyError)
}

/// Text or bytes that are not an Ed25519 node key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 node key; a peer id starts with 12D3KooW and stands after /p2p/ in an address")]
pub struct KeyError;

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer_id() {
            Some(peer) => peer.fmt(f),
            None => f.write_str("(not a key)"),
        }
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for PeerKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let peer = PeerId::from_str(text).map_err(|_| KeyError)?;
        Self::of_peer(&peer).ok_or(KeyError)
    }
}

impl Serialize for PeerKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PeerKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
