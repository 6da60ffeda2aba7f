import { runInNewContext } from "node:vm";
import { expect, test, describe } from "vitest";
import { CapnpError, decode, encode, init } from "../src/node.js";
import { AnyPointer } from "../src/seam/any.js";
import { struct, type StructDescriptor } from "../src/seam/descriptor.js";
import { LIST, STRUCT } from "../src/seam/fields.js";
import { headerWord, refresh, ROOM_ADDRESS, SLOT_ADDRESS, u8, view, wasm } from "../src/seam/memory.js";
import { encodeContent } from "../src/seam/outgoing.js";
import * as glue from "../wasm/capstan_web.js";
import {
  Clash,
  Colour,
  Defaults,
  favourite,
  greeting,
  Holder,
  huge,
  limit,
  Lists,
  Map as SchemaMap,
  NewHolder,
  OldHolder,
  Point,
  Scalars,
  Shape,
} from "./generated/everything.capnp.js";
import { CodeGeneratorRequest, type Node } from "./generated/capnp/schema.capnp.js";
import { ByteSink, Files } from "./generated/files.capnp.js";
import golden from "./golden.json" with { type: "json" };

await init();

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A message of one segment from its words, each as 16 hexadecimal digits in memory order. */
function message(...words: string[]): Uint8Array {
  const table = Buffer.alloc(8);
  table.writeUInt32LE(words.length, 4);
  return bytesOf(table.toString("hex") + words.join(""));
}

const point = (x: number, y = 0, label = ""): Point => ({ x, y, label });
const style = { colour: "red", pen: { which: "solid" } } as const;

const scalars: Scalars = {
  b: true,
  i8: -8,
  i16: -16,
  i32: -32,
  i64: -64n,
  u8: 8,
  u16: 16,
  u32: 32,
  u64: 18446744073709551615n,
  f32: 1.25,
  f64: -2.5,
  colour: "blue",
};
const byDefault: Defaults = {
  b: true,
  i8: -5,
  i16: -300,
  i32: -70000,
  i64: -5000000000n,
  u8: 200,
  u16: 60000,
  u32: 4000000000,
  u64: 18446744073709551615n,
  f32: 1.5,
  f64: -0.25,
  colour: "blue",
  text: "fallback",
  data: Uint8Array.of(1, 2, 255),
};
const noScalars: Scalars = {
  b: false, i8: 0, i16: 0, i32: 0, i64: 0n, u8: 0, u16: 0, u32: 0, u64: 0n, f32: 0, f64: 0, colour: "red",
};
const lists: Lists = {
  voids: [undefined, undefined],
  bools: [true, false, true, true, false, false, false, false, true],
  i8s: [-1, 2],
  i16s: [-3, 4],
  i32s: [-5, 6],
  i64s: [-7n, 8n],
  u8s: [1, 255],
  u16s: [65535],
  u32s: [4294967295, 1, 2],
  u64s: [18446744073709551615n],
  f32s: [0.5, -1],
  f64s: [0.1],
  colours: ["red", "blue"],
  texts: ["a", "", "grüße 🜁"],
  datas: [Uint8Array.of(1), new Uint8Array(0)],
  structs: [point(1, 2, "one"), point(3)],
  matrix: [[1, 2], [], [3]],
  grid: [[point(9)], [point(0, 8, "g")]],
};
const noLists = Object.fromEntries(Object.keys(lists).map((key) => [key, []])) as unknown as Lists;

