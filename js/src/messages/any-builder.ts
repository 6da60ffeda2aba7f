import type { AnyPointerInput } from "../seam/any.js";
import { ANY } from "../seam/fields.js";
import type { BuilderOf, PointerType } from "../seam/types.js";
import { AnyPointerView } from "./any.js";
import { part } from "./place.js";
import { setPointer } from "./set.js";
import type * as declared from "./types.js";

/** What is behind an AnyPointer in a message under construction. */
export class AnyPointerBuilder extends AnyPointerView implements declared.AnyPointerBuilder {
  declare as: <T extends PointerType>(type: T) => BuilderOf<T>;

  set(value: AnyPointerInput): void {
    const { message, address } = this[part]();
    setPointer(message, address, { type: ANY }, value, "AnyPointer");
  }
}
