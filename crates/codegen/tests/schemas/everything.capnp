# Every construct of the language, with names that get in Rust's way.

@0x9d3f1c7b5a2e8640;

using Import = import "neighbour.capnp";
using Near = import "neighbour.capnp".Near;
using Alias = Generic(Text, Data);

annotation note @0xe1f2a3b4c5d6e7f8 (*) :Text;

enum Void2 @0xb0b1b2b3b4b5b6b7 {
  # Enumerants with the names of what Rust's prelude has.
  none @0;
  some @1;
  ok @2;
  err @3;
  self @4;
  super @5;
  a1B2 @6 $note("odd");
  aBC @7;
  box @8;
}

enum Nothing {}

struct Prelude {
  # Größe in ℝ: “doc comments” are not ASCII – 文字, 🦀; nor are they `code`.
  #
  #     indented [link] <tag>
  #
  # ```
  # let not = "compiled";

  union {
    ok @0 :Text;
    # Ünïcödé, ‮turned around‬.

    err @1 :Text;
    some @2 :Void;
    none @3 :Void;
    result :group {
      option @4 :Option;
      vec @5 :List(Option);
      default @6 :Option = second;
      unnamed :group {
        copy @7 :Bool = true;
        clone @8 :Text = "deep";
        union {
          send @9 :Int8 = -1;
          sync @10 :List(Int8) = [1, -2, 3];
        }
      }
    }
  }

  enum Option { first @0; second @1; ok @2; }
  enum Result { ok @0; err @1; }
  enum Which { ok @0; }
  enum String { a @0; }
  struct Vec {}
  struct Box { box @0 :Box; result @1 :Result = err; which @2 :Which; string @3 :String; }
  interface Clone { clone @0 (ok :Option) -> (err :Result); }
  const which :Which = ok;
  const boxed :Box = (result = ok, box = (box = ()));
}

struct Keywords {
  abstract @0 :Bool;
  as @1 :Bool;
  async @2 :Text;
  await @3 :Data;
  become @4 :List(Bool);
  box @5 :Keywords;
  break @6 :AnyPointer;
  const @7 :UInt8;
  continue @8 :Void2 = super;
  crate @9 :Crate;
  dyn :group {
    else @10 :Float32 = inf;
    fn @11 :Float64 = -inf;
  }
  extern :union {
    false @12 :Void;
    true @13 :Void;
    self @14 :Self;
    super @15 :Super;
    which @16 :Void2 = err;
    match :group { mod @17 :UInt64; move @18 :UInt64 = 18446744073709551615; }
    static @19 :Static;
    struct @20 :List(Static);
    type @21 :AnyPointer;
    use @22 :AnyStruct;
    where @23 :AnyList;
    while @24 :Capability;
    yield @25 :List(Self);
    try @26 :Float32 = nan;
  }
  struct Crate { in @0 :Int32; }
  struct Self { super @0 :Super; self @1 :Self; }
  enum Super { self @0; crate @1; }
  interface Static { fn @0 (impl :Static, mut :Keywords) -> (return :Static); move @1 () -> (self :Self); }
}

struct Clashes {
  # Types with the names that generated modules define.

  owned @0 :Owned;
  reader @1 :Reader;
  builder @2 :Builder;
  pipeline @3 :Pipeline;
  union {
    which @4 :Which;
    whichReader @5 :WhichReader;
    a0 @6 :Text;
  }
  getSelf @7 :Text;
  hasSelf @8 :Text;
  self @9 :Text;
  initSelf @10 :Text;
  nSelf @11 :Text;

  enum Owned { a @0; }
  enum Reader { a @0; }
  enum Builder { a @0; }
  enum Pipeline { a @0; }
  enum Which { a @0; }
  enum WhichReader { a @0; }
  enum A0 { a @0; }
  struct Core { std @0 :Std; }
  struct Std { core @0 :Core; }
  struct Alloc {}
  struct U8 { u8 @0 :UInt8 = 8; }
  const interfaceId :UInt64 = 5;
  const whichBuilder :Text = "constant";
}

struct Everything {
  # A default of every kind.

  void @0 :Void = void;
  bool @1 :Bool = true;
  int8 @2 :Int8 = -128;
  int16 @3 :Int16 = -32768;
  int32 @4 :Int32 = -2147483648;
  int64 @5 :Int64 = -9223372036854775808;
  uInt8 @6 :UInt8 = 255;
  uInt16 @7 :UInt16 = 65535;
  uInt32 @8 :UInt32 = 4294967295;
  uInt64 @9 :UInt64 = 0xffffffffffffffff;
  float32 @10 :Float32 = -1.5e30;
  float64 @11 :Float64 = 1e-300;
  text @12 :Text = "q\"uo\\te\n\x01 ünï‮rtl";
  data @13 :Data = 0x"00 ff 22 5c";
  enumeration @14 :Void2 = aBC;
  structure @15 :Everything = (bool = false, text = "inner", structure = (int8 = 5), lists = [[1], [], [2, 3]]);
  anyPointer @16 :AnyPointer = .listOfStructs;
  anyStruct @17 :AnyStruct = .structure;
  anyList @18 :AnyList = .listOfInt16;
  capability @19 :Capability;
  interface @20 :Keywords.Static;
  voids @21 :List(Void) = [void, void];
  bools @22 :List(Bool) = [true, false, true];
  int64s @23 :List(Int64) = [1, -1];
  float32s @24 :List(Float32) = [inf, -inf, 0.5];
  texts @25 :List(Text) = ["one", "", "three"];
  datas @26 :List(Data) = [0x"01", "two"];
  enums @27 :List(Void2) = [self, ok];
  structs @28 :List(Everything) = [(uInt8 = 1), ()];
  lists @29 :List(List(UInt8)) = [[1, 2], []];
  interfaces @30 :List(Keywords.Static);
  anyLists @31 :List(AnyList);
  capabilities @32 :List(Capability);
  generic @33 :Generic(Text, List(Everything)) = (a = "bound", both = (left = "l"));
  imported @34 :Near = (far = (bool = false));
  deep @35 :List(List(List(Generic(Data, Everything).Inner(Text))));
  empty @36 :Text = "";
  zero @37 :Everything = ();
}

