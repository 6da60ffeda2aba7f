import { afterEach, describe, expect, test } from "vitest";
import {
  adopt,
  AnyPointer,
  build,
  CapnpError,
  decode,
  disown,
  encode,
  encodePacked,
  equals,
  init,
  List,
  type Orphan,
  read,
  release,
  Text,
  totalSize,
} from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { wasm } from "../src/messages/memory.js";
import { Clash, Defaults, Holder, Lists, NewHolder, OldHolder, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { Box, Fallbacks, Person, User } from "./generated/generics.capnp.js";
import golden from "./golden.json" with { type: "json" };
import { fill, plainOf } from "./open.js";

await init();

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const opened: object[] = [];

afterEach(() => opened.splice(0).forEach(release));

/** A builder that the test need not release. */
function begin<Builder>(type: StructDescriptor<unknown, unknown, unknown, Builder>): Builder & Disposable {
  const made = build(type);
  opened.push(made);
  return made;
}

function view<View>(type: StructDescriptor<unknown, unknown, View>, bytes: Uint8Array): View & Disposable {
  const made = read(type, bytes);
  opened.push(made);
  return made;
}

const written: [keyof typeof golden, StructDescriptor][] = [
  ["scalars", Scalars],
  ["noScalars", Scalars],
  ["defaults", Defaults],
  ["setDefaults", Defaults],
  ["emptyBlobs", Defaults],
  ["lists", Lists],
  ["noLists", Lists],
  ["circle", Shape],
  ["polygon", Shape],
  ["box", Shape],
  ["none", Shape],
  ["inner", Shape],
  ["corner", Shape],
  ["noShape", Shape],
  ["holder", Holder],
  ["old", OldHolder],
  ["new", NewHolder],
];

describe.each(written)("%s, as of the C++ tool", (name, type) => {
  const value = decode(type, bytesOf(golden[name] as string)) as Record<string, unknown>;

  test("is built field by field", () => {
    const builder = begin(type) as object;
    fill(builder, value, type);
    expect(plainOf(builder, type)).toEqual(value);
    expect(decode(type, encode(builder))).toEqual(value);
    expect(decode(type, encodePacked(builder), { packed: true })).toEqual(value);
  });

  test("is built of whole fields", () => {
    const builder = begin(type) as unknown as Record<string, unknown>;
    for (const [field, given] of Object.entries(value)) if (field !== "which" && given !== undefined) builder[field] = given;
    if (value.which === "none") builder.none = undefined;
    expect(plainOf(builder, type)).toEqual(value);
    expect(decode(type, encode(builder))).toEqual(value);
    expect(decode(type, encode(type, builder))).toEqual(value);
  });

  test("is built of the fields of a view and of another builder", () => {
    for (const source of [view(type, bytesOf(golden[name] as string)), begin(type)] as unknown as Record<string, unknown>[]) {
      if (source === opened[1]) fill(source, value, type);
      const builder = begin(type) as unknown as Record<string, unknown>;
      for (const [field, given] of Object.entries(value)) if (field !== "which" && given !== undefined) builder[field] = source[field];
      if (value.which === "none") builder.none = undefined;
      expect(plainOf(builder, type)).toEqual(value);
    }
  });
});

describe("a builder", () => {
  test("begins with the defaults", () => {
    const builder = begin(Defaults);
    expect(plainOf(builder, Defaults)).toEqual(decode(Defaults, encode(Defaults, {})));
    builder.f32 = Number.NaN;
    builder.i64 = -5000000000n;
    builder.u64 = 7;
    builder.b = true;
    expect([builder.f32, builder.i64, builder.u64, builder.b]).toEqual([Number.NaN, -5000000000n, 7n, true]);
    expect(decode(Defaults, encode(builder))).toMatchObject({ f32: Number.NaN, i64: -5000000000n, u64: 7n, b: true, u8: 200 });
  });

  test("makes defaults its own when they are asked for", () => {
    const builder = begin(Fallbacks);
    expect(builder.person?.name).toBe("nobody");
    if (builder.person !== undefined) builder.person.age = 3;
    builder.numbers.set(0, 77);
    expect(decode(Fallbacks, encode(builder))).toMatchObject({ person: { name: "nobody", age: 3 }, numbers: [77, -2, 3] });
    expect(begin(Fallbacks).person?.age).toBe(99);
  });

  test("replaces what was there before", () => {
    const builder = begin(Holder);
    builder.point = { label: "first" };
    const first = builder.point;
    builder.point = { label: "second" };
    expect(builder.point?.label).toBe("second");
    // What was replaced is zeroed, and written to in vain.
    expect(first?.label).toBe("");
    builder.point = undefined;
    expect(builder.point).toBeUndefined();
    const bytes = encode(builder);
    expect(Buffer.from(bytes).includes("first") || Buffer.from(bytes).includes("second")).toBe(false);
  });

  test("sets text of any length and script", () => {
    const texts = ["", "a", "x".repeat(48), "x".repeat(49), "grüße 🜁", "ß".repeat(30), "y".repeat(100_000)];
    const builder = begin(Lists);
    const list = builder.initTexts(texts.length);
    texts.forEach((text, i) => list.set(i, text));
    expect(list.toArray()).toEqual(texts);
    expect(decode(Lists, encode(builder)).texts).toEqual(texts);
  });

  test("goes on in more segments, whose places stay", () => {
    const builder = begin(Lists);
    const structs = builder.initStructs(2000);
    const first = structs.at(0);
    for (let i = 0; i < 2000; i++) structs.at(i).label = `label ${i}`;
    const grid = builder.initGrid(3);
    for (let i = 0; i < 3; i++) grid.init(i, 100).at(99).label = `grid ${i}`;
    first.x = 4;
    const bytes = encode(builder);
    expect(bytes[0]).toBeGreaterThan(1);
    const { structs: decoded, grid: cells } = decode(Lists, bytes);
    expect(decoded[0]).toEqual({ x: 4, y: 0, label: "label 0" });
    expect(decoded[1999]?.label).toBe("label 1999");
    expect(cells.map((row) => row[99]?.label)).toEqual(["grid 0", "grid 1", "grid 2"]);
    // A part of it is a message of its own, of one segment.
    expect(decode(Point, encode(structs.at(7)))).toEqual({ x: 0, y: 0, label: "label 7" });
    expect(encode(structs.at(7))[0]).toBe(0);
  });

  test("has no names but the schema's", () => {
    const clash = begin(Clash);
    clash.then_ = "a";
    clash.toString_ = "b";
    clash.other = 4;
    expect(decode(Clash, encode(clash))).toEqual({ then_: "a", constructor_: "", toString_: "b", which: "other", other: 4 });
  });

  test("builds generic types", () => {
    const box = begin(Box(List(Text)));
    box.value = ["a", "b"];
    box.initNext().initValue(1).set(0, "deep");
    box.size.label = ["l"];
    box.mark = "marked";
    expect(decode(Box(List(Text)), encode(box))).toMatchObject({
      value: ["a", "b"],
      next: { value: ["deep"] },
      size: { label: ["l"], count: 0 },
      mark: "marked",
    });
    const user = begin(User);
    user.either = { which: "both", both: { a: { name: "A" }, b: "B" } };
    expect(user.either?.both?.a?.name).toBe("A");
  });
});

describe("a union", () => {
  test("has the member that was set last", () => {
    const shape = begin(Shape);
    expect([shape.which, shape.circle]).toEqual(["circle", 0]);
    shape.initPolygon(1).at(0).x = 3;
    expect([shape.which, shape.circle, shape.polygon?.length]).toEqual(["polygon", undefined, 1]);
    shape.none = undefined;
    expect([shape.which, shape.polygon]).toEqual(["none", undefined]);
    shape.box = { width: 2, note: "n" };
    expect([shape.which, shape.box?.width, shape.box?.height, shape.box?.note]).toEqual(["box", 2, 0, "n"]);
    expect(shape.initBox().width).toBe(0);
    shape.corner = undefined;
    expect([shape.which, shape.corner]).toEqual(["corner", undefined]);
    expect(decode(Shape, encode(shape))).toMatchObject({ which: "corner", corner: undefined });
  });

  test("keeps its member when a value is refused", () => {
    const shape = begin(Shape);
    shape.circle = 5;
    expect(() => (shape.polygon = [{ x: "one" as unknown as number }])).toThrow(TypeError);
    expect([shape.which, shape.circle]).toEqual(["circle", 5]);
  });

  test("in a group is set with it", () => {
    const shape = begin(Shape);
    shape.style = { colour: "green", pen: { which: "dashed", dashed: [1, 2] } };
    expect(shape.style.pen.dashed?.toArray()).toEqual([1, 2]);
    shape.style = { pen: { which: 9 } };
    expect([shape.style.colour, shape.style.pen.which]).toEqual(["red", 9]);
    const other = begin(Shape);
    other.style.pen.dashed = [7];
    shape.style = other.style;
    expect(plainOf(shape, Shape)).toEqual(decode(Shape, encode(other)));
    expect(() => (shape.style.pen = { which: "dotted" } as never)).toThrow(/Shape\.style\.pen\.which: expected the name of a union member, got the string "dotted"/);
  });
});

describe("copies", () => {
  const fresh = encode(NewHolder, { one: { a: 1, u: "unknown" }, many: [{ a: 2, u: "too" }, { a: 3 }] });

  test("of views keep what is not known here", () => {
    const old = view(OldHolder, fresh);
    const builder = begin(OldHolder);
    builder.one = old.one;
    builder.many = old.many;
    const decoded = decode(NewHolder, encode(builder));
    expect(decoded.one?.u).toBe("unknown");
    expect(decoded.many.map(({ a, u }) => [a, u])).toEqual([[2, "too"], [3, ""]]);
  });

  test("into elements of a list keep what there is room for", () => {
    const old = view(OldHolder, fresh);
    const builder = begin(OldHolder);
    builder.initMany(2).set(1, old.many.at(0));
    expect(decode(OldHolder, encode(builder)).many).toEqual([{ a: 0, t: "" }, { a: 2, t: "" }]);
    const newer = begin(NewHolder);
    newer.initMany(1).set(0, { a: 5, b: 6, u: "plain", more: [{ x: 1 }] });
    expect(decode(NewHolder, encode(newer)).many[0]).toEqual({ a: 5, t: "", b: 6n, u: "plain", more: [{ x: 1, y: 0, label: "" }] });
  });

  test("within a message are copies too", () => {
    const shape = begin(Shape);
    shape.inner = { name: "inner", which: "corner", corner: { label: "c" } };
    shape.inner = shape.inner;
    shape.initInner().inner = { name: "twice" };
    const inner = shape.inner?.inner;
    shape.inner = inner;
    expect(shape.inner?.name).toBe("twice");
    const lists = begin(Lists);
    lists.structs = [{ x: 1 }, { x: 2 }];
    lists.structs.set(0, lists.structs.at(1));
    lists.initGrid(2).set(0, lists.structs);
    expect(decode(Lists, encode(lists))).toMatchObject({ structs: [{ x: 2 }, { x: 2 }], grid: [[{ x: 2 }, { x: 2 }], []] });
  });

  test("of the damaged fail with nothing left behind", () => {
    const bytes = encode(OldHolder, { many: [{ t: "a" }, { t: "b" }] });
    bytes[bytes.length - 32] = 0xff;
    bytes[bytes.length - 20] = 0xff;
    const damaged = read(OldHolder, bytes.fill(0x7f, 80, 84));
    opened.push(damaged);
    const builder = begin(OldHolder);
    builder.many = [{ t: "before" }];
    expect(() => (builder.many = damaged.many)).toThrow(CapnpError);
    expect(builder.many.length).toBe(0);
    expect(decode(OldHolder, encode(builder)).many).toEqual([]);
  });

  test("of a list that was replaced are refused", () => {
    const builder = begin(Lists);
    builder.structs = [{ x: 1 }];
    const { structs } = builder;
    builder.structs = [{ x: 2 }];
    expect(() => (begin(Lists).structs = structs)).toThrow(/Lists\.structs: the list was replaced or disowned since it was got/);
  });

  test("need the right type", () => {
    const holder = begin(Holder);
    const shape = begin(Shape);
    expect(() => (holder.point = shape as never)).toThrow(/Holder\.point: expected everything\.capnp:Point, got a everything\.capnp:Shape/);
    expect(() => (begin(Lists).i32s = begin(Lists).u32s as never)).toThrow(/Lists\.i32s: expected List\(Int32\), got a List\(UInt32\)/);
    expect(() => (holder.point = shape.style as never)).toThrow(/got a everything\.capnp:Shape\.style/);
  });
});

describe("an AnyPointer", () => {
  test("is set to a value of a type, and changed there", () => {
    const holder = begin(Holder);
    expect(holder.any).toBeUndefined();
    holder.any = { type: Point, value: { label: "any" } };
    const point = holder.any?.as(Point);
    if (point !== undefined) point.x = 4;
    expect(decode(Point, decode(Holder, encode(holder)).any?.message ?? new Uint8Array(0))).toEqual({ x: 4, y: 0, label: "any" });
    holder.any?.set({ type: Text, value: "text" });
    expect(holder.any?.as(Text)).toBe("text");
    expect(() => holder.any?.as(Point)).toThrow(/expected a struct/);
    holder.any = { type: List(Point), value: [{ x: 1 }] };
    expect(holder.any?.as(List(Point)).at(0).x).toBe(1);
  });

  test("is set to what another held", () => {
    const source = view(Holder, encode(Holder, { any: { type: Point, value: { label: "p" } } }));
    const holder = begin(Holder);
    holder.any = source.any;
    expect(holder.any?.as(Point)?.label).toBe("p");
    holder.any = new AnyPointer(encode(Point, { label: "q" }));
    expect(holder.any?.as(Point)?.label).toBe("q");
    const point = begin(Point);
    point.label = "r";
    holder.any = { type: Point, value: point };
    expect(holder.any?.as(Point)?.label).toBe("r");
    expect(() => (holder.any = 5 as never)).toThrow(/Holder\.any: .*expected an AnyPointer or an object with `type` and `value`, got 5/);
  });
});

describe("a value that does not fit is refused by name", () => {
  const scalars = () => begin(Scalars) as unknown as Record<string, unknown>;
  const lists = () => begin(Lists) as unknown as Record<string, unknown> & Lists.Builder;

  test.each<[string, unknown, RegExp]>([
    ["b", 1, /everything\.capnp:Scalars\.b: expected a boolean, got 1/],
    ["u8", 256, /Scalars\.u8: expected an integer from 0 to 255, got 256/],
    ["i8", -129, /Scalars\.i8: expected an integer from -128 to 127/],
    ["u16", 1.5, /Scalars\.u16: expected/],
    ["i32", "1", /Scalars\.i32: expected .* got the string "1"/],
    ["u64", -1n, /Scalars\.u64: expected/],
    ["i64", 2 ** 60, /Scalars\.i64: expected a bigint or an integer up to 2\^53/],
    ["f64", undefined, /Scalars\.f64: expected a number, got undefined/],
    ["colour", "pink", /Scalars\.colour: expected one of "red", "green", "blue"/],
  ])("%s", (field, value, said) => {
    const builder = scalars();
    expect(() => (builder[field] = value)).toThrow(said);
    expect(() => (builder[field] = value)).toThrow(TypeError);
    expect(decode(Scalars, encode(builder))).toEqual(decode(Scalars, encode(Scalars, {})));
  });

  test("text, bytes, structs and lists", () => {
    const builder = begin(Holder) as unknown as Record<string, unknown>;
    const blobs = begin(Defaults) as unknown as Record<string, unknown>;
    expect(() => (blobs.text = 5)).toThrow(/Defaults\.text: expected a string, got 5/);
    expect(() => (blobs.data = [1])).toThrow(/Defaults\.data: expected a Uint8Array .*, got an array/);
    expect(() => (builder.point = "p")).toThrow(/Holder\.point: .*expected an object/);
    expect(() => (builder.point = { x: "one" })).toThrow(/Holder\.point: x: expected a number, got the string "one"/);
    expect(() => (builder.empties = 3)).toThrow(/Holder\.empties: .*expected an array, got 3/);
    expect(() => (lists().u8s = [256])).toThrow(/Lists\.u8s: .*expected an integer from 0 to 255/);
  });

  test("elements and counts", () => {
    const builder = lists();
    const u8s = builder.initU8s(2);
    expect(() => u8s.set(0, 256)).toThrow(/Lists\.u8s: expected an integer from 0 to 255/);
    expect(() => u8s.set(2, 1)).toThrow(RangeError);
    expect(() => u8s.init(0, 1)).toThrow(/Lists\.u8s: only elements that are lists, Text or Data are made with a count/);
    expect(() => builder.initStructs(-1)).toThrow(/Lists\.structs: expected a number of elements, got -1/);
    expect(() => builder.initStructs(2 ** 29)).toThrow(RangeError);
    expect(() => builder.initU8s(2 ** 30)).toThrow(RangeError);
    // The message is none the worse for it.
    expect(decode(Lists, encode(builder)).u8s).toEqual([0, 0]);
  });

  test("what there is no memory for", () => {
    const builder = lists();
    expect(() => builder.initU64s(2 ** 29 - 1)).toThrow(/Lists\.u64s: there is no room/);
    expect(() => encode(builder)).toThrow(/there is no room/);
  });
});

describe("an orphan", () => {
  test("is adopted elsewhere in its message", () => {
    const lists = begin(Lists);
    lists.structs = [{ label: "a" }, { label: "b" }];
    const orphan = disown(lists, "structs");
    expect(lists.structs.length).toBe(0);
    const grid = lists.initGrid(2);
    adopt(grid, 1, orphan as Orphan<never>);
    expect(decode(Lists, encode(lists))).toMatchObject({ structs: [], grid: [[], [{ label: "a" }, { label: "b" }]] });
    adopt(lists, "structs", disown(grid, 1) as Orphan<never>);
    expect(lists.structs.at(1).label).toBe("b");
  });

  test("chooses the union member that adopts it", () => {
    const shape = begin(Shape);
    shape.corner = { label: "c" };
    const corner = disown(shape, "corner");
    shape.none = undefined;
    adopt(shape, "corner", corner);
    expect([shape.which, shape.corner?.label]).toEqual(["corner", "c"]);
    const note = shape.initBox();
    note.note = "n";
    const text = disown(note, "note");
    adopt(shape, "name", text);
    expect([shape.name, note.note]).toEqual(["n", ""]);
  });

  test("of nothing makes nothing", () => {
    const holder = begin(Holder);
    const nothing = disown(holder, "point");
    holder.point = { x: 1 };
    adopt(holder, "point", nothing);
    expect(holder.point).toBeUndefined();
  });

  test("is refused where it does not belong", () => {
    const [holder, other] = [begin(Holder), begin(Holder)];
    holder.point = { x: 1 };
    const orphan = disown(holder, "point");
    expect(() => adopt(other, "point", orphan)).toThrow(/Holder\.point: an orphan can be adopted only by the message it came from/);
    expect(() => adopt(holder, "empty", orphan as Orphan<never>)).toThrow(/Holder\.empty: expected an orphan of everything\.capnp:Empty, got one of everything\.capnp:Point/);
    expect(() => adopt(holder, "kind", orphan as Orphan<never>)).toThrow(/Holder\.kind: only what is behind a pointer/);
    expect(() => adopt(holder, "nonsense" as "point", orphan)).toThrow(/Holder\.nonsense: there is no such field/);
    adopt(holder, "point", orphan);
    expect(() => adopt(holder, "point", orphan)).toThrow(/the orphan was adopted or discarded before/);
    expect(() => adopt(holder, "point", {} as typeof orphan)).toThrow(/expected an orphan, as disown\(\) returns/);
    const read = view(Holder, encode(holder));
    expect(() => disown(read as unknown as Holder.Builder, "point")).toThrow(/Holder\.point: the message can only be read/);
    expect(holder.point?.x).toBe(1);
  });

  test("that is released does not leave with the message", () => {
    const holder = begin(Holder);
    holder.point = { label: "secret" };
    const orphan = disown(holder, "point");
    expect(Buffer.from(encode(holder)).includes("secret")).toBe(true);
    release(orphan);
    release(orphan);
    expect(Buffer.from(encode(holder)).includes("secret")).toBe(false);
    expect(() => adopt(holder, "point", orphan)).toThrow(/adopted or discarded before/);
  });
});

describe("released", () => {
  test("a builder, and all that was had from it, says so on every access", () => {
    const shape = build(Shape);
    const polygon = shape.initPolygon(1);
    const point = polygon.at(0);
    const { style } = shape;
    const orphan = disown(shape, "name");
    release(shape);
    const said = /everything\.capnp:Shape: the message was released/;
    expect(() => shape.name).toThrow(said);
    expect(() => (shape.name = "x")).toThrow(said);
    expect(() => (shape.circle = 1)).toThrow(said);
    expect(() => (shape.style = {})).toThrow(said);
    expect(() => (style.colour = "red")).toThrow(said);
    expect(() => shape.initBox()).toThrow(said);
    expect(() => shape.initPolygon(1)).toThrow(said);
    expect(() => shape.initCorner()).toThrow(said);
    expect(() => polygon.set(0, {})).toThrow(said);
    expect(() => (point.x = 1)).toThrow(said);
    expect(() => (point.label = "x")).toThrow(said);
    expect(() => encode(shape)).toThrow(said);
    expect(() => disown(shape, "name")).toThrow(said);
    expect(() => adopt(shape, "name", orphan)).toThrow(said);
    expect(() => (begin(Shape).inner = shape)).toThrow(said);
    release(orphan);
  });

  test("builders leave no memory behind", () => {
    const once = () => {
      const builder = build(Lists);
      builder.texts = Array.from({ length: 2000 }, (_, i) => `text ${i}`);
      encode(builder);
      release(builder);
    };
    for (let i = 0; i < 20; i++) once();
    const before = wasm.memory.buffer.byteLength;
    for (let i = 0; i < 200; i++) once();
    expect(wasm.memory.buffer.byteLength).toBe(before);
  });
});

test("builders survive memory that grows between writes", () => {
  const shape = begin(Shape);
  const grow = () => wasm.memory.grow(1);
  const polygon = shape.initPolygon(2);
  grow();
  polygon.at(0).x = 1;
  grow();
  polygon.at(1).label = "l";
  grow();
  shape.name = "n";
  grow();
  shape.style.pen.dashed = [1, 2];
  grow();
  expect(polygon[1]?.label).toBe("l");
  grow();
  expect(decode(Shape, encode(shape))).toMatchObject({
    name: "n",
    polygon: [{ x: 1 }, { label: "l" }],
    style: { pen: { dashed: [1, 2] } },
  });
});

test("builders are compared and measured", () => {
  const [a, b] = [begin(Person), begin(Person)];
  a.name = b.name = "Ada";
  expect(equals(a, b)).toBe(true);
  b.age = 1;
  expect(equals(a, b)).toBe(false);
  expect(equals(a, view(Person, encode(a)))).toBe(true);
  expect(totalSize(a)).toEqual({ words: 3, capabilities: 0 });
});

test("what is neither is not encoded by itself", () => {
  expect(() => encode({})).toThrow(/encode\(\) with one argument wants a view or a builder/);
  expect(() => encode(Point)).toThrow(TypeError);
});
