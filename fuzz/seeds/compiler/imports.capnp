@0xa1b2c3d4e5f60005;
using B = import "b.capnp"; using import "c.capnp".C; using Json = import "/capnp/compat/json.capnp";
struct A { b @0 :B.B; c @1 :List(C) $Json.name("see"); d @2 :Int8 = .k; e @3 :Text = B.t; } const k :Int8 = 3;
---
@0xa1b2c3d4e5f60006; using A = import "a.capnp".A; struct B { a @0 :A; } const t :Text = "x";
---
@0xa1b2c3d4e5f60007; using C = import "b.capnp".B;
