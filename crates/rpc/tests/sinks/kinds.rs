//! Items of every kind of type that is behind pointers, there and back through a server that does not know the type.

use capstan_rpc::message::traits::Owned;
use capstan_rpc::message::{data, primitive_list, struct_list, text, text_list};
use capstan_rpc::sinks::{Item, Sink, Source, open_sink};
use capstan_rpc::sinks_capnp::source;
use capstan_rpc::{Client, FromClient, new_client};

use crate::depot::Depot;
use crate::depot_capnp::{depot, person};
use crate::{connect, link};

/// What the writer writes, as it comes back.
async fn copied<T: Owned, F: Future<Output = Sink<T>>>(
    client: &depot::Client,
    write: impl FnOnce(Sink<T>) -> F,
) -> Vec<Item<T>> {
    let (sink, source) = open_sink::<T>();
    let mut copy = client.copy_request();
    copy.get().set_items(source.into_client().cast_to());
    let back: source::Client<T> = copy.send().pipeline.get_items().into_client().cast_to();
    let mut source = Source::new(back);
    let read = async {
        let mut items = Vec::new();
        while let Some(item) = source.next().await {
            items.push(item.unwrap());
        }
        items
    };
    let write = async {
        let mut sink = write(sink).await;
        sink.end().await.unwrap();
    };
    futures_util::future::join(read, write).await.0
}

#[tokio::test(start_paused = true)]
async fn text_and_data() {
    let (_link, depot) = connect();
    let items = copied::<text::Owned, _>(&depot, |mut sink| async {
        sink.write("naïve").await.unwrap();
        sink.write("").await.unwrap();
        sink
    })
    .await;
    let texts: Vec<&str> = items
        .iter()
        .map(|item| item.get().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(texts, ["naïve", ""]);

    let items = copied::<data::Owned, _>(&depot, |mut sink| async {
        for length in [0, 1, 100_000] {
            sink.write(&vec![3; length][..]).await.unwrap();
        }
        sink
    })
    .await;
    // Items stay what they are: nothing is split or merged.
    let lengths: Vec<usize> = items.iter().map(|item| item.get().unwrap().len()).collect();
    assert_eq!(lengths, [0, 1, 100_000]);
}

#[tokio::test(start_paused = true)]
async fn lists() {
    let (_link, depot) = connect();
    let items = copied::<primitive_list::Owned<u16>, _>(&depot, |mut sink| async {
        sink.write(&[1_u16, 2, 3][..]).await.unwrap();
        sink.build(|params| {
            let mut list = params.reborrow().initn_item(2);
            list.set(1, 9);
            Ok(())
        })
        .await
        .unwrap();
        sink
    })
    .await;
    let lists: Vec<Vec<u16>> = items
        .iter()
        .map(|item| item.get().unwrap().iter().collect())
        .collect();
    assert_eq!(lists, [vec![1, 2, 3], vec![0, 9]]);

    let items = copied::<text_list::Owned, _>(&depot, |mut sink| async {
        sink.build(|params| {
            let mut list = params.reborrow().initn_item(2);
            list.set(0, "a");
            list.set(1, "b");
            Ok(())
        })
        .await
        .unwrap();
        sink
    })
    .await;
    let list = items[0].get().unwrap();
    assert_eq!(list.get(1).unwrap().to_str().unwrap(), "b");

    let items = copied::<struct_list::Owned<person::Owned>, _>(&depot, |mut sink| async {
        sink.build(|params| {
            let list = params.reborrow().initn_item(3);
            list.get(2).set_name("Ada");
            Ok(())
        })
        .await
        .unwrap();
        sink
    })
    .await;
    let list = items[0].get().unwrap();
    assert_eq!(list.get(2).get_name().unwrap().to_str().unwrap(), "Ada");
}

#[tokio::test(start_paused = true)]
async fn structs_and_interfaces() {
    let (_link, depot) = connect();
    let items = copied::<person::Owned, _>(&depot, |mut sink| async {
        sink.build(|params| {
            params.reborrow().init_item().set_born(1815);
            Ok(())
        })
        .await
        .unwrap();
        sink
    })
    .await;
    assert_eq!(items[0].get().unwrap().get_born(), 1815);
    // What was read can be written as it is.
    let again = copied::<person::Owned, _>(&depot, |mut sink| async {
        sink.write(items[0].get().unwrap()).await.unwrap();
        sink
    })
    .await;
    assert_eq!(again[0].get().unwrap().get_born(), 1815);

    let object: depot::Client = new_client(Depot::default());
    let items = copied::<Client, _>(&depot, |mut sink| async {
        sink.write(object.clone().into_client()).await.unwrap();
        sink
    })
    .await;
    let back = items[0].get().unwrap();
    link::settle().await;
    back.when_resolved().await.unwrap();
    assert_eq!(back, object.into_client(), "the same object, back at home");
}