type Golden = Exclude<keyof typeof golden, `${string}InSegments` | "request">;
type Case = Record<Golden, [StructDescriptor, object]>;
const cases: Case = {
  scalars: [Scalars, scalars],
  noScalars: [Scalars, noScalars],
  defaults: [Defaults, byDefault],
  setDefaults: [
    Defaults,
    { b: false, i8: 1, i16: 1, i32: 1, i64: 1n, u8: 1, u16: 1, u32: 1, u64: 1n, f32: 2.5, f64: 3.5, colour: "red", text: "set", data: Uint8Array.of(0xaa) },
  ],
  emptyBlobs: [Defaults, { ...byDefault, text: "", data: new Uint8Array(0) }],
  lists: [Lists, lists],
  noLists: [Lists, noLists],
  circle: [Shape, { name: "c", style, after: "", which: "circle", circle: 0.5 }],
  polygon: [Shape, { name: "p", style, after: "end", which: "polygon", polygon: [point(1, 0, "a"), point(0, 2, "b")] }],
  box: [
    Shape,
    {
      name: "sq",
      style: { colour: "green", pen: { which: "dashed", dashed: [1, 2, 3] } },
      after: "z",
      which: "box",
      box: { width: 2, height: 3, note: "n" },
    },
  ],
  none: [Shape, { name: "", style, after: "", which: "none" }],
  inner: [
    Shape,
    {
      name: "",
      style,
      after: "out",
      which: "inner",
      inner: { name: "in", style, after: "", which: "inner", inner: { name: "deepest", style, after: "", which: "none" } },
    },
  ],
  corner: [Shape, { name: "", style, after: "", which: "corner", corner: point(1, 0, "c") }],
  noShape: [Shape, { name: "", style, after: "", which: "circle", circle: 0 }],
  holder: [
    Holder,
    {
      empty: {},
      point: point(1),
      any: undefined,
      other: { id: 7, kind: "fancy" },
      others: [{ id: 1, kind: "plain" }, { id: 2, kind: "fancy" }],
      kind: "fancy",
      empties: [{}, {}, {}],
    },
  ],
  old: [
    OldHolder,
    { one: { a: 1, t: "one" }, many: [{ a: 2, t: "two" }, { a: 3, t: "" }], bytes: [4, 5] },
  ],
  new: [
    NewHolder,
    {
      one: { a: 1, t: "one", b: 8n, u: "u", more: [point(1)] },
      many: [{ a: 2, t: "two", b: 9n, u: "", more: [] }, { a: 3, t: "", b: 7n, u: "three", more: [] }],
      bytes: [{ value: 4, extra: 1 }, { value: 5, extra: 9 }],
    },
  ],
};

describe.each(Object.entries(cases))("%s", (name, [type, value]) => {
  test("as the C++ tool wrote it, is read", () => {
    expect(decode(type, bytesOf(golden[name as Golden]))).toEqual(value);
  });

  test("survives a round trip", () => {
    const bytes = encode(type, value);
    expect(bytes.length % 8).toBe(0);
    expect(decode(type, bytes)).toEqual(value);
  });
});

test.each(["lists", "new"] as const)("%s in many segments are read", (name) => {
  const bytes = bytesOf(golden[`${name}InSegments`]);
  expect(bytes[0]).toBeGreaterThan(3);
  expect(decode(cases[name][0], bytes)).toEqual(cases[name][1]);
});

test("what the C++ compiler says about a schema is read, and agrees with what was generated", () => {
  const { nodes, requestedFiles } = decode(CodeGeneratorRequest, bytesOf(golden.request));
  expect(requestedFiles.map((file) => file.filename)).toEqual(["files.capnp"]);
  const node = (id: bigint): Node => {
    const found = nodes.find((each) => each.id === id);
    if (!found) throw new Error(`there is no node ${id}`);
    return found;
  };
  for (const { $: info } of [Files, ByteSink]) {
    const described = node(info.id);
    expect(described.displayName).toBe(info.name);
    if (described.which !== "interface") throw new Error("it is an interface");
    expect(described.interface.methods.map((method) => method.name)).toEqual(info.methods.map((method) => method.schemaName));
    info.methods.forEach((method, i) => {
      const params = node(described.interface.methods[i]?.paramStructType ?? 0n);
      const { id, name, dataWords, pointers } = method.params().$;
      expect([params.id, params.displayName]).toEqual([id, name]);
      expect(params).toMatchObject({ which: "struct", struct: { dataWordCount: dataWords, pointerCount: pointers } });
    });
  }
  const again = decode(CodeGeneratorRequest, encode(CodeGeneratorRequest, { nodes, requestedFiles }));
  expect(again.nodes).toEqual(nodes);
});

