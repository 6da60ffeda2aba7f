# What makes a method a streaming one: its result type is the struct below.

@0x86c366a91393f3f8;

$import "/capnp/c++.capnp".namespace("capnp");

struct StreamResult @0x995f9a3377c0b16e {
  # The result of every method declared with `-> stream`. It is empty, and a streaming method has
  # nothing else to say: what matters is when it returns.
}
