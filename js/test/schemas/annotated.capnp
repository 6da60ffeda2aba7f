# What annotations say about JSON.
@0x9f6a1d3be27c5804;

using Json = import "/capnp/compat/json.capnp";

enum Mood { calm @0; veryHappy @1 $Json.name("very-happy"); sad @2 $Json.name("calm down"); }

struct Point $Json.discriminator(name = "kind") {
  x @0 :Int64;
  union {
    flat @1 :Void;
    height @2 :Float32;
    label @3 :Text $Json.name("tag");
  }
}

struct Node {
  # Fields in another order than their numbers.
  second @1 :Text;
  union {
    right @5 :Node;
    left @2 :Point = (x = 5, label = "left");
    numbers @6 :List(Int16) = [1, -2];
    nothing @7 :Void;
    bytes @8 :Data = 0x"0a ff";
  }
  first @0 :UInt16 = 7;
  inside :group { b @4 :Bool; a @3 :Mood = sad; }
}

struct Event {
  firstName @0 :Text $Json.name("first-name");
  mood @1 :Mood;
  moods @2 :List(Mood);
  blob @3 :Data $Json.base64;
  digest @4 :Data $Json.hex;
  raw @5 :Data;
  point @6 :Point;
  inline @7 :Point $Json.flatten(prefix = "at-");
  group :group $Json.flatten() {
    a @8 :UInt64;
    b @9 :Text;
  }
  deep :group $Json.flatten(prefix = "deep.") {
    deeper :group $Json.flatten(prefix = "er.") { c @20 :Int32 = -1; then @21 :Text; }
  }
  named :union $Json.discriminator(name = "sort", valueName = "value") {
    empty @10 :Void;
    number @11 :UInt8;
    deep :group { p @12 :Int8; q @13 :Float64; }
  }
  spread :union $Json.flatten() $Json.discriminator() {
    one @14 :Bool;
    two @15 :List(Float32);
    three @16 :Void;
  }
  proto @22 :Text $Json.name("__proto__");
  union {
    some @17 :Text $Json.name("so \"me\"");
    none @18 :Void;
    list @19 :List(Point);
  }
}

struct Request $Json.discriminator(name = "op", valueName = "of") {
  union {
    ping @0 :Void;
    put @1 :Put $Json.flatten() $Json.name("PUT");
    get :group $Json.flatten(prefix = "get-") { key @2 :Text; rev @3 :UInt32 = 1; }
    drop @4 :Text;
    any @5 :AnyPointer;
  }
  serial @6 :UInt64;
  struct Put { key @0 :Text; value @1 :Data $Json.hex; flags :group { sync @2 :Bool; } }
}

struct Loop { union { loop @0 :Loop; end @1 :Void; } }
