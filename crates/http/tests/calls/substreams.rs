//! A server that writes a response's body by way of substreams, as a C++ proxy does.

use std::sync::{Arc, Mutex};

use capstan_http::byte_stream_capnp::byte_stream::{self, substream_callback};
use capstan_http::{HttpClient, Result, http_service};
use capstan_rpc::new_client;
use http_body_util::BodyExt;

use crate::get;

type Log = Arc<Mutex<Vec<String>>>;

struct Server {
    log: Log,
}

struct Callback {
    log: Log,
}

struct Next {
    log: Log,
}

fn note(log: &Log, line: String) {
    log.lock().unwrap().push(line);
}

impl substream_callback::Server for Callback {
    async fn ended(
        &self,
        params: substream_callback::EndedParams,
        _: substream_callback::EndedResults,
    ) -> Result<()> {
        note(
            &self.log,
            format!("ended after {}", params.get()?.get_byte_count()),
        );
        Ok(())
    }

    async fn reached_limit(
        &self,
        _: substream_callback::ReachedLimitParams,
        mut results: substream_callback::ReachedLimitResults,
    ) -> Result<()> {
        note(&self.log, "limit".to_owned());
        let log = Arc::clone(&self.log);
        results.get().set_next(new_client(Next { log }));
        Ok(())
    }
}

impl byte_stream::Server for Next {
    async fn write(&self, params: byte_stream::WriteParams) -> Result<()> {
        note(&self.log, format!("next {:?}", params.get()?.get_bytes()?));
        Ok(())
    }

    async fn end(&self, _: byte_stream::EndParams, _: byte_stream::EndResults) -> Result<()> {
        note(&self.log, "next ended".to_owned());
        Ok(())
    }
}

async fn write(to: &byte_stream::Client, bytes: &[u8]) -> Result<()> {
    let mut request = to.write_request();
    request.get().set_bytes(bytes);
    request.send().await
}

async fn end(stream: &byte_stream::Client) -> Result<()> {
    stream.end_request().send().promise.await.map(drop)
}

impl Server {
    fn substream(&self, of: &byte_stream::Client, limit: Option<u64>) -> byte_stream::Client {
        let mut request = of.get_substream_request();
        let log = Arc::clone(&self.log);
        request.get().set_callback(new_client(Callback { log }));
        if let Some(limit) = limit {
            request.get().set_limit(limit);
        }
        let sent = request.send();
        let substream = sent.pipeline.get_substream();
        tokio::spawn(sent.promise);
        substream
    }
}

impl http_service::Server for Server {
    async fn request(
        &self,
        params: http_service::RequestParams,
        _: http_service::RequestResults,
    ) -> Result<()> {
        let mut start = params.get()?.get_context()?.start_response_request();
        start.get().init_response().set_status_code(200);
        let started = start.send();
        let body = started.pipeline.get_body();
        let limited = self.substream(&body, Some(5));
        let refused = end(&body).await.unwrap_err();
        assert!(refused.reason.contains("has a substream"), "{refused}");
        write(&limited, &[1, 2, 3]).await?;
        write(&limited, &[4, 5, 6, 7]).await?;
        write(&limited, &[8]).await?;
        end(&limited).await?;
        let unlimited = self.substream(&body, None);
        write(&unlimited, &[9]).await?;
        end(&unlimited).await?;
        write(&body, &[10]).await?;
        end(&body).await?;
        started.promise.await.map(drop)
    }
}

#[tokio::test]
async fn bytes_go_to_the_body_until_the_limit_and_then_elsewhere() {
    let log = Log::default();
    let server: http_service::Client = new_client(Server {
        log: Arc::clone(&log),
    });
    let runtime = capstan_net::runtime();
    let client = HttpClient::new(runtime.adopt(server));
    let body = client.request(get("/")).await.unwrap().into_body();
    assert_eq!(
        body.collect().await.unwrap().to_bytes(),
        &[1, 2, 3, 4, 5, 9, 10][..]
    );
    assert_eq!(
        *log.lock().unwrap(),
        [
            "limit",
            "next [6, 7]",
            "next [8]",
            "next ended",
            "ended after 1"
        ]
    );
}
