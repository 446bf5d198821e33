//! When a validator counts as silent.

use node::silence::{SILENT_HEIGHTS, Silence};
use primitives::Address;

#[test]
fn a_validator_is_silent_after_enough_certificates_without_it_and_no_more_after_one_with_it() {
    let [quiet, unlucky] = [1, 2].map(|byte| Address([byte; 30]));
    let mut silence = Silence::default();
    for height in 1..SILENT_HEIGHTS {
        let missing: &[Address] = if height % 2 == 0 { &[quiet] } else { &[quiet, unlucky] };
        assert_eq!(silence.after(missing), 0, "{height}");
    }
    assert_eq!(silence.after(&[quiet]), 1);
    assert_eq!(silence.after(&[unlucky]), 0);
    assert_eq!(silence.after(&[quiet]), 0);
}
