//! The files of circuits in a node's status.

use node::proofs::circuits::cached;

#[test]
fn files_that_are_being_written_do_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(cached(folder.path()), (Vec::new(), 0));
    let circuits = folder.path().join("circuits");
    std::fs::create_dir_all(circuits.join("folder")).expect("it is ours");
    for (name, length) in [("leaf", 5), ("application", 7), ("internal.part", 100)] {
        std::fs::write(circuits.join(name), vec![0; length]).expect("it is ours");
    }
    assert_eq!(cached(folder.path()), (vec!["application".to_owned(), "leaf".to_owned()], 12));
}
