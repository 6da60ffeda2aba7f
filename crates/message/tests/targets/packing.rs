//! Any bytes, packed and unpacked in pieces that the first two bytes choose.

use capstan_message::ErrorKind;
use capstan_message::message::ReaderOptions;
use capstan_message::packed::{Packer, Unpacker, max_packed_bytes, pack, unpack};
use capstan_message::serialize_packed;

pub fn run(data: &[u8]) {
    let [piece, room, data @ ..] = data else {
        return;
    };
    let (piece, room) = (usize::from(*piece) + 1, usize::from(*room) + 1);
    as_words(data, piece, room);
    as_packed(data, piece, room);
    as_message(data);
}

fn as_words(data: &[u8], piece: usize, room: usize) {
    let words = &data[..data.len() / 8 * 8];
    let packed = pack(words).unwrap();
    assert!(packed.len() <= max_packed_bytes(words.len()));
    assert_eq!(unpack(&packed, words.len()).unwrap(), words);

    let mut packer = Packer::new();
    let mut output = vec![0; room];
    let mut pieced = Vec::new();
    for mut piece in words.chunks(piece) {
        while !piece.is_empty() {
            let progress = packer.pack(piece, &mut output);
            piece = &piece[progress.read_bytes..];
            pieced.extend_from_slice(&output[..progress.written_bytes]);
        }
    }
    loop {
        let flush = packer.finish(&mut output).unwrap();
        pieced.extend_from_slice(&output[..flush.written_bytes]);
        if flush.done {
            break;
        }
    }
    assert_eq!(pieced, packed);
}

fn as_packed(data: &[u8], piece: usize, room: usize) {
    let mut unpacker = Unpacker::new();
    let mut output = vec![0; room];
    let mut pieced = Vec::new();
    for mut piece in data.chunks(piece) {
        while !piece.is_empty() || unpacker.has_output() {
            let progress = unpacker.unpack(piece, &mut output);
            piece = &piece[progress.read_bytes..];
            pieced.extend_from_slice(&output[..progress.written_bytes]);
        }
    }
    match unpack(data, usize::MAX) {
        Ok(words) => {
            unpacker.finish().unwrap();
            assert_eq!(pieced, words);
            assert_eq!(unpack(&pack(&words).unwrap(), words.len()).unwrap(), words);
            if let Some(limit) = words.len().checked_sub(1) {
                assert_eq!(unpack(data, limit).unwrap_err().kind(), ErrorKind::TooLarge);
            }
        }
        Err(error) => assert_eq!(unpacker.finish().unwrap_err(), error),
    }
}

fn as_message(data: &[u8]) {
    let options = ReaderOptions {
        traversal_limit_in_words: Some(1 << 14),
        segment_limit: 64,
        ..ReaderOptions::new()
    };
    let mut flat = data;
    let message = serialize_packed::read_message_from_flat_slice(&mut flat, options);
    let mut slow = data;
    let unbuffered = serialize_packed::read_message_unbuffered(&mut slow, options);
    match message {
        Ok(message) => {
            let frame = message.segments().buffer();
            assert_eq!(unbuffered.unwrap().segments().buffer(), frame);
            assert_eq!(slow, flat);
            let mut packed = Vec::new();
            serialize_packed::pack_frame(frame, options, &mut packed).unwrap();
            assert_eq!(
                &serialize_packed::unpack_frame(&packed, options).unwrap(),
                frame
            );
        }
        Err(error) => assert_eq!(unbuffered.unwrap_err().kind(), error.kind()),
    }
}
