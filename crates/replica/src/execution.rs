//! From an executed block to its roots, and to the one header that can carry them.
//!
//! Builder and verifier make the header by the same function; the verifier compares it with the claimed
//! one field by field.

use primitives::block::{beacon_input, beacon_of};
use primitives::defect::{Defect, is_seeded};
use primitives::ledger::FEE_POT;
use primitives::receipt::receipts_root;
use primitives::{
    Address, BoundedVec, CommitCertificate, FormatVersion, Genesis, Hash, Header, Height, LedgerDigest, LedgerOp,
    Timestamp, VrfProof, encode, merkle,
};
use state::{Executed, LastCommit, view};
use tree::{LedgerBounds, LedgerUpdate, StateUpdate, ops_digest};

use crate::application::Fault;
use crate::chain::ChainState;
use crate::dishonest;

/// Everything a block changes, with its roots.
pub struct Execution {
    /// Receipts, operations, writes.
    pub executed: Executed,
    /// The ledger after it.
    pub ledger: LedgerUpdate,
    /// The module-state tree after it.
    pub state: StateUpdate,
    /// The running digest after it.
    pub ops_digest: LedgerDigest,
    /// Root over its receipts and closing events.
    pub receipts_root: Hash,
    /// What the independent model makes of it; set once it agreed.
    pub prediction: Option<crate::model::Prediction>,
}

/// What the builder chose.
pub struct Choice {
    /// Block time.
    pub time: Timestamp,
    /// Who built it.
    pub proposer: Address,
    /// The builder's proof of the beacon.
    pub beacon_proof: VrfProof,
    /// The beacon it proves.
    pub beacon: Hash,
    /// Hash of the included certificate.
    pub last_commit: Hash,
    /// Root over the transactions.
    pub transactions_root: Hash,
}

/// Turns writes and operations into roots.
///
/// # Errors
/// [`Fault`] when the ledger's own rules refuse the operations: a bug in `state`.
pub fn roots(chain: &ChainState, genesis: &Genesis, height: Height, executed: Executed) -> Result<Execution, Fault> {
    let bounds = LedgerBounds {
        supply_cap: genesis.params.supply_cap,
        issuance_max: genesis.params.issuance_per_block_max,
        height,
    };
    let executed = seeded(executed);
    let ledger = match dishonest::instead(&chain.ledger, height, &executed.ops) {
        None => chain.ledger.apply(&bounds, &executed.ops),
        // Who lies keeps to no bound either.
        Some(forged) => {
            chain.ledger.apply(&LedgerBounds { issuance_max: genesis.params.supply_cap, ..bounds }, &forged)
        }
    };
    let ledger =
        ledger.map_err(|error| Fault(format!("the ledger refuses the operations of block {height}: {error}")))?;
    let writes: Vec<(Vec<u8>, Option<Vec<u8>>)> =
        executed.writes.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let state = tree::StateTree::update(&chain.nodes, height.0, &writes)
        .map_err(|error| Fault(format!("the module-state tree cannot take block {height}: {error}")))?;
    Ok(Execution {
        ops_digest: ops_digest::absorb(chain.head.ops_digest, &executed.ops),
        receipts_root: receipts_root(&executed.receipts, &executed.events),
        executed,
        ledger,
        state,
        prediction: None,
    })
}

/// The same, unless a defect is seeded.
fn seeded(mut executed: Executed) -> Executed {
    if is_seeded(Defect::KeepsTheFees) {
        executed.ops.retain(|op| !matches!(op, LedgerOp::Burn { .. }));
    }
    if is_seeded(Defect::AppliesABlockTwice) {
        let twice = |op: LedgerOp| match op {
            LedgerOp::Transfer { from, .. } if from != FEE_POT => vec![op, op],
            _ => vec![op],
        };
        executed.ops = executed.ops.into_iter().flat_map(twice).collect();
    }
    executed
}

/// The only header that fits `choice` and `execution` on top of `chain`.
///
/// # Errors
/// [`Fault`] when the state holds no validator set.
pub fn header(
    chain: &ChainState,
    genesis: &Genesis,
    genesis_hash: Hash,
    choice: &Choice,
    execution: &Execution,
) -> Result<Header, Fault> {
    let height = chain.head.height.next();
    let validators = view::validators(chain).map_err(|broken| Fault(broken.to_string()))?;
    Ok(Header {
        version: FormatVersion,
        genesis: genesis_hash,
        height,
        time: choice.time,
        parent: chain.head.hash,
        proposer: choice.proposer,
        transactions_root: choice.transactions_root,
        last_commit: choice.last_commit,
        ledger_root: execution.ledger.root,
        ops_digest: execution.ops_digest,
        supply: execution.ledger.supply,
        next_slot: execution.ledger.next_slot,
        state_root: execution.state.root,
        receipts_root: execution.receipts_root,
        validators: validators.hash(),
        next_validators: execution.executed.next_validators.hash(),
        params: execution.executed.params,
        beacon: choice.beacon,
        beacon_proof: choice.beacon_proof,
        gates: genesis.gates_hash(height),
        last_proof: execution.executed.last_proof,
    })
}

/// The first field in which two headers differ.
pub fn difference(expected: &Header, claimed: &Header) -> Option<&'static str> {
    let fields = [
        ("genesis", expected.genesis == claimed.genesis),
        ("height", expected.height == claimed.height),
        ("time", expected.time == claimed.time),
        ("parent", expected.parent == claimed.parent),
        ("proposer", expected.proposer == claimed.proposer),
        ("transactions_root", expected.transactions_root == claimed.transactions_root),
        ("last_commit", expected.last_commit == claimed.last_commit),
        ("ledger_root", expected.ledger_root == claimed.ledger_root),
        ("ops_digest", expected.ops_digest == claimed.ops_digest),
        ("supply", expected.supply == claimed.supply),
        ("next_slot", expected.next_slot == claimed.next_slot),
        ("state_root", expected.state_root == claimed.state_root),
        ("receipts_root", expected.receipts_root == claimed.receipts_root),
        ("validators", expected.validators == claimed.validators),
        ("next_validators", expected.next_validators == claimed.next_validators),
        ("params", expected.params == claimed.params),
        ("beacon", expected.beacon == claimed.beacon),
        ("beacon_proof", expected.beacon_proof == claimed.beacon_proof),
        ("gates", expected.gates == claimed.gates),
        ("last_proof", expected.last_proof == claimed.last_proof),
    ];
    fields.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
}

/// What the state is told about an included certificate.
pub fn last_commit(certificate: &CommitCertificate) -> LastCommit {
    LastCommit { round: certificate.round, signers: certificate.signatures.iter().map(|entry| entry.address).collect() }
}

/// The bytes whose VRF output is the next block's beacon.
pub fn next_beacon_input(chain: &ChainState, genesis_hash: &Hash) -> Vec<u8> {
    beacon_input(genesis_hash, chain.head.height.next(), &chain.head.beacon)
}

/// The beacon of a VRF output.
pub fn beacon(output: &[u8; 64]) -> Hash {
    beacon_of(output)
}

/// Root over the canonical bytes of `transactions`.
pub fn transactions_root<const MAX: usize>(transactions: &BoundedVec<primitives::Transaction, MAX>) -> Hash {
    let leaves: Vec<Hash> = transactions.iter().map(|transaction| merkle::leaf(&encode(transaction))).collect();
    merkle::root(&leaves)
}
