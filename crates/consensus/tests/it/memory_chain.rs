//! A chain in memory with a signer: enough of an application to run consensus on.
//!
//! Blocks hold no transactions; a block's rules are its place, its parent, its time and its proposer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use consensus::{SignRefused, SignedStep, VoteSigner};
use primitives::genesis::{Engine, GateActivation};
use primitives::{
    Address, Amount, Block, CommitCertificate, FormatVersion, Genesis, GenesisValidator, Hash, Header, Height,
    PublicKey, Round, SecretKey, Signature, Timestamp, ValidatorSet, VrfProof, VrfSecretKey, block,
};
use replica::application::{Application, Candidate, Electorate, Fault, Freshness, Verdict};

/// The secret key of validator `index`.
pub fn secret(index: u8) -> SecretKey {
    SecretKey::from_seed([index.wrapping_add(1); 32])
}

/// A genesis with `count` validators of power 10, 11, ….
pub fn genesis(engine: Engine, count: u8, interval_ms: u64) -> Genesis {
    let validators = (0..count).map(|index| GenesisValidator {
        public_key: secret(index).public_key(),
        vrf_key: VrfSecretKey::from_seed([index.wrapping_add(101); 32]).public_key(),
        power: 10 + u64::from(index),
    });
    let mut genesis = Genesis {
        version: FormatVersion,
        chain_id: "memory".to_owned(),
        engine,
        proof_system: Default::default(),
        genesis_time: Timestamp(1_700_000_000_000),
        params: Default::default(),
        proof_keys: Default::default(),
        accounts: Vec::new(),
        validators: validators.collect(),
        gates: Vec::new(),
    };
    if engine == Engine::Bft {
        genesis.gates.push(GateActivation { name: "malachite_consensus".to_owned(), height: Height(1) });
    }
    genesis.params.block_interval_ms = interval_ms;
    genesis
}

/// A chain in memory.
pub struct MemoryChain {
    genesis: Genesis,
    set: ValidatorSet,
    own: Address,
    blocks: Vec<(Block, Vec<u8>, CommitCertificate)>,
    candidates: BTreeMap<Hash, (Block, Candidate)>,
    built: BTreeMap<(Height, Round), Hash>,
    /// Set to make the next commit fail.
    pub broken: bool,
}

impl MemoryChain {
    /// The chain as validator `own` sees it.
    pub fn new(genesis: Genesis, own: Address) -> Self {
        let set = genesis.validator_set().expect("the validators are a set");
        let (blocks, candidates, built) = Default::default();
        Self { genesis, set, own, blocks, candidates, built, broken: false }
    }

    /// Hash of the block at a height.
    pub fn block_hash(&self, height: Height) -> Option<Hash> {
        let index = usize::try_from(height.0.checked_sub(1)?).ok()?;
        self.blocks.get(index).map(|(block, _, _)| block.hash())
    }

    /// Block times, from height 1.
    pub fn times(&self) -> Vec<Timestamp> {
        self.blocks.iter().map(|(block, _, _)| block.header.time).collect()
    }

    /// What a crash forgets: candidates that are not durable.
    pub fn forget_candidates(&mut self) {
        let built: Vec<Hash> = self.built.values().copied().collect();
        self.candidates.retain(|hash, _| built.contains(hash));
    }

    fn parent(&self) -> Hash {
        self.block_hash(self.finalized()).unwrap_or_else(|| self.genesis_hash())
    }

    fn beacon(&self) -> Hash {
        match self.blocks.last() {
            Some((block, _, _)) => block.header.beacon,
            None => block::genesis_beacon(&self.genesis_hash()),
        }
    }

    fn last_commit(&self) -> Option<CommitCertificate> {
        self.blocks.last().map(|(_, _, certificate)| certificate.clone()).filter(|_| self.genesis.engine == Engine::Bft)
    }

    fn keep(&mut self, block: Block) -> Candidate {
        let candidate = Candidate { hash: block.hash(), bytes: primitives::encode(&block).into() };
        self.candidates.insert(candidate.hash, (block, candidate.clone()));
        candidate
    }

    fn refusal(&self, block: &Block, freshness: Freshness) -> Option<&'static str> {
        let header = &block.header;
        if header.height != self.finalized().next() || header.parent != self.parent() {
            return Some("wrong place");
        }
        if header.time <= self.finalized_time() {
            return Some("time does not grow");
        }
        if header.transactions_root != Hash::default() || !block.transactions.is_empty() {
            return Some("this chain has no transactions");
        }
        if header.last_commit != block.last_commit.as_ref().map(CommitCertificate::hash).unwrap_or_default() {
            return Some("another last_commit");
        }
        if let Some(certificate) = &block.last_commit
            && certificate.verify(&self.set, &self.genesis_hash()).is_err()
        {
            return Some("bad last_commit");
        }
        match freshness {
            Freshness::Live { now, proposer, .. } => {
                let late = now.since(header.time) > 30_000 || header.time.since(now) > 2_000;
                if late { Some("time") } else { (header.proposer != proposer).then_some("another proposer") }
            }
            Freshness::Replayed => None,
        }
    }
}

