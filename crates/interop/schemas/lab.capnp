@0xc3a7f09d51e2b846;
# What implementations of the protocol do with each other.

interface Lab {
  number @0 (value :Float64) -> (number :Number);
  operator @1 (operator :Operator) -> (function :Function);

  apply @2 (function :Function, numbers :List(Number)) -> (number :Number);
  # Reads the numbers, wherever they are, and calls the function, whosever it is.

  echo @3 (log :Log) -> (log :Log);
  # The same capability back.

  later @4 () -> (log :Log, gate :Gate);
  # A promise, and what decides it.

  newLog @5 () -> (log :Log);
  # One of the server's own.

  relay @6 (log :Log, numbers :List(UInt32)) -> ();
  # Notes all the numbers in it, without waiting in between.

  sink @7 () -> (sink :Sink);

  pour @8 (into :Sink, chunks :UInt32) -> (bytes :UInt64);
  # Streams as many chunks of 10,000 bytes, and returns what `end` says.

  fail @9 (kind :UInt16, reason :Text) -> ();
  # Kinds are numbered as in rpc.capnp.

  hang @10 () -> ();
  # Returns never.

  canceled @11 () -> (count :UInt32);
  # How many calls of `hang`, of all clients, were given up.

  tail @12 (to :Function, params :List(Float64)) -> Value;
  # By a tail call, where the server has such.

  interface Gate {
    open @0 (log :Log) -> ();
    break @1 (reason :Text) -> ();
  }
}

interface Number {
  read @0 () -> Value;
}

interface Function {
  call @0 (params :List(Float64)) -> Value;
}

struct Value {
  value @0 :Float64;
}

enum Operator {
  add @0;
  subtract @1;
  multiply @2;
  divide @3;
}

interface Log {
  note @0 (number :UInt32) -> ();
  notes @1 () -> (numbers :List(UInt32));
}

interface Sink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (bytes :UInt64);
}
