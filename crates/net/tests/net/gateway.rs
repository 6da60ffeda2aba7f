//! WebSocket clients of TCP servers, by way of a gateway. The peers are played by hand where it
//! matters how a connection ends.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capstan_net::gateway::{self, Upstream};
use capstan_net::{Options, Origins, websocket};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{ALL, Ear, Network, Server, echo};
use crate::trial_capnp::trial;

type Raw = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Gateway {
    address: SocketAddr,
    /// Asks it to end.
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// What it told its operator.
    reports: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    async fn start(to: impl ToString, options: gateway::Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let reports: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&reports);
        let options = gateway::Options {
            report: Some(Arc::new(move |line: &str| {
                log.lock().unwrap().push(line.to_string());
            })),
            ..options
        };
        let to: Upstream = to.to_string().parse().unwrap();
        let task = tokio::spawn(async move {
            let ended = async { drop(ended.await) };
            gateway::serve(listener, to, options, ended).await.unwrap();
        });
        Self {
            address,
            end,
            task,
            reports,
        }
    }

    fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    async fn raw(&self) -> Raw {
        connect_async(self.url()).await.unwrap().0
    }

    fn reported(&self, part: &str) -> bool {
        let reports = self.reports.lock().unwrap();
        reports.iter().any(|line| line.contains(part))
    }
}

/// A server played by hand, and a gateway to it with one client.
async fn by_hand(options: gateway::Options) -> (Gateway, Raw, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::start(listener.local_addr().unwrap(), options).await;
    let client = gateway.raw().await;
    let (server, _) = listener.accept().await.unwrap();
    (gateway, client, server)
}

/// A message of one segment of `words`, each of them `content`.
fn message(words: u32, content: u8) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(words.to_le_bytes());
    message.resize(8 + 8 * words as usize, content);
    message
}

