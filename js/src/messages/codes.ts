/*
 * The numbers that wasm is asked about messages with.
 *
 * A module of its own, without imports: so bundlers put the numbers where the names are.
 */

// What may be behind a pointer; the same numbers stand in crates/web/src/messages/follow.rs. Up to 7: a list, by the
// size of its elements on the wire.
export const POINTER_LIST = 6;
export const STRUCT_LIST = 7;
export const ANY_LIST = 8;
export const A_STRUCT = 9;
export const A_TEXT = 10;
export const A_DATA = 11;
export const A_CAPABILITY = 12;
/** When following: only what kind of thing is there. When making: nothing, a null pointer. */
export const NOTHING = 13;

/** Instead of the bytes of a data section: the address is a pointer's. */
export const BEHIND_POINTER = 0xffffffff;
export const NO_LIMIT = 0x7fffffff;

/** Instead of the number of a message or an orphan, or of a struct's size. */
export const NONE = 0xffffffff;

// Where in the header is what was found last.
export const FOUND_ADDRESS = 16;
export const FOUND_COUNT = 17;
export const FOUND_STEP_BITS = 18;
export const FOUND_DATA_BYTES = 19;
export const FOUND_POINTERS = 20;
