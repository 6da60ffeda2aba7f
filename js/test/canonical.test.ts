import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { canonicalize, CapnpError, decode, encode, init, isCanonical } from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { Defaults, Holder, Lists, NewHolder, OldHolder, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { bytesOf, concat, hexOf } from "./bytes.js";
import golden from "./golden.json" with { type: "json" };
import forms from "./golden-forms.json" with { type: "json" };

await init();

type Name = keyof typeof forms;
const names = Object.keys(forms) as Name[];

/** The segment in the table's frame, which is what the C++ tool calls canonical. */
const segmentOf = (frame: Uint8Array): string => {
  expect(hexOf(frame.subarray(0, 4))).toBe("00000000");
  expect(new DataView(frame.buffer).getUint32(4, true) * 8 + 8).toBe(frame.length);
  return hexOf(frame.subarray(8));
};

test.each(names)("%s in canonical form is what the C++ tool makes of it", (name) => {
  const canonical = canonicalize(bytesOf(golden[name]));
  expect(segmentOf(canonical)).toBe(forms[name].canonical);
  expect(isCanonical(canonical)).toBe(true);
  expect(hexOf(canonicalize(canonical))).toBe(hexOf(canonical));
});

test.each<[Name, StructDescriptor]>([
  ["scalars", Scalars],
  ["setDefaults", Defaults],
  ["lists", Lists],
  ["listsInSegments", Lists],
  ["box", Shape],
  ["inner", Shape],
  ["holder", Holder],
  ["old", OldHolder],
  ["newInSegments", NewHolder],
])("%s means the same in canonical form", (name, type) => {
  const bytes = bytesOf(golden[name]);
  expect(decode(type, canonicalize(bytes))).toEqual(decode(type, bytes));
});

test("equal values written by different schemas' versions become equal bytes", () => {
  const old = encode(OldHolder, { one: { a: 1, t: "x" } });
  const recent = encode(NewHolder, { one: { a: 1, t: "x" } });
  expect(hexOf(old)).not.toBe(hexOf(recent));
  expect(hexOf(canonicalize(old))).toBe(hexOf(canonicalize(recent)));
});

test("what is not canonical is told", () => {
  expect(isCanonical(encode(Point, {}))).toBe(false);
  expect(isCanonical(encode(Point, { x: 1, y: 2, label: "all there" }))).toBe(true);
  expect(isCanonical(bytesOf(golden.listsInSegments))).toBe(false);
  expect(isCanonical(bytesOf(golden.box))).toBe(hexOf(canonicalize(bytesOf(golden.box))) === golden.box);
});

test("the result is the caller's own", () => {
  const first = canonicalize(bytesOf(golden.lists));
  canonicalize(bytesOf(golden.scalars));
  expect(segmentOf(first)).toBe(forms.lists.canonical);
  expect(first.buffer.byteLength).toBe(first.length);
});

test("large messages", () => {
  const texts = Array.from({ length: 50_000 }, (_, i) => `text ${i}`);
  const canonical = canonicalize(encode(Lists, { texts }));
  expect(canonical.length).toBeGreaterThan(1_000_000);
  expect(decode(Lists, canonical).texts).toEqual(texts);
});

describe.each([
  ["canonicalize", canonicalize],
  ["isCanonical", isCanonical],
] as const)("%s refuses", (name, work) => {
  test.each<[string, Uint8Array, RegExp]>([
    ["no bytes", new Uint8Array(0), /message ends after 0 bytes; it needs at least 8/],
    ["half a message", bytesOf(golden.lists).subarray(0, 200), /message ends after 200 bytes; it needs at least 544/],
    ["a message with something behind it", concat([bytesOf(golden.lists), new Uint8Array(8)]), /message ends after 544 bytes but the frame has 552/],
    ["a pointer out of bounds", bytesOf("0000000001000000" + "0000000001000000"), /segment 0, word 0/],
    ["absurd segment tables", bytesOf("ffffffffffffffff"), /4294967296 segments/],
  ])("%s", (_, bytes, message) => {
    expect(() => work(bytes)).toThrow(CapnpError);
    expect(() => work(bytes)).toThrow(message);
  });

  test("what is more work than the limits allow", () => {
    const deep = canonicalize(encode(Shape, [..."123456"].reduce<Shape.Input>((inner) => ({ which: "inner", inner }), { name: "deep" })));
    expect(() => work(deep, { nestingLimit: 5 })).toThrow(/nested/);
    expect(() => work(bytesOf(golden.lists), { traversalLimitWords: 50 })).toThrow(CapnpError);
    expect(() => work(deep)).not.toThrow();
  });

  test("other values, by name", () => {
    expect(() => work("text" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => work("text" as unknown as Uint8Array)).toThrow(`${name}()`);
  });
});

test("a message with capabilities has no canonical form", () => {
  const withCapability = bytesOf("0000000002000000" + "0000000000000100" + "0300000000000000");
  expect(() => canonicalize(withCapability)).toThrow(/capabilities/);
});

test.runIf(spawnSync("capnp", ["--version"]).status === 0)("the C++ tool as installed here agrees, about random values", () => {
  for (let i = 0; i < 30; i++) {
    const structs = Array.from({ length: i % 5 }, (_, j) => ({ x: i * j, y: i === j ? 1 : 0, label: j % 2 ? "" : "é".repeat(i) }));
    const bytes = encode(Lists, { structs, bools: Array(i).fill(i % 3 === 0), grid: [structs, [], structs], datas: [new Uint8Array(i)] });
    const theirs = execFileSync("capnp", ["convert", "binary:canonical"], { input: bytes, stdio: ["pipe", "pipe", "inherit"] });
    expect(segmentOf(canonicalize(bytes))).toBe(hexOf(theirs));
  }
});
