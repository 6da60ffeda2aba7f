//! Streams on connections of their own, over real sockets, and what strangers try with their tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub
)]

#[path = "../../../rpc/tests/sinks/depot.rs"]
mod depot;
#[rustfmt::skip]
#[path = "../../../rpc/tests/generated/depot_capnp.rs"]
mod depot_capnp;
mod proxy;

use std::net::SocketAddr;
use std::time::Duration;

use capstan_net::{Connection, Dedicated, Options, gateway, tcp, websocket};
use capstan_rpc::message::{data, text};
use capstan_rpc::sinks::Source;
use capstan_rpc::sinks_capnp::{dedicated, source};
use capstan_rpc::{Error, ErrorKind, new_client};
use depot::{Depot, read_all, write_all};
use depot_capnp::depot as depot_interface;
use proxy::Proxy;
use tokio::net::TcpListener;

struct House {
    proxy: Proxy,
    connection: Connection,
    depot: depot_interface::Client,
}

#[derive(Clone, Copy, Debug)]
enum Network {
    Tcp,
    WebSocket,
    /// WebSocket to a gateway, and TCP from there.
    Gateway,
}

const NETWORKS: [Network; 3] = [Network::Tcp, Network::WebSocket, Network::Gateway];

async fn start() -> House {
    start_with(Options::default()).await
}

async fn start_with(options: Options) -> House {
    start_over(Network::WebSocket, options).await
}

