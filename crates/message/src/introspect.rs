//! The schema of generated types, at run time.
//!
//! Every generated `Owned`, every group's `Reader` and every enum implements [`Introspect`]. What
//! they tell is constant data that refers to other types' by function, so a program that never
//! asks contains none of it.
//!
//! ```
//! use capstan_message::introspect::{Introspect, Kind, Type};
//!
//! /// Prints the fields of any generated type, such as `person::Owned`.
//! fn print<T: Introspect>() {
//!     let node = T::node();
//!     println!("{} {:#018x}", node.name(), node.id);
//!     if let Kind::Struct { fields } = node.kind {
//!         for field in fields {
//!             match field.ty {
//!                 Type::Struct(other, _) => println!("  {} :{}", field.name, other().name()),
//!                 ty => println!("  {} :{ty:?}", field.name),
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! Whatever is not in these types is in the node as the schema compiler wrote it, see
//! [`Node::read`]; and [`Node::request`] makes a schema that other programs and the run-time
//! schemas of `capstan-schema` load.

use alloc::vec::Vec;
use core::fmt;

use crate::layout::StructSize;
use crate::message::{FrameBuilder, Reader, ReaderOptions};
use crate::serialize::OwnedSegments;
use crate::{Result, any_pointer, any_struct, serialize_packed};

/// A type that a schema declares.
pub trait Introspect {
    /// What the schema says of the type. Bindings of type parameters make no difference to it.
    fn node() -> &'static Node;
}

/// How types refer to each other.
pub type NodeRef = fn() -> &'static Node;

/// A declared type: struct, group, enum or interface.
pub struct Node {
    /// The type's id.
    pub id: u64,
    /// Such as `dir/person.capnp:Person.Phone`.
    pub display_name: &'static str,
    /// Bytes of `display_name` before the type's own name.
    pub prefix_bytes: usize,
    /// What is declared inside.
    pub kind: Kind,
    /// A packed frame whose root is the `Node` of `schema.capnp`.
    pub packed: &'static [u8],
}

/// What a type is made of.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A struct or a group.
    Struct {
        /// By ordinal.
        fields: &'static [Field],
    },
    /// An enum.
    Enum {
        /// The names, by value.
        enumerants: &'static [&'static str],
    },
    /// An interface.
    Interface {
        /// By ordinal.
        methods: &'static [Method],
        /// What it extends directly, with the types that stand for the type parameters there.
        superclasses: &'static [(NodeRef, &'static [Type])],
    },
}

/// A field of a struct or group.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As in the schema.
    pub name: &'static str,
    /// The tag of a union's member.
    pub discriminant: Option<u16>,
    /// A group's is the group.
    pub ty: Type,
}

/// A method of an interface.
#[derive(Clone, Copy)]
pub struct Method {
    /// As in the schema.
    pub name: &'static str,
    /// The struct of its parameters.
    pub params: NodeRef,
    /// The struct of its results; none for a method declared `-> stream`.
    pub results: Option<NodeRef>,
}

