//! The side that calls.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use capstan_message::any_pointer;
use capstan_schema::dynamic::{Capability, Schema, Struct, StructBuilder};
use capstan_schema::node::{FieldKind, Type};

use super::{
    Interface, Method, Shape, client_at, no_struct_before, no_such_field, not_a_client,
    untyped_client_at,
};
use crate::error::Result;
use crate::pipeline::AnyPipeline;
use crate::request;
use crate::vat::Exception;

type Any = any_pointer::Owned;

/// A client whose methods are called by name.
#[derive(Clone, Debug)]
pub struct Client {
    interface: Interface,
    client: crate::Client,
}

impl Client {
    pub(super) fn new(interface: Interface, client: crate::Client) -> Self {
        Self { interface, client }
    }

    /// The client for a capability that was read from a message of this schema.
    ///
    /// # Errors
    /// When its interface is not in the schema; [`Interface::client`] takes another one.
    pub fn at(schema: &Arc<Schema>, capability: &Capability<'_>) -> Result<Self> {
        let Some(interface) = capability.interface() else {
            return Err(Exception::failed(
                "the interface of the capability is not in the schema",
            ));
        };
        Ok(Interface::of(schema, interface).client(capability.get_as()?))
    }

    /// The interface that it is called by.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The client without its interface.
    #[must_use]
    pub fn as_client(&self) -> &crate::Client {
        &self.client
    }

    /// The client without its type.
    #[must_use]
    pub fn into_client(self) -> crate::Client {
        self.client
    }

    /// Starts a call to the method of this name, own or inherited.
    ///
    /// # Errors
    /// When the interface has no such method, or it is a streaming one.
    pub fn request(&self, method: &str) -> Result<Request> {
        let method = self.interface.method(method)?;
        if method.is_streaming() {
            return Err(wrong_kind(
                &method,
                "is a streaming method",
                "streaming_request",
            ));
        }
        let (interface, ordinal) = (method.interface().id(), method.ordinal());
        Ok(Request {
            typeless: self.client.new_call(interface, ordinal, None),
            method,
        })
    }

    /// Starts a call to the method of this name, which is declared `-> stream`.
    ///
    /// # Errors
    /// When the interface has no such method, or it is not a streaming one.
    pub fn streaming_request(&self, method: &str) -> Result<StreamingRequest> {
        let method = self.interface.method(method)?;
        if !method.is_streaming() {
            return Err(wrong_kind(&method, "is not a streaming method", "request"));
        }
        let (interface, ordinal) = (method.interface().id(), method.ordinal());
        Ok(StreamingRequest {
            typeless: self.client.new_streaming_call(interface, ordinal, None),
            method,
        })
    }
}

fn wrong_kind(method: &Method, what: &str, instead: &str) -> Exception {
    let (interface, name) = (method.interface().name(), method.name());
    Exception::failed(format!(
        "{name} of {interface} {what}: begin it with `{instead}`"
    ))
}

/// A call whose parameters are being filled in.
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    pub(super) typeless: request::Request<Any, Any>,
    method: Method,
}

impl Request {
    /// The method that is called.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The parameters. They are filled in field by field, by serde or from JSON.
    ///
    /// # Errors
    /// When the schema lacks their type.
    pub fn get(&mut self) -> Result<StructBuilder<'_>> {
        Ok(self.method.params()?.get(self.typeless.get())?)
    }

    /// Makes the call. It goes on when the promise is not polled, and ends when promise and
    /// pipeline are both dropped.
    pub fn send(self) -> RemotePromise {
        let results = &self.method.shared.results;
        let call = self.typeless.send();
        RemotePromise {
            promise: Promise {
                typeless: call.promise,
                results: results.clone(),
            },
            pipeline: Pipeline {
                typeless: call.pipeline,
                results: results.clone(),
            },
        }
    }
}

/// A call to a method declared `-> stream` whose parameters are being filled in.
#[must_use = "a request does nothing until it is sent"]
pub struct StreamingRequest {
    typeless: request::StreamingRequest<Any>,
    method: Method,
}

impl StreamingRequest {
    /// The method that is called.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The parameters. They are filled in field by field, by serde or from JSON.
    ///
    /// # Errors
    /// When the schema lacks their type.
    pub fn get(&mut self) -> Result<StructBuilder<'_>> {
        Ok(self.method.params()?.get(self.typeless.get())?)
    }

    /// Makes the call. The future resolves when the stream has room for the next one, which is
    /// usually before this one was delivered: an error of this call may be reported by a later
    /// one on the same object. Dropping the future only ends the waiting.
    pub fn send(self) -> request::StreamingSend {
        self.typeless.send()
    }
}

