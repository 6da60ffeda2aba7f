# Compiled schemas: what the compiler hands to code generators, and what describes types at run time.

using Cxx = import "/capnp/c++.capnp";

@0xa93fc509624c72d9;
$Cxx.namespace("capnp::schema");

using Id = UInt64;
# Names a node, everywhere and for ever.

struct Node {
  # A declaration: a file, struct, group, enum, interface, constant or annotation.

  id @0 :Id;

  displayName @1 :Text;
  # For messages to humans: the file and the path within it. Not to be parsed.

  displayNamePrefixLength @2 :UInt32;
  # How many bytes of `displayName` come before the node's own name.

  scopeId @3 :Id;
  # The enclosing node; zero for files and for the structs that parameter lists stand for.

  parameters @32 :List(Parameter);
  # The node's own type parameters.

  isGeneric @33 :Bool;
  # The node or one around it has type parameters.

  struct Parameter {
    name @0 :Text;
  }

  nestedNodes @4 :List(NestedNode);
  # What is declared inside, in the order of the text; groups are not among them.

  struct NestedNode {
    name @0 :Text;
    id @1 :Id;
  }

  annotations @5 :List(Annotation);

  union {
    file @6 :Void;

    struct :group {
      dataWordCount @7 :UInt16;
      pointerCount @8 :UInt16;

      preferredListEncoding @9 :ElementSize;
      # What a list of these would use if struct lists were not always inline composite.

      isGroup @10 :Bool;
      # A group shares the sections of the struct around it, and has the same sizes.

      discriminantCount @11 :UInt16;
      # Members of the unnamed union; zero when there is none.

      discriminantOffset @12 :UInt32;
      # Where the union's tag is, in units of 16 bits.

      fields @13 :List(Field);
      # By number; a group is where its first field would be.
    }

    enum :group {
      enumerants @14 :List(Enumerant);
      # By number, so the position is the value.
    }

    interface :group {
      methods @15 :List(Method);
      # By number.

      superclasses @31 :List(Superclass);
    }

    const :group {
      type @16 :Type;
      value @17 :Value;
    }

    annotation :group {
      type @18 :Type;

      targetsFile @19 :Bool;
      targetsConst @20 :Bool;
      targetsEnum @21 :Bool;
      targetsEnumerant @22 :Bool;
      targetsStruct @23 :Bool;
      targetsField @24 :Bool;
      targetsUnion @25 :Bool;
      targetsGroup @26 :Bool;
      targetsInterface @27 :Bool;
      targetsMethod @28 :Bool;
      targetsParam @29 :Bool;
      targetsAnnotation @30 :Bool;
    }
  }

  startByte @34 :UInt32;
  endByte @35 :UInt32;
  # Where the declaration is in its file. Both zero when the compiler does not tell.

  struct SourceInfo {
    # What only readers of the source care about.

    id @0 :Id;
    # The node.

    docComment @1 :Text;
    # The comment after the declaration, without the marks.

    members @2 :List(Member);
    # For each field, enumerant or method, in the same order.

    struct Member {
      docComment @0 :Text;
    }

    startByte @3 :UInt32;
    endByte @4 :UInt32;
    # Where the declaration is in its file.
  }
}

struct Field {
  # A field or group of a struct.

  name @0 :Text;

  codeOrder @1 :UInt16;
  # Position in the text among its siblings.

  annotations @2 :List(Annotation);

  const noDiscriminant :UInt16 = 0xffff;

  discriminantValue @3 :UInt16 = Field.noDiscriminant;
  # The union tag that selects this field, if it is in the union.

  union {
    slot :group {
      # An ordinary field.

      offset @4 :UInt32;
      # In units of the field's size, from the start of the data or pointer section.

      type @5 :Type;
      defaultValue @6 :Value;

      hadExplicitDefault @10 :Bool;
      # The schema gives a default, even if it is the usual one.
    }

    group :group {
      # A group or a named union.

      typeId @7 :Id;
      # The group's node.
    }
  }

  ordinal :union {
    implicit @8 :Void;
    explicit @9 :UInt16;
    # The number written after @. Groups have none.
  }
}

struct Enumerant {
  name @0 :Text;

  codeOrder @1 :UInt16;
  # Position in the text.

  annotations @2 :List(Annotation);
}

struct Superclass {
  id @0 :Id;
  brand @1 :Brand;
}

struct Method {
  name @0 :Text;

  codeOrder @1 :UInt16;
  # Position in the text.

  implicitParameters @7 :List(Node.Parameter);
  # Type parameters of the method itself.

  paramStructType @2 :Id;
  # The struct of the parameters. Without a scope if it was made from a parameter list.

