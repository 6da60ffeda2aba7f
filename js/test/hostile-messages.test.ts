import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { build, canonicalize, CapnpError, decode, encode, init, isCanonical, pack, read, readStream, release, unpack } from "../src/node.js";
import type { DecodeOptions } from "../src/message.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { wasm } from "../src/seam/memory.js";
import { loadStructs, type Struct } from "./conformance/model.js";
import { readView } from "./conformance/open.js";
import { randomFrom, randomStruct } from "./conformance/values.js";
import { Defaults, Holder, Lists, NewHolder, OldHolder, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import * as conformance from "./generated/conformance.capnp.js";
import { Node } from "./generated/hostile.capnp.js";
import { CodeGeneratorRequest } from "./generated/capnp/schema.capnp.js";
import golden from "./golden.json" with { type: "json" };

await init();

interface Case {
  name: string;
  packed: boolean;
  outcome: "good" | "pointer" | "frame";
  bytes: Uint8Array;
}

/** What crates/interop/tests/hostile writes, which says how. */
const cases = readFileSync(new URL("hostile-messages.txt", import.meta.url), "utf8").trimEnd().split("\n").map(parse);

function parse(line: string): Case {
  const [name, packed, outcome, items] = line.split("|") as [string, string, Case["outcome"], string];
  const words: string[] = [];
  for (const item of items.split(" ")) {
    const repeat = /^\*(\d+)(?:@(\d+))?$/.exec(item);
    if (repeat === null) {
      words.push(item);
    } else {
      const pattern = words.slice(-Number(repeat[2] ?? 1));
      for (let times = Number(repeat[1]); times > 0; times--) for (const word of pattern) words.push(word);
    }
  }
  return { name, packed: packed === "packed", outcome, bytes: Uint8Array.from(Buffer.from(words.join(""), "hex")) };
}

const schemas = new URL("schemas/", import.meta.url);
const node = loadStructs(schemas, "hostile.capnp")("Node");

/** Everything in a message, field by field. */
function view(type: StructDescriptor, struct: Struct, bytes: Uint8Array, options: DecodeOptions): unknown {
  const view = read(type, bytes, options) as object;
  try {
    return readView(struct, view);
  } finally {
    release(view);
  }
}

const goodMessage = encode(Point, { x: 1, y: 2, label: "good" });

/** What came of it: a value, or an error that is ours. Nothing else may come of any bytes. */
function attempt<T>(what: string, act: () => T): { value: T } | { error: CapnpError } {
  try {
    return { value: act() };
  } catch (error) {
    if (!(error instanceof CapnpError)) throw new Error(`${what} ended in ${String(error)}`, { cause: error });
    return { error };
  } finally {
    // The instance lives on, and nothing of what was tried is left in it.
    expect(decode(Point, goodMessage)).toEqual({ x: 1, y: 2, label: "good" });
  }
}

/** Whether it is only that much would be made of little. */
const isHuge = (error: CapnpError): boolean => error.reason.includes("reads as something huge");

let memoryBytes = wasm.memory.buffer.byteLength;
/** Messages of 64 MiB and all that may be made of them; memory that WebAssembly has taken is never given back. */
const MOST_BYTES = 320 * 1024 * 1024;

afterEach(() => {
  memoryBytes = wasm.memory.buffer.byteLength;
  expect(memoryBytes).toBeLessThan(MOST_BYTES);
});

/** Where it is wrong: in the words of the message, or in the bytes before there are any. */
const PLACE = { good: /^/, pointer: /segment \d+, word \d+/, frame: /byte|segments|words/ };

describe("hostile messages", () => {
  test.each(cases.map((each) => [each.name, each] as const))("%s", (name, { packed, outcome, bytes }) => {
    const result = attempt(name, () => decode(Node, bytes, { packed }));
    if (outcome === "good") expect(result).toHaveProperty("value");
    else expect(result).toMatchObject({ error: { kind: "failed", reason: expect.stringMatching(PLACE[outcome]) as string } });
    // The same through views, whose error comes with the field that is asked for.
    // Everything is asked for, so that the limit is what bounds it: a lower one ends it sooner.
    const limits = outcome === "good" ? {} : { traversalLimitWords: 1 << 18 };
    const viewed = attempt(name, () => view(Node, node, bytes, { packed, ...limits }));
    if (outcome === "good") expect(viewed).toEqual(result);
    else expect(viewed).toMatchObject({ error: { kind: "failed", reason: expect.stringMatching(PLACE[outcome]) as string } });
    attempt(name, () => {
      const frame = packed ? unpack(bytes) : bytes;
      isCanonical(frame);
      canonicalize(frame);
    });
    // Copies of all that is there, whatever the schema says of it.
    attempt(name, () => {
      const whole = read(Node, bytes, { packed });
      const builder = build(Node);
      try {
        const copy = encode(whole);
        expect(copy.length).toBeLessThan(3 * 64 * 1024 * 1024);
        builder.any = whole.any;
        builder.nodes = whole.nodes;
        builder.texts = whole.texts;
        builder.nested = whole.nested;
        canonicalize(encode(builder));
      } finally {
        release(whole);
        release(builder);
      }
    });
    // Less is allowed to cost less.
    attempt(name, () => view(Node, node, bytes, { packed, traversalLimitWords: 1000, nestingLimit: 10 }));
    attempt(name, () => decode(Node, bytes, { packed, traversalLimitWords: 1000, nestingLimit: 10 }));
  });

  test("structs that take no room become objects that do", () => {
    // A Node whose `empties` is a list of Void, read as structs: allowed by the traversal limit, in two hundred bytes.
    const { bytes } = cases.find(({ name }) => name === "a thousand empty structs") as Case;
    const many = bytes.slice();
    new DataView(many.buffer).setUint32(many.length - 8, 6_000_000 << 2, true);
    expect(attempt("millions", () => decode(Node, many))).toMatchObject({ error: { reason: expect.stringMatching(PLACE.pointer) as string } });
    new DataView(many.buffer).setUint32(many.length - 8, 500_000 << 2, true);
    expect(decode(Node, many).empties.length).toBe(500_000);
  });

  test("in streams, cut anywhere", async () => {
    const random = randomFrom(17);
    for (const { name, packed, outcome, bytes } of cases) {
      if (bytes.length > 100_000) continue;
      const good = packed ? pack(goodMessage) : goodMessage;
      const stream = Buffer.concat([good, bytes]);
      const read = async (): Promise<number> => {
        let count = 0;
        for await (const _ of readStream(Node, chunksOf(stream, random), { packed })) count++;
        return count;
      };
      const count = await read().catch((error: unknown) => error);
      // What follows a message in a stream is the next, so some of it is not an error there; and no bytes are no message.
      if (outcome === "pointer") expect(count, name).toBeInstanceOf(CapnpError);
      else if (outcome === "good") expect(count, name).toBe(2);
      else if (typeof count !== "number") expect(count, name).toBeInstanceOf(CapnpError);
    }
  });
});

describe("damaged messages", () => {
  const types: readonly StructDescriptor[] = [Node, Scalars, Defaults, Lists, Shape, Holder, OldHolder, NewHolder, CodeGeneratorRequest];
  const seeds: { type: StructDescriptor; bytes: Uint8Array }[] = Object.entries(golden).map(([name, hex]) => {
    const type = types.find((type) => name.toLowerCase().startsWith(type.$.name.replace(/.*:/, "").replace(/Holder$|CodeGenerator/, "").toLowerCase()));
    return { type: type ?? Shape, bytes: Uint8Array.from(Buffer.from(hex, "hex")) };
  });
  for (const { outcome, packed, bytes } of cases) if (outcome === "good" && !packed && bytes.length < 2000) seeds.push({ type: Node, bytes });
  const all = seeds.map(({ bytes }) => bytes);

  test("are read or refused, and what is read can be written", () => {
    const random = randomFrom(1);
    let refused = 0;
    const rounds = 3000;
    for (let round = 0; round < rounds; round++) {
      const seed = pick(seeds, random);
      // Now and then as something else than it was.
      const type = random(4) === 0 ? pick(types, random) : seed.type;
      const bytes = mutate(seed.bytes, all, random);
      const what = `round ${round}, ${type.$.name}`;
      const result = attempt(what, () => decode(type, bytes));
      attempt(what, () => canonicalize(bytes));
      if (type === Node) {
        const viewed = attempt(what, () => view(Node, node, bytes, {}));
        if ("value" in result) expect(viewed, what).toEqual(result);
        // Views make objects only of what is asked for.
        else if (!isHuge(result.error)) expect(viewed, what).toHaveProperty("error");
      }
      if ("error" in result) {
        refused++;
        continue;
      }
      // Lists that were null are empty now, which is one level more.
      const again = decode(type, encode(type, result.value), { nestingLimit: 65 });
      expect(again, what).toEqual(result.value);
    }
    // Both happened.
    expect(refused).toBeGreaterThan(500);
    expect(rounds - refused).toBeGreaterThan(500);
  });

  test("are the same to views as to decode, over every type", () => {
    const random = randomFrom(3);
    const structs = loadStructs(schemas, "conformance.capnp");
    const names = ["Everything", "Defaults", "Choice", "OlderLists", "NewerLists", "NewerEnums"] as const;
    const subjects = names.map((name) => {
      const struct = structs(name);
      const type = conformance[name] as StructDescriptor<object, object>;
      const messages = Array.from({ length: 15 }, () => encode(type, randomStruct(struct, random, 2)));
      return { name, struct, type, messages };
    });
    const others = subjects.flatMap(({ messages }) => messages);
    let read = 0;
    const rounds = 1500;
    for (let round = 0; round < rounds; round++) {
      const { name, struct, type, messages } = pick(subjects, random);
      const bytes = mutate(pick(messages, random), others, random);
      const what = `round ${round}, ${name}`;
      const decoded = attempt(what, () => decode(type, bytes));
      const viewed = attempt(what, () => view(type, struct, bytes, {}));
      if ("value" in decoded) expect(viewed, what).toEqual(decoded);
      else if (!isHuge(decoded.error)) expect(viewed, what).toHaveProperty("error");
      if ("value" in decoded) read++;
    }
    expect(read).toBeGreaterThan(rounds / 10);
    expect(read).toBeLessThan((rounds * 9) / 10);
  });

  test("are unpacked and read or refused", () => {
    const random = randomFrom(2);
    for (let round = 0; round < 1000; round++) {
      const { type, bytes } = pick(seeds, random);
      const packed = mutate(pack(bytes), all, random);
      attempt(`round ${round}`, () => decode(type, packed, { packed: true }));
    }
  });
});

type Random = (below: number) => number;

function pick<T>(from: readonly T[], random: Random): T {
  return from[random(from.length)] as T;
}

/** Bytes, words and whole parts are changed, moved and cut off. */
function mutate(seed: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = seed.slice();
  for (let times = random(2); times >= 0; times--) {
    // What breaks in the segment table is found first; most damage goes behind it.
    const first = random(8) === 0 ? 0 : Math.min(8, bytes.length);
    const at = first + random(bytes.length - first + 1);
    const word = at & ~7;
    switch (random(16)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random(256);
        break;
      case 2: {
        // The words of another message, from anywhere in it to anywhere in this one.
        const other = pick(others, random);
        const from = random(other.length) & ~7;
        bytes.set(other.subarray(from, from + Math.min(8 * (1 + random(4)), bytes.length - word)), word);
        break;
      }
      case 3:
        if (word + 8 <= bytes.length) bytes.fill(pick([0, 255], random), word, word + 8);
        break;
      case 4:
      case 5: {
        // Offsets and counts just beyond the right ones.
        if (word + 8 > bytes.length) break;
        const view = new DataView(bytes.buffer, word, 8);
        const half = random(2) * 4;
        view.setUint32(half, view.getUint32(half, true) + pick([1, -1, 4, -4, 8, -8, 1 << 16, 1 << 29], random), true);
        break;
      }
      case 6: {
        // The frame stays right, so that what is behind it is looked at.
        if (bytes.length < 48 || bytes[0] !== 0) break;
        const words = (bytes.length >> 3) - 1 - random(3);
        bytes = bytes.slice(0, 8 + 8 * words);
        new DataView(bytes.buffer).setUint32(4, words, true);
        break;
      }
      default:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random(8));
    }
  }
  return bytes;
}

async function* chunksOf(bytes: Uint8Array, random: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + 1 + random(random(4) === 0 ? 10_000 : 20), bytes.length);
    yield bytes.slice(at, end);
    at = end;
  }
}
