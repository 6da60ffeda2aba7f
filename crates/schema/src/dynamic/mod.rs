//! Values whose types are known at run time only: a compiled schema, messages read through it and
//! messages built through it.
//!
//! ```
//! use capstan_message::message;
//! use capstan_schema::dynamic::{Schema, Value};
//! use capstan_schema::{NoFiles, SourceFile, compile};
//!
//! let text = "@0xd4c9a1b7e6f20853; struct Person { name @0 :Text; age @1 :UInt8; }";
//! let compiled = compile(&NoFiles, &[SourceFile::new("person.capnp", text)]).unwrap();
//! let schema = Schema::new(compiled);
//! let person = schema.struct_type("Person").unwrap();
//!
//! let mut message = message::Builder::new_default();
//! let mut ada = person.init_root(&mut message);
//! ada.set("name", Value::Text("Ada".into()))?;
//! ada.set("age", Value::UInt(36))?;
//! let ada = person.read_root(message.get_root_as_reader()?)?;
//! assert_eq!(capstan_schema::text::print(&ada.into(), false)?, r#"(name = "Ada", age = 36)"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod interface;
mod read;
mod serde;

use std::collections::HashMap;

use capstan_message::layout::{StructReader, StructSize};
use capstan_message::{Word, any_pointer, message};

pub use build::{ListBuilder, SetError, Slot, StructBuilder};
pub use interface::{Capability, InterfaceType, MethodType};
pub use read::{Enum, List, Struct, Value};

use crate::node::{Brand, CompiledSchema, Field, FieldKind, Node, NodeKind, StructNode, Type};

/// A compiled schema, indexed for reading and building values.
#[derive(Debug)]
pub struct Schema {
    compiled: CompiledSchema,
    by_id: HashMap<u64, usize>,
    /// Pointer defaults by node and field, as messages of one segment.
    defaults: HashMap<(u64, usize), Box<[Word]>>,
    /// Constants that are pointers, likewise.
    constants: HashMap<u64, Box<[Word]>>,
}

impl Schema {
    /// Makes types and values of a compiled schema accessible.
    pub fn new(compiled: CompiledSchema) -> Self {
        let by_id = compiled.nodes.iter().enumerate();
        let by_id = by_id.map(|(at, node)| (node.id, at)).collect();
        let mut defaults = HashMap::new();
        let mut constants = HashMap::new();
        for node in &compiled.nodes {
            if let NodeKind::Const { value, .. } = &node.kind
                && let Some(words) = value.to_words()
            {
                constants.insert(node.id, words);
            }
            let NodeKind::Struct(structure) = &node.kind else {
                continue;
            };
            for (at, field) in structure.fields.iter().enumerate() {
                if let FieldKind::Slot { default, .. } = &field.kind
                    && let Some(words) = default.to_words()
                {
                    defaults.insert((node.id, at), words);
                }
            }
        }
        Schema {
            compiled,
            by_id,
            defaults,
            constants,
        }
    }

    /// The compiled schema it was made of.
    pub fn compiled(&self) -> &CompiledSchema {
        &self.compiled
    }

    /// The declaration with this id.
    pub fn node(&self, id: u64) -> Option<&Node> {
        self.compiled.nodes.get(*self.by_id.get(&id)?)
    }

    /// What `path`, such as `Outer.Inner`, names in the first file that was asked for and has it.
    pub fn find(&self, path: &str) -> Option<&Node> {
        let files = self.compiled.requested_files.iter();
        files
            .filter_map(|file| self.node(file.id))
            .find_map(|file| self.find_in(file, path))
    }

    /// What `path` names inside `scope`.
    pub fn find_in<'s>(&'s self, scope: &'s Node, path: &str) -> Option<&'s Node> {
        path.split('.').try_fold(scope, |scope, name| {
            let nested = scope.nested_nodes.iter().find(|node| node.name == name)?;
            self.node(nested.id)
        })
    }

