//! A small chain of signed headers whose set changes, and every way in which a header must not count.

use primitives::{
    Address, Amount, CertificateError, CommitCertificate, CommitSignature, FormatVersion, Hash, Header, Height,
    LedgerDigest, Round, SecretKey, Timestamp, Validator, ValidatorSet, Vote, VoteKind, VrfProof, VrfSecretKey,
};

use crate::light::{
    Attested, CertifiedHeader, ChainRules, LightError, Proven, SealedWindow, SealedWindowError, Walk, WindowError,
};
use crate::statement::LedgerPoint;
use crate::tests::golden;
use crate::{ChainError, verifying_key};

const INTERVAL_MS: u64 = 1_000;
const GENESIS: Hash = Hash([7; 32]);

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

fn set(numbers: &[u8]) -> ValidatorSet {
    let member = |number: &u8| Validator {
        address: Address::of_key(&key(*number).public_key()),
        public_key: key(*number).public_key(),
        vrf_key: VrfSecretKey::from_seed([*number; 32]).public_key(),
        power: 10,
    };
    ValidatorSet::new(numbers.iter().map(member).collect()).expect("a set")
}

/// Who votes at each height: three of four stay in every step of three heights.
fn members(height: u64) -> Vec<u8> {
    let first = u8::try_from(height / 3).expect("a short chain") + 1;
    (first..first + 4).collect()
}

struct World {
    blocks: Vec<CertifiedHeader>,
}

fn certify(header: Header, numbers: &[u8]) -> CertifiedHeader {
    let (height, hash) = (header.height, header.hash());
    let sign = |number: &u8| {
        let address = Address::of_key(&key(*number).public_key());
        let vote = Vote { kind: VoteKind::Precommit, height, round: Round(0), value: Some(hash), voter: address };
        CommitSignature { address, signature: key(*number).sign(&vote.signing_bytes(&GENESIS)) }
    };
    let signatures = numbers.iter().map(sign).collect();
    let certificate = CommitCertificate::new(height, Round(0), hash, signatures).expect("few signatures");
    CertifiedHeader { header, certificate, validators: set(&members(height.0)) }
}

pub(super) fn header(height: u64, parent: Hash) -> Header {
    Header {
        version: FormatVersion,
        genesis: GENESIS,
        height: Height(height),
        time: Timestamp(height * INTERVAL_MS),
        parent,
        proposer: Address::of_key(&key(1).public_key()),
        transactions_root: Hash::default(),
        last_commit: Hash::default(),
        ledger_root: LedgerDigest::default(),
        ops_digest: LedgerDigest::default(),
        supply: Amount::ZERO,
        next_slot: 9,
        state_root: Hash::default(),
        receipts_root: Hash::default(),
        validators: set(&members(height)).hash(),
        next_validators: set(&members(height + 1)).hash(),
        params: Hash::default(),
        beacon: Hash::default(),
        beacon_proof: VrfProof([0; 80]),
        gates: Hash::default(),
        last_proof: None,
    }
}

impl World {
    fn new(heights: u64) -> Self {
        let mut blocks: Vec<CertifiedHeader> = Vec::new();
        for height in 1..=heights {
            let parent = blocks.last().map_or(GENESIS, |block| block.header.hash());
            let block = certify(header(height, parent), &members(height));
            blocks.push(block);
        }
        Self { blocks }
    }

    fn at(&self, height: u64) -> CertifiedHeader {
        self.blocks[usize::try_from(height).expect("a short chain") - 1].clone()
    }
}

fn rules() -> ChainRules {
    let statement = golden::statement();
    ChainRules {
        genesis: GENESIS,
        genesis_time: Timestamp(0),
        validators: set(&members(1)),
        window_blocks: 4,
        issuance_max: statement.issuance_max,
        supply_cap: statement.supply_cap,
        trusting_period_ms: 100 * INTERVAL_MS,
        start: statement.before,
    }
}

fn now(height: u64) -> Timestamp {
    Timestamp(height * INTERVAL_MS)
}

#[test]
fn steps_and_skips_follow_the_sets() {
    let (world, rules) = (World::new(12), rules());
    let mut attested = Attested::genesis(&rules);
    for height in [1, 2, 5, 8, 9, 11] {
        attested.advance(&rules, &world.at(height), now(12)).expect("enough of the trusted set signed");
        assert_eq!(attested.height(), Height(height));
        assert_eq!(attested.hash(), world.at(height).header.hash());
    }
    assert_eq!(attested.certificates(), 6);
}

