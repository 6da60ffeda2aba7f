import { describe, expect, test } from "vitest";
import {
  build,
  canonicalize,
  decode,
  encode,
  encodePacked,
  fromJSON,
  init,
  isCanonical,
  read,
  readStream,
  release,
  toJSON,
} from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { type Es, readStruct, writeStruct } from "./conformance/capnp-es.js";
import { loadStructs, type Struct, type Structs } from "./conformance/model.js";
import { readView, writeBuilder } from "./conformance/open.js";
import { capnp } from "./conformance/tool.js";
import { expected, type Input, type PointerDefaults, randomFrom, randomStruct, textOf } from "./conformance/values.js";
import * as types from "./generated/conformance.capnp.js";

await init();

const FILE = "conformance.capnp";
const schemas = new URL("schemas/", import.meta.url);
const structs = loadStructs(schemas, FILE);

/** Without its types, which this compiler refuses, and with its generated code, which has none. */
const peer = "capnp-es";
const { Message } = (await import(/* @vite-ignore */ peer)) as { Message: typeof EsMessage };
const generated = new URL("generated/capnp-es/conformance.js", import.meta.url).href;
const es = (await import(/* @vite-ignore */ generated)) as Record<string, object>;

declare class EsMessage {
  constructor(bytes?: Uint8Array, packed?: boolean);
  getRoot(type: object | undefined): Es;
  initRoot(type: object | undefined): Es;
  toArrayBuffer(): ArrayBuffer;
  toPackedArrayBuffer(): ArrayBuffer;
}

/** The schema without what capnp-es reads wrongly: generics have no accessors, and defaults of 32 bits come out wrong. */
const readByEs = without({ Everything: ["parcel", "parcels"], Defaults: ["int32", "uint32"] });
/** And it does not write lists of lists. */
const writtenByEs = without({ Everything: ["parcel", "parcels", "matrix", "words", "trees"], Defaults: ["int32", "uint32", "matrix"] });

function without(missing: Record<string, readonly string[]>): Structs {
  const structs = loadStructs(schemas, FILE);
  for (const [name, members] of Object.entries(missing)) {
    const struct = structs(name);
    struct.members = struct.members.filter((member) => !members.includes(member.name));
  }
  return structs;
}

