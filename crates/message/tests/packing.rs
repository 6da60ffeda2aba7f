//! The packed encoding, bytes only: what it looks like, and that no cut of input or output matters.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use capstan_message::ErrorKind;
use capstan_message::packed::{Packer, Unpacker, max_packed_bytes, pack, unpack};
use proptest::prelude::*;

/// Both directions.
fn assert_packs(words: &[u8], packed: &[u8]) {
    assert_eq!(pack(words).unwrap(), packed);
    assert_eq!(unpack(packed, words.len()).unwrap(), words);
}

/// The examples in the specification of the encoding, and one of each rule.
#[test]
fn encoding() {
    assert_packs(&[], &[]);
    assert_packs(
        &[8, 0, 0, 0, 3, 0, 2, 0, 0x19, 0, 0, 0, 0xaa, 1, 0, 0],
        &[0x51, 8, 3, 2, 0x31, 0x19, 0xaa, 1],
    );
    assert_packs(&[0; 32], &[0, 3]);
    let mut packed = vec![0xff];
    packed.extend([0x8a; 8]);
    packed.push(3);
    packed.extend([0x8a; 24]);
    assert_packs(&[0x8a; 32], &packed);

    assert_packs(&[0; 8], &[0, 0]);
    assert_packs(&[0, 0, 12, 0, 0, 34, 0, 0], &[0x24, 12, 34]);
    assert_packs(
        &[1, 3, 2, 4, 5, 7, 6, 8],
        &[0xff, 1, 3, 2, 4, 5, 7, 6, 8, 0],
    );
}

/// A word with one zero byte does not end a run of literals, but one with two does; a word with
/// one zero byte begins none.
#[test]
fn literal_runs_end_where_packing_pays() {
    let full = [1, 2, 3, 4, 5, 6, 7, 8];
    let one_zero = [1, 2, 3, 4, 0, 6, 7, 8];
    let two_zeros = [0, 2, 3, 4, 0, 6, 7, 8];
    let words = [full, one_zero, two_zeros, one_zero].concat();
    let mut packed = vec![0xff];
    packed.extend(full);
    packed.push(1);
    packed.extend(one_zero);
    packed.extend([0xee, 2, 3, 4, 6, 7, 8]);
    packed.extend([0xef, 1, 2, 3, 4, 6, 7, 8]);
    assert_packs(&words, &packed);
}

#[test]
fn runs_have_at_most_256_words() {
    for (words, counts) in [
        (256, vec![255]),
        (257, vec![255, 0]),
        (600, vec![255, 255, 87]),
    ] {
        let packed: Vec<u8> = counts.iter().flat_map(|count| [0, *count]).collect();
        assert_packs(&vec![0; 8 * words], &packed);
        let packed: Vec<u8> = counts
            .iter()
            .flat_map(|count| {
                let mut run = vec![0xff];
                run.extend([7; 8]);
                run.push(*count);
                run.resize(run.len() + 8 * usize::from(*count), 7);
                run
            })
            .collect();
        assert_packs(&vec![7; 8 * words], &packed);
    }
}

#[test]
fn the_worst_case_is_known() {
    for words in 0..600 {
        let bytes: Vec<u8> = (0..words)
            .flat_map(|word| {
                [if word % 2 == 0 {
                    [9; 8]
                } else {
                    [0, 9, 9, 9, 9, 9, 9, 0]
                }]
            })
            .flatten()
            .collect();
        for data in [bytes, vec![0; 8 * words], vec![1; 8 * words]] {
            assert!(
                pack(&data).unwrap().len() <= max_packed_bytes(data.len()),
                "{words}"
            );
        }
    }
}

/// Words of the kinds that the encoding tells apart, in runs.
fn any_words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        3 => Just([0; 8]),
        2 => any::<[u8; 8]>(),
        2 => any::<[u8; 8]>().prop_map(|word| word.map(|byte| byte | 1)),
        3 => (any::<[u8; 8]>(), any::<u8>()).prop_map(|(mut word, tag)| {
            for (place, byte) in word.iter_mut().enumerate() {
                *byte = if tag >> place & 1 == 1 { *byte | 1 } else { 0 };
            }
            word
        }),
    ];
    let length = prop_oneof![9 => 1..6usize, 1 => 250..520usize];
    prop::collection::vec((word, length), 0..12).prop_map(|runs| {
        runs.into_iter()
            .flat_map(|(word, length)| word.repeat(length))
            .collect()
    })
}

