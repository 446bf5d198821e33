//! Who proposes: a weighted sample without replacement, seeded by the beacon.
//!
//! Rounds 0 … n−1 of a height try every validator once, in an order drawn with probability
//! proportional to power; round n starts the same order again. Pure, integer, and total for any set
//! with positive power. Consensus, light clients and the simulator all call this one function.

use std::io::Read as _;

use crate::hash::{Domain, Hash, hash_stream};
use crate::ids::{Height, Round};
use crate::validator::{Validator, ValidatorSet};

/// The proposer of `round` at `height`, where `beacon` is the beacon of the block before `height`.
///
/// Each draw takes 128 bits modulo the remaining power (below 2^60), so its bias is below 2^-68.
pub fn proposer<'a>(set: &'a ValidatorSet, beacon: &Hash, height: Height, round: Round) -> &'a Validator {
    let mut stream = hash_stream(Domain::Proposer, &[beacon.as_bytes(), &height.0.to_le_bytes()]);
    let mut remaining: Vec<&Validator> = set.validators().iter().collect();
    let turns = usize::try_from(round.0).unwrap_or(usize::MAX) % remaining.len();
    for _ in 0..turns {
        let index = draw(&remaining, &mut stream);
        remaining.remove(index);
    }
    remaining[draw(&remaining, &mut stream)]
}

fn draw(remaining: &[&Validator], stream: &mut blake3::OutputReader) -> usize {
    let total: u128 = remaining.iter().map(|validator| u128::from(validator.power)).sum();
    let mut bytes = [0_u8; 16];
    stream.read_exact(&mut bytes).expect("the output of BLAKE3 does not end");
    let mut point = u128::from_le_bytes(bytes) % total;
    for (index, validator) in remaining.iter().enumerate() {
        let power = u128::from(validator.power);
        if point < power {
            return index;
        }
        point -= power;
    }
    remaining.len() - 1
}
