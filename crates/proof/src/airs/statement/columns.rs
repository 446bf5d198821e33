//! The columns and the public values of the statement table.

use crate::airs::cells::columns;

columns! {
    /// One row.
    pub struct StatementColumns {
        /// 1 in the first row and 0 in every other, whatever the height of the table.
        pub real: T,
        /// Index of the state after the last operation: operations + 1.
        pub index_after: T,
        /// How many seals look the limits up.
        pub limits_lookups: T,
    }
}

columns! {
    /// A point of the chain within the public values.
    pub struct PointValues {
        /// The last sealed height, 16-bit limbs.
        pub height: [T; 4],
        /// The ledger root.
        pub root: [T; 8],
        /// The running operations digest.
        pub ops_digest: [T; 8],
        /// The sum of all balances, 16-bit limbs.
        pub supply: [T; 4],
        /// The next free slot.
        pub next_slot: T,
    }
}

columns! {
    /// The public values, in order. No rule needs genesis hash and payout address: they are bound because the
    /// transcript observes every public value.
    pub struct StatementValues {
        /// The genesis hash, 16-bit limbs.
        pub genesis: [T; 16],
        /// Before the window: [`PointValues`].
        pub before: [T; 25],
        /// After the window: [`PointValues`].
        pub after: [T; 25],
        /// Most new money in a block, 16-bit limbs.
        pub issuance_max: [T; 4],
        /// All the money there may ever be, 16-bit limbs.
        pub supply_cap: [T; 4],
        /// The prover's address, 30-bit limbs.
        pub payout: [T; 8],
    }
}
