@0xb81d5e0c93f7a264;
# Search results to be ranked again: mostly text.

struct Results {
  hits @0 :List(Hit);
}

struct Hit {
  url @0 :Text;
  score @1 :Float64;
  snippet @2 :Text;
}
