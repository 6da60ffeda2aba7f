# What the tests of the async API speak.

@0xe2f4c5a86b1d7903;

interface Trial {
  echo @0 (text :Text) -> (text :Text);

  fail @1 (reason :Text) -> ();
  # Always fails, as failed, with this reason.

  panic @2 () -> ();

  hang @3 () -> ();
  # Does not return until it is canceled.

  next @4 () -> (trial :Trial, deep :Deep);
  # Another object of the same kind, for chains of calls.

  struct Deep {
    inside @0 :Inside;
    struct Inside { trial @0 :Trial; }
  }

  notify @5 (listener :Listener, text :Text) -> (answer :Text);
  # Calls the listener before it returns.

  open @6 () -> (sink :StreamingByteSink);

  nothing @7 () -> (trial :Trial);
  # Leaves its result unset.

  numbered @8 (number :UInt32) -> ();
  # Notes in which order calls arrive.

  unwritten @9 () -> ();
  # Left to its default by the server.

  interface Listener {
    hear @0 (text :Text) -> (answer :Text);
  }

  interface Louder extends(Listener) {
    shout @0 (text :Text) -> (answer :Text);
  }
}

interface ByteSink {
  # A destination for a sequence of bytes.

  write @0 (chunk :Data) -> ();
  end @1 () -> ();
}

interface StreamingByteSink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (total :UInt64);
}

interface BlobHandle {}

interface BlobWriter {
  write @0 (chunk :Data) -> stream;
  done @1 () -> (handle :BlobHandle);
}

interface WebSitePublisher {
  createBlob @0 () -> (writer :BlobWriter);
  set @1 (path :Text, blob :BlobHandle) -> ();
}
