//! What logs and metrics tell.

use std::io;
use std::sync::{Arc, Mutex};

use capstan_net::{Metrics, Options, websocket};
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::Uploader;
use crate::server::{echo, shared_bootstrap};
use crate::trial_capnp::trial;

async fn serve(options: Options) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/rpc", listener.local_addr().unwrap());
    tokio::spawn(async move {
        websocket::serve(listener, "/rpc", options, |_| shared_bootstrap())
            .await
            .unwrap();
    });
    url
}

/// One call of every outcome, and a stream.
async fn exercise(url: &str) {
    let connection = websocket::connect(url, Options::default()).await.unwrap();
    let trial: trial::Client = connection.bootstrap();
    echo(&trial, "hi").await.unwrap();
    echo(&trial, "again").await.unwrap();
    let mut failing = trial.fail_request();
    failing.get().set_reason("on purpose");
    assert!(failing.send().promise.await.is_err());
    assert!(trial.unwritten_request().send().promise.await.is_err());
    let hanging = trial.hang_request().send();
    echo(&trial, "behind it").await.unwrap();
    drop(hanging);
    let upload = Uploader::open(&connection).await;
    for _ in 0..10 {
        upload.write(&[3; 1000]).await.unwrap();
    }
    upload.end().await.unwrap();
    // An interface that nobody has.
    let strange = upload.sink.clone();
    let strange: trial::Client =
        capstan_rpc::FromClient::from_client(capstan_rpc::FromClient::into_client(strange));
    assert!(echo(&strange, "hi").await.is_err());
    connection.close().await;
}

#[tokio::test]
async fn metrics_tell_calls_by_name_and_outcome() {
    let metrics = Metrics::new();
    let url = serve(Options::default().with_metrics(&metrics)).await;
    exercise(&url).await;
    let text = loop {
        let text = metrics.encode();
        if text.contains("capstan_connections 0\n") {
            break text;
        }
        tokio::task::yield_now().await;
    };
    for line in [
        r#"capstan_calls_total{interface="Trial",method="echo",outcome="ok"} 3"#,
        r#"capstan_calls_total{interface="Trial",method="fail",outcome="failed"} 1"#,
        r#"capstan_calls_total{interface="Trial",method="unwritten",outcome="unimplemented"} 1"#,
        r#"capstan_calls_total{interface="Trial",method="hang",outcome="canceled"} 1"#,
        r#"capstan_calls_total{interface="StreamingByteSink",method="write",outcome="ok"} 10"#,
        r#"capstan_calls_total{interface="StreamingByteSink",method="end",outcome="ok"} 1"#,
        r#"capstan_calls_total{interface="unknown",method="unknown",outcome="unimplemented"} 1"#,
        r#"capstan_call_duration_seconds_count{interface="Trial",method="echo"} 3"#,
        "capstan_accepted_connections_total 1",
        "capstan_running_calls 0",
        "capstan_streams 0",
        "capstan_stream_in_flight_bytes 0",
        "capstan_stream_window_bytes 0",
        "capstan_send_queue_bytes 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    let bytes = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}\n{text}"))
            .trim()
            .parse()
            .unwrap()
    };
    assert!(bytes("capstan_received_bytes_total") > 10_000, "{text}");
    assert!(bytes("capstan_sent_bytes_total") > 500, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Of a runtime of one thread, everything happens under the subscriber of that thread.
#[test]
fn spans_name_connections_and_calls() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = serve(Options::default()).await;
        exercise(&url).await;
        // The server's side of the connection ends a little later.
        while !log
            .text()
            .contains("path=\"/rpc\"}: capstan_net::observe: close")
        {
            tokio::task::yield_now().await;
        }
    });
    let text = log.text();
    let has = |parts: &[&str]| {
        let found = text
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "{parts:?}\n{text}");
    };
    let within = "connection{peer=\"127.0.0.1:";
    has(&[
        "DEBUG",
        within,
        "call{",
        "interface=\"Trial\" method=\"echo\"",
        "outcome=\"ok\"",
        "close",
    ]);
    has(&[
        within,
        "method=\"fail\"",
        "call failed kind=Failed error=on purpose",
    ]);
    has(&[within, "method=\"hang\"", "outcome=\"canceled\"", "close"]);
    has(&[
        within,
        "interface=\"StreamingByteSink\" method=\"write\"",
        "outcome=\"ok\"",
        "close",
    ]);
    has(&[" INFO ", within, "path=\"/rpc\"}: ", "close"]);
}