describe("messages under construction in wasm", () => {
  /** Encodes into a frame of wasm's, and gives back what was written there, as a message of its own. */
  function inFrame(type: StructDescriptor, value: unknown, hint: number): Uint8Array {
    glue.call_begin(0, 0, 0, hint);
    try {
      encodeContent(type, value, []);
      // Asks where things are now: the content's pointer, and the room behind what was committed.
      wasm.seam_grow(0);
      refresh();
      const slot = headerWord(SLOT_ADDRESS);
      const start = slot + 8 + (view.getInt32(slot, true) >> 2) * 8;
      const words = hexOf(u8.slice(start, headerWord(ROOM_ADDRESS)));
      return message(`00000000${hexOf(u8.slice(slot + 4, slot + 8))}`, ...(words.match(/.{16}/g) ?? []));
    } finally {
      glue.build_abort();
    }
  }

  test("hold what was given", () => {
    expect(decode(Lists, inFrame(Lists, lists, 1000))).toEqual(lists);
  });

  test("grow when the first room is too small", () => {
    const texts = Array.from({ length: 5000 }, (_, i) => `text ${i}`);
    expect(decode(Lists, inFrame(Lists, { texts }, 1)).texts).toEqual(texts);
  });

  test("survive memory that grows under them", () => {
    let grown = 0;
    const value = {
      label: "before",
      get x(): number {
        // The views are over a buffer that is gone.
        if (grown++ === 0) wasm.memory.grow(1);
        return 5;
      },
      y: 6,
    };
    expect(decode(Point, inFrame(Point, value, 4))).toEqual(point(5, 6, "before"));
    expect(grown).toBe(2);
  });

  test("may be begun by a getter of one that is being encoded", () => {
    const i64s = new Array<bigint>(1000).fill(7n);
    let inner: Uint8Array = new Uint8Array(0);
    const value = {
      x: 1,
      get label(): string {
        inner = inFrame(Lists, { i64s }, 1);
        return "outer";
      },
    };
    expect(decode(Point, inFrame(Point, value, 64))).toEqual(point(1, 0, "outer"));
    expect(decode(Lists, inner).i64s).toEqual(i64s);
  });

  test("are refused by name when a value does not fit, and can be abandoned", () => {
    expect(() => inFrame(Point, { x: "one" }, 8)).toThrow(/Point: x: expected a number/);
    expect(() => inFrame(Point, { label: "ok" }, 8)).not.toThrow();
  });
});

describe("bytes", () => {
  // Those in which the tool puts things in the same order.
  test.each(["scalars", "setDefaults", "lists", "circle", "corner", "old"] as const)(
    "of %s are those of the C++ tool",
    (name) => {
      const [type, value] = cases[name];
      expect(hexOf(encode(type, without(value, "")))).toBe(golden[name]);
    },
  );

  test("of an empty value are one empty struct", () => {
    expect(hexOf(encode(Holder, {}))).toBe(hexOf(message("0000000001000600", ...Array<string>(7).fill("0000000000000000"))));
  });
});

describe("versions", () => {
  test("an older sender's structs read with the newer fields' defaults", () => {
    const old = decode(NewHolder, encode(OldHolder, { one: { a: 1, t: "x" }, many: [{ a: 2, t: "y" }, {}], bytes: [4, 5] }));
    expect(old).toEqual({
      one: { a: 1, t: "x", b: 7n, u: "", more: [] },
      many: [{ a: 2, t: "y", b: 7n, u: "", more: [] }, { a: 0, t: "", b: 7n, u: "", more: [] }],
      bytes: [{ value: 4, extra: 9 }, { value: 5, extra: 9 }],
    });
  });

  test("a newer sender's structs read without what is not known", () => {
    const bytes = encode(NewHolder, {
      one: { a: 1, t: "x", b: 3, u: "u", more: [point(1)] },
      many: [{ a: 2, t: "y", b: 4 }],
      bytes: [{ value: 4, extra: 5 }, { value: 6 }],
    });
    expect(decode(OldHolder, bytes)).toEqual({ one: { a: 1, t: "x" }, many: [{ a: 2, t: "y" }], bytes: [4, 6] });
  });

  test("unknown union members and enumerants stay numbers and are sent on", () => {
    const bytes = encode(Shape, { which: 77, style: { colour: 500, pen: { which: 9 } } });
    const shape = decode(Shape, bytes);
    expect(shape).toEqual({ name: "", which: 77, style: { colour: 500, pen: { which: 9 } }, after: "" });
    expect(decode(Shape, encode(Shape, shape))).toEqual(shape);
    expect(decode(Lists, encode(Lists, { colours: [1, 9] })).colours).toEqual(["green", 9]);
  });
});

