# Folders in folders: what it takes many calls to get to the bottom of.

@0xc9f2a4d17be6035d;

interface Folder {
  open @0 (name :Text) -> (folder :Folder);
  # The folder of that name in this one.

  read @1 () -> (text :Text);
  # The note in this folder.
}
