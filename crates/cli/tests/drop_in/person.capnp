@0xd4c9a1b7e6f20853;

struct Person {
  name @0 :Text = "none";
  age @1 :UInt8;
  tags @2 :List(Text);
  friend @3 :Person;
}

struct Outer {
  const inner :UInt8 = 3;
  struct In {
    text @0 :Text = "zz";
    either :union {
      number @1 :UInt8 = 4;
      nothing @2 :Void;
    }
    both :group {
      small @3 :Int8 = -1;
    }
  }
}

enum Kind {
  first @0;
  second @1;
}

interface Service {
  call @0 (text :Text = "dd") -> ();
}

const ada :Person = (name = "Ada", age = 36, tags = ["x", "y"], friend = (name = "Bob"));
const people :List(Person) = [(name = "A"), (name = "B", tags = ["q"])];
const whole :UInt32 = 7;
const fraction :Float32 = 0.1;
const large :Float64 = 1e300;
const list :List(UInt8) = [1, 2, 3];
const kind :Kind = second;
const text :Text = "hi";
const bytes :Data = "hi";
const nothing :Void = void;
const yes :Bool = true;
