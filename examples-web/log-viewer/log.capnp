# A log is a file of such messages, packed, one behind the other.

@0xa3d5e80c4b7f1962;

struct Entry {
  time @0 :UInt64;
  # In milliseconds since 1970.

  level @1 :Level;
  source @2 :Text;
  text @3 :Text;

  enum Level { debug @0; info @1; warning @2; error @3; }
}

interface Logs {
  send @0 (rows :UInt32, into :ByteSink);
  # Writes a log of so many rows into `into`, and ends it.
}

interface ByteSink {
  write @0 (chunk :Data) -> stream;
  end @1 ();
}
