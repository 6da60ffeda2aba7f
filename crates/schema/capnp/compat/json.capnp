# JSON documents as messages, and annotations that steer how messages become JSON.

@0x8ef99297a43a5e34;

$import "/capnp/c++.capnp".namespace("capnp::json");

struct Value {
  # Any JSON value.

  union {
    null @0 :Void;
    boolean @1 :Bool;
    number @2 :Float64;
    string @3 :Text;
    array @4 :List(Value);
    object @5 :List(Field);
    # Order and repeated names are kept.

    call @6 :Call;
    # No JSON: what some databases print for dates and bytes, such as `Date("2015-04-15")`.

    raw @7 :Text;
    # JSON text, to be written as it stands.
  }

  struct Field {
    name @0 :Text;
    value @1 :Value;
  }

  struct Call {
    function @0 :Text;
    params @1 :List(Value);
  }
}

annotation name @0xfa5b1fd61c2e7c3d (field, enumerant, method, group, union) :Text;
# What the declaration is called in JSON, when that is not its own name.

annotation flatten @0x82d3e852af0336bf (field, group, union) :FlattenOptions;
# The members of this struct, group or union become members of the object around it. Those of a
# union's member can do so only if the union has a discriminator.

struct FlattenOptions {
  prefix @0 :Text = "";
  # Put before the members' names.
}

annotation discriminator @0xcfa794e8d19a0162 (struct, union) :DiscriminatorOptions;
# A member of its own says which of the union's members is set, rather than the name of the only
# one that is there. On a struct it means the unnamed union.

struct DiscriminatorOptions {
  name @0 :Text;
  # The name of that member: the union's own, when null.

  valueName @1 :Text;
  # The name under which the value is found, whichever it is; by default each has its own. Not
  # for unions with flattened members.
}

annotation base64 @0xd7d879450a253e4b (field) :Void;
# `Data` as a string of Base64.

annotation hex @0xf061e22f0ae5c7b5 (field) :Void;
# `Data` as a string of hex digits.

annotation notification @0xa0a054dea32fd98c (method) :Void;
# For JSON-RPC: nobody waits for the result of this method.
