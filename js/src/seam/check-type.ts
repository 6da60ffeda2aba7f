import type { EnumDescriptor, InterfaceDescriptor, StructDescriptor } from "./descriptor.js";
import { describe } from "./writer.js";

/** Throws unless `type` is of the kind that `caller` takes: arguments the other way round would fail somewhere inside. */
export function checkType(type: StructDescriptor | InterfaceDescriptor | EnumDescriptor, kind: "struct" | "interface", caller: string): void {
  const info = (type as Partial<typeof type> | null | undefined)?.$;
  if (info?.kind === kind) return;
  const got = info === undefined ? describe(type) : `the ${info.kind} ${info.name}`;
  throw new TypeError(`${caller}: expected the type of a${kind === "struct" ? "" : "n"} ${kind}, as generated modules export it, got ${got}`);
}
