//! A program in Rust, compiled to WebAssembly, in a browser: it uses the API that native programs
//! use, over a WebSocket to a native server.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::cell::RefCell;
use std::rc::Rc;

use capstan_rpc::vat::Batching;
use capstan_rpc::{ConnectOptions, ConnectionHandle, Error, ErrorKind, StreamingSend, new_client};
use capstan_web::websocket::connect;
use futures_util::FutureExt;
use probe_capnp::{fate, probe, sink, valve};
use sha2::{Digest, Sha256};
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

capstan_rpc::generated_code!(mod probe_capnp);

const WINDOW_BYTES: u64 = 64 << 10;
const CHUNK_BYTES: usize = 16 << 10;

/// Where the server is that was started for these tests.
fn server_url() -> &'static str {
    let Some(url) = option_env!("CAPSTAN_TEST_SERVER") else {
        panic!("these tests need their server, which `npm test -- --only wasm` starts");
    };
    url
}

/// A connection to the server that was started for these tests.
async fn connected() -> (ConnectionHandle, probe::Client) {
    let connection = connect(server_url(), ConnectOptions::default())
        .await
        .unwrap();
    connection.set_window_size(WINDOW_BYTES);
    let probe = connection.bootstrap();
    (connection, probe)
}

/// A sink, usable before the server has heard of it.
fn open(probe: &probe::Client, fail_at: u32, held: bool) -> (sink::Client, valve::Client) {
    let mut request = probe.open_request();
    request.get().set_fail_at(fail_at);
    request.get().set_held(held);
    let call = request.send();
    (call.pipeline.get_sink(), call.pipeline.get_valve())
}

fn write(sink: &sink::Client, chunk: &[u8]) -> StreamingSend {
    let mut request = sink.write_request();
    request.get().set_chunk(chunk);
    request.send()
}

/// The total, and the hash of everything.
async fn end(sink: &sink::Client) -> Result<(u64, Vec<u8>), Error> {
    let response = sink.end_request().send().promise.await?;
    let results = response.get()?;
    Ok((results.get_total(), results.get_sha256()?.to_vec()))
}

#[wasm_bindgen_test]
async fn sixteen_mebibytes_arrive_whole_and_no_more_than_the_window_is_under_way() {
    const BYTES: usize = 16 << 20;
    let (connection, probe) = connected().await;
    let (sink, _) = open(&probe, u32::MAX, false);
    let mut hash = Sha256::new();
    let mut waited = 0;
    let mut most_in_flight = 0;
    for at in (0..BYTES).step_by(CHUNK_BYTES) {
        let chunk: Vec<u8> = (at..at + CHUNK_BYTES)
            .map(|at| (at % 251) as u8 ^ (at >> 12) as u8)
            .collect();
        hash.update(&chunk);
        let mut send = write(&sink, &chunk);
        let in_flight = connection.stats().unwrap().in_flight_bytes;
        most_in_flight = u64::max(most_in_flight, in_flight);
        match (&mut send).now_or_never() {
            Some(sent) => sent.unwrap(),
            None => {
                waited += 1;
                send.await.unwrap();
            }
        }
    }
    let (total, sha256) = end(&sink).await.unwrap();
    assert_eq!(total, BYTES as u64);
    assert_eq!(sha256, hash.finalize().as_slice());
    // A write is ready while there is less than the window and one more call; then comes the next.
    let call_bytes = CHUNK_BYTES as u64 + 512;
    assert!(
        most_in_flight < WINDOW_BYTES + 2 * call_bytes,
        "{most_in_flight} bytes"
    );
    assert!(waited > 0, "the window was never full");
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn a_write_waits_exactly_while_the_window_is_full() {
    let (connection, probe) = connected().await;
    let (sink, valve) = open(&probe, u32::MAX, true);
    let pass = async |writes| {
        let mut request = valve.pass_request();
        request.get().set_writes(writes);
        request.send().promise.await.unwrap();
    };
    let mut sent = 0;
    let mut waiting = loop {
        let mut send = write(&sink, &[1; CHUNK_BYTES]);
        sent += 1;
        assert!(sent < 1000, "nothing ever waited");
        if (&mut send).now_or_never().is_none() {
            break send;
        }
    };
    let call_bytes = connection.stats().unwrap().in_flight_bytes / sent;
    assert_eq!(sent, (WINDOW_BYTES + call_bytes).div_ceil(call_bytes));
    // There and back: what has not come by now does not come.
    pass(0).await;
    assert!((&mut waiting).now_or_never().is_none());
    pass(1).await;
    waiting.await.unwrap();
    let mut next = write(&sink, &[1; CHUNK_BYTES]);
    pass(0).await;
    assert!((&mut next).now_or_never().is_none(), "for one write only");
    pass(1000).await;
    next.await.unwrap();
    let (total, _) = end(&sink).await.unwrap();
    assert_eq!(total, (sent + 1) * CHUNK_BYTES as u64);
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn the_error_of_a_write_arrives_at_the_end() {
    let (connection, probe) = connected().await;
    let (sink, _) = open(&probe, 2, false);
    for _ in 0..5 {
        // Sent without waiting, so all of them before anything has failed.
        drop(write(&sink, &[1; 100]));
    }
    let error = end(&sink).await.unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Failed, "the disk is full")
    );
    let error = write(&sink, &[1; 100]).await.unwrap_err();
    assert_eq!(error.reason, "the disk is full");
    connection.close(Error::disconnected("done"));
}

/// An object in the page.
#[derive(Clone, Default)]
struct Page {
    received: Rc<RefCell<Vec<u8>>>,
}

