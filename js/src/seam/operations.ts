/*
 * Layout programs tell wasm which pointers of a struct the struct's decoder asks for, in its order.
 *
 * The same numbers stand in crates/web/src/seam/program.rs. Each operation but UNION and the scalar elements is followed
 * by the index of a pointer when it is a field, then by its operand: STRUCT by the number of the struct's program, LIST
 * by its element.
 *
 * A module of its own, without imports: so bundlers put the numbers where the names are.
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
/** The same for lists. */
export const OPTIONAL_LIST = 9;
/** Elements of lists that are not behind pointers: this and their size on the wire. */
export const IN_LIST = 10;
