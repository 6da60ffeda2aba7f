# Everything the Rust generator can make, for the tests beside it.

@0xb5b9f8a1c2d3e4f5;

enum Colour {
  red @0;
  # The first.

  green @1;
  self @2;
}

struct Scalars {
  # One field of every scalar type.

  void @0 :Void;
  bool @1 :Bool;
  int8 @2 :Int8;
  int16 @3 :Int16;
  int32 @4 :Int32;
  int64 @5 :Int64;
  uInt8 @6 :UInt8;
  uInt16 @7 :UInt16;
  uInt32 @8 :UInt32;
  uInt64 @9 :UInt64;
  float32 @10 :Float32;
  float64 @11 :Float64;
  colour @12 :Colour;
}

struct Defaults {
  bool @0 :Bool = true;
  int8 @1 :Int8 = -128;
  int16 @2 :Int16 = -2;
  int32 @3 :Int32 = -2147483648;
  int64 @4 :Int64 = -9223372036854775808;
  uInt8 @5 :UInt8 = 255;
  uInt64 @6 :UInt64 = 18446744073709551615;
  float32 @7 :Float32 = 1.5;
  float64 @8 :Float64 = -0.25;
  colour @9 :Colour = green;
  text @10 :Text = "twelve bytes";
  data @11 :Data = 0x"01 02 ff";
}

struct Pointers {
  text @0 :Text;
  data @1 :Data;
  inner @2 :Scalars;
  any @3 :AnyPointer;
  self @4 :Pointers;
}

struct Anys {
  structure @0 :AnyStruct;
  list @1 :AnyList;
  capability @2 :Capability;
  capabilities @3 :List(Capability);
  either @4 :Either(Capability, AnyList);
  struct Either(A, B) { a @0 :A; b @1 :B; }
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  int32s @2 :List(Int32);
  float64s @3 :List(Float64);
  colours @4 :List(Colour);
  texts @5 :List(Text);
  datas @6 :List(Data);
  structs @7 :List(Scalars);
  lists @8 :List(List(UInt16));
  deep @9 :List(List(List(Text)));
}

struct Return {
  # A name that Rust keeps for itself, and members that its prelude has.

  union {
    none @0 :Void;
    some @1 :Text;
    ok @2 :UInt32;
    err @3 :List(Text);
    type :group {
      fn @4 :UInt16;
      impl @5 :Text;
      which :union {
        left @6 :Bool;
        right @7 :Data;
      }
    }
    colour @8 :Colour;
    nested @9 :Nested;
    any @10 :AnyPointer;
  }

  always @11 :UInt8;

  struct Nested {
    value @0 :Int32 = 7;
    kind @1 :Kind;
    enum Kind { plain @0; fancy @1; }
    const favourite :Kind = fancy;
  }
}

struct Empty {}

struct AllVoid {
  union {
    a @0 :Void;
    b @1 :Void;
  }
}

const answer :UInt32 = 42;
const greeting :Text = "hello \"you\"";
const bytes :Data = 0x"00 ff";
const half :Float64 = 0.5;

struct Map(Key, Value) {
  entries @0 :List(Entry);
  struct Entry { key @0 :Key; value @1 :Value; }
}

struct Box(T) {
  # Uses its parameter in every place that one can stand.

  union {
    empty @0 :Void;
    value @1 :T;
    pair :group {
      left @2 :T;
      right @3 :T;
      count @4 :UInt32;
    }
    text @5 :Text;
  }
  inner @6 :Inner(Data, T);
  next @7 :Box(T);
  kind @8 :Kind;

  enum Kind { a @0; b @1; }
  struct Inner(T, U) {
    # Hides the outer parameter.
    t @0 :T;
    u @1 :U;
  }
}

struct Bound {
  ages @0 :Map(Text, Scalars);
  bytes @1 :Map(Data, List(UInt8));
  unbound @2 :Map;
  deep @3 :Box(Box(Text));
  inner @4 :Box(Text).Inner(Data, Scalars);
}

annotation rustName @0xc2fe4c6d100166d0 (field, struct, enum, enumerant, union, group) :Text;
annotation rustOption @0xabfef22c4ee1964e (field) :Void;
# As every project's copy of rust.capnp declares them.

struct Awkward $rustName("Renamed") {
  oldName @0 :Text $rustName("newName") $rustOption;
  union {
    a @1 :Scalars $rustName("first") $rustOption;
    b @2 :Old $rustName("second");
  }
  old :group $rustName("new") { list @3 :List(Text) $rustOption; any @4 :AnyPointer $rustOption; }
  enum Old $rustName("New") { one @0 $rustName("eins"); two @1; }
}
