import { describe, expect, test } from "vitest";
import { decode, encode, fromJSON, init, type JsonObject, read, release, toJSON } from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { Clash, Defaults, Holder, Lists, NewHolder, OldHolder, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { Event, Loop, Node, Request } from "./generated/annotated.capnp.js";
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

describe.each(cases)("%s", (name, type) => {
  const theirs = forms[name].json as unknown as JsonObject;
  const bytes = bytesOf(golden[name]);
  const value = decode(type, bytes);

  test("becomes the JSON of the C++ tool, in a view", () => {
    const view = read(type, bytes);
    expect(JSON.stringify(toJSON(type, view))).toBe(JSON.stringify(theirs));
    release(view);
  });

  test("becomes the same decoded, but for empty text, data and lists in place of null ones", () => {
    const found = toJSON(type, value);
    expect(found).toMatchObject(theirs);
    const again = read(type, encode(type, value));
    expect(JSON.stringify(found)).toBe(JSON.stringify(toJSON(type, again)));
    release(again);
  });

  test("is read from the tool's JSON, and from ours", () => {
    expect(decode(type, encode(type, fromJSON(type, theirs)))).toEqual(value);
    expect(decode(type, encode(type, fromJSON(type, JSON.parse(JSON.stringify(toJSON(type, value))))))).toEqual(value);
  });
});

test("what is left out of an object is left out of its JSON, but for scalars and what is in place", () => {
  expect(toJSON(Scalars, {})).toEqual(forms.noScalars.json);
  expect(toJSON(Defaults, {})).toEqual(forms.defaults.json);
  expect(toJSON(Shape, {})).toEqual(forms.noShape.json);
  expect(toJSON(Lists, {})).toEqual({});
  // Of a union, what is held is there.
  expect(toJSON(Shape, { which: "polygon" })).toMatchObject({ polygon: [] });
  expect(toJSON(Node, { which: "left" })).toMatchObject({ left: { x: "5", kind: "tag", tag: "left" } });
  expect(toJSON(Node, { which: "numbers" })).toMatchObject({ numbers: [1, -2] });
  expect(toJSON(Node, { which: "bytes" })).toMatchObject({ bytes: [10, 255] });
  expect(toJSON(Node, {})).toEqual({ first: 7, inside: { a: "calm down", b: false }, left: { x: "5", kind: "tag", tag: "left" } });
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

test("null stands for what is not there", () => {
  const nulls = { "first-name": null, moods: null, digest: null, point: null, list: [null, { x: "1" }], group: null };
  expect(fromJSON(Event, nulls)).toMatchObject({ which: "list", list: [{}, { x: 1n }] });
  expect(() => encode(Event, fromJSON(Event, { moods: [null] }))).toThrow(/moods/);
  expect(fromJSON(Lists, { texts: [null, "a"], datas: [null], matrix: [null, [1]] })).toEqual({
    texts: ["", "a"],
    datas: [new Uint8Array(0)],
    matrix: [[], [1]],
  });
  // Of a Void it is all that there can be.
  expect(fromJSON(Shape, { circle: null, none: null })).toEqual({ which: "none" });
});

test("defaults that hold each other without end have no JSON", () => {
  expect(toJSON(Loop, { which: "loop", loop: { which: "end" } })).toEqual({ loop: { end: null } });
  // Where the C++ tool crashes.
  expect(() => toJSON(Loop, {})).toThrow(/^annotated.capnp:Loop.loop.*loop: the defaults of unions that are not set hold each other/);
  const view = read(Loop, encode(Loop, { which: "loop", loop: {} }));
  expect(() => toJSON(Loop, view)).toThrow(TypeError);
  release(view);
  expect(toJSON(Loop, { which: "loop", loop: { which: "end" } })).toEqual({ loop: { end: null } });
});

test("annotations are honoured both ways", () => {
  const event: Event.Input = {
    firstName: "Ada",
    mood: "veryHappy",
    moods: ["sad", 9],
    blob: Uint8Array.of(1, 2, 255, 0),
    digest: Uint8Array.of(0, 0xab),
    raw: Uint8Array.of(7),
    inline: { x: 5, which: "label", label: "here" },
    group: { a: 1, b: "b" },
    deep: { deeper: { c: 3, then_: "t" } },
    named: { which: "deep", deep: { p: 1, q: 0.5 } },
    spread: { which: "two", two: [1.5] },
    proto: "own",
    which: "some",
    some: "one",
  };
  const json = {
    "first-name": "Ada",
    mood: "very-happy",
    moods: ["calm down", 9],
    blob: "AQL/AA==",
    digest: "00ab",
    raw: [7],
    "at-x": "5",
    "at-kind": "tag",
    "at-tag": "here",
    a: "1",
    b: "b",
    named: { sort: "deep", value: { p: 1, q: 0.5 } },
    spread: "two",
    two: [1.5],
    "deep.er.c": 3,
    "deep.er.then": "t",
    ["__proto__"]: "own",
    'so "me"': "one",
  };
  expect(JSON.stringify(toJSON(Event, event))).toBe(JSON.stringify(json));
  expect(decode(Event, encode(Event, fromJSON(Event, json)))).toEqual(decode(Event, encode(Event, event)));
});

test.each<[StructDescriptor, unknown, object]>([
  // A discriminator says which member it is; a name that no member has says nothing.
  [Event, { named: { sort: "number" } }, { named: { which: "number" } }],
  [Event, { named: { number: 5 } }, { named: {} }],
  [Event, { named: { value: 5 } }, { named: {} }],
  [Event, { spread: "two" }, { spread: { which: "two" } }],
  [Event, { two: [1] }, { spread: { which: "two", two: [1] } }],
  [Event, { spread: "nonsense", two: [1] }, { spread: { which: "two", two: [1] } }],
  [Event, { "at-kind": "height" }, { inline: { which: "height" } }],
  [Event, { "at-flat": null }, { inline: { which: "flat" } }],
  [Request, { op: "PUT", key: "k", value: "ff" }, { which: "put", put: { key: "k", value: Uint8Array.of(255) } }],
  [Request, { key: "k" }, {}],
  [Request, { "get-key": "k" }, {}],
  [Request, { op: "get", "get-key": "k" }, { which: "get", get: { key: "k" } }],
  [Request, { op: "drop", of: "k" }, { which: "drop", drop: "k" }],
  [Request, { drop: "k" }, {}],
])("what JSON says of a union: %#", (type, json, value) => {
  const found = fromJSON(type, json) as object;
  expect(found).toMatchObject(value);
  expect(decode(type, encode(type, found))).toEqual(decode(type, encode(type, value)));
  if (type === Request) expect(found).toEqual(value);
});

test.each<[StructDescriptor, unknown, RegExp]>([
  [Scalars, { b: 1 }, /everything.capnp:Scalars.b: expected a boolean, got 1/],
  [Scalars, { i64: 0.5 }, /Scalars.i64: expected a bigint or a safe integer/],
  [Lists, { datas: [[1]] }, /Lists.datas\[0\]: expected a Uint8Array/],
  [Shape, { which: "inner", inner: { which: "corner", corner: { x: "1" } } }, /Shape.inner.corner.x: expected a number/],
  [Shape, { which: "square" }, /Shape.which: expected one of circle, /],
  [Event, { mood: "happy" }, /Event.mood: expected an enumerant/],
  [Request, { which: "any" }, /Request.any: there is no JSON for an AnyPointer/],
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
  [Shape, { style: { pen: { solid: null, dashed: [] } } }, /Shape.style.pen: both (solid and dashed|dashed and solid)/],
  [Event, { mood: "veryHappy" }, /Event.mood: expected one of calm, very-happy, calm down, got/],
  ...["Zg", "Zh==", "Zm9-", "Zg==Zg==", "Z g==", 5].map((blob) => [Event, { blob }, /Event.blob: expected Base64, with padding/] as const),
  ...["0", "0g", [1]].map((digest) => [Event, { digest }, /Event.digest: expected pairs of hexadecimal digits/] as const),
] as [StructDescriptor, unknown, RegExp][])("JSON that does not fit is refused: %#", (type, json, message) => {
  expect(() => fromJSON(type, json)).toThrow(TypeError);
  expect(() => fromJSON(type, json)).toThrow(message);
});

test("JSON that is a value of the wrong kind is refused when it is encoded, by name", () => {
  expect(() => encode(Scalars, fromJSON(Scalars, { b: "yes" }))).toThrow(/Scalars: b: expected a boolean/);
  expect(() => encode(Scalars, fromJSON(Scalars, { colour: "pink" }))).toThrow(/colour: expected one of/);
});

