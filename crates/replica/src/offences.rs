//! Finds offences of identities in the transactions that pass by: conflicting heartbeats, and one key of two identities.
//!
//! ```text
//! admitted transaction ─┐                   ┌─ another heartbeat of this identity for this challenge? ──► evidence
//!                       ├─► what it signs ──┤
//! finalized block ──────┘                   └─ a key that the chain gave to another identity? ──────────► evidence
//!         └─► the keys that the chain gave to identities in it
//! ```
//! Rules
//! - Only transactions whose form and signatures were checked get here, so what is found holds on every node.
//! - Of two identities with one key the one is accused that claims what the chain gave to the other; while the chain gave
//!   it to nobody, or its holder is gone, nobody is.
//! - Heartbeats count for challenges that are open or were lately, of identities that exist: strangers cannot fill the
//!   memory. At most [`HEARTBEATS_MAX`] heartbeats and [`CLAIMS_MAX`] claims are kept, the newest, or fewer where the
//!   owner says so.
//! - At a start the memory is made again from the newest blocks, of at most [`REMEMBERED_HEIGHTS`] heights and
//!   [`REMEMBERED_BYTES_MAX`]. Two answers in them are evidence; claims of keys are only remembered, because who held a
//!   key when the claim was made is not known any more. What passed by and reached no block is forgotten.
//!
//! Read next: [`crate::reports`], which brings evidence onto the chain.

use std::collections::BTreeMap;

use primitives::actions::evidence::KEY_PROOF_OVERLAP_HEIGHTS;
use primitives::actions::identity::{KeyKindProven, KeyProof, PeerBinding, VrfBinding};
use primitives::actions::timetoke::SignedHeartbeat;
use primitives::actions::{FalseKeyProof, PossessionProof};
use primitives::defect::{Defect, is_seeded};
use primitives::{
    Action, Address, Block, BoundedBytes, Evidence, Height, IdentityAction, Outcome, PublicKey, Receipt,
    TimetokeAction, Transaction, encode,
};
use state::{StateView, identity, timetoke};
use storage::Store;

use crate::queues::QueueLength;
use crate::{Fault, Replica};

/// Most heartbeats that are remembered.
pub const HEARTBEATS_MAX: usize = 16_384;
/// Challenges before the open one whose heartbeats are remembered.
pub const CHALLENGES_KEPT: u64 = 16;
/// Most claims of keys that are remembered.
pub const CLAIMS_MAX: usize = 4_096;
/// Heights for which a claim of a key is remembered: a claim names a height at most half as old when it is made.
pub const REMEMBERED_HEIGHTS: u64 = 2 * KEY_PROOF_OVERLAP_HEIGHTS;
/// Most bytes of blocks that are read for the memory at a start.
pub const REMEMBERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A key's own word on whose it is.
#[derive(Debug, Clone, Copy)]
struct Claim {
    statement: KeyProof,
    proof: PossessionProof,
}

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffenceLimits {
    /// Most heartbeats.
    pub heartbeats: usize,
    /// Most claims of keys.
    pub claims: usize,
}

/// What was seen of heartbeats and of claims of keys.
pub struct Offences {
    limits: OffenceLimits,
    /// By challenge and identity.
    heartbeats: BTreeMap<(u64, Address), SignedHeartbeat>,
    /// What the chain accepted, by the height of the claim, kind and key.
    claims: BTreeMap<(Height, [u8; 33]), Claim>,
}

impl Default for OffenceLimits {
    fn default() -> Self {
        Self { heartbeats: HEARTBEATS_MAX, claims: CLAIMS_MAX }
    }
}

impl Default for Offences {
    fn default() -> Self {
        Self::bounded(OffenceLimits::default())
    }
}

impl Offences {
    /// An empty memory of this size.
    pub const fn bounded(limits: OffenceLimits) -> Self {
        Self { limits, heartbeats: BTreeMap::new(), claims: BTreeMap::new() }
    }