impl sink::Server for Page {
    async fn write(&self, params: sink::WriteParams) -> Result<(), Error> {
        let chunk = params.get()?.get_chunk()?;
        self.received.borrow_mut().extend_from_slice(chunk);
        Ok(())
    }

    async fn end(
        &self,
        _params: sink::EndParams,
        mut results: sink::EndResults,
    ) -> Result<(), Error> {
        results.get().set_total(self.received.borrow().len() as u64);
        Ok(())
    }
}

#[wasm_bindgen_test]
async fn the_server_streams_to_an_object_of_the_page() {
    const BYTES: u64 = 3_000_001;
    let (connection, probe) = connected().await;
    let page = Page::default();
    let mut request = probe.download_request();
    request.get().set_bytes(BYTES);
    request.get().set_into(new_client(page.clone()));
    let response = request.send().promise.await.unwrap();
    let received = page.received.borrow();
    assert_eq!(received.len() as u64, BYTES);
    let sha256 = response.get().unwrap().get_sha256().unwrap().to_vec();
    assert_eq!(sha256, Sha256::digest(received.as_slice()).as_slice());
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn closing_ends_the_calls_here_and_the_connection_there() {
    let (other, _probe) = connected().await;
    let (connection, probe) = connected().await;
    // Not before the other connection is gone.
    let alone = probe.alone_request().send().promise;
    let (sink, _) = open(&other.bootstrap(), u32::MAX, true);
    let [_ready, waiting] = [1, 2].map(|fill| write(&sink, &vec![fill; 1 << 20]));
    let end = sink.end_request().send().promise;
    other.close(Error::disconnected("the page was left"));
    for error in [
        waiting.await.unwrap_err(),
        end.await.map(drop).unwrap_err(),
        other.closed().await,
    ] {
        assert_eq!(error.kind, ErrorKind::Disconnected);
        assert_eq!(error.reason, "the page was left");
    }
    assert!(other.stats().is_none());
    alone.await.unwrap();
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn what_is_no_message_ends_the_connection_with_a_code() {
    let (connection, probe) = connected().await;
    for (text, code, reason) in [
        (true, 4003, "got a text frame"),
        (false, 4007, "a frame is not one message: 4 bytes"),
    ] {
        let mut request = probe.rude_request();
        let mut greeting = request.get().init_greeting();
        if text {
            greeting.set_text("{}");
        } else {
            greeting.set_binary([0; 4]);
        }
        let (url, fate) = rude(request).await;
        let rude = connect(&url, ConnectOptions::default()).await.unwrap();
        let error = rude.closed().await;
        assert!(error.reason.starts_with(reason), "{error}");
        let response = fate.code_request().send().promise.await.unwrap();
        let response = response.get().unwrap();
        assert_eq!(response.get_code(), code);
        let told = response.get_reason().unwrap().to_str().unwrap();
        assert!(told.starts_with(reason), "{told}");
    }
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn the_reason_of_a_server_that_closes_is_told() {
    let (connection, probe) = connected().await;
    let mut request = probe.rude_request();
    request.get().init_greeting().set_close("for the night");
    let (url, _fate) = rude(request).await;
    let closing = connect(&url, ConnectOptions::default()).await.unwrap();
    let call = closing.bootstrap::<probe::Client>().alone_request().send();
    let error = call.promise.await.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Disconnected);
    assert_eq!(
        error.reason,
        format!("{url} closed the connection (code 4321: for the night)")
    );
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn a_server_that_says_nothing_is_given_up() {
    let (connection, probe) = connected().await;
    let mut request = probe.rude_request();
    request.get().init_greeting().set_silence(());
    let (url, fate) = rude(request).await;
    let mut options = ConnectOptions::default();
    options.limits.idle_micros = Some(20_000);
    let silent = connect(&url, options).await.unwrap();
    let call = silent.bootstrap::<probe::Client>().alone_request().send();
    let error = call.promise.await.map(drop).unwrap_err();
    assert!(error.reason.contains("sign of life"), "{error}");
    assert_eq!(silent.closed().await, error);
    let response = fate.code_request().send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_code(), 1000);
    connection.close(Error::disconnected("done"));
}

#[wasm_bindgen_test]
async fn messages_share_frames_when_both_sides_want_that() {
    let options = ConnectOptions {
        batching: Batching::Offer,
        ..ConnectOptions::default()
    };
    let connection = connect(server_url(), options).await.unwrap();
    let (_, valve) = open(&connection.bootstrap(), u32::MAX, true);
    for _ in 0..5 {
        let calls: Vec<_> = (0..100)
            .map(|_| valve.pass_request().send().promise)
            .collect();
        for call in calls {
            call.await.unwrap();
        }
    }
    assert!(connection.accepted_batch_bytes() > 0, "nothing was offered");
    connection.close(Error::disconnected("done"));
}

async fn rude(
    request: capstan_rpc::Request<probe::rude_params::Owned, probe::rude_results::Owned>,
) -> (String, fate::Client) {
    let response = request.send().promise.await.unwrap();
    let results = response.get().unwrap();
    let url = results.get_url().unwrap().to_string().unwrap();
    (url, results.get_fate().unwrap())
}

#[wasm_bindgen_test]
async fn what_cannot_be_reached_is_an_error() {
    let refused = connect("ws://127.0.0.1:1/", ConnectOptions::default()).await;
    let error = refused.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Disconnected);
    assert_eq!(error.reason, "cannot connect to ws://127.0.0.1:1/");

    let error = connect("ftp://nowhere", ConnectOptions::default()).await;
    let error = error.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(
        error
            .reason
            .starts_with("cannot connect to 'ftp://nowhere': "),
        "{error}"
    );
}
