//! A few replicas with stores in memory, driven by hand: one builds, all verify, all commit.

use std::sync::{Arc, Mutex};

use mempool::{CheckedTransaction, MempoolConfig};
use primitives::actions::ProofClaim;
use primitives::actions::identity::{Register, VrfBinding};
use primitives::genesis::GateActivation;
use primitives::*;
use replica::{Application, Candidate, Freshness, Identity, ProofVerifier, Replica, ReplicaEvent, Verdict};
use storage::{Store, StoreConfig};

pub const VALIDATORS: u8 = 4;

pub fn secret(tag: u8) -> SecretKey {
    SecretKey::from_seed([tag; 32])
}

pub fn address(tag: u8) -> Address {
    Address::of_key(&secret(tag).public_key())
}

pub fn amount(micro: u64) -> Amount {
    Amount::new(micro).unwrap()
}

pub fn genesis() -> Genesis {
    Genesis {
        version: FormatVersion,
        chain_id: "replica-test".to_owned(),
        engine: Engine::Bft,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_000_000),
        params: Params::default(),
        proof_keys: Default::default(),
        accounts: (1..=5)
            .map(|tag| GenesisAccount { address: address(tag), balance: Amount::from_blocks(50) })
            .collect(),
        validators: (100..100 + VALIDATORS)
            .map(|tag| GenesisValidator {
                public_key: secret(tag).public_key(),
                vrf_key: VrfSecretKey::from_seed([tag; 32]).public_key(),
                power: 10,
            })
            .collect(),
        gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
    }
}

/// Takes the encoding of the claim as its proof.
struct ClaimItself;

impl ProofVerifier for ClaimItself {
    fn verify(&self, claim: &ProofClaim, proof: &[u8]) -> bool {
        encode(claim) == proof
    }
}

pub struct Node {
    pub replica: Replica,
    pub store: Arc<Store>,
    pub events: Arc<Mutex<Vec<ReplicaEvent>>>,
}

pub struct Net {
    pub genesis: Genesis,
    /// Node i has the validator key 100 + i.
    pub nodes: Vec<Node>,
    /// Blocks so far with their certificates.
    pub history: Vec<(Candidate, CommitCertificate)>,
    pub now: Timestamp,
}

pub fn open(store: Arc<Store>, tag: u8) -> Node {
    open_chain(genesis(), store, tag)
}

pub fn open_chain(genesis: Genesis, store: Arc<Store>, tag: u8) -> Node {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let identity = Identity { address: address(tag), vrf_key: VrfSecretKey::from_seed([tag; 32]) };
    let observer = Arc::new(move |event| seen.lock().unwrap().push(event));
    let config = MempoolConfig::default();
    let takes_proofs = genesis.gates.iter().any(|gate| gate.name == "recursive_proofs");
    let replica = match takes_proofs {
        false => Replica::open(genesis, Arc::clone(&store), config, Some(identity), observer).unwrap(),
        true => {
            let verifier = Arc::new(ClaimItself);
            Replica::open_with(genesis, Arc::clone(&store), config, Some(identity), observer, verifier).unwrap()
        }
    };
    Node { replica, store, events }
}

impl Net {
    pub fn new() -> Self {
        Self::of(genesis())
    }

    pub fn of(genesis: Genesis) -> Self {
        let mut net = Self { genesis, nodes: Vec::new(), history: Vec::new(), now: Timestamp(2_000_000) };
        for _ in 0..VALIDATORS {
            net.join();
        }
        net
    }

    /// One more node, which takes over all blocks so far.
    pub fn join(&mut self) {
        let tag = 100 + u8::try_from(self.nodes.len()).unwrap();
        let store = Store::open(&StoreConfig::Memory, &self.genesis.hash()).unwrap();
        let mut node = open_chain(self.genesis.clone(), Arc::new(store), tag);
        for (candidate, certificate) in &self.history {
            let verdict = node.replica.verify(&candidate.bytes, Freshness::Replayed).unwrap();
            assert_eq!(verdict, Verdict::Valid(candidate.clone()));
            node.replica.commit(certificate.clone()).unwrap();
        }
        self.nodes.push(node);
    }