/// Packs in pieces of the given lengths, over and over, into rooms of the other lengths.
fn pack_in_pieces(words: &[u8], pieces: &[usize], rooms: &[usize]) -> Vec<u8> {
    let mut packer = Packer::new();
    let mut packed = Vec::new();
    let mut rest = words;
    let mut rooms = rooms.iter().cycle();
    for piece in pieces.iter().cycle() {
        let (mut piece, behind) = rest.split_at_checked(*piece).unwrap_or((rest, &[]));
        while !piece.is_empty() {
            let mut room = vec![0xaa; *rooms.next().unwrap()];
            let progress = packer.pack(piece, &mut room);
            piece = &piece[progress.read_bytes..];
            packed.extend(&room[..progress.written_bytes]);
        }
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    loop {
        let mut room = vec![0xaa; *rooms.next().unwrap()];
        let flush = packer.finish(&mut room).unwrap();
        packed.extend(&room[..flush.written_bytes]);
        if flush.done {
            assert!(packer.is_finished());
            return packed;
        }
    }
}

fn unpack_in_pieces(packed: &[u8], pieces: &[usize], rooms: &[usize]) -> Vec<u8> {
    let mut unpacker = Unpacker::new();
    let mut words = Vec::new();
    let mut rest = packed;
    let mut rooms = rooms.iter().cycle();
    for piece in pieces.iter().cycle() {
        let (mut piece, behind) = rest.split_at_checked(*piece).unwrap_or((rest, &[]));
        while !piece.is_empty() || unpacker.has_output() {
            let mut room = vec![0xaa; *rooms.next().unwrap()];
            let progress = unpacker.unpack(piece, &mut room);
            piece = &piece[progress.read_bytes..];
            words.extend(&room[..progress.written_bytes]);
        }
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    unpacker.finish().unwrap();
    assert!(unpacker.is_finished());
    assert_eq!(unpacker.read_bytes(), packed.len() as u64);
    assert_eq!(unpacker.written_bytes(), words.len() as u64);
    words
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![1..12usize, 1..40usize, 1..5000usize];
    prop::collection::vec(length, 1..6)
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        words in any_words(),
        pieces in lengths(),
        rooms in lengths(),
    ) {
        let packed = pack(&words).unwrap();
        prop_assert_eq!(&pack_in_pieces(&words, &pieces, &rooms), &packed);
        prop_assert_eq!(&unpack_in_pieces(&packed, &pieces, &rooms), &words);
        prop_assert_eq!(&unpack(&packed, words.len()).unwrap(), &words);
        prop_assert!(packed.len() <= max_packed_bytes(words.len()));
    }

    #[test]
    fn vectors_get_the_same_in_any_pieces(words in any_words(), pieces in lengths()) {
        let mut packer = Packer::new();
        let mut packed = vec![1, 2, 3];
        let mut rest = &words[..];
        for piece in pieces.iter().cycle() {
            let (piece, behind) = rest.split_at_checked(*piece).unwrap_or((rest, &[]));
            packer.pack_to_vec(piece, &mut packed);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        packer.finish_to_vec(&mut packed).unwrap();
        prop_assert_eq!(&packed[..3], &[1, 2, 3]);
        prop_assert_eq!(&packed[3..], &pack(&words).unwrap());
    }

    /// Whatever bytes come, they unpack, and to the same in any pieces, or end too early.
    #[test]
    fn any_bytes_unpack(packed in prop::collection::vec(any::<u8>(), 0..300), pieces in lengths(), rooms in lengths()) {
        match unpack(&packed, usize::MAX) {
            Ok(words) => {
                prop_assert_eq!(words.len() % 8, 0);
                prop_assert_eq!(&unpack_in_pieces(&packed, &pieces, &rooms), &words);
                prop_assert_eq!(&unpack(&pack(&words).unwrap(), words.len()).unwrap(), &words);
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Truncated),
        }
    }
}

/// Every cut in two of the input, with every size of room up to three words.
#[test]
fn every_cut_gives_the_same() {
    let mut words = vec![0; 24];
    words.extend([7; 24]);
    words.extend([1, 0, 0, 2, 0, 0, 0, 3, 0, 5, 0, 0, 0, 0, 0, 0]);
    words.extend([9; 8]);
    let packed = pack(&words).unwrap();
    for room in 1..=24 {
        for cut in 1..words.len() {
            assert_eq!(pack_in_pieces(&words, &[cut, words.len()], &[room]), packed);
        }
        for cut in 1..packed.len() {
            assert_eq!(
                unpack_in_pieces(&packed, &[cut, packed.len()], &[room]),
                words
            );
        }
    }
}

/// A flush makes everything so far readable, and the bytes are those of pieces packed alone.
#[test]
fn flushes_end_runs() {
    let mut packer = Packer::new();
    let mut packed = Vec::new();
    for piece in [[0; 8], [5; 8], [6; 8]] {
        packer.pack_to_vec(&piece, &mut packed);
        packer.flush_to_vec(&mut packed);
        assert!(packer.is_finished());
    }
    let alone = [[0; 8], [5; 8], [6; 8]].map(|piece| pack(&piece).unwrap());
    assert_eq!(packed, alone.concat());
}

#[test]
fn parts_of_words_cannot_be_packed() {
    for bytes in 1..8 {
        let error = pack(&vec![1; 16 + bytes]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TrailingBytes);
        assert!(
            error
                .to_string()
                .contains(&format!("the last has {bytes} bytes")),
            "{error}"
        );
    }
}

#[test]
fn truncated_input_says_where() {
    let cases: [(&[u8], &str); 5] = [
        (
            &[0x24, 1],
            "in the middle of a word, after 2 packed bytes and 0 unpacked",
        ),
        (
            &[0x01, 1, 0],
            "before the length of a run of zeros, after 3 packed bytes and 8 unpacked",
        ),
        (
            &[0xff, 1, 2, 3, 4, 5, 6, 7],
            "in the middle of a word, after 8",
        ),
        (
            &[0xff, 1, 2, 3, 4, 5, 6, 7, 8],
            "before the length of a run of words that are not packed, after 9 packed bytes and 8",
        ),
        (
            &[0xff, 1, 2, 3, 4, 5, 6, 7, 8, 1, 9],
            "in the middle of a run of words that are not packed, after 11 packed bytes and 9",
        ),
    ];
    for (packed, reason) in cases {
        let error = unpack(packed, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    let bomb = [0, 255].repeat(1 << 16);
    let error = unpack(&bomb, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    // Two bytes are 2 KiB. No more are read than reach the limit.
    assert!(
        error.to_string().contains("(at packed byte 1024)"),
        "{error}"
    );
    assert_eq!(
        unpack(&bomb, bomb.len() * 1024).unwrap().len(),
        bomb.len() * 1024
    );
}