/// The code and reason with which the gateway closes.
async fn closing(client: &mut Raw) -> (u16, String) {
    loop {
        match client.next().await.expect("a close frame").unwrap() {
            Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
            Message::Ping(_) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
}

async fn frame(client: &mut Raw) -> Vec<u8> {
    match client.next().await.unwrap().unwrap() {
        Message::Binary(frame) => frame.into(),
        other => panic!("unexpected {other:?}"),
    }
}

#[tokio::test]
async fn calls_callbacks_and_streams_go_through() {
    for network in ALL {
        if network == Network::WebSocket {
            continue;
        }
        let mut server = Server::start(network).await;
        let options = gateway::Options {
            packed: network == Network::PackedTcp,
            ..gateway::Options::default()
        };
        let gateway = Gateway::start(server.address, options).await;
        let connection = websocket::connect(&gateway.url(), Options::default())
            .await
            .unwrap();
        let trial: trial::Client = connection.bootstrap();
        // Enough calls at once for batches to be offered and used.
        for _ in 0..4 {
            let calls = (0..50).map(|number| {
                let trial = trial.clone();
                async move { echo(&trial, &format!("{number}")).await.unwrap() }
            });
            let answers = futures_util::future::join_all(calls).await;
            let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
            assert_eq!(answers, expected);
        }
        let mut request = trial.notify_request();
        request.get().set_text("you");
        request
            .get()
            .set_listener(capstan_rpc::new_client::<trial::listener::Client, _>(Ear));
        let response = request.send().promise.await.unwrap();
        assert_eq!(response.get().unwrap().get_answer().unwrap(), "heard you");
        let sink = trial.open_request().send().pipeline.get_sink();
        for number in 0..200 {
            let mut request = sink.write_request();
            request.get().set_chunk(vec![number as u8; 50_000]);
            request.send().await.unwrap();
        }
        let ended = sink.end_request().send().promise.await.unwrap();
        assert_eq!(ended.get().unwrap().get_total(), 200 * 50_000);
        drop(sink);
        assert!(server.uploads.recv().await.unwrap().ended);
    }
}

#[tokio::test]
async fn many_clients_at_a_time() {
    let server = Server::start(Network::Tcp).await;
    let gateway = Gateway::start(server.address, gateway::Options::default()).await;
    let url = gateway.url();
    let clients = (0..150).map(|number| {
        let url = url.clone();
        async move {
            let connection = websocket::connect(&url, Options::default()).await.unwrap();
            let trial: trial::Client = connection.bootstrap();
            let text = format!("client {number}");
            assert_eq!(echo(&trial, &text).await.unwrap(), text);
            (connection, trial)
        }
    });
    // All of them are open until the last has its answer.
    let clients = futures_util::future::join_all(clients).await;
    assert_eq!(clients.len(), 150);
}

/// To a stream of bytes, several messages in a frame are no difference; the client gets one a frame.
#[tokio::test]
async fn frames_of_several_messages() {
    let (_gateway, mut client, mut server) = by_hand(gateway::Options::default()).await;
    let all = [message(1, 1), message(3, 2), message(2, 3)].concat();
    client.send(Message::binary(all.clone())).await.unwrap();
    let mut received = vec![0; all.len()];
    server.read_exact(&mut received).await.unwrap();
    assert_eq!(received, all);
    // In pieces that end nowhere in particular.
    for piece in all.chunks(7) {
        server.write_all(piece).await.unwrap();
        server.flush().await.unwrap();
    }
    assert_eq!(frame(&mut client).await, message(1, 1));
    assert_eq!(frame(&mut client).await, message(3, 2));
    assert_eq!(frame(&mut client).await, message(2, 3));
}

#[tokio::test]
async fn frames_of_several_messages_are_packed_one_by_one() {
    let options = gateway::Options {
        packed: true,
        ..gateway::Options::default()
    };
    let (_gateway, mut client, mut server) = by_hand(options).await;
    let all = [message(1, 1), message(2, 0)].concat();
    client.send(Message::binary(all)).await.unwrap();
    // By the rules of packing: a tag for each word, of which a zero one stands for itself and the
    // count of zero words behind it, one of all ones is followed by a count of literal words.
    let expected = [0x10, 1, 0xff, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0x10, 2, 0x00, 1];
    let mut received = [0; 16];
    server.read_exact(&mut received).await.unwrap();
    assert_eq!(received, expected);
    server.write_all(&expected).await.unwrap();
    assert_eq!(frame(&mut client).await, message(1, 1));
    assert_eq!(frame(&mut client).await, message(2, 0));
}

/// While one side reads nothing, the gateway takes no more from the other than fits the buffers of the
/// sockets and one turn. When it reads again, nothing is missing.
#[tokio::test]
async fn one_slow_side_holds_back_the_other() {
    const MESSAGES: usize = 2000;
    let (_gateway, client, server) = by_hand(gateway::Options::default()).await;
    let chunk = message(4096, 7);
    let (mut to_client, mut from_client) = client.split();
    let (mut from_server, mut to_server) = server.into_split();

    let sent = Arc::new(AtomicUsize::new(0));
    let (counter, next) = (Arc::clone(&sent), chunk.clone());
    let sending = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            to_client.send(Message::binary(next.clone())).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
        }
        to_client
    });
    assert!(stalls(&sent).await < MESSAGES / 2, "64 MiB went nowhere");
    let mut received = vec![0; chunk.len()];
    for _ in 0..MESSAGES {
        from_server.read_exact(&mut received).await.unwrap();
        assert_eq!(received, chunk);
    }
    let _open = sending.await.unwrap();

    let sent = Arc::new(AtomicUsize::new(0));
    let (counter, next) = (Arc::clone(&sent), chunk.clone());
    let sending = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            to_server.write_all(&next).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
        }
        to_server
    });
    assert!(stalls(&sent).await < MESSAGES / 2, "64 MiB went nowhere");
    for _ in 0..MESSAGES {
        match from_client.next().await.unwrap().unwrap() {
            Message::Binary(frame) => assert_eq!(frame, chunk),
            other => panic!("unexpected {other:?}"),
        }
    }
    let _open = sending.await.unwrap();
}

/// The count, when it has not changed for a while.
async fn stalls(count: &AtomicUsize) -> usize {
    loop {
        let before = count.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(500)).await;
        if before > 0 && count.load(Ordering::Relaxed) == before {
            return before;
        }
    }
}

