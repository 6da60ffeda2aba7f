import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import {
  AnyPointer,
  CapnpError,
  Data,
  decode,
  encode,
  encodePacked,
  equals,
  init,
  List,
  read,
  release,
  Text,
  toJSON,
  totalSize,
} from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { wasm } from "../src/messages/memory.js";
import { Clash, Defaults, Derived, Holder, Lists, NewHolder, OldHolder, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { Fallbacks, Kinds, User } from "./generated/generics.capnp.js";
import golden from "./golden.json" with { type: "json" };
import { message, plainOf, segments } from "./open.js";

await init();

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const opened: object[] = [];

afterEach(() => opened.splice(0).forEach(release));

/** A view that the test need not release. */
function view<View>(type: StructDescriptor<unknown, unknown, View>, bytes: Uint8Array, limits?: Parameters<typeof read>[2]): View & Disposable {
  const made = read(type, bytes, limits);
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
  ["listsInSegments", Lists],
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
  ["newInSegments", NewHolder],
];

describe.each(written)("%s of the C++ tool", (name, type) => {
  const bytes = bytesOf(golden[name] as string);

  test("shows what decode() gives", () => {
    expect(plainOf(view(type, bytes) as object, type)).toEqual(decode(type, bytes));
  });

  test("is encoded again, as it is and by its getters", () => {
    const shown = view(type, bytes) as object;
    expect(decode(type, encode(shown))).toEqual(decode(type, bytes));
    expect(decode(type, encode(type, shown))).toEqual(decode(type, bytes));
    expect(decode(type, encodePacked(shown), { packed: true })).toEqual(decode(type, bytes));
    // A view knows what is null, where JSON has nothing.
    expect(toJSON(type, decode(type, bytes))).toMatchObject(toJSON(type, shown));
  });
});

describe("a view", () => {
  test("shows older structs with the newer fields' defaults, and newer ones without what is not known", () => {
    const old = encode(OldHolder, { one: { a: 1, t: "x" }, many: [{ a: 2, t: "y" }, {}], bytes: [4, 5] });
    expect(plainOf(view(NewHolder, old), NewHolder)).toEqual(decode(NewHolder, old));
    expect(view(NewHolder, old).bytes.at(1).value).toBe(5);
    expect(view(NewHolder, old).bytes.at(1).extra).toBe(9);
    const fresh = encode(NewHolder, { one: { a: 1, b: 3, u: "u", more: [{ x: 1 }] }, many: [{ a: 2 }], bytes: [{ value: 4, extra: 5 }] });
    expect(plainOf(view(OldHolder, fresh), OldHolder)).toEqual(decode(OldHolder, fresh));
  });

  test("keeps what it does not know when it is encoded", () => {
    const fresh = encode(NewHolder, { one: { a: 1, b: 3, u: "unknown", more: [{ x: 1 }] }, many: [{ a: 2, u: "too" }] });
    expect(decode(NewHolder, encode(view(OldHolder, fresh)))).toEqual(decode(NewHolder, fresh));
    const one = view(OldHolder, fresh).one ?? {};
    expect(encode(one).length).toBeLessThan(fresh.length);
    const type = NewHolder.$.fields().find(({ name }) => name === "one")?.of as StructDescriptor<{ u: string }>;
    expect(decode(type, encode(one)).u).toBe("unknown");
  });

  test("shows defaults of every kind", () => {
    const bytes = encode(Fallbacks, { which: "a" });
    expect(plainOf(view(Fallbacks, bytes), Fallbacks)).toEqual(decode(Fallbacks, bytes));
    const fallbacks = view(Fallbacks, bytes);
    expect(fallbacks.person.name).toBe("nobody");
    expect(fallbacks.floats.at(1)).toBe(-Infinity);
    release(fallbacks.person);
    expect(view(Fallbacks, bytes).person.name).toBe("nobody");
  });

  test("shows generic types", () => {
    const bytes = encode(User, {
      text: { value: "t", next: { value: "n", size: { label: "l", count: 3 } }, mark: "marked" },
      entry: { key: "k", value: { name: "Ada", age: 36 }, tag: { extra: "e" } },
      numbers: { value: [1, 2] },
      boxes: [{ value: Uint8Array.of(1) }],
      nested: { value: { value: ["green"] } },
      either: { which: "both", both: { a: { name: "A" }, b: "B" } },
      grid: [[{ value: "g" }], []],
    });
    const { store: _, ...decoded } = decode(User, bytes);
    const { store: __, ...shown } = plainOf(view(User, bytes), User) as Record<string, unknown>;
    expect(shown).toEqual(decoded);
  });

  test("shows unknown union members and enumerants as numbers", () => {
    const shape = view(Shape, encode(Shape, { which: 77, style: { colour: 500, pen: { which: 9 } } }));
    expect([shape.which, shape.style.colour, shape.style.pen.which]).toEqual([77, 500, 9]);
    expect(view(Lists, encode(Lists, { colours: [1, 9] })).colours.toArray()).toEqual(["green", 9]);
  });

  test("of a message without root shows defaults", () => {
    expect(plainOf(view(Defaults, message("0000000000000000")), Defaults)).toEqual(decode(Defaults, message("0000000000000000")));
  });

  test("has no names but the schema's", () => {
    const clash = view(Clash, encode(Clash, { then_: "a", constructor_: "b", toString_: "c", which: "other", other: 4 }));
    expect([clash.then_, clash.constructor_, clash.toString_, clash.which]).toEqual(["a", "b", "c", "other"]);
    expect("then" in clash).toBe(false);
    expect(Object.keys(clash)).toEqual([]);
    // Behind the name is what tells apart what assertions compare.
    expect(String(clash)).toMatch(/^\[object everything\.capnp:Clash [0-9a-f]{16}\]$/);
  });

  test("copies bytes out", () => {
    const shown = view(Defaults, encode(Defaults, { data: Uint8Array.of(1, 2, 3) }));
    const data = shown.data;
    data[0] = 9;
    expect([...shown.data]).toEqual([1, 2, 3]);
  });

  test("shows text of any length and script", () => {
    const texts = ["", "a", "x".repeat(24), "x".repeat(25), "grüße 🜁", "ß".repeat(30), "\ufeffbom", "é", "y".repeat(100_000)];
    expect(view(Lists, encode(Lists, { texts })).texts.toArray()).toEqual(texts);
  });

  test("finds what is behind a pointer once, and charges it once", () => {
    const bytes = encode(Lists, { f64s: new Array<number>(1000).fill(0.5), matrix: [new Array<number>(1000).fill(7)], texts: ["a"] });
    const shown = view(Lists, bytes, { traversalLimitWords: 3000 });
    let sum = 0;
    for (let i = 0; i < 1000; i++) sum += shown.f64s.at(i) + shown.matrix.at(0).at(i);
    expect(sum).toBe(7500);
    expect(shown.f64s).toBe(shown.f64s);
    expect(shown.matrix.at(0)).toBe(shown.matrix.at(0));
    const blob = view(Defaults, encode(Defaults, { data: new Uint8Array(8000) }), { traversalLimitWords: 2000 });
    for (let i = 0; i < 10; i++) expect(blob.data.length).toBe(8000);
    expect(blob.data).not.toBe(blob.data);
  });

  test("is read from packed bytes", () => {
    expect(view(Point, encodePacked(Point, { label: "packed" }), { packed: true }).label).toBe("packed");
  });

  test("is made of bytes only", () => {
    expect(() => read(Point, "x" as unknown as Uint8Array)).toThrow(/read\(\): expected a Uint8Array .*got the string "x"/);
    expect(() => read(Point, Uint8Array.of(1, 2, 3))).toThrow(CapnpError);
  });

  test("cannot be set", () => {
    const point = view(Point, encode(Point, { x: 1 })) as { x: number };
    expect(() => (point.x = 2)).toThrow(TypeError);
  });
});

describe("a list of a view", () => {
  const lists = () => view(Lists, encode(Lists, { u32s: [5, 6, 7], structs: [{ x: 1 }, { x: 2 }], matrix: [[1], []] }));

  test("is an iterable and an array-like", () => {
    const { u32s, structs } = lists();
    expect([...u32s]).toEqual([5, 6, 7]);
    expect(Array.from(u32s)).toEqual([5, 6, 7]);
    expect([u32s[0], u32s[2], u32s[3]]).toEqual([5, 7, undefined]);
    expect(structs[1]?.x).toBe(2);
    expect(Math.max(...u32s.toArray())).toBe(7);
    expect(decode(Lists, encode(Lists, { u32s, structs: structs as never })).u32s).toEqual([5, 6, 7]);
  });

  test.each([3, -1, 0.5, Number.NaN, 2 ** 32])("has no element %d", (index) => {
    expect(() => lists().u32s.at(index)).toThrow(new RangeError(`everything.capnp:Lists.u32s: there is no element ${index} in a list of 3`));
  });

  test("cannot be assigned to", () => {
    const { u32s } = lists();
    expect(() => ((u32s as unknown as number[])[0] = 1)).toThrow(/elements are not assigned to/);
    expect(u32s.at(0)).toBe(5);
  });
});

describe("an AnyPointer", () => {
  const holder = (any: Parameters<typeof encode<Holder.Input>>[1]["any"]) => view(Holder, encode(Holder, { any })).any;

  test("is what it is taken for", () => {
    expect(holder({ type: Point, value: { label: "in" } })?.as(Point)?.label).toBe("in");
    expect(holder({ type: Text, value: "text" })?.as(Text)).toBe("text");
    expect(holder({ type: Data, value: Uint8Array.of(7) })?.as(Data)).toEqual(Uint8Array.of(7));
    expect(holder({ type: List(Point), value: [{ x: 4 }] })?.as(List(Point)).at(0).x).toBe(4);
    expect(holder(undefined)).toBeUndefined();
    expect(() => holder({ type: Text, value: "text" })?.as(Point)).toThrow(/Holder\.any: .*expected a struct, found a list/);
  });

  test("is a message of its own", () => {
    const any = holder({ type: Point, value: { label: "in" } });
    expect(decode(Point, any?.message ?? new Uint8Array(0)).label).toBe("in");
    expect(decode(Holder, encode(Holder, { any })).any).toEqual(new AnyPointer(encode(Point, { label: "in" })));
    expect(decode(Holder, encode(Holder, { any: { type: AnyPointer, value: any } })).any).toBeInstanceOf(AnyPointer);
  });

  test("may be constrained", () => {
    const kinds = view(Kinds, encode(Kinds, { struct: { type: Point, value: { x: 1 } }, list: { type: List(Text), value: ["a"] } }));
    expect(kinds.struct?.as(Point)?.x).toBe(1);
    expect(kinds.list?.as(List(Text)).toArray()).toEqual(["a"]);
  });
});

test("a capability in a message by itself cannot be had, and says which it is", () => {
  const { $: info } = Derived.$.methods[0]?.results?.() ?? Point;
  const type = { $: info } as StructDescriptor<unknown, unknown, { finally_: unknown; plain: number }>;
  const root = `0000000001000${info.pointers}00`;
  const bytes = message(root, "0500000000000000", "0300000005000000", ...Array<string>(info.pointers - 1).fill("0000000000000000"));
  const shown = view(type, bytes);
  expect(shown.plain).toBe(5);
  expect(() => shown.finally_).toThrow(/finally_: capability 5 cannot become a client of everything\.capnp:Derived: a message by itself/);
});

describe("released", () => {
  test("a view, and all that was had from it, says so on every access", () => {
    const shape = read(Shape, encode(Shape, { name: "n", which: "polygon", polygon: [{ x: 1 }] }));
    const { style } = shape;
    const polygon = shape.which === "polygon" ? shape.polygon : undefined;
    const point = polygon?.at(0);
    release(shape);
    release(shape);
    const said = /everything\.capnp:Shape: the message was released/;
    expect(() => shape.name).toThrow(said);
    expect(() => shape.which).toThrow(said);
    expect(() => shape.style).not.toThrow();
    expect(() => style.colour).toThrow(said);
    expect(() => style.pen.which).toThrow(said);
    expect(() => polygon?.length).toThrow(said);
    expect(() => polygon?.at(0)).toThrow(said);
    expect(() => polygon?.at(7)).toThrow(said);
    expect(() => polygon?.[0]).toThrow(said);
    expect(() => [...(polygon ?? [])]).toThrow(said);
    expect(() => point?.x).toThrow(said);
    expect(() => point?.label).toThrow(said);
    expect(() => encode(shape)).toThrow(said);
    expect(() => totalSize(shape)).toThrow(said);
  });

  test("a view does not come back with the next message", () => {
    const first = read(Point, encode(Point, { x: 1 }));
    release(first);
    const second = view(Point, encode(Point, { x: 2 }));
    expect(() => first.x).toThrow(/released/);
    expect(second.x).toBe(2);
  });

  test("a view is at the end of a `using` block", () => {
    const shown = read(Point, encode(Point, { x: 1 }));
    shown[Symbol.dispose]();
    expect(() => shown.x).toThrow(/released/);
  });

  test("views leave no memory behind", () => {
    const bytes = encode(Lists, { texts: Array.from({ length: 20_000 }, (_, i) => `text ${i}`) });
    const open = () => release(read(Lists, bytes).texts);
    const closed = () => release(read(Lists, bytes));
    for (let i = 0; i < 20; i++) closed();
    const before = wasm.memory.buffer.byteLength;
    for (let i = 0; i < 200; i++) closed();
    expect(wasm.memory.buffer.byteLength).toBe(before);
    expect(open).toThrow(TypeError);
  });
});

test("messages that were forgotten are given back by the collector", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const bytes = encode(Lists, { u8s: new Uint8Array(100_000) });
  /** Opens and forgets 20 MB. */
  const forget = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) expect(read(Lists, bytes).u8s.length).toBe(100_000);
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  for (let i = 0; i < 3; i++) await forget();
  const before = wasm.memory.buffer.byteLength;
  for (let i = 0; i < 5; i++) await forget();
  expect(wasm.memory.buffer.byteLength).toBe(before);
});

