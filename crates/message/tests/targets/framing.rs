//! Any bytes as a framed message: all readers agree, and what they accept is written back as it was.

use capstan_message::ErrorKind;
use capstan_message::message::{ReaderOptions, ReaderSegments};
use capstan_message::serialize::{self, BufferSegments, FrameDecoder};

pub fn run(data: &[u8]) {
    let options = ReaderOptions {
        traversal_limit_in_words: Some(1 << 14),
        segment_limit: 64,
        ..ReaderOptions::new()
    };
    let whole = BufferSegments::new(data, options);
    let streamed = serialize::try_read_message(data, options);
    let mut decoder = FrameDecoder::new(options);
    // The cut is somewhere, depending on the data.
    let cut = usize::from(data.last().copied().unwrap_or(0)).min(data.len());
    decoder.push(&data[..cut]);
    let early = decoder.next_frame();
    decoder.push(&data[cut..]);
    let late = decoder.next_frame();
    match whole {
        Ok(segments) => {
            let frame = &data[..segments.frame_bytes()];
            let streamed = streamed.unwrap().unwrap();
            assert_eq!(streamed.segments().buffer(), frame);
            assert_eq!(streamed.segments().len(), segments.len());
            let mut lengths = 0;
            for id in 0..segments.len() as u32 {
                assert_eq!(
                    streamed.segments().get_segment(id),
                    segments.get_segment(id)
                );
                lengths += segments.get_segment(id).unwrap().len();
            }
            assert_eq!(segments.get_segment(segments.len() as u32), None);
            assert_eq!(frame.len(), (segments.len() / 2 + 1) * 8 + lengths);
            let decoded = early.unwrap().or_else(|| late.unwrap());
            assert_eq!(decoded.as_deref(), Some(frame));
            let exact = serialize::read_frame_from_slice(data, options);
            assert_eq!(exact.is_ok(), frame.len() == data.len());
        }
        Err(error) if data.is_empty() => {
            assert_eq!(error.kind(), ErrorKind::Truncated);
            assert!(streamed.unwrap().is_none());
        }
        Err(error) => {
            assert_eq!(streamed.unwrap_err().kind(), error.kind());
            match late {
                Ok(None) => assert_eq!(error.kind(), ErrorKind::Truncated),
                Ok(Some(_)) => panic!("a frame where there is none"),
                Err(late) => assert_eq!(late.kind(), error.kind()),
            }
        }
    }
}
