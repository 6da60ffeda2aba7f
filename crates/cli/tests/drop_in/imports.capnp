@0xd4c9a1b7e6f20854;

using Cxx = import "/capnp/c++.capnp";
using Person = import "person.capnp".Person;
using Elsewhere = import "/lib/elsewhere.capnp".Elsewhere;

$Cxx.namespace("imports");

struct Both {
  person @0 :Person;
  elsewhere @1 :Elsewhere;
}
