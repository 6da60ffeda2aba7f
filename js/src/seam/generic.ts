import { AnyPointer } from "./any.js";
import type { PointerType } from "./types.js";

/**
 * Makes a generic type's descriptor: a function from types to descriptors, which gives the same descriptor for the same
 * types. Types that are left out are AnyPointers, and so are all where the function itself is taken for a descriptor.
 */
export function generic<Descriptor>(make: (...types: never[]) => { readonly $: unknown }, members?: object): Descriptor {
  const known = new Map<unknown, unknown>();
  const apply = (...types: (PointerType | undefined)[]): { readonly $: unknown } => {
    const all: PointerType[] = [];
    let at: Map<unknown, unknown> | undefined = known;
    for (let i = 0; i < make.length - 1; i++) at = descend(at, checked(types[i], all));
    const last = checked(types[make.length - 1], all);
    let made = at.get(last);
    if (made === undefined) at.set(last, (made = make(...(all as never[]))));
    return made as { readonly $: unknown };
  };
  const properties: PropertyDescriptorMap = { $: { get: () => apply().$ } };
  for (const [name, value] of Object.entries(members ?? {})) properties[name] = { value, enumerable: true };
  return Object.defineProperties(apply, properties) as Descriptor;
}

function descend(map: Map<unknown, unknown>, key: unknown): Map<unknown, unknown> {
  let next = map.get(key) as Map<unknown, unknown> | undefined;
  if (next === undefined) map.set(key, (next = new Map()));
  return next;
}

/** Returns what identifies the type. */
function checked(type: PointerType | undefined, all: PointerType[]): unknown {
  const given: PointerType = type ?? AnyPointer;
  const kind: string | undefined = given.$?.kind;
  if (kind !== "struct" && kind !== "interface" && kind !== "pointer") {
    throw new TypeError(
      kind === undefined
        ? "a type parameter must be a struct, an interface, Text, Data, List(…) or AnyPointer"
        : "a type parameter stands for what is behind pointers: for scalars and enums, put a struct or a List(…) around them",
    );
  }
  all.push(given);
  return given.$;
}

/** A generic type of which the first type arguments are given already. Where it is put says what its type is. */
export function partial(type: unknown, ...given: PointerType[]): any {
  const apply = type as (...types: PointerType[]) => unknown;
  return (...rest: PointerType[]) => apply(...given, ...rest);
}

/** What `make` returns, made when it is asked for first. */
export function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
