@0xa1b2c3d4e5f60003;
struct Map(K, V) { entries @0 :List(Entry); struct Entry { key @0 :K; value @1 :V; } using Swapped = Map(V, K); }
using T = Map(Text, Data); struct U { a @0 :T.Swapped.Entry; b @1 :Map; }
const m :Map(Text, U) = (entries = [(key = "x", value = (a = (key = "y")))]);
