//! The columns of the supply table.

use crate::airs::cells::columns;

columns! {
    /// One seal or burn, or padding. All numbers are four limbs of 16 bits; a carry array holds the carries out of
    /// the three lower limbs.
    pub struct SupplyColumns {
        /// 1 unless the row is padding.
        pub real: T,
        /// 1 for a seal; a real row that is none is a burn.
        pub seal: T,
        /// The last sealed height.
        pub height: [T; 4],
        /// The height that the seal names.
        pub height_after: [T; 4],
        /// Carries of height + 1.
        pub height_carry: [T; 3],
        /// What is issued or burned.
        pub amount: [T; 4],
        /// The supply before.
        pub supply: [T; 4],
        /// The supply after.
        pub supply_after: [T; 4],
        /// Carries of supply + amount, or of supply after + amount.
        pub supply_carry: [T; 3],
        /// How far a seal stays below the issuance bound.
        pub issuance_slack: [T; 4],
        /// Carries of amount + slack.
        pub issuance_carry: [T; 3],
        /// How far a seal stays below the supply cap.
        pub cap_slack: [T; 4],
        /// Carries of supply after + slack.
        pub cap_carry: [T; 3],
    }
}
