//! The manifest: which height, decided by whom, and which chunks make up its state.
//!
//! ```text
//!   file `manifest` = "TBSNAP01" 8 ‖ content ‖ made_at 8 ‖ signer 32 ‖ signature 64          at most MANIFEST_BYTES_MAX
//!   content = format 4 ‖ chain id ‖ header ‖ (0, or 1 ‖ certificate) ‖ validators ‖ (0, or 1 ‖ windows 8 ‖ bytes 4 ‖ hash 32)
//!             ‖ n 4 ‖ n × (kind 1 ‖ place 4 or 5 ‖ packed 4 ‖ unpacked 4 ‖ hash 32)
//!   id = hash("snapshot", content)        signed: "the-block v1 snapshot manifest\0\0" ‖ genesis 32 ‖ id 32 ‖ made_at 8
//! ```
//!
//! Rules
//! - Chunks come in one order: ledger ranges from slot 0 on, then parts of the module state in the order of key hashes.
//!   Together they cover everything once; [`Manifest::check`] refuses any other list.
//! - The roots, the supply and the number of accounts are those of the header.
//! - The chain proof is named, not held: nodes serve it by themselves.

use borsh::{BorshDeserialize, BorshSerialize};
use primitives::{
    BoundedBytes, BoundedVec, CommitCertificate, Domain, Hash, Header, Height, PublicKey, SecretKey, Signature,
    Timestamp, ValidatorSet, decode, encode, hash,
};
use tree::Prefix;

use crate::error::SnapshotError;

/// The format that this build reads and writes.
pub const FORMAT: u32 = 1;
/// Largest manifest, bytes.
pub const MANIFEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most chunks of a snapshot.
pub const CHUNKS_MAX: usize = 65_536;
/// Largest chunk, unpacked, bytes: room for one value of the module state with its path.
pub const CHUNK_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// Largest chunk, packed, bytes: what does not compress grows a little.
pub const PACKED_BYTES_MAX: u32 = CHUNK_BYTES_MAX + CHUNK_BYTES_MAX / 64;
/// Level of the ledger's sub-trees that are chunks: 4,096 slots each.
pub const LEDGER_LEVEL: usize = 12;
/// Slots of a ledger chunk.
pub const LEDGER_SLOTS: u32 = 1 << LEDGER_LEVEL;
/// Longest chain id, bytes.
const CHAIN_ID_BYTES_MAX: usize = 64;

const MAGIC: &[u8; 8] = b"TBSNAP01";
const SIGNING_DOMAIN: &[u8; 32] = b"the-block v1 snapshot manifest\0\0";

/// Which part of the state a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ChunkKind {
    /// The slots from this many times [`LEDGER_SLOTS`] on.
    Ledger(u32),
    /// The module state whose key hashes begin so.
    State(Prefix),
}

/// A chunk as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkEntry {
    /// Which part.
    pub kind: ChunkKind,
    /// Bytes of its file.
    pub packed: u32,
    /// Bytes of its content.
    pub unpacked: u32,
    /// Hash of its file: its name.
    pub id: Hash,
}

/// The chain proof that the node had when it made the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainProofReference {
    /// Windows that it covers.
    pub windows: u64,
    /// Its bytes.
    pub bytes: u32,
    /// Hash of its bytes.
    pub id: Hash,
}

/// What a manifest says, but by whom and when it was made.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Content {
    format: u32,
    chain_id: BoundedBytes<CHAIN_ID_BYTES_MAX>,
    /// The header of the height.
    pub header: Header,
    /// The certificate that decided it.
    pub certificate: Option<CommitCertificate>,
    /// The set that decided it.
    pub validators: ValidatorSet,
    /// The chain proof at that time.
    pub chain_proof: Option<ChainProofReference>,
    chunks: BoundedVec<ChunkEntry, CHUNKS_MAX>,
}

/// What one snapshot is.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// What it holds.
    pub content: Content,
    /// When it was made, milliseconds since the Unix epoch, by the clock of its node.
    pub made_at: Timestamp,
    /// The node that made it.
    pub signer: PublicKey,
    /// That node's signature.
    pub signature: Signature,
}

/// What a new manifest is made of.
pub(crate) struct Parts {
    pub(crate) chain_id: String,
    pub(crate) header: Header,
    pub(crate) certificate: Option<CommitCertificate>,
    pub(crate) validators: ValidatorSet,
    pub(crate) chain_proof: Option<ChainProofReference>,
    pub(crate) chunks: Vec<ChunkEntry>,
}

