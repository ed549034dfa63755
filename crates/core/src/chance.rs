//! Randomness as a value, so that a test can fix it; the only file that asks the system for it.

use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of random bytes: the operating system's, or a seeded one for tests.
#[derive(Clone)]
pub struct Chance(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<ChaCha20Rng>>),
}

impl Chance {
    /// The operating system's generator, fit for keys and tokens.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A repeatable generator. Everything it makes can be guessed: for tests and simulations only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))))
    }

    /// Fills the buffer.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn fill(&self, buffer: &mut [u8]) {
        match &self.0 {
            Source::System => {
                getrandom::fill(buffer).expect("the operating system always has random bytes");
            }
            Source::Seeded(rng) => {
                rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
            }
        }
    }

    /// Returns an array of random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Returns a whole number below `bound`, or 0 when `bound` is 0.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes()).checked_rem(bound).unwrap_or(0)
    }

    /// Returns `N` random bytes as lower-case hex digits.
    #[must_use]
    pub fn hex<const N: usize>(&self) -> String {
        hex::encode(self.bytes::<N>())
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Chance(system)",
            Source::Seeded(_) => "Chance(seeded)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        assert_eq!(Chance::seeded(7).hex::<16>(), Chance::seeded(7).hex::<16>());
        assert_ne!(Chance::seeded(7).hex::<16>(), Chance::seeded(8).hex::<16>());
        assert_ne!(Chance::system().hex::<16>(), Chance::system().hex::<16>());
    }

    #[test]
    fn below_stays_below() {
        let chance = Chance::seeded(1);
        assert!((0..1000).all(|_| chance.below(3) < 3));
        assert_eq!(chance.below(0), 0);
    }
}
