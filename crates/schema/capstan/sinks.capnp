# Streams of items of any one type, as objects that calls can carry: docs/streams.md of Capstan.
#
# Whoever implements `Sink` and `Source` by hand, in whatever language, gets along with those who have a
# library for them. Nobody needs `Dedicated` for that.

@0xd19c80e6d3a4b75f;

$import "/capnp/c++.capnp".namespace("capstan");

interface Sink(T) {
  # Where the items of a stream go. `T` is what is behind pointers: Text, Data, List(…), a struct or an interface. For several
  # values at a time it is a struct of them.

  write @0 (item :T) -> stream;
  # The next item. It returns when the item is taken, so that a slow reader makes a slow writer.

  end @1 () -> ();
  # No items follow: the stream is complete. One that is dropped without this has failed, whatever came before, and its reader
  # has to be told so. It returns when all items are taken.
}

interface Source(T) {
  # Where the items of a stream come from.

  pipe @0 (into :Sink(T)) -> ();
  # Writes the items into `into`, and ends that after the last of them. Returns when that has returned, and fails when the stream
  # does. A source can be piped once. Canceling the call, or dropping the source, tells the writer that nobody reads any more.
}

interface Dedicated {
  # What a server has for its peer beside the bootstrap object, on every connection: the way to further connections, each for the
  # sake of one capability. What goes through that does not wait behind anything else.
  #
  # It is the answer to a Bootstrap message whose deprecatedObjectId is the text "capstan.Dedicated".

  open @0 (given :Capability) -> (token :Data, carried :Capability);
  # On the first connection: prepares another one. `token` is good for one `join`, for a short time. `carried` stands for what
  # will be given to `join`, and is to be passed in calls on this first connection.

  join @1 (token :Data, carried :Capability) -> (given :Capability);
  # On the other connection: the capabilities change hands. It ends with the first connection.
}
