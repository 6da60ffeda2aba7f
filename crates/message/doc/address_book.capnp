@0xb3c5d7e9f1a20437;
# The example on the front page of the documentation.

struct Person {
  name @0 :Text;
  phones @1 :List(Phone);
  employment :union {
    unemployed @2 :Void;
    employer @3 :Text;
  }

  struct Phone {
    number @0 :Text;
    kind @1 :Kind = mobile;
    enum Kind { mobile @0; home @1; work @2; }
  }
}
