//! What generated interfaces do over a connection: inheritance, names that Rust keeps for itself,
//! type parameters, capabilities in lists, groups and unions. The module is made from
//! `crates/codegen/tests/schemas/interfaces.capnp`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub
)]

#[rustfmt::skip]
#[path = "generated/interfaces_capnp.rs"]
mod interfaces_capnp;
#[path = "api/link.rs"]
mod link;

use std::sync::Mutex;
use std::time::Duration;

use capstan_rpc::message::{any_pointer, data, text};
use capstan_rpc::{ErrorKind, Result, new_client};
use interfaces_capnp::{
    answer, both, echo, grandchild, journal, log_book, named, pair, store, text_store,
};

/// An object of the interface that inherits everything.
#[derive(Default)]
struct Everything {
    pushed: Mutex<Vec<u8>>,
}

impl named::Server for Everything {
    async fn name(&self, _: named::NameParams, mut results: named::NameResults) -> Result<()> {
        results.get().set_name("everything");
        Ok(())
    }
}

impl echo::Server for Everything {
    async fn echo(&self, params: echo::EchoParams, mut results: echo::EchoResults) -> Result<()> {
        let pushed = u32::try_from(self.pushed.lock().unwrap().len()).unwrap();
        results
            .get()
            .set_number(params.get()?.get_number() + pushed);
        Ok(())
    }

    async fn push(&self, params: echo::PushParams) -> Result<()> {
        self.pushed
            .lock()
            .unwrap()
            .extend_from_slice(params.get()?.get_data()?);
        Ok(())
    }
}

impl both::Server for Everything {
    async fn return_(
        &self,
        params: both::ReturnParams,
        mut results: both::ReturnResults,
    ) -> Result<()> {
        let mut names = Vec::new();
        for named in params.get()?.get_named()?.iter() {
            let response = named?.name_request().send().promise.await?;
            names.push(response.get()?.get_name()?.to_string()?);
        }
        let mut list = results
            .get()
            .init_names(u32::try_from(names.len()).unwrap());
        for (index, name) in (0..).zip(&names) {
            list.set(index, name);
        }
        Ok(())
    }

    async fn explicit(
        &self,
        params: both::ExplicitParams,
        mut results: both::ExplicitResults,
    ) -> Result<()> {
        let named = params.get()?.get_named()?;
        let mut answer = results.get();
        answer.reborrow().get_holder().set_named(named.clone());
        answer
            .reborrow()
            .get_any()
            .set_as_capability(named.client.clone().into_cap().unwrap());
        answer.set_maybe(named);
        Ok(())
    }
}

impl grandchild::Server for Everything {}

fn connect() -> (link::Link, grandchild::Client) {
    let link = link::join(
        Duration::from_millis(1),
        new_client::<grandchild::Client, _>(Everything::default()),
    );
    let client = link.client.bootstrap();
    (link, client)
}

#[tokio::test(start_paused = true)]
async fn inherited_methods_reach_the_object() {
    let (_link, client) = connect();
    let echo: echo::Client = client.clone().into();
    let mut push = echo.push_request();
    push.get().set_data([1, 2, 3]);
    push.send().await.unwrap();
    let mut request = echo.echo_request();
    request.get().set_number(4);
    assert_eq!(
        request
            .send()
            .promise
            .await
            .unwrap()
            .get()
            .unwrap()
            .get_number(),
        7
    );

    let named: named::Client = client.into();
    let response = named.name_request().send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_name().unwrap(), "everything");
}

