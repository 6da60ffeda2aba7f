//! The file that every transfer moves; `cpp/peer.cpp` makes the same one.

/// Pieces of this size are streamed.
pub const CHUNK_BYTES: usize = 64 << 10;

/// How much every transfer moves: many windows of any library's default.
pub const FILE_BYTES: u64 = 16 << 20;

/// The byte at a position of the test file; `peer.cpp` has the same rule.
pub fn pattern_byte(position: u64) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 16) as u8
}

/// The pieces of the test file's first `bytes` bytes.
pub fn pattern_chunks(bytes: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes).step_by(CHUNK_BYTES).map(move |start| {
        let end = bytes.min(start + CHUNK_BYTES as u64);
        (start..end).map(pattern_byte).collect()
    })
}

/// Where the first byte is that is not the test file's, if `chunk` starts at `start` in it.
pub fn first_difference(start: u64, chunk: &[u8]) -> Option<u64> {
    (start..)
        .zip(chunk)
        .find(|(position, byte)| pattern_byte(*position) != **byte)
        .map(|(position, _)| position)
}
