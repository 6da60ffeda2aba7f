//! The side that is called.

use std::collections::HashMap;
use std::sync::Arc;

use capstan_message::capability::{MaybeSend, MaybeSync};
use capstan_schema::dynamic::{Struct, StructBuilder};

use super::{Client, Interface, Method, Request, client_at, list, untyped_client_at};
use crate::BoxFuture;
use crate::cancellation::CancellationToken;
use crate::error::Result;
use crate::observer::MethodName;
use crate::server::{Dispatch, RawParams, RawResults};
use crate::vat::Exception;

/// An object of an interface that is known at run time only.
pub trait Server: MaybeSend + MaybeSync + 'static {
    /// Runs one call, of a method of the interface or of one it inherits; write it as an `async fn`.
    /// The results are sent when it is done, and must not outlive it. It is dropped early when
    /// nobody wants them any more.
    fn call(
        &self,
        method: Method,
        params: Params,
        results: Results,
    ) -> impl Future<Output = Result<()>> + MaybeSend;
}

/// A client of an object of this process, which is of this interface.
///
/// The object belongs to the [`Runtime`](crate::Runtime) it is first used with: usually that of
/// the connection it is sent over. It is dropped when its last client is, here and elsewhere.
pub fn new_client(interface: &Interface, server: impl Server) -> Client {
    let methods = interface.methods();
    let streaming = methods.iter().filter(|method| method.is_streaming());
    let dispatch = Served {
        interface: interface.clone(),
        streaming: streaming.map(key).collect(),
        methods: methods
            .into_iter()
            .map(|method| (key(&method), method))
            .collect(),
        server,
    };
    interface.client(crate::Client::local(Arc::new(dispatch)).0)
}

/// The parameters of an incoming call. Capabilities in them live until it is dropped, and longer
/// where they were taken out as clients.
pub struct Params {
    raw: RawParams,
    method: Method,
}

impl Params {
    /// The parameters.
    ///
    /// # Errors
    /// When something else than a struct came.
    pub fn get(&self) -> Result<Struct<'_>> {
        Ok(self.method.params()?.read_root(self.raw.get()?)?)
    }

    /// The client at a field, or at a path of fields such as `file.sink`.
    ///
    /// # Errors
    /// When there is no such field or its type is no interface.
    pub fn client(&self, path: &str) -> Result<Client> {
        client_at(self.method.interface().schema(), self.get()?, path)
    }

    /// The same for fields that may hold a capability of any interface: AnyPointers, and those of
    /// unbound type parameters.
    ///
    /// # Errors
    /// When there is no such field or it holds something else.
    pub fn client_as(&self, path: &str, interface: &Interface) -> Result<Client> {
        Ok(interface.client(untyped_client_at(self.get()?, path)?))
    }

    /// What tells that the call is canceled.
    #[must_use]
    pub fn cancellation_token(&self) -> CancellationToken {
        self.raw.cancellation_token()
    }
}

/// The results of an incoming call. What is in them when the method ends is sent: they must not
/// outlive it.
pub struct Results {
    raw: RawResults,
    method: Method,
}

impl Results {
    /// The results. They are filled in field by field, by serde or from JSON.
    ///
    /// # Errors
    /// When the schema lacks their type.
    pub fn get(&mut self) -> Result<StructBuilder<'_>> {
        Ok(self.method.results()?.get(self.raw.get())?)
    }

    /// Lets calls on capabilities in the results go on before the method ends: those that are in
    /// them now, which have to be there in the end too.
    ///
    /// # Errors
    /// When the results so far cannot be copied.
    pub fn set_pipeline(&mut self) -> Result<()> {
        self.raw.set_pipeline()
    }

    /// Lets the results of the method be those of this call, which is made when the method has
    /// ended well. The results of a call to an object of the caller's own need not come by here.
    pub fn tail_call(self, request: Request) {
        self.raw.tail_call(request.typeless);
    }
}

struct Served<S> {
    interface: Interface,
    methods: HashMap<(u64, u16), Method>,
    streaming: Vec<(u64, u16)>,
    server: S,
}

impl<S: Server> Dispatch for Served<S> {
    fn dispatch(
        self: Arc<Self>,
        interface_id: u64,
        method_id: u16,
        params: RawParams,
        results: RawResults,
    ) -> BoxFuture<Result<()>> {
        let Some(method) = self.methods.get(&(interface_id, method_id)).cloned() else {
            let error = self.unknown(interface_id, method_id);
            return Box::pin(core::future::ready(Err(error)));
        };
        let params = Params {
            raw: params,
            method: method.clone(),
        };
        let results = Results {
            raw: results,
            method: method.clone(),
        };
        Box::pin(async move { self.server.call(method, params, results).await })
    }

    fn streaming_methods(&self) -> &[(u64, u16)] {
        &self.streaming
    }

    fn method_name(&self, interface_id: u64, method_id: u16) -> Option<MethodName> {
        let method = self.methods.get(&(interface_id, method_id))?;
        let interface = method.interface();
        let interface = interface.name();
        let interface = interface
            .rsplit_once(':')
            .map_or(interface, |(_, name)| name);
        Some(MethodName {
            interface: interface.to_string().into(),
            method: method.name().to_string().into(),
        })
    }
}

impl<S> Served<S> {
    fn unknown(&self, interface_id: u64, method_id: u16) -> Exception {
        let name = self.interface.name();
        let interfaces = self.interface.ty().map(|ty| ty.with_ancestors());
        let interfaces = interfaces.unwrap_or_default();
        let called = interfaces
            .iter()
            .find(|each| each.node().id == interface_id);
        Exception::unimplemented(match called {
            Some(interface) => {
                let known = list(interface.own_methods().map(|method| method.name()));
                let interface = &interface.node().display_name;
                format!("{interface} has no method @{method_id} here; {known}")
            }
            None => {
                let known = list(
                    interfaces
                        .iter()
                        .map(|each| each.node().display_name.as_str()),
                );
                format!("the object is a {name} and has no interface {interface_id:#018x}; {known}")
            }
        })
    }
}

fn key(method: &Method) -> (u64, u16) {
    (method.interface().id(), method.ordinal())
}
