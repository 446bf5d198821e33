//! The columns of the poseidon2 table that follow those of the permutation.

use crate::airs::cells::columns;

columns! {
    /// How often the permutation of this row is looked up.
    pub struct LookupColumns {
        /// For the upper half of its result.
        pub absorb_lookups: T,
        /// For the lower half of its result.
        pub compress_lookups: T,
    }
}
