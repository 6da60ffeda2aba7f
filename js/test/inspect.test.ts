import loose from "node:assert";
import { strict } from "node:assert";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { AnyPointer, build, encode, init, read, release, type StructDescriptor } from "../src/node.js";
import { Clash, Defaults, Holder, Lists, Point, Shape } from "./generated/everything.capnp.js";
import { Fallbacks, Kinds } from "./generated/generics.capnp.js";
import { message } from "./open.js";

/* What consoles show of views and builders, and what assertions make of them. */

await init();

function view(type: StructDescriptor, value: unknown): Disposable & Readonly<Record<string, unknown>> {
  return read(type, encode(type, value)) as Disposable & Readonly<Record<string, unknown>>;
}

/** A message with the capability 0 behind its last pointer. */
function withCapability(): Uint8Array {
  return message("0000000000000400", "0000000000000000", "0000000000000000", "0000000000000000", "0300000000000000");
}

describe("a console shows", () => {
  test("fields, with the type's name in front and of a union the member that is set", () => {
    using shape = view(Shape, { name: "s", style: { colour: "green" }, which: "polygon", polygon: [{ x: 1, y: 2 }] });
    expect(inspect(shape, { breakLength: Infinity })).toBe(
      "Shape { name: 's', style: Shape.style { colour: 'green', pen: Shape.style.pen { which: 'solid' } }, after: '', " +
        "which: 'polygon', polygon: ListView(1) [ Point { x: 1, y: 2, label: '' } ] }",
    );
    using none = view(Shape, { which: "none" });
    expect(inspect(none)).toMatch(/which: 'none'\n?\s*}$/);
    using unknown = view(Shape, { which: 77 });
    expect(inspect(unknown)).toMatch(/which: 77\n?\s*}$/);
    using clash = view(Clash, { then_: "a", constructor_: "b" });
    expect(inspect(clash)).toMatch(/^Clash {[^]*then_: 'a'[^]*constructor_: 'b'/);
  });

  test("no deeper than it was told to", () => {
    using shape = view(Shape, { which: "inner", inner: { which: "inner", inner: { which: "corner", corner: { x: 1 } } } });
    expect(inspect(shape)).toContain("corner: [Point]");
    expect(inspect(shape, { depth: 0 })).toMatch(/style: \[Shape\.style\],[^]* inner: \[Shape\]/);
    expect(inspect({ one: { two: { three: shape } } })).toContain("three: [Shape]");
    expect(inspect(shape, { depth: null })).toContain("corner: Point { x: 1, y: 0, label: '' }");
  });

  test("the beginning of long lists and of bytes", () => {
    using lists = view(Lists, { u16s: Array.from({ length: 300 }, (_, i) => i), datas: [Uint8Array.of(1, 255), new Uint8Array(0)], bools: [true] });
    const shown = inspect(lists);
    expect(shown).toContain("... 200 more items");
    expect(shown).toContain("datas: ListView(2) [ <Data 2: 01 ff>, <Data 0:> ]");
    expect(shown).toContain("bools: ListView(1) [ true ]");
    expect(inspect(lists.u16s, { maxArrayLength: 2 })).toBe("ListView(300) [ 0, 1, ... 298 more items ]");
    expect(inspect(lists.u16s, { maxArrayLength: null })).toContain("298, 299");
    using defaults = view(Defaults, { data: new Uint8Array(17) });
    expect(inspect(defaults)).toContain(`data: <Data 17: ${"00 ".repeat(16)}…>`);
  });

  test("what kind of thing is behind other pointers", () => {
    using holder = view(Holder, { any: { type: Point, value: {} } });
    expect(inspect(holder)).toContain("any: [AnyPointer]");
    expect(inspect(holder)).toContain("point: undefined");
    using kinds = read(Kinds, withCapability());
    expect(inspect(kinds)).toContain("cap: [capability Capability]");
  });

  test("what is wrong with a message, where it is wrong", () => {
    // A Text that is no list, but a struct.
    using damaged = read(Point, message("0000000002000100", "0000000000000000", "0000000000000000", "0000000001000000", "0000000000000000"));
    expect(inspect(damaged)).toMatch(/^Point {\s+x: 0,\s+y: 0,\s+label: \[everything\.capnp:Point\.label: .+\]\s+}$/);
    const bytes = encode(Lists, { texts: ["a".repeat(100)] });
    using limited = read(Lists, bytes, { traversalLimitWords: bytes.length / 8 });
    // Texts of a list are read anew each time.
    inspect(limited);
    expect(inspect(limited)).toMatch(/texts: ListView\(1\) \[\s*\[everything\.capnp:Lists\.texts: .*limit.*\]\s*\]/);
  });

  test("builders, without changing them", () => {
    using fallbacks = build(Fallbacks);
    const before = encode(fallbacks);
    expect(inspect(fallbacks)).toContain("name: 'nobody'");
    expect(encode(fallbacks)).toEqual(before);
    using shape = build(Shape);
    shape.initPolygon(1).at(0).x = 4;
    expect(inspect(shape)).toContain("ListBuilder(1) [ Point { x: 4, y: 0, label: '' } ]");
  });

  test("that a message was released", () => {
    const shape = view(Shape, { which: "polygon", polygon: [{}] });
    const { polygon } = shape;
    release(shape);
    expect(inspect({ shape, polygon })).toBe("{ shape: [Shape: released], polygon: [ListView: released] }");
  });

  test("prototypes", () => {
    using shape = view(Shape, {});
    expect(() => inspect(Object.getPrototypeOf(shape))).not.toThrow();
    expect(() => inspect(Object.getPrototypeOf(Object.getPrototypeOf(shape)))).not.toThrow();
    expect(() => inspect(shape, { showHidden: true, getters: true, customInspect: false })).not.toThrow();
  });
});

