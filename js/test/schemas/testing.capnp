# What the tests of the JavaScript API speak.

@0xa3d1f0b2c4e59687;

interface ByteSink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (total :UInt64);
}

interface LineSink {
  # Carries structs, and ends with another word.

  put @0 (line :Line) -> stream;
  done @1 () -> (lines :UInt32);

  struct Line { text @0 :Text; number @1 :UInt32; }
}

interface Twofold {
  # Two streaming methods and no ending: nothing to guess from.

  left @0 (chunk :Data) -> stream;
  right @1 (chunk :Data, extra :UInt8) -> stream;
  finish @2 () -> (total :UInt64);
}

interface Tester {
  echo @0 (text :Text) -> (text :Text);
  fail @1 (kind :UInt16, reason :Text) -> ();
  open @2 (name :Text) -> (sink :ByteSink, spare :ByteSink, inner :Inner);
  use @3 (sink :ByteSink, times :UInt32) -> (total :UInt64);
  never @4 () -> (sink :ByteSink);
  then @5 () -> (constructor :ByteSink, release :UInt32);
  same @6 (sink :ByteSink) -> (sink :ByteSink);

  struct Inner { sink @0 :ByteSink; name @1 :Text; }
}

interface Child extends(Tester) {
  extra @0 () -> (number :UInt32);
}
