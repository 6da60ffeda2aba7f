@0xa1b2c3d4e5f60001;
struct A @0xa1b2c3d4e5f60101 { # One.
  # Two.
  a @0 :UInt8 = 0xff; b @3 :Text = "x\n\x41\101"; c @1 :List(List(Bool)) = [[true], []];
  u :union { d @2 :Void; e @4 :Float32 = -1.5e3; g :group { f @5 :Data = 0x"00 ff"; } }
  old @7! :union { was @6 :UInt16; now @8 :UInt64; }
  union { h @9 :A = (a = 1, g = 2); i @10 :AnyPointer; }
  enum E { x @1; y @0; } const k :E = y;
}