    /// The struct that `path`, such as `Outer.Inner`, names; its type parameters are unbound.
    pub fn struct_type(&self, path: &str) -> Option<StructType<'_>> {
        self.struct_by_id(self.find(path)?.id, Brand::default())
    }

    /// The struct or group with this id, its type parameters bound by `brand`.
    pub fn struct_by_id(&self, id: u64, brand: Brand) -> Option<StructType<'_>> {
        let node = self.node(id)?;
        let NodeKind::Struct(layout) = &node.kind else {
            return None;
        };
        Some(StructType {
            schema: self,
            node,
            layout,
            brand,
        })
    }

    /// The interface that `path`, such as `Outer.Inner`, names; its type parameters are unbound.
    pub fn interface_type(&self, path: &str) -> Option<InterfaceType<'_>> {
        self.interface_by_id(self.find(path)?.id, Brand::default())
    }

    /// The interface with this id, its type parameters bound by `brand`.
    pub fn interface_by_id(&self, id: u64, brand: Brand) -> Option<InterfaceType<'_>> {
        InterfaceType::new(self, self.node(id)?, brand)
    }

    /// The value of the constant with this id; `None` when that is no constant.
    ///
    /// # Errors
    /// When a schema that came from elsewhere has a damaged value.
    pub fn constant(&self, id: u64) -> Option<capstan_message::Result<Value<'_>>> {
        let NodeKind::Const { ty, value } = &self.node(id)?.kind else {
            return None;
        };
        let words = self.constants.get(&id).map_or(&[][..], |words| words);
        Some(read::constant(self, ty, value, words))
    }

    /// The type as one would write it, less what its parameters are bound to.
    pub fn type_name(&self, ty: &Type) -> String {
        let plain = match ty {
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
            Type::AnyPointer(_) => "AnyPointer",
            Type::List(element) => return format!("List({})", self.type_name(element)),
            Type::Enum { id, .. } | Type::Struct { id, .. } | Type::Interface { id, .. } => {
                self.node(*id).map_or("a type that is missing", Node::name)
            }
        };
        plain.to_owned()
    }

    pub(crate) fn node_of(&self, ty: &Type) -> Option<&NodeKind> {
        match ty {
            Type::Enum { id, .. } | Type::Struct { id, .. } | Type::Interface { id, .. } => {
                self.node(*id).map(|node| &node.kind)
            }
            _ => None,
        }
    }

    fn default_of(&self, node: u64, field: usize) -> Option<&[Word]> {
        self.defaults.get(&(node, field)).map(|words| &**words)
    }
}

/// A struct or group type, its type parameters bound.
#[derive(Clone, Debug)]
pub struct StructType<'s> {
    schema: &'s Schema,
    node: &'s Node,
    layout: &'s StructNode,
    brand: Brand,
}

impl<'s> StructType<'s> {
    /// The schema that it is of.
    pub fn schema(&self) -> &'s Schema {
        self.schema
    }

    /// Its declaration.
    pub fn node(&self) -> &'s Node {
        self.node
    }

    /// All fields in order of their ordinals, those of the unnamed union among them.
    pub fn fields(&self) -> &'s [Field] {
        &self.layout.fields
    }

    /// The field's place in [`StructType::fields`], and itself.
    pub fn field(&self, name: &str) -> Option<(usize, &'s Field)> {
        let mut fields = self.layout.fields.iter().enumerate();
        fields.find(|(_, field)| field.name == name)
    }

    /// The size of its sections.
    pub fn size(&self) -> StructSize {
        StructSize {
            data: self.layout.data_words,
            pointers: self.layout.pointers,
        }
    }

    /// What the type parameters around it stand for.
    pub fn brand(&self) -> &Brand {
        &self.brand
    }

    /// A struct with nothing in it: all its fields have their defaults.
    pub fn default_value(&self) -> Struct<'s> {
        Struct::new(self.clone(), StructReader::default())
    }

    /// Makes a new root of this type.
    pub fn init_root<'b, A: message::Allocator>(
        &self,
        message: &'b mut message::Builder<A>,
    ) -> StructBuilder<'b>
    where
        's: 'b,
    {
        self.init(message.get_root_any())
    }

    /// Makes a new struct of this type behind a pointer, in place of what is there.
    pub fn init<'b>(&self, pointer: any_pointer::Builder<'b>) -> StructBuilder<'b>
    where
        's: 'b,
    {
        StructBuilder::new(self.clone(), pointer.builder.init_struct(self.size()))
    }

    /// The struct of this type behind a pointer; a new one when nothing is there.
    ///
    /// # Errors
    /// When something else is there.
    pub fn get<'b>(
        &self,
        pointer: any_pointer::Builder<'b>,
    ) -> capstan_message::Result<StructBuilder<'b>>
    where
        's: 'b,
    {
        let builder = pointer.builder.get_struct(self.size(), None)?;
        Ok(StructBuilder::new(self.clone(), builder))
    }

    /// Reads a message's root as this type.
    ///
    /// # Errors
    /// When the pointer is bad or leads to something else.
    pub fn read_root<'m>(
        &self,
        root: any_pointer::Reader<'m>,
    ) -> capstan_message::Result<Struct<'m>>
    where
        's: 'm,
    {
        Ok(Struct::new(self.clone(), root.reader.get_struct(None)?))
    }
}
