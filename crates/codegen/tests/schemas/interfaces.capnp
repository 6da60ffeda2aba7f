# Interfaces in every arrangement the Rust generator can make.

@0xf2a96b1e4c7d3580;

interface Named {
  name @0 () -> (name :Text);
}

interface Echo {
  echo @0 (number :UInt32) -> (number :UInt32);
  push @1 (data :Data) -> stream;
}

interface Both extends(Named, Echo) {
  # Inherits from two interfaces, one of which streams.

  return @0 (named :List(Named)) -> (names :List(Text));
  # A method whose name Rust keeps for itself.

  explicit @1 Question -> Answer;
  done @2 ();

  struct ReturnParams { taken @0 :Bool; }
  # Has the name that the list of parameters of `return` would get.
}

interface Grandchild extends(Both) {}

struct Question {
  named @0 :Named;
  text @1 :Text;
}

struct Answer {
  holder :group {
    named @0 :Named;
  }
  inner @1 :Inner;
  any @2 :AnyPointer;
  union {
    none @3 :Void;
    maybe @4 :Named;
  }

  struct Inner { both @0 :Both; echoes @1 :List(Echo); }
}

interface Store(T) extends(Named) {
  get @0 () -> (value :T);
  put @1 (value :T) -> stream;
  convert @2 [U] (example :U) -> (store :Store(U));
  swap @3 Pair(T) -> Pair(T);
}

struct Pair(S) {
  first @0 :S;
  store @1 :Store(S);
}

interface TextStore extends(Store(Text)) {
  length @0 () -> (length :UInt32);
}

interface Journal(S) extends(Store(Pair(S))) {
  replay @0 (into :Store(S)) -> ();
}

interface LogBook extends(Journal(Data)) {}
