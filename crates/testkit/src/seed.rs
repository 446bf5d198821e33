//! Repeatable random values for tests.
//!
//! The generator is SplitMix64: one 64-bit state, a fixed odd step, a mixing function. It is not
//! for secrets. Its stream for a given seed never changes, because kept failing seeds rely on it;
//! `tests.rs` pins the first values.

use std::env;

/// The environment variable that fixes the seed of every [`Seed::new`]: decimal, or hexadecimal with `0x`.
pub const SEED_VARIABLE: &str = "TB_TEST_SEED";

/// The step of SplitMix64: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A random generator that can be made again from one printed number.
#[derive(Debug, Clone)]
pub struct Seed {
    value: u64,
    state: u64,
}

impl Seed {
    /// Takes the seed from [`SEED_VARIABLE`], else from the operating system, and prints it to
    /// standard error (the test harness shows that for a failing test).
    ///
    /// # Panics
    /// When the variable is set to something that is not a number, or the system has no randomness.
    // A constructor that reads the environment and prints must not look like an empty default.
    #[expect(clippy::new_without_default, reason = "two calls give two seeds")]
    pub fn new() -> Self {
        let value = match env::var(SEED_VARIABLE) {
            Ok(text) => parse(&text).expect("TB_TEST_SEED is a decimal or 0x-prefixed 64-bit number"),
            Err(_) => getrandom::u64().expect("the operating system offers randomness"),
        };
        eprintln!("repeat this test with {SEED_VARIABLE}={value:#018x}");
        Self::of(value)
    }

    /// The generator of a known seed, for example one that once failed. Prints nothing.
    pub fn of(value: u64) -> Self {
        Self { value, state: value }
    }

    /// The number this generator was made from.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The next 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0. The bias is at most `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below 0");
        let product = u128::from(self.u64()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of a 128-bit product has 64 bits")
    }

    /// An index or length below `bound`, which must not be 0.
    pub fn index(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a length fits in 64 bits");
        usize::try_from(self.below(bound)).expect("it is below a length")
    }

    /// True in `percent` of 100 calls on average.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// `length` random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }

    /// A random array, for keys and hashes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Overwrites `bytes` with random ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            let random = self.u64().to_le_bytes();
            piece.copy_from_slice(&random[..piece.len()]);
        }
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        assert!(!items.is_empty(), "there is nothing to pick from");
        &items[self.index(items.len())]
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// A number that leans to where mistakes live: 0, 1, the maximum, and 2^k with its neighbours. One in
    /// four is a random number of random length.
    pub fn edge_u64(&mut self) -> u64 {
        let power = 1_u64 << self.below(64);
        match self.below(8) {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => power - 1,
            4 => power,
            5 => power.saturating_add(1),
            _ => self.u64() >> self.below(64),
        }
    }
}

/// Reads a seed: decimal, or hexadecimal with `0x`.
pub(crate) fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