describe("input", () => {
  test("may leave everything out, and null is as good as nothing", () => {
    expect(decode(Scalars, encode(Scalars, {}))).toEqual(noScalars);
    expect(decode(Shape, encode(Shape, { name: undefined }))).toMatchObject({ name: "", which: "circle" });
    expect(decode(Holder, encode(Holder, { point: null as unknown as undefined })).point).toBeUndefined();
  });

  test("takes numbers and bigints for 64-bit integers, and typed arrays for lists", () => {
    const values = decode(Lists, encode(Lists, { i64s: [-1, -(2n ** 63n), 2 ** 53 - 1, -(2 ** 53 - 1)], u64s: [2 ** 40, 2n ** 64n - 1n], f32s: Float32Array.of(1, 2) }));
    expect(values.i64s).toEqual([-1n, -(2n ** 63n), 2n ** 53n - 1n, -(2n ** 53n - 1n)]);
    expect(values.u64s).toEqual([2n ** 40n, 2n ** 64n - 1n]);
    expect(values.f32s).toEqual([1, 2]);
  });

  test.each([
    [Scalars, new Uint8Array(3), /Scalars: value: expected an object with the fields by name, got an object \(Uint8Array\)/],
    [Scalars, [1], /expected an object with the fields by name, got an array/],
    [Scalars, { u8: 256 }, /Scalars: u8: expected an integer from 0 to 255, got 256/],
    [Scalars, { i16: 1.5 }, /i16: expected an integer from -32768 to 32767, got 1.5/],
    [Scalars, { u32: -1 }, /u32: .*got -1/],
    ...["i8", "u8", "i16", "u16", "i32", "u32"].map((field) => [Scalars, { [field]: 1n }, new RegExp(`Scalars: ${field}: expected an integer from .*, got 1n$`)]),
    [Scalars, { i32: Symbol("x") }, /i32: expected an integer from .*, got a symbol/],
    [Lists, { u8s: [1n] }, /u8s\[0\]: expected an integer from 0 to 255, got 1n/],
    [Scalars, { i32: Number.NaN }, /i32: .*got NaN/],
    [Scalars, { u64: -1n }, /u64: .*got -1n/],
    [Scalars, { i64: 2 ** 63 }, /i64: expected a bigint or an integer up to 2\^53/],
    [Scalars, { u64: "7" }, /u64: .*got the string "7"/],
    [Scalars, { b: 1 }, /b: expected a boolean, got 1/],
    [Scalars, { f64: "x" }, /f64: expected a number/],
    [Scalars, { colour: "pink" }, /colour: expected one of "red", "green", "blue", got the string "pink"/],
    [Defaults, { text: 5 }, /text: expected a string, got 5/],
    [Defaults, { data: [1, 2] }, /data: expected a Uint8Array .*, got an array/],
    [Lists, { structs: "abc" }, /structs: expected an array/],
    [Lists, { structs: [undefined] }, /structs\[0\]: expected an object, got undefined/],
    [Lists, { texts: [1] }, /texts\[0\]: expected a string, got 1/],
    [Shape, { which: "triangle" }, /which: expected the name of a union member, got the string "triangle"/],
    [Shape, { circle: 5 }, /circle: the union it belongs to needs `which: "circle"` beside it/],
    [Shape, { style: 4 }, /style: expected an object/],
    [Shape, 4, /value: expected an object with the fields by name, got 4/],
    [Files.$.methods[2]!.params(), { into: {} }, /into: a client of files.capnp:ByteSink can only be sent over a connection/],
  ] as [StructDescriptor, unknown, RegExp][])("%# that does not fit is refused by name", (type, value, expected) => {
    expect(() => encode(type, value)).toThrow(expected);
    expect(() => encode(type, value)).toThrow(TypeError);
    // What was half written is gone.
    expect(hexOf(encode(Scalars, {}))).toBe(golden.noScalars);
  });

  test.each([new ArrayBuffer(16), "AAAA", null, [0, 0], new DataView(new ArrayBuffer(16))])(
    "decodes bytes only and says how to get them, given %o",
    (odd) => {
      expect(() => decode(Defaults, odd as unknown as Uint8Array)).toThrow(/decode\(\): expected a Uint8Array.*new Uint8Array\(buffer\)/);
    },
  );

  test("refuses a message that does not fit into wasm's memory, and goes on", () => {
    // A platform gives memory only once it is used, so this costs nothing.
    expect(() => decode(Defaults, new Uint8Array(2 ** 31))).toThrow(/no memory for a message of 2147483648 bytes/);
    expect(decode(Defaults, encode(Defaults, { data: Uint8Array.of(1) })).data).toEqual(Uint8Array.of(1));
  });

  test("refuses bytes that were transferred away, which would read as none", () => {
    const data = Uint8Array.of(1, 2, 3);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    expect(() => encode(Defaults, { data })).toThrow(/data: the bytes' buffer was transferred away/);
    expect(decode(Defaults, encode(Defaults, { data: new Uint8Array(0) })).data).toEqual(new Uint8Array(0));
  });

  test("takes byte arrays of other realms, and no other views", () => {
    const foreign = runInNewContext("Uint8Array.of(1, 2, 3)") as Uint8Array;
    expect(foreign).not.toBeInstanceOf(Uint8Array);
    expect(decode(Defaults, encode(Defaults, { data: foreign })).data).toEqual(Uint8Array.of(1, 2, 3));
    expect(decode(Defaults, encode(Defaults, { data: Buffer.from("abc") })).data).toEqual(Uint8Array.of(97, 98, 99));
    expect(() => encode(Defaults, { data: Uint16Array.of(1) as unknown as Uint8Array })).toThrow(/data: expected a Uint8Array/);
  });

  test("with a getter that encodes too is encoded right", () => {
    const value = {
      name: "outer",
      get after(): string {
        return hexOf(encode(Point, { label: "inner" }));
      },
    };
    expect(decode(Shape, encode(Shape, value)).after).toBe(hexOf(encode(Point, { label: "inner" })));
  });

  test("of any size finds room", () => {
    for (const length of [0, 1, 7, 8, 47, 48, 49, 1000, 70_000, 3_000_000]) {
      for (const text of ["x".repeat(length), "ü".repeat(length), "🜁".repeat(length)]) {
        expect(decode(Point, encode(Point, { label: text })).label === text).toBe(true);
      }
    }
    const texts = Array.from({ length: 20_000 }, (_, i) => `text number ${i}`);
    expect(decode(Lists, encode(Lists, { texts })).texts).toEqual(texts);
  });

  test("text keeps what UTF-8 can hold", () => {
    for (const text of ["\ufeffwith BOM", "\0zero\0", "a\ud800b", "\u{10ffff}", "ascii then ü".repeat(9)]) {
      const expected = text.replace("\ud800", "\ufffd");
      expect(decode(Point, encode(Point, { label: text })).label).toBe(expected);
    }
  });
});

test("random values survive a round trip", () => {
  const random = seeded(4711);
  const below = (n: number): number => Math.floor(random() * n);
  const some = <T>(make: () => T): T[] => Array.from({ length: below(4) }, make);
  const text = (): string => ["", "ascii", "grüße", "🜁🜂", "a".repeat(below(200))][below(5)] ?? "";
  const data = (): Uint8Array => Uint8Array.from({ length: below(40) }, () => below(256));
  const colour = (): Colour => (["red", "green", "blue", 3 + below(100)] as const)[below(4)] ?? "red";
  const double = (): number => [0, -1.5, 1e300, Number.MIN_VALUE, Number.NEGATIVE_INFINITY][below(5)] ?? 0;
  const signed = (bits: number): number => Math.floor((random() - 0.5) * 2 ** bits);
  const i64 = (): bigint => BigInt.asIntN(64, (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32)));
  const u64 = (): bigint => BigInt.asUintN(64, i64());
  const makePoint = (): Point => ({ x: double(), y: double(), label: text() });
  const makeScalars = (): Scalars => ({
    b: random() < 0.5, i8: signed(8), i16: signed(16), i32: signed(32), i64: i64(), u8: below(256), u16: below(65536),
    u32: below(2 ** 32), u64: u64(), f32: Math.fround(random()), f64: double(), colour: colour(),
  });
  const makeLists = (): Lists => ({
    voids: some(() => undefined), bools: some(() => random() < 0.5), i8s: some(() => signed(8)), i16s: some(() => signed(16)),
    i32s: some(() => signed(32)), i64s: some(i64), u8s: some(() => below(256)), u16s: some(() => below(65536)),
    u32s: some(() => below(2 ** 32)), u64s: some(u64), f32s: some(() => Math.fround(random())), f64s: some(double), colours: some(colour),
    texts: some(text), datas: some(data), structs: some(makePoint), matrix: some(() => some(() => signed(32))), grid: some(() => some(makePoint)),
  });
  const makeDefaults = (): Defaults => ({ ...makeScalars(), text: text(), data: data() });
  const makeShape = (depth: number): Shape => {
    const pens = [{ which: "solid" }, { which: "dashed", dashed: some(() => below(256)) }, { which: 2 + below(9) }] as const;
    const members = [
      { which: "circle", circle: double() }, { which: "polygon", polygon: some(makePoint) }, { which: "none" },
      { which: "box", box: { width: double(), height: double(), note: text() } }, { which: "corner", corner: random() < 0.5 ? makePoint() : undefined },
      { which: 6 + below(9) }, { which: "inner", inner: depth === 0 ? undefined : makeShape(depth - 1) },
    ] as const;
    const style = { colour: colour(), pen: pens[below(3)] ?? pens[0] };
    return { name: text(), style, after: text(), ...(members[below(7)] ?? members[0]) };
  };
  for (let round = 0; round < 300; round++) {
    const values: [StructDescriptor, object][] = [
      [Scalars, makeScalars()], [Defaults, makeDefaults()], [Lists, makeLists()], [Shape, makeShape(5)],
    ];
    for (const [type, value] of values) expect(decode(type, encode(type, value))).toEqual(value);
  }
});

