//! Ids for files and types.

use crate::arguments::{Operands, Verb};
use crate::failure::print;

pub(crate) const VERB: Verb = Verb {
    name: "id",
    about: "Print a new random id for a schema file or a type.",
    more: "",
    flags: &[],
    operands: Operands {
        names: &[],
        required: 0,
        repeated: false,
    },
    run: |_, host| print(host, format!("{}\n", from_random(host.random())).as_bytes()),
};

/// An id as it is written in a schema (before the `;` of a file's), with the highest bit set as ids must have it.
pub(crate) fn from_random(random: u64) -> String {
    format!("@{:#018x}", random | 1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_sixteen_digits_and_the_highest_bit() {
        for (random, expected) in [
            (0, "@0x8000000000000000"),
            (0x0123_4567_89ab_cdef, "@0x8123456789abcdef"),
            (u64::MAX, "@0xffffffffffffffff"),
        ] {
            assert_eq!(from_random(random), expected);
        }
    }
}
