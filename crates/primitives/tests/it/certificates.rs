//! Commit certificates: a quorum of good signatures, and every way to fall short.

use primitives::{BoundedVec, CertificateError, Genesis, ValidatorSet};

use crate::samples::{address, certificate, genesis};

fn set() -> ValidatorSet {
    genesis().validator_set().unwrap()
}

#[test]
fn three_of_four_equal_validators_decide() {
    for signers in [&[10, 11, 12][..], &[13, 11, 10], &[10, 11, 12, 13]] {
        let power = 10 * signers.len() as u64;
        assert_eq!(certificate(signers).verify(&set(), &genesis().hash()), Ok(power));
    }
}

#[test]
fn what_is_not_a_certificate() {
    let hash = genesis().hash();
    let no_quorum = CertificateError::NoQuorum { power: 20, total: 40 };
    assert_eq!(certificate(&[10, 11]).verify(&set(), &hash), Err(no_quorum));
    assert_eq!(certificate(&[10, 11, 12, 99]).verify(&set(), &hash), Err(CertificateError::UnknownSigner(address(99))));
    assert_eq!(certificate(&[10, 10, 11, 12]).verify(&set(), &hash), Err(CertificateError::NotCanonical));

    let mut unsorted = certificate(&[10, 11, 12]);
    let mut list = unsorted.signatures.to_vec();
    list.reverse();
    unsorted.signatures = BoundedVec::new(list).unwrap();
    assert_eq!(unsorted.verify(&set(), &hash), Err(CertificateError::NotCanonical));

    let mut forged = certificate(&[10, 11, 12]);
    let mut list = forged.signatures.to_vec();
    list[1].signature.0[3] ^= 1;
    let culprit = list[1].address;
    forged.signatures = BoundedVec::new(list).unwrap();
    assert_eq!(forged.verify(&set(), &hash), Err(CertificateError::BadSignature(culprit)));

    let other = Genesis { chain_id: "other".to_owned(), ..genesis() };
    let good = certificate(&[10, 11, 12]);
    assert!(matches!(good.verify(&set(), &other.hash()), Err(CertificateError::BadSignature(_))));
    let mut moved = good;
    moved.round.0 += 1;
    assert!(matches!(moved.verify(&set(), &hash), Err(CertificateError::BadSignature(_))));
}
