# What `rpc.capnp` leaves to the network, for connections between just two vats.

@0xa184c7885cdaf2a1;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capnp::rpc::twoparty");

enum Side {
  server @0;
  # The one that was connected to.

  client @1;
}

struct VatId {
  side @0 :Side;
}

struct ProvisionId {
  joinId @0 :UInt32;
  # From the `JoinKeyPart`.
}

struct RecipientId {}
# There is no third party to be a recipient.

struct ThirdPartyCapId {}
# Nor one to hold a capability.

struct JoinKeyPart {
  joinId @0 :UInt32;
  # Chosen by the joiner; the same in all parts of one join.

  partCount @1 :UInt16;
  partNum @2 :UInt16;
  # Which part this is, from zero.
}

struct JoinResult {
  joinId @0 :UInt32;
  succeeded @1 :Bool;

  cap @2 :Capability;
  # Null unless the join succeeded and this is its first part.
}
