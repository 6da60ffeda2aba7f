import type { AnyPointerInput } from "../seam/any.js";
import type { BuilderOf, PointerType, ViewOf } from "../seam/types.js";

/** A list in a message, read where it lies. */
export interface ListView<T> extends Iterable<T> {
  /** How many elements there are. */
  readonly length: number;
  readonly [index: number]: T;
  /** @throws RangeError when there is no such element. */
  at(index: number): T;
  /** All elements, at once. */
  toArray(): T[];
}

/** A list in a message under construction. `In` is what its elements are set to. */
export interface ListBuilder<T, In = T> extends ListView<T> {
  /** Sets one element. Throws a RangeError beyond the end. */
  set(index: number, value: In | T): void;
  /** Makes the list, text or bytes at this place, of `count` elements; what was there is gone. */
  init(index: number, count: number): T;
}

/** What is behind an AnyPointer in a view. */
export interface AnyPointerView {
  /** A copy, as a framed message with one segment. */
  readonly message: Uint8Array;
  /** What is there as a type of a schema. */
  as<T extends PointerType>(type: T): ViewOf<T>;
}

/** What is behind an AnyPointer in a message under construction. */
export interface AnyPointerBuilder {
  /** A copy of what is there, as a framed message with one segment. */
  readonly message: Uint8Array;
  /** What is there as a type of a schema. */
  as<T extends PointerType>(type: T): BuilderOf<T>;
  /** Puts a value there together with its type, such as `{ type: Text, value: "a" }`. */
  set(value: AnyPointerInput): void;
}
