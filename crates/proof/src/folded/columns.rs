//! The columns and the public values of the fold table.

use crate::airs::cells::columns;
use crate::airs::statement::StatementValues;

/// Public values of a window, which are the first ones of a fold.
pub const STATEMENT_VALUES: usize = StatementValues::<u8>::WIDTH;
/// Public values of a fold.
pub const FOLD_VALUES: usize = FoldValues::<u8>::WIDTH;

columns! {
    /// The public values of a fold and of a lifted window, in order. Those before `later` are [`StatementValues`], at
    /// the same places.
    pub struct FoldValues {
        /// The genesis hash.
        pub genesis: [T; 16],
        /// Before the first window.
        pub before: [T; 25],
        /// After the last window.
        pub after: [T; 25],
        /// Most new money in a block.
        pub issuance_max: [T; 4],
        /// All the money there may ever be.
        pub supply_cap: [T; 4],
        /// The payout address of the last window.
        pub payout: [T; 8],
        /// 0: the children are lifted windows. 1: they are folds.
        pub later: T,
        /// The pre-hash of the key under which folds are proven; checked by whoever reads them.
        pub own_key: [T; 8],
        /// The commitment to that key's constraints.
        pub own_constraints: [T; 8],
    }
}

columns! {
    /// One row per child. After the first three cells stand the child's public values, in order; those after the
    /// statement are not read of a window.
    pub struct FoldColumns {
        /// The child's number, from 0.
        pub child: T,
        /// 1 for a child, 0 for padding.
        pub real: T,
        /// 1 for the last child.
        pub last: T,
        /// Of the child.
        pub genesis: [T; 16],
        /// Of the child.
        pub before: [T; 25],
        /// Of the child.
        pub after: [T; 25],
        /// Of the child.
        pub issuance_max: [T; 4],
        /// Of the child.
        pub supply_cap: [T; 4],
        /// Of the child.
        pub payout: [T; 8],
        /// Of the child.
        pub later: T,
        /// Of the child.
        pub own_key: [T; 8],
        /// Of the child.
        pub own_constraints: [T; 8],
    }
}

/// Cells before the child's public values.
pub const FOLD_CELLS: usize = FoldColumns::<u8>::WIDTH - FOLD_VALUES;
