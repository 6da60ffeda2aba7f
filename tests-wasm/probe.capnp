# What the tests in a browser ask of a native server.

@0xf688fa71cbefb8ae;

interface Probe {
  open @0 (failAt :UInt32 = 0xffffffff, held :Bool) -> (sink :Sink, valve :Valve);
  # A sink whose write number `failAt` fails; a held one answers as the valve lets it.

  download @1 (bytes :UInt64, into :Sink) -> (sha256 :Data);
  # Streams so many bytes to the caller.

  alone @2 () -> ();
  # Returns when nobody else is connected.

  rude @3 (greeting :Greeting) -> (url :Text, fate :Fate);
  # A WebSocket that does not behave, for one client.
}

interface Sink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (total :UInt64, sha256 :Data);
}

interface Valve {
  pass @0 (writes :UInt32) -> ();
}

struct Greeting {
  # What the WebSocket sends at once.
  union {
    text @0 :Text;
    binary @1 :Data;
    close @2 :Text;
    silence @3 :Void;
  }
}

interface Fate {
  code @0 () -> (code :UInt16, reason :Text);
  # How the client has closed the WebSocket.
}