describe("names", () => {
  test("that JavaScript has taken get an underscore", () => {
    const clash = decode(Clash, encode(Clash, { then_: "t", constructor_: "c", toString_: "s", which: "other", other: 3 }));
    expect(clash).toEqual({ then_: "t", constructor_: "c", toString_: "s", which: "other", other: 3 });
    expect(decode(Clash, encode(Clash, {}))).toEqual({ then_: "", constructor_: "", toString_: "", which: "which_" });
  });

  test("of the platform's types can be declared in a schema", () => {
    const map: SchemaMap = { uint8Array: { data: Uint8Array.of(1), numbers: [2] } };
    expect(decode(SchemaMap, encode(SchemaMap, map))).toEqual(map);
  });

  test("of constants stand for their values", () => {
    expect([limit, greeting, huge, favourite]).toEqual([4096, 'hi "there"', 2n ** 64n - 1n, "green"]);
    expect(Colour.$.names).toEqual(["red", "green", "blue"]);
  });
});

describe("AnyPointer", () => {
  test("takes a struct with its type and gives it back as a message", () => {
    const bytes = encode(Holder, { any: { type: Point, value: point(1, 2, "three") }, kind: "fancy" });
    const { any } = decode(Holder, bytes);
    expect(any && decode(Point, any.message)).toEqual(point(1, 2, "three"));
    const again = decode(Holder, encode(Holder, { any, point: point(4) }));
    expect(again.any && decode(Point, again.any.message)).toEqual(point(1, 2, "three"));
    expect(again.point).toEqual(point(4));
  });

  test("is one segment whatever its size, and refused when it is not", () => {
    const value = { f64s: Array.from({ length: 30_000 }, (_, i) => i / 3), texts: ["t"] };
    const { any } = decode(Holder, encode(Holder, { any: { type: Lists, value } }));
    const again = decode(Holder, encode(Holder, { any })).any;
    expect(again && decode(Lists, again.message)).toMatchObject(value);
    for (const hex of [golden.listsInSegments, golden.lists.slice(0, 32), "00", ""]) {
      expect(() => encode(Holder, { any: new AnyPointer(bytesOf(hex)) })).toThrow(/any: the message of an AnyPointer must have/);
    }
  });
});

