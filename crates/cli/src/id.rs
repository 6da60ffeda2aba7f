//! Ids for files and types.

use std::hash::{BuildHasher, RandomState};

/// A new id as it is written in a schema (before the `;` of a file's), with the highest bit set as ids must have it.
pub(crate) fn generate() -> String {
    // The standard library keys its hashers from the system's random numbers: enough here, where
    // ids need to differ, not to be secret.
    let random = RandomState::new().hash_one(std::process::id());
    format!("@{:#018x}", random | 1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_valid_and_differ() {
        let ids: std::collections::BTreeSet<String> = (0..100).map(|_| generate()).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            assert_eq!(id.len(), "@0x0123456789abcdef".len(), "{id}");
            assert!(
                "89abcdef".contains(id.chars().nth(3).unwrap_or(' ')),
                "{id}"
            );
        }
    }
}
