//! What a schema type is called in Rust.

use capstan_schema::node::{AnyPointer, Binding, Brand, BrandBindings, Type};

use super::generics::{Generics, angle_brackets};
use super::scope::Scopes;
use super::writer::{Writer, line};
use super::{Error, Options};

/// What modules call the message crate. No name in a schema begins with an underscore.
pub(super) const MESSAGE: &str = "_capnp";
/// What modules call the RPC crate.
const RPC: &str = "_rpc";

/// Where in the output we are.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) scopes: &'a Scopes<'a>,
    /// The node in whose module we are; the file itself at the top.
    pub(super) at: u64,
    pub(super) file: u64,
    /// The type parameters of the node being written, those of the nodes around it included.
    pub(super) generics: &'a Generics,
    pub(super) options: &'a Options,
}

impl<'a> Context<'a> {
    /// The context inside the module of a node.
    pub(super) fn inside(self, node: u64, generics: &'a Generics) -> Self {
        Self {
            at: node,
            generics,
            ..self
        }
    }

    /// The lines that every module begins with. At the top of a file they would meet those of
    /// another file that is included beside it, so there the full paths are used.
    pub(super) fn write_uses(&self, w: &mut Writer) {
        line!(w, "use {} as {MESSAGE};", self.options.message_crate);
        if let Some(rpc) = &self.options.rpc_crate {
            line!(w, "use {rpc} as {RPC};");
        }
        w.blank();
    }

    /// The message crate.
    pub(super) fn message(&self) -> &str {
        if self.at == self.file {
            &self.options.message_crate
        } else {
            MESSAGE
        }
    }

    /// The RPC crate.
    pub(super) fn rpc(&self, what: &str) -> Result<&str, Error> {
        match &self.options.rpc_crate {
            Some(rpc) if self.at == self.file => Ok(rpc),
            Some(_) => Ok(RPC),
            None => Err(Error::new(format!(
                "{what} needs capstan-rpc, but this code was asked for with messages alone (see Options::rpc)"
            ))),
        }
    }

    /// The module of a node, or the enum itself.
    pub(super) fn path(&self, id: u64) -> Result<String, Error> {
        self.scopes.path(id, self.at)
    }

    /// A type in a node's module, such as `Reader`, with the type arguments of the brand.
    pub(super) fn branded(
        &self,
        id: u64,
        brand: &Brand,
        item: &str,
        lifetime: Option<&str>,
    ) -> Result<String, Error> {
        Ok(format!(
            "{}::{item}{}",
            self.path(id)?,
            angle_brackets(lifetime, &self.arguments(id, brand)?)
        ))
    }

    /// A type in the module of a node that shares our type parameters: a group, a parameter list.
    pub(super) fn inherited(
        &self,
        id: u64,
        item: &str,
        lifetime: Option<&str>,
    ) -> Result<String, Error> {
        Ok(format!(
            "{}::{item}{}",
            self.path(id)?,
            self.generics.arguments(lifetime)
        ))
    }

    /// The types that stand for the type parameters of a node.
    pub(super) fn arguments(&self, id: u64, brand: &Brand) -> Result<Vec<String>, Error> {
        let any = || format!("{}::any_pointer::Owned", self.message());
        let mut arguments = Vec::new();
        for parameter in self.scopes.type_parameters(id)? {
            let scope = brand
                .scopes
                .iter()
                .find(|scope| scope.scope_id == parameter.scope_id);
            arguments.push(match scope.map(|scope| &scope.bindings) {
                Some(BrandBindings::Inherit) => self
                    .generics
                    .name(parameter.scope_id, parameter.index)?
                    .to_string(),
                Some(BrandBindings::Bind(bindings)) => {
                    match bindings.get(usize::from(parameter.index)) {
                        Some(Binding::Type(ty)) => self.owned(ty)?,
                        Some(Binding::Unbound) | None => any(),
                    }
                }
                // A parameter list shares the type parameters of the interface around it.
                None if self.scopes.is_parameter_list(id)? => {
                    match self.generics.name(parameter.scope_id, parameter.index) {
                        Ok(name) => name.to_string(),
                        Err(_) => any(),
                    }
                }
                None => any(),
            });
        }
        Ok(arguments)
    }

    /// What reading a value of this type gives, with its lifetime: never a `Result`.
    pub(super) fn reader(&self, ty: &Type, lifetime: &str) -> Result<String, Error> {
        self.view(ty, "Reader", lifetime)
    }

    /// What building a value of this type gives.
    pub(super) fn builder(&self, ty: &Type, lifetime: &str) -> Result<String, Error> {
        self.view(ty, "Builder", lifetime)
    }

