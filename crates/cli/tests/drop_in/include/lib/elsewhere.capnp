@0xd4c9a1b7e6f20855;

struct Elsewhere {}
