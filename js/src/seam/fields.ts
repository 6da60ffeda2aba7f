import type { EnumDescriptor, InterfaceDescriptor, StructDescriptor } from "./descriptor.js";

/*
 * The table of a struct's fields: all that anything at run time knows of a struct's inside. Views, builders, JSON,
 * pipelining and the programs by which wasm finds things in a message come from it.
 *
 * Types up to ENUM are in the data section, those from TEXT to ANY behind pointers.
 */

export const VOID = 0;
export const BOOL = 1;
export const I8 = 2;
export const U8 = 3;
export const I16 = 4;
export const U16 = 5;
export const I32 = 6;
export const U32 = 7;
export const I64 = 8;
export const U64 = 9;
export const F32 = 10;
export const F64 = 11;
export const ENUM = 12;
export const TEXT = 13;
export const DATA = 14;
export const STRUCT = 15;
export const LIST = 16;
export const CAP = 17;
export const ANY = 18;
export const GROUP = 19;

/** The largest count a list pointer can hold. */
export const MAX_LIST = 0x1fffffff;

/** A type, as of a list's elements. */
export interface Element {
  readonly type: number;
  /** LIST has its element here, ENUM, STRUCT and CAP their descriptors. */
  readonly of?: Element | EnumDescriptor | StructDescriptor | InterfaceDescriptor;
}

export interface Field extends Element {
  /** As objects spell it, such as `then_`. */
  readonly name: string;
  /** As the schema spells it, where that differs. */
  readonly schemaName?: string;
  /** Bytes into the data section, for BOOL bits; the index of the pointer; 0 for groups and Void. */
  readonly at: number;
  /** The discriminant of a member of the struct's (or group's) own union. */
  readonly tag?: number;
  /**
   * What the field means when it is not there: the value of a scalar (the ordinal of an enum), a string, bytes for
   * DATA; for other pointers a message of one segment with its table in front. Left out where it is zero or null.
   */
  readonly or?: number | bigint | boolean | string | Uint8Array;
  /** A group's own fields, whose places are the struct's. */
  readonly fields?: () => readonly Field[];
  /** Where the tag of the group's union is, in bytes into the struct's data section. */
  readonly tagAt?: number;
  /** The field's place by ordinal, where that is not its place in the text. */
  readonly nth?: number;
  readonly json?: JsonRules;
}

/** What the annotations of `/capnp/compat/json.capnp` say of a field, or of a struct: nothing but its union. */
export interface JsonRules {
  readonly name?: string;
  /** The members of the struct or group are the parent's own, with this in front of their names. */
  readonly flatten?: string;
  readonly bytes?: "base64" | "hex";
  /** The name under which stands which member the union holds. */
  readonly which?: string;
  /** The name under which the union's member stands, whichever it is. */
  readonly value?: string;
}

/** The fields that are always there come first, then the members of the union: the order in which values are decoded. */
export function inReadingOrder(fields: readonly Field[]): readonly Field[] {
  const members = fields.filter((field) => field.tag !== undefined);
  return members.length === 0 ? fields : [...fields.filter((field) => field.tag === undefined), ...members];
}

/** The sizes of list elements on the wire, by type up to ENUM. */
export const ELEMENT_SIZES: readonly number[] = [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 4, 5, 3];

/** Bytes of a scalar, one for a Bool; 0 for what is behind a pointer. */
export function bytesOf(type: number): number {
  const size = ELEMENT_SIZES[type] ?? 0;
  return (1 << size) >> 2 || size;
}

/** Whether values of the type are behind pointers. */
export function isPointer(type: number): boolean {
  return type > ENUM && type < GROUP;
}
