//! The columns of the range table.

use crate::airs::cells::columns;

columns! {
    /// One 16-bit value.
    pub struct RangeColumns {
        /// The value, which is the number of the row.
        pub value: T,
        /// How often it is looked up.
        pub lookups: T,
    }
}