async fn start_over(network: Network, options: Options) -> House {
    let depot = |_| new_client::<depot_interface::Client, _>(Depot::default());
    let (listener, mut address) = listener().await;
    match network {
        Network::WebSocket => {
            tokio::spawn(websocket::serve(listener, "/rpc", options, depot));
        }
        Network::Tcp | Network::Gateway => {
            tokio::spawn(tcp::serve(listener, options, depot));
        }
    }
    if matches!(network, Network::Gateway) {
        let server = address.to_string().parse().unwrap();
        let (listener, front) = self::listener().await;
        address = front;
        let never = std::future::pending();
        let options = gateway::Options::default();
        tokio::spawn(gateway::serve(listener, server, options, never));
    }
    let proxy = Proxy::start(address).await;
    let connection = match network {
        Network::Tcp => tcp::connect(&proxy.address.to_string(), Options::default()).await,
        _ => websocket::connect(&url(&proxy), Options::default()).await,
    };
    let connection = connection.unwrap();
    let depot = connection.bootstrap();
    House {
        proxy,
        connection,
        depot,
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn url(proxy: &Proxy) -> String {
    format!("ws://{}/rpc", proxy.address)
}

fn door(connection: &Connection) -> dedicated::Client {
    connection.handle().dedicated()
}

async fn token(connection: &Connection) -> Vec<u8> {
    let opened = door(connection)
        .open_request()
        .send()
        .promise
        .await
        .unwrap();
    opened.get().unwrap().get_token().unwrap().to_vec()
}

async fn join(connection: &Connection, token: &[u8]) -> Result<(), Error> {
    let mut request = door(connection).join_request();
    request.get().set_token(token);
    request.send().promise.await.map(drop)
}

async fn again(house: &House) -> Connection {
    websocket::connect(&url(&house.proxy), Options::default())
        .await
        .unwrap()
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("item {n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_data_has_a_connection_of_its_own() {
    const CHUNKS: usize = 256;
    for network in NETWORKS {
        let house = start_over(network, Options::default()).await;
        let (mut sink, source) = house
            .connection
            .open_dedicated_sink::<data::Owned>()
            .await
            .unwrap();
        assert_eq!(house.proxy.count(), 2);
        let mut stall = house.depot.stall_request();
        stall.get().set_items(source);
        stall.send().promise.await.unwrap();
        let writing = tokio::spawn(async move {
            for _ in 0..CHUNKS {
                sink.write(&[5; 65536][..]).await?;
            }
            sink.end().await
        });
        let resumed = house.depot.resume_request().send().promise.await.unwrap();
        assert_eq!(resumed.get().unwrap().get_bytes(), CHUNKS as u64 * 65536);
        writing.await.unwrap().unwrap();
        assert!(
            house.proxy.passage(0).bytes() < 8192,
            "{}",
            house.proxy.passage(0).bytes()
        );
        assert!(house.proxy.passage(1).bytes() > CHUNKS as u64 * 65536);
        // Over with its stream, and the first goes on.
        house.proxy.passage(1).over().await;
        house.depot.drop_request().send().promise.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_ways_to_have_one() {
    for network in NETWORKS {
        let house = start_over(network, Options::default()).await;
        let (sink, source) = house.connection.open_dedicated_sink().await.unwrap();
        let mut put = house.depot.put_request();
        put.get().set_name("a");
        put.get().set_items(source);
        let put = put.send().promise;
        write_all(sink, texts(500)).await.unwrap();
        put.await.unwrap();

        let (into, source) = house.connection.open_dedicated_source().await.unwrap();
        let mut get = house.depot.get_request();
        get.get().set_name("a");
        get.get().set_into(into);
        let get = get.send().promise;
        assert_eq!(read_all(source).await.unwrap(), texts(500));
        get.await.unwrap();

        let mut take = house.depot.take_request();
        take.get().set_name("a");
        let items = take.send().pipeline.get_items();
        let source = house.connection.dedicate_source(items).await.unwrap();
        assert_eq!(read_all(source).await.unwrap(), texts(500));

        let mut fill = house.depot.fill_request();
        fill.get().set_name("b");
        let into = fill.send().pipeline.get_into();
        let sink = house.connection.dedicate_sink(into).await.unwrap();
        write_all(sink, texts(10)).await.unwrap();

        // The data went over four connections, each of which is over with its stream.
        assert_eq!(house.proxy.count(), 5);
        for index in 1..5 {
            house.proxy.passage(index).over().await;
            let least = if index < 4 { 500 } else { 10 } * 64;
            assert!(house.proxy.passage(index).bytes() > least, "{index}");
        }
        assert!(house.proxy.passage(0).bytes() < 8192);
        assert_eq!(house.connection.stats().unwrap().exports, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_one_time() {
    let house = start().await;
    let token = token(&house.connection).await;
    assert_eq!(token.len(), 32);
    let (first, second) = (again(&house).await, again(&house).await);
    join(&first, &token).await.unwrap();
    let error = join(&second, &token).await.unwrap_err();
    assert!(error.reason.contains("used before"), "{error}");
    // The failure concerns nobody else.
    house.depot.drop_request().send().promise.await.unwrap();
    first
        .bootstrap::<depot_interface::Client>()
        .drop_request()
        .send()
        .promise
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_are_refused() {
    let house = start().await;
    let right = token(&house.connection).await;
    let other = again(&house).await;
    let mut almost = right.clone();
    almost[31] ^= 1;
    for wrong in [
        &[][..],
        &[0; 32],
        &almost,
        &right[..31],
        &[&right[..], &[0]].concat(),
    ] {
        let error = join(&other, wrong).await.unwrap_err();
        assert!(error.reason.contains("not known"), "{error}");
    }
    join(&other, &right).await.unwrap();
    assert_ne!(right, token(&house.connection).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_of_no_use_elsewhere() {
    let (house, elsewhere) = (start().await, start().await);
    let token = token(&house.connection).await;
    let error = join(&again(&elsewhere).await, &token).await.unwrap_err();
    assert!(error.reason.contains("not of this server"), "{error}");
    let error = join(&house.connection, &token).await.unwrap_err();
    assert!(error.reason.contains("has to be new"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dedicated_connection_belongs_to_one_other() {
    let house = start().await;
    let (one, two) = (
        token(&house.connection).await,
        token(&house.connection).await,
    );
    let other = again(&house).await;
    join(&other, &one).await.unwrap();
    let error = join(&other, &two).await.unwrap_err();
    assert!(error.reason.contains("has to be new"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_expire() {
    let dedicated = Dedicated::default().with_token_lifetime(Duration::from_millis(50));
    let house = start_with(Options {
        dedicated: Some(dedicated),
        ..Options::default()
    })
    .await;
    let opened = door(&house.connection)
        .open_request()
        .send()
        .promise
        .await
        .unwrap();
    let carried: source::Client<data::Owned> =
        opened.get().unwrap().get_carried().unwrap().cast_to();
    // What was promised is broken then, and streams that were to come from it fail.
    let error = Source::new(carried).next().await.unwrap().unwrap_err();
    assert!(error.reason.contains("did not come within 50ms"), "{error}");
    let token = opened.get().unwrap().get_token().unwrap();
    let error = join(&again(&house).await, token).await.unwrap_err();
    assert!(error.reason.contains("has expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_have_so_many() {
    let dedicated = Dedicated::default().with_per_connection(2);
    let house = start_with(Options {
        dedicated: Some(dedicated),
        ..Options::default()
    })
    .await;
    let first = house
        .connection
        .open_dedicated_sink::<text::Owned>()
        .await
        .unwrap();
    let _second = house
        .connection
        .open_dedicated_sink::<text::Owned>()
        .await
        .unwrap();
    let error = house
        .connection
        .open_dedicated_sink::<text::Owned>()
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Overloaded);
    assert!(
        error.reason.contains("has 2 dedicated connections"),
        "{error}"
    );
    // Another connection has its own.
    let other = again(&house).await;
    other.open_dedicated_sink::<text::Owned>().await.unwrap();
    drop(first);
    house.proxy.passage(1).over().await;
    while let Err(error) = house.connection.open_dedicated_sink::<text::Owned>().await {
        assert_eq!(error.kind, ErrorKind::Overloaded, "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_closes_before_the_join_takes_the_token_along() {
    let house = start().await;
    let token = token(&house.connection).await;
    let other = again(&house).await;
    house.connection.close().await;
    loop {
        // The server hears of it in its own time; until then the connection ends right after.
        match join(&other, &token).await {
            Err(error) if error.kind == ErrorKind::Failed => break,
            Err(error) => assert_eq!(error.kind, ErrorKind::Disconnected, "{error}"),
            Ok(()) => {
                assert_eq!(other.closed().await.kind, ErrorKind::Disconnected);
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_parent_on_both_sides() {
    for network in NETWORKS {
        let house = start_over(network, Options::default()).await;
        let (mut sink, source) = house
            .connection
            .open_dedicated_sink::<text::Owned>()
            .await
            .unwrap();
        let mut introduce = house.depot.introduce_request();
        introduce.get().set_names(source);
        let people = introduce.send().pipeline.get_people();
        let mut people = house.connection.dedicate_source(people).await.unwrap();
        sink.write("Ada").await.unwrap();
        people.next().await.unwrap().unwrap();
        // Cut on the way, so that neither side is told by the other.
        house.proxy.passage(0).cut();
        let error = people.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Disconnected);
        assert!(
            error
                .reason
                .contains("closed that this dedicated one belongs to"),
            "{error}"
        );
        house.proxy.passage(1).over().await;
        house.proxy.passage(2).over().await;
        while sink.write("Charles").await.is_ok() {
            tokio::task::yield_now().await;
        }
        sink.end().await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_fails_its_stream_and_nothing_else() {
    let house = start().await;
    let (mut sink, source) = house.connection.open_dedicated_sink().await.unwrap();
    let mut put = house.depot.put_request();
    put.get().set_name("a");
    put.get().set_items(source);
    let put = put.send().promise;
    sink.write("one").await.unwrap();
    house.proxy.passage(1).cut();
    let error = put.await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Disconnected, "{error}");
    while sink.write("two").await.is_ok() {
        tokio::task::yield_now().await;
    }
    // Nothing was kept of it.
    let mut take = house.depot.take_request();
    take.get().set_name("a");
    let error = take.send().promise.await.err().unwrap();
    assert!(error.reason.contains("no items called a"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_cancel_and_writers_abort_as_elsewhere() {
    let house = start().await;
    let (mut sink, source) = house
        .connection
        .open_dedicated_sink::<data::Owned>()
        .await
        .unwrap();
    let mut stall = house.depot.stall_request();
    stall.get().set_items(source);
    stall.send().promise.await.unwrap();
    house.depot.drop_request().send().promise.await.unwrap();
    let error = loop {
        if let Err(error) = sink.write(&[0; 1000][..]).await {
            break error;
        }
    };
    assert!(
        error.reason.contains("nobody reads this stream any more"),
        "{error}"
    );

    let (mut sink, source) = house.connection.open_dedicated_sink().await.unwrap();
    let mut put = house.depot.put_request();
    put.get().set_name("a");
    put.get().set_items(source);
    let put = put.send().promise;
    sink.write("one").await.unwrap();
    sink.abort(Error::failed("thought better of it"));
    let error = put.await.err().unwrap();
    assert!(error.reason.contains("thought better of it"), "{error}");
    for index in 1..=2 {
        house.proxy.passage(index).over().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_offer_them_is_named() {
    let house = start_with(Options {
        dedicated: None,
        ..Options::default()
    })
    .await;
    let error = house
        .connection
        .open_dedicated_sink::<text::Owned>()
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(
        error.reason.contains("the server does not offer them"),
        "{error}"
    );
    house.depot.drop_request().send().promise.await.unwrap();

    let (here, _there) = tokio::io::duplex(4096);
    let connection = tcp::attach(here, "a pipe", Options::default());
    let error = connection
        .open_dedicated_sink::<text::Owned>()
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(error.reason.contains("was made by `attach`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_may_ask_for_the_object_of_dedicated_connections_and_call_what_it_has_not() {
    let house = start().await;
    let door: depot_interface::Client = house.connection.handle().dedicated();
    let error = door.drop_request().send().promise.await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    let bootstrap: dedicated::Client = house.connection.bootstrap();
    let error = bootstrap.open_request().send().promise.await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
}
