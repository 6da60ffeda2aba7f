@0xa1b2c3d4e5f60008;
struct A {
  # Doc.
  a @0 :Text;
}
