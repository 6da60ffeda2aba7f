/*
 * Where in the header of the seam is what.
 *
 * A module of its own, without imports: so bundlers put the numbers where the names are.
 */

// The same numbers stand in crates/web/src/seam.
export const ROOM_ADDRESS = 0;
export const ROOM_WORDS = 1;
export const SLOT_ADDRESS = 2;
export const TABLE_ADDRESS = 4;
export const TABLE_ENTRIES = 5;
export const POOL_ADDRESS = 6;
export const POOL_BYTES = 7;
export const UNICODE_ADDRESS = 8;
export const UNICODE_BYTES = 9;
export const FAILURE_ADDRESS = 10;
export const FAILURE_BYTES = 11;

// In the table of positions.
/** Instead of where something with a default is. */
export const ABSENT = 0xffffffff;
/** Added to the places of texts that are not ASCII. */
export const IN_UNICODE = 0x80000000;
