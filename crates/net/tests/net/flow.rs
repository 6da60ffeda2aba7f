//! What flow control makes of real sockets, and what can be seen of it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use capstan_net::{Connection, Options, observe_stream, tcp, websocket};
use capstan_rpc::{Error, new_client};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::server::{ALL, Network, Server};
use crate::trial_capnp::{streaming_byte_sink, trial};

static CHUNK: [u8; 65_536] = [7; 65_536];

async fn write(sink: &streaming_byte_sink::Client) -> Result<(), Error> {
    let mut request = sink.write_request();
    request.get().set_chunk(CHUNK);
    request.send().await
}

/// The window stays as large as it was while nothing is sent. When the way takes nothing any more then, only the
/// backlog in this computer tells.
#[cfg(any(target_os = "android", target_os = "linux"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stops_reading_is_not_sent_a_window_full() {
    for network in [Network::WebSocket, Network::Tcp] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let options = Options::default();
            let object = |_| new_client::<trial::Client, _>(Swallower);
            match network {
                Network::Tcp => tcp::serve(listener, options, object).await.unwrap(),
                _ => websocket::serve(listener, "/", options, object)
                    .await
                    .unwrap(),
            }
        });
        let way = Way::to(server).await;
        let connection = match network {
            Network::Tcp => tcp::connect(&way.address.to_string(), Options::default()).await,
            _ => websocket::connect(&format!("ws://{}/", way.address), Options::default()).await,
        };
        let connection = connection.unwrap();
        let trial: trial::Client = connection.bootstrap();
        let sink = trial.open_request().send().pipeline.get_sink();
        while window(&connection) < 4 << 20 {
            write(&sink).await.unwrap();
        }
        while in_flight(&connection) > 0 {
            sleep(Duration::from_millis(10)).await;
        }

        way.is_open.send_replace(false);
        let writing = tokio::spawn(async move { while write(&sink).await.is_ok() {} });
        let mut held = 0;
        let mut looks = 0;
        while looks < 10 {
            sleep(Duration::from_millis(50)).await;
            let now = in_flight(&connection);
            looks = if now == held && now > 0 { looks + 1 } else { 0 };
            held = now;
        }
        assert!(window(&connection) >= 4 << 20, "nothing has shrunk it");
        assert!(
            held < 5 << 19,
            "{network:?}: {held} bytes are held {:?} {:?}",
            connection.stats(),
            connection.line_stats()
        );

        writing.abort();
        let before = way.carried.load(Ordering::Relaxed);
        let call = trial.echo_request().send().promise;
        sleep(Duration::from_millis(10)).await;
        way.is_open.send_replace(true);
        call.await.unwrap();
        let ahead = way.carried.load(Ordering::Relaxed) - before;
        assert!(ahead < 5 << 19, "{network:?}: {ahead} bytes went ahead");
    }
}

fn window(connection: &Connection) -> u64 {
    connection.stats().unwrap().window_bytes
}

fn in_flight(connection: &Connection) -> u64 {
    connection.stats().unwrap().in_flight_bytes
}

struct Swallower;

impl trial::Server for Swallower {
    async fn echo(&self, _: trial::EchoParams, _: trial::EchoResults) -> Result<(), Error> {
        Ok(())
    }

    async fn open(
        &self,
        _params: trial::OpenParams,
        mut results: trial::OpenResults,
    ) -> Result<(), Error> {
        results.get().set_sink(new_client(Swallower));
        Ok(())
    }
}

impl streaming_byte_sink::Server for Swallower {
    async fn write(&self, _: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        Ok(())
    }
}

/// A long way to a server, which keeps little on its own account and can be closed.
struct Way {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    /// Bytes to the server.
    carried: Arc<AtomicUsize>,
}

impl Way {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_open, open) = watch::channel(true);
        let carried: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&carried);
        tokio::spawn(async move {
            let (near, _) = listener.accept().await.unwrap();
            socket2::SockRef::from(&near)
                .set_recv_buffer_size(1 << 16)
                .unwrap();
            let far = TcpStream::connect(server).await.unwrap();
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (mut near_read, mut near_write) = near.into_split();
            let (mut far_read, mut far_write) = far.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut far_read, &mut near_write).await });
            let (under_way, mut arriving) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                while let Some((at, bytes)) = arriving.recv().await {
                    sleep_until(at).await;
                    let bytes: Vec<u8> = bytes;
                    count.fetch_add(bytes.len(), Ordering::Relaxed);
                    if far_write.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            });
            let mut open = open;
            let mut buffer = vec![0; 1 << 18];
            while open.wait_for(|open| *open).await.is_ok() {
                let bytes = tokio::select! {
                    read = near_read.read(&mut buffer) => read.unwrap_or(0),
                    _ = open.changed() => continue,
                };
                let at = Instant::now() + Duration::from_millis(300);
                if bytes == 0 || under_way.send((at, buffer[..bytes].to_vec())).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            is_open,
            carried,
        }
    }
}

#[tokio::test]
async fn what_streams_do_can_be_watched() {
    for network in ALL {
        let mut server = Server::start(network).await;
        let connection = server.connect().await;
        let trial: trial::Client = connection.bootstrap();
        let sink = trial.open_request().send().pipeline.get_sink();
        let of_stream = observe_stream(&sink, Duration::ZERO);
        let of_connection = connection.observe(Duration::ZERO);
        let watching = tokio::spawn(async move {
            let samples: Vec<_> = of_stream.collect().await;
            let times = samples.windows(2);
            assert!(times.into_iter().all(|pair| pair[0].at < pair[1].at));
            let repeated = samples
                .windows(2)
                .filter(|pair| pair[0].stats == pair[1].stats);
            assert_eq!(repeated.count(), 0, "only changes are told");
            samples.last().unwrap().stats
        });
        let mut of_connection = pin!(of_connection);
        assert_eq!(of_connection.next().await.unwrap().stats.delivered_bytes, 0);
        for _ in 0..20 {
            write(&sink).await.unwrap();
        }
        let written = loop {
            let stats = of_connection.next().await.unwrap().stats;
            if stats.in_flight_bytes == 0 && stats.delivered_bytes > 0 {
                break stats;
            }
        };
        assert!(written.delivered_bytes >= 20 * CHUNK.len() as u64);
        assert!(written.btl_bw > 0 && written.rt_prop_micros.is_some());

        // Whoever watches does not keep what is watched.
        sleep(Duration::from_millis(20)).await;
        drop(sink);
        let upload = server.uploads.recv().await.unwrap();
        assert_eq!(upload.bytes, 20 * CHUNK.len() as u64);
        let last = watching.await.unwrap();
        assert_eq!(last.in_flight_bytes, 0);
        assert_eq!(last.delivered_bytes, written.delivered_bytes);
        drop(connection);
        while of_connection.next().await.is_some() {}
    }
}
