# What the tests of sinks and sources speak.

@0xe87a4c0c5d1b9f36;

using import "/capstan/sinks.capnp".Sink;
using import "/capstan/sinks.capnp".Source;

interface Depot {
  put @0 (name :Text, items :Source(Text)) -> (count :UInt32);
  # Reads all items, and keeps them when they are complete.

  get @1 (name :Text, into :Sink(Text)) -> ();
  # Writes the items that are kept.

  take @2 (name :Text) -> (items :Source(Text));
  fill @3 (name :Text) -> (into :Sink(Text));
  # The same, the other way round.

  introduce @4 (names :Source(Text)) -> (people :Source(Person));
  # One stream in each direction, of different types. Fails both at the name "Nobody".

  copy @5 [T] (items :Source(T)) -> (items :Source(T));

  stall @6 (items :Source(Data)) -> ();
  resume @7 () -> (bytes :UInt64);
  # Reads nothing of the items before the second call, and then all of them.

  drop @8 () -> ();
  # Lets go of stalled items unread.

  same @9 (items :Source(Data)) -> (items :Source(Data));
  # The very same source.
}

struct Person {
  name @0 :Text;
  born @1 :UInt16;
}