describe("hostile messages", () => {
  const failing: [string, Uint8Array, RegExp][] = [
    ["nothing", new Uint8Array(0), /./],
    ["half a word", Uint8Array.of(0, 0, 0, 0), /./],
    ["a table without segments' bytes", bytesOf("0000000005000000"), /./],
    ["an absurd segment count", bytesOf("ffffffff00000000"), /./],
    ["trailing bytes", Uint8Array.from([...message("0000000000000000"), 1]), /./],
    ["a struct out of bounds", message("fcffff7f02000100"), /segment 0, word 0/],
    ["a list where a struct belongs", message("0100000000000000"), /segment 0, word 0/],
    ["text out of bounds", message("0000000002000100", "0000000000000000", "0000000000000000", "010000000a000000"), /segment 0, word 3/],
    ["text of no bytes", message("0000000002000100", "0000000000000000", "0000000000000000", "0100000002000000"), /NUL/],
    ["text that is not UTF-8", message("0000000002000100", "0000000000000000", "0000000000000000", "0100000012000000", "ff00000000000000"), /UTF-8.*word 3/],
    ["a far pointer to nowhere", message("0200000009000000"), /segment/],
  ];
  test.each(failing)("%s: refused with a place", (_, bytes, expected) => {
    expect(() => decode(Point, bytes)).toThrow(CapnpError);
    expect(() => decode(Point, bytes)).toThrow(expected);
    expect(() => decode(Point, bytes)).toThrow(/everything\.capnp:Point: /);
  });

  test("text in bounds but without a zero at its end is refused", () => {
    const bytes = message("0000000002000100", "0000000000000000", "0000000000000000", "010000000a000000", "6161616161616161");
    expect(() => decode(Point, bytes)).toThrow(/NUL/);
  });

  test("a cycle ends at the nesting limit", () => {
    const depth = (nestingLimit?: number): (() => unknown) => {
      const { dataWords, pointers } = Shape.$;
      const words = [`00000000${hex16(dataWords)}${hex16(pointers)}`, ...Array<string>(dataWords + pointers).fill("0000000000000000")];
      // Tag 4 is `inner`, whose pointer leads back to the struct that holds it.
      const start = 1;
      const tagWord = start + Math.floor(tagOffset / 4);
      words[tagWord] = `${"0000".repeat(tagOffset % 4)}0400${"0000".repeat(3 - (tagOffset % 4))}`;
      const at = start + dataWords + innerPointer;
      words[at] = `${hex32((start - at - 1) << 2)}${hex16(dataWords)}${hex16(pointers)}`;
      return () => decode(Shape, message(...words), nestingLimit === undefined ? undefined : { nestingLimit });
    };
    expect(depth()).toThrow(/nest/i);
    expect(depth(10)).toThrow(/nest/i);
  });

  test("a small message that reads as something huge is refused", () => {
    // A list of half a billion structs without content.
    const huge = message("0000000000000100", "0100000007000000", "fcffff7f00000000");
    const type = ListOf(Point);
    expect(() => decode(type, huge)).toThrow(/limit/i);
    // Five million within the traversal limit, each of which would become an object of 20 numbers.
    const million = message("0000000000000100", "0100000007000000", hex32(5_000_000 << 2) + "00000000");
    expect(() => decode(ListOf({ $: { ...Point.$, dataWords: 20, program: 0 } }), million)).toThrow(/huge/);
    expect(() => decode(type, message("0000000000000100", "01000000f8ffffff", "0000000000000000"))).toThrow(CapnpError);
  });

  test("the traversal limit is the caller's to set", () => {
    const bytes = encode(Lists, { i64s: new Array<number>(1000).fill(1) });
    expect(() => decode(Lists, bytes, { traversalLimitWords: 500 })).toThrow(/limit/i);
    expect(decode(Lists, bytes, { traversalLimitWords: 2000 }).i64s).toHaveLength(1000);
  });

  test("damage anywhere gives a value or a CapnpError, and does not break what follows", () => {
    const whole = bytesOf(golden.lists);
    const random = seeded(7);
    for (let round = 0; round < 4000; round++) {
      const bytes = whole.slice();
      for (let i = 0; i <= round % 3; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      try {
        decode(Lists, bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CapnpError);
      }
    }
    expect(decode(Lists, whole)).toEqual(lists);
  });
});

/** A copy whose properties that equal `left` are left out, at any depth. */
function without<T>(value: T, left: unknown): T {
  if (Array.isArray(value)) return value.map((each: unknown) => without(each, left)) as T;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== left);
  return Object.fromEntries(kept.map(([key, each]) => [key, without(each as unknown, left)])) as T;
}

const hex16 = (n: number): string => hexOf(Uint8Array.of(n & 255, n >> 8));
const hex32 = (n: number): string => hexOf(Uint8Array.of(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255));

/** Where `inner` and the tag (in units of 16 bits) are in a Shape, as its own table of fields says. */
const tagOffset = (Shape.$.tagAt ?? 0) / 2;
const innerPointer = Shape.$.fields().find(({ name }) => name === "inner")?.at ?? 0;

/** A struct with one list of structs, as generated code would describe it. */
function ListOf(type: StructDescriptor): StructDescriptor<unknown[]> {
  return struct({
    id: 0n,
    name: "List",
    dataWords: 0,
    pointers: 1,
    encode: () => undefined,
    fields: () => [{ name: "list", type: LIST, at: 0, of: { type: STRUCT, of: type } }],
    decode: (reader) => {
      const out = [];
      for (let n = reader.list(), p = reader.first; n > 0; n--, p += reader.step) out.push(type.$.decode(reader, p));
      return out;
    },
  });
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x80000000;
}
