@0xf0a3c1d94b7e2685;
# Constants of every kind, to be evaluated.

enum Colour { red @0; green @1; }

struct Point {
  x @0 :Int32 = 5;
  tags @1 :List(Text) = ["default"];
}

struct Scope {
  const inner :UInt8 = 3;
}

const answer :UInt64 = 42;
const greeting :Text = "hello";
const colour :Colour = green;
const ratio :Float32 = 0.1;
const ratios :List(Float32) = [0.1, 3e38];
const origin :Point = (x = 0, tags = ["zero", "origin"]);
const route :List(Point) = [.origin, (x = -1, tags = [.greeting])];