#[test]
fn a_set_that_has_changed_too_much_is_reached_in_smaller_steps() {
    let (world, rules) = (World::new(12), rules());
    let mut attested = Attested::genesis(&rules);
    // Of the four at genesis only one is left at height 9: a quarter of the power.
    let far = attested.advance(&rules, &world.at(9), now(12));
    assert!(matches!(far, Err(LightError::TooFar { power: 10, total: 40, .. })), "{far:?}");
    assert_eq!(attested.height(), Height::GENESIS, "nothing has changed");
    attested.advance(&rules, &world.at(5), now(12)).expect("three of four are left");
    attested.advance(&rules, &world.at(9), now(12)).expect("two of four are left");
}

/// Walks to height `to` of the world; the heights that were wanted on the way.
fn walked(world: &World, trust: Option<(Height, Hash)>, to: u64, at: Timestamp) -> Result<Vec<u64>, LightError> {
    let mut walk = Walk::new(rules(), trust, world.at(to), at)?;
    let mut wanted = Vec::new();
    while let Some(height) = walk.wanted() {
        wanted.push(height.0);
        walk.give(world.at(height.0))?;
    }
    Ok(wanted)
}

#[test]
fn a_walk_asks_only_for_the_headers_that_it_needs() {
    let world = World::new(30);
    let trust = |height: u64| Some((Height(height), world.at(height).header.hash()));
    assert_eq!(walked(&world, None, 5, now(30)), Ok(vec![]), "three of four are left");
    assert_eq!(walked(&world, None, 9, now(30)), Ok(vec![4]));
    assert_eq!(walked(&world, trust(9), 9, now(30)), Ok(vec![]), "the goal is what is trusted");
    assert_eq!(walked(&world, trust(7), 9, now(30)), Ok(vec![7]), "what is trusted is fetched first");
    let far = walked(&world, None, 30, now(30)).expect("by steps");
    assert!(far.len() > 3 && far[0] == 15, "{far:?}");
    let late = Timestamp(rules().trusting_period_ms + 1);
    assert!(matches!(walked(&world, None, 5, late), Err(LightError::CheckpointTooOld { .. })));
    assert_eq!(walked(&world, trust(3), 5, late), Ok(vec![3]), "height 3 is young enough");
    let below = walked(&world, trust(9), 5, now(30));
    assert!(matches!(below, Err(LightError::NotAbove { .. })), "{below:?}");
    let other = walked(&world, Some((Height(7), Hash([1; 32]))), 9, now(30));
    assert_eq!(other, Err(LightError::OtherHash { height: Height(7) }));
    let mut walk = Walk::new(rules(), None, world.at(9), now(30)).expect("genesis is young enough");
    let wrong = walk.give(world.at(3));
    assert_eq!(wrong, Err(LightError::NotWanted { wanted: Height(4), found: Height(3) }));
}

#[test]
fn what_is_too_old_judges_nothing() {
    let (world, rules) = (World::new(3), rules());
    let mut attested = Attested::genesis(&rules);
    let late = Timestamp(rules.trusting_period_ms + 1);
    let refused = attested.advance(&rules, &world.at(1), late);
    assert!(matches!(refused, Err(LightError::CheckpointTooOld { height: Height::GENESIS, .. })), "{refused:?}");
    let checkpoint = world.at(2);
    let mut attested =
        Attested::checkpoint(&rules, &checkpoint.header, checkpoint.validators).expect("its set is the header's");
    attested.advance(&rules, &world.at(3), late).expect("height 2 is young enough");
    let foreign = Attested::checkpoint(&rules, &checkpoint.header, set(&[9, 10]));
    assert_eq!(foreign, Err(LightError::OtherSet { height: Height(2) }));
}

