import { canonicalize } from "../canonical.js";
import { wasm } from "./memory.js";
import { flatten } from "./output.js";
import { foundCapabilities, foundCount, isPart, live, NO_LIMIT, part, type Place, refused } from "./place.js";

/** The size of a value and of everything behind its pointers. */
export interface TotalSize {
  /** Words of eight bytes. */
  readonly words: number;
  /** Pointers to capabilities. */
  readonly capabilities: number;
}

/**
 * Measures a view or builder, or a list or AnyPointer of one. Counts against the message's traversal limit.
 *
 * @throws CapnpError when a pointer on the way is damaged, or a limit is exceeded.
 */
export function totalSize(value: object): TotalSize {
  const { message, address, nesting, dataBytes, pointers } = placeOf(value, "totalSize");
  if (address === 0) return { words: 0, capabilities: 0 };
  if (wasm.message_measure(message.id, address, nesting, dataBytes, pointers) !== 0) throw refused(message.name);
  live(message);
  return { words: foundCount(), capabilities: foundCapabilities() };
}

/**
 * Whether two views or builders, or lists or AnyPointers of such, hold the same, whatever way it is stored, with all
 * that newer schemas have put in. Counts against the traversal limits of both.
 *
 * @throws CapnpError when a pointer on the way is damaged, a limit is exceeded, or there are capabilities, which a
 * message by itself cannot tell apart.
 */
export function equals(one: object, other: object): boolean {
  const [a, b] = [placeOf(one, "equals"), placeOf(other, "equals")];
  if (a.address === 0 || b.address === 0) return a.address === b.address;
  const [left, right] = [canonical(a), canonical(b)];
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

/** Equal values have equal bytes in this form, and only equal ones have. */
function canonical(place: Place): Uint8Array {
  return canonicalize(flatten(place, place.message.name), { traversalLimitWords: 0xffffffff, nestingLimit: NO_LIMIT });
}

function placeOf(value: unknown, caller: string): Place {
  if (isPart(value)) return value[part]();
  throw new TypeError(`${caller}() wants a view or a builder, or a part of one`);
}
