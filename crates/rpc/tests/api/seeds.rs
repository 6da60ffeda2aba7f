//! The programs of the documents that this project started from, with no more changed than the
//! names of crates; servers are `async fn`s on `&self`.
#![allow(clippy::len_zero)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_rpc::{CapabilityServerSet, FromClient, Membrane, membrane, revocable};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use crate::link::join;
use crate::server::{Sink, SinkState};
use crate::trial_capnp::{
    blob_handle, blob_writer, byte_sink, streaming_byte_sink, web_site_publisher,
};

const CHUNK_SIZE: usize = 8192;
const ONE_WAY: Duration = Duration::from_millis(50);

/// Writes all of `bytes` to `sink` in a single call to `write()`.
async fn write_bytes_all_at_once(
    bytes: &[u8],
    sink: byte_sink::Client,
) -> Result<(), capstan_rpc::Error> {
    let mut request = sink.write_request();
    request.get().set_chunk(bytes);
    request.send().promise.await?;
    sink.end_request().send().promise.await?;
    Ok(())
}

/// Writes all of `bytes` to `sink` in chunks of size `CHUNK_SIZE`.
async fn write_bytes_chunked(
    mut bytes: &[u8],
    sink: byte_sink::Client,
) -> Result<(), capstan_rpc::Error> {
    while bytes.len() > 0 {
        let end = usize::min(CHUNK_SIZE, bytes.len());
        let mut request = sink.write_request();
        request.get().set_chunk(&bytes[..end]);
        request.send().promise.await?;
        bytes = &bytes[end..];
    }
    sink.end_request().send().promise.await?;
    Ok(())
}

/// Like write_bytes_chunked(), but sends all write() requests immediately.
async fn write_bytes_chunked_in_parallel(
    mut bytes: &[u8],
    sink: byte_sink::Client,
) -> Result<(), capstan_rpc::Error> {
    let mut responses = FuturesOrdered::new();
    while bytes.len() > 0 {
        let end = usize::min(CHUNK_SIZE, bytes.len());
        let mut request = sink.write_request();
        request.get().set_chunk(&bytes[..end]);
        responses.push_back(request.send().promise);
        bytes = &bytes[end..];
    }
    while let Some(x) = responses.next().await {
        x?;
    }
    sink.end_request().send().promise.await?;
    Ok(())
}

/// Like write_bytes_chunked(), but the library automatically handles backpressure.
async fn write_bytes_streaming(
    mut bytes: &[u8],
    sink: streaming_byte_sink::Client,
) -> Result<(), capstan_rpc::Error> {
    while bytes.len() > 0 {
        let end = usize::min(CHUNK_SIZE, bytes.len());
        let mut request = sink.write_request();
        request.get().set_chunk(&bytes[..end]);
        request.send().await?;
        bytes = &bytes[end..];
    }
    sink.end_request().send().promise.await?;
    Ok(())
}

#[derive(Default)]
struct PlainSink {
    received: Arc<Mutex<Vec<u8>>>,
    ended: Arc<Mutex<bool>>,
}

impl byte_sink::Server for PlainSink {
    async fn write(
        &self,
        params: byte_sink::WriteParams,
        _results: byte_sink::WriteResults,
    ) -> Result<(), capstan_rpc::Error> {
        self.received
            .lock()
            .unwrap()
            .extend_from_slice(params.get()?.get_chunk()?);
        Ok(())
    }

    async fn end(
        &self,
        _params: byte_sink::EndParams,
        _results: byte_sink::EndResults,
    ) -> Result<(), capstan_rpc::Error> {
        *self.ended.lock().unwrap() = true;
        Ok(())
    }
}

