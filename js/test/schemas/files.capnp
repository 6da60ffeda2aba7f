@0xd4c9a1b7e6f20853;

interface ByteSink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (total :UInt64);
}

interface Files {
  create @0 (name :Text, size :UInt64) -> (sink :ByteSink, handle :Handle);
  list @1 () -> (entries :List(Entry));
  read @2 (handle :Handle, into :ByteSink) -> ();

  struct Entry { name @0 :Text; size @1 :UInt64; }
  interface Handle {}
}
