import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type AnyStruct, compile } from "../src/compiler-node.js";
import { canonicalize, decode, encode, fromJSON, init, read, release, toJSON } from "../src/node.js";
import type { EnumDescriptor, StructDescriptor } from "../src/seam/descriptor.js";
import * as codes from "../src/seam/fields.js";
import * as annotated from "./generated/annotated.capnp.js";
import * as everything from "./generated/everything.capnp.js";
import { bytesOf } from "./bytes.js";
import golden from "./golden.json" with { type: "json" };

/* Random values through toJSON and fromJSON and through the C++ tool, as it is installed here. */

await init();

const files = ["annotated.capnp", "everything.capnp", "other.capnp"];
const folder = new URL("schemas/", import.meta.url);
const schema = await compile(Object.fromEntries(files.map((name) => [name, readFileSync(new URL(name, folder), "utf8")])));

const types: [path: string, file: string, type: StructDescriptor<object, object>][] = [
  ["Event", "annotated.capnp", annotated.Event],
  ["Node", "annotated.capnp", annotated.Node],
  ["Request", "annotated.capnp", annotated.Request],
  ["Point", "annotated.capnp", annotated.Point],
  ["Scalars", "everything.capnp", everything.Scalars],
  ["Defaults", "everything.capnp", everything.Defaults],
  ["Lists", "everything.capnp", everything.Lists],
  ["Shape", "everything.capnp", everything.Shape],
  ["NewHolder", "everything.capnp", everything.NewHolder],
] as [string, string, StructDescriptor<object, object>][];

function tool(forms: string, [path, file]: readonly [string, string, ...unknown[]], input: Uint8Array | string): Buffer {
  return execFileSync("capnp", ["convert", "--short", forms, new URL(file, folder).pathname, path], { input, stdio: ["pipe", "pipe", "inherit"] });
}

const lines = (text: Buffer): string[] => text.toString().trimEnd().split("\n");

describe.runIf(spawnSync("capnp", ["--version"]).status === 0)("the C++ tool, as it is installed here,", () => {
  describe.each(types)("with %s", (path, file, type) => {
    const random = randomFrom(path);
    const values = Array.from({ length: 150 }, () => valueOf(type.$, random, 3));
    const frames = values.map((value) => encode(type, value));
    const theirs = lines(tool("binary:json", [path, file], Buffer.concat(frames)));

    test("writes the same JSON, byte for byte", () => {
      expect(theirs.length).toBe(values.length);
      for (const [at, value] of values.entries()) expect(JSON.stringify(toJSON(type, value))).toBe(theirs[at]);
    });

    test("writes the same of what views show, and of what is decoded and encoded again", () => {
      const again = frames.map((bytes) => encode(type, decode(type, bytes)));
      const decoded = lines(tool("binary:json", [path, file], Buffer.concat(again)));
      for (const [at, bytes] of frames.entries()) {
        const view = read(type, bytes);
        expect(JSON.stringify(toJSON(type, view))).toBe(theirs[at]);
        release(view);
        expect(JSON.stringify(toJSON(type, decode(type, bytes)))).toBe(decoded[at]);
      }
    });

    test("makes the same messages of JSON", () => {
      const made = framesIn(tool("json:binary", [path, file], theirs.join("\n")));
      expect(made.length).toBe(values.length);
      for (const [at, bytes] of made.entries()) {
        const ours = encode(type, fromJSON(type, JSON.parse(theirs[at] as string)));
        expect(toHex(canonicalize(ours)), theirs[at]).toBe(toHex(canonicalize(bytes)));
      }
    });

    test("agrees with a schema that is compiled at run time", () => {
      const dynamic = schema.struct(path);
      for (const [at, value] of values.entries()) {
        expect(JSON.stringify(toJSON(dynamic, value as AnyStruct))).toBe(theirs[at]);
        expect(fromJSON(dynamic, JSON.parse(theirs[at] as string))).toEqual(fromJSON(type, JSON.parse(theirs[at] as string)));
      }
    });
  });

  test("agrees about numbers that JSON lacks, or that are written differently", () => {
    const Scalars = everything.Scalars;
    const floats = [1e21, 1e-7, 5e-324, 1.7976931348623157e308, 0.1, -0, 123456789012345680000, Number.NaN, Infinity, -Infinity];
    const odd = floats.map((f64) => ({ f64, f32: f64, i64: -1n, u64: 2n ** 64n - 1n, colour: 9 }));
    const theirs = lines(tool("binary:json", ["Scalars", "everything.capnp"], Buffer.concat(odd.map((value) => encode(Scalars, value)))));
    expect(theirs.map((line) => JSON.parse(line) as unknown)).toEqual(odd.map((value) => toJSON(Scalars, value)));
  });

  test("takes our JSON of its own messages for the same values", () => {
    for (const name of ["setDefaults", "lists", "box", "corner"] as const) {
      const path = { setDefaults: "Defaults", lists: "Lists", box: "Shape", corner: "Shape" }[name];
      const [, file, type] = types.find(([found]) => found === path) as (typeof types)[number];
      const value = decode(type, bytesOf(golden[name]));
      const bytes = tool("json:binary", [path, file], JSON.stringify(toJSON(type, value)));
      expect(decode(type, new Uint8Array(bytes))).toEqual(value);
    }
  });
});