struct Generic(A, B) {
  union {
    a @0 :A;
    b @1 :B;
    both :group {
      left @2 :A;
      right @3 :Generic(B, A);
      inner @4 :Inner(B);
    }
    none @5 :Void;
    list @6 :List(Generic(A, B));
    kind @7 :Kind;
    store @8 :Store(A);
  }
  kinds @9 :List(Kind);
  self @10 :Generic;

  enum Kind { a @0; b @1; }
  struct Inner(C) {
    a @0 :A;
    c @1 :C;
    more @2 :More;
    outer @3 :Generic(C, A);
    struct More { a @0 :A; b @1 :B; c @2 :List(Inner(C)); }
    interface Get { get @0 () -> (a :A, b :B, c :C); }
  }
  interface Store(S) extends(Inner(S).Get) {
    put @0 (a :A, s :S) -> stream;
    take @1 [X, Y] (x :X, both :Generic(X, Y)) -> (y :Y, s :S, generic :Generic(A, Y));
    same @2 Generic(A, S) -> Generic(S, B);
  }
  const unit :Kind = b;
}

struct Shadow(Reader, Builder, Owned, Which, S) {
  # Type parameters with the names that generated modules define.

  reader @0 :Reader;
  builder @1 :Builder;
  union {
    owned @2 :Owned;
    which @3 :Which;
  }
  s @4 :S;
  interface Client(Client, Server, T) {
    call @0 (client :Client, server :Server) -> (reader :Reader, t :T);
  }
}

struct Outer {
  struct Middle(T) {
    struct Plain { t @0 :T; i @1 :Innermost(T); }
    struct Innermost(T) { t @0 :T; }
    enum Enum { one @0; }
  }
  middle @0 :Middle(Text).Plain;
  unbound @1 :Middle.Innermost;
  half @2 :Middle(Data).Innermost;
  enum @3 :Middle.Enum = one;
  alias @4 :Alias;
}

interface Empty {}

interface Base(T) {
  same @0 (t :T) -> (t :T);
  none @1 () -> ();
}

interface Methods extends(Base(Text), Empty, Keywords.Static) {
  # Methods with the names of what is around them.

  clone @0 () -> ();
  drop @1 (self :Text, params :Text, results :Text) -> (self :Text, params :Text, results :Text);
  new @2 (_ :Void2) -> stream;
  dispatch @3 Everything -> Everything;
  same @4 [T] (t :T) -> (t :T);
  type @5 [T, U] (value :Generic(T, U)) -> Generic(U, T);
  fromClient @6 Near -> Near;
  asClient @7 () -> (capability :Capability, any :AnyPointer);
  near @8 (defaults :Text = "here", list :List(Int8) = [1]) -> (number :Float64 = 0.5);

  struct CloneParams {}
  enum DropResults { a @0; }
  enum Client { a @0; }
  enum Server { a @0; }
  enum ServerDispatch { a @0; }
  const interfaceId :Bool = true;
  using Methods2 = Methods;
}

const void :Void = void;
const bool :Bool = true;
const int8 :Int8 = -128;
const int16 :Int16 = -32768;
const int32 :Int32 = -2147483648;
const int64 :Int64 = -9223372036854775808;
const uInt8 :UInt8 = 255;
const uInt16 :UInt16 = 65535;
const uInt32 :UInt32 = 4294967295;
const uInt64 :UInt64 = 18446744073709551615;
const float32 :Float32 = nan;
const float64 :Float64 = -inf;
const text :Text = "tab\tquote\" back\\slash {} ünï \x7f";
const data :Data = "bytes\x00\xff\"";
const enumeration :Void2 = self;
const structure :Everything = (text = "constant", imported = Import.near);
const generic :Generic(Text, Data) = (b = 0x"01 02");
const listOfVoid :List(Void) = [void, void, void];
const listOfBool :List(Bool) = [true, false];
const listOfInt16 :List(Int16) = [1, -1];
const listOfText :List(Text) = ["a", .text];
const listOfData :List(Data) = [.data];
const listOfEnum :List(Void2) = [self, aBC];
const listOfStructs :List(Keywords.Crate) = [(in = 1), (in = 2)];
const listOfLists :List(List(Text)) = [["x"], []];
const emptyStruct :Everything = ();
const emptyList :List(Text) = [];
const self :Text = "keyword";
const fromAfar :Near = Import.near;
const anyPointer :AnyPointer = .listOfStructs;
const anyStruct :AnyStruct = .structure;
const anyList :AnyList = .listOfInt16;
