//! Where all randomness comes from: one `ChaCha8` stream per purpose, so that no draw depends on the
//! order in which others are made.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The 256-bit key of the stream for `purpose` and `place` (such as epoch and row) under `seed`.
#[must_use]
pub fn key(seed: u64, purpose: &str, place: &[u64]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("adepts 1 random stream");
    hash.update(&seed.to_le_bytes());
    hash.update(&(purpose.len() as u64).to_le_bytes());
    hash.update(purpose.as_bytes());
    for part in place {
        hash.update(&part.to_le_bytes());
    }
    *hash.finalize().as_bytes()
}

/// The random stream for `purpose` and `place` under `seed`.
#[must_use]
pub fn stream(seed: u64, purpose: &str, place: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(key(seed, purpose, place))
}
