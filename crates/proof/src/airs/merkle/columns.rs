//! The columns of the merkle table.

use crate::airs::cells::columns;

columns! {
    /// One inner node of the ledger tree above a touched slot, or padding.
    pub struct MerkleColumns {
        /// 1 unless the row is padding.
        pub real: T,
        /// Level of the node: 1 above the leaves, 30 for the root.
        pub level: T,
        /// Place within the level.
        pub index: T,
        /// 1 when the left child is itself a row.
        pub left_touched: T,
        /// 1 when the right child is itself a row.
        pub right_touched: T,
        /// The left child before.
        pub left_old: [T; 8],
        /// The left child after.
        pub left_new: [T; 8],
        /// The right child before.
        pub right_old: [T; 8],
        /// The right child after.
        pub right_new: [T; 8],
        /// The node before.
        pub old: [T; 8],
        /// The node after.
        pub new: [T; 8],
    }
}