    pub fn height(&self) -> Height {
        self.nodes[0].replica.finalized()
    }

    /// Index of the proposer of round 0 of the next height.
    pub fn proposer(&self) -> usize {
        let next = self.height().next();
        let electorate = self.nodes[0].replica.electorate(next).unwrap();
        let chosen = primitives::proposer::proposer(&electorate.validators, &electorate.beacon, next, Round(0));
        let index = (0..u8::try_from(self.nodes.len()).unwrap()).find(|index| address(100 + index) == chosen.address);
        index.unwrap().into()
    }

    pub fn build(&mut self) -> Candidate {
        let proposer = self.proposer();
        let now = self.now;
        self.nodes[proposer].replica.build(Round(0), now).unwrap()
    }

    pub fn live(&self) -> Freshness {
        Freshness::Live {
            now: self.now,
            round: Round(0),
            proposer: address(100 + u8::try_from(self.proposer()).unwrap()),
        }
    }

    pub fn certificate(&self, block: Hash, signers: &[u8]) -> CommitCertificate {
        let height = self.height().next();
        let unsigned = CommitCertificate::new(height, Round(0), block, Vec::new()).unwrap();
        let signatures = signers
            .iter()
            .map(|index| {
                let tag = 100 + index;
                let bytes = unsigned.precommit_of(address(tag)).signing_bytes(&self.genesis.hash());
                CommitSignature { address: address(tag), signature: secret(tag).sign(&bytes) }
            })
            .collect();
        CommitCertificate::new(height, Round(0), block, signatures).unwrap()
    }

    /// One height on all nodes.
    pub fn step(&mut self) -> Block {
        self.step_signed(&[0, 1, 2])
    }

    /// One height on all nodes, decided by these.
    pub fn step_signed(&mut self, signers: &[u8]) -> Block {
        self.now = self.now.plus(1_000);
        let candidate = self.build();
        let live = self.live();
        let certificate = self.certificate(candidate.hash, signers);
        for node in &mut self.nodes {
            let verdict = node.replica.verify(&candidate.bytes, live).unwrap();
            assert_eq!(verdict, Verdict::Valid(candidate.clone()));
            node.replica.commit(certificate.clone()).unwrap();
        }
        self.history.push((candidate.clone(), certificate));
        Block::from_bytes(&candidate.bytes).unwrap()
    }

    pub fn pay(&self, from: u8, nonce: u64, to: Address, micro: u64) -> Transaction {
        let body = TransactionBody {
            version: FormatVersion,
            payer: address(from),
            nonce: Nonce::new(nonce).unwrap(),
            lane: Lane::Consumer,
            tip: amount(5),
            max_fee: amount(1_000_000),
            valid_until: Height(self.height().0 + 50),
            action: Action::Transfer(Transfer { to, amount: amount(micro), memo: Memo::default() }),
        };
        body.sign(&secret(from), &self.genesis.hash())
    }

    /// The registration of an identity, with nonce 0.
    pub fn register(&self, from: u8) -> Transaction {
        let vrf_key = VrfSecretKey::from_seed([from; 32]);
        let vrf = VrfBinding::prove(&vrf_key, address(from), self.height(), &self.genesis.hash()).unwrap();
        let register = Register { bond: self.genesis.params.identity.bond, vrf, peer: None };
        let body = TransactionBody {
            version: FormatVersion,
            payer: address(from),
            nonce: Nonce::new(0).unwrap(),
            lane: Lane::Industrial,
            tip: amount(5),
            max_fee: amount(10_000_000),
            valid_until: Height(self.height().0 + 50),
            action: Action::Identity(IdentityAction::Register(Box::new(register))),
        };
        body.sign(&secret(from), &self.genesis.hash())
    }

    pub fn admit_everywhere(&mut self, transaction: &Transaction) {
        let (now, genesis) = (self.now, self.genesis.hash());
        for node in &mut self.nodes {
            let checked = CheckedTransaction::check(Arc::new(transaction.clone()), &genesis).unwrap();
            node.replica.admit(checked, now).unwrap();
        }
    }
}