/** The tool writes messages of one segment, one behind the other. */
function framesIn(bytes: Buffer): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32LE(at + 4) * 8;
    frames.push(new Uint8Array(bytes.subarray(at, end)));
    at = end;
  }
  return frames;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

type Random = (below: number) => number;

/** The same numbers for the same name. */
function randomFrom(name: string): Random {
  let state = [...name].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7);
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A value to be encoded, some of whose fields are left out. */
function valueOf(whole: Pick<codes.Field, "fields">, random: Random, depth: number): object {
  const fields = whole.fields?.() ?? [];
  const value: Record<string, unknown> = {};
  const members = fields.filter(({ tag }) => tag !== undefined);
  const held = members[random(members.length || 1)];
  for (const field of fields) {
    if (field.tag !== undefined && field !== held) continue;
    if (field === held && (field.tag !== 0 || random(2) === 0)) value["which"] = field.name;
    if (field.type !== codes.GROUP && (value["which"] === undefined ? field === held : random(3) === 0)) continue;
    const found = field.type === codes.GROUP ? valueOf(field, random, depth) : elementOf(field, random, depth);
    if (found !== undefined) value[field.name] = found;
  }
  // JSON has no form for it: a union that holds one cannot be written.
  if (held?.type === codes.ANY) value["which"] = members[0]?.name;
  return value;
}

// Without \u001f: this version of the tool reads letters among the digits of escapes wrongly.
const TEXTS = ["", "a", 'quotes " and \\', "lines\nand\ttabs\u0001\u0010", "ü€\u{1f600}\u2028"];
const BITS = [0, 8, 8, 8, 16, 16, 32, 32, 64, 64];

function elementOf({ type, of }: codes.Element, random: Random, depth: number): unknown {
  switch (type) {
    case codes.VOID:
    case codes.ANY:
      return undefined;
    case codes.BOOL:
      return random(2) === 1;
    // Fractions that every way of writing numbers writes alike.
    case codes.F32:
    case codes.F64:
      return (random(2 ** 20) - 2 ** 19) / 2 ** random(6);
    case codes.I64:
    case codes.U64: {
      const bits = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
      return type === codes.I64 ? BigInt.asIntN(64, bits) : bits;
    }
    case codes.ENUM: {
      const { names } = (of as EnumDescriptor).$;
      return names[random(names.length + 1)] ?? names.length;
    }
    case codes.TEXT:
      return TEXTS[random(TEXTS.length)];
    case codes.DATA:
      return Uint8Array.from({ length: random(6) }, () => random(256));
    case codes.LIST:
      if (depth === 0) return [];
      return Array.from({ length: random(4) }, () => elementOf(of as codes.Element, random, depth - 1));
    case codes.STRUCT:
      return depth === 0 ? {} : valueOf((of as StructDescriptor).$, random, depth - 1);
    default: {
      const bits = BITS[type] as number;
      const found = random(2 ** bits);
      return type === codes.I8 || type === codes.I16 || type === codes.I32 ? found - 2 ** (bits - 1) : found;
    }
  }
}