    /// The type that stands for the schema type where a lifetime would be in the way.
    pub(super) fn owned(&self, ty: &Type) -> Result<String, Error> {
        let message = self.message();
        Ok(match ty {
            Type::Text => format!("{message}::text::Owned"),
            Type::Data => format!("{message}::data::Owned"),
            Type::List(element) => {
                let parameter: Vec<String> = self.list_parameter(element)?.into_iter().collect();
                format!(
                    "{message}::{}::Owned{}",
                    self.list_module(element)?,
                    angle_brackets(None, &parameter)
                )
            }
            Type::Struct { id, brand } => self.branded(*id, brand, "Owned", None)?,
            Type::Interface { id, brand } => {
                self.rpc("a value of interface type")?;
                self.branded(*id, brand, "Owned", None)?
            }
            Type::AnyPointer(AnyPointer::Parameter { scope_id, index }) => {
                self.generics.name(*scope_id, *index)?.to_string()
            }
            Type::AnyPointer(AnyPointer::Struct) => format!("{message}::any_struct::Owned"),
            Type::AnyPointer(AnyPointer::List) => format!("{message}::any_list::Owned"),
            Type::AnyPointer(AnyPointer::Capability) => self.any_capability(),
            // Which type a method's own parameter stands for is between caller and server.
            Type::AnyPointer(AnyPointer::Any | AnyPointer::ImplicitMethodParameter { .. }) => {
                format!("{message}::any_pointer::Owned")
            }
            _ => self.scalar(ty)?,
        })
    }

    /// The Rust type of a scalar, `()` for Void, or the enum's path.
    pub(super) fn scalar(&self, ty: &Type) -> Result<String, Error> {
        Ok(match ty {
            Type::Void => "()".to_string(),
            Type::Bool => "bool".to_string(),
            Type::Int8 => "i8".to_string(),
            Type::Int16 => "i16".to_string(),
            Type::Int32 => "i32".to_string(),
            Type::Int64 => "i64".to_string(),
            Type::UInt8 => "u8".to_string(),
            Type::UInt16 => "u16".to_string(),
            Type::UInt32 => "u32".to_string(),
            Type::UInt64 => "u64".to_string(),
            Type::Float32 => "f32".to_string(),
            Type::Float64 => "f64".to_string(),
            Type::Enum { id, .. } => self.path(*id)?,
            _ => return Err(Error::new(format!("{ty:?} is not a scalar type"))),
        })
    }

    fn view(&self, ty: &Type, side: &str, lifetime: &str) -> Result<String, Error> {
        let message = self.message();
        Ok(match ty {
            Type::Text => format!("{message}::text::{side}<{lifetime}>"),
            Type::Data => format!("{message}::data::{side}<{lifetime}>"),
            Type::List(element) => {
                let parameter: Vec<String> = self.list_parameter(element)?.into_iter().collect();
                format!(
                    "{message}::{}::{side}{}",
                    self.list_module(element)?,
                    angle_brackets(Some(lifetime), &parameter)
                )
            }
            Type::Struct { id, brand } => self.branded(*id, brand, side, Some(lifetime))?,
            Type::Interface { id, brand } => {
                self.rpc("a field of interface type")?;
                self.branded(*id, brand, "Client", None)?
            }
            Type::AnyPointer(AnyPointer::Parameter { .. }) => {
                format!(
                    "<{} as {message}::traits::Owned>::{side}<{lifetime}>",
                    self.owned(ty)?
                )
            }
            Type::AnyPointer(AnyPointer::Struct) => {
                format!("{message}::any_struct::{side}<{lifetime}>")
            }
            Type::AnyPointer(AnyPointer::List) => {
                format!("{message}::any_list::{side}<{lifetime}>")
            }
            Type::AnyPointer(AnyPointer::Capability) => self.any_capability(),
            Type::AnyPointer(AnyPointer::Any | AnyPointer::ImplicitMethodParameter { .. }) => {
                format!("{message}::any_pointer::{side}<{lifetime}>")
            }
            _ => self.scalar(ty)?,
        })
    }

    /// A capability of any interface; it stands for itself where an `Owned` is asked for.
    fn any_capability(&self) -> String {
        match self.rpc("a capability") {
            Ok(rpc) => format!("{rpc}::Client"),
            Err(_) => format!(
                "::core::option::Option<{}::capability::CapHandle>",
                self.message()
            ),
        }
    }

    fn list_module(&self, element: &Type) -> Result<&'static str, Error> {
        Ok(match element {
            Type::Text => "text_list",
            Type::Data => "data_list",
            Type::List(_) => "list_list",
            Type::Enum { .. } => "enum_list",
            Type::Struct { .. } => "struct_list",
            Type::Interface { .. } => {
                self.rpc("a list of an interface type")?;
                "capability_list"
            }
            Type::AnyPointer(AnyPointer::List) => "list_list",
            Type::AnyPointer(AnyPointer::Capability) => "capability_list",
            Type::AnyPointer(AnyPointer::Any) => "any_pointer_list",
            // Whether its elements are pointers or structs would depend on the argument.
            Type::AnyPointer(_) => {
                return Err(Error::new(
                    "a list of AnyStruct or of a type parameter, which the schema language does not have",
                ));
            }
            _ => "primitive_list",
        })
    }

    fn list_parameter(&self, element: &Type) -> Result<Option<String>, Error> {
        Ok(match element {
            Type::Text | Type::Data | Type::AnyPointer(AnyPointer::Any) => None,
            Type::Interface { id, brand } => Some(self.branded(*id, brand, "Client", None)?),
            // A list of lists is parametrized by the inner list, everything else by the element.
            _ => Some(self.owned(element)?),
        })
    }
}
