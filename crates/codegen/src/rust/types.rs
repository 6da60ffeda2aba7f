//! What a schema type is called in Rust.

use capstan_schema::node::{AnyPointer, Brand, BrandBindings, Type};

use super::scope::Scopes;
use super::{Error, Options};

/// Where in the output we are.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) scopes: &'a Scopes<'a>,
    pub(super) file: u64,
    /// Modules between here and the file's own.
    pub(super) depth: usize,
    pub(super) options: &'a Options,
}

impl Context<'_> {
    /// The context inside a module opened here.
    pub(super) fn inside(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.options.message_crate
    }

    pub(super) fn rpc(&self, what: &str) -> Result<&str, Error> {
        self.options.rpc_crate.as_deref().ok_or_else(|| {
            Error::new(format!("{what} needs capstan-rpc, but this code was asked for with messages alone (see Options::rpc)"))
        })
    }

    pub(super) fn path(&self, id: u64, brand: &Brand) -> Result<String, Error> {
        if brand.scopes.iter().any(|scope| matches!(&scope.bindings, BrandBindings::Bind(bindings) if !bindings.is_empty())) {
            let name = &self.scopes.node(id)?.display_name;
            return Err(Error::new(format!("{name} is used with type arguments, which the Rust generator does not support yet")));
        }
        self.scopes.path(id, self.file, self.depth)
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
                let list = self.list_module(element)?;
                match self.list_parameter(element)? {
                    Some(parameter) => format!("{message}::{list}::Owned<{parameter}>"),
                    None => format!("{message}::{list}::Owned"),
                }
            }
            Type::Struct { id, brand } => format!("{}::Owned", self.path(*id, brand)?),
            Type::AnyPointer(_) => format!("{message}::any_pointer::Owned"),
            Type::Interface { id, brand } => format!("{}::Client", self.path(*id, brand)?),
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
            Type::Enum { id, brand } => self.path(*id, brand)?,
            _ => return Err(Error::new(format!("{ty:?} is not a scalar type"))),
        })
    }

    fn view(&self, ty: &Type, side: &str, lifetime: &str) -> Result<String, Error> {
        let message = self.message();
        Ok(match ty {
            Type::Text => format!("{message}::text::{side}<{lifetime}>"),
            Type::Data => format!("{message}::data::{side}<{lifetime}>"),
            Type::List(element) => {
                let list = self.list_module(element)?;
                match self.list_parameter(element)? {
                    Some(parameter) => {
                        format!("{message}::{list}::{side}<{lifetime}, {parameter}>")
                    }
                    None => format!("{message}::{list}::{side}<{lifetime}>"),
                }
            }
            Type::Struct { id, brand } => format!("{}::{side}<{lifetime}>", self.path(*id, brand)?),
            Type::AnyPointer(any) => {
                refuse_parameter(any)?;
                format!("{message}::any_pointer::{side}<{lifetime}>")
            }
            Type::Interface { id, brand } => {
                self.rpc("a field of interface type")?;
                format!("{}::Client", self.path(*id, brand)?)
            }
            _ => self.scalar(ty)?,
        })
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
            Type::AnyPointer(any) => {
                refuse_parameter(any)?;
                "any_pointer_list"
            }
            _ => "primitive_list",
        })
    }

    fn list_parameter(&self, element: &Type) -> Result<Option<String>, Error> {
        Ok(match element {
            Type::Text | Type::Data | Type::AnyPointer(_) => None,
            // A list of lists is parametrized by the inner list, everything else by the element.
            _ => Some(self.owned(element)?),
        })
    }
}

fn refuse_parameter(any: &AnyPointer) -> Result<(), Error> {
    match any {
        AnyPointer::Parameter { .. } | AnyPointer::ImplicitMethodParameter { .. } => {
            Err(Error::new(
                "a type parameter is used as a type, which the Rust generator does not support yet",
            ))
        }
        AnyPointer::Any | AnyPointer::Struct | AnyPointer::List | AnyPointer::Capability => Ok(()),
    }
}
