import { describe, expect, test } from "vitest";
import { build, decode, encode, fromJSON, init, List, read, release, serve, type StructDescriptor, UInt8 } from "../src/node.js";
import { connectPair } from "./support.js";
import { Defaults, Holder, Lists, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { Box } from "./generated/generics.capnp.js";
import { ByteSink } from "./generated/testing.capnp.js";

/* Names and values that do not fit: what is said, and that it says where. */

await init();

const input = (value: unknown): never => value as never;

describe("a value that does not fit is found in", () => {
  test.each<[string, StructDescriptor, unknown, string]>([
    ["a list of structs", Shape, { which: "polygon", polygon: [{ x: 1 }, { x: "q" }] }, 'everything.capnp:Shape: polygon[1].x: expected a number, got the string "q"'],
    ["structs within each other", Shape, { which: "inner", inner: { which: "inner", inner: { which: "polygon", polygon: [5] } } }, "everything.capnp:Shape: inner.inner.polygon[0]: expected an object, got 5"],
    ["a group", Shape, { which: "box", box: { width: 1, height: "7" } }, 'everything.capnp:Shape: box.height: expected a number, got the string "7"'],
    ["a list of scalars", Shape, { style: { pen: { which: "dashed", dashed: [1, 2, 300] } } }, "everything.capnp:Shape: style.pen.dashed[2]: expected an integer from 0 to 255, got 300"],
    ["a list of lists", Lists, { grid: [[{}], [{}, { x: "x" }]] }, 'everything.capnp:Lists: grid[1][1].x: expected a number, got the string "x"'],
    ["an AnyPointer", Holder, { any: { type: Point, value: { x: "a" } } }, 'everything.capnp:Holder: any.x: expected a number, got the string "a"'],
    ["a union's name", Shape, { style: { pen: { which: "dashd" } } }, 'everything.capnp:Shape: style.pen.which: expected the name of a union member, got the string "dashd"'],
    ["a union without a name", Shape, { which: "inner", inner: { circle: 1 } }, 'everything.capnp:Shape: inner.circle: the union it belongs to needs `which: "circle"` beside it'],
    ["a member that is not the union's", Shape, { name: 3, which: "circle", circle: 1, box: { width: "ignored" } }, "everything.capnp:Shape: name: expected a string, got 3"],
    ["what a type parameter stands for", Box(List(UInt8)), { value: [1, 256] }, "generics.capnp:Box: value[1]: expected an integer from 0 to 255, got 256"],
    ["what is longer than any room at hand", Lists, { texts: ["x".repeat(100_000), 5] }, "everything.capnp:Lists: texts[1]: expected a string, got 5"],
    ["the value itself", Shape, 4, "everything.capnp:Shape: value: expected an object with the fields by name, got 4"],
  ])("%s", (_, type, value, message) => {
    expect(() => encode(type, value)).toThrow(new TypeError(message));
  });

  test("JSON", () => {
    expect(() => encode(Shape, fromJSON(Shape, { polygon: [{ x: 1 }, { label: true }] }))).toThrow(
      new TypeError("everything.capnp:Shape: polygon[1].label: expected a string, got true"),
    );
    expect(() => fromJSON(Shape, { polygon: [{ x: 1 }, { x: true }] })).toThrow(
      new TypeError("everything.capnp:Shape.polygon[1].x: expected a number, got true"),
    );
  });

  test("what a builder's field is set to", () => {
    using shape = build(Shape);
    expect(() => (shape.polygon = input([{ x: 1 }, { x: "q" }]))).toThrow(
      new TypeError('everything.capnp:Shape.polygon: [1].x: expected a number, got the string "q"'),
    );
    expect(() => (shape.inner = input({ which: "circle", circle: "q" }))).toThrow(
      new TypeError('everything.capnp:Shape.inner: circle: expected a number, got the string "q"'),
    );
  });

  test("the parameters and the results of a call", async () => {
    const { near } = connectPair(serve(ByteSink, { end: () => input({ total: "3" }) }));
    const sink = near.bootstrap(ByteSink);
    expect(await sink.end().catch((error: Error) => error.message)).toMatch(/end\$?.*: total: expected an integer from 0 to 18446744073709551615, got the string "3"$/);
  });

  test("no path without end, when it holds itself", () => {
    const endless: Record<string, unknown> = { which: "inner" };
    endless.inner = endless;
    expect(() => encode(Shape, input(endless))).toThrow(/^everything\.capnp:Shape: inner\.inner\.inner\.…: .*; does the value hold itself\?$/);
  });

  test("a promise that was not awaited", async () => {
    expect(() => encode(Shape, input(Promise.resolve({ name: "n" })))).toThrow(new TypeError("everything.capnp:Shape: expected an object, got a promise; await it"));
    expect(() => encode(Shape, input({ which: "inner", inner: Promise.resolve({}) }))).toThrow(
      new TypeError("everything.capnp:Shape: inner: expected an object, got a promise; await it"),
    );
  });

  test("a getter that throws, whose error stays what it is", () => {
    const error = new Error("mine");
    const value = { which: "polygon", polygon: [{ get x() { throw error; } }] };
    expect(() => encode(Shape, input(value))).toThrow(error);
    expect(error.message).toBe("mine");
  });
});

describe("a name that is not in the schema is refused", () => {
  test.each<[StructDescriptor, unknown, string]>([
    [Shape, { nmae: "z" }, "everything.capnp:Shape has no field nmae; did you mean name?"],
    [Shape, { name: "z", Style: {} }, "everything.capnp:Shape has no field Style; did you mean style?"],
    [Shape, { style: { color: "green" } }, "everything.capnp:Shape.style: style has no field color; did you mean colour?"],
    [Shape, { which: "polygon", polygon: [{ x: 1 }, { x: 1, lable: "l" }] }, "everything.capnp:Point: polygon[1] has no field lable; did you mean label?"],
    [Shape, { which: "polygon", polygon: [{ longitude: 1 }] }, "everything.capnp:Point: polygon[0] has no field longitude; it has x, y, label"],
    [Scalars, { i_64: 1 }, "everything.capnp:Scalars has no field i_64; did you mean i64?"],
  ])("in %#", (type, value, message) => {
    expect(() => encode(type, value)).toThrow(new TypeError(message));
  });

  test("by serve(), which names the method that was meant", () => {
    expect(() => serve(ByteSink, input({ write() {}, ned() {} }))).toThrow(new TypeError("serve(): ByteSink has no method ned; did you mean end?"));
    class Sink {
      write() {}
      End() {}
      helper() {}
    }
    expect(() => serve(ByteSink, input(new Sink()))).toThrow(new TypeError("serve(): ByteSink has no method End; did you mean end?"));
    expect(() => serve(ByteSink, input({ put() {} }))).toThrow(new TypeError("serve(): ByteSink has no method put; it has write, end"));
    class Full extends Sink {
      end() {
        return { total: 0n };
      }
      write2 = () => {};
    }
    for (const fine of [new Full(), {}, new (class {})()]) expect(() => serve(ByteSink, input(fine))).not.toThrow();
  });

  test("in results", async () => {
    const { near } = connectPair(serve(ByteSink, { end: () => input({ totals: 3n }) }));
    expect(await near.bootstrap(ByteSink).end().catch((error: Error) => error.message)).toMatch(/ has no field totals; did you mean total\?$/);
  });

  test("by builders, as are writes by views", () => {
    using shape = build(Shape);
    const builder = shape as unknown as Record<string, unknown>;
    using view = read(Shape, encode(Shape, {}));
    expect(() => (builder.nmae = "x")).toThrow(new TypeError("everything.capnp:Shape has no field nmae; did you mean name?"));
    expect(() => (builder.which = "box")).toThrow(TypeError);
    expect(() => ((view as { name: string }).name = "x")).toThrow(new TypeError("everything.capnp:Shape.name cannot be set: a view is for reading; build() begins a message to write"));
    expect(() => ((view.style as { colour: string }).colour = "red")).toThrow("everything.capnp:Shape.style.colour cannot be set");
    expect(() => (shape.style = input({ color: "red" }))).toThrow(new TypeError("everything.capnp:Shape.style has no field color; did you mean colour?"));
    expect(() => (shape.inner = input({ nmae: "x" }))).toThrow(/^everything\.capnp:Shape.* has no field nmae; did you mean name\?$/);
    expect(shape.which).toBe("circle");
    const own = Object.create(shape) as Record<string, unknown>;
    own.mine = 1;
    expect(own.mine).toBe(1);
  });

  test("but not what else an object has, nor a name beside the one that was meant", () => {
    const row = { id: 7, createdAt: "today", name: "n", nmae: "m", x2: 0 };
    expect(decode(Shape, encode(Shape, row)).name).toBe("n");
    class Entity {
      readonly #secret = 5;
      readonly _version = this.#secret;
      x = 1;
    }
    expect(decode(Point, encode(Point, new Entity())).x).toBe(1);
  });

  test("in the first messages of a type only, which a mistake does not count for", () => {
    const type = Defaults as StructDescriptor;
    for (let i = 0; i < 20; i++) expect(() => encode(type, { txet: "" })).toThrow("did you mean text?");
    for (let i = 0; i < 20; i++) encode(type, { text: "" });
    expect(() => encode(type, { txet: "" })).not.toThrow();
  });
});

test("lists say what arrays have that they have not", () => {
  using shape = build(Shape);
  const polygon = shape.initPolygon(2) as unknown as { map(from: () => void): void; push(...values: object[]): void; forEach(each: () => void): void };
  expect(() => polygon.map(() => {})).toThrow(
    new TypeError("everything.capnp:Shape.polygon: a list in a message has no map(); toArray() makes an array, and `for … of` goes through it"),
  );
  expect(() => polygon.push({})).toThrow("has no push()");
  expect(() => polygon.forEach(() => {})).toThrow("has no forEach()");
  expect(Array.from(shape.polygon ?? []).map(({ x }) => x)).toEqual([0, 0]);
  expect([...(shape.polygon ?? [])]).toHaveLength(2);
});

test("releases do not need it", () => {
  const shape = build(Shape);
  release(shape);
  expect(() => (shape.name = "x")).toThrow(/the message was released/);
});
