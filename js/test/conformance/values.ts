import type { Member, Shape, Struct } from "./model.js";

/*
 * Values of a schema's types, made up: what to encode, the same as the reference tool reads it, and what has to come out.
 */

/** Input for a struct: only what is set. */
export type Input = { [name: string]: unknown };
export type Random = (below: number) => number;

/** Numbers that only depend on the seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What cannot be written as text is left out: it is `undefined`. */
export function randomStruct(struct: Struct, random: Random, depth: number): Input {
  const input: Input = {};
  // From nearly empty to nearly full.
  const fullness = 1 + random(6);
  for (const member of struct.members) {
    if (random(7) < fullness) set(input, member, random, depth);
  }
  if (struct.union.length > 0 && random(8) > 0) {
    const member = pick(struct.union, random);
    if (set(input, member, random, depth) || member.shape.kind === "void") input["which"] = member.name;
  }
  return input;
}

function set(input: Input, member: Member, random: Random, depth: number): boolean {
  const value = randomValue(member.shape, random, depth);
  if (value !== undefined) input[member.name] = value;
  return value !== undefined;
}

function randomValue(shape: Shape, random: Random, depth: number): unknown {
  switch (shape.kind) {
    case "bool":
      return random(2) === 1;
    case "int":
      return randomInt(shape.bits, shape.signed, random);
    case "float":
      return randomFloat(shape.bits, random);
    case "text":
      return randomText(random);
    case "data":
      return Uint8Array.from({ length: random(random(8) === 0 ? 300 : 10) }, () => random(256));
    case "enum":
      return pick(shape.names, random);
    case "struct":
      return depth === 0 ? undefined : randomStruct(shape.struct, random, depth - 1);
    case "list": {
      if (depth === 0) return undefined;
      const { of } = shape;
      if (of.kind === "void") return new Array<undefined>(random(20)).fill(undefined);
      const count = random(random(10) === 0 ? 70 : of.kind === "struct" ? 3 : 6);
      const values = Array.from({ length: count }, () => randomValue(of, random, depth - 1));
      return values.every((value) => value !== undefined) ? values : [];
    }
    default:
      return undefined;
  }
}

function randomInt(bits: number, signed: boolean, random: Random): number | bigint {
  let value = 0n;
  for (let at = 0; at < bits; at += 8) value = (value << 8n) | BigInt(random(256));
  // The ends of the range, and small numbers of both signs.
  const special = random(6);
  // The tool has no literal for the least of 64 bits.
  if (special === 0) value = (1n << BigInt(bits - 1)) + (bits === 64 && signed ? 1n : 0n);
  if (special === 1) value = (1n << BigInt(bits - 1)) - 1n;
  if (special === 2) value = BigInt(random(4));
  if (special === 3) value = -BigInt(random(4));
  value = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  return bits === 64 ? value : Number(value);
}

function randomFloat(bits: 32 | 64, random: Random): number {
  const special = [0, -0, 1, -1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-45, 3.4e38, 5e-324, 1.7976931348623157e308];
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setUint32(0, random(2 ** 32));
  bytes.setUint32(4, random(2 ** 32));
  const value = random(3) === 0 ? pick(special, random) : bits === 64 ? bytes.getFloat64(0) : bytes.getFloat32(0);
  return bits === 64 ? value : Math.fround(value);
}

// No parentheses: in strings, they put the tool's reader of several messages off the track.
const CHARACTERS = ["a", "Z", "0", " ", '"', "'", "\\", "\n", "\t", "\u0001", "\u007f", "é", "ß", "漢", "\uffff", "🦀", "𝄞"];

function randomText(random: Random): string {
  const length = random(random(8) === 0 ? 200 : 12);
  const letters = random(3) === 0 ? CHARACTERS.slice(0, 4) : CHARACTERS;
  return Array.from({ length }, () => pick(letters, random)).join("");
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[random(from.length)] as T;
}

/** As the tool reads it. */
export function textOf(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case "void":
      return "void";
    case "float":
      return floatText(value as number);
    case "text":
      return `"${Array.from(value as string, escaped).join("")}"`;
    case "data":
      // The tool knows no empty hexadecimal string.
      return `${(value as Uint8Array).length > 0 ? "0x" : ""}"${Buffer.from(value as Uint8Array).toString("hex")}"`;
    case "list":
      return `[${(value as unknown[]).map((each) => textOf(shape.of, each)).join(", ")}]`;
    case "struct":
      return structText(shape.struct, value as Input);
    default:
      return String(value);
  }
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  if (character === '"' || character === "\\") return `\\${character}`;
  return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, "0")}` : character;
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  // Without a point or an exponent it would be an integer, which has limits.
  return (Number.isInteger(value) ? value.toExponential() : String(value)).replace("e+", "e");
}

function structText(struct: Struct, input: Input): string {
  const parts: string[] = [];
  for (const member of struct.members) {
    if (member.name in input) parts.push(`${member.name} = ${textOf(member.shape, input[member.name])}`);
  }
  for (const member of struct.union) {
    if (input["which"] === member.name) parts.push(`${member.name} = ${textOf(member.shape, input[member.name])}`);
  }
  return `(${parts.join(", ")})`;
}

/** Defaults of pointers other than Text and Data, by struct and field. */
export type PointerDefaults = Record<string, unknown>;

/** What must be decoded: everything is there. */
export function expected(shape: Shape, value: unknown, defaults: PointerDefaults): unknown {
  if (shape.kind === "struct") return expectedStruct(shape.struct, value as Input, defaults);
  if (shape.kind === "list") return (value as unknown[]).map((each) => expected(shape.of, each, defaults));
  return value;
}

function expectedStruct(struct: Struct, input: Input, defaults: PointerDefaults): Input {
  const output: Input = {};
  const put = (member: Member): void => {
    const { name, shape, group, byDefault } = member;
    if (shape.kind === "void") return;
    if (input[name] !== undefined) output[name] = expected(shape, input[name], defaults);
    else if (group) output[name] = expected(shape, {}, defaults);
    else if (`${struct.name}.${name}` in defaults) output[name] = defaults[`${struct.name}.${name}`];
    else if (shape.kind === "list") output[name] = [];
    else if (["bool", "int", "float", "enum", "text", "data"].includes(shape.kind)) output[name] = byDefault;
    else output[name] = undefined;
  };
  struct.members.forEach(put);
  const [first] = struct.union;
  if (first !== undefined) {
    const set = struct.union.find((member) => member.name === input["which"]) ?? first;
    output["which"] = set.name;
    put(set);
  }
  return output;
}
