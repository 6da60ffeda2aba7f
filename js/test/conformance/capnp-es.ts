import type { Member, Shape, Struct } from "./model.js";
import type { Input } from "./values.js";

/*
 * What the package capnp-es reads in a message, as the plain objects that ours decodes, and the other way round. Its
 * generated code has no types here: members are called by the names that its generator gives them.
 */

/** A struct, list or blob of capnp-es. */
export type Es = { [member: string]: unknown };
type Method = (...args: unknown[]) => Es;

const call = (object: Es, name: string, ...args: unknown[]): Es => (object[name] as Method).apply(object, args);
/** The inputs never have these. */
const NOT_IN_TEXT = new Set<Shape["kind"]>(["any", "anyStruct", "anyList", "capability"]);
const capital = (name: string): string => name[0]?.toUpperCase() + name.slice(1);

export function readStruct(struct: Struct, from: Es): Input {
  const output: Input = {};
  const put = ({ name, shape, group }: Member): void => {
    if (shape.kind === "void") return;
    if (NOT_IN_TEXT.has(shape.kind)) output[name] = undefined;
    else if (shape.kind === "struct" && !group && !hasPointer(from, name)) output[name] = undefined;
    else output[name] = readValue(shape, from[name]);
  };
  struct.members.forEach(put);
  if (struct.union.length > 0) {
    const tag = call(from, "which") as unknown as number;
    const member = struct.union[tag] as Member;
    output["which"] = member.name;
    put(member);
  }
  return output;
}

/** Null, or with a default that stands in for it. */
function hasPointer(from: Es, name: string): boolean {
  return (call(from, `_has${capital(name)}`) as unknown as boolean) || "default" + capital(name) in (from.constructor as unknown as { _capnp: object })._capnp;
}

function readValue(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case "data":
      return (call(value as Es, "toUint8Array") as unknown as Uint8Array).slice();
    case "enum":
      return shape.names[value as number] ?? value;
    case "struct":
      return readStruct(shape.struct, value as Es);
    case "list": {
      const list = value as Es;
      return Array.from({ length: list["length"] as number }, (_, index) =>
        shape.of.kind === "void" ? undefined : readValue(shape.of, call(list, "get", index)),
      );
    }
    default:
      return value;
  }
}

/** Fills in a new struct. `data` makes Data in another message, to be copied into a list. */
export function writeStruct(struct: Struct, to: Es, input: Input, data: (bytes: Uint8Array) => Es): void {
  const set = ({ name, shape, group }: Member): void => {
    const value = input[name];
    if (group) writeStruct((shape as { struct: Struct }).struct, call(to, `_init${capital(name)}`), (value ?? {}) as Input, data);
    else if (shape.kind === "void" || value === undefined) return;
    else if (shape.kind === "struct") writeStruct(shape.struct, call(to, `_init${capital(name)}`), value as Input, data);
    else if (shape.kind === "list") writeList(shape.of, call(to, `_init${capital(name)}`, (value as unknown[]).length), value as unknown[], data);
    else if (shape.kind === "data") call(call(to, `_init${capital(name)}`, (value as Uint8Array).length), "copyBuffer", value);
    else to[name] = shape.kind === "enum" ? shape.names.indexOf(value as string) : value;
  };
  for (const member of struct.members) if (member.name in input || member.group) set(member);
  const member = struct.union.find((member) => member.name === input["which"]);
  if (member === undefined) return;
  if (member.shape.kind === "void") to[member.name] = true;
  else set(member);
}

function writeList(of: Shape, to: Es, values: unknown[], data: (bytes: Uint8Array) => Es): void {
  for (const [index, value] of values.entries()) {
    if (of.kind === "struct") writeStruct(of.struct, call(to, "get", index), value as Input, data);
    else if (of.kind === "data") call(to, "set", index, data(value as Uint8Array));
    else if (of.kind === "enum") call(to, "set", index, of.names.indexOf(value as string));
    else if (of.kind !== "void" && of.kind !== "list") call(to, "set", index, value);
  }
}
