//! Messages over asynchronous streams that give and take little at a time, and make one wait.
#![cfg(feature = "async")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use capstan_message::futures::serialize::MessageStream;
use capstan_message::futures::serialize_packed::{PackedRead, PackedWrite};
use capstan_message::futures::{serialize as plain, serialize_packed as packed};
use capstan_message::message::{Builder, HeapAllocator, ReaderOptions};
use capstan_message::{ErrorKind, any_pointer, serialize, serialize_packed};
use common::{Value, any_value, build, read};
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use proptest::prelude::*;

/// A pipe that moves at most `piece` bytes at a time and is not ready every second time.
struct Slow {
    bytes: Vec<u8>,
    read: usize,
    piece: usize,
    ready: bool,
}

impl Slow {
    fn new(bytes: Vec<u8>, piece: usize) -> Self {
        Self {
            bytes,
            read: 0,
            piece,
            ready: false,
        }
    }

    fn turn(&mut self, cx: &Context<'_>) -> bool {
        self.ready = !self.ready;
        if !self.ready {
            cx.waker().wake_by_ref();
        }
        self.ready
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !self.turn(cx) {
            return Poll::Pending;
        }
        let rest = &self.bytes[self.read..];
        let count = rest.len().min(room.len()).min(self.piece);
        room[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.turn(cx) {
            return Poll::Pending;
        }
        let count = bytes.len().min(self.piece);
        self.bytes.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs a future that wakes itself.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Some(output) = future.as_mut().now_or_never() {
            return output;
        }
    }
}

fn message(value: &Value, first_words: u32) -> Builder<HeapAllocator> {
    let mut message = Builder::new(HeapAllocator::new().first_segment_words(first_words));
    build(
        message.init_root::<any_pointer::Builder<'_>>().builder,
        value,
    );
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_tree_comes_back(values in prop::collection::vec(any_value(), 0..4), words in 1..40u32, piece in 1..100usize) {
        let options = ReaderOptions::new();
        let messages: Vec<_> = values.iter().map(|value| message(value, words)).collect();
        let mut plain_stream = Slow::new(Vec::new(), piece);
        let mut packed_stream = Slow::new(Vec::new(), piece);
        let mut adaptor = PackedWrite::new(Slow::new(Vec::new(), piece));
        let mut expected = (Vec::new(), Vec::new());
        for message in &messages {
            run(plain::write_message(&mut plain_stream, message)).unwrap();
            run(packed::write_message(&mut packed_stream, message)).unwrap();
            run(plain::write_message(&mut adaptor, message)).unwrap();
            expected.0.extend(serialize::write_message_to_vec(message).unwrap());
            expected.1.extend(serialize_packed::write_message_to_vec(message).unwrap());
            prop_assert!(adaptor.get_ref().bytes == expected.1, "a flush held something back");
        }
        prop_assert!(plain_stream.bytes == expected.0);
        prop_assert!(packed_stream.bytes == expected.1);

        let check = |message: capstan_message::message::Reader<serialize::OwnedSegments>, value| {
            assert_eq!(&read(message.get_root_any().unwrap().reader).unwrap(), value);
        };
        for value in &values {
            check(run(plain::read_message(&mut plain_stream, options)).unwrap(), value);
            check(run(packed::read_message(&mut packed_stream, options)).unwrap(), value);
        }
        prop_assert!(run(plain::try_read_message(&mut plain_stream, options)).unwrap().is_none());
        prop_assert!(run(packed::try_read_message(&mut packed_stream, options)).unwrap().is_none());

        let unpacking = PackedRead::new(Slow::new(expected.1, piece));
        let all: Vec<_> = run(MessageStream::new(unpacking, options).try_collect()).unwrap();
        prop_assert_eq!(all.len(), values.len());
        for (message, value) in all.into_iter().zip(&values) {
            check(message, value);
        }
    }

    /// Bytes go through the adaptors unchanged, however they are written, and cut.
    #[test]
    fn adaptors_carry_any_words(
        pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 1..3000), 0..6),
        piece in 1..5000usize,
    ) {
        let mut bytes = Vec::new();
        let mut write = PackedWrite::new(Slow::new(Vec::new(), piece));
        for piece in &pieces {
            run(write.write_all(piece)).unwrap();
            bytes.extend(piece);
        }
        let missing = bytes.len().next_multiple_of(8) - bytes.len();
        if missing > 0 {
            let error = run(write.close()).unwrap_err();
            prop_assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            run(write.write_all(&[1; 8][..missing])).unwrap();
            bytes.resize(bytes.len() + missing, 1);
        }
        run(write.close()).unwrap();
        let mut read = PackedRead::new(Slow::new(write.into_inner().bytes, piece));
        let mut unpacked = Vec::new();
        run(read.read_to_end(&mut unpacked)).unwrap();
        prop_assert!(unpacked == bytes);
    }
}

#[test]
fn streams_that_end_early_say_so() {
    let message = message(&Value::Bools(vec![true; 200]), 2);
    let options = ReaderOptions::new();
    let frame = serialize::write_message_to_vec(&message).unwrap();
    for end in 1..frame.len() {
        let error = run(plain::try_read_message(&frame[..end], options)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        let mut stream = MessageStream::new(&frame[..end], options);
        assert!(run(stream.next()).unwrap().is_err());
        assert!(run(stream.next()).is_none());
    }
    let packed_frame = serialize_packed::write_message_to_vec(&message).unwrap();
    for end in 1..packed_frame.len() {
        let cut = &packed_frame[..end];
        let error = run(packed::try_read_message(cut, options)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        let error = run(MessageStream::new(PackedRead::new(cut), options).next_message());
        let kind = error.unwrap_err().kind();
        assert!(
            matches!(kind, ErrorKind::Truncated | ErrorKind::Io),
            "{kind:?}"
        );
    }
    assert_eq!(
        run(plain::read_message(&[][..], options))
            .unwrap_err()
            .kind(),
        ErrorKind::Truncated
    );
    assert_eq!(
        run(packed::read_message(&[][..], options))
            .unwrap_err()
            .kind(),
        ErrorKind::Truncated
    );
}

/// A dropped future takes nothing with it.
#[test]
fn the_next_message_may_be_asked_for_again() {
    let message = message(&Value::Bools(vec![true; 20]), 64);
    let frame = serialize::write_message_to_vec(&message).unwrap();
    let mut stream = MessageStream::new(Slow::new(frame, 3), ReaderOptions::new());
    let mut tries = 0;
    while stream.next_message().now_or_never().is_none() {
        tries += 1;
    }
    assert!(tries > 3);
}

#[test]
fn futures_and_adaptors_can_be_sent() {
    fn sendable(_: &impl Send) {}
    let message = message(&Value::Null, 4);
    sendable(&plain::write_message(futures_util::io::sink(), &message));
    sendable(&packed::write_message(futures_util::io::sink(), &message));
    sendable(&packed::read_message(
        futures_util::io::empty(),
        ReaderOptions::new(),
    ));
    sendable(&PackedRead::new(futures_util::io::empty()));
    sendable(&PackedWrite::new(futures_util::io::sink()));
}
