@0xd4c9a1b7e6f20856;

struct Wrong {
  first @0 :Nothing;
  second @1 :Text;
  fourth @3 :Nowhere;
}
