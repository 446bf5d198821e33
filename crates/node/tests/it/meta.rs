//! Messages about timetoke: signed, bounded, sent in time with what changed, compared with roots that are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use mempool::MempoolConfig;
use node::meta::{
    DELTAS_MAX, META_VERSION, MetaKind, MetaMessage, MetaRefused, MetaTimetoke, Published, Roots, TimetokeDelta, open,
    seal,
};
use primitives::genesis::GateActivation;
use primitives::{
    Address, CommitCertificate, CommitSignature, Engine, FormatVersion, Genesis, GenesisValidator, Hash, Height,
    Params, Round, SecretKey, Timestamp, VrfSecretKey, merkle,
};
use replica::{Application, Freshness, Identity, Replica};
use storage::{Store, StoreConfig};
use testkit::Seed;

fn message(deltas: usize) -> MetaTimetoke {
    let delta = |number: usize| TimetokeDelta {
        address: Address::of_key(&SecretKey::from_seed([7; 32]).public_key()),
        number: u32::try_from(number).unwrap(),
        hours: 3,
        accrued_at_ms: Timestamp(9),
    };
    MetaTimetoke {
        kind: MetaKind::MetaTimetoke,
        version: META_VERSION,
        height: Height(12),
        root: Hash([5; 32]),
        deltas: (0..deltas).map(delta).collect(),
        truncated: false,
    }
}

#[test]
fn a_message_is_taken_from_its_signer_on_its_chain_only() {
    let (key, genesis) = (SecretKey::from_seed([1; 32]), Hash([2; 32]));
    for deltas in [0, 1, DELTAS_MAX] {
        let bytes = seal(&message(deltas), &key, &genesis).expect("within the bound");
        assert_eq!(open(&bytes, &genesis), Ok((key.public_key(), MetaMessage::Timetoke(message(deltas)))));
        assert_eq!(open(&bytes, &Hash([3; 32])), Err(MetaRefused::BadSignature), "another chain");
    }
    let bytes = seal(&message(1), &key, &genesis).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("\"kind\":\"meta_timetoke\""), "{text}");
    for cut in 0..bytes.len() {
        assert!(open(&bytes[..cut], &genesis).is_err(), "cut at {cut}");
    }
    let mut random = Seed::new();
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        let at = random.index(damaged.len());
        damaged[at] ^= 1 << random.below(8);
        assert!(open(&damaged, &genesis).is_err(), "one bit at {at}");
    }
    let too_many = seal(&message(DELTAS_MAX + 1), &key, &genesis).expect("still within the bytes");
    assert_eq!(open(&too_many, &genesis), Err(MetaRefused::Malformed));
}

#[test]
fn roots_are_known_where_they_were_seen_and_nowhere_else() {
    let mut roots = Roots::default();
    let root = |byte: u8| Hash([byte; 32]);
    for (height, byte) in [(5, 1), (6, 1), (7, 2), (10, 2), (14, 3)] {
        roots.note(Height(height), root(byte));
    }
    let known = |height| roots.at(Height(height));
    assert_eq!([4, 5, 6, 7].map(known), [None, Some(root(1)), Some(root(1)), Some(root(2))]);
    // Between two looks with one root it did not change; between two roots nobody knows.
    assert_eq!([9, 10, 11, 13, 14, 15].map(known), [Some(root(2)), Some(root(2)), None, None, Some(root(3)), None]);
}

/// One validator on a chain whose hours take two seconds, and what its node would publish.
struct Publisher {
    chain: Replica,
    key: SecretKey,
    published: Published,
    time: Timestamp,
}

