@0xe1d6b0a7c5f39242;
# Every type of the schema language that a message can hold, for messages made by the reference tool and by another package.

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

# What only code can put into a message.
struct Loose {
  struct @0 :AnyStruct;
  list @1 :AnyList;
  anything @2 :AnyPointer;
  client @3 :Capability;
  named @4 :Named;
  clients @5 :List(Named);
  label @6 :Text;
}

interface Named { name @0 () -> (name :Text); }

# A struct whose first fields are a union, with members of every kind, and one that is nothing else.
struct Choice {
  union {
    flag @0 :Bool;
    tiny @1 :Int8;
    big @2 :UInt64;
    real @3 :Float64;
    color @4 :Color;
    text @5 :Text;
    data @6 :Data;
    list @7 :List(Int16);
    structs @8 :List(Small);
    inner @9 :Choice;
    group :group { a @10 :UInt8; b @11 :Text; }
    nothing @12 :Void;
  }
  second :union {
    left @13 :UInt16 = 17;
    right @14 :Text = "right";
    third :group {
      union { x @15 :Int32; y @16 :Float32; }
      z @17 :Bool = true;
    }
  }
  after @18 :UInt32;
}

# As an older reader knows it.
struct OlderChoice {
  union { flag @0 :Bool; tiny @1 :Int8; }
}

enum OlderColor { red @0; green @1; }

struct OlderEnums { one @0 :OlderColor; many @1 :List(OlderColor); }
struct NewerEnums { one @0 :Color; many @1 :List(Color); }

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
