//! The pinned key is made again bit for bit, and the golden proof verifies under it.

use primitives::{Address, Amount, Hash, Height};

use crate::params::SECURITY_BITS_MIN;
use crate::{LedgerPoint, ProofError, WindowStatement, security_bits, verify_window, verifying_key};

const STATEMENT: &str = include_str!("../../../../fixtures/window_statement.txt");
pub(crate) const PROOF: &[u8] = include_bytes!("../../../../fixtures/window.proof");

fn field(text: &'static str, name: &str) -> Vec<&'static str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the field is in the fixture");
    line.split_whitespace().collect()
}

fn amount(text: &str) -> Amount {
    Amount::new(text.parse().expect("a number")).expect("below 2^63")
}

fn point(text: &'static str, name: &str) -> LedgerPoint {
    let parts = field(text, name);
    LedgerPoint {
        height: Height(parts[0].parse().expect("a height")),
        ledger_root: parts[1].parse().expect("a digest"),
        ops_digest: parts[2].parse().expect("a digest"),
        supply: amount(parts[3]),
        next_slot: parts[4].parse().expect("a slot"),
    }
}

pub(crate) fn statement() -> WindowStatement {
    parse(STATEMENT)
}

/// The statement that a fixture holds.
pub(super) fn parse(text: &'static str) -> WindowStatement {
    WindowStatement {
        genesis: field(text, "genesis")[0].parse::<Hash>().expect("a hash"),
        before: point(text, "before"),
        after: point(text, "after"),
        issuance_max: amount(field(text, "issuance_max")[0]),
        supply_cap: amount(field(text, "supply_cap")[0]),
        payout: field(text, "payout")[0].parse::<Address>().expect("an address"),
    }
}

#[test]
fn the_golden_proof_verifies_under_the_pinned_key() {
    let key = verifying_key().expect("this build makes the pinned key");
    assert_eq!(verify_window(key, &statement(), PROOF), Ok(()));
    let mut forged = statement();
    forged.after.supply = amount("1");
    assert!(matches!(verify_window(key, &forged, PROOF), Err(ProofError::Refused(_))));
}

#[test]
fn the_key_has_the_bits_it_must_have() {
    let bits = security_bits().expect("this build makes the pinned key");
    assert!(bits >= SECURITY_BITS_MIN, "{bits}");
}

#[test]
fn every_table_is_required() {
    let key = verifying_key().expect("this build makes the pinned key");
    assert!(key.inner().inner.per_air.iter().all(|air| air.is_required));
    assert_eq!(key.inner().inner.per_air.len(), crate::airs::TABLES);
    let with_values = key.inner().inner.per_air.iter().map(|air| air.params.num_public_values);
    assert_eq!(with_values.collect::<Vec<_>>(), [82, 0, 0, 0, 0, 0, 0, 0, 0]);
}
