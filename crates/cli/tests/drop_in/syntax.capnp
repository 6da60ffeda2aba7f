@0xd4c9a1b7e6f20857;

struct Syntax {
  first @0 Text;
}
