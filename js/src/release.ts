import { isObject } from "./objects.js";
import { dispose } from "./symbols.js";

/**
 * Says that a client, view, builder or orphan is not needed any more, as the end of a `using` block does. Calls made
 * before still go through; releasing twice does nothing. A message is gone with any of its views or builders.
 */
export function release(value: object): void {
  const disposable = value as Partial<Disposable> | null | undefined;
  if (typeof disposable?.[dispose] !== "function") throw noClient(value, "release");
  disposable[dispose]();
}

/** The error for a value that is no client of this package. */
export function noClient(value: unknown, caller: string): TypeError {
  const own = isObject(value) ? "; of an object of your own, serve(type, object) makes one" : "";
  return new TypeError(
    `${caller}() wants a client, got ${value === null ? "null" : typeof value}; if it is a client of another copy of this package, load only one copy${own}`,
  );
}
