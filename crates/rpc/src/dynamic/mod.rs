//! Calls and servers without generated code, by a schema that is known at run time only: compiled
//! from text, or read from a `CodeGeneratorRequest`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use capstan_rpc::dynamic::schema::dynamic::{Schema, Value};
//! use capstan_rpc::dynamic::schema::{NoFiles, SourceFile, compile, json};
//! use capstan_rpc::dynamic::{self, Interface, Method, Params, Results};
//!
//! const TEXT: &str = "@0xd4c9a1b7e6f20853;
//!     interface Adder {
//!       add @0 (left :Int32, right :Int32) -> (sum :Int32);
//!       self @1 () -> (adder :Adder);
//!     }";
//!
//! struct Server;
//!
//! impl dynamic::Server for Server {
//!     async fn call(
//!         &self,
//!         method: Method,
//!         params: Params,
//!         mut results: Results,
//!     ) -> Result<(), capstan_rpc::Error> {
//!         match method.name() {
//!             "add" => {
//!                 let params = params.get()?;
//!                 let (left, right) = (params.get_named("left")?, params.get_named("right")?);
//!                 let (Some(Value::Int(left)), Some(Value::Int(right))) = (left, right) else {
//!                     return Err(method.unimplemented());
//!                 };
//!                 results.get()?.set("sum", Value::Int(left + right))?;
//!                 Ok(())
//!             }
//!             "self" => {
//!                 let adder = dynamic::new_client(method.interface(), Server);
//!                 results.get()?.set_capability("adder", adder.into_client())?;
//!                 Ok(())
//!             }
//!             _ => Err(method.unimplemented()),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let compiled = compile(&NoFiles, &[SourceFile::new("adder.capnp", TEXT)])
//!     .map_err(|errors| errors[0].render())?;
//! let interface = Interface::new(&Arc::new(Schema::new(compiled)), "Adder")?;
//!
//! // Over a connection: `interface.client(connection.bootstrap())`.
//! let adder = dynamic::new_client(&interface, Server);
//! let call = adder.request("self")?.send();
//! // The result's capability can be called before the result is here.
//! let mut request = call.pipeline.client("adder")?.request("add")?;
//! json::read(r#"{"left": 2, "right": 3}"#, request.get()?)?;
//! let response = request.send().promise.await?;
//! assert_eq!(json::write(&response.get()?, false)?, r#"{"sum":5}"#);
//! # Ok(())
//! # }
//! ```

mod client;
mod server;

use std::sync::Arc;

pub use capstan_schema as schema;
use capstan_schema::dynamic::{
    InterfaceType, MethodType, Schema, SetError, Struct, StructType, Value,
};
use capstan_schema::json::{JsonError, WriteError};
use capstan_schema::node::{Brand, Type};

pub use client::{Client, Pipeline, Promise, RemotePromise, Request, Response, StreamingRequest};
pub use server::{Params, Results, Server, new_client};

use crate::error::Result;
use crate::vat::Exception;

/// An interface of a schema, its type parameters bound.
#[derive(Clone, Debug)]
pub struct Interface {
    schema: Arc<Schema>,
    id: u64,
    brand: Brand,
}

/// A method of an interface.
#[derive(Clone, Debug)]
pub struct Method {
    shared: Arc<MethodParts>,
}

#[derive(Debug)]
struct MethodParts {
    interface: Interface,
    ordinal: u16,
    name: String,
    is_streaming: bool,
    params: Shape,
    results: Shape,
}

/// A struct type that keeps its schema.
#[derive(Clone, Debug)]
struct Shape {
    schema: Arc<Schema>,
    id: u64,
    brand: Brand,
}

impl Interface {
    /// The interface that `path`, such as `Outer.Inner`, names in the files that were compiled. Its
    /// type parameters are unbound, which makes values of them AnyPointers.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn new(schema: &Arc<Schema>, path: &str) -> Result<Self> {
        match schema.interface_type(path) {
            Some(interface) => Ok(Self::of(schema, &interface)),
            None => Err(Exception::failed(match schema.find(path) {
                Some(_) => format!("'{path}' is not an interface"),
                None => format!("the schema has no interface '{path}'"),
            })),
        }
    }

    /// An interface that was found in the schema, bound to type arguments perhaps.
    #[must_use]
    pub fn of(schema: &Arc<Schema>, interface: &InterfaceType<'_>) -> Self {
        Self {
            schema: Arc::clone(schema),
            id: interface.node().id,
            brand: interface.brand().clone(),
        }
    }

    /// The same interface with its own type parameters bound to these types.
    #[must_use]
    pub fn bind(&self, arguments: impl IntoIterator<Item = Type>) -> Self {
        match self.ty() {
            Some(ty) => Self::of(&self.schema, &ty.bind(arguments)),
            None => self.clone(),
        }
    }

    /// The schema that it is of.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Its id, unique in the world.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Such as `calculator.capnp:Calculator`.
    #[must_use]
    pub fn name(&self) -> &str {
        let node = self.schema.node(self.id);
        node.map_or("an interface", |node| &node.display_name)
    }

    /// All methods: its own, then those it inherits.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        let methods = self.ty().into_iter().flat_map(|ty| ty.methods());
        methods
            .map(|method| Method::of(&self.schema, &method))
            .collect()
    }

    /// The method of this name. Where several have it, an own method comes before inherited ones;
    /// those are reached by way of the interface that declares them.
    ///
    /// # Errors
    /// When there is none: the error names those that there are.
    pub fn method(&self, name: &str) -> Result<Method> {
        let found = self.ty().and_then(|ty| ty.method(name));
        let found = found.map(|method| Method::of(&self.schema, &method));
        found.ok_or_else(|| {
            let known = list(self.methods().iter().map(Method::name));
            Exception::failed(format!("{} has no method '{name}'; {known}", self.name()))
        })
    }

    /// A client that calls this object by this interface, which is taken on trust: if the object has
    /// another one, calls fail as unimplemented.
    #[must_use]
    pub fn client(&self, client: crate::Client) -> Client {
        Client::new(self.clone(), client)
    }

    /// There always is one: nothing but an interface of the schema gets in here.
    fn ty(&self) -> Option<InterfaceType<'_>> {
        self.schema.interface_by_id(self.id, self.brand.clone())
    }
}