/// A change that makes a good header a bad one, and the refusal that must follow.
type Attack = (&'static str, fn(&World) -> CertifiedHeader, fn(&LightError) -> bool);

#[test]
fn every_altered_header_is_refused() {
    let attacks: [Attack; 11] = [
        (
            "another chain",
            |world| certify(Header { genesis: Hash([8; 32]), ..world.at(2).header }, &members(2)),
            |error| matches!(error, LightError::OtherChain { .. }),
        ),
        ("the same height again", |world| world.at(1), |error| matches!(error, LightError::NotAbove { .. })),
        (
            "a time that does not advance",
            |world| certify(Header { time: now(1), ..world.at(2).header }, &members(2)),
            |error| matches!(error, LightError::Time { .. }),
        ),
        (
            "a time in the future",
            |world| certify(Header { time: now(99), ..world.at(2).header }, &members(2)),
            |error| matches!(error, LightError::Time { .. }),
        ),
        (
            "another set",
            |world| CertifiedHeader { validators: set(&[1, 2, 3]), ..world.at(2) },
            |error| matches!(error, LightError::OtherSet { .. }),
        ),
        (
            "another parent",
            |world| certify(Header { parent: Hash([1; 32]), ..world.at(2).header }, &members(2)),
            |error| matches!(error, LightError::NotNext { .. }),
        ),
        (
            "a set that was not announced",
            |world| {
                let other = Header { validators: set(&[1, 2, 3]).hash(), ..world.at(2).header };
                CertifiedHeader { validators: set(&[1, 2, 3]), ..certify(other, &[1, 2, 3]) }
            },
            |error| matches!(error, LightError::NotNext { .. }),
        ),
        (
            "another header under the certificate",
            |world| CertifiedHeader {
                header: Header { supply: Amount::from_blocks(1), ..world.at(2).header },
                ..world.at(2)
            },
            |error| matches!(error, LightError::Certificate { error: CertificateError::WrongBlock, .. }),
        ),
        (
            "too few signers",
            |world| certify(world.at(2).header, &members(2)[..2]),
            |error| matches!(error, LightError::Certificate { error: CertificateError::NoQuorum { .. }, .. }),
        ),
        (
            "a stranger among the signers",
            |world| certify(world.at(2).header, &[1, 2, 3, 4, 5]),
            |error| matches!(error, LightError::Certificate { error: CertificateError::UnknownSigner(_), .. }),
        ),
        (
            "a signature of something else",
            |world| {
                let mut block = world.at(2);
                let mut signatures = block.certificate.signatures.to_vec();
                signatures[0].signature = signatures[1].signature;
                block.certificate =
                    CommitCertificate::new(Height(2), Round(0), block.header.hash(), signatures).expect("four");
                block
            },
            |error| matches!(error, LightError::Certificate { error: CertificateError::BadSignature(_), .. }),
        ),
    ];
    let (world, rules) = (World::new(3), rules());
    let mut attested = Attested::genesis(&rules);
    attested.advance(&rules, &world.at(1), now(3)).expect("the first block");
    for (what, attack, expected) in attacks {
        let mut trusted = attested.clone();
        let refused = trusted.advance(&rules, &attack(&world), now(3)).expect_err(what);
        assert!(expected(&refused), "{what}: {refused:?}");
        assert_eq!(trusted, attested, "{what}");
    }
    attested.advance(&rules, &world.at(2), now(3)).expect("the honest one still counts");
}

/// What is trusted at a height of the world.
fn trusted(world: &World, height: u64) -> Attested {
    let block = world.at(height);
    Attested::checkpoint(&rules(), &block.header, block.validators).expect("its set is the header's")
}

#[test]
fn a_header_below_a_checkpoint_counts_by_the_same_third_or_as_its_parent() {
    let (world, rules) = (World::new(30), rules());
    let top = trusted(&world, 12);
    for height in [11, 9, 6] {
        let lower = top.below(&rules, &world.at(height)).expect("two of four and more are left");
        assert_eq!((lower.height(), lower.hash()), (Height(height), world.at(height).header.hash()));
        assert_eq!(lower.certificates(), 1);
    }
    let far = top.below(&rules, &world.at(3));
    assert!(matches!(far, Err(LightError::TooFar { power: 10, total: 40, .. })), "{far:?}");
    let middle = top.below(&rules, &world.at(7)).expect("two of four");
    middle.below(&rules, &world.at(3)).expect("two of four again");
}

#[test]
fn every_altered_header_below_a_checkpoint_is_refused() {
    let (world, rules) = (World::new(13), rules());
    let top = trusted(&world, 12);
    let rich = |height: u64| Header { supply: Amount::from_blocks(1), ..world.at(height).header };
    let wrong = |error: &LightError| matches!(error, LightError::Certificate { .. });
    type Forged = (&'static str, CertifiedHeader, fn(&LightError) -> bool);
    let others: [Forged; 8] = [
        ("not below", world.at(12), |error| matches!(error, LightError::NotBelow { .. })),
        ("above", world.at(13), |error| matches!(error, LightError::NotBelow { .. })),
        ("another chain", certify(Header { genesis: Hash([8; 32]), ..world.at(9).header }, &members(9)), |error| {
            matches!(error, LightError::OtherChain { .. })
        }),
        (
            "a time above the checkpoint's",
            certify(Header { time: now(12), ..world.at(9).header }, &members(9)),
            |error| matches!(error, LightError::Time { .. }),
        ),
        ("another parent of the checkpoint", certify(rich(11), &members(11)), |error| {
            matches!(error, LightError::NotTheParent { .. })
        }),
        ("another set", CertifiedHeader { validators: set(&[1, 2, 3]), ..world.at(9) }, |error| {
            matches!(error, LightError::OtherSet { .. })
        }),
        (
            "a set of strangers that signs for itself",
            {
                let strangers = [21, 22, 23];
                let header = Header { validators: set(&strangers).hash(), ..rich(9) };
                CertifiedHeader { validators: set(&strangers), ..certify(header, &strangers) }
            },
            |error| matches!(error, LightError::TooFar { power: 0, .. }),
        ),
        (
            "strangers and a third of the trusted ones",
            {
                // One of four is no more than a third, and four strangers hold the rest.
                let mixed = [members(12)[0], 21, 22, 23];
                let header = Header { validators: set(&mixed).hash(), ..rich(9) };
                CertifiedHeader { validators: set(&mixed), ..certify(header, &mixed) }
            },
            |error| matches!(error, LightError::TooFar { power: 10, total: 40, .. }),
        ),
    ];
    for (what, forged, expected) in others {
        let refused = top.below(&rules, &forged).expect_err(what);
        assert!(expected(&refused), "{what}: {refused:?}");
    }
    for (what, forged) in [
        ("another header", CertifiedHeader { header: rich(9), ..world.at(9) }),
        ("too few signers", certify(world.at(9).header, &members(9)[1..3])),
    ] {
        let refused = top.below(&rules, &forged).expect_err(what);
        assert!(wrong(&refused), "{what}: {refused:?}");
    }
}

#[test]
fn a_window_extends_the_list_only_in_its_place_and_with_its_values() {
    let (statement, key) = (golden::statement(), verifying_key().expect("this build makes the pinned key"));
    let blocks = statement.after.height.0 - statement.before.height.0;
    assert_eq!(statement.before.height, Height::GENESIS, "the golden window starts the chain");
    let rules = ChainRules { genesis: statement.genesis, window_blocks: blocks, ..rules() };
    let LedgerPoint { height, ledger_root, ops_digest, supply, next_slot } = statement.after;
    let end = Header {
        genesis: statement.genesis,
        ledger_root,
        ops_digest,
        supply,
        next_slot,
        ..header(height.0, Hash::default())
    };
    let sealed = SealedWindow { window: 0, payout: statement.payout, proof: golden::PROOF.to_vec() };
    let sealed = SealedWindow::from_bytes(&sealed.to_bytes()).expect("it reads what it wrote");
    let mut proven = Proven::genesis(&rules);

    let late = proven.extend(&rules, key, &end, &SealedWindow { window: 1, ..sealed.clone() });
    assert_eq!(late, Err(WindowError::NotNext { expected: 0, found: 1 }));
    let short = Header { height: Height(height.0 - 1), ..end.clone() };
    assert!(matches!(proven.extend(&rules, key, &short, &sealed), Err(WindowError::NotItsEnd { .. })));
    let foreign = Header { genesis: GENESIS, ..end.clone() };
    assert!(matches!(proven.extend(&rules, key, &foreign, &sealed), Err(WindowError::OtherChain { .. })));
    let richer = Header { supply: Amount::new(supply.micro() + 1).expect("in range"), ..end.clone() };
    assert!(matches!(proven.extend(&rules, key, &richer, &sealed), Err(WindowError::Chain(ChainError::Window { .. }))));
    let other = SealedWindow { payout: Address::of_module("treasury"), ..sealed.clone() };
    assert!(matches!(proven.extend(&rules, key, &end, &other), Err(WindowError::Chain(ChainError::Window { .. }))));
    assert_eq!(proven, Proven::genesis(&rules), "nothing has changed");

    proven.extend(&rules, key, &end, &sealed).expect("the golden window");
    assert_eq!((proven.windows(), *proven.point()), (1, statement.after));
    let again = proven.extend(&rules, key, &end, &sealed);
    assert_eq!(again, Err(WindowError::NotNext { expected: 1, found: 0 }));
}

#[test]
fn short_and_long_bytes_are_no_window() {
    assert_eq!(SealedWindow::from_bytes(&[0; 37]), Err(SealedWindowError::TooShort { bytes: 37 }));
    let long = vec![0; crate::light::SEALED_BYTES_MAX + 1];
    assert!(matches!(SealedWindow::from_bytes(&long), Err(SealedWindowError::TooLong { .. })));
}

#[test]
fn windows_are_fixed_heights() {
    let rules = rules();
    assert_eq!((rules.window_start(2), rules.window_end(2)), (Height(8), Height(12)));
    let windows = [0, 1, 4, 5].map(|height| rules.window_of(Height(height)));
    assert_eq!(windows, [None, Some(0), Some(0), Some(1)]);
    assert_eq!([3, 4, 9].map(|height| rules.windows_until(Height(height))), [0, 1, 2]);
}
