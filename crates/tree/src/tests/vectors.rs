//! Committed vectors: what is hashed never changes by accident. A change here changes the format of the chain.

use primitives::{Address, Hash, LedgerDigest, LedgerOp};

use super::{account, amount, bounds, seal, slot};
use crate::hash::{node_digest, row_digest, slot_digest};
use crate::ops_digest::{absorb, start};
use crate::{LedgerTree, MemoryNodes, StateTree};

#[test]
fn the_hash_modes_are_pinned() {
    let counting: [u32; 16] = std::array::from_fn(|position| u32::try_from(position).expect("small"));
    let zeros = row_digest(&[0; 16]);
    let found: [LedgerDigest; 4] = [
        zeros,
        row_digest(&counting),
        slot_digest(&account(7, 2, 3_000_000)),
        node_digest(&zeros, &row_digest(&counting)),
    ];
    assert_eq!(
        found.map(|digest| digest.to_string()),
        [
            "67afb7618e1db41dd3e71d089b953a0948477e215ea660005bae5e2ec3aa410e",
            "507ae4219fd7870f02a28b6a7568962d3fab5e1485c0922095cf523d41825172",
            "5a59eb5f6a2b2f31e95cb64b8db1bf02f5f84802752ffc5dbcfdb6592d6ede16",
            "6971a83f1f9d0258f2aa1e5fde5849693840c1264f37eb1aed9f69715793e50a"
        ]
    );
}

#[test]
fn ledger_roots_are_pinned() {
    let empty = LedgerTree::new(vec![]).expect("empty");
    let mut tree = LedgerTree::new(vec![account(1, 0, 0), account(2, 0, 0), account(3, 0, 1_000)]).expect("small");
    let first = tree.root();
    let ops = [LedgerOp::Transfer { from: slot(2), to: slot(0), amount: amount(1) }, seal(1, 5)];
    let update = tree.apply(&bounds(1), &ops).expect("good");
    tree.commit(update);
    let found = [empty.root(), first, tree.root()].map(|root| root.to_string());
    assert_eq!(
        found,
        [
            "e8fd614513fe140f1262223242dc1571711bb246d38b7112bc0eb36b13003805",
            "4d4896597b19955d459f1e33bcd29905cdd25e3e5f0dc365f33b3a7735ce373a",
            "e0bee632bcb3b14325fed151b77c7e5532f6ca651cea446cdf4ecd5b1aa26747"
        ]
    );
}

#[test]
fn the_running_digest_is_pinned() {
    let mut digest = start(&Hash(std::array::from_fn(|byte| u8::try_from(byte).expect("small"))));
    let mut found = vec![digest.to_string()];
    let ops = [
        LedgerOp::Open { slot: slot(2), address: Address([7; 30]) },
        LedgerOp::Charge { slot: slot(2), fee: amount(1 << 20) },
        LedgerOp::Transfer { from: slot(2), to: slot(1), amount: amount(3) },
        LedgerOp::Burn { slot: slot(0), amount: amount(4) },
        seal(1 << 40, 6),
    ];
    for op in ops {
        digest = absorb(digest, &[op]);
        found.push(digest.to_string());
    }
    assert_eq!(
        found,
        [
            "ebd7a5145c9742208fe23a26d2c6ca20d548b9272064be77d85684042be0ac30",
            "0e65493daa51af52ce12230957e6a913f946f120fc7fc90896955f390df6d60b",
            "f0c581084df260622e3a653e555498513e7e0f186d92147064e61e1c0be79e42",
            "13741e228345e424c31d853377c8177576d07d34442a9b5f7561e40086dd6062",
            "4a05e717be407c6e00dec03b373ae96905d258502a15600e33897c269a542601",
            "16658625710de8648be25e30071be01c896a5738b5300163a5dff05ab1746a57"
        ]
    );
}

#[test]
fn state_roots_are_pinned() {
    let write = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    let mut nodes = MemoryNodes::default();
    let mut found = vec![StateTree::empty_root().to_string()];
    let heights = [vec![], vec![write("a", "1")], vec![write("b", "2"), write("c", "3")]];
    for (version, writes) in (0..).zip(heights) {
        let update = StateTree::update(&nodes, version, &writes).expect("good nodes");
        nodes.apply(&update);
        found.push(update.root.to_string());
    }
    assert_eq!(
        found,
        [
            "5350415253455f4d45524b4c455f504c414345484f4c4445525f484153485f5f",
            "5350415253455f4d45524b4c455f504c414345484f4c4445525f484153485f5f",
            "64bde952d8e89349c02c38bc9ab1e96f59b9c9c28b19e7bae99a7cedf33430be",
            "27f098fdfa5455c8f478855c02d6e829d104da706d10d5e8db5e98692094caab"
        ]
    );
    let proof = StateTree::prove(&nodes, 2, b"b").expect("good nodes");
    assert_eq!(
        hex::encode(blake3::hash(&proof.to_bytes()).as_bytes()),
        "2eeb4194f1bdf60ad34f67c411b7fa965ca59d715c171412ae75f04c8edb9944"
    );
}
