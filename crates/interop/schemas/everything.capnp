@0xc7e2905b4d16af38;
# Every type of the schema language that a message can hold, capabilities aside.

enum Color { red @0; green @1; blue @2; violet @3; }

struct Everything {
  nothing @0 :Void;
  flag @1 :Bool;
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
  color @14 :Color;
  child @15 :Everything;

  voids @16 :List(Void);
  flags @17 :List(Bool);
  int8s @18 :List(Int8);
  int16s @19 :List(Int16);
  int32s @20 :List(Int32);
  int64s @21 :List(Int64);
  uint8s @22 :List(UInt8);
  uint16s @23 :List(UInt16);
  uint32s @24 :List(UInt32);
  uint64s @25 :List(UInt64);
  float32s @26 :List(Float32);
  float64s @27 :List(Float64);
  texts @28 :List(Text);
  datas @29 :List(Data);
  colors @30 :List(Color);
  children @31 :List(Everything);
  smalls @32 :List(Small);
  empties @33 :List(Empty);

  matrix @34 :List(List(Int32));
  words @35 :List(List(Text));
  trees @36 :List(List(List(Small)));

  anything @37 :AnyPointer;
  anythings @38 :AnyPointer;

  parcel @39 :Parcel(Text);
  parcels @40 :List(Parcel(List(UInt16)));

  corner :group {
    x @41 :Int16;
    label @42 :Text;
  }

  union {
    none @43 :Void;
    number @44 :UInt32;
    name @45 :Text;
    small @46 :Small;
    pair :group {
      first @47 :Bool;
      second @48 :List(UInt8);
    }
  }

  defaults @49 :Defaults;
}

struct Small {
  id @0 :UInt32;
  on @1 :Bool;
  note @2 :Text;
}

struct Empty {}

struct Parcel(T) {
  content @0 :T;
  count @1 :UInt8;
}

# Fields whose defaults are not zero, of every kind.
struct Defaults {
  flag @0 :Bool = true;
  int8 @1 :Int8 = -123;
  int16 @2 :Int16 = -12345;
  int32 @3 :Int32 = -12345678;
  int64 @4 :Int64 = -123456789012345;
  uint8 @5 :UInt8 = 234;
  uint16 @6 :UInt16 = 45678;
  uint32 @7 :UInt32 = 3456789012;
  uint64 @8 :UInt64 = 12345678901234567890;
  float32 @9 :Float32 = 1234.5;
  float64 @10 :Float64 = -123e45;
  text @11 :Text = "foo";
  data @12 :Data = 0x"62 61 72";
  color @13 :Color = blue;
  small @14 :Small = (id = 7, on = true, note = "seven");
  flags @15 :List(Bool) = [true, false, true, true];
  int16s @16 :List(Int16) = [-1, 2, -3];
  float64s @17 :List(Float64) = [0.5, inf, -inf];
  texts @18 :List(Text) = ["plugh", "", "thud"];
  datas @19 :List(Data) = [0x"00 ff", "raw"];
  colors @20 :List(Color) = [violet, red];
  smalls @21 :List(Small) = [(id = 1), (note = "two", on = true)];
  matrix @22 :List(List(Int32)) = [[1, 2], [], [3]];
  voids @23 :List(Void) = [void, void];
}

# Two versions of a struct: what each makes of the other's messages.
struct Older {
  id @0 :UInt32;
  name @1 :Text;
}

struct Newer {
  id @0 :UInt32;
  name @1 :Text;
  extra @2 :UInt64 = 77;
  more @3 :List(Older);
  tail @4 :Data;
}

struct OlderLists {
  numbers @0 :List(UInt32);
  names @1 :List(Text);
  structs @2 :List(Older);
  one @3 :Older;
}

struct NewerLists {
  numbers @0 :List(NumberPlus);
  names @1 :List(NamePlus);
  structs @2 :List(Newer);
  one @3 :Newer;
}

struct NumberPlus {
  number @0 :UInt32;
  label @1 :Text;
}

struct NamePlus {
  name @0 :Text;
  number @1 :UInt32;
}

const small :Small = (id = 9, on = true, note = "constant");
const smalls :List(Small) = [(id = 1, note = "a"), (), (id = 3)];
const primes :List(UInt16) = [2, 3, 5, 7, 11];
const names :List(Text) = ["Ada", "Grace"];
const grid :List(List(Int32)) = [[1], [2, 3]];
const colors :List(Color) = [green, blue];
const parcel :Parcel(Text) = (content = "in a box", count = 1);
const defaults :Defaults = (text = "not foo");
const all :Everything = (
  flag = true, int8 = -1, int16 = -2, int32 = -3, int64 = -4,
  uint8 = 1, uint16 = 2, uint32 = 3, uint64 = 4, float32 = 0.25, float64 = -0.5,
  text = "text", data = "data", color = green, child = (text = "inner"),
  voids = [void], flags = [true, false], int8s = [1, -1], texts = ["x", "y"],
  children = [(uint8 = 5), (smalls = [(id = 1)])], matrix = [[1], []],
  corner = (x = 5, label = "here"), pair = (first = true, second = [1, 2, 3]));

struct Holder {
  const inside :List(Data) = ["one", 0x"02"];
}
