import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type AnyPointerInput, Bool, build, canonicalize, CapnpError, Data, decode, encode, init, List, read, release, Text, UInt32, Void } from "../src/node.js";
import { Loose, Small } from "./generated/conformance.capnp.js";

await init();

/** What the C++ library wrote: crates/interop/cpp/loose.cpp, six messages in one segment each and again in many. */
const stream = new Uint8Array(readFileSync(new URL("conformance/loose.bin", import.meta.url)));
const frames: Uint8Array[] = [];
for (let at = 0; at < stream.length; ) {
  const view = new DataView(stream.buffer, at);
  const segments = view.getUint32(0, true) + 1;
  let length = (4 + segments * 4 + 7) & ~7;
  for (let segment = 0; segment < segments; segment++) length += view.getUint32(4 + segment * 4, true) * 8;
  frames.push(stream.subarray(at, at + length));
  at += length;
}

const one: Small = { id: 1, on: true, note: "one" };
const two: Small = { id: 2, on: true, note: "two" };

type Loosely = { struct?: AnyPointerInput; list?: AnyPointerInput; anything?: AnyPointerInput };

/** The same as the C++ program puts in, by label. */
const contents: Record<string, Loosely> = {
  structs: { struct: { type: Small, value: one }, anything: { type: Small, value: two } },
  lists: { list: { type: List(UInt32), value: [0, 0, 7] }, anything: { type: List(Text), value: ["a", "b"] } },
  "lists of structs": {
    list: { type: List(Small), value: [one, two] },
    anything: { type: List(List(Bool)), value: [[], Array.from({ length: 70 }, (_, index) => index === 69)] },
  },
  blobs: { list: { type: List(Void), value: new Array(1000).fill(undefined) }, anything: { type: Text, value: "text" } },
};

describe.each([0, 6])("content of any type, from message %i on", (first) => {
  test.each(Object.keys(contents))("%s", (label) => {
    const bytes = frames[first + Object.keys(contents).indexOf(label)] as Uint8Array;
    const canonical = canonicalize(bytes);
    const decoded = decode(Loose, bytes);
    expect(decoded.label).toBe(label);
    // What is not looked into goes on as it came. A list that is not there reads as empty.
    expect(decoded.clients).toEqual([]);
    expect(canonicalize(encode(Loose, { ...decoded, clients: undefined }))).toEqual(canonical);
    if (decoded.struct !== undefined) expect(decode(Small, decoded.struct.message)).toEqual(one);

    const view = read(Loose, bytes);
    expect(canonicalize(encode(view))).toEqual(canonical);
    expect(canonicalize(encode(Loose, { label, struct: view.struct, list: view.list, anything: view.anything }))).toEqual(canonical);
    release(view);
  });

  test("as the types that they have", () => {
    const views = frames.slice(first, first + 5).map((bytes) => read(Loose, bytes));
    const [structs, lists, ofStructs, blobs] = views;
    expect(decode(Small, structs?.anything?.message as Uint8Array)).toEqual(two);
    expect(structs?.struct?.as(Small)?.note).toBe("one");
    expect(lists?.list?.as(List(UInt32)).toArray()).toEqual([0, 0, 7]);
    expect(lists?.anything?.as(List(Text)).toArray()).toEqual(["a", "b"]);
    expect(ofStructs?.list?.as(List(Small)).at(1).id).toBe(2);
    expect(ofStructs?.anything?.as(List(List(Bool))).at(1).at(69)).toBe(true);
    expect(blobs?.anything?.as(Text)).toBe("text");
    expect(blobs?.list?.as(List(Void)).length).toBe(1000);
    // And not as others: the error says where.
    expect(() => lists?.list?.as(Text)).toThrow(/segment \d+, word \d+/);
    expect(() => structs?.anything?.as(List(Text)).length).toThrow(/segment \d+, word \d+/);
    for (const view of views) release(view);
  });

  test("capabilities, which are only numbers in a message by itself", () => {
    const bytes = frames[first + 5] as Uint8Array;
    expect(() => decode(Loose, bytes)).toThrow(CapnpError);
    expect(() => decode(Loose, bytes)).toThrow(/segment \d+, word \d+/);
    expect(() => canonicalize(bytes)).toThrow(/segment \d+, word \d+/);
    // What else is there can be read.
    const view = read(Loose, bytes);
    expect(view.label).toBe("clients");
    expect(view.struct).toBe(undefined);
    release(view);
  });
});

test("content of any type, written", () => {
  for (const [index, [label, content]] of Object.entries(contents).entries()) {
    const canonical = canonicalize(frames[index] as Uint8Array);
    expect(canonicalize(encode(Loose, { label, ...content })), label).toEqual(canonical);
    const builder = build(Loose);
    Object.assign(builder, { label, ...content });
    expect(canonicalize(encode(builder)), label).toEqual(canonical);
    release(builder);
  }
});

test("a list of pointers to anything", () => {
  for (const bytes of [frames[4], frames[10]] as Uint8Array[]) {
    const view = read(Loose, bytes);
    // As text it is wrong, element by element; as structs, blobs are.
    expect(() => view.anything?.as(List(Text)).toArray()).toThrow(CapnpError);
    expect(view.anything?.as(List(Data)).at(1)).toEqual(new TextEncoder().encode("data"));
    expect(view.anything?.as(List(Data)).at(2)).toEqual(new Uint8Array(0));
    release(view);
    expect(canonicalize(encode(Loose, { ...decode(Loose, bytes), clients: undefined }))).toEqual(canonicalize(bytes));
  }
});