    /// How much is remembered.
    pub fn queues(&self) -> [QueueLength; 2] {
        let of = |name, length, limit| QueueLength { name, length, limit };
        [
            of("heartbeats", self.heartbeats.len(), self.limits.heartbeats),
            of("claims of keys", self.claims.len(), self.limits.claims),
        ]
    }

    /// Whether a transaction holds anything to look at. Asks nothing, so that most transactions cost nothing.
    pub const fn concerns(transaction: &Transaction) -> bool {
        matches!(transaction.body.action, Action::Timetoke(_) | Action::Identity(_))
    }

    /// Looks at a transaction that was checked, in the state after the last finalized block at `height`.
    pub fn saw(&mut self, state: &dyn StateView, height: Height, transaction: &Transaction) -> Vec<Evidence> {
        match &transaction.body.action {
            Action::Timetoke(TimetokeAction::Heartbeats { list }) => {
                list.iter().filter_map(|signed| self.heartbeat(state, height, signed)).collect()
            }
            Action::Identity(action) => claims(transaction.body.payer, action)
                .iter()
                .filter_map(|claim| self.false_claim(state, height, transaction, claim))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Looks at a finalized block, and remembers the keys that it gave to identities.
    pub fn finalized(&mut self, state: &dyn StateView, block: &Block, receipts: &[Receipt]) -> Vec<Evidence> {
        let height = block.header.height;
        let mut found = Vec::new();
        for (transaction, receipt) in block.transactions.iter().zip(receipts) {
            if !Self::concerns(transaction) {
                continue;
            }
            found.extend(self.saw(state, height, transaction));
            self.remember(transaction, receipt);
        }
        self.forget(height);
        found
    }

    /// The memory of this size that a node begins with, and the identities that answered twice in the blocks that it is made of.
    ///
    /// # Errors
    /// [`Fault`] when a block of the store cannot be read.
    pub fn of_chain(chain: &Replica, limits: OffenceLimits) -> Result<(Self, Vec<Evidence>), Fault> {
        let (mut memory, mut found) = (Self::bounded(limits), Vec::new());
        let (state, head) = (chain.state(), chain.head().height);
        let mut height = oldest_remembered(&chain.store, head)?;
        while height <= head {
            let missing = || Fault(format!("block {height} or its receipts are missing"));
            let (block, _) = chain.block(height)?.ok_or_else(missing)?;
            let concerned = |(_, transaction): &(usize, &Transaction)| Self::concerns(transaction);
            let mut concerned = block.transactions.iter().enumerate().filter(concerned).peekable();
            if concerned.peek().is_some() {
                let receipts = chain.receipts(height)?.ok_or_else(missing)?;
                for (index, transaction) in concerned {
                    if matches!(transaction.body.action, Action::Timetoke(_)) {
                        found.extend(memory.saw(state, head, transaction));
                    }
                    memory.remember(transaction, receipts.get(index).ok_or_else(missing)?);
                }
            }
            height = height.next();
        }
        memory.forget(head);
        Ok((memory, found))
    }

    /// Remembers the keys that a transaction gave to an identity.
    fn remember(&mut self, transaction: &Transaction, receipt: &Receipt) {
        if let (Action::Identity(action), Outcome::Success) = (&transaction.body.action, receipt.outcome) {
            for claim in claims(transaction.body.payer, action) {
                self.claims.insert((claim.statement.valid_from, name(&claim.statement)), claim);
            }
        }
    }

    fn forget(&mut self, height: Height) {
        let oldest = Height(height.0.saturating_sub(REMEMBERED_HEIGHTS));
        self.claims.retain(|(from, _), _| *from >= oldest);
        while self.claims.len() > self.limits.claims && !is_seeded(Defect::RemembersEveryClaim) {
            self.claims.pop_first();
        }
    }

    fn heartbeat(&mut self, state: &dyn StateView, height: Height, signed: &SignedHeartbeat) -> Option<Evidence> {
        let heartbeat = &signed.heartbeat;
        let open = timetoke::challenge(state).ok().flatten()?.number;
        let kept = open.saturating_sub(CHALLENGES_KEPT);
        // A broken state stops the node by itself at its next block.
        let known = identity::get(state, &heartbeat.identity).ok().flatten()?;
        if heartbeat.challenge > open || heartbeat.challenge < kept || known.stage(height) == identity::Stage::Expired {
            return None;
        }
        self.heartbeats.retain(|(challenge, _), _| *challenge >= kept);
        let first = *self.heartbeats.entry((heartbeat.challenge, heartbeat.identity)).or_insert(*signed);
        while self.heartbeats.len() > self.limits.heartbeats && !is_seeded(Defect::RemembersEveryHeartbeat) {
            self.heartbeats.pop_first();
        }
        (first.heartbeat != *heartbeat).then(|| Evidence::of_heartbeats(first, *signed))
    }

    fn false_claim(
        &self,
        state: &dyn StateView,
        height: Height,
        transaction: &Transaction,
        claim: &Claim,
    ) -> Option<Evidence> {
        let mine = &claim.statement;
        let holder = identity::holder(state, mine.kind, &mine.key.0, height).ok().flatten()?;
        let (_, other) = self.claims.iter().find(|((from, key), other)| {
            let together = from.0.abs_diff(mine.valid_from.0) <= KEY_PROOF_OVERLAP_HEIGHTS;
            let another = other.statement.identity == holder && holder != mine.identity;
            together && another && *key == name(mine)
        })?;
        Some(Evidence::FalseKeyProof(Box::new(FalseKeyProof {
            key: transaction.key,
            body: BoundedBytes::new(encode(&transaction.body))?,
            signature: transaction.signature,
            other: other.statement,
            proof: other.proof,
        })))
    }
}

/// The first height of those that are read at a start.
fn oldest_remembered(store: &Store, head: Height) -> Result<Height, Fault> {
    let (mut height, mut bytes) = (head.next(), 0_usize);
    while height > Height(1) && height.0.saturating_add(REMEMBERED_HEIGHTS) > head.0 {
        let Some(before) = height.previous() else { break };
        let Some(block) = store.block(before).map_err(|error| Fault(error.to_string()))? else { break };
        bytes = bytes.saturating_add(block.len());
        if bytes > REMEMBERED_BYTES_MAX {
            break;
        }
        height = before;
    }
    Ok(height)
}

/// The keys that `payer` claims by this action.
fn claims(payer: Address, action: &IdentityAction) -> Vec<Claim> {
    match action {
        IdentityAction::Register(register) => {
            let peer = register.peer.as_ref().map(|peer| of_peer(payer, peer));
            [Some(of_vrf(payer, &register.vrf)), peer].into_iter().flatten().collect()
        }
        IdentityAction::RotateVrf(vrf) => vec![of_vrf(payer, vrf)],
        IdentityAction::RotatePeer { peer } => peer.iter().map(|peer| of_peer(payer, peer)).collect(),
        IdentityAction::Attest { .. }
        | IdentityAction::Revoke
        | IdentityAction::Withdraw
        | IdentityAction::Vouch { .. } => Vec::new(),
    }
}

fn of_vrf(identity: Address, vrf: &VrfBinding) -> Claim {
    let key = PublicKey(vrf.key.0);
    let statement = KeyProof { kind: KeyKindProven::Vrf, identity, key, valid_from: vrf.valid_from };
    Claim { statement, proof: PossessionProof::Vrf(vrf.proof) }
}

fn of_peer(identity: Address, peer: &PeerBinding) -> Claim {
    let statement = KeyProof { kind: KeyKindProven::Peer, identity, key: peer.key, valid_from: peer.valid_from };
    Claim { statement, proof: PossessionProof::Peer(peer.signature) }
}

/// Kind and key, as one name.
fn name(statement: &KeyProof) -> [u8; 33] {
    let mut name = [0; 33];
    name[0] = match statement.kind {
        KeyKindProven::Vrf => 0,
        KeyKindProven::Peer => 1,
    };
    name[1..].copy_from_slice(&statement.key.0);
    name
}
