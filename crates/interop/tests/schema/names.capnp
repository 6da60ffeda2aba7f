# A comment that documents nothing.

@0xa1b2c3d4e5f60003;
# The file's own comment.
# Two lines.

$tagFile("here");

using import "types.capnp".Color;
# Imports in a circle.

annotation tagFile(file) :Text;
annotation tagAll @0xa1b2c3d4e5f60103 (*) :Int32;
# Everything.
annotation tagVoid(struct, field, enum, enumerant) :Void;
annotation tagPlain(struct, method) :Plain;
annotation tagColor(param, group, union, interface) :Color;

struct Plain $tagAll(1) $tagVoid {
  # After the brace.
  struct @0 :Text $tagAll(2);
  # A field called struct.
  union @1 :Text;  # On the same line.
  group @2 :Text $tagAll(-3) $tagVoid;
  enum @3 :UInt8;

  # Belongs to nobody.
  interface @4 :UInt16;
  const @5 :Bool;
  annotation @6 :Bool;
  using @7 :Bool;
  import @8 :Text;
  import2 :group $tagAll(4) $tagColor(red) {
    # In a group.
    void @9 :Void;
    # In a group's field.
    extends @10 :Inner;
  }
  stream :union $tagAll(5) $tagColor(blue) {
    in @11 :Text $tagAll(7);
    true @12 :Text;
  }
  struct Inner $tagPlain(struct = "text", stream = (in = "x")) {}
  # Before its semicolon there is none.
  enum Enum @0xa1b2c3d4e5f60203 $tagVoid $tagAll(6) {
    # An enum.
    enum @1 $tagVoid;
    # Its second value.
    struct @0 $tagAll(8);
  }
  kind @13 :Enum = struct;
  const limit :UInt16 = 5 $tagAll(9);
}

struct Holder @0xa1b2c3d4e5f60303 (T) {
  struct Held { value @0 :T; }
}

interface Methods $tagAll(10) $tagColor(green) {
  struct @1 (struct :Text $tagAll(11), union :Text $tagColor(red)) -> (enum :Text) $tagAll(12);
  # The method struct.
  stream @0 (stream :Data) -> stream $tagPlain(union = "y");
  interface @2 () $tagAll(13);
}