#[tokio::test(start_paused = true)]
async fn methods_that_a_server_leaves_out_are_unimplemented() {
    let (_link, client) = connect();
    let both: both::Client = client.into();
    let error = both
        .done_request()
        .send()
        .promise
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(
        error.reason.contains("done") && error.reason.contains("Both"),
        "{error}"
    );

    let not_one: text_store::Client = both.client.cast_to();
    let error = not_one
        .length_request()
        .send()
        .promise
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn capabilities_travel_in_lists_groups_and_unions() {
    let (_link, client) = connect();
    let both: both::Client = client.clone().into();
    let named: named::Client = client.into();

    let mut request = both.return_request();
    let mut list = request.get().init_named(2);
    list.set(0, named.clone());
    list.set(1, new_client(Shelf::default()));
    let response = request.send().promise.await.unwrap();
    let names = response.get().unwrap().get_names().unwrap();
    assert_eq!(
        (
            names.get(0).unwrap().to_str(),
            names.get(1).unwrap().to_str()
        ),
        (Ok("everything"), Ok("shelf"))
    );

    let mut request = both.explicit_request();
    request.get().set_named(named);
    let call = request.send();
    let through_group = call.pipeline.get_holder().get_named().name_request().send();
    let through_any = call
        .pipeline
        .get_any()
        .as_client()
        .cast_to::<named::Client>()
        .name_request()
        .send();
    let response = call.promise.await.unwrap();
    match response.get().unwrap().which().unwrap() {
        answer::Maybe(named) => {
            let response = named.unwrap().name_request().send().promise.await.unwrap();
            assert_eq!(response.get().unwrap().get_name().unwrap(), "everything");
        }
        answer::None(()) => panic!("the server sets a capability"),
    }
    for call in [through_group, through_any] {
        assert_eq!(
            call.promise
                .await
                .unwrap()
                .get()
                .unwrap()
                .get_name()
                .unwrap(),
            "everything"
        );
    }
}

/// A store of text.
#[derive(Default)]
struct Shelf {
    value: Mutex<String>,
}

impl named::Server for Shelf {
    async fn name(&self, _: named::NameParams, mut results: named::NameResults) -> Result<()> {
        results.get().set_name("shelf");
        Ok(())
    }
}

impl store::Server<text::Owned> for Shelf {
    async fn get(
        &self,
        _: store::GetParams<text::Owned>,
        mut results: store::GetResults<text::Owned>,
    ) -> Result<()> {
        results
            .get()
            .set_value(self.value.lock().unwrap().as_str())?;
        Ok(())
    }

    async fn put(&self, params: store::PutParams<text::Owned>) -> Result<()> {
        self.value
            .lock()
            .unwrap()
            .push_str(params.get()?.get_value()?.to_str()?);
        Ok(())
    }

    async fn swap(
        &self,
        params: store::SwapParams<text::Owned>,
        mut results: store::SwapResults<text::Owned>,
    ) -> Result<()> {
        let new = params.get()?.get_first()?.to_string()?;
        let old = std::mem::replace(&mut *self.value.lock().unwrap(), new);
        results.get().set_first(old)?;
        results.get().set_store(params.get()?.get_store()?);
        Ok(())
    }
}

impl text_store::Server for Shelf {
    async fn length(
        &self,
        _: text_store::LengthParams,
        mut results: text_store::LengthResults,
    ) -> Result<()> {
        results
            .get()
            .set_length(u32::try_from(self.value.lock().unwrap().len()).unwrap());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn generic_interfaces_carry_their_type_arguments() {
    let shelf: text_store::Client = new_client(Shelf::default());
    let link = link::join(Duration::from_millis(1), shelf.clone());
    let text_store: text_store::Client = link.client.bootstrap();
    let store: store::Client<text::Owned> = text_store.clone().into();

    for piece in ["one ", "two"] {
        let mut put = store.put_request();
        put.get().set_value(piece).unwrap();
        put.send().await.unwrap();
    }
    let response = store.get_request().send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_value().unwrap(), "one two");

    let mut swap = store.swap_request();
    swap.get().set_first("three").unwrap();
    swap.get().set_store(store.clone());
    let call = swap.send();
    let back: store::Client<text::Owned> = call.pipeline.get_store();
    let pipelined = back.get_request().send();
    let response = call.promise.await.unwrap();
    let pair: pair::Reader<'_, text::Owned> = response.get().unwrap();
    assert_eq!(pair.get_first().unwrap(), "one two");
    assert_eq!(
        pipelined
            .promise
            .await
            .unwrap()
            .get()
            .unwrap()
            .get_value()
            .unwrap(),
        "three"
    );
    assert_eq!(
        text_store
            .length_request()
            .send()
            .promise
            .await
            .unwrap()
            .get()
            .unwrap()
            .get_length(),
        5
    );

    // What a method's own type parameter stands for is up to the caller: it is an AnyPointer.
    let mut convert = store.convert_request();
    convert
        .get()
        .init_example()
        .set_as::<text::Owned>("example")
        .unwrap();
    let call = convert.send();
    let _: store::Client<any_pointer::Owned> = call.pipeline.get_store();
    assert_eq!(
        call.promise.await.map(drop).unwrap_err().kind,
        ErrorKind::Unimplemented
    );
}

/// Inherits a generic interface through another.
struct Log;

impl named::Server for Log {}

impl store::Server<pair::Owned<data::Owned>> for Log {
    async fn get(
        &self,
        _: store::GetParams<pair::Owned<data::Owned>>,
        mut results: store::GetResults<pair::Owned<data::Owned>>,
    ) -> Result<()> {
        results.get().init_value().set_first([1, 2])?;
        Ok(())
    }
}

impl journal::Server<data::Owned> for Log {}

impl log_book::Server for Log {}

#[tokio::test(start_paused = true)]
async fn type_arguments_pass_through_ancestors() {
    let link = link::join(
        Duration::from_millis(1),
        new_client::<log_book::Client, _>(Log),
    );
    let log_book: log_book::Client = link.client.bootstrap();
    let store: store::Client<pair::Owned<data::Owned>> = log_book.into();
    let response = store.get_request().send().promise.await.unwrap();
    assert_eq!(
        response
            .get()
            .unwrap()
            .get_value()
            .unwrap()
            .get_first()
            .unwrap(),
        [1, 2]
    );
}
