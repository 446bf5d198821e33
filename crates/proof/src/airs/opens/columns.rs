//! The columns of the opens table.

use crate::airs::cells::columns;

columns! {
    /// One opened slot, or padding.
    pub struct OpenColumns {
        /// 1 unless the row is padding.
        pub real: T,
        /// The opened slot.
        pub slot: T,
        /// The lower 16 bits of each limb of the address.
        pub low: [T; 8],
        /// The upper 14 bits of each limb of the address.
        pub high: [T; 8],
    }
}
