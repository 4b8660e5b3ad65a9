//! A hash for numbers that were given one after the other: nobody outside can choose them so that they collide.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by such numbers.
pub(crate) type Numbered<K, V> = HashMap<K, V, BuildHasherDefault<ByNumber>>;

/// Rotates, mixes in, multiplies: a few cycles a word.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ByNumber(u64);

/// An odd number whose bits look random: the golden ratio's.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl ByNumber {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for ByNumber {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<4>();
        words.iter().for_each(|word| self.mix(u32::from_le_bytes(*word).into()));
        rest.iter().for_each(|byte| self.mix((*byte).into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    /// The upper bits are the mixed ones; maps look at the lower.
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn neighbours_are_far_apart() {
        let hasher = BuildHasherDefault::<ByNumber>::default();
        for bits in [0x3FFF_u64, 0x7F << 57] {
            let seen: HashSet<u64> = (0..4096_u32).map(|n| hasher.hash_one([n / 64, n % 64, 0, 7, 1]) & bits).collect();
            let expected = if bits == 0x3FFF { 3000 } else { 100 };
            assert!(seen.len() > expected, "{} of {bits:x}", seen.len());
        }
    }
}
