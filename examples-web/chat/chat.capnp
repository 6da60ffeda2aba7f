# A room to talk in. Both sides call: guests say something at their seats, and the room calls the guests.

@0xb84e6d20fa91c357;

interface Room {
  join @0 (name :Text, guest :Guest) -> (seat :Seat, name :Text, present :List(Text), recent :List(News));
  # Takes a seat. The name is another one where somebody has it already. From here on `guest` is called with all news; `present` are the
  # others, and `recent` is what was said last.
}

interface Seat {
  # Who lets go of it has left, and so has who loses the connection.

  say @0 (text :Text);
}

interface Guest {
  # An object of the client's.

  hear @0 (news :News);
}

struct News {
  who @0 :Text;
  union {
    joined @1 :Void;
    left @2 :Void;
    said @3 :Text;
  }
}
