@0xc3a1f0b27d5e9468;
# What `npm run bench:rpc` calls.

interface Calls {
  add @0 (left :UInt32, right :UInt32) -> (sum :UInt32);

  next @1 () -> (next :Calls);
  # Another object of the same kind.
}
