@0xa1b2c3d4e5f60001;
# Everything that the layout algorithm can get wrong.

struct Holes {
  a @0 :Bool;
  b @1 :UInt64;
  c @2 :UInt8;
  d @3 :Bool;
  e @4 :UInt32;
  f @5 :UInt16;
  g @6 :Void;
  h @7 :Text;
  i @8 :Float64;
  j @9 :Bool;
  k @10 :Int8;
  l @11 :Float32;
  m @12 :Bool;
}

struct Bits { a @0 :Bool; }
struct ThreeBits { a @0 :Bool; b @1 :Bool; c @2 :Bool; }
struct Byte { a @0 :UInt8; }
struct Short { a @0 :UInt8; b @1 :UInt8; }
struct Int { a @0 :UInt16; b @1 :UInt8; }
struct Long { a @0 :UInt32; b @1 :UInt8; }
struct Two { a @0 :UInt64; b @1 :UInt8; }
struct OnePointer { a @0 :Text; }
struct Nothing {}
struct OnlyVoid { a @0 :Void; b @1 :Void; }

struct LateUnion {
  # The union's own number comes between those of its members.
  before @0 :UInt8;
  was @1 :UInt32;
  choice @3! :union {
    old @2 :UInt16;
    new @4 :UInt64;
    text @5 :Text;
  }
  after @6 :Bool;
}

struct Unnamed {
  x @2 :Bool;
  union {
    a @0 :UInt32;
    b @4 :Text;
    c :group {
      d @1 :UInt8;
      e @3 :UInt64;
      f @5 :List(Text);
      g @6 :Bool;
    }
    h :union {
      i @7 :Void;
      j @8 :UInt8;
      k @11 :UInt64;
    }
  }
  y @9 :UInt16;
  z @10 :Data;
}

struct Expanding {
  # Locations that grow into the holes behind them.
  union {
    a @0 :UInt8;
    b @1 :UInt16;
    c @2 :UInt32;
    d @3 :UInt64;
    e :group { f @4 :Bool; g @5 :UInt32; h @6 :UInt8; i @7 :UInt64; j @8 :UInt16; }
    k :group { l @9 :Bool; m @10 :Bool; n @11 :UInt8; o @12 :UInt16; p @13 :UInt32; q @14 :UInt32; r @15 :UInt64; }
  }
}

struct Deep {
  one :group {
    a @0 :UInt8;
    two :group {
      b @4 :UInt16;
      three :union {
        c @2 :UInt32;
        four :group {
          d @1 :Bool;
          five :union {
            e @3 :UInt8;
            f @5 :Text;
            six :group { g @6 :UInt16; h @7 :Data; }
          }
        }
        i @8 :UInt64;
      }
    }
  }
  union {
    j @9 :Bool;
    k @10 :Bool;
    l :group { m @11 :Bool; n @12 :Bool; o @13 :AnyPointer; p @14 :AnyPointer; }
  }
}

struct VoidUnion {
  union { a @0 :Void; b @1 :Void; c @2 :Void; }
}

struct TwoUnions {
  a :union { b @0 :UInt32; c @3 :UInt16; }
  d :union { e @1 :UInt32; f @2 :UInt64; g @4 :Bool; }
  h @5 :UInt8;
}

struct UnionsInUnion {
  outer :union {
    a :union { b @0 :Bool; c @1 :UInt8; d @2 :UInt16; }
    e :union { f @3 :UInt32; g @4 :UInt8; h @5 :Void; }
    i @6 :UInt64;
  }
}

struct NumbersFirst {
  a @0! :union { b @1 :UInt32; c @2 :UInt8; }
}
