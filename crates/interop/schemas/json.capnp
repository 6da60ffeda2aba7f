@0xb6cf1a2d50e94873;
# What the annotations for JSON can say.

using Json = import "/capnp/compat/json.capnp";

enum Mood { calm @0; veryHappy @1 $Json.name("very-happy"); }

struct Point $Json.discriminator(name = "kind") {
  x @0 :Int64;
  union {
    flat @1 :Void;
    height @2 :Float32;
    label @3 :Text $Json.name("tag");
  }
}

struct Shape {
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
  union {
    some @17 :Text;
    none @18 :Void;
    list @19 :List(Point);
  }
}
