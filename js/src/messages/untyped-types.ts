import type { BuilderOf, PointerType, Settable, ViewOf } from "../seam/types.js";
import type { Orphan } from "./orphans.js";

/** What a pointer leads to. */
export type PointerKind = "null" | "struct" | "list" | "capability";

/** How the elements of a list lie in a message. */
export type ElementSize = "void" | "bit" | "byte" | "twoBytes" | "fourBytes" | "eightBytes" | "pointer" | "struct";

/** A pointer in a message. */
export interface UntypedPointer {
  readonly isNull: boolean;
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
  getInt8(at: number): number;
  getUint8(at: number): number;
  getInt16(at: number): number;
  getUint16(at: number): number;
  getInt32(at: number): number;
  getUint32(at: number): number;
  getInt64(at: number): bigint;
  getUint64(at: number): bigint;
  getFloat32(at: number): number;
  getFloat64(at: number): number;
}

/** A struct in a message. Fields that it does not have are zero, or null, as the format demands. */
export interface UntypedStruct extends UntypedScalars {
  readonly dataBytes: number;
  readonly pointerCount: number;
  pointer(index: number): UntypedPointer;
}

/** A list in a message. Elements that are structs can also be read as the scalar or pointer that is first in them. */
export interface UntypedList extends UntypedScalars {
  readonly length: number;
  readonly elementSize: ElementSize;
  struct(index: number): UntypedStruct;
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
  setText(value: string): void;
  setData(value: Uint8Array): void;
  /** Points at an entry of a capability table that someone else keeps. */
  setCapability(index: number): void;
  /** A value of a schema's type: plain, or a view or builder, which is copied. */
  set<T extends PointerType>(type: T, value: Settable<T>): void;
  /** A copy of a view or builder, an untyped pointer or struct, or a list of any message. */
  copyFrom(part: object): void;
  clear(): void;
  /** Takes what is there out of its place, which is null then. */
  disown(): Orphan<never>;
  /** Puts an orphan of the same message here, whatever its type. */
  adopt(orphan: Orphan): void;
}

export interface UntypedScalarsBuilder extends UntypedScalars {
  setBool(at: number, value: boolean): void;
  setInt8(at: number, value: number): void;
  setUint8(at: number, value: number): void;
  setInt16(at: number, value: number): void;
  setUint16(at: number, value: number): void;
  setInt32(at: number, value: number): void;
  setUint32(at: number, value: number): void;
  setInt64(at: number, value: number | bigint): void;
  setUint64(at: number, value: number | bigint): void;
  setFloat32(at: number, value: number): void;
  setFloat64(at: number, value: number): void;
}

/** A struct in a message under construction. Fields that it does not have cannot be set. */
export interface UntypedStructBuilder extends UntypedStruct, UntypedScalarsBuilder {
  pointer(index: number): UntypedPointerBuilder;
}

/** A list in a message under construction. */
export interface UntypedListBuilder extends UntypedList, UntypedScalarsBuilder {
  struct(index: number): UntypedStructBuilder;
  pointer(index: number): UntypedPointerBuilder;
}