/// The type of a field. Types with parameters list what stands for them, those of the scopes
/// around the type first.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Type {
    Void,
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Text,
    Data,
    List(&'static Type),
    Enum(NodeRef),
    Struct(NodeRef, &'static [Type]),
    /// A group of the struct, which shares its type parameters.
    Group(NodeRef),
    Interface(NodeRef, &'static [Type]),
    AnyPointer,
    AnyStruct,
    AnyList,
    Capability,
    /// A type parameter: which one of the node with this id.
    Parameter {
        scope_id: u64,
        index: u16,
    },
}

impl Node {
    /// The type's name without those around it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.display_name.get(self.prefix_bytes..).unwrap_or("")
    }

    /// The message whose root is the `Node` of `schema.capnp`.
    ///
    /// # Errors
    /// Never for generated nodes; when `packed` is no packed message, otherwise.
    pub fn read(&self) -> Result<Reader<OwnedSegments>> {
        serialize_packed::read_message_from_flat_slice(&mut &*self.packed, trusted())
    }

    /// This type and every one that it mentions, directly or not, each once; this one first.
    #[must_use]
    pub fn reachable(&'static self) -> Vec<&'static Node> {
        let mut found: Vec<&'static Node> = alloc::vec![self];
        let mut next = 0;
        while let Some(node) = found.get(next).copied() {
            next += 1;
            node.mentions(&mut |other| {
                let other = other();
                if !found.iter().any(|known| known.id == other.id) {
                    found.push(other);
                }
            });
        }
        found
    }

    /// A framed `CodeGeneratorRequest` with this type and all it mentions: what
    /// `capstan_schema::read_request` and other languages' tools read. No file is requested.
    ///
    /// # Errors
    /// Never for generated nodes; when one of them is damaged, otherwise.
    pub fn request(&'static self) -> Result<Vec<u8>> {
        let messages = self.reachable().into_iter().map(Node::read);
        let messages: Vec<Reader<OwnedSegments>> = messages.collect::<Result<_>>()?;
        let mut size = StructSize::default();
        for message in &messages {
            let node = message.get_root::<any_struct::Reader<'_>>()?.reader.size();
            size.data = size.data.max(node.data);
            size.pointers = size.pointers.max(node.pointers);
        }
        let mut request = FrameBuilder::with_capacity_words(0);
        let root = request.init_root::<any_pointer::Builder<'_>>().builder;
        let nodes = root.init_struct(REQUEST_SIZE).get_pointer_field(0);
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        let mut nodes = nodes.init_struct_list(count, size);
        for (index, message) in (0..).zip(&messages) {
            let node = message.get_root::<any_struct::Reader<'_>>()?.reader;
            let mut element = nodes.reborrow().get_struct_element(index);
            element.copy_content_from(&node)?;
        }
        Ok(request.into_frame())
    }

    fn mentions(&self, visit: &mut dyn FnMut(NodeRef)) {
        match self.kind {
            Kind::Struct { fields } => {
                for field in fields {
                    field.ty.mentions(visit);
                }
            }
            Kind::Enum { .. } => {}
            Kind::Interface {
                methods,
                superclasses,
            } => {
                for method in methods {
                    visit(method.params);
                    method.results.map(&mut *visit);
                }
                for (superclass, arguments) in superclasses {
                    visit(*superclass);
                    for argument in *arguments {
                        argument.mentions(visit);
                    }
                }
            }
        }
    }
}

impl Type {
    fn mentions(&self, visit: &mut dyn FnMut(NodeRef)) {
        match *self {
            Type::List(element) => element.mentions(visit),
            Type::Enum(node) | Type::Group(node) => visit(node),
            Type::Struct(node, arguments) | Type::Interface(node, arguments) => {
                visit(node);
                for argument in arguments {
                    argument.mentions(visit);
                }
            }
            _ => {}
        }
    }
}

/// Without what it refers to, which may refer back to it.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} {:#018x})", self.display_name, self.id)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("params", (self.params)())
            .field("results", &self.results.map(|results| results()))
            .finish()
    }
}

/// As a schema spells it.
impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Type::Void => "Void",
            Type::Bool => "Bool",
            Type::Int8 => "Int8",
            Type::Int16 => "Int16",
            Type::Int32 => "Int32",
            Type::Int64 => "Int64",
            Type::UInt8 => "UInt8",
            Type::UInt16 => "UInt16",
            Type::UInt32 => "UInt32",
            Type::UInt64 => "UInt64",
            Type::Float32 => "Float32",
            Type::Float64 => "Float64",
            Type::Text => "Text",
            Type::Data => "Data",
            Type::List(element) => return write!(f, "List({element:?})"),
            Type::Enum(node) | Type::Group(node) => node().name(),
            Type::Struct(node, arguments) | Type::Interface(node, arguments) => {
                f.write_str(node().name())?;
                for (index, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument:?}", if index == 0 { "(" } else { ", " })?;
                }
                if arguments.is_empty() { "" } else { ")" }
            }
            Type::AnyPointer => "AnyPointer",
            Type::AnyStruct => "AnyStruct",
            Type::AnyList => "AnyList",
            Type::Capability => "Capability",
            Type::Parameter { scope_id, index } => {
                return write!(f, "parameter {index} of {scope_id:#018x}");
            }
        };
        f.write_str(name)
    }
}

/// Generated nodes come from the program itself, so no limit needs to hold.
fn trusted() -> ReaderOptions {
    ReaderOptions {
        traversal_limit_in_words: None,
        ..ReaderOptions::new()
    }
}

/// `CodeGeneratorRequest` as of version 1: nodes, requested files, version, source info.
const REQUEST_SIZE: StructSize = StructSize {
    data: 0,
    pointers: 4,
};