/// A call that was made.
pub struct RemotePromise {
    /// Resolves to the results.
    pub promise: Promise,
    /// Capabilities in the results, usable at once.
    pub pipeline: Pipeline,
}

/// The results of a call, once they arrive.
#[must_use = "without its promise nobody learns how a call ended, and dropping it cancels the call"]
pub struct Promise {
    typeless: request::Promise<Any>,
    results: Shape,
}

impl Future for Promise {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = core::task::ready!(Pin::new(&mut self.typeless).poll(cx))?;
        Poll::Ready(Ok(Response {
            typeless: response,
            results: self.results.clone(),
        }))
    }
}

/// The results of a call. Capabilities in them live until it is dropped, and longer where they
/// were taken out as clients.
pub struct Response {
    typeless: request::Response<Any>,
    results: Shape,
}

impl Response {
    /// The results.
    ///
    /// # Errors
    /// When something else than a struct came.
    pub fn get(&self) -> Result<Struct<'_>> {
        Ok(self.results.ty()?.read_root(self.typeless.get()?)?)
    }

    /// The client at a field, or at a path of fields such as `file.sink`.
    ///
    /// # Errors
    /// When there is no such field or its type is no interface.
    pub fn client(&self, path: &str) -> Result<Client> {
        client_at(&self.results.schema, self.get()?, path)
    }

    /// The same for fields that may hold a capability of any interface: AnyPointers, and those of
    /// unbound type parameters.
    ///
    /// # Errors
    /// When there is no such field or it holds something else.
    pub fn client_as(&self, path: &str, interface: &Interface) -> Result<Client> {
        Ok(interface.client(untyped_client_at(self.get()?, path)?))
    }
}

/// The capabilities in results that have not arrived yet. Calls on them travel right behind the
/// call they depend on.
#[derive(Clone)]
pub struct Pipeline {
    typeless: AnyPipeline,
    results: Shape,
}

impl Pipeline {
    /// The client at a field, or at a path of fields such as `file.sink`.
    ///
    /// # Errors
    /// When there is no such field or its type is no interface.
    pub fn client(&self, path: &str) -> Result<Client> {
        let (ty, typeless) = self.follow(path)?;
        let schema = &self.results.schema;
        let Type::Interface { id, brand } = ty else {
            return Err(not_a_client(path));
        };
        let interface = schema.interface_by_id(id, brand);
        let interface = interface.ok_or_else(|| not_a_client(path))?;
        Ok(Interface::of(schema, &interface).client(typeless.as_client()))
    }

    /// The same for fields that may hold a capability of any interface: AnyPointers, and those of
    /// unbound type parameters.
    ///
    /// # Errors
    /// When there is no such field or it is for something else.
    pub fn client_as(&self, path: &str, interface: &Interface) -> Result<Client> {
        match self.follow(path)? {
            (Type::Interface { .. } | Type::AnyPointer(_), typeless) => {
                Ok(interface.client(typeless.as_client()))
            }
            _ => Err(not_a_client(path)),
        }
    }

    fn follow(&self, path: &str) -> Result<(Type, AnyPipeline)> {
        let mut typeless = self.typeless.clone();
        let mut at = Type::Struct {
            id: self.results.id,
            brand: self.results.brand.clone(),
        };
        for name in path.split('.') {
            let Type::Struct { id, brand } = at else {
                return Err(no_struct_before(path, name));
            };
            let structure = self.results.schema.struct_by_id(id, brand.clone());
            let structure = structure.ok_or_else(|| no_struct_before(path, name))?;
            let found = structure.field(name);
            let (_, field) = found.ok_or_else(|| no_such_field(&structure, name))?;
            at = match &field.kind {
                FieldKind::Group { id } => Type::Struct { id: *id, brand },
                FieldKind::Slot { offset, ty, .. } if ty.is_pointer() => {
                    let slot = u16::try_from(*offset).map_err(|_| not_a_client(path))?;
                    typeless = typeless.get_pointer_field(slot);
                    ty.bound_by(&brand)
                }
                FieldKind::Slot { .. } => return Err(not_a_client(path)),
            };
        }
        Ok((at, typeless))
    }
}