test("views survive memory that grows between reads", () => {
  const shown = view(Shape, encode(Shape, { name: "n", which: "polygon", polygon: [{ x: 1, label: "p" }], style: { colour: "blue" } }));
  const polygon = shown.which === "polygon" ? shown.polygon : undefined;
  const point = polygon?.at(0);
  const grow = () => wasm.memory.grow(1);
  grow();
  expect(point?.x).toBe(1);
  grow();
  expect(point?.label).toBe("p");
  grow();
  expect(polygon?.[0]?.label).toBe("p");
  grow();
  expect(shown.style.colour).toBe("blue");
  grow();
  expect(shown.name).toBe("n");
  grow();
  expect(decode(Shape, encode(shown)).name).toBe("n");
});

describe("two views", () => {
  test("are equal by what they hold", () => {
    const [a, b, c] = [{ label: "a" }, { label: "a" }, { label: "b" }].map((value) => view(Point, encode(Point, value))) as [object, object, object];
    expect([equals(a, b), equals(a, c), equals(a, a)]).toEqual([true, false, true]);
    const lists = view(Lists, encode(Lists, { structs: [{ x: 1 }], grid: [[{ x: 1 }]] }));
    expect(equals(lists.structs, lists.grid.at(0))).toBe(true);
    expect(equals(lists.structs, lists.texts)).toBe(false);
    expect(() => equals(a, {})).toThrow(/equals\(\) wants a view or a builder/);
  });

  test("have sizes", () => {
    const lists = view(Lists, encode(Lists, { structs: [{ label: "12345678" }, {}] }));
    expect(totalSize(lists.structs)).toEqual({ words: 1 + 2 * 3 + 2, capabilities: 0 });
    expect(totalSize(lists.texts)).toEqual({ words: 0, capabilities: 0 });
    expect(totalSize(lists).words).toBe(9 + Lists.$.pointers);
  });
});

