//! Starting: write genesis into an empty store, or load the state and check it against the last header.
//!
//! Rules
//! - The loaded state must give exactly the roots of the last header: ledger root (rebuilt from all
//!   slots), module-state root, supply, next slot. Otherwise the node refuses to start and says which.
//! - Every whole-state invariant of `state::invariants` holds before the node does anything.
//! - Candidates that were durable before the stop are judged again and kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use mempool::{Mempool, MempoolConfig};
use primitives::block::genesis_beacon;
use primitives::{Genesis, Hash, Height, encode};
use state::genesis::{GenesisState, genesis_state};
use state::{NoProofSystem, ProofVerifier};
use storage::{CandidateOrigin, GenesisBatch, Store};
use tree::{LedgerTree, MemoryNodes, StateTree, ops_digest};

use crate::application::{Fault, Freshness};
use crate::candidates::Candidates;
use crate::chain::{ChainState, Head};
use crate::changes::Dues;
use crate::model::{Bounds, Model};
use crate::replica::{Identity, Observer, Replica};

fn fault(error: impl std::fmt::Display) -> Fault {
    Fault(error.to_string())
}

impl Replica {
    /// Opens a chain that takes no proofs.
    ///
    /// # Errors
    /// As [`Replica::open_with`]; also [`Fault`] for a genesis whose gate `recursive_proofs` is on at some height.
    pub fn open(
        genesis: Genesis,
        store: Arc<Store>,
        mempool: MempoolConfig,
        identity: Option<Identity>,
        observer: Observer,
    ) -> Result<Self, Fault> {
        if genesis.gates.iter().any(|gate| gate.name == state::proving::GATE) {
            return Err(Fault("this chain takes proofs: open it with a proof system".to_owned()));
        }
        Self::open_with(genesis, store, mempool, identity, observer, Arc::new(NoProofSystem))
    }

    /// Opens the chain of `genesis` in `store`. Chain proofs are judged by `verifier`, which must be the same function on every
    /// node.
    ///
    /// # Errors
    /// [`Fault`] when the store holds something else than this chain, or damaged state.
    pub fn open_with(
        genesis: Genesis,
        store: Arc<Store>,
        mempool: MempoolConfig,
        identity: Option<Identity>,
        observer: Observer,
        verifier: Arc<dyn ProofVerifier>,
    ) -> Result<Self, Fault> {
        let genesis_hash = genesis.hash();
        if *store.genesis() != genesis_hash {
            return Err(Fault(format!(
                "the store belongs to chain {}, the genesis file is {genesis_hash}",
                store.genesis()
            )));
        }
        if store.head().is_none() {
            let start = genesis_state(&genesis).map_err(fault)?;
            store.initialise(&genesis_batch(&start)?).map_err(fault)?;
        }
        let chain = load(&genesis_hash, &genesis, &store)?;
        let dues = Dues::load(&chain, &genesis.params, chain.head.time);
        let mut replica = Self {
            dues,
            genesis,
            genesis_hash,
            chain,
            mempool: Mempool::new(mempool).map_err(fault)?,
            store,
            candidates: Candidates::default(),
            identity,
            rotated: None,
            observer,
            verifier,
        };
        let next = replica.chain.head.height.next();
        for (origin, bytes) in replica.store.load_candidates(next).map_err(fault)? {
            if let CandidateOrigin::Received(number) = origin {
                replica.candidates.loaded(number);
            }
            replica.judge(&bytes, Freshness::Replayed, None)?;
        }
        Ok(replica)
    }
}

fn genesis_batch(start: &GenesisState) -> Result<GenesisBatch, Fault> {
    let writes: Vec<(Vec<u8>, Option<Vec<u8>>)> =
        start.state.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let update = StateTree::update(&MemoryNodes::default(), 0, &writes).map_err(fault)?;
    Ok(GenesisBatch {
        slots: start.slots.clone(),
        state: start.state.clone().into_iter().collect(),
        nodes: update.nodes,
    })
}

fn load(genesis_hash: &Hash, genesis: &Genesis, store: &Store) -> Result<ChainState, Fault> {
    let slots = store.load_slots().map_err(fault)?;
    let state: BTreeMap<Vec<u8>, Vec<u8>> = store.load_state().map_err(fault)?.into_iter().collect();
    let nodes: MemoryNodes = store.load_nodes().map_err(fault)?.into_iter().collect();
    let height = store.head().map_or(Height::GENESIS, |head| head.height);
    // Reads come one after the other, so that a failing disk fails at the same place every time; the two trees know nothing of each other.
    let (trees, checked) = thread::scope(|scope| {
        let trees = scope.spawn(|| {
            let model = Model::new(Bounds::of(&genesis.params), &slots);
            LedgerTree::new(slots).map(|ledger| (model, ledger))
        });
        let checked = StateTree::check(&nodes, height.0);
        (trees.join(), checked)
    });
    let (model, ledger) = trees.map_err(|_| Fault("the ledger tree could not be built".to_owned()))?.map_err(fault)?;
    let (state_root, _) = checked.map_err(fault)?;
    let head = head(genesis_hash, genesis, store, state_root)?;
    let chain = ChainState { head, ledger, state, nodes, model };
    check(&chain, genesis)?;
    Ok(chain)
}

fn head(genesis_hash: &Hash, genesis: &Genesis, store: &Store, state_root: Hash) -> Result<Head, Fault> {
    let Some(stored) = store.head().filter(|stored| stored.height > Height::GENESIS) else {
        return Ok(Head {
            height: Height::GENESIS,
            hash: *genesis_hash,
            time: genesis.genesis_time,
            beacon: genesis_beacon(genesis_hash),
            ops_digest: ops_digest::start(genesis_hash),
            state_root,
            header: None,
            certificate: None,
        });
    };
    let height = stored.height;
    let header = crate::queries::stored_header(store, height)?;
    let header = header.ok_or_else(|| Fault(format!("block {height} is missing")))?;
    if header.hash() != stored.block {
        return Err(Fault(format!("block {height} in the store is not the one that was finalized")));
    }
    if header.state_root != state_root {
        return Err(Fault(format!("the stored module state does not have the root of block {height}")));
    }
    Ok(Head {
        height,
        hash: stored.block,
        time: header.time,
        beacon: header.beacon,
        ops_digest: header.ops_digest,
        state_root,
        certificate: store.certificate(height).map_err(fault)?,
        header: Some(header),
    })
}

fn check(chain: &ChainState, genesis: &Genesis) -> Result<(), Fault> {
    if let Some(header) = &chain.head.header {
        let height = header.height;
        if header.ledger_root != chain.ledger.root() {
            return Err(Fault(format!("the stored ledger does not have the root of block {height}")));
        }
        if header.supply != chain.ledger.supply() || header.next_slot != chain.ledger.next_slot() {
            return Err(Fault(format!("the stored ledger does not have the supply of block {height}")));
        }
        let params = state::view::params(chain).map_err(fault)?;
        if encode(&params) != encode(&genesis.params) {
            return Err(Fault("the stored params are not those of this genesis".to_owned()));
        }
    }
    state::invariants::check_all(chain).map_err(fault)
}
