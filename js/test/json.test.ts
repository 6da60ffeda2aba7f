import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { decode, encode, fromJSON, init, type Json, type JsonObject, read, release, toJSON } from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { Clash, Defaults, Holder, Lists, NewHolder, OldHolder, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { bytesOf } from "./bytes.js";
import golden from "./golden.json" with { type: "json" };
import forms from "./golden-forms.json" with { type: "json" };

await init();

const types = {
  scalars: Scalars,
  noScalars: Scalars,
  defaults: Defaults,
  setDefaults: Defaults,
  emptyBlobs: Defaults,
  lists: Lists,
  noLists: Lists,
  circle: Shape,
  polygon: Shape,
  box: Shape,
  none: Shape,
  inner: Shape,
  corner: Shape,
  noShape: Shape,
  holder: Holder,
  old: OldHolder,
  new: NewHolder,
  listsInSegments: Lists,
  newInSegments: NewHolder,
} satisfies Record<keyof typeof forms, StructDescriptor>;
const cases = Object.entries(types) as unknown as [keyof typeof forms, StructDescriptor<object, object>][];

/** Where an object was decoded, null text, data and lists read as their defaults; the tool leaves them out. */
function withoutNulls(ours: Json, theirs: Json): Json {
  if (Array.isArray(ours) && Array.isArray(theirs)) return ours.map((each, i) => withoutNulls(each, theirs[i] as Json));
  if (!isObject(ours) || !isObject(theirs)) return ours;
  const found: JsonObject = {};
  for (const [name, value] of Object.entries(ours)) {
    if (name in theirs) found[name] = withoutNulls(value, theirs[name] as Json);
    else expect([[], "", "fallback", [1, 2, 255]]).toContainEqual(value);
  }
  return found;
}

function isObject(json: Json): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

describe.each(cases)("%s", (name, type) => {
  const theirs = forms[name].json as unknown as JsonObject;
  const value = decode(type, bytesOf(golden[name]));

  test("becomes the JSON of the C++ tool", () => {
    expect(withoutNulls(toJSON(type, value), theirs)).toEqual(theirs);
  });

  test("is read from the tool's JSON, and from ours", () => {
    expect(decode(type, encode(type, fromJSON(type, theirs)))).toEqual(value);
    expect(decode(type, encode(type, fromJSON(type, JSON.parse(JSON.stringify(toJSON(type, value))))))).toEqual(value);
  });
});

test.each(cases)("a view of %s becomes the same", (name, type) => {
  const bytes = bytesOf(golden[name]);
  const view = read(type, bytes);
  const expected = toJSON(type, decode(type, bytes));
  expect(toJSON(type, view)).toEqual(expected);
  release(view);
});

test("what is left out of an object is left out of its JSON, but for scalars and what is in place", () => {
  expect(toJSON(Scalars, {})).toEqual(forms.noScalars.json);
  expect(toJSON(Defaults, {})).toEqual(forms.defaults.json);
  expect(toJSON(Shape, {})).toEqual(forms.noShape.json);
  expect(toJSON(Lists, {})).toEqual({});
  expect(toJSON(Shape, { which: "polygon" })).toMatchObject({ polygon: null });
});

test("numbers that JSON lacks are strings", () => {
  const odd = { f32: Number.NEGATIVE_INFINITY, f64: Number.NaN, i64: -(2n ** 63n), u64: 2 ** 53 - 1 };
  expect(toJSON(Scalars, odd)).toMatchObject({ f32: "-Infinity", f64: "NaN", i64: "-9223372036854775808", u64: "9007199254740991" });
  expect(fromJSON(Scalars, toJSON(Scalars, odd))).toMatchObject({ f32: Number.NEGATIVE_INFINITY, f64: Number.NaN, i64: -(2n ** 63n), u64: 2n ** 53n - 1n });
  expect(fromJSON(Scalars, { f64: "1.5e3", u64: 7, f32: "Infinity" })).toEqual({ f64: 1500, u64: 7, f32: Number.POSITIVE_INFINITY });
});

test("unknown enumerants are numbers, unknown members are not there", () => {
  expect(toJSON(Lists, { colours: [1, 9, "red"] })).toEqual({ colours: ["green", 9, "red"] });
  expect(toJSON(Shape, { which: 77, style: { pen: { which: 9 } } })).toEqual({ style: { colour: "red", pen: {} } });
  expect(decode(Lists, encode(Lists, fromJSON(Lists, { colours: ["green", 9] }))).colours).toEqual(["green", 9]);
});

test("names are the schema's", () => {
  const value: Clash.Input = { then_: "a", constructor_: "b", which: "other", other: 3 };
  expect(toJSON(Clash, value)).toMatchObject({ then: "a", constructor: "b", other: 3 });
  expect(Object.keys(toJSON(Clash, value))).toContain("then");
  expect(fromJSON(Clash, { then: "a", constructor: "b", other: 3, toString: "c" })).toMatchObject({ then_: "a", constructor_: "b", which: "other", other: 3 });
  // What an object inherits is nobody's field.
  expect(fromJSON(Clash, {})).toEqual({});
});

test.each<[StructDescriptor, unknown, RegExp]>([
  [Scalars, { b: 1 }, /everything.capnp:Scalars.b: expected a boolean, got 1/],
  [Scalars, { i64: 0.5 }, /Scalars.i64: expected a bigint or a safe integer/],
  [Lists, { datas: [[1]] }, /Lists.datas\[0\]: expected a Uint8Array/],
  [Shape, { which: "inner", inner: { which: "corner", corner: { x: "1" } } }, /Shape.inner.corner.x: expected a number/],
  [Point, 5, /Point: expected an object/],
  [Holder, { any: { type: Point, value: {} } }, /Holder.any: there is no JSON for an AnyPointer/],
])("what does not fit has no JSON", (type, value, message) => {
  expect(() => toJSON(type, value)).toThrow(TypeError);
  expect(() => toJSON(type, value)).toThrow(message);
});

test.each<[StructDescriptor, unknown, RegExp]>([
  [Scalars, [], /everything.capnp:Scalars: expected an object, got an array/],
  [Scalars, { i64: "1.5" }, /Scalars.i64: expected an integer, as a string or a number/],
  [Scalars, { f64: "one" }, /Scalars.f64: expected a number/],
  [Scalars, { u8: "" }, /Scalars.u8: expected a number/],
  [Defaults, { data: [256] }, /Defaults.data: expected an array of bytes/],
  [Lists, { matrix: [[1], 2] }, /Lists.matrix\[1\]: expected an array/],
  [Shape, { circle: 1, none: null }, /Shape: both circle and none are there/],
  [Shape, { style: { pen: { solid: null, dashed: [] } } }, /Shape.style.pen: both solid and dashed/],
])("JSON that does not fit is refused", (type, json, message) => {
  expect(() => fromJSON(type, json)).toThrow(TypeError);
  expect(() => fromJSON(type, json)).toThrow(message);
});

test("JSON that is a value of the wrong kind is refused when it is encoded, by name", () => {
  expect(() => encode(Scalars, fromJSON(Scalars, { b: "yes" }))).toThrow(/Scalars: b: expected a boolean/);
  expect(() => encode(Scalars, fromJSON(Scalars, { colour: "pink" }))).toThrow(/colour: expected one of/);
});

describe.runIf(spawnSync("capnp", ["--version"]).status === 0)("the C++ tool, as it is installed here", () => {
  const schema = new URL("schemas/everything.capnp", import.meta.url).pathname;
  const convert = (forms: string, type: string, input: Uint8Array | string): Buffer =>
    execFileSync("capnp", ["convert", forms, schema, type], { input, stdio: ["pipe", "pipe", "inherit"] });

  test.each(cases)("takes our JSON of %s for the same value", (name, type) => {
    const value = decode(type, bytesOf(golden[name]));
    const bytes = convert("json:binary", type.$.name.split(":")[1] ?? "", JSON.stringify(toJSON(type, value)));
    expect(decode(type, new Uint8Array(bytes))).toEqual(value);
  });

  test("agrees about odd numbers", () => {
    const odd = { f32: Number.POSITIVE_INFINITY, f64: Number.NaN, i64: -1n, u64: 2n ** 64n - 1n, colour: 9 };
    expect(JSON.parse(convert("binary:json", "Scalars", encode(Scalars, odd)).toString())).toEqual(toJSON(Scalars, odd));
    expect(JSON.parse(convert("binary:json", "Scalars", encode(Scalars, { f32: Number.NEGATIVE_INFINITY })).toString())).toMatchObject({ f32: "-Infinity" });
  });
});