fn some_bytes() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn the_three_ways_without_streaming() {
    let bytes = some_bytes();
    for way in 0..3 {
        let server = PlainSink::default();
        let (received, ended) = (server.received.clone(), server.ended.clone());
        let link = join(
            ONE_WAY,
            capstan_rpc::new_client::<byte_sink::Client, _>(server),
        );
        let sink = link.client.bootstrap();
        match way {
            0 => write_bytes_all_at_once(&bytes, sink).await,
            1 => write_bytes_chunked(&bytes, sink).await,
            _ => write_bytes_chunked_in_parallel(&bytes, sink).await,
        }
        .unwrap();
        assert!(
            *received.lock().unwrap() == bytes && *ended.lock().unwrap(),
            "way {way}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn streaming_with_backpressure() {
    let bytes = some_bytes();
    let state = Arc::<SinkState>::default();
    let sink: streaming_byte_sink::Client = capstan_rpc::new_client(Sink {
        state: state.clone(),
    });
    let link = join(ONE_WAY, sink);
    write_bytes_streaming(&bytes, link.client.bootstrap())
        .await
        .unwrap();
    assert!(*state.received.lock().unwrap() == bytes);
}

struct BlobHandleImpl {
    bytes: Vec<u8>,
}

impl blob_handle::Server for BlobHandleImpl {}

type BlobSet = CapabilityServerSet<BlobHandleImpl, blob_handle::Client>;

struct BlobWriterImpl {
    set: Arc<BlobSet>,
    bytes: Mutex<Vec<u8>>,
}

impl blob_writer::Server for BlobWriterImpl {
    async fn write(&self, params: blob_writer::WriteParams) -> Result<(), capstan_rpc::Error> {
        self.bytes
            .lock()
            .unwrap()
            .extend_from_slice(params.get()?.get_chunk()?);
        Ok(())
    }

    async fn done(
        &self,
        _params: blob_writer::DoneParams,
        mut results: blob_writer::DoneResults,
    ) -> Result<(), capstan_rpc::Error> {
        // Long enough for calls that depend on the handle to arrive before there is one.
        tokio::time::sleep(10 * ONE_WAY).await;
        let blob_handle = BlobHandleImpl {
            bytes: std::mem::take(&mut *self.bytes.lock().unwrap()),
        };
        let client: blob_handle::Client = self.set.new_client(blob_handle);
        results.get().set_handle(client);
        Ok(())
    }
}

struct WebSitePublisherImpl {
    set: Arc<BlobSet>,
    site: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl web_site_publisher::Server for WebSitePublisherImpl {
    async fn create_blob(
        &self,
        _params: web_site_publisher::CreateBlobParams,
        mut results: web_site_publisher::CreateBlobResults,
    ) -> Result<(), capstan_rpc::Error> {
        results
            .get()
            .set_writer(capstan_rpc::new_client(BlobWriterImpl {
                set: self.set.clone(),
                bytes: Mutex::default(),
            }));
        Ok(())
    }

    async fn set(
        &self,
        params: web_site_publisher::SetParams,
        _results: web_site_publisher::SetResults,
    ) -> Result<(), capstan_rpc::Error> {
        let params = params.get()?;
        let client = params.get_blob()?;
        if let Some(s) = self.set.get_local_server(&client).await {
            self.site
                .lock()
                .unwrap()
                .insert(params.get_path()?.to_string()?, s.bytes.clone());
            Ok(())
        } else {
            Err(capstan_rpc::Error::failed("this blob was not made here"))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn publishing_a_blob_at_several_paths() {
    publish_at_several_paths(|publisher| publisher).await;
}

/// Handles that go out through a membrane and come back, be they known yet or not, are the objects
/// that they were.
#[tokio::test(start_paused = true)]
async fn publishing_through_a_membrane() {
    struct Open;

    impl Membrane for Open {
        fn check(&self, _: bool, _: u64, _: u16) -> Result<(), capstan_rpc::Error> {
            Ok(())
        }
    }

    publish_at_several_paths(|publisher| membrane(publisher, Arc::new(Open))).await;
    publish_at_several_paths(|publisher| revocable(publisher).0).await;
}

async fn publish_at_several_paths(
    guard: impl FnOnce(web_site_publisher::Client) -> web_site_publisher::Client,
) {
    let set: Arc<BlobSet> = Arc::new(CapabilityServerSet::new());
    let site = Arc::new(Mutex::new(HashMap::new()));
    let publisher: web_site_publisher::Client = capstan_rpc::new_client(WebSitePublisherImpl {
        set,
        site: site.clone(),
    });
    let link = join(ONE_WAY, guard(publisher));
    let publisher: web_site_publisher::Client = link.client.bootstrap();

    let writer = publisher.create_blob_request().send().pipeline.get_writer();
    for chunk in [b"<html>".as_slice(), b"</html>"] {
        let mut request = writer.write_request();
        request.get().set_chunk(chunk);
        request.send().await.unwrap();
    }
    let handle = writer.done_request().send().pipeline.get_handle();
    let mut calls = Vec::new();
    for path in ["/", "/index.html"] {
        let mut request = publisher.set_request();
        request.get().set_path(path);
        request.get().set_blob(handle.clone());
        calls.push(request.send().promise);
    }
    for call in calls {
        call.await.unwrap();
    }
    // The same with a handle that has arrived.
    let mut request = publisher.set_request();
    request.get().set_path("/again");
    handle.as_client().when_resolved().await.unwrap();
    request.get().set_blob(handle);
    request.send().promise.await.unwrap();
    for path in ["/", "/index.html", "/again"] {
        assert_eq!(site.lock().unwrap()[path], b"<html></html>");
    }

    let mut request = publisher.set_request();
    request.get().set_path("/forged");
    request
        .get()
        .set_blob(capstan_rpc::new_client(BlobHandleImpl {
            bytes: b"mine".to_vec(),
        }));
    let error = request.send().promise.await.err().unwrap();
    assert!(error.reason.contains("not made here"), "{error}");
}
