//! Compiled schemas as plain Rust values: the same information as `schema.capnp`'s
//! `CodeGeneratorRequest`, field for field, in a form that is pleasant to match on.
//! The compiler produces it, the code generators and run-time schemas consume it.

/// Everything the compiler knows about the files it was asked to compile and those they import.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompiledSchema {
    /// Every node of every file, parents before children.
    pub nodes: Vec<Node>,
    /// The files named on the command line, in order.
    pub requested_files: Vec<RequestedFile>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RequestedFile {
    pub id: u64,
    /// As given on the command line, less any prefix.
    pub filename: String,
    pub imports: Vec<Import>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub id: u64,
    /// As written in the `import` expression.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub id: u64,
    /// Such as `foo/bar.capnp:Outer.Inner`.
    pub display_name: String,
    /// Bytes of `display_name` before the unqualified name.
    pub display_name_prefix_bytes: u32,
    /// Zero for files.
    pub scope_id: u64,
    pub parameters: Vec<String>,
    pub is_generic: bool,
    pub nested_nodes: Vec<NestedNode>,
    pub annotations: Vec<Annotation>,
    pub doc_comment: Option<String>,
    pub kind: NodeKind,
}

impl Node {
    /// The name without its scope.
    pub fn name(&self) -> &str {
        self.display_name
            .get(self.display_name_prefix_bytes as usize..)
            .unwrap_or("")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct NestedNode {
    pub name: String,
    pub id: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    File,
    Struct(StructNode),
    Enum {
        enumerants: Vec<Enumerant>,
    },
    Interface {
        methods: Vec<Method>,
        superclasses: Vec<Superclass>,
    },
    Const {
        ty: Type,
        value: Value,
    },
    Annotation {
        ty: Type,
        targets: AnnotationTargets,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StructNode {
    pub data_words: u16,
    pub pointers: u16,
    pub preferred_list_encoding: PreferredListEncoding,
    pub is_group: bool,
    pub discriminant_count: u16,
    /// In units of 16 bits from the start of the data section.
    pub discriminant_offset: u32,
    /// In code order of `schema.capnp`: sorted by ordinal.
    pub fields: Vec<Field>,
}

/// The element size a list of this struct could use if it were not inline composite.
/// Same ordinals as `schema.capnp`'s `ElementSize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreferredListEncoding {
    #[default]
    Empty = 0,
    Bit = 1,
    Byte = 2,
    TwoBytes = 3,
    FourBytes = 4,
    EightBytes = 5,
    Pointer = 6,
    InlineComposite = 7,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    /// Position in the source text among its siblings.
    pub code_order: u16,
    pub annotations: Vec<Annotation>,
    /// `None` when the field is not in the union.
    pub discriminant: Option<u16>,
    pub doc_comment: Option<String>,
    /// `None` when implicit (groups).
    pub ordinal: Option<u16>,
    pub kind: FieldKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    Slot {
        /// In units of the field's own size from the start of its section.
        offset: u32,
        ty: Type,
        default: Value,
        written_default: WrittenDefault,
    },
    Group {
        id: u64,
    },
}

/// What the schema says of a field's default. Values are alike for readers of messages, whether
/// they were written or are implied; generators tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrittenDefault {
    /// Nothing: zero, or a null pointer.
    #[default]
    Nothing,
    /// `= null`, which parameters of pointer types can have.
    Null,
    Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Enumerant {
    pub name: String,
    pub code_order: u16,
    pub annotations: Vec<Annotation>,
    pub doc_comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    pub name: String,
    pub code_order: u16,
    pub implicit_parameters: Vec<String>,
    pub param_struct: u64,
    pub param_brand: Brand,
    /// [`STREAM_RESULT_ID`] for a streaming method.
    pub result_struct: u64,
    pub result_brand: Brand,
    pub annotations: Vec<Annotation>,
    pub doc_comment: Option<String>,
}

impl Method {
    pub fn is_streaming(&self) -> bool {
        self.result_struct == STREAM_RESULT_ID
    }
}

/// `StreamResult` of `/capnp/stream.capnp`: the result type that makes a method a streaming one.
pub const STREAM_RESULT_ID: u64 = 0x995f_9a33_77c0_b16e;

#[derive(Clone, Debug, PartialEq)]
pub struct Superclass {
    pub id: u64,
    pub brand: Brand,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnnotationTargets {
    pub file: bool,
    pub constant: bool,
    pub enumeration: bool,
    pub enumerant: bool,
    pub structure: bool,
    pub field: bool,
    pub union: bool,
    pub group: bool,
    pub interface: bool,
    pub method: bool,
    pub param: bool,
    pub annotation: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    pub id: u64,
    pub brand: Brand,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
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
    List(Box<Type>),
    Enum { id: u64, brand: Brand },
    Struct { id: u64, brand: Brand },
    Interface { id: u64, brand: Brand },
    AnyPointer(AnyPointer),
}

impl Type {
    /// Whether a field of this type is a pointer rather than data.
    pub fn is_pointer(&self) -> bool {
        matches!(
            self,
            Type::Text
                | Type::Data
                | Type::List(_)
                | Type::Struct { .. }
                | Type::Interface { .. }
                | Type::AnyPointer(_)
        )
    }

    pub fn is_integer(&self) -> bool {
        matches!(
            self,
            Type::Int8
                | Type::Int16
                | Type::Int32
                | Type::Int64
                | Type::UInt8
                | Type::UInt16
                | Type::UInt32
                | Type::UInt64
        )
    }

    pub fn is_float(&self) -> bool {
        matches!(self, Type::Float32 | Type::Float64)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyPointer {
    Any,
    Struct,
    List,
    Capability,
    /// A type parameter of the node `scope_id`.
    Parameter {
        scope_id: u64,
        index: u16,
    },
    ImplicitMethodParameter {
        index: u16,
    },
}

/// The bindings of type parameters, one scope for each generic node on the way to the root.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brand {
    pub scopes: Vec<BrandScope>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BrandScope {
    pub scope_id: u64,
    pub bindings: BrandBindings,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BrandBindings {
    Bind(Vec<Binding>),
    Inherit,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    Unbound,
    Type(Type),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Void,
    Bool(bool),
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    UInt8(u8),
    UInt16(u16),
    UInt32(u32),
    UInt64(u64),
    Float32(f32),
    Float64(f64),
    Text(String),
    Data(Vec<u8>),
    Enum(u16),
    Interface,
    /// List, struct and AnyPointer values: a message without segment table whose root pointer is
    /// the value; empty for null.
    List(Vec<u8>),
    Struct(Vec<u8>),
    AnyPointer(Vec<u8>),
}