/** What the schema says, once more. */
const seven = { id: 7, on: true, note: "seven" };
const defaults: PointerDefaults = {
  "Defaults.small": seven,
  "Defaults.flags": [true, false, true, true],
  "Defaults.int16s": [-1, 2, -3],
  "Defaults.float64s": [0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  "Defaults.texts": ["plugh", "", "thud"],
  "Defaults.datas": [Uint8Array.of(0, 255), new TextEncoder().encode("raw")],
  "Defaults.colors": ["violet", "red"],
  "Defaults.smalls": [
    { id: 1, on: false, note: "" },
    { id: 0, on: true, note: "two" },
  ],
  "Defaults.matrix": [[1, 2], [], [3]],
  "Defaults.voids": [undefined, undefined],
};

interface Subject {
  type: StructDescriptor<object, object>;
  struct: Struct;
  name: string;
  inputs: Input[];
  texts: string[];
}

const subjects: Subject[] = (
  [
    ["Everything", 200],
    ["Defaults", 60],
    ["Choice", 120],
    ["Small", 10],
    ["OlderLists", 30],
    ["NewerLists", 30],
    ["OlderEnums", 10],
    ["NewerEnums", 20],
    ["Loose", 5],
  ] as const
).map(([name, count], index) => {
  const struct = structs(name);
  const random = randomFrom(1000 + index);
  const inputs: Input[] = [];
  const texts: string[] = [];
  for (let input: Input = {}; inputs.length < count; input = randomStruct(struct, random, 4)) {
    const text = textOf({ kind: "struct", struct }, input);
    // With segments of one word each object has its own, and there may be 512.
    if (text.length > 5000) continue;
    inputs.push(input);
    texts.push(text);
  }
  return { type: types[name] as StructDescriptor<object, object>, struct, name, inputs, texts };
});

/** Framed messages that follow each other, one by one. */
function cut(stream: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  for (let at = 0; at < stream.length; ) {
    const segments = view.getUint32(at, true) + 1;
    let end = at + ((4 + segments * 4 + 7) & ~7);
    for (let segment = 0; segment < segments; segment++) end += view.getUint32(at + 4 + segment * 4, true) * 8;
    frames.push(stream.subarray(at, end));
    at = end;
  }
  return frames;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

const tool = (args: readonly string[], input: string | Uint8Array): Buffer => capnp(schemas, args, input);

describe.each(subjects.map((subject) => [subject.name, subject] as const))("%s", (name, { type, struct, inputs, texts }) => {
  const wanted = inputs.map((input) => expected({ kind: "struct", struct }, input, defaults));
  const text = texts.join("\n");
  const binary = tool(["encode", FILE, name], text);
  const said = tool(["decode", "--quiet", FILE, name], binary).toString();

  test.each([undefined, 1, 3, 40])("what the tool encodes, in segments of %s words", async (words) => {
    const size = words === undefined ? [] : [`--segment-size=${words}`];
    const bytes = tool(["encode", ...size, FILE, name], text);
    expect(await all(readStream(type, once(bytes)))).toEqual(wanted);
    const packed = tool(["encode", "--packed", ...size, FILE, name], text);
    expect(await all(readStream(type, once(packed), { packed: true }))).toEqual(wanted);
  });

  test("what the tool makes of ours", () => {
    const ours = Buffer.concat(inputs.map((input) => encode(type, input)));
    expect(tool(["decode", "--quiet", FILE, name], ours).toString()).toBe(said);
    const packed = Buffer.concat(inputs.map((input) => encodePacked(type, input)));
    expect(tool(["decode", "--quiet", "--packed", FILE, name], packed).toString()).toBe(said);
  });

  test("what was decoded, encoded again", () => {
    const again = wanted.map((value) => encode(type, value as object));
    expect(again.map((bytes) => decode(type, bytes))).toEqual(wanted);
  });

  test("what views show", async () => {
    const json = tool(["convert", "--short", "binary:json", FILE, name], binary).toString().trimEnd().split("\n").map((line) => JSON.parse(line) as unknown);
    for (const size of ["--segment-size=1", "--segment-size=50"]) {
      const frames = cut(tool(["encode", size, FILE, name], text));
      for (const [index, bytes] of frames.entries()) {
        const view = read(type, bytes) as object;
        expect(readView(struct, view), texts[index] ?? "").toEqual(wanted[index]);
        expect(decode(type, encode(view)), texts[index] ?? "").toEqual(wanted[index]);
        expect(toJSON(type, view)).toEqual(json[index]);
        release(view);
      }
      expect(frames.length).toBe(inputs.length);
    }
  });

  test("what builders make", () => {
    const random = randomFrom(5);
    const made = inputs.map((input) => {
      const builder = build(type) as object;
      writeBuilder(struct, builder, input, () => random(2) === 0);
      const bytes = encode(builder);
      expect(decode(type, encodePacked(builder), { packed: true })).toEqual(decode(type, bytes));
      release(builder);
      return bytes;
    });
    expect(made.map((bytes) => decode(type, bytes))).toEqual(wanted);
    expect(tool(["decode", "--quiet", FILE, name], Buffer.concat(made)).toString()).toBe(said);
  });

  test("JSON", () => {
    const lines = tool(["convert", "--short", "binary:json", FILE, name], binary).toString().trimEnd().split("\n");
    const json = lines.map((line) => JSON.parse(line) as unknown);
    expect(inputs.map((input) => toJSON(type, input))).toEqual(json);
    expect(json.map((value) => decode(type, encode(type, fromJSON(type, value))))).toEqual(wanted);
  });

  test("the canonical form", () => {
    const ours = cut(tool(["encode", "--segment-size=5", FILE, name], text)).map((bytes) => canonicalize(bytes));
    expect(ours.every((bytes) => isCanonical(bytes))).toBe(true);
    const canonical = tool(["convert", "--quiet", "binary:canonical", FILE, name], binary);
    expect(Buffer.concat(ours.map((bytes) => bytes.subarray(8))).equals(canonical)).toBe(true);
  });

  const data = (bytes: Uint8Array): Es => {
    const to = new Message().initRoot(es["Everything"]) as Es & { _initData(length: number): Es };
    const made = to._initData(bytes.length) as Es & { copyBuffer(bytes: Uint8Array): void };
    made.copyBuffer(bytes);
    return made;
  };

  test("what capnp-es reads in ours", () => {
    const struct = readByEs(name);
    for (const [index, input] of inputs.entries()) {
      const value = expected({ kind: "struct", struct }, input, defaults);
      for (const message of [new Message(encode(type, input), false), new Message(encodePacked(type, input), true)]) {
        const root = message.getRoot(es[name]);
        expect(readStruct(struct, root), texts[index] ?? "").toEqual(value);
      }
    }
  });

  test("what capnp-es writes", () => {
    const struct = writtenByEs(name);
    for (const [index, input] of inputs.entries()) {
      const message = new Message();
      writeStruct(struct, message.initRoot(es[name]), input, data);
      const value = expected({ kind: "struct", struct }, input, defaults) as object;
      expect(decode(type, new Uint8Array(message.toArrayBuffer())), texts[index] ?? "").toMatchObject(value);
      expect(decode(type, new Uint8Array(message.toPackedArrayBuffer()), { packed: true }), texts[index] ?? "").toMatchObject(value);
    }
  });
});

describe.each([
  ["NewerLists", "OlderLists"],
  ["OlderLists", "NewerLists"],
  ["Choice", "OlderChoice"],
  ["NewerEnums", "OlderEnums"],
  ["OlderEnums", "NewerEnums"],
] as const)("%s, read as %s", (sent, known) => {
  const { texts } = subjects.find(({ name }) => name === sent) as Subject;
  const type = types[known] as StructDescriptor<object, object>;

  test.each([1, 30])("in segments of %i words", (words) => {
    const frames = cut(tool(["encode", `--segment-size=${words}`, FILE, sent], texts.join("\n")));
    const sentBytes = Buffer.concat(frames);
    const json = tool(["convert", "--short", "--quiet", "binary:json", FILE, known], sentBytes).toString().trimEnd().split("\n");
    for (const bytes of frames) {
      const value = decode(type, bytes);
      // Unknown enumerants and members of unions are numbers, which are written as such.
      expect(decode(type, encode(type, value))).toEqual(value);
    }
    const copies: Uint8Array[] = [];
    for (const [index, bytes] of frames.entries()) {
      const view = read(type, bytes) as object;
      expect(toJSON(type, view)).toEqual(JSON.parse(json[index] as string));
      expect(readView(structs(known), view)).toEqual(decode(type, bytes));
      copies.push(encode(view));
      release(view);
    }
    // What an older reader does not know survives its copy.
    const copied = Buffer.concat(copies);
    for (const name of [sent, known]) {
      const args = ["decode", "--quiet", FILE, name];
      expect(tool(args, copied).toString()).toBe(tool(args, sentBytes).toString());
    }
  });
});

test("text that begins with a byte order mark", () => {
  const text = "\ufeffmark";
  const [frame] = cut(tool(["encode", FILE, "Small"], `(note = "${text}")`)) as [Uint8Array];
  expect(decode(types.Small, frame)).toEqual({ id: 0, on: false, note: text });
  expect(encode(types.Small, { note: text })).toEqual(new Uint8Array(frame));
});
