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

/// A file that was to be compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestedFile {
    /// Its id, unique in the world.
    pub id: u64,
    /// As given on the command line, less any prefix.
    pub filename: String,
    /// The files it imports.
    pub imports: Vec<Import>,
}

/// An import that the file makes use of.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The id of the file.
    pub id: u64,
    /// As written in the `import` expression.
    pub name: String,
}

/// A declaration: file, struct, enum, interface, constant or annotation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its id, unique in the world.
    pub id: u64,
    /// Such as `foo/bar.capnp:Outer.Inner`.
    pub display_name: String,
    /// Bytes of `display_name` before the unqualified name.
    pub display_name_prefix_bytes: u32,
    /// Zero for files.
    pub scope_id: u64,
    /// The names of its type parameters.
    pub parameters: Vec<String>,
    /// Whether it or what it is in has type parameters.
    pub is_generic: bool,
    /// What is declared in it.
    pub nested_nodes: Vec<NestedNode>,
    /// The annotations it has.
    pub annotations: Vec<Annotation>,
    /// The comment that stands behind it in the schema.
    pub doc_comment: Option<String>,
    /// What it is.
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

/// A declaration inside another one.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedNode {
    /// Its name there.
    pub name: String,
    /// Its id, unique in the world.
    pub id: u64,
}

/// What is declared.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A schema file.
    File,
    /// A struct, or a group.
    Struct(StructNode),
    /// An enum.
    Enum {
        /// Its values, by their ordinals.
        enumerants: Vec<Enumerant>,
    },
    /// An interface.
    Interface {
        /// Its methods, by their ordinals.
        methods: Vec<Method>,
        /// What it extends.
        superclasses: Vec<Superclass>,
    },
    /// A constant.
    Const {
        /// The type of the constant.
        ty: Type,
        /// The value.
        value: Value,
    },
    /// A declaration of an annotation.
    Annotation {
        /// The type of its value.
        ty: Type,
        /// What it may be applied to.
        targets: AnnotationTargets,
    },
}

/// A struct or a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StructNode {
    /// Length of the data section, in words.
    pub data_words: u16,
    /// Length of the pointer section, in pointers.
    pub pointers: u16,
    /// How lists of it could be laid out.
    pub preferred_list_encoding: PreferredListEncoding,
    /// Whether it is a group, which lies in the struct around it.
    pub is_group: bool,
    /// Members of its union; 0 if it has none.
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
    /// Nothing.
    #[default]
    Empty = 0,
    /// One bit.
    Bit = 1,
    /// One byte.
    Byte = 2,
    /// Two bytes.
    TwoBytes = 3,
    /// Four bytes.
    FourBytes = 4,
    /// Eight bytes.
    EightBytes = 5,
    /// One pointer.
    Pointer = 6,
    /// Anything else.
    InlineComposite = 7,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name in the schema.
    pub name: String,
    /// Position in the source text among its siblings.
    pub code_order: u16,
    /// The annotations it has.
    pub annotations: Vec<Annotation>,
    /// `None` when the field is not in the union.
    pub discriminant: Option<u16>,
    /// The comment that stands behind it in the schema.
    pub doc_comment: Option<String>,
    /// `None` when implicit (groups).
    pub ordinal: Option<u16>,
    /// Where it is.
    pub kind: FieldKind,
}

/// Where a field is.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// A value in the struct.
    Slot {
        /// In units of the field's own size from the start of its section.
        offset: u32,
        /// Its type.
        ty: Type,
        /// What it reads as when a message lacks it.
        default: Value,
        /// Whether the schema says so.
        written_default: WrittenDefault,
    },
    /// A group of fields.
    Group {
        /// The id of the node that declares the group.
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
    /// A value.
    Value,
}

/// A value of an enum.
#[derive(Clone, Debug, PartialEq)]
pub struct Enumerant {
    /// Its name in the schema.
    pub name: String,
    /// Position in the source text among its siblings.
    pub code_order: u16,
    /// The annotations it has.
    pub annotations: Vec<Annotation>,
    /// The comment that stands behind it in the schema.
    pub doc_comment: Option<String>,
}

/// A method of an interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// Its name in the schema.
    pub name: String,
    /// Position in the source text among its siblings.
    pub code_order: u16,
    /// The names of its own type parameters.
    pub implicit_parameters: Vec<String>,
    /// The id of the struct of its parameters.
    pub param_struct: u64,
    /// What the type parameters of that struct stand for.
    pub param_brand: Brand,
    /// [`STREAM_RESULT_ID`] for a streaming method.
    pub result_struct: u64,
    /// What the type parameters of the struct of results stand for.
    pub result_brand: Brand,
    /// The annotations it has.
    pub annotations: Vec<Annotation>,
    /// The comment that stands behind it in the schema.
    pub doc_comment: Option<String>,
}

impl Method {
    /// Whether it returns `-> stream`.
    pub fn is_streaming(&self) -> bool {
        self.result_struct == STREAM_RESULT_ID
    }
}

