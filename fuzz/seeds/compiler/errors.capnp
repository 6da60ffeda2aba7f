using A = B.C; using B = A; struct S { a @1 :Nope(Text); a @1 :List; union { b @2 :Int8 = 300; } }
const c :Int8 = .c; enum E { _x @0; } $foo interface I extends(S) { m @0 (x :X) } struct T { "
