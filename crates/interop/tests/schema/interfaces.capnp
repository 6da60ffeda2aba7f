@0xa1b2c3d4e5f60004;

interface Base { ping @0 (n :UInt32 = 7) -> (n :UInt32); }
interface Other(T) { get @0 () -> (value :T); set @1 (value :T) -> (); }

interface Derived extends(Base, Other(Text)) {
  nothing @0 ();
  explicit @1 Params -> Results;
  mixed @2 Params -> (x :Text);
  generic @3 [A, B] (a :A, b :Pair(B, Text)) -> (pair :Pair(A, B));
  byBrand @4 [A] Pair(A, Text) -> Pair(Text, A);
  feed @5 (chunk :Data) -> stream;
  feedStruct @6 Params -> stream;
  many @7 (a :Bool, b :UInt64, c :Bool, d :Text = "hi", e :Base, f :List(Derived)) -> (r :Derived);

  struct Params { x @0 :UInt8; }
  struct Results { y @0 :Base; }
}

struct Pair(A, B) { a @0 :A; b @1 :B; }

interface Factory(T) {
  make @0 [U] (seed :T) -> (other :Other(T), made :U, inner :Inner(U));
  same @1 (a :Factory(T), b :Factory(Text), c :Factory) -> Inner(T);
  struct Inner(V) { t @0 :T; v @1 :V; }
  interface Sub extends(Other(T)) { down @0 (t :T) -> (); }
}

interface Last extends(Derived, Factory(Data).Sub) {}

interface MayBeLeftOut {
  call @0 [T] (text :Text = null, cap :Plain = null, list :List(Int8) = null, any :AnyPointer = null,
      data :Data = null, generic :T = null, number :Int32 = 3) -> (text :Text = null);

  interface Plain {}
}
