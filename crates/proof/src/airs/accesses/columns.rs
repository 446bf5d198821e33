//! The columns of the accesses table.

use crate::airs::cells::columns;

columns! {
    /// One debit or credit of an account, or padding.
    pub struct AccessColumns {
        /// 1 unless the row is padding.
        pub real: T,
        /// The account's slot.
        pub slot: T,
        /// When: 2 · index of the operation, plus 1 for its credit.
        pub time: T,
        /// When the account was last changed; 0 when it was not in this window.
        pub previous_time: T,
        /// The lower 16 bits of time − previous time − 1, and the rest in units of 2^14.
        pub elapsed: [T; 2],
        /// 1 for a credit, 0 for a debit.
        pub credit: T,
        /// 1 when one is added to the nonce.
        pub charge: T,
        /// How much.
        pub amount: [T; 4],
        /// The nonce before.
        pub nonce: [T; 4],
        /// The nonce after.
        pub nonce_after: [T; 4],
        /// Carries of the nonce.
        pub nonce_carry: [T; 3],
        /// The balance before.
        pub balance: [T; 4],
        /// The balance after.
        pub balance_after: [T; 4],
        /// Carries of balance + amount, or of balance after + amount.
        pub balance_carry: [T; 3],
    }
}
