@0xa1b2c3d4e5f60002;

using import "names.capnp".Plain;
using Names = import "names.capnp";

struct Lists {
  a @0 :List(Void);
  b @1 :List(Bool);
  c @2 :List(Int8);
  d @3 :List(List(UInt16));
  e @4 :List(List(List(Text)));
  f @5 :List(Data);
  g @6 :List(Lists);
  h @7 :List(Color);
  i @8 :List(Face);
  j @9 :List(Plain);
  k @10 :List(Names.Plain.Inner);
  l @11 :AnyPointer;
  m @12 :AnyStruct;
  n @13 :AnyList;
  o @14 :Capability;
}

enum Color { red @0; green @2; blue @1; }
interface Face {}

struct Box(T) {
  value @0 :T;
  values @1 :List(Box(T));
  next @2 :Box(T);
  text @3 :Box(Text);
  loose @4 :Box;

  struct Inner(U) {
    t @0 :T;
    u @1 :U;
    outer @2 :Box(T);
    pair @3 :Pair(T, U);
    self @4 :Inner(U);
  }

  struct Plain { t @0 :T; inner @1 :Inner(Text); }
  enum Kind { a @0; }
  kind @5 :Kind;
  plain @6 :Plain;
  both :union {
    left @7 :T;
    right @8 :List(Plain);
    wrong @10 :List(List(Box(T)));
  }
  interface Source { get @0 () -> (value :T); }
  source @9 :Source;
}

struct Pair(A, B) {
  a @0 :A;
  b @1 :B;
  using Swapped = Pair(B, A);
  swapped @2 :Swapped;
}

using TextBox = Box(Text);
using InnerBox = TextBox.Inner(Data);

struct Uses {
  a @0 :Box(Text);
  b @1 :TextBox;
  c @2 :InnerBox;
  d @3 :Box(Data).Inner(Text);
  e @4 :Box(Box(List(Text)));
  f @5 :Pair(Box(Text), Pair(Text, Data));
  g @6 :Box(Text).Kind;
  h @7 :Box.Plain;
  i @8 :Pair(Text, Data).Swapped;
  j @9 :Box(Face).Source;
  k @10 :Box(AnyPointer);
  l @11 : .Box(Lists);
  m @12 :Names.Holder(Text).Held;
  n @13 :List(Box(Text));
}