  paramBrand @5 :Brand;

  resultStructType @3 :Id;
  # The struct of the results; `StreamResult` for a streaming method.

  resultBrand @6 :Brand;

  annotations @4 :List(Annotation);
}

struct Type {
  # The type of a field, constant, annotation, list element or type argument.

  union {
    void @0 :Void;
    bool @1 :Void;
    int8 @2 :Void;
    int16 @3 :Void;
    int32 @4 :Void;
    int64 @5 :Void;
    uint8 @6 :Void;
    uint16 @7 :Void;
    uint32 @8 :Void;
    uint64 @9 :Void;
    float32 @10 :Void;
    float64 @11 :Void;
    text @12 :Void;
    data @13 :Void;

    list :group {
      elementType @14 :Type;
    }

    enum :group {
      typeId @15 :Id;
      brand @21 :Brand;
    }

    struct :group {
      typeId @16 :Id;
      brand @22 :Brand;
    }

    interface :group {
      typeId @17 :Id;
      brand @23 :Brand;
    }

    anyPointer :union {
      unconstrained :union {
        anyKind @18 :Void;
        struct @25 :Void;
        list @26 :Void;
        capability @27 :Void;
      }

      parameter :group {
        # A type parameter of an enclosing node.

        scopeId @19 :Id;
        parameterIndex @20 :UInt16;
      }

      implicitMethodParameter :group {
        # A type parameter of the method.

        parameterIndex @24 :UInt16;
      }
    }
  }
}

struct Brand {
  # What the type parameters of a node and of those around it stand for.

  scopes @0 :List(Scope);
  # At most one for each generic node on the way to the file. Missing means AnyPointer throughout.

  struct Scope {
    scopeId @0 :Id;

    union {
      bind @1 :List(Binding);
      # One for each parameter.

      inherit @2 :Void;
      # The parameters are those in force where the type is used.
    }
  }

  struct Binding {
    union {
      unbound @0 :Void;
      # AnyPointer.

      type @1 :Type;
      # Always a pointer type.
    }
  }
}

struct Value {
  # A default, a constant, or an annotation's value. Its type tells how to read `list`, `struct` and
  # `anyPointer`.

  union {
    void @0 :Void;
    bool @1 :Bool;
    int8 @2 :Int8;
    int16 @3 :Int16;
    int32 @4 :Int32;
    int64 @5 :Int64;
    uint8 @6 :UInt8;
    uint16 @7 :UInt16;
    uint32 @8 :UInt32;
    uint64 @9 :UInt64;
    float32 @10 :Float32;
    float64 @11 :Float64;
    text @12 :Text;
    data @13 :Data;
    list @14 :AnyPointer;
    enum @15 :UInt16;
    struct @16 :AnyPointer;

    interface @17 :Void;
    # Only null is possible.

    anyPointer @18 :AnyPointer;
  }
}

struct Annotation {
  # An annotation as applied to something.

  id @0 :Id;
  # The node of the annotation's declaration.

  brand @2 :Brand;

  value @1 :Value;
}

enum ElementSize {
  # The sizes that a list pointer can give for its elements.

  empty @0;
  bit @1;
  byte @2;
  twoBytes @3;
  fourBytes @4;
  eightBytes @5;
  pointer @6;
  inlineComposite @7;
}

struct CapnpVersion {
  major @0 :UInt16;
  minor @1 :UInt8;
  micro @2 :UInt8;
}

struct CodeGeneratorRequest {
  # What a code generator reads from its standard input.

  capnpVersion @2 :CapnpVersion;
  # The compiler's version. Missing from very old ones.

  nodes @0 :List(Node);
  # Everything needed to generate code for the requested files, in no particular order.

  sourceInfo @3 :List(Node.SourceInfo);

  requestedFiles @1 :List(RequestedFile);
  # The files named on the command line.

  struct RequestedFile {
    id @0 :Id;

    filename @1 :Text;
    # As on the command line, less any prefix that was to be removed.

    imports @2 :List(Import);
    # The files that this one mentions.

    struct Import {
      id @0 :Id;
      name @1 :Text;
      # As written in the `import`.
    }

    fileSourceInfo @3 :FileSourceInfo;

    struct FileSourceInfo {
      # For editors: what the words of the file mean.

      identifiers @0 :List(Identifier);

      struct Identifier {
        startByte @0 :UInt32;
        endByte @1 :UInt32;

        union {
          typeId @2 :UInt64;
          # The node that is named here.

          member :group {
            # A field, enumerant or method that is.

            parentTypeId @3 :UInt64;
            ordinal @4 :UInt16;
          }
        }
      }
    }
  }
}