impl Application for MemoryChain {
    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn genesis_hash(&self) -> Hash {
        self.genesis.hash()
    }

    fn finalized(&self) -> Height {
        Height(u64::try_from(self.blocks.len()).expect("few blocks"))
    }

    fn oldest(&self) -> Height {
        Height(1)
    }

    fn electorate(&self, height: Height) -> Option<Electorate> {
        let electorate = Electorate { validators: self.set.clone(), beacon: self.beacon() };
        (height == self.finalized().next()).then_some(electorate)
    }

    fn finalized_time(&self) -> Timestamp {
        self.blocks.last().map_or(self.genesis.genesis_time, |(block, _, _)| block.header.time)
    }

    fn build(&mut self, round: Round, now: Timestamp) -> Result<Candidate, Fault> {
        let height = self.finalized().next();
        if let Some(hash) = self.built.get(&(height, round)) {
            return self.candidate(hash).ok_or_else(|| Fault("a built block is gone".to_owned()));
        }
        let last_commit = self.last_commit();
        let header = Header {
            version: FormatVersion,
            genesis: self.genesis_hash(),
            height,
            time: now.max(self.finalized_time().plus(1)),
            parent: self.parent(),
            proposer: self.own,
            transactions_root: Hash::default(),
            last_commit: last_commit.as_ref().map(CommitCertificate::hash).unwrap_or_default(),
            ledger_root: Default::default(),
            ops_digest: Default::default(),
            supply: Amount::ZERO,
            next_slot: 0,
            state_root: Hash::default(),
            receipts_root: Hash::default(),
            validators: self.set.hash(),
            next_validators: self.set.hash(),
            params: self.genesis.params.hash(),
            beacon: primitives::hash(primitives::Domain::Beacon, &[self.beacon().as_bytes()]),
            beacon_proof: VrfProof([0; 80]),
            gates: self.genesis.gates_hash(height),
            last_proof: None,
        };
        let candidate = self.keep(Block { header, transactions: Default::default(), last_commit });
        self.built.insert((height, round), candidate.hash);
        Ok(candidate)
    }

    fn verify(&mut self, bytes: &[u8], freshness: Freshness) -> Result<Verdict, Fault> {
        let block = match Block::from_bytes(bytes) {
            Ok(block) => block,
            Err(error) => return Ok(Verdict::Invalid { hash: None, reason: error.to_string() }),
        };
        match self.refusal(&block, freshness) {
            None => Ok(Verdict::Valid(self.keep(block))),
            Some(reason) => Ok(Verdict::Invalid { hash: Some(block.hash()), reason: reason.to_owned() }),
        }
    }

    fn candidate(&self, hash: &Hash) -> Option<Candidate> {
        self.candidates.get(hash).map(|(_, candidate)| candidate.clone())
    }

    fn commit(&mut self, certificate: CommitCertificate) -> Result<(), Fault> {
        if self.broken {
            return Err(Fault("the disk is full".to_owned()));
        }
        certificate.verify(&self.set, &self.genesis_hash()).map_err(|error| Fault(error.to_string()))?;
        let (block, candidate) =
            self.candidates.remove(&certificate.block).ok_or_else(|| Fault("unknown block".to_owned()))?;
        self.blocks.push((block, candidate.bytes.to_vec(), certificate));
        self.candidates.clear();
        Ok(())
    }

    fn decided(&self, height: Height) -> Result<Option<(Vec<u8>, CommitCertificate)>, Fault> {
        let index = height.0.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let found = index.and_then(|index| self.blocks.get(index));
        Ok(found.map(|(_, bytes, certificate)| (bytes.clone(), certificate.clone())))
    }
}

type Signed = BTreeMap<(Height, Round, SignedStep), (Vec<u8>, Signature)>;

/// A key with a guard in memory. Clones share the guard, as a disk would across restarts.
#[derive(Clone)]
pub struct MemorySigner {
    key: SecretKey,
    signed: Arc<Mutex<Signed>>,
}

impl MemorySigner {
    /// The signer of validator `index`.
    pub fn new(index: u8) -> Self {
        Self { key: secret(index), signed: Arc::default() }
    }
}

impl VoteSigner for MemorySigner {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&mut self, step: SignedStep, height: Height, round: Round, bytes: &[u8]) -> Result<Signature, SignRefused> {
        let mut signed = self.signed.lock().expect("no test panics while it signs");
        let at = (height, round, step);
        if let Some((known, signature)) = signed.get(&at) {
            let refused = SignRefused { reason: "other bytes were signed in this step".to_owned() };
            return if known == bytes { Ok(*signature) } else { Err(refused) };
        }
        if signed.last_key_value().is_some_and(|(last, _)| *last > at) {
            return Err(SignRefused { reason: "a later step was signed".to_owned() });
        }
        let signature = self.key.sign(bytes);
        signed.insert(at, (bytes.to_vec(), signature));
        Ok(signature)
    }
}