describe("of a hostile message", () => {
  /** A Shape of no data and one pointer, its name, in the word that is given. */
  const named = (pointer: string, ...more: string[]) => message("0000000000000100", pointer, ...more);

  test.each([
    ["out of bounds", named("0100000032010000"), /Shape\.name: .*from word 2 on of segment 0, which has 2 words \(segment 0, word 1\)/],
    ["negative", named("fdfeffff0a000000"), /Shape\.name: .*segment 0, word 1/],
    ["to a struct", named("fcffffff00000000"), /Shape\.name: expected text, found a struct.*segment 0, word 1/],
    ["to a list of words", named("0100000015000000", "0000000000000000", "0000000000000000"), /Shape\.name: expected text.*found a list of EightBytes elements.*segment 0, word 1/],
    ["without NUL", named("010000000a000000", "4100000000000000"), /Shape\.name: text does not end with a NUL byte.*segment 0, word 1/],
    ["not UTF-8", named("0100000012000000", "ff00000000000000"), /Shape\.name: text is not UTF-8 from byte 0 on \(segment 0, word 1\)/],
    ["to a segment that is not there", named("0200000007000000"), /Shape\.name: a far pointer leads to segment 7, which the message does not have.*segment 0, word 1/],
    ["far, beyond its segment", named("fa00000000000000"), /Shape\.name: .*segment 0, word 1/],
    ["far, to another far pointer", segments(["0000000000000100", "0200000001000000"], ["0200000001000000"]), /Shape\.name: .*landing pad is another far pointer.*segment 1, word 0/],
  ])("a text pointer %s is an error that says where, when it is asked for", (_what, bytes, said) => {
    const shape = view(Shape, bytes);
    expect(shape.which).toBe("circle");
    expect(() => shape.name).toThrow(said);
    expect(() => shape.name).toThrow(CapnpError);
  });

  test("a list whose tag claims more than there is", () => {
    const shape = message("0000000003000400", ...["0000000000000000", "0100000000000000", "0000000000000000"], ...["0000000000000000", "0900000017000000"], ...Array<string>(2).fill("0000000000000000"), "fcffff7f01000000", ...Array<string>(2).fill("0000000000000000"));
    const shown = view(Shape, shape);
    expect(() => (shown.which === "polygon" ? shown.polygon : undefined)).toThrow(/Shape\.polygon: .*tag claims.*segment 0, word 8/);
  });

  test("a root that is no struct, and bytes that are no message, are refused at once", () => {
    expect(() => read(Point, message("0100000002000000"))).toThrow(/everything\.capnp:Point: expected a struct, found a list.*segment 0, word 0/);
    expect(() => read(Point, new Uint8Array(8))).toThrow(/no root pointer/);
    expect(() => read(Point, Uint8Array.of(0, 0, 0, 0, 255, 255, 0, 0))).toThrow(/ends|truncated|bytes/);
  });

  // The root's pointer 1 leads back to the root itself, tag 4: `inner`.
  const cycle = message("0000000003000400", "0000000000000000", "0400000000000000", "0000000000000000", "0000000000000000", "ecffffff03000400", "0000000000000000", "0000000000000000");

  test("a cycle ends at the nesting limit", () => {
    let depth = 0;
    let shape: Shape.View | undefined = view(Shape, cycle, { nestingLimit: 10 });
    const descend = (): void => {
      for (; shape?.which === "inner"; depth++) shape = shape.inner;
    };
    expect(descend).toThrow(/Shape\.inner: .*nested deeper.*segment 0, word 5/);
    expect(depth).toBe(9);
  });

  test("the traversal limit counts over all that is ever read of the message", () => {
    const root = view(Shape, cycle, { traversalLimitWords: 100, nestingLimit: 1000 });
    let shape: Shape.View | undefined = root;
    let depth = 0;
    const descend = (): void => {
      for (; shape?.which === "inner"; depth++) shape = shape.inner;
    };
    expect(descend).toThrow(/Shape\.inner: .*traversal limit.*segment 0, word 5/);
    expect(depth).toBe(Math.floor((100 - 7) / 7));
    // It stays exceeded, but what was found before is still there.
    expect(root.which === "inner" && root.inner?.which).toBe("inner");
    expect(() => encode(root)).toThrow(/limit/);
    const other = view(Shape, cycle, { traversalLimitWords: 100 });
    expect(other.which === "inner" && other.inner?.which).toBe("inner");
  });

  test("a list of nothing costs what it claims", () => {
    const voids = message("0000000000000100", "01000000f8ffffff");
    const shown = view(Lists, voids, { traversalLimitWords: 1000 });
    expect(() => shown.voids).toThrow(/Lists\.voids: .*traversal limit/);
  });
});
