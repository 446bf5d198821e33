//! Proof systems by name, on the side that makes proofs.

use primitives::actions::ProofSystemKind;

use crate::fold::NoFiles;
use crate::{ProvingError, proving_system};

#[test]
fn a_system_that_is_not_in_this_build_is_refused_by_name() {
    let system = proving_system(ProofSystemKind::Plonky3, Box::new(NoFiles)).unwrap();
    assert_eq!(system.kind(), ProofSystemKind::Plonky3);
    let refused = proving_system(ProofSystemKind::Stwo, Box::new(NoFiles)).err().unwrap();
    assert!(matches!(refused, ProvingError::Unknown(_)));
    assert_eq!(refused.to_string(), "proof system stwo is not in this build, which verifies plonky3");
}
