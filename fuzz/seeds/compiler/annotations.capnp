@0xa1b2c3d4e5f60004;
$f("x"); annotation f @0xa1b2c3d4e5f60104 (file, struct) :Text;
annotation all(*) :P; struct P $all(x = 1, y = [1, 2]) { x @0 :Int8 $all(()); y @1 :List(Int8) = [-1]; }
annotation c(enumerant, param, group, union, method, const, annotation, interface, field, enum) :Void $all();
