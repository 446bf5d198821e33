//! The columns of the boundary table.

use crate::airs::cells::columns;

columns! {
    /// One touched slot, or padding.
    pub struct BoundaryColumns {
        /// 1 unless the row is padding.
        pub real: T,
        /// 1 when the slot was opened in this window, so it was empty before.
        pub opened: T,
        /// The slot.
        pub slot: T,
        /// Whose account it is, 30-bit limbs.
        pub address: [T; 8],
        /// The nonce before the window.
        pub nonce: [T; 4],
        /// The balance before the window.
        pub balance: [T; 4],
        /// The nonce after the window.
        pub nonce_after: [T; 4],
        /// The balance after the window.
        pub balance_after: [T; 4],
        /// When it was last changed.
        pub last_time: T,
        /// The sponge's capacity after the address.
        pub capacity: [T; 8],
        /// The leaf before the window: eight zeros when it was empty.
        pub old: [T; 8],
        /// The leaf after the window.
        pub new: [T; 8],
    }
}
