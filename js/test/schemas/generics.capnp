# Type parameters, and defaults and constants of every kind.
@0xb7d2c95e1a3f8046;

using Everything = import "everything.capnp";

struct Box(T) {
  # One value of any type.
  value @0 :T;
  next @1 :Box(T);
  size :group { label @2 :T; count @3 :UInt32; }
  mark @4 :Mark;
  enum Mark { plain @0; marked @1; }
  struct Lid {}
  const limit :UInt16 = 12;
  # How many there may be.
}

struct Map(Key, Value) {
  entries @0 :List(Entry);
  struct Entry {
    key @0 :Key;
    value @1 :Value;
    tag @2 :Tag(Text);
    struct Tag(Extra) { extra @0 :Extra; key @1 :Key; swapped @2 :Map(Extra, Value).Entry; }
  }
}

struct Either(A, B) {
  union { left @0 :A; right @1 :B; both :group { a @2 :A; b @3 :B; } neither @4 :Void; }
}

struct Grow(T) { value @0 :T; next @1 :Grow(Box(T)); }

struct Person { name @0 :Text; age @1 :UInt8; }

interface Store(T) {
  get @0 (key :Text) -> (value :T);
  put @1 (key :Text, value :T) -> ();
  box @2 Box(T) -> Box(Text);
  push @3 (value :T) -> stream;
  open @4 [Other] (seed :Other) -> (store :Store(Box(T)), other :Other);
  swap @5 [A, B] Either(A, B) -> Either(Box(B), A);
  last @6 [Unused, Text] () -> Box(Text);
  odd @7 [Person, t, T] (a :Person, b :t, c :T) -> (c :T, either :Either(t, Person));
}

interface Pipe { flow @0 [Promise] Box(Promise) -> stream; }

interface NamedStore(T) extends(Store(T)) { name @0 () -> (name :Text); }
interface People extends(NamedStore(Person)) {}

struct User {
  text @0 :Box(Text);
  unbound @1 :Box;
  entry @2 :Map(Text, Person).Entry;
  store @3 :Store(Person);
  numbers @4 :Box(List(UInt32));
  boxes @5 :List(Box(Data));
  nested @6 :Box(Box(List(Everything.Colour)));
  either @7 :Either(Person, Text);
  tag @8 :Map(Text, Person).Entry.Tag(Data);
  grid @9 :List(List(Box(Text)));
  mark @10 :Box(Text).Mark;
  other @11 :Box(Everything.Point);
}

struct Kinds { any @0 :AnyPointer; struct @1 :AnyStruct; list @2 :AnyList; cap @3 :Capability; }

struct Fallbacks {
  person @0 :Person = (name = "nobody", age = 99);
  numbers @1 :List(Int16) = [1, -2, 3];
  people @2 :List(Person) = [(name = "a"), (name = "b", age = 2)];
  texts @3 :List(Text) = ["x", ""];
  box @4 :Box(Text) = (value = "boxed", next = (size = (label = "deep", count = 7)));
  shape @5 :Everything.Shape = (name = "s", circle = 1.5, style = (colour = green, pen = (dashed = [1])));
  itself @6 :Fallbacks = (numbers = [9]);
  bools @7 :List(Bool) = [true, false, true];
  union { a @8 :Person = (name = "a"); b @9 :List(UInt64) = [18446744073709551615]; c @10 :Void; }
  floats @11 :List(Float64) = [0.5, -inf];
  everything @12 :Everything.Defaults = (u8 = 1);
}

const somebody :Person = (name = "Some \"one\"", age = 42);
# Stands in other constants too.
const people :List(Person) = [(name = "a", age = 1), .somebody];
const matrix :List(List(Int32)) = [[1, 2], [], [-3]];
const boxed :Box(List(Text)) = (value = ["p", "q"], mark = marked);
const shapes :List(Everything.Shape) = [(name = "c", circle = 2), (none = void)];
const blob :Data = 0x"00 ff 10";
const blobs :List(Data) = [0x"01", ""];
const anything :AnyPointer = .somebody;
const nothing :Void = void;
const ratio :Float32 = 0.1;
const infinite :Float64 = -inf;
const colours :List(Everything.Colour) = [red, blue];
const scalars :Everything.Scalars = (i64 = -9007199254740993, u64 = 18446744073709551615, f32 = 1.5, colour = blue, b = true);
const holder :User = (text = (value = "t"), either = (right = "r"), boxes = [(value = 0x"aa")]);
