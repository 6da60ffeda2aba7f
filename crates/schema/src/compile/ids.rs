//! The ids of nodes that declare none: MD5 over the parent's id and what tells the child apart.

use md5::{Digest, Md5};

/// The id of a declaration called `name` in the scope `parent`.
pub(crate) fn child_id(parent: u64, name: &str) -> u64 {
    derive(parent, name.as_bytes())
}

/// The id of the group (or named union) that is the `index`th field of `parent`.
pub(super) fn group_id(parent: u64, index: u16) -> u64 {
    derive(parent, &index.to_le_bytes())
}

/// The id of the struct that a method's parameter or result list stands for.
pub(super) fn method_struct_id(interface: u64, ordinal: u16, is_results: bool) -> u64 {
    let [low, high] = ordinal.to_le_bytes();
    derive(interface, &[low, high, u8::from(is_results)])
}

fn derive(parent: u64, rest: &[u8]) -> u64 {
    let mut hasher = Md5::new();
    hasher.update(parent.to_le_bytes());
    hasher.update(rest);
    let digest = hasher.finalize();
    let id = digest
        .iter()
        .take(8)
        .fold(0u64, |id, byte| id << 8 | u64::from(*byte));
    id | 1 << 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_published_ids() {
        // rpc.capnp: Message, and the group Call.sendResultsTo (the sixth field by number).
        assert_eq!(
            child_id(0xb312_981b_2552_a250, "Message"),
            0x91b7_9f1f_808d_b032
        );
        assert_eq!(group_id(0x836a_53ce_789d_4cd4, 5), 0xdae8_b0f6_1aab_5f99);
    }
}
