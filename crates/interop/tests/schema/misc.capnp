@0xa1b2c3d4e5f60008;

using Json = import "/capnp/c++.capnp";
using lower = Json.name;
using import "interfaces.capnp".Pair;
using Fac = import "interfaces.capnp".Factory;
using TextFactory = Fac(Text);

interface I {
  const five :Int8 = 5;
  enum E { a @0; b @1; }
  struct S(T) { t @0 :T; e @1 :E = b; }
  using U = S(Text);
  a @0 (s :S(Data), u :U, e :E = a, f :Float32 = 2, g :Float64 = .I.five) -> (i :I);
  b @1 [T] (t :T, s :S(T)) -> S(T);
  c @2 (x :Outer(Text).Middle.Inner(Data)) -> Pair(Text, TextFactory);
  d @3 TextFactory.Inner(Data) -> (sub :TextFactory.Sub);
}

struct Outer(A) {
  struct Middle {
    a @0 :A;
    struct Inner(B) {
      a @0 :A;
      b @1 :B;
      m @2 :Middle;
      o @3 :Outer(B);
      om @4 :Outer(B).Middle;
      i @5 :Inner(A);
      interface Deep(C) extends(I) { x @0 [D] (a :A, b :B, c :C, d :D, all :Outer(D).Middle.Inner(C).Deep(B)); }
    }
    using Again = Inner(A);
    again @1 :Again;
  }
  using M = Middle;
  m @0 :M;
  n @1 :Outer(Middle).M.Again;
  annotation note @0x8000000000000001 (field, struct) :Outer(Text).Middle;
  x @2 :Text $note(a = "a") $lower("y");
}

struct Tree {
  # Itself in itself.
  left @0 :Tree = (right = (value = 3));
  right @1 :Tree;
  value @2 :Int64 = -1;
  kids @3 :List(Tree) = [(value = 1), (kids = [(value = 2, left = (value = 5))])];
  union {
    none @4 :Void;
    some :group { flag @5 :Bool = true; note @6 :Text; inner :union { p @7 :Int16 = 7; q @8 :Bool; } }
    more @9 :List(Float64) = [1, -2.5, inf, -inf, 1e-9];
  }
  const sample :Tree = (some = (flag = false, inner = (q = true)), value = -1);
  const other :Tree = (more = [], kids = []);
}
annotation note(file) :List(Tree);
$note([(value = 4), (some = (note = "x", inner = (p = 7)))]);
