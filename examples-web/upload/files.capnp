# What the upload example speaks, between the page and its server.

@0xd4c9a1b7e6f20853;

interface ByteSink {
  # Takes one file, piece by piece.

  write @0 (chunk :Data) -> stream;
  # The next piece.

  end @1 () -> (total :UInt64);
  # No more pieces follow. Answers how many bytes arrived, or the error of the first failed write.
}

interface Files {
  create @0 (name :Text, size :UInt64) -> (sink :ByteSink, handle :Handle);
  # Starts a new file of `size` bytes, which go to `sink`.

  list @1 () -> (entries :List(Entry));
  # The complete files.

  read @2 (handle :Handle, into :ByteSink) -> ();
  # Writes a complete file into `into`, and ends it. Returns when `into` has answered that.

  struct Entry { name @0 :Text; size @1 :UInt64; }

  interface Handle {}
  # Stands for one file; only the server that made it can tell which.
}