describe("assertions", () => {
  const assertions: [string, (one: unknown, other: unknown) => void][] = [
    ["toEqual", (one, other) => expect(one).toEqual(other)],
    ["toStrictEqual", (one, other) => expect(one).toStrictEqual(other)],
    ["assert.deepEqual", loose.deepEqual],
    ["assert.deepStrictEqual", strict.deepEqual],
  ];

  test.each(assertions)("%s tells views apart by what they hold", (_, assertEqual) => {
    const value = { name: "s", which: "polygon", polygon: [{ x: 1 }, { x: 2 }] };
    using one = view(Shape, value);
    using same = view(Shape, value);
    using other = view(Shape, { ...value, polygon: [{ x: 1 }, { x: 3 }] });
    expect(() => assertEqual(one, same)).not.toThrow();
    expect(() => assertEqual(one.polygon, same.polygon)).not.toThrow();
    expect(() => assertEqual([{ one }], [{ one: same }])).not.toThrow();
    expect(() => assertEqual(one, other)).toThrow();
    expect(() => assertEqual(one.polygon, other.polygon)).toThrow();
    expect(() => assertEqual([{ one }], [{ one: other }])).toThrow();
    // Not even then: a view is no plain object, and decode() makes one.
    expect(() => assertEqual(one, value)).toThrow();
    expect(() => assertEqual(one, {})).toThrow();
  });

  test.each(assertions)("%s sees what a builder holds at the time", (_, assertEqual) => {
    using one = build(Point);
    using other = build(Point);
    expect(() => assertEqual(one, other)).not.toThrow();
    one.x = 1;
    expect(() => assertEqual(one, other)).toThrow();
    other.x = 1;
    expect(() => assertEqual(one, other)).not.toThrow();
  });

  test.each(assertions)("%s takes nothing for granted that cannot be read", (_, assertEqual) => {
    const [one, other] = [view(Point, {}), view(Point, {})];
    release(one);
    release(other);
    expect(() => assertEqual(one, other)).toThrow();
    using holder = view(Holder, { any: new AnyPointer(encode(Point, { x: 1 })) });
    using others = view(Holder, { any: new AnyPointer(encode(Point, { x: 2 })) });
    expect(() => assertEqual(holder.any, others.any)).toThrow();
    using kinds = read(Kinds, withCapability());
    using noKinds = view(Kinds, {});
    expect(() => assertEqual(kinds, noKinds)).toThrow();
  });
});
