/// <reference lib="esnext.disposable" preserve="true" />

/** `Symbol.dispose`, or a stand-in where the platform has none, so that classes can be declared. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);

/** `Symbol.asyncDispose`, or a stand-in. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

/** What makes an encoded message of a view or builder. A symbol, so that those who only encode objects need not load them. */
export const frame: unique symbol = Symbol("capstan.frame");

/** Whether a pointer of a view or builder is there, by its index: null pointers read as their defaults. */
export const has: unique symbol = /* @__PURE__ */ Symbol("capstan.has");
