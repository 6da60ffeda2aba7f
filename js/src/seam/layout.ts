/*
 * The operations of layout programs. The same numbers stand in crates/web/src/seam/program.rs.
 *
 * Each but UNION and the scalar elements is followed by the index of a pointer when it is a field, then by its operand:
 * STRUCT by the struct, LIST by its element.
 */

export const TEXT = 1;
export const DATA = 2;
export const STRUCT = 3;
export const CAP = 4;
export const ANY = 5;
export const LIST = 6;
/** 16-bit offset of the tag, number of cases with pointers; each case as tag, number of items, items. */
export const UNION = 7;
/** Text with a default: null is told apart from empty. */
export const OPTIONAL_TEXT = 8;

/** Elements of lists that are not behind pointers. */
export const VOID = 10;
export const BIT = 11;
export const BYTE = 12;
export const TWO_BYTES = 13;
export const FOUR_BYTES = 14;
export const EIGHT_BYTES = 15;
