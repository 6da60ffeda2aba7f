@0xe1b7c94d2a60f835;
# What `npm run bench:streams` streams into.

interface Streams {
  open @0 () -> (sink :Sink);

  nothing @1 () -> ();
  # A small call, to be made beside a stream.
}

interface Sink {
  write @0 (chunk :Data) -> stream;

  end @1 () -> (total :UInt64);
  # How many bytes there were.
}