impl Publisher {
    fn new(sync_seconds: u64) -> Self {
        let key = SecretKey::from_seed([1; 32]);
        let vrf_key = VrfSecretKey::from_seed([1; 32]);
        let mut params = Params::default();
        let timetoke = &mut params.timetoke;
        (timetoke.hour_seconds, timetoke.window_seconds, timetoke.challenges_per_window) = (2, 2, 1);
        (timetoke.answer_seconds, timetoke.sync_seconds) = (2, sync_seconds);
        let genesis = Genesis {
            version: FormatVersion,
            chain_id: "meta".to_owned(),
            engine: Engine::Bft,
            proof_system: Default::default(),
            genesis_time: Timestamp(1_000_000),
            params,
            proof_keys: Default::default(),
            accounts: Vec::new(),
            validators: vec![GenesisValidator {
                public_key: key.public_key(),
                vrf_key: vrf_key.public_key(),
                power: 10,
            }],
            gates: vec![GateActivation { name: "malachite_consensus".to_owned(), height: Height(0) }],
        };
        let store = Arc::new(Store::open(&StoreConfig::Memory, &genesis.hash()).unwrap());
        let own = Identity { address: Address::of_key(&key.public_key()), vrf_key };
        let (config, quiet) = (MempoolConfig::default(), Arc::new(|_| ()));
        let chain = Replica::open(genesis, store, config, Some(own), quiet).unwrap();
        Self { chain, key, published: Published::default(), time: Timestamp(1_000_000) }
    }

    /// One block, a second later, and the message that is due then.
    fn step(&mut self) -> Option<MetaTimetoke> {
        self.time = self.time.plus(1_000);
        let candidate = self.chain.build(Round(0), self.time).unwrap();
        let (height, genesis) = (self.chain.finalized().next(), self.chain.genesis_hash());
        let address = Address::of_key(&self.key.public_key());
        let unsigned = CommitCertificate::new(height, Round(0), candidate.hash, Vec::new()).unwrap();
        let signature = self.key.sign(&unsigned.precommit_of(address).signing_bytes(&genesis));
        let signatures = vec![CommitSignature { address, signature }];
        self.chain.verify(&candidate.bytes, Freshness::Replayed).unwrap();
        self.chain.commit(CommitCertificate::new(height, Round(0), candidate.hash, signatures).unwrap()).unwrap();
        self.published.due(self.chain.state(), height, self.time).unwrap()
    }
}

/// The timetoke root by the sentence of TTK-18, from what messages told of each subject.
fn root_of(told: &BTreeMap<u32, TimetokeDelta>) -> Hash {
    let mut level: BTreeMap<u32, Hash> = told
        .iter()
        .map(|(number, one)| {
            let leaf = [one.address.0.as_slice(), &one.hours.to_le_bytes(), &one.accrued_at_ms.0.to_le_bytes()];
            (*number, merkle::leaf(&leaf.concat()))
        })
        .collect();
    for _ in 0..3 {
        let mut above: BTreeMap<u32, Vec<Hash>> = BTreeMap::new();
        for (place, digest) in level {
            let children = above.entry(place / 64).or_default();
            children.resize(usize::try_from(place % 64).unwrap(), Hash::default());
            children.push(digest);
        }
        level = above.into_iter().map(|(place, children)| (place, merkle::root(&children))).collect();
    }
    level[&0]
}

#[test]
fn messages_are_sync_seconds_apart_and_their_deltas_lead_to_the_root() {
    for sync_seconds in [1, 5] {
        let mut publisher = Publisher::new(sync_seconds);
        let (mut told, mut messages) = (BTreeMap::new(), Vec::new());
        for _ in 0..30 {
            let Some(meta) = publisher.step() else { continue };
            assert!(!meta.deltas.is_empty() && !meta.truncated, "{meta:?}");
            told.extend(meta.deltas.iter().map(|delta| (delta.number, *delta)));
            assert_eq!(root_of(&told), meta.root, "{meta:?}");
            messages.push(publisher.time);
        }
        let apart: Vec<u64> = messages.windows(2).map(|two| two[1].since(two[0])).collect();
        assert!(apart.iter().all(|ms| *ms >= sync_seconds * 1_000), "{apart:?}");
        // A root changes every two seconds: told at once, or at the first block that the interval allows.
        assert_eq!(apart.iter().max(), Some(&(sync_seconds.max(2) * 1_000)), "{apart:?}");
        assert!(messages.len() >= 5, "{messages:?}");
    }
}
