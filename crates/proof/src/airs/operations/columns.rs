//! The columns of the operations table.

use crate::airs::cells::columns;

columns! {
    /// One ledger operation, or padding when all five kinds are 0.
    pub struct OperationColumns {
        /// 1 for `open`.
        pub open: T,
        /// 1 for `charge`.
        pub charge: T,
        /// 1 for `transfer`.
        pub transfer: T,
        /// 1 for `burn`.
        pub burn: T,
        /// 1 for `seal`.
        pub seal: T,
        /// The slot, or the debited one; 0 for a seal.
        pub slot: T,
        /// A transfer's credited slot; 0 for every other kind.
        pub second_slot: T,
        /// The address; or amount (4 limbs) and zeros; or issuance and height (4 limbs each).
        pub payload: [T; 8],
        /// Counts the operations of the window from 1.
        pub index: T,
        /// The next free slot before the operation.
        pub next_slot: T,
        /// 1 when the operation before was a seal, or there is none.
        pub sealed: T,
        /// The last sealed height before the operation.
        pub height: [T; 4],
        /// The supply before the operation.
        pub supply: [T; 4],
        /// The supply after it; used for `seal` and `burn` only.
        pub supply_after: [T; 4],
        /// The running digest before the operation.
        pub digest: [T; 8],
        /// The running digest after it.
        pub digest_after: [T; 8],
        /// The sponge's capacity after the first half of the operation's row.
        pub capacity: [T; 8],
        /// The leaf hash of the operation's row.
        pub row_digest: [T; 8],
    }
}
