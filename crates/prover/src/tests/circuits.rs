//! Circuits as bytes: kept ones are the made ones, anything else is named and made again, and none of it panics.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use testkit::Seed;

use crate::fold::{Circuit, CircuitFiles, FoldingKey, ReadyCircuit, StoredError, check_stored};

/// Files in memory.
#[derive(Default)]
pub(super) struct Memory {
    files: Mutex<BTreeMap<&'static str, Vec<u8>>>,
    saved: Mutex<Vec<Circuit>>,
    unused: Mutex<Vec<(Circuit, StoredError)>>,
}

impl CircuitFiles for Memory {
    fn load(&self, circuit: Circuit) -> Option<Vec<u8>> {
        self.files.lock().expect("not poisoned").get(circuit.name()).cloned()
    }

    fn save(&self, circuit: Circuit, bytes: &[u8]) {
        self.saved.lock().expect("not poisoned").push(circuit);
        self.files.lock().expect("not poisoned").insert(circuit.name(), bytes.to_vec());
    }

    fn unused(&self, circuit: Circuit, error: &StoredError) {
        self.unused.lock().expect("not poisoned").push((circuit, error.clone()));
    }
}

impl Memory {
    fn ready(&self) -> (FoldingKey, Vec<ReadyCircuit>) {
        let mut told = Vec::new();
        let key = FoldingKey::ready(self, &mut |one| told.push(one)).expect("the circuits have keys");
        (key, told)
    }

    fn bytes(&self, circuit: Circuit) -> Vec<u8> {
        self.load(circuit).expect("it was kept")
    }
}

/// The circuits as they are made, and the files that they leave.
pub(super) static MADE: LazyLock<(FoldingKey, Memory)> = LazyLock::new(|| {
    let files = Memory::default();
    let (key, told) = files.ready();
    assert_eq!(
        told.iter().map(|one| (one.circuit, one.is_from_file)).collect::<Vec<_>>(),
        Circuit::ALL.map(|one| (one, false))
    );
    assert_eq!(*files.saved.lock().expect("not poisoned"), Circuit::ALL);
    (key, files)
});

/// The circuits as they are read from those files.
pub(super) fn read() -> FoldingKey {
    let (_, files) = &*MADE;
    let (key, told) = files.ready();
    assert!(told.iter().all(|one| one.is_from_file), "{told:?}");
    assert_eq!(*files.unused.lock().expect("not poisoned"), []);
    assert_eq!(files.saved.lock().expect("not poisoned").len(), Circuit::ALL.len(), "nothing was made again");
    key
}

#[test]
fn what_is_missing_or_rotten_is_made_again_and_the_rest_is_read() {
    let (made, whole) = &*MADE;
    let files = Memory::default();
    for circuit in [Circuit::Application, Circuit::Internal] {
        files.files.lock().expect("not poisoned").insert(circuit.name(), whole.bytes(circuit));
    }
    files.files.lock().expect("not poisoned").entry("internal").and_modify(|bytes| bytes.truncate(1_000));
    let (key, told) = files.ready();
    assert_eq!(told.iter().map(|one| one.is_from_file).collect::<Vec<_>>(), [true, false, false]);
    let unused = files.unused.lock().expect("not poisoned").clone();
    assert!(matches!(unused[..], [(Circuit::Internal, StoredError::Decode(_))]), "{unused:?}");
    assert_eq!(key.verifying().pins(), made.verifying().pins());
    assert_eq!(key.lift_pins(), made.lift_pins());
    for circuit in Circuit::ALL {
        assert!(files.bytes(circuit) == whole.bytes(circuit), "{circuit:?} is made bit for bit the same");
    }
}

#[test]
fn bytes_that_are_not_of_the_pinned_circuit_are_named() {
    let mut seed = Seed::new();
    let (_, files) = &*MADE;
    let [application, leaf] = [Circuit::Application, Circuit::Leaf].map(|circuit| files.bytes(circuit));
    assert_eq!(check_stored(Circuit::Application, &application), Ok(()));
    assert!(matches!(check_stored(Circuit::Leaf, &application), Err(StoredError::Key { .. })));
    assert_eq!(check_stored(Circuit::Leaf, b""), Err(StoredError::Version));
    let other_version = [&[2], &leaf[1..]].concat();
    assert_eq!(check_stored(Circuit::Leaf, &other_version), Err(StoredError::Version));
    // The keys are within the first bytes, and none of them can be altered: not even the names of tables matter to a proof, so
    // those may.
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..12 {
        let mut altered = leaf.clone();
        altered[1 + seed.index(90_000)] ^= 1 << seed.below(8);
        match check_stored(Circuit::Leaf, &altered) {
            Err(StoredError::Key { .. } | StoredError::Decode(_) | StoredError::Length(_)) => refused += 1,
            Ok(()) => taken += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused >= 10 && taken <= 2, "{refused} refused, {taken} taken");
    // Lengths and the root lie at the end.
    for _ in 0..4 {
        let cut = &leaf[..seed.index(leaf.len())];
        assert!(matches!(check_stored(Circuit::Leaf, cut), Err(StoredError::Decode(_) | StoredError::Version)));
    }
    let (root, rows) = (leaf.len() - 6, leaf.len() - 1);
    for (at, is_named) in [(rows, "codeword"), (root, "root")] {
        let mut altered = leaf.clone();
        altered[at] ^= 1;
        let refused = check_stored(Circuit::Leaf, &altered);
        assert!(
            matches!(refused, Err(StoredError::Length(_) | StoredError::Commitment { .. } | StoredError::Decode(_))),
            "{is_named}"
        );
    }
}

#[test]
fn the_pinned_lift_circuit_is_made_again_bit_for_bit() {
    assert_eq!(MADE.0.lift_pins(), include_str!("../../../../fixtures/fold_lift.txt"));
}
