//! Sinks and sources between two runtimes with a simulated link between them, in tokio's paused time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub
)]

mod depot;
#[rustfmt::skip]
#[path = "../generated/depot_capnp.rs"]
mod depot_capnp;
mod kinds;
#[path = "../api/link.rs"]
mod link;

use std::time::Duration;

use capstan_rpc::message::{data, text};
use capstan_rpc::sinks::{Sink, Source, open_sink, open_source};
use capstan_rpc::{Error, ErrorKind, FromClient, new_client};
use depot::{Depot, read_all, write_all};
use depot_capnp::{depot as depot_interface, person};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use link::{Link, join, settle};

const ONE_WAY: Duration = Duration::from_millis(20);
const WINDOW_BYTES: u64 = 64 * 1024;

fn connect() -> (Link, depot_interface::Client) {
    let link = join(
        ONE_WAY,
        new_client::<depot_interface::Client, _>(Depot::default()),
    );
    let depot = link.client.bootstrap();
    (link, depot)
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("item {n}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sink_passed_in_a_call_arrives_as_a_source_and_the_other_way_round() {
    let (_link, depot) = connect();
    let (sink, source) = open_sink();
    let mut put = depot.put_request();
    put.get().set_name("a");
    put.get().set_items(source);
    let put = put.send().promise;
    write_all(sink, texts(100)).await.unwrap();
    assert_eq!(put.await.unwrap().get().unwrap().get_count(), 100);

    let (into, source) = open_source();
    let mut get = depot.get_request();
    get.get().set_name("a");
    get.get().set_into(into);
    let get = get.send().promise;
    assert_eq!(read_all(source).await.unwrap(), texts(100));
    get.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn results_carry_the_ends_of_streams_too() {
    let (_link, depot) = connect();
    let mut fill = depot.fill_request();
    fill.get().set_name("b");
    // Without waiting for the results.
    let sink = Sink::new(fill.send().pipeline.get_into());
    write_all(sink, texts(10)).await.unwrap();
    settle().await;
    let mut take = depot.take_request();
    take.get().set_name("b");
    let source = Source::new(take.send().pipeline.get_items());
    assert_eq!(read_all(source).await.unwrap(), texts(10));
}

#[tokio::test(start_paused = true)]
async fn they_are_sinks_and_streams_as_the_futures_crate_has_them() {
    let (_link, depot) = connect();
    let mut fill = depot.fill_request();
    fill.get().set_name("c");
    let mut sink = Sink::new(fill.send().pipeline.get_into());
    let items = texts(20);
    stream::iter(items.iter().map(|item| Ok::<&str, Error>(item)))
        .forward(&mut sink)
        .await
        .unwrap();
    settle().await;
    let mut take = depot.take_request();
    take.get().set_name("c");
    let source = Source::new(take.send().pipeline.get_items());
    let read: Vec<String> = source
        .and_then(async |item| Ok(item.get()?.to_string()?))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(read, items);
}

#[tokio::test(start_paused = true)]
async fn both_directions_have_types_of_their_own() {
    let (_link, depot) = connect();
    let (mut names, source) = open_sink::<text::Owned>();
    let mut introduce = depot.introduce_request();
    introduce.get().set_names(source);
    let mut people = Source::<person::Owned>::new(introduce.send().pipeline.get_people());
    names.write("Ada").await.unwrap();
    let ada = people.next().await.unwrap().unwrap();
    let ada = ada.get().unwrap();
    assert_eq!(ada.get_name().unwrap().to_str().unwrap(), "Ada");
    assert_eq!(ada.get_born(), 1803);
    names.write("Last").await.unwrap();
    people.next().await.unwrap().unwrap();
    assert!(people.next().await.is_none());
    assert!(people.next().await.is_none());
    // Its reader has what it wanted and is gone.
    settle().await;
    let error = names.write("Charles").await.unwrap_err();
    assert!(
        error.reason.contains("nobody reads this stream any more"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_writers_reason_to_stop_reaches_the_reader() {
    let (_link, depot) = connect();
    let (mut names, source) = open_sink::<text::Owned>();
    let mut introduce = depot.introduce_request();
    introduce.get().set_names(source);
    let mut people = Source::<person::Owned>::new(introduce.send().pipeline.get_people());
    names.write("Ada").await.unwrap();
    names.write("Nobody").await.unwrap();
    people.next().await.unwrap().unwrap();
    let error = people.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(error.reason.contains("nobody is nobody"), "{error}");
    assert!(people.next().await.is_none(), "an error comes once");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_not_ended_is_an_error() {
    let (_link, depot) = connect();
    // Of a source that was passed.
    let (mut sink, source) = open_sink::<text::Owned>();
    let mut put = depot.put_request();
    put.get().set_name("a");
    put.get().set_items(source);
    let put = put.send().promise;
    sink.write("one").await.unwrap();
    drop(sink);
    let error = put.await.err().unwrap();
    assert!(error.reason.contains("its writer was dropped"), "{error}");

    // Of a sink that was received.
    let mut fill = depot.fill_request();
    fill.get().set_name("f");
    let mut sink = Sink::new(fill.send().pipeline.get_into());
    sink.write("one").await.unwrap();
    drop(sink);
    settle().await;
    let mut take = depot.take_request();
    take.get().set_name("f");
    let kept = read_all(Source::new(take.send().pipeline.get_items()))
        .await
        .unwrap();
    assert!(kept[0].contains("stopped before its end"), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn streams_die_with_their_connection_at_both_ends() {
    let (link, depot) = connect();
    let (mut sink, source) = open_sink::<text::Owned>();
    let mut introduce = depot.introduce_request();
    introduce.get().set_names(source);
    let mut people = Source::<person::Owned>::new(introduce.send().pipeline.get_people());
    sink.write("Ada").await.unwrap();
    people.next().await.unwrap().unwrap();
    link.client.close(Error::disconnected("gone for lunch"));
    let error = people.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Disconnected);
    settle().await;
    sink.write("Charles").await.unwrap_err();
    sink.end().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_makes_a_slow_writer() {
    let (link, depot) = connect();
    let (mut sink, source) = open_sink::<data::Owned>();
    let mut stall = depot.stall_request();
    stall.get().set_items(source);
    stall.send().promise.await.unwrap();
    let chunk = [7_u8; 8192];
    let mut sent = 0_u64;
    let mut last = loop {
        assert!(sent < 10_000, "nothing ever waited");
        let mut write = Box::pin(sink.write(&chunk[..]));
        sent += 1;
        if tokio::time::timeout(Duration::from_secs(60), &mut write)
            .await
            .is_err()
        {
            break write;
        }
    };
    let in_flight = link.client.stats().unwrap().in_flight_bytes;
    assert!(in_flight < 2 << 20, "{in_flight}");
    let resume = tokio::spawn(depot.resume_request().send().promise);
    last.as_mut().await.unwrap();
    drop(last);
    for _ in sent..1000 {
        sink.write(&chunk[..]).await.unwrap();
    }
    sink.end().await.unwrap();
    let bytes = resume.await.unwrap().unwrap().get().unwrap().get_bytes();
    assert_eq!(bytes, sent.max(1000) * 8192);
}

#[tokio::test(start_paused = true)]
async fn a_writer_learns_that_its_reader_was_dropped() {
    let (_link, depot) = connect();
    // Of a source that was passed; a writer who waits for room is told as well.
    let (mut sink, source) = open_sink::<data::Owned>();
    let mut stall = depot.stall_request();
    stall.get().set_items(source);
    stall.send().promise.await.unwrap();
    let writing = tokio::spawn(async move {
        let chunk = [0_u8; 65536];
        loop {
            if let Err(error) = sink.write(&chunk[..]).await {
                return (error, sink);
            }
        }
    });
    settle().await;
    depot.drop_request().send().promise.await.unwrap();
    let (error, mut sink) = writing.await.unwrap();
    assert!(
        error.reason.contains("nobody reads this stream any more"),
        "{error}"
    );
    assert_eq!(sink.end().await.unwrap_err(), error);

    // Of a sink that was passed.
    let (link, depot) = connect();
    let mut put = depot.put_request();
    let (sink, source) = open_sink();
    put.get().set_name("a");
    put.get().set_items(source);
    let put = put.send().promise;
    write_all(sink, texts(1000)).await.unwrap();
    put.await.unwrap();
    let (into, mut source) = open_source::<text::Owned>();
    let mut get = depot.get_request();
    get.get().set_name("a");
    get.get().set_into(into);
    let get = get.send().promise;
    source.next().await.unwrap().unwrap();
    drop(source);
    let error = get.await.err().unwrap();
    assert!(
        error.reason.contains("nobody reads this stream any more"),
        "{error}"
    );
    settle().await;
    assert_eq!(link.client.stats().unwrap().exports, 0);
    assert_eq!(link.server.stats().unwrap().answers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_nobody_takes_fails_its_writer() {
    let (mut sink, source) = open_sink::<text::Owned>();
    drop(source);
    let error = sink.write("one").await.unwrap_err();
    assert!(error.reason.contains("nobody reads"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_source_has_one_reader() {
    let (_link, depot) = connect();
    let (mut sink, source) = open_sink::<data::Owned>();
    let mut same = depot.same_request();
    same.get().set_items(source);
    let same = same.send().promise.await.unwrap();
    let back = same.get().unwrap().get_items().unwrap();
    let mut first = Source::new(back.clone());
    let mut second = Source::new(back);
    let error = second.next().await.unwrap().unwrap_err();
    assert!(error.reason.contains("read already"), "{error}");
    sink.write(&[1_u8, 2][..]).await.unwrap();
    let item = first.next().await.unwrap().unwrap();
    assert_eq!(item.get().unwrap(), [1_u8, 2]);
}

#[tokio::test(start_paused = true)]
async fn ending_twice_is_ending_once_and_nothing_is_written_behind_it() {
    let (_link, depot) = connect();
    let mut fill = depot.fill_request();
    fill.get().set_name("c");
    let mut sink = Sink::new(fill.send().pipeline.get_into());
    sink.write("one").await.unwrap();
    sink.end().await.unwrap();
    sink.end().await.unwrap();
    let error = sink.write("two").await.unwrap_err();
    assert!(error.reason.contains("has ended"), "{error}");
    let mut sink: Sink<text::Owned> = sink;
    SinkExt::<&str>::close(&mut sink).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_null_source_is_an_error_and_not_an_empty_stream() {
    let source = capstan_rpc::sinks_capnp::source::Client::<text::Owned>::from_client(
        capstan_rpc::Client::from_cap(None),
    );
    let mut source = Source::new(source);
    source.next().await.unwrap().unwrap_err();
    assert!(source.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_items_keep_memory_bounded() {
    const COUNT: usize = 100_000;
    let (link, depot) = connect();
    // The simulated line takes whatever it is given.
    link.client.set_window_size(WINDOW_BYTES);
    link.server.set_window_size(WINDOW_BYTES);
    let (mut sink, source) = open_sink::<text::Owned>();
    let mut put = depot.put_request();
    put.get().set_name("many");
    put.get().set_items(source);
    let put = put.send().promise;
    let mut most = 0;
    for n in 0..COUNT {
        sink.write(format!("item {n}").as_str()).await.unwrap();
        if n % 100 == 0 {
            most = most.max(link.client.stats().unwrap().questions);
        }
    }
    sink.end().await.unwrap();
    assert_eq!(
        put.await.unwrap().get().unwrap().get_count() as usize,
        COUNT
    );
    // An item takes more than 64 bytes.
    let bound = WINDOW_BYTES as usize / 64;
    assert!(most < bound, "{most}");
    settle().await;
    let mut take = depot.take_request();
    take.get().set_name("many");
    let mut source = Source::new(take.send().pipeline.get_items());
    let mut count = 0;
    while let Some(item) = source.next().await {
        assert_eq!(
            item.unwrap().get().unwrap().to_str().unwrap(),
            format!("item {count}")
        );
        count += 1;
        if count % 100 == 0 {
            assert!(link.client.stats().unwrap().answers < bound);
        }
    }
    assert_eq!(count, COUNT);
}
