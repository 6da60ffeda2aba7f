//! Dynamic servers, called by generated clients.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use capstan_rpc::dynamic::schema::dynamic::Value;
use capstan_rpc::dynamic::schema::json;
use capstan_rpc::dynamic::{self, Interface, Method, Params, Results};
use capstan_rpc::{Error, ErrorKind, Result, new_client};

use crate::interfaces_capnp::{answer, both, echo, grandchild, named, text_store};
use crate::link::{Link, join, settle};
use crate::server::{Ear, trial_client};
use crate::trial_capnp::{streaming_byte_sink, trial, trial::listener};
use crate::{ONE_WAY, interfaces, trial as trial_schema};

/// Counts what is pushed, and fails when that becomes too much.
#[derive(Default)]
struct Everything {
    name: &'static str,
    pushed_bytes: Mutex<i64>,
    running: AtomicUsize,
}

impl Everything {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

impl dynamic::Server for Everything {
    async fn call(&self, method: Method, params: Params, mut results: Results) -> Result<()> {
        let interface = method.interface();
        match method.name() {
            "name" => {
                let name = Value::Text(self.name.into());
                Ok(results.get()?.set("name", name)?)
            }
            "echo" => {
                let Some(Value::UInt(number)) = params.get()?.get_named("number")? else {
                    return Err(Error::failed("a number is a number"));
                };
                let pushed = u64::try_from(*self.pushed_bytes.lock().unwrap()).unwrap();
                Ok(results.get()?.set("number", Value::UInt(number + pushed))?)
            }
            "push" => {
                assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0);
                tokio::time::sleep(Duration::from_millis(3)).await;
                self.running.fetch_sub(1, Ordering::SeqCst);
                let params = params.get()?;
                let Some(Value::Data(data)) = params.get_named("data")? else {
                    return Err(Error::failed("data is Data"));
                };
                let mut pushed = self.pushed_bytes.lock().unwrap();
                *pushed += i64::try_from(data.len()).unwrap();
                match *pushed {
                    ..=1000 => Ok(()),
                    _ => Err(Error::overloaded("too much")),
                }
            }
            "return" => {
                let mut names = Vec::new();
                for client in clients(&method, &params)? {
                    let call = client.request("name")?.send();
                    let response = call.promise.await?;
                    names.push(serde_json::to_value(response.get()?).unwrap()["name"].clone());
                }
                let names = serde_json::json!({ "names": names }).to_string();
                Ok(json::read(&names, results.get()?)?)
            }
            "explicit" => {
                let client = params.client("named")?.into_client();
                let other = dynamic::new_client(interface, Everything::named("inner"));
                let mut answer = results.get()?;
                let mut holder = answer.slot("holder")?.init_struct()?;
                holder.set_capability("named", client.clone())?;
                answer.set_capability("any", client)?;
                let mut inner = answer.slot("inner")?.init_struct()?;
                inner.set_capability("both", other.into_client())?;
                results.set_pipeline()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
            _ => Err(method.unimplemented()),
        }
    }
}

/// The capabilities in the list that `return` gets.
fn clients(method: &Method, params: &Params) -> Result<Vec<dynamic::Client>> {
    let Some(Value::List(list)) = params.get()?.get_named("named")? else {
        return Err(Error::failed("a list is a list"));
    };
    let clients = list.iter().map(|element| match element? {
        Value::Capability(client) => dynamic::Client::at(method.interface().schema(), &client),
        other => Err(Error::failed(format!("{other:?} in a list of clients"))),
    });
    clients.collect()
}

fn serve(interface: &Interface, server: impl dynamic::Server) -> Link {
    join(
        ONE_WAY,
        dynamic::new_client(interface, server).into_client(),
    )
}

#[tokio::test(start_paused = true)]
async fn inherited_methods_reach_the_handler() {
    let link = serve(&interfaces("Grandchild"), Everything::named("everything"));
    let client: grandchild::Client = link.client.bootstrap();
    let echo: echo::Client = client.clone().into();
    for _ in 0..4 {
        let mut push = echo.push_request();
        push.get().set_data([1, 2, 3]);
        push.send().await.unwrap();
    }
    let mut request = echo.echo_request();
    request.get().set_number(4);
    let response = request.send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_number(), 16);

    let named: named::Client = client.into();
    let response = named.name_request().send().promise.await.unwrap();
    assert_eq!(response.get().unwrap().get_name().unwrap(), "everything");
}

#[tokio::test(start_paused = true)]
async fn streamed_calls_run_one_by_one_and_their_error_stays() {
    let link = serve(&interfaces("Echo"), Everything::default());
    let echo: echo::Client = link.client.bootstrap();
    for _ in 0..5 {
        let mut push = echo.push_request();
        push.get().set_data([0; 300]);
        push.send().await.unwrap();
    }
    let error = echo.echo_request().send().promise.await;
    let error = error.map(drop).unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ErrorKind::Overloaded, "too much")
    );
}

