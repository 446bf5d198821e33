//! What the end of a block did by itself, as JSON, and the proof that nothing is missing from it.
//!
//! ```text
//! leaf = domain of closing events ‖ canonical list ──path──► receipts_root ──► header ──hash──► block
//! ```
//! Rules
//! - The list is one leaf, after those of the receipts, so the path shows that it is the whole list.
//! - A block in which nothing closed has no leaf, and then `leaf` and `proof` are absent: that there is none is shown by
//!   the receipts alone.

use primitives::receipt::CLOSING_DOMAIN;
use primitives::{ClosingEvents, Hash, Header, Height, Receipt, decode, encode, merkle};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::proof::{MerkleProof, ProofError, checked_header};
use super::text::Hex;
use super::transaction::EventView;
use crate::schema::{HashText, HexText};

/// `GET /blocks/{block}/events`: payouts, jailing, set changes, draws and challenges, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockEvents {
    /// The block's height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The block's hash.
    #[schema(value_type = HashText)]
    pub block: Hash,
    /// What happened, in order.
    pub events: Vec<EventView>,
    /// The canonical bytes of the list; none when nothing happened.
    #[schema(value_type = Option<HexText>)]
    pub leaf: Option<Hex>,
    /// The path from the list to the header's receipts root; none when nothing happened.
    pub proof: Option<MerkleProof>,
    /// The header's canonical bytes.
    #[schema(value_type = HexText)]
    pub header: Hex,
}

impl BlockEvents {
    /// The closing events of the block with this header, whose receipts are `receipts`.
    pub fn new(header: &Header, receipts: &[Receipt], closing: &ClosingEvents) -> Self {
        let shown = (!closing.is_empty()).then(|| {
            let mut leaves: Vec<Hash> = receipts.iter().map(|receipt| merkle::leaf(&encode(receipt))).collect();
            leaves.push(leaf_of(&encode(closing)));
            merkle::prove(&leaves, receipts.len())
        });
        Self {
            height: header.height,
            block: header.hash(),
            events: closing.iter().map(EventView::from).collect(),
            leaf: (!closing.is_empty()).then(|| Hex(encode(closing))),
            proof: shown.flatten().map(MerkleProof::from),
            header: Hex(encode(header)),
        }
    }

    /// Checks that these are all closing events of the block with this header, except who decided the block.
    ///
    /// # Errors
    /// [`ProofError`], the first check that fails; `Malformed` for an answer without events, which nothing proves.
    pub fn verify_inclusion(&self) -> Result<Header, ProofError> {
        let header = checked_header(&self.header, self.height, &self.block)?;
        let missing = ProofError::Malformed("list of events");
        let (Some(leaf), Some(proof)) = (&self.leaf, &self.proof) else { return Err(missing) };
        let closing: ClosingEvents = decode(&leaf.0).map_err(|_| missing)?;
        if closing.iter().map(EventView::from).ne(self.events.iter().cloned()) {
            return Err(ProofError::Mismatch("list of events"));
        }
        let is_last = proof.index.checked_add(1) == Some(proof.count);
        if !is_last || !merkle::verify(&proof.clone().into(), &leaf_of(&leaf.0), &header.receipts_root) {
            return Err(ProofError::WrongPath);
        }
        Ok(header)
    }
}

fn leaf_of(list: &[u8]) -> Hash {
    merkle::leaf(&[CLOSING_DOMAIN, list].concat())
}
