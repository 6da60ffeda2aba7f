@0xa1b2c3d4e5f60005;

const aBool :Bool = true;
const aByte :Int8 = -128;
const aShort :UInt16 = 0xffff;
const anInt :Int32 = -0x80000000;
const aLong :Int64 = -9223372036854775808;
const aULong :UInt64 = 18446744073709551615;
const octal :UInt32 = 0777;
const aFloat :Float32 = 1.25e3;
const aDouble :Float64 = -3;
const infinite :Float64 = -inf;
const notANumber :Float32 = nan;
const aText :Text = "caf\xc3\xa9\n\"quoted\"" " and more";
const someData :Data = 0x"00 ff 1b";
const longData :Data = 0x"
    00 01
	0203 ";
const textData :Data = "\x00\xff";
const aVoid :Void = void;
const anEnum :Color = blue;
const copy :UInt64 = .aShort;
const list :List(Int16) = [1, -2, 0x7fff];
const bools :List(Bool) = [true, false, true, true, false, false, false, true, true];
const lists :List(List(Text)) = [["a", "b"], [], ["c"]];
const voids :List(Void) = [void, void];
const enums :List(Color) = [red, blue, green];
const structs :List(Point) = [(x = 1, y = 2), (), (y = .copy)];
const point :Point = (x = 5, name = "here", tail = (y = -1));
const nested :Shape = (name = .aText, where = .point, size = (width = 3, height = 4.5), kind = (circle = 2));
const empties :List(Empty) = [(), ()];
const empty :Empty = ();
const parenthesized :(List((Int8))) = ([(1), (-2)]);
const noList :List(Point) = [];

enum Color { red @0; green @1; blue @2; }
struct Empty {}

struct Point {
  x @0 :Int32 = 10;
  y @1 :Int64 = 20;
  name @2 :Text = "origin";
  tail @3 :Point;
  using Self = Point;
  const origin :Self = (x = 0, y = 0);
}

struct Shape {
  name @0 :Text;
  where @1 :Point = (x = 3);
  size :group { width @2 :UInt32 = 1; height @3 :Float32 = 2.5; }
  kind :union { none @4 :Void; circle @5 :UInt16; corners @6 :List(Point); }
  color @7 :Color = green;
  flags @8 :List(Bool) = [true, false];
  flag @9 :Bool = true;
  raw @10 :Data = 0x"de ad";
  origin @11 :Point = Point.origin;
  words @12 :List(Text) = ["x", ""];
  limit @13 :UInt16 = .aShort;
  any @14 :AnyPointer;
  face @15 :Face;
  explicitZero @16 :UInt8 = 0;
}
interface Face { go @0 (at :Point = (x = 1), deep :List(List(UInt8)) = [[1], [2, 3]]); }
