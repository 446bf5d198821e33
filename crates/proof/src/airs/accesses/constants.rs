//! Constants of the accesses table.

/// Weight of the second limb of an elapsed time. Two 16-bit limbs with weights 1 and 2^14 reach every number below
/// 2^30 and none at or above 2^30 + 2^16, which is below the modulus: a time that does not increase is out of reach.
pub const ELAPSED_WEIGHT: u32 = 1 << 14;
