//! Interfaces with type parameters, on both sides.

use std::sync::Mutex;

use capstan_rpc::dynamic::schema::dynamic::Value;
use capstan_rpc::dynamic::schema::json;
use capstan_rpc::dynamic::schema::node::Type;
use capstan_rpc::dynamic::{self, Client, Method, Params, Response, Results};
use capstan_rpc::message::{any_pointer, data, text};
use capstan_rpc::{Result, new_client};

use crate::interfaces_capnp::{log_book, named, pair, store, text_store};
use crate::link::join;
use crate::{ONE_WAY, interfaces};

/// A generated server of text.
#[derive(Default)]
struct Shelf {
    value: Mutex<String>,
}

impl named::Server for Shelf {}

impl store::Server<text::Owned> for Shelf {
    async fn get(
        &self,
        _: store::GetParams<text::Owned>,
        mut results: store::GetResults<text::Owned>,
    ) -> Result<()> {
        Ok(results
            .get()
            .set_value(self.value.lock().unwrap().as_str())?)
    }

    async fn put(&self, params: store::PutParams<text::Owned>) -> Result<()> {
        let value = params.get()?.get_value()?.to_string()?;
        self.value.lock().unwrap().push_str(&value);
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

impl text_store::Server for Shelf {}

fn json(response: &Response) -> String {
    json::write(&response.get().unwrap(), false).unwrap()
}

async fn put(client: &Client, value: &str) {
    let mut put = client.streaming_request("put").unwrap();
    json::read(value, put.get().unwrap()).unwrap();
    put.send().await.unwrap();
}

async fn get(client: &Client) -> String {
    let get = client.request("get").unwrap().send();
    json(&get.promise.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_type_argument_reaches_params_results_and_clients_in_them() {
    let shelf = || new_client::<text_store::Client, _>(Shelf::default()).client;
    let link = join(ONE_WAY, shelf());
    // Bound by inheritance, and by hand.
    let inherited = interfaces("TextStore").client(link.client.bootstrap());
    let bound = interfaces("Store").bind([Type::Text]);
    for client in [inherited, bound.client(shelf())] {
        put(&client, r#"{"value": "one "}"#).await;
        put(&client, r#"{"value": "two"}"#).await;
        assert_eq!(get(&client).await, r#"{"value":"one two"}"#);

        let mut swap = client.request("swap").unwrap();
        json::read(r#"{"first": "three"}"#, swap.get().unwrap()).unwrap();
        let mut params = swap.get().unwrap();
        let own = client.as_client().clone();
        params.set_capability("store", own).unwrap();
        let call = swap.send();
        let store = call.pipeline.client("store").unwrap();
        assert_eq!(get(&store).await, r#"{"value":"three"}"#);
        let response = call.promise.await.unwrap();
        let store = response.client("store").unwrap();
        put(&store, r#"{"value": "!"}"#).await;
        assert_eq!(get(&store).await, r#"{"value":"three!"}"#);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_unbound_parameter_stands_for_is_any_pointer() {
    let client = new_client::<text_store::Client, _>(Shelf::default()).client;
    let client = interfaces("Store").client(client);
    let mut put = client.streaming_request("put").unwrap();
    let text = Value::Text("any".into());
    put.get().unwrap().set("value", text).unwrap();
    put.send().await.unwrap();
    let get = client.request("get").unwrap().send();
    let response = get.promise.await.unwrap();
    match response.get().unwrap().get_named("value").unwrap() {
        Some(Value::AnyPointer(value)) => {
            let text: text::Reader<'_> = value.get_as().unwrap();
            assert_eq!(text, "any");
        }
        other => panic!("{other:?}"),
    }
}

/// A dynamic server that keeps whatever it is given.
struct Keeper(Mutex<Vec<String>>);

impl dynamic::Server for Keeper {
    async fn call(&self, method: Method, params: Params, mut results: Results) -> Result<()> {
        match method.name() {
            "put" => {
                let document = json::write(&params.get()?, false)?;
                self.0.lock().unwrap().push(document);
                Ok(())
            }
            "get" => {
                let kept = self.0.lock().unwrap().concat();
                Ok(json::read(&kept, results.get()?)?)
            }
            "convert" => {
                // What the method's own parameter stands for, only the caller knows.
                let params = params.get()?;
                let Some(Value::AnyPointer(example)) = params.get_named("example")? else {
                    return Err(method.unimplemented());
                };
                let example: text::Reader<'_> = example.get_as()?;
                let first = serde_json::json!({ "value": example.to_str()? }).to_string();
                let store = method.interface().bind([Type::Text]);
                let store = dynamic::new_client(&store, Keeper(Mutex::new(vec![first])));
                results
                    .get()?
                    .set_capability("store", store.into_client())?;
                Ok(())
            }
            _ => Err(method.unimplemented()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn generated_clients_call_generic_servers() {
    let served = dynamic::new_client(&interfaces("LogBook"), Keeper(Mutex::default()));
    let link = join(ONE_WAY, served.into_client());
    let log_book: log_book::Client = link.client.bootstrap();
    let store: store::Client<pair::Owned<data::Owned>> = log_book.into();
    let mut put = store.put_request();
    put.get().init_value().set_first([1, 2]).unwrap();
    put.send().await.unwrap();
    let response = store.get_request().send().promise.await.unwrap();
    let value = response.get().unwrap().get_value().unwrap();
    assert_eq!(value.get_first().unwrap(), [1, 2]);

    let mut convert = store.convert_request();
    let mut example = convert.get().init_example();
    example.set_as::<text::Owned>("an example").unwrap();
    let converted: store::Client<any_pointer::Owned> = convert.send().pipeline.get_store();
    let texts: store::Client<text::Owned> = converted.client.cast_to();
    let response = texts.get_request().send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_value().unwrap(), "an example");
}

#[tokio::test(start_paused = true)]
async fn a_capability_in_an_any_pointer_is_given_its_interface_by_the_caller() {
    struct Holder;
    impl dynamic::Server for Holder {
        async fn call(&self, method: Method, params: Params, mut results: Results) -> Result<()> {
            let named = interfaces("Named");
            let client = params.client_as("named", &named)?;
            let any = results.get()?.set_capability("any", client.into_client());
            any.map_err(|_| method.unimplemented())
        }
    }
    struct Ada;
    impl named::Server for Ada {
        async fn name(&self, _: named::NameParams, mut results: named::NameResults) -> Result<()> {
            results.get().set_name("Ada");
            Ok(())
        }
    }
    let (both, named) = (interfaces("Both"), interfaces("Named"));
    let link = join(ONE_WAY, dynamic::new_client(&both, Holder).into_client());
    let client = both.client(link.client.bootstrap());
    let mut request = client.request("explicit").unwrap();
    let ada = new_client::<named::Client, _>(Ada);
    request.get().unwrap().set_capability("named", ada).unwrap();
    let call = request.send();
    let early = call.pipeline.client_as("any", &named).unwrap();
    let name = early.request("name").unwrap().send().promise;
    assert_eq!(json(&name.await.unwrap()), r#"{"name":"Ada"}"#);
    let response = call.promise.await.unwrap();
    let late = response.client_as("any", &named).unwrap();
    let name = late.request("name").unwrap().send().promise;
    assert_eq!(json(&name.await.unwrap()), r#"{"name":"Ada"}"#);
    assert!(call.pipeline.client("any").is_err() && response.client("any").is_err());
    assert!(response.client_as("none", &named).is_err());
}