impl Manifest {
    /// Signs the manifest of these parts.
    pub(crate) fn sign(parts: Parts, key: &SecretKey, made_at: Timestamp) -> Result<Self, SnapshotError> {
        let too_large = |what, size, bound| SnapshotError::TooLarge { what, size, bound };
        let (id_bytes, count) = (parts.chain_id.len(), parts.chunks.len());
        let content = Content {
            format: FORMAT,
            chain_id: BoundedBytes::new(parts.chain_id.into_bytes())
                .ok_or_else(|| too_large("the chain id (bytes)", id_bytes, CHAIN_ID_BYTES_MAX))?,
            header: parts.header,
            certificate: parts.certificate,
            validators: parts.validators,
            chain_proof: parts.chain_proof,
            chunks: BoundedVec::new(parts.chunks).ok_or_else(|| too_large("the list of chunks", count, CHUNKS_MAX))?,
        };
        let signature = key.sign(&signing_bytes(&content, made_at));
        Ok(Self { content, made_at, signer: key.public_key(), signature })
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &encode(self)].concat()
    }

    /// Reads a manifest from exactly `bytes`, and checks all that it says about itself: form, signature, that the
    /// certificate decided the header by the validators that the header names, and that the chunks cover everything.
    /// Whether these validators are to be believed is for the caller to say.
    ///
    /// # Errors
    /// [`SnapshotError`] by name.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let reason = |reason: &str| SnapshotError::NotAManifest { reason: reason.to_owned() };
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(reason("it is too long"));
        }
        let body = bytes.strip_prefix(MAGIC.as_slice()).ok_or_else(|| reason("it does not begin as one"))?;
        let format = body.first_chunk::<4>().ok_or_else(|| reason("it ends within its head"))?;
        let found = u32::from_le_bytes(*format);
        if found != FORMAT {
            return Err(SnapshotError::OtherFormat { found, supported: FORMAT });
        }
        let manifest: Self = decode(body).map_err(|_| reason("it does not decode"))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The state that is copied and how, as one hash: the header and the chunks. Two nodes that copy one height agree on it,
    /// whichever precommits and chain proof each of them has.
    pub fn state_id(&self) -> Hash {
        hash(Domain::Snapshot, &[&self.content.header.hash().0, &encode(&self.content.chunks)])
    }

    /// All that it says but by whom and when it was made, as one hash.
    pub fn id(&self) -> Hash {
        id(&self.content)
    }

    /// The name of the chain; text that is no UTF-8 is shown with replacements.
    pub fn chain_id(&self) -> String {
        String::from_utf8_lossy(&self.content.chain_id).into_owned()
    }

    /// The chain.
    pub fn genesis(&self) -> &Hash {
        &self.content.header.genesis
    }

    /// The height.
    pub fn height(&self) -> Height {
        self.content.header.height
    }

    /// The chunks, in their order.
    pub fn chunks(&self) -> &[ChunkEntry] {
        &self.content.chunks
    }

    /// Bytes of all chunk files.
    pub fn packed_bytes(&self) -> u64 {
        self.chunks().iter().map(|chunk| u64::from(chunk.packed)).fold(0, u64::saturating_add)
    }

    /// # Errors
    /// [`SnapshotError::OtherChain`].
    pub fn check_chain(&self, expected: &Hash) -> Result<(), SnapshotError> {
        let found = *self.genesis();
        if found == *expected { Ok(()) } else { Err(SnapshotError::OtherChain { found, expected: *expected }) }
    }

    fn check(&self) -> Result<(), SnapshotError> {
        let Content { header, certificate, validators, .. } = &self.content;
        if !self.signer.verify(&signing_bytes(&self.content, self.made_at), &self.signature) {
            return Err(SnapshotError::Signature);
        }
        let set = ValidatorSet::new(validators.validators().to_vec()).map_err(|_| SnapshotError::OtherValidators)?;
        if set != *validators || set.hash() != header.validators {
            return Err(SnapshotError::OtherValidators);
        }
        let certificate = certificate.as_ref().ok_or(SnapshotError::NoCertificate)?;
        if certificate.height != header.height || certificate.block != header.hash() {
            return Err(primitives::CertificateError::WrongBlock.into());
        }
        certificate.verify(&set, &header.genesis)?;
        self.check_cover()
    }

    /// Every slot and every key is in exactly one chunk.
    fn check_cover(&self) -> Result<(), SnapshotError> {
        let refuse = |reason: String| Err(SnapshotError::Cover { reason });
        let (mut ledger, mut state) = (0_u32, 0_u64);
        for (number, chunk) in self.chunks().iter().enumerate() {
            if chunk.packed > PACKED_BYTES_MAX || chunk.unpacked > CHUNK_BYTES_MAX {
                return refuse(format!("chunk {number} is larger than chunks may be"));
            }
            match chunk.kind {
                ChunkKind::Ledger(index) if index == ledger && state == 0 => ledger = ledger.saturating_add(1),
                ChunkKind::State(prefix) => match prefix.span() {
                    Some((from, to)) if from == state => state = to,
                    _ => return refuse(format!("chunk {number} does not follow the one before")),
                },
                ChunkKind::Ledger(_) => return refuse(format!("chunk {number} does not follow the one before")),
            }
        }
        if ledger != ledger_chunks(self.content.header.next_slot) || state != 1 << tree::state::PREFIX_BITS_MAX {
            return refuse("the last ones are missing".to_owned());
        }
        Ok(())
    }
}

/// How many chunks a ledger of so many slots has.
pub(crate) const fn ledger_chunks(slots: u32) -> u32 {
    slots.div_ceil(LEDGER_SLOTS)
}

fn id(content: &Content) -> Hash {
    hash(Domain::Snapshot, &[&encode(content)])
}

fn signing_bytes(content: &Content, made_at: Timestamp) -> Vec<u8> {
    [SIGNING_DOMAIN.as_slice(), &content.header.genesis.0, &id(content).0, &made_at.0.to_le_bytes()].concat()
}
