import type { BuilderOf, PointerType, Settable, ViewOf } from "../seam/types.js";
import type { Orphan } from "./orphans.js";

/** What a pointer leads to. */
export type PointerKind = "null" | "struct" | "list" | "capability";

/** How the elements of a list lie in a message. */
export type ElementSize = "void" | "bit" | "byte" | "twoBytes" | "fourBytes" | "eightBytes" | "pointer" | "struct";

/** A pointer in a message. */
export interface UntypedPointer {
  /** Whether it leads nowhere. */
  readonly isNull: boolean;
  /** What it leads to. */
  readonly kind: PointerKind;
  /** The struct; one without content for null. */
  struct(): UntypedStruct;
  /** The list, whatever its elements are; one without elements for null. */
  list(): UntypedList;
  /** The text; empty for null. */
  text(): string;
  /** A copy of the bytes; empty for null. */
  data(): Uint8Array<ArrayBuffer>;
  /** The capability's index, into a table that is not part of the message; undefined for null. */
  capability(): number | undefined;
  /** What is there as a type of a schema. */
  as<T extends PointerType>(type: T): ViewOf<T>;
  /** A copy of what is there, as a framed message with one segment. */
  readonly message: Uint8Array<ArrayBuffer>;
}

/** Fields of a struct by their place, in bytes into its data section; elements of a list by their index. */
export interface UntypedScalars {
  /** `at` counts bits. */
  getBool(at: number): boolean;
  /** An 8-bit integer; 0 where there is none. */
  getInt8(at: number): number;
  /** An 8-bit integer without sign; 0 where there is none. */
  getUint8(at: number): number;
  /** A 16-bit integer; 0 where there is none. */
  getInt16(at: number): number;
  /** A 16-bit integer without sign; 0 where there is none. */
  getUint16(at: number): number;
  /** A 32-bit integer; 0 where there is none. */
  getInt32(at: number): number;
  /** A 32-bit integer without sign; 0 where there is none. */
  getUint32(at: number): number;
  /** A 64-bit integer; 0 where there is none. */
  getInt64(at: number): bigint;
  /** A 64-bit integer without sign; 0 where there is none. */
  getUint64(at: number): bigint;
  /** A 32-bit floating-point number; 0 where there is none. */
  getFloat32(at: number): number;
  /** A 64-bit floating-point number; 0 where there is none. */
  getFloat64(at: number): number;
}

/** A struct in a message. Fields that it does not have are zero, or null, as the format demands. */
export interface UntypedStruct extends UntypedScalars {
  /** Length of its data section, in bytes. */
  readonly dataBytes: number;
  /** How many pointers it has. */
  readonly pointerCount: number;
  /** A pointer of it; null where it has none. */
  pointer(index: number): UntypedPointer;
}

/** A list in a message. Elements that are structs can also be read as the scalar or pointer that is first in them. */
export interface UntypedList extends UntypedScalars {
  /** How many elements there are. */
  readonly length: number;
  /** How they lie in the message. */
  readonly elementSize: ElementSize;
  /** An element, as a struct. */
  struct(index: number): UntypedStruct;
  /** An element, as a pointer. */
  pointer(index: number): UntypedPointer;
}

/** A pointer in a message under construction. */
export interface UntypedPointerBuilder extends UntypedPointer {
  struct(): UntypedStructBuilder;
  list(): UntypedListBuilder;
  as<T extends PointerType>(type: T): BuilderOf<T>;
  /** A new struct in place of what is there, all zero. */
  initStruct(dataWords: number, pointers: number): UntypedStructBuilder;
  /** A new list of scalars or pointers, all zero. */
  initList(elementSize: Exclude<ElementSize, "struct">, count: number): UntypedListBuilder;
  /** A new list of structs, all zero. */
  initStructList(count: number, dataWords: number, pointers: number): UntypedListBuilder;
  /** Puts a text there. */
  setText(value: string): void;
  /** Puts a copy of bytes there. */
  setData(value: Uint8Array): void;
  /** Points at an entry of a capability table that someone else keeps. */
  setCapability(index: number): void;
  /** A value of a schema's type: plain, or a view or builder, which is copied. */
  set<T extends PointerType>(type: T, value: Settable<T>): void;
  /** A copy of a view or builder, an untyped pointer or struct, or a list of any message. */
  copyFrom(part: object): void;
  /** Makes it null. */
  clear(): void;
  /** Takes what is there out of its place, which is null then. */
  disown(): Orphan<never>;
  /** Puts an orphan of the same message here, whatever its type. */
  adopt(orphan: Orphan): void;
}

export interface UntypedScalarsBuilder extends UntypedScalars {
  /** `at` counts bits. */
  setBool(at: number, value: boolean): void;
  /** Sets an 8-bit integer. */
  setInt8(at: number, value: number): void;
  /** Sets an 8-bit integer without sign. */
  setUint8(at: number, value: number): void;
  /** Sets a 16-bit integer. */
  setInt16(at: number, value: number): void;
  /** Sets a 16-bit integer without sign. */
  setUint16(at: number, value: number): void;
  /** Sets a 32-bit integer. */
  setInt32(at: number, value: number): void;
  /** Sets a 32-bit integer without sign. */
  setUint32(at: number, value: number): void;
  /** Sets a 64-bit integer. */
  setInt64(at: number, value: number | bigint): void;
  /** Sets a 64-bit integer without sign. */
  setUint64(at: number, value: number | bigint): void;
  /** Sets a 32-bit floating-point number. */
  setFloat32(at: number, value: number): void;
  /** Sets a 64-bit floating-point number. */
  setFloat64(at: number, value: number): void;
}

/** A struct in a message under construction. Fields that it does not have cannot be set. */
export interface UntypedStructBuilder extends UntypedStruct, UntypedScalarsBuilder {
  /** A pointer of it. */
  pointer(index: number): UntypedPointerBuilder;
}

/** A list in a message under construction. */
export interface UntypedListBuilder extends UntypedList, UntypedScalarsBuilder {
  /** An element, as a struct. */
  struct(index: number): UntypedStructBuilder;
  /** An element, as a pointer. */
  pointer(index: number): UntypedPointerBuilder;
}