#[tokio::test]
async fn an_unreachable_server_is_said_with_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway = Gateway::start(address, gateway::Options::default()).await;
    let (code, reason) = closing(&mut gateway.raw().await).await;
    assert_eq!(code, 1013);
    assert!(
        reason.contains("cannot reach the server") && reason.contains("connection refused"),
        "{reason}"
    );
    assert!(
        !reason.contains(&address.port().to_string()),
        "pages need not know where the server is: {reason}"
    );
    assert!(gateway.reported(&address.to_string()));
}

#[tokio::test]
async fn a_server_that_closes_in_good_order() {
    let (gateway, mut client, mut server) = by_hand(gateway::Options::default()).await;
    server.write_all(&message(1, 9)).await.unwrap();
    // Its last words come first.
    drop(server);
    assert_eq!(frame(&mut client).await, message(1, 9));
    let (code, reason) = closing(&mut client).await;
    assert_eq!(code, 1000);
    assert!(
        reason.contains("server behind the gateway closed"),
        "{reason}"
    );
    assert!(gateway.reports.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_only_stops_sending() {
    let (_gateway, mut client, mut server) = by_hand(gateway::Options::default()).await;
    server.shutdown().await.unwrap();
    assert_eq!(closing(&mut client).await.0, 1000);
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_breaks_off_in_a_message() {
    let (gateway, mut client, mut server) = by_hand(gateway::Options::default()).await;
    server.write_all(&message(4, 9)[..20]).await.unwrap();
    drop(server);
    let (code, reason) = closing(&mut client).await;
    assert_eq!(code, 1011);
    assert!(reason.contains("in the middle of a message"), "{reason}");
    assert!(gateway.reported("in the middle of a message"));
}

#[tokio::test]
async fn a_server_that_resets_the_connection() {
    let (_gateway, mut client, server) = by_hand(gateway::Options::default()).await;
    client.send(Message::binary(message(9, 9))).await.unwrap();
    // Closing a socket with unread bytes resets its connection.
    assert_eq!(server.peek(&mut [0]).await.unwrap(), 1);
    drop(server);
    let (code, reason) = closing(&mut client).await;
    assert_eq!(code, 1011);
    assert!(reason.contains("reset"), "{reason}");
}

#[tokio::test]
async fn a_server_that_sends_no_messages() {
    for (bytes, why) in [
        (vec![0xff; 64], "segments"),
        (vec![0, 0, 0, 0, 0xff, 0xff, 0, 0], "longer than"),
    ] {
        let options = gateway::Options {
            max_message_bytes: 1 << 16,
            ..gateway::Options::default()
        };
        let (_gateway, mut client, mut server) = by_hand(options).await;
        server.write_all(&bytes).await.unwrap();
        let (code, reason) = closing(&mut client).await;
        assert_eq!(code, 1011);
        assert!(reason.contains(why), "{reason}");
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn clients_that_send_no_messages() {
    let cases = [
        (Message::text("{}"), 1003, "text frame"),
        (Message::binary(Vec::new()), 1007, "too few"),
        (
            Message::binary(message(2, 1)[..20].to_vec()),
            1007,
            "ends after 20",
        ),
        (
            Message::binary([message(1, 1), vec![0; 4]].concat()),
            1007,
            "behind 1 messages",
        ),
        (Message::binary(message(1 << 14, 1)), 1009, "longer"),
    ];
    for (sent, expected, why) in cases {
        let options = gateway::Options {
            max_message_bytes: 1 << 16,
            ..gateway::Options::default()
        };
        let (gateway, mut client, mut server) = by_hand(options).await;
        client.send(sent).await.unwrap();
        let (code, reason) = closing(&mut client).await;
        assert_eq!(code, expected, "{reason}");
        assert!(reason.contains(why), "{reason}");
        // Nothing of it came to the server, whose connection is over.
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(gateway.reported(why));
    }
}

#[tokio::test]
async fn a_client_that_closes() {
    let (gateway, mut client, mut server) = by_hand(gateway::Options::default()).await;
    client.send(Message::binary(message(1, 1))).await.unwrap();
    client.close(None).await.unwrap();
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, message(1, 1), "what it sent before arrives");
    drop(server);
    while let Some(Ok(_)) = client.next().await {}
    assert!(gateway.reports.lock().unwrap().is_empty());

    let (_gateway, client, mut server) = by_hand(gateway::Options::default()).await;
    drop(client);
    assert_eq!(
        server.read(&mut [0; 8]).await.unwrap(),
        0,
        "gone without a goodbye"
    );
}

#[tokio::test]
async fn a_silent_client_is_given_up_unless_it_answers() {
    let options = || gateway::Options {
        idle_timeout: Some(Duration::from_millis(100)),
        ..gateway::Options::default()
    };
    // A WebSocket that nobody looks after: its pings are not answered.
    let (gateway, client, mut server) = by_hand(options()).await;
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(gateway.reported("no sign of life"));
    drop(client);

    // One that answers, and says nothing else.
    let (_gateway, mut client, mut server) = by_hand(options()).await;
    let mut pings = 0;
    while pings < 5 {
        if let Message::Ping(_) = client.next().await.unwrap().unwrap() {
            pings += 1;
        }
    }
    client.send(Message::binary(message(1, 1))).await.unwrap();
    let mut received = [0; 16];
    server.read_exact(&mut received).await.unwrap();
    assert_eq!(received.to_vec(), message(1, 1));
}

#[tokio::test]
async fn shutting_down_says_goodbye_to_both_sides() {
    let (gateway, mut client, mut server) = by_hand(gateway::Options::default()).await;
    gateway.end.send(()).unwrap();
    let (code, reason) = closing(&mut client).await;
    assert_eq!(code, 1001);
    assert!(reason.contains("shut down"), "{reason}");
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    drop((client, server));
    gateway.task.await.unwrap();
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn a_client_in_its_handshake_does_not_hold_up_the_end() {
    let gateway = Gateway::start("127.0.0.1:1", gateway::Options::default()).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    gateway.end.send(()).unwrap();
    gateway.task.await.unwrap();
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let server = Server::start(Network::Tcp).await;
    let options = gateway::Options {
        allowed_origins: Origins::listed(["https://example.com"]),
        ..gateway::Options::default()
    };
    let gateway = Gateway::start(server.address, options).await;
    let from = |origin: Option<&str>| {
        let mut request = gateway.url().into_client_request().unwrap();
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("Origin", origin.parse().unwrap());
        }
        connect_async(request)
    };
    assert!(from(Some("https://example.com")).await.is_ok());
    assert!(from(None).await.is_ok(), "not a browser");
    for origin in ["https://example.com.evil.org", "http://example.com", "null"] {
        match from(Some(origin)).await {
            Err(WebSocketError::Http(response)) => {
                assert_eq!(response.status(), 403);
                let body = response.into_body().unwrap();
                assert!(String::from_utf8_lossy(&body).contains(origin));
            }
            other => panic!("{origin}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_full_gateway_refuses_further_clients() {
    let server = Server::start(Network::Tcp).await;
    let options = gateway::Options {
        max_connections: 1,
        ..gateway::Options::default()
    };
    let gateway = Gateway::start(server.address, options).await;
    let mut first = gateway.raw().await;
    match connect_async(gateway.url()).await {
        Err(WebSocketError::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{other:?}"),
    }
    first.close(None).await.unwrap();
    while let Some(Ok(_)) = first.next().await {}
    // It takes a moment until the gateway has seen the end of the first one.
    while connect_async(gateway.url()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_on_a_unix_socket() {
    let directory = std::env::temp_dir().join(format!("capstan-gateway-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let to = format!("unix:{}", path.display());
    let gateway = Gateway::start(to, gateway::Options::default()).await;
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let options = Options::default().with_bootstrap(crate::server::shared_bootstrap());
        let _connection = capstan_net::tcp::attach(stream, "the gateway", options);
        pending::<()>().await;
    };
    let calling = async {
        let connection = websocket::connect(&gateway.url(), Options::default())
            .await
            .unwrap();
        let trial: trial::Client = connection.bootstrap();
        assert_eq!(echo(&trial, "by file").await.unwrap(), "by file");
    };
    tokio::select! {
        () = serving => {}
        () = calling => {}
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
