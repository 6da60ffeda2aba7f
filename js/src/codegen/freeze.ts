import type { Client } from "../types.js";

/** A constant: nothing in it can be changed, except for bytes, which JavaScript cannot protect. */
export type Frozen<T> = T extends Uint8Array | Client
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** Freezes a constant's value and all that is in it. */
export function freeze<T>(value: T): Frozen<T> {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) freeze(part as unknown);
    Object.freeze(value);
  }
  return value as Frozen<T>;
}
