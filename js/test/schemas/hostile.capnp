# What hostile messages are read as, in Rust and in JavaScript: a pointer of every kind, at a place that is easy to
# find by hand. The first 64 bits of a node's data are `number`, then come the union's tag and `kind`.
@0xf1ab30c4e5d27986;

struct Node {
  number @0 :UInt64;
  kind @1 :Kind;
  text @2 :Text;
  data @3 :Data;
  node @4 :Node;
  nodes @5 :List(Node);
  any @6 :AnyPointer;
  voids @7 :List(Void);
  bools @8 :List(Bool);
  longs @9 :List(UInt64);
  texts @10 :List(Text);
  nested @11 :List(List(List(UInt8)));
  empties @12 :List(Empty);
  wides @13 :List(Wide);
  byDefault @14 :Text = "none";
  union {
    nothing @15 :Void;
    other @16 :Node;
    pair :group { left @17 :Node; right @18 :Node; }
  }
  bytes @19 :List(UInt8);
  wide @20 :Wide;
  datas @21 :List(Data);
  kinds @22 :List(Kind);
  tagged @23 :List(Tagged);
}

enum Kind { good @0; bad @1; }

struct Empty {}

# Much larger than what says that there is one.
struct Wide {
  a @0 :UInt64; b @1 :UInt64; c @2 :UInt64; d @3 :UInt64;
  e @4 :UInt64; f @5 :UInt64; g @6 :UInt64; h @7 :UInt64;
  i @8 :Text; j @9 :Data; k @10 :List(UInt8); l @11 :Wide;
}

# Its data begins with the tag.
struct Tagged {
  union { text @0 :Text; data @1 :Data; texts @2 :List(Text); }
  big @3 :UInt64;
}
