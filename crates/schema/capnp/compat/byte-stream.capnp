# A stream of bytes into an object.

@0x8f5d14e1c273738d;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capnp");
$Cxx.allowCancellation;

interface ByteStream {
  write @0 (bytes :Data) -> stream;

  end @1 ();
  # All was written. A stream that is dropped without this was cut short.

  getSubstream @2 (callback :SubstreamCallback,
                   limit :UInt64 = 0xffffffffffffffff) -> (substream :ByteStream);
  # For shortening the path of bytes that are passed on: another stream to the same place, good
  # for `limit` bytes or until its own `end`, after which `callback` hears how it finished. Until
  # then nothing may be written to this stream.

  startTls @3 (expectedServerHostname :Text) -> stream;
  # From here on the far end speaks TLS with the host of that name. The stream stays in use.

  interface SubstreamCallback {
    ended @0 (byteCount :UInt64);
    # The substream's `end` was called after so many bytes. The outer stream goes on.

    reachedLimit @1 () -> (next :ByteStream);
    # The limit was reached: what else is written to the substream goes to `next`, starting with
    # the rest of the write that crossed the limit.
  }
}
