#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::copy::{message_copy, message_flatten};
use super::follow::{message_follow, message_init};
use super::orphans::message_orphan;
use super::source::{BEHIND_POINTER, message_measure};
use super::*;
use crate::seam::failure;

#[test]
fn a_closed_messages_memory_serves_the_next_unless_it_is_large() {
    for (bytes, kept) in [(1 << 20, true), (KEPT_BYTES * 2, false)] {
        message_room(bytes as u32);
        MESSAGES.lend(|messages| {
            // One segment, the table in front.
            let words = (bytes / WORD_BYTES - 1) as u32;
            messages.buffer[4..8].copy_from_slice(&words.to_le_bytes());
        });
        let message = message_open(NONE, 64);
        assert_ne!(message, NONE);
        MESSAGES.lend(|messages| assert_eq!(messages.buffer.capacity(), 0));
        message_close(message);
        let capacity = MESSAGES.lend(|messages| messages.buffer.capacity());
        assert_eq!(capacity >= bytes, kept);
        MESSAGES.lend(|messages| messages.buffer = Vec::new());
    }
}

#[test]
fn segments_never_move() {
    let message = message_build();
    MESSAGES.lend(|messages| {
        let mut addresses = Vec::new();
        for bytes in 0..2000 {
            let built = messages.open.get_mut(message).unwrap().built().unwrap();
            built.message.get_root_any().builder.init_data(bytes);
            let segments = messages.get(message).unwrap().segments();
            let found: Vec<u32> = (0..segments.len() as u32)
                .filter_map(|id| segments.get_segment(id))
                .map(address_of)
                .collect();
            assert_eq!(found.get(..addresses.len()), Some(&addresses[..]));
            addresses = found;
        }
        assert!(addresses.len() > 3);
    });
    message_close(message);
}

const LIST_OF_POINTERS: u32 = 6;
const STRUCT: u32 = 9;
const TEXT: u32 = 10;
/// Two words of data, two pointers.
const SIZE: u32 = 2 | 2 << 16;

/// Addresses are 32 bits wide where this is for: here they are enough as long as no segment lies across a 4 GiB border.
fn root(message: u32) -> u32 {
    MESSAGES.lend(|messages| messages.get(message).unwrap().word_address(0, 0))
}

/// Where the pointers of the struct made in a message that is else empty are.
fn pointers(message: u32) -> u32 {
    root(message) + 8 + 16
}

fn with_struct() -> u32 {
    let message = message_build();
    assert_eq!(message_init(message, root(message), STRUCT, 0, SIZE), 0);
    message
}

fn refused(status: u32, reason: &str) {
    assert_ne!(status, 0);
    let failure = failure();
    assert!(failure.contains(reason), "{failure}");
}

fn copy(to: u32, pointer: u32, from: u32, from_pointer: u32) -> u32 {
    message_copy(to, pointer, NONE, from, from_pointer, 64, BEHIND_POINTER, 0)
}

fn close(messages: &[u32]) {
    messages.iter().copied().for_each(message_close);
}

#[test]
fn addresses_that_are_not_in_the_message_are_refused() {
    let (message, other) = (with_struct(), with_struct());
    let inside = pointers(message);
    for address in [
        0,
        1,
        inside + 1,
        root(message) + 8 * 1000,
        root(other),
        u32::MAX - 3,
    ] {
        let foreign = "the address is not in this message";
        refused(message_follow(message, address, 64, STRUCT, SIZE), foreign);
        refused(message_init(message, address, TEXT, 5, 0), foreign);
        refused(copy(message, address, other, root(other)), foreign);
        refused(copy(other, root(other), message, address), foreign);
        refused(message_measure(message, address, 64, 1 << 19, 2), foreign);
        let outside = address | 1 << 20;
        let status = message_copy(
            message,
            outside,
            SIZE,
            other,
            root(other),
            64,
            BEHIND_POINTER,
            0,
        );
        refused(status, foreign);
        assert_eq!(message_orphan(message, address, NONE), NONE);
        refused(1, foreign);
    }
    close(&[message, other]);
}

#[test]
fn closed_messages_and_used_orphans_are_refused() {
    let message = with_struct();
    let pointer = pointers(message);
    assert_eq!(message_init(message, pointer, TEXT, 3, 0), 0);
    let orphan = message_orphan(message, pointer, NONE);
    assert_eq!(message_orphan(message, pointer, orphan), 0);
    let gone = "the orphan is not in this message any more";
    refused(message_orphan(message, pointer, orphan), gone);
    refused(message_orphan(message, 0, orphan), gone);
    message_close(message);
    message_close(message);
    refused(
        message_follow(message, pointer, 64, TEXT, 0),
        "the message is closed",
    );
    refused(message_segments(message), "the message is closed");
    refused(message_orphan(message, pointer, 0), "the message is closed");
}

#[test]
fn what_was_received_is_only_read() {
    let message = with_struct();
    let pointer = pointers(message);
    assert_eq!(message_init(message, pointer, LIST_OF_POINTERS, 3, 0), 0);
    assert_eq!(
        message_flatten(message, root(message), 64, BEHIND_POINTER, 0),
        0
    );
    // The flattened message is in the room already.
    let received = message_open(1000, 64);
    assert_ne!(received, NONE);
    let read_only = "the message can only be read";
    refused(
        message_init(received, root(received), STRUCT, 0, SIZE),
        read_only,
    );
    refused(
        copy(received, root(received), message, root(message)),
        read_only,
    );
    assert_eq!(message_orphan(received, root(received), NONE), NONE);
    refused(1, read_only);
    assert_eq!(copy(message, pointer, received, root(received)), 0);
    close(&[message, received]);
}

#[test]
fn a_message_copies_from_itself_and_keeps_its_number() {
    let (message, other) = (with_struct(), with_struct());
    let (one, two) = (pointers(message), pointers(message) + 8);
    assert_eq!(message_init(message, one, TEXT, 4, 0), 0);
    // Pointer two leads to a copy of all that was there before.
    assert_eq!(copy(message, two, message, root(message)), 0);
    assert_eq!(
        message_measure(message, root(message), 64, BEHIND_POINTER, 0),
        0
    );
    for _ in 0..3 {
        assert_eq!(copy(other, pointers(other), message, one), 0);
        let (to, from) = (root(other) + 8, root(message) + 8);
        assert_eq!(message_copy(other, to, SIZE, message, from, 64, 16, 2), 0);
        assert_eq!(
            message_copy(message, from, SIZE, message, two, 64, BEHIND_POINTER, 0),
            0
        );
    }
    assert_eq!(message_follow(other, pointers(other), 64, TEXT, 0), 0);
    assert_eq!(
        message_follow(other, pointers(other) + 8, 64, STRUCT, SIZE),
        0
    );
    close(&[message, other]);
}
