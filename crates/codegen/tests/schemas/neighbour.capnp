# Imports the file that imports it.

@0x8f7e6d5c4b3a2918;

using Everything = import "everything.capnp";

struct Near {
  far @0 :Everything.Everything;
  generic @1 :Everything.Generic(Near, List(Near)).Inner(Text);
  enum @2 :Everything.Void2 = ok;
  client @3 :Everything.Methods;
  keywords @4 :List(Everything.Keywords.Self);
}

interface NearMethods extends(Everything.Base(Near)) {
  near @0 Everything.Everything -> Everything.Generic(Text, Data);
}

const near :Near = (enum = err);
const text :Text = Everything.text;
