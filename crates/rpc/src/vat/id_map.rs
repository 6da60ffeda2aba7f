//! Maps whose keys are ids, many of them chosen by the peer.
//!
//! Of a 32-bit number times a secret odd one, any bits from the 32nd up make a hash under which two keys collide about as
//! seldom as under a random function (multiply-shift, Dietzfelbinger et al. 1997): a peer cannot choose ids that
//! meet. It costs a fraction of what the standard library's hash of strings does, in time and in what browsers load.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

pub(super) type IdMap<K, V> = HashMap<K, V, Multiply>;

#[derive(Clone, Debug)]
pub(super) struct Multiply {
    secret: u64,
}

impl Default for Multiply {
    fn default() -> Self {
        Self {
            secret: secret() | 1,
        }
    }
}

impl BuildHasher for Multiply {
    type Hasher = Product;

    fn build_hasher(&self) -> Product {
        Product {
            secret: self.secret,
            hash: 0,
        }
    }
}

pub(super) struct Product {
    secret: u64,
    hash: u64,
}

impl Hasher for Product {
    fn write_u32(&mut self, id: u32) {
        // The map looks at the low bits first.
        self.hash = u64::from(id).wrapping_mul(self.secret).rotate_right(32);
    }

    /// Ids do not come this way.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(self.secret);
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn secret() -> u64 {
    std::hash::RandomState::new().hash_one(0)
}

/// WebAssembly has no secrets without asking the platform, and a page is at the mercy of its server anyway.
#[cfg(target_arch = "wasm32")]
fn secret() -> u64 {
    0x9E37_79B9_7F4A_7C15
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vat::CapId;

    #[test]
    fn ids_in_a_row_and_ids_far_apart_spread_over_the_places() {
        let hasher = Multiply {
            secret: 0x9E37_79B9_7F4A_7C15,
        };
        for step in [1, 64, 1 << 16, 1 << 24] {
            let mut places: Vec<u64> = (0..256_u32)
                .map(|n| hasher.hash_one(CapId(n.wrapping_mul(step))) % 256)
                .collect();
            places.sort_unstable();
            let most = places.chunk_by(|a, b| a == b).map(<[u64]>::len).max();
            let most = most.unwrap_or(0);
            assert!(most <= 32, "{most} of 256 ids in steps of {step} meet");
        }
    }

    #[test]
    fn no_two_connections_hash_alike() {
        let hash = || Multiply::default().hash_one(CapId(7));
        assert_ne!(hash(), hash());
    }
}
