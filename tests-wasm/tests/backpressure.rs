//! Backpressure in a real browser: two vats' ends on one page, the far one holding its Returns back.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod page;

use capstan_web::surface;
use page::State;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

const WINDOW: u32 = 64 << 10;
const CHUNK: usize = 16 << 10;

/// What the stream of a capability has in flight, in bytes.
fn in_flight(cap: u32) -> u64 {
    assert!(surface::stream_stats(cap));
    let address = surface::report_address();
    let memory: js_sys::ArrayBuffer = page::get(&wasm_bindgen::memory(), "buffer").unchecked_into();
    let report = js_sys::Uint32Array::new_with_byte_offset_and_length(&memory, address, 8);
    u64::from(report.get_index(2)) | u64::from(report.get_index(3)) << 32
}

#[wasm_bindgen_test]
async fn a_write_is_pending_exactly_while_the_window_is_full() {
    page::start();
    let (near, far) = page::link_pair();
    page::attach(&far, WINDOW, page::host());
    let connection = page::attach(&near, WINDOW, surface::NONE);
    let sink = surface::bootstrap(connection);
    page::turn().await;

    let writes: Vec<_> = (0..7).map(|_| page::write(sink, &[7; CHUNK])).collect();
    let size = in_flight(sink) / 7;
    assert!(size > CHUNK as u64, "frames are counted, not chunks");
    // Ready while what is in flight is less than the window and the largest call together.
    let has_room = |calls: u64| calls * size < u64::from(WINDOW) + size;
    for (index, write) in writes.iter().enumerate() {
        let expected = if has_room(index as u64 + 1) {
            State::Resolved
        } else {
            State::Pending
        };
        assert_eq!(page::state(write).await, expected, "write {index}");
    }
    assert_eq!(page::state(&writes[3]).await, State::Resolved);
    assert_eq!(
        page::state(&writes[4]).await,
        State::Pending,
        "some have to wait"
    );

    // The far object takes one call at a time; each answer lets a Return go.
    for returned in 1..=7 {
        assert_eq!(
            page::held().len(),
            1,
            "streamed calls are delivered one at a time"
        );
        page::answer_one();
        page::turn().await;
        let left = 7 - returned;
        assert_eq!(in_flight(sink), left * size);
        for (index, write) in writes.iter().enumerate() {
            let is_resolved = has_room(index as u64 + 1) || has_room(left);
            let expected = if is_resolved {
                State::Resolved
            } else {
                State::Pending
            };
            assert_eq!(
                page::state(write).await,
                expected,
                "write {index} after {returned} Returns"
            );
        }
    }
    surface::close_connection(connection, 1000, 2, "done".to_owned());
    page::turn().await;
}

#[wasm_bindgen_test]
async fn the_end_waits_for_the_writes_and_reports_their_failure() {
    page::start();
    let (near, far) = page::link_pair();
    page::attach(&far, WINDOW, page::host());
    let connection = page::attach(&near, 1, surface::NONE);
    let sink = surface::bootstrap(connection);
    let first = page::write(sink, &[1; 100]);
    let second = page::write(sink, &[2; 100]);
    let end = page::call(sink, 1);
    assert_eq!(page::state(&first).await, State::Resolved);
    assert_eq!(page::state(&second).await, State::Pending);
    assert_eq!(
        page::held().len(),
        1,
        "neither the second write nor the end has overtaken the first"
    );

    page::fail_one("the disk is full");
    page::turn().await;
    assert_eq!(page::state(&second).await, State::Rejected);
    assert_eq!(page::state(&end).await, State::Rejected);
    assert_eq!(
        page::state(&page::write(sink, &[3; 100])).await,
        State::Rejected
    );
    surface::close_connection(connection, 1000, 2, "done".to_owned());
    page::turn().await;
}

#[wasm_bindgen_test]
async fn a_lost_connection_rejects_what_waits() {
    page::start();
    let (near, far) = page::link_pair();
    page::attach(&far, WINDOW, page::host());
    let connection = page::attach(&near, 1, surface::NONE);
    let sink = surface::bootstrap(connection);
    let _first = page::write(sink, &[1; 100]);
    let waiting = page::write(sink, &[2; 100]);
    assert_eq!(page::state(&waiting).await, State::Pending);
    page::end(&near, 1006);
    assert_eq!(page::state(&waiting).await, State::Rejected);
    assert!(page::closed()[0].contains("1006"), "{:?}", page::closed());
}

#[wasm_bindgen_test]
async fn a_frame_that_is_no_message_ends_the_connection() {
    page::start();
    let (near, _far) = page::link_pair();
    let connection = page::attach(&near, WINDOW, surface::NONE);
    let call = page::call(surface::bootstrap(connection), 1);
    page::receive(&near, &js_sys::Uint8Array::new_with_length(13).into());
    assert_eq!(page::state(&call).await, State::Rejected);
    assert_eq!(page::closed().len(), 1);
}
