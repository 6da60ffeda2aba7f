@0xa1b2c3d4e5f60021;
# Every form that a default can have, and what is easily taken for none.

struct Fields {
  nothing @0 :Text;
  emptyText @1 :Text = "";
  emptyData @2 :Data = "";
  emptyList @3 :List(Int8) = [];
  emptyStruct @4 :Fields = ();
  noWords @5 :NoWords = ();
  emptyStructs @6 :List(Fields) = [];
  negativeZero @7 :Float32 = -0.0;
  negativeInfinity @8 :Float64 = -inf;
  notANumber @9 :Float64 = nan;
  zero @10 :Int8 = -0;
  void @11 :Void = void;
  notASingle @12 :Float32 = nan;
  tooSmall @13 :Float64 = 1e-400;
  rounded @14 :Float32 = 16777217;
  large @15 :Float64 = 18446744073709551615;
  constant @16 :Text = .text;
  converted @17 :Float32 = .number;
  voids @18 :List(Void) = [void, void];
  texts @19 :List(Text) = ["", "x"];
  bits @20 :List(Bool) = [true];
  anything @21 :AnyPointer;
  letters @22 :List(Letter) = [b, a];
  smallest @23 :Int64 = -9223372036854775808;
  floats @24 :List(Float32) = [-0.0, nan, inf, -inf, 1, 1., 2.e1];
  fromEnum @25 :UInt16 = .letter;
  applied @26 :Text() = ("in parentheses");
  generic @27 :Generic(Fields) = (value = (constant = ""), text = "y");
  twice @28 :Groups = (group = (x = 2), group = (y = "the last"));
}

struct NoWords {}

struct Groups {
  group :group { x @0 :Int8; y @1 :Text; }
}

struct Generic(T) {
  value @0 :T;
  text @1 :Text = "z";
}

enum Letter { a @0; b @1; }

const text :Text = "constant";
const number :Int32 = -7;
const letter :Letter = b;
const noText :Text = "";
const noWords :NoWords = ();
const list :List(Int8) = [1];
const anyStruct :AnyStruct = .noWords;
const anyList :AnyList = .list;
const anything :AnyPointer = .list;
const backslashes :Text = "\a\b\f\n\r\t\v\'\"\\\?\x41\101\0" "joined";
const lookUp :Generic(Text) = (value = "q");

interface Parameters {
  defaults @0 [T] (nothing :Text, empty :Text = "", null :Text = null, noData :Data = null,
      noList :List(Int8) = null, noStruct :Fields = null, noObject :Parameters = null,
      noPointer :AnyPointer = null, none :T = null, bound :Generic(Fields) = (value = (zero = 1)))
      -> (text :Text = null, number :Int32 = .number);
  # Alike in what comes in and goes out.
  echo @1 (a :Text) -> (a :Text);
}

annotation text2 @0xa1b2c3d4e5f60022 (*) :Text;
annotation list2 @0xa1b2c3d4e5f60023 (*) :List(Int8);
annotation struct2 @0xa1b2c3d4e5f60024 (*) :Fields;
annotation void2 @0xa1b2c3d4e5f60025 (*) :Void;

struct Annotated $text2("") $list2([]) $struct2() $void2 {}
struct AnnotatedTwice $struct2(nothing = "a") $text2("a" "b") $text2(.text) $void2(void) {}