#[tokio::test(start_paused = true)]
async fn capabilities_arrive_and_leave() {
    let both = interfaces("Both");
    let link = serve(&both, Everything::named("first"));
    let client: both::Client = link.client.bootstrap();
    let second = dynamic::new_client(&both, Everything::named("second"));
    let second: named::Client = second.into_client().cast_to();

    let mut request = client.return_request();
    let mut list = request.get().init_named(2);
    list.set(0, client.clone().into());
    list.set(1, second.clone());
    let response = request.send().promise.await.unwrap();
    let names = response.get().unwrap().get_names().unwrap();
    let names: Vec<_> = names.iter().map(|name| name.unwrap().to_string()).collect();
    assert_eq!(names, [Ok("first".to_owned()), Ok("second".to_owned())]);

    // Before the method ends: it takes a second, and says early what is in its results.
    let mut request = client.explicit_request();
    request.get().set_named(second.clone());
    let call = request.send();
    let early = call.pipeline.get_inner().get_both();
    let early: named::Client = early.into();
    let response = tokio::time::timeout(4 * ONE_WAY, early.name_request().send().promise).await;
    let response = response.expect("the pipeline is set").unwrap();
    assert_eq!(response.get().unwrap().get_name().unwrap(), "inner");
    let response = call.promise.await.unwrap();
    let results = response.get().unwrap();
    let any: named::Client = results.get_any().get_as_capability().unwrap();
    assert!(results.get_holder().get_named().unwrap().client == second.client);
    assert!(any.client == second.client);
    assert!(matches!(results.which(), Ok(answer::None(()))));
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_or_an_interface_lacks_is_unimplemented() {
    let link = serve(&interfaces("Both"), Everything::default());
    let both: both::Client = link.client.bootstrap();
    let error = both.done_request().send().promise.await;
    let error = error.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert_eq!(
        error.reason,
        "this object does not implement the method done of interfaces.capnp:Both"
    );

    let error = both.client.cast_to::<text_store::Client>().length_request();
    let error = error.send().promise.await.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert!(
        error
            .reason
            .starts_with("the object is a interfaces.capnp:Both and has no interface 0x")
            && error.reason.ends_with(
                "; it has interfaces.capnp:Both, interfaces.capnp:Named, interfaces.capnp:Echo"
            ),
        "{error}"
    );

    // By a newer schema, in which `Echo` has a third method.
    let newer = "@0xf2a96b1e4c7d3580;
        interface Echo { echo @0 (); push @1 (); shout @2 (); }";
    let newer = [dynamic::schema::SourceFile::new("newer.capnp", newer)];
    let newer = dynamic::schema::compile(&dynamic::schema::NoFiles, &newer).unwrap();
    let newer = dynamic::schema::dynamic::Schema::new(newer);
    let newer = Interface::new(&std::sync::Arc::new(newer), "Echo").unwrap();
    let echo = newer.client(both.client.clone());
    let error = echo.request("shout").unwrap().send().promise.await;
    let error = error.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unimplemented);
    assert_eq!(
        error.reason,
        "interfaces.capnp:Echo has no method @2 here; it has echo, push"
    );
}

/// Passes calls on to another trial.
struct Relay(dynamic::Client);

impl dynamic::Server for Relay {
    async fn call(&self, method: Method, params: Params, results: Results) -> Result<()> {
        let mut request = self.0.request(method.name())?;
        let mut target = request.get()?;
        for (at, field) in method.params()?.fields().iter().enumerate() {
            target.set(&field.name, params.get()?.get(at)?)?;
        }
        drop(params);
        results.tail_call(request);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_passed_on_with_their_capabilities() {
    let trials = trial_schema("Trial");
    let behind = trials.client(trial_client().client);
    let link = serve(&trials, Relay(behind));
    let client: trial::Client = link.client.bootstrap();
    let mut request = client.notify_request();
    request.get().set_text("a bell");
    request
        .get()
        .set_listener(new_client::<listener::Client, _>(Ear("one")));
    let response = request.send().promise.await.unwrap();
    assert_eq!(
        response.get().unwrap().get_answer().unwrap(),
        "one heard a bell"
    );
    let sink: streaming_byte_sink::Client = client.open_request().send().pipeline.get_sink();
    let mut write = sink.write_request();
    write.get().set_chunk([1, 2, 3]);
    write.send().await.unwrap();
    let end = sink.end_request().send().promise.await.unwrap();
    assert_eq!(end.get().unwrap().get_total(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_object_lives_as_long_as_its_clients() {
    struct Guard(std::sync::Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    impl dynamic::Server for Guard {
        async fn call(&self, method: Method, _: Params, _: Results) -> Result<()> {
            Err(method.unimplemented())
        }
    }
    let dropped = std::sync::Arc::<AtomicUsize>::default();
    let interface = interfaces("Named");
    let client = dynamic::new_client(&interface, Guard(dropped.clone()));
    let link = serve(&interface, Everything::default());
    let named: named::Client = link.client.bootstrap();
    let guard: named::Client = client.into_client().cast_to();
    let mut request = named.client.cast_to::<both::Client>().explicit_request();
    request.get().set_named(guard);
    let call = request.send();
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    let _ = call.promise.await;
    settle().await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}