impl Method {
    fn of(schema: &Arc<Schema>, method: &MethodType<'_>) -> Self {
        let (params, results) = (method.params_type(), method.results_type());
        let shape = |(id, brand)| Shape {
            schema: Arc::clone(schema),
            id,
            brand,
        };
        Self {
            shared: Arc::new(MethodParts {
                interface: Interface::of(schema, method.interface()),
                ordinal: method.ordinal(),
                name: method.name().to_owned(),
                is_streaming: method.is_streaming(),
                params: shape(params),
                results: shape(results),
            }),
        }
    }

    /// Its name in the schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its place among the methods of its interface.
    #[must_use]
    pub fn ordinal(&self) -> u16 {
        self.shared.ordinal
    }

    /// The interface that declares it, which may be an ancestor of the object's.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.shared.interface
    }

    /// Whether it is declared `-> stream`.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.shared.is_streaming
    }

    /// The type of its parameters.
    ///
    /// # Errors
    /// When the schema lacks it, which those of a compiler do not.
    pub fn params(&self) -> Result<StructType<'_>> {
        self.shared.params.ty()
    }

    /// The type of its results.
    ///
    /// # Errors
    /// When the schema lacks it, which those of a compiler do not.
    pub fn results(&self) -> Result<StructType<'_>> {
        self.shared.results.ty()
    }

    /// The error of a server that does not have this method.
    #[must_use]
    pub fn unimplemented(&self) -> Exception {
        Exception::unimplemented(format!(
            "this object does not implement the method {} of {}",
            self.name(),
            self.interface().name()
        ))
    }
}

impl Shape {
    fn ty(&self) -> Result<StructType<'_>> {
        let found = self.schema.struct_by_id(self.id, self.brand.clone());
        found.ok_or_else(|| {
            let id = self.id;
            Exception::failed(format!(
                "the schema lacks the struct with the id {id:#018x}"
            ))
        })
    }
}

/// The client at a path of field names, such as `file.sink`.
fn client_at(schema: &Arc<Schema>, root: Struct<'_>, path: &str) -> Result<Client> {
    match value_at(root, path)? {
        Value::Capability(capability) => Client::at(schema, &capability),
        _ => Err(not_a_client(path)),
    }
}

/// The same for a field whose interface is not in the schema: AnyPointers, say.
fn untyped_client_at(root: Struct<'_>, path: &str) -> Result<crate::Client> {
    match value_at(root, path)? {
        Value::Capability(capability) => Ok(capability.get_as()?),
        Value::AnyPointer(pointer) => Ok(pointer.get_as_capability()?),
        _ => Err(not_a_client(path)),
    }
}

fn value_at<'a>(root: Struct<'a>, path: &str) -> Result<Value<'a>> {
    let mut value = Value::Struct(root);
    for name in path.split('.') {
        let Value::Struct(structure) = value else {
            return Err(no_struct_before(path, name));
        };
        let found = structure.get_named(name)?;
        value = found.ok_or_else(|| no_such_field(structure.ty(), name))?;
    }
    Ok(value)
}

fn no_such_field(structure: &StructType<'_>, name: &str) -> Exception {
    Exception::failed(format!(
        "{} has no field '{name}'; {}",
        structure.node().name(),
        list(structure.fields().iter().map(|field| field.name.as_str()))
    ))
}

fn no_struct_before(path: &str, name: &str) -> Exception {
    Exception::failed(format!(
        "what comes before '{name}' in '{path}' is no struct"
    ))
}

fn not_a_client(path: &str) -> Exception {
    Exception::failed(format!(
        "the field '{path}' is not for capabilities of an interface"
    ))
}

/// What there is instead of something that is missing.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}

impl From<SetError> for Exception {
    fn from(error: SetError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<JsonError> for Exception {
    fn from(error: JsonError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<WriteError> for Exception {
    fn from(error: WriteError) -> Self {
        Self::failed(error.to_string())
    }
}