/// `StreamResult` of `/capnp/stream.capnp`: the result type that makes a method a streaming one.
pub const STREAM_RESULT_ID: u64 = 0x995f_9a33_77c0_b16e;

/// An interface that another one extends.
#[derive(Clone, Debug, PartialEq)]
pub struct Superclass {
    /// The id of the interface.
    pub id: u64,
    /// What its type parameters stand for.
    pub brand: Brand,
}

/// What an annotation may be applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnnotationTargets {
    /// Files.
    pub file: bool,
    /// Constants.
    pub constant: bool,
    /// Enums.
    pub enumeration: bool,
    /// Values of enums.
    pub enumerant: bool,
    /// Structs.
    pub structure: bool,
    /// Fields.
    pub field: bool,
    /// Unions.
    pub union: bool,
    /// Groups.
    pub group: bool,
    /// Interfaces.
    pub interface: bool,
    /// Methods.
    pub method: bool,
    /// Parameters of methods.
    pub param: bool,
    /// Declarations of annotations.
    pub annotation: bool,
}

/// An annotation that was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// The id of its declaration.
    pub id: u64,
    /// What the type parameters around that stand for.
    pub brand: Brand,
    /// The value it was given.
    pub value: Value,
}

/// A type, as fields and constants have them.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Nothing.
    Void,
    /// A boolean.
    Bool,
    /// 8 bits with a sign.
    Int8,
    /// 16 bits with a sign.
    Int16,
    /// 32 bits with a sign.
    Int32,
    /// 64 bits with a sign.
    Int64,
    /// 8 bits.
    UInt8,
    /// 16 bits.
    UInt16,
    /// 32 bits.
    UInt32,
    /// 64 bits.
    UInt64,
    /// A floating-point number of 32 bits.
    Float32,
    /// A floating-point number of 64 bits.
    Float64,
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Data,
    /// A list of a type.
    List(Box<Type>),
    /// An enum.
    Enum {
        /// The id of its node.
        id: u64,
        /// What its type parameters stand for.
        brand: Brand,
    },
    /// A struct.
    Struct {
        /// The id of its node.
        id: u64,
        /// What its type parameters stand for.
        brand: Brand,
    },
    /// An interface.
    Interface {
        /// The id of its node.
        id: u64,
        /// What its type parameters stand for.
        brand: Brand,
    },
    /// A pointer of which less is known.
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

    /// Whether it is an integer, of any width.
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

    /// Whether it is a floating-point number.
    pub fn is_float(&self) -> bool {
        matches!(self, Type::Float32 | Type::Float64)
    }
}

/// What is known of a pointer whose type is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyPointer {
    /// Anything.
    Any,
    /// A struct.
    Struct,
    /// A list.
    List,
    /// A capability.
    Capability,
    /// A type parameter of the node `scope_id`.
    Parameter {
        /// The id of the generic node.
        scope_id: u64,
        /// Which of its parameters.
        index: u16,
    },
    /// A type parameter of the method.
    ImplicitMethodParameter {
        /// Which of its parameters.
        index: u16,
    },
}

/// The bindings of type parameters, one scope for each generic node on the way to the root.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brand {
    /// Of the innermost generic node first.
    pub scopes: Vec<BrandScope>,
}

/// What the parameters of one generic node stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct BrandScope {
    /// The id of the generic node.
    pub scope_id: u64,
    /// What its parameters stand for.
    pub bindings: BrandBindings,
}

/// How parameters are bound.
#[derive(Clone, Debug, PartialEq)]
pub enum BrandBindings {
    /// As listed, by the index of the parameter.
    Bind(Vec<Binding>),
    /// As in the place where it is used.
    Inherit,
}

/// What one parameter stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// AnyPointer.
    Unbound,
    /// A type behind a pointer.
    Type(Type),
}

/// The value of a constant, a default or an annotation.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Void,
    /// A boolean.
    Bool(bool),
    /// 8 bits with a sign.
    Int8(i8),
    /// 16 bits with a sign.
    Int16(i16),
    /// 32 bits with a sign.
    Int32(i32),
    /// 64 bits with a sign.
    Int64(i64),
    /// 8 bits.
    UInt8(u8),
    /// 16 bits.
    UInt16(u16),
    /// 32 bits.
    UInt32(u32),
    /// 64 bits.
    UInt64(u64),
    /// A floating-point number of 32 bits.
    Float32(f32),
    /// A floating-point number of 64 bits.
    Float64(f64),
    /// Text in UTF-8.
    Text(String),
    /// Bytes.
    Data(Vec<u8>),
    /// The ordinal of a value of an enum.
    Enum(u16),
    /// A capability, of which only null can be written.
    Interface,
    /// List, struct and AnyPointer values: a message without segment table whose root pointer is
    /// the value; empty for null.
    List(Vec<u8>),
    /// As for lists.
    Struct(Vec<u8>),
    /// As for lists.
    AnyPointer(Vec<u8>),
}
