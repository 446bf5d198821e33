//! The sealed chain proof: golden ones count, and nothing else that looks like one.

use primitives::{Address, Amount, Hash, Height, LedgerDigest};
use testkit::Seed;

use super::golden::parse;
use crate::light::{ChainOrigin, SEALED_CHAIN_BYTES_MAX, SealedChain, SealedChainError, check_chain};
use crate::{ChainError, FoldKey, LedgerPoint, ProofError, WindowStatement, fold_key};

/// Altered chain proofs that are tried.
const MUTATIONS: usize = 200;
/// Bytes before the proof.
const HEAD: usize = 38;

fn key() -> &'static FoldKey {
    fold_key().expect("this build reads the pinned key")
}

/// The chain of four windows, with what it proves.
fn golden() -> (WindowStatement, SealedChain) {
    let statement: WindowStatement = parse(include_str!("../../../../fixtures/fold_chain_long.txt"));
    let proof = include_bytes!("../../../../fixtures/fold_chain_long.proof").to_vec();
    (statement, SealedChain { height: statement.after.height, payout: statement.payout, proof })
}

fn origin(statement: &WindowStatement) -> ChainOrigin {
    let WindowStatement { genesis, before, issuance_max, supply_cap, .. } = *statement;
    ChainOrigin { genesis, start: before, issuance_max, supply_cap }
}

fn verdict(origin: &ChainOrigin, after: LedgerPoint, sealed: &SealedChain) -> Result<(), SealedChainError> {
    check_chain(key(), origin, after, sealed)
}

/// Whether the refusal comes from the proof itself.
fn is_refused(verdict: &Result<(), SealedChainError>) -> bool {
    matches!(verdict, Err(SealedChainError::Chain(ChainError::Window { error: ProofError::Refused(_), .. })))
}

#[test]
fn a_golden_chain_proof_travels_and_counts() {
    let (statement, sealed) = golden();
    let bytes = sealed.to_bytes();
    assert_eq!(bytes.len(), HEAD + sealed.proof.len());
    assert_eq!(SealedChain::from_bytes(&bytes).expect("it reads what it wrote"), sealed);
    assert_eq!(verdict(&origin(&statement), statement.after, &sealed), Ok(()));
    assert_eq!(sealed.statement(&origin(&statement), statement.after), statement);
}

#[test]
fn every_altered_claim_is_refused() {
    let (statement, sealed) = golden();
    let (right, after) = (origin(&statement), statement.after);
    let other_digest = |digest: &LedgerDigest| {
        let mut elements = *digest.elements();
        elements[0] ^= 1;
        LedgerDigest::new(elements).expect("still below the modulus")
    };
    let more = |amount: Amount| Amount::new(amount.micro() + 1).expect("in range");
    let points = [
        LedgerPoint { ledger_root: other_digest(&after.ledger_root), ..after },
        LedgerPoint { ops_digest: other_digest(&after.ops_digest), ..after },
        LedgerPoint { supply: more(after.supply), ..after },
        LedgerPoint { next_slot: after.next_slot + 1, ..after },
    ];
    for point in points {
        let refused = verdict(&right, point, &sealed);
        assert!(is_refused(&refused), "{point:?}: {refused:?}");
    }
    // The height is in the head as well; when both say another one, the proof does not.
    let higher = LedgerPoint { height: after.height.next(), ..after };
    let expected = SealedChainError::OtherHeight { expected: higher.height, found: after.height };
    assert_eq!(verdict(&right, higher, &sealed), Err(expected));
    assert!(is_refused(&verdict(&right, higher, &SealedChain { height: higher.height, ..sealed.clone() })));
    assert!(is_refused(&verdict(&right, after, &SealedChain { payout: Address::of_module("0"), ..sealed.clone() })));
    let start = right.start;
    let origins = [
        ChainOrigin { issuance_max: more(right.issuance_max), ..right },
        ChainOrigin { supply_cap: more(right.supply_cap), ..right },
        ChainOrigin { start: LedgerPoint { ledger_root: other_digest(&start.ledger_root), ..start }, ..right },
        ChainOrigin { start: LedgerPoint { supply: more(start.supply), ..start }, ..right },
        ChainOrigin { start: LedgerPoint { next_slot: start.next_slot + 1, ..start }, ..right },
    ];
    for origin in origins {
        let refused = verdict(&origin, after, &sealed);
        assert!(is_refused(&refused), "{origin:?}: {refused:?}");
    }
    // Another genesis has another start of its operations digest, so no statement of this chain fits.
    let foreign = verdict(&ChainOrigin { genesis: Hash([1; 32]), ..right }, after, &sealed);
    assert!(matches!(foreign, Err(SealedChainError::Chain(_))), "{foreign:?}");
}

#[test]
fn bytes_of_any_kind_get_a_verdict() {
    let mut seed = Seed::new();
    let (statement, sealed) = golden();
    let whole = sealed.to_bytes();
    let short = |bytes| Err(SealedChainError::TooShort { bytes });
    assert_eq!(SealedChain::from_bytes(&[]), short(0));
    assert_eq!(SealedChain::from_bytes(&whole[..HEAD - 1]), short(HEAD - 1));
    let long = vec![0; SEALED_CHAIN_BYTES_MAX + 1];
    assert_eq!(SealedChain::from_bytes(&long), Err(SealedChainError::TooLong { bytes: long.len() }));
    for round in 0..MUTATIONS {
        let mut bytes = whole.clone();
        match round % 4 {
            // The head, the heights of the tables, elements, the length.
            0 => bytes[seed.index(HEAD)] ^= 1 << seed.below(8),
            1 => bytes[HEAD + seed.index(42)] ^= 1 << seed.below(8),
            2 => {
                let at = seed.index(bytes.len());
                bytes[at] ^= 1 << seed.below(8);
            }
            _ => bytes.truncate(seed.index(whole.len())),
        }
        let Ok(altered) = SealedChain::from_bytes(&bytes) else { continue };
        let told = verdict(&origin(&statement), statement.after, &altered);
        assert!(told.is_err(), "round {round} was believed");
    }
    let window = include_bytes!("../../../../fixtures/window.proof").to_vec();
    let passed_off = SealedChain { proof: window, ..sealed };
    assert!(verdict(&origin(&statement), statement.after, &passed_off).is_err(), "a window's proof is no chain proof");
    assert_eq!(statement.before.height, Height::GENESIS);
}
