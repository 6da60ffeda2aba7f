# Every construct the generator knows, for the tests of the seam.
@0xa3c0f7d1e8b92640;

using Other = import "other.capnp";

const limit :UInt32 = 4096;
const greeting :Text = "hi \"there\"";
const huge :UInt64 = 18446744073709551615;
const favourite :Colour = green;

enum Colour { red @0; green @1; blue @2; }

struct Scalars {
  # All kinds of scalars.
  v @0 :Void;
  b @1 :Bool;
  i8 @2 :Int8;
  i16 @3 :Int16;
  i32 @4 :Int32;
  i64 @5 :Int64;
  u8 @6 :UInt8;
  u16 @7 :UInt16;
  u32 @8 :UInt32;
  u64 @9 :UInt64;
  f32 @10 :Float32;
  f64 @11 :Float64;
  colour @12 :Colour;
}

struct Defaults {
  b @0 :Bool = true;
  i8 @1 :Int8 = -5;
  i16 @2 :Int16 = -300;
  i32 @3 :Int32 = -70000;
  i64 @4 :Int64 = -5000000000;
  u8 @5 :UInt8 = 200;
  u16 @6 :UInt16 = 60000;
  u32 @7 :UInt32 = 4000000000;
  u64 @8 :UInt64 = 18446744073709551615;
  f32 @9 :Float32 = 1.5;
  f64 @10 :Float64 = -0.25;
  colour @11 :Colour = blue;
  text @12 :Text = "fallback";
  data @13 :Data = 0x"01 02 ff";
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  i8s @2 :List(Int8);
  i16s @3 :List(Int16);
  i32s @4 :List(Int32);
  i64s @5 :List(Int64);
  u8s @6 :List(UInt8);
  u16s @7 :List(UInt16);
  u32s @8 :List(UInt32);
  u64s @9 :List(UInt64);
  f32s @10 :List(Float32);
  f64s @11 :List(Float64);
  colours @12 :List(Colour);
  texts @13 :List(Text);
  datas @14 :List(Data);
  structs @15 :List(Point);
  matrix @16 :List(List(Int32));
  grid @17 :List(List(Point));
}

struct Point { x @0 :Float64; y @1 :Float64; label @2 :Text; }

struct Shape {
  name @0 :Text;
  union {
    circle @1 :Float64;
    polygon @2 :List(Point);
    box :group { width @3 :Float64; height @4 :Float64; note @5 :Text; }
    none @6 :Void;
    inner @7 :Shape;
    corner @8 :Point;
  }
  style :group {
    colour @9 :Colour;
    pen :union { solid @10 :Void; dashed @11 :List(UInt8); }
  }
  after @12 :Text;
}

struct Empty {}

struct Holder {
  empty @0 :Empty;
  point @1 :Point;
  any @2 :AnyPointer;
  other @3 :Other.Thing;
  others @4 :List(Other.Thing);
  kind @5 :Other.Thing.Kind;
  empties @6 :List(Empty);
}

# Older and newer versions of the same struct.
struct Old { a @0 :UInt32; t @1 :Text; }
struct New { a @0 :UInt32; t @1 :Text; b @2 :UInt64 = 7; u @3 :Text; more @4 :List(Point); }
struct OldHolder { one @0 :Old; many @1 :List(Old); bytes @2 :List(UInt8); }
struct NewHolder { one @0 :New; many @1 :List(New); bytes @2 :List(Byte); }
struct Byte { value @0 :UInt8; extra @1 :UInt32 = 9; }

struct Clash {
  then @0 :Text;
  constructor @1 :Text;
  toString @2 :Text;
  union { which @3 :Void; other @4 :Int8; }
}
struct Map { uint8Array @0 :Uint8Array; }
struct Uint8Array { data @0 :Data; numbers @1 :List(UInt32); }
struct Promise { x @0 :Int8; }
struct A {
  struct A { deep @0 :Int8; }
  struct C { outer @0 : .A; inner @1 :A; }
  c @0 :C;
}

interface Base { ping @0 () -> (); }
interface Derived extends(Base) {
  then @0 (catch :Text) -> (finally :Derived, nested :Nested, plain :Int8);
  takes @1 Point -> Point;
  push @2 (points :List(Point)) -> stream;
  many @3 (clients :List(Derived)) -> (clients :List(Base));

  struct Nested { deeper :group { client @0 :Base; } again @1 :Nested; }
}
