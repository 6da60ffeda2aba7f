import type { ListView } from "../../src/node.js";
import type { Member, Shape, Struct } from "./model.js";
import type { Input } from "./values.js";

/*
 * What views show as plain objects, and values written through builders, field by field.
 */

type Open = { [member: string]: unknown };

export function readView(struct: Struct, view: object): Input {
  const from = view as Open;
  const output: Input = {};
  const put = ({ name, shape }: Member): void => {
    if (shape.kind !== "void") output[name] = readValue(shape, from[name]);
  };
  struct.members.forEach(put);
  if (struct.union.length > 0) {
    const { which } = from;
    output["which"] = which;
    for (const member of struct.union) {
      if (member.name === which) put(member);
      else if (from[member.name] !== undefined) throw new Error(`${member.name} is not set and is there`);
    }
  }
  return output;
}

function readValue(shape: Shape, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (shape.kind === "struct") return readView(shape.struct, value as object);
  if (shape.kind.startsWith("any")) return { message: (value as { message: Uint8Array }).message };
  if (shape.kind !== "list") return value;
  const list = value as ListView<unknown>;
  const { of } = shape;
  const values = Array.from({ length: list.length }, (_, index) => readValue(of, list.at(index)));
  // The other ways to go through a list find the same.
  let count = 0;
  for (const element of list) {
    if (of.kind !== "struct" && of.kind !== "list" && of.kind !== "data" && !Object.is(element, values[count])) throw new Error("iterating finds something else");
    count++;
  }
  if (count !== list.length) throw new Error(`iterating finds ${count} of ${list.length}`);
  return values;
}

/** Sets what is in `input`, in every way that builders have: `turn` says in which. */
export function writeBuilder(struct: Struct, builder: object, input: Input, turn: () => boolean): void {
  const to = builder as Open;
  const init = (name: string, ...args: unknown[]): object =>
    (to[`init${name[0]?.toUpperCase()}${name.slice(1)}`] as (...args: unknown[]) => object).apply(to, args);
  const set = ({ name, shape, group }: Member, isMember: boolean): void => {
    const value = input[name];
    if (shape.kind === "struct" && (turn() || group)) {
      writeBuilder(shape.struct, group && !isMember ? (to[name] as object) : init(name), (value ?? {}) as Input, turn);
    } else if (shape.kind === "list" && turn()) {
      writeList(shape.of, init(name, (value as unknown[]).length) as OpenList, value as unknown[], turn);
    } else {
      to[name] = value;
    }
  };
  for (const member of struct.members) {
    if (member.group || input[member.name] !== undefined) set(member, false);
  }
  const member = struct.union.find((member) => member.name === input["which"]);
  if (member !== undefined) set(member, true);
}

interface OpenList {
  at(index: number): object;
  set(index: number, value: unknown): void;
  init(index: number, count: number): object;
}

function writeList(of: Shape, to: OpenList, values: unknown[], turn: () => boolean): void {
  for (const [index, value] of values.entries()) {
    if (of.kind === "struct" && turn()) writeBuilder(of.struct, to.at(index), value as Input, turn);
    else if (of.kind === "list" && turn()) writeList(of.of, to.init(index, (value as unknown[]).length) as OpenList, value as unknown[], turn);
    else if (of.kind !== "void") to.set(index, value);
  }
}
