# Capabilities that outlive the connection they came over.

@0xb8630836983feed7;

$import "/capnp/c++.capnp".namespace("capnp");

interface Persistent @0xc8cb212fcd9f5691 (SturdyRef, Owner) {
  # An object that can be put aside and found again. What a `SturdyRef` looks like is up to each
  # realm, that is, to all vats which understand one another's; so is who counts as an `Owner`.
  #
  # Whether an object can be saved seldom follows from its type: rather than inherit from this
  # interface, cast the client to it and see whether the call works.

  save @0 SaveParams -> SaveResults;
  # Makes a reference with which the object can be restored over another connection.

  struct SaveParams {
    sealFor @0 :Owner;
    # Who alone may restore it. Null in realms without owners.
  }

  struct SaveResults {
    sturdyRef @0 :SturdyRef;
  }
}

annotation persistent(interface, field) :Void;
# All objects of this interface, or in this field, can be saved.
