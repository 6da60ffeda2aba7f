@0xd4c07a69e1358bf2;
# Arithmetic: a small tree of unions.

struct Term {
  operation @0 :Operation;
  left :union {
    value @1 :Int32;
    term @2 :Term;
  }
  right :union {
    value @3 :Int32;
    term @4 :Term;
  }
}

enum Operation { add @0; subtract @1; multiply @2; divide @3; modulus @4; }

struct Outcome {
  value @0 :Int32;
}
