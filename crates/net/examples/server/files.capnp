@0xd4c9a1b7e6f20853;

interface ByteSink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (total :UInt64);
}

interface Files {
  create @0 (name :Text, size :UInt64) -> (sink :ByteSink);
}
