@0xc2f1d00a4be97335;

struct Thing {
  id @0 :UInt16;
  kind @1 :Kind;
  enum Kind { plain @0; fancy @1; }
}
