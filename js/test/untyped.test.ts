import { afterEach, describe, expect, test } from "vitest";
import {
  CapnpError,
  Data,
  decode,
  encode,
  encodePacked,
  equals,
  init,
  List,
  MessageBuilder,
  MessageReader,
  read,
  release,
  Text,
  totalSize,
} from "../src/node.js";
import { wasm } from "../src/messages/memory.js";
import { Defaults, Holder, Lists, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import golden from "./golden.json" with { type: "json" };
import { message, segments } from "./open.js";

await init();

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const opened: object[] = [];

afterEach(() => opened.splice(0).forEach(release));

function open(...args: ConstructorParameters<typeof MessageReader>): MessageReader {
  const reader = new MessageReader(...args);
  opened.push(reader);
  return reader;
}

function begin(): MessageBuilder {
  const builder = new MessageBuilder();
  opened.push(builder);
  return builder;
}

describe("a MessageReader", () => {
  test("shows a struct by the places of its fields", () => {
    const root = open(encode(Scalars, { b: true, i8: -1, u64: 2n ** 63n, f32: 0.5, f64: -2, i32: -7 })).root;
    expect(root.kind).toBe("struct");
    const struct = root.struct();
    expect([struct.dataBytes, struct.pointerCount]).toEqual([Scalars.$.dataWords * 8, 0]);
    const at = (name: string): number => Scalars.$.fields().find((field) => field.name === name)?.at ?? -1;
    expect(struct.getBool(at("b"))).toBe(true);
    expect(struct.getInt8(at("i8"))).toBe(-1);
    expect(struct.getUint8(at("i8"))).toBe(255);
    expect(struct.getUint64(at("u64"))).toBe(2n ** 63n);
    expect(struct.getInt64(at("u64"))).toBe(-(2n ** 63n));
    expect(struct.getFloat32(at("f32"))).toBe(0.5);
    expect(struct.getFloat64(at("f64"))).toBe(-2);
    expect(struct.getInt32(at("i32"))).toBe(-7);
    expect(struct.getUint32(at("i32"))).toBe(2 ** 32 - 7);
    expect(struct.getUint16(at("i32"))).toBe(65529);
    expect(struct.getInt16(at("i32"))).toBe(-7);
  });

  test("shows what is not there as zero and null", () => {
    const struct = open(encode(Point, {})).root.struct();
    expect([struct.getInt8(1000), struct.getUint64(13), struct.getFloat64(16), struct.getBool(8 * 16)]).toEqual([0, 0n, 0, false]);
    const pointer = struct.pointer(7);
    expect([pointer.isNull, pointer.kind, pointer.text(), pointer.data().length, pointer.capability()]).toEqual([true, "null", "", 0, undefined]);
    expect([pointer.struct().dataBytes, pointer.struct().getUint8(0), pointer.list().length]).toEqual([0, 0, 0]);
    expect(pointer.as(Point)).toBeUndefined();
    expect(pointer.as(Text)).toBe("");
    expect(() => pointer.message).toThrow(/a null pointer leads to nothing/);
    expect(() => struct.getInt8(-1)).toThrow(RangeError);
    expect(() => struct.pointer(0.5)).toThrow(RangeError);
  });

  test.each(["lists", "listsInSegments"] as const)("shows lists of every kind of %s", (name) => {
    const struct = open(bytesOf(golden[name])).root.struct();
    const list = (field: string) => struct.pointer(Lists.$.fields().find((each) => each.name === field)?.at ?? -1).list();
    expect(list("voids").elementSize).toBe("void");
    expect([list("bools").elementSize, list("bools").length, list("bools").getBool(0), list("bools").getBool(1)]).toEqual(["bit", 9, true, false]);
    expect([list("i8s").elementSize, list("i8s").getInt8(0)]).toEqual(["byte", -1]);
    expect([list("u16s").elementSize, list("u16s").getUint16(0)]).toEqual(["twoBytes", 65535]);
    expect([list("f32s").elementSize, list("f32s").getFloat32(1)]).toEqual(["fourBytes", -1]);
    expect([list("i64s").elementSize, list("i64s").getInt64(0)]).toEqual(["eightBytes", -7n]);
    expect([list("texts").elementSize, list("texts").pointer(0).text()]).toEqual(["pointer", "a"]);
    expect([...list("datas").pointer(0).data()]).toEqual([1]);
    const structs = list("structs");
    expect([structs.elementSize, structs.struct(1).getFloat64(0), structs.struct(0).pointer(0).text()]).toEqual(["struct", 3, "one"]);
    // A struct as what is first in it.
    expect([structs.getFloat64(1), structs.pointer(0).text()]).toEqual([3, "one"]);
    expect(list("matrix").pointer(2).list().getInt32(0)).toBe(3);
    expect(list("i8s").struct(1).getInt8(0)).toBe(2);
    expect(() => list("i8s").getInt16(0)).toThrow(/not that large: its element size is byte/);
    expect(() => list("i8s").getBool(0)).toThrow(/no Bools/);
    expect(() => list("bools").struct(0)).toThrow(/are Bools/);
    expect(() => list("i8s").getInt8(2)).toThrow(/there is no element 2 in a list of 2/);
  });

  test("shows any pointer as root", () => {
    const builder = begin();
    builder.root.setText("just text");
    expect(open(encode(builder)).root.text()).toBe("just text");
    expect(open(encode(builder)).root.as(Text)).toBe("just text");
    builder.root.setData(Uint8Array.of(1, 2));
    expect([...open(encode(builder)).root.as(Data)]).toEqual([1, 2]);
    builder.root.set(List(Point), [{ x: 5 }]);
    expect(open(encode(builder)).root.as(List(Point)).at(0).x).toBe(5);
    expect(open(message("0000000000000000")).root.isNull).toBe(true);
  });

  test("shows the indexes of capabilities", () => {
    const list = begin().root.initList("pointer", 3);
    list.pointer(0).setCapability(7);
    list.pointer(2).setCapability(2 ** 32 - 1);
    expect([0, 1, 2].map((i) => list.pointer(i).capability())).toEqual([7, undefined, 2 ** 32 - 1]);
    expect([0, 1, 2].map((i) => list.pointer(i).kind)).toEqual(["capability", "null", "capability"]);
    const reader = open(encode(opened[0] as MessageBuilder)).root;
    expect(reader.list().pointer(0).capability()).toBe(7);
    expect(totalSize(reader)).toEqual({ words: 3, capabilities: 2 });
    expect(() => reader.capability()).toThrow(/expected a capability, found a list/);
    expect(() => list.pointer(0).text()).toThrow(/expected text, found a capability/);
  });

  test("gives parts as messages and as types", () => {
    const bytes = encode(Holder, { point: { label: "p" }, any: { type: Text, value: "t" } });
    const struct = open(bytes).root.struct();
    expect(decode(Point, struct.pointer(1).message)).toEqual({ x: 0, y: 0, label: "p" });
    expect(struct.pointer(1).as(Point)?.label).toBe("p");
    expect(struct.pointer(2).text()).toBe("t");
    expect(open(bytes).root.as(Holder)?.point?.label).toBe("p");
    expect(open(encodePacked(Holder, { point: {} }), { packed: true }).root.kind).toBe("struct");
  });

  test("cannot be written to", () => {
    const root = open(encode(Point, {})).root as MessageBuilder["root"];
    expect(() => root.setText("x")).toThrow(/can only be read/);
    expect(() => root.struct().setInt8(0, 1)).toThrow(/can only be read/);
    expect(() => root.clear()).toThrow(/can only be read/);
    expect(() => root.disown()).toThrow(/can only be read/);
  });

  test("finds damage where it is, when it is asked for", () => {
    const bytes = segments(["0000000000000200", "0200000009000000", "0a00000001000000"], ["0000000000000000"]);
    const struct = open(bytes).root.struct();
    expect(() => struct.pointer(0).struct()).toThrow(/pointer: a far pointer leads to segment 9.*segment 0, word 1/);
    expect(() => struct.pointer(0).kind).toThrow(CapnpError);
    expect(() => struct.pointer(1).list()).toThrow(/segment 0, word 2/);
    expect(() => open(Uint8Array.of(1))).toThrow(/message: .*/);
    expect(() => open("x" as never)).toThrow(/expected a Uint8Array/);
  });

  test("ends at its limits", () => {
    // A list with one pointer, to itself.
    const cycle = message("010000000e000000", "fdffffff0e000000");
    let pointer = open(cycle, { nestingLimit: 5 }).root;
    let depth = 0;
    const descend = () => {
      for (; depth < 100; depth++) pointer = pointer.list().pointer(0);
    };
    expect(descend).toThrow(/nested deeper/);
    expect(depth).toBe(5);
    const other = open(cycle, { traversalLimitWords: 10 }).root;
    const again = () => {
      for (let i = 0; i < 100; i++) other.list();
    };
    expect(again).toThrow(/traversal limit/);
    expect(() => totalSize(open(cycle).root)).toThrow(/limit/);
  });
});

describe("a MessageBuilder", () => {
  test("builds structs and lists by place", () => {
    const builder = begin();
    const root = builder.root.initStruct(2, 3);
    root.setUint32(0, 7);
    root.setInt64(8, -1n);
    root.setBool(33, true);
    root.pointer(0).setText("grüße");
    const list = root.pointer(1).initStructList(2, 1, 1);
    list.struct(1).setFloat64(0, 0.5);
    list.struct(1).pointer(0).setData(Uint8Array.of(3));
    const bits = root.pointer(2).initList("bit", 10);
    bits.setBool(9, true);
    bits.setBool(8, true);
    bits.setBool(8, false);
    const read = open(encode(builder)).root.struct();
    expect([read.getUint32(0), read.getInt64(8), read.getBool(33), read.getBool(32), read.pointer(0).text()]).toEqual([7, -1n, true, false, "grüße"]);
    expect(read.pointer(1).list().struct(1).getFloat64(0)).toBe(0.5);
    expect([...read.pointer(1).list().struct(1).pointer(0).data()]).toEqual([3]);
    expect(Array.from({ length: 10 }, (_, i) => read.pointer(2).list().getBool(i))).toEqual([...Array<boolean>(9).fill(false), true]);
  });

  test.each([
    ["byte", 1, "Int8", -5],
    ["byte", 1, "Uint8", 250],
    ["twoBytes", 2, "Int16", -300],
    ["twoBytes", 2, "Uint16", 60000],
    ["fourBytes", 4, "Int32", -70000],
    ["fourBytes", 4, "Uint32", 4000000000],
    ["eightBytes", 8, "Int64", -5n],
    ["eightBytes", 8, "Uint64", 2n ** 64n - 1n],
    ["fourBytes", 4, "Float32", 0.25],
    ["eightBytes", 8, "Float64", 1e300],
  ] as const)("holds %s elements as %s", (size, bytes, name, value) => {
    const builder = begin();
    const root = builder.root.initStruct(2, 1);
    const list = root.pointer(0).initList(size, 2) as unknown as Record<string, (at: number, value?: unknown) => unknown>;
    const struct = root as unknown as typeof list;
    list[`set${name}`]?.(1, value);
    struct[`set${name}`]?.(bytes, value);
    expect([0, 1].map((i) => list[`get${name}`]?.(i))).toEqual([typeof value === "bigint" ? 0n : 0, value]);
    expect(struct[`get${name}`]?.(bytes)).toBe(value);
    expect(() => list[`set${name}`]?.(2, value)).toThrow(RangeError);
    expect(() => struct[`set${name}`]?.(16, value)).toThrow(/the struct has no field 16 that could be set/);
    expect(() => list[`set${name}`]?.(0, "x")).toThrow(TypeError);
  });

  test("refuses what does not fit", () => {
    const { root } = begin();
    expect(() => root.initStruct(65536, 0)).toThrow(/65536 data words: expected an integer from 0 to 65535/);
    expect(() => root.initList("nonsense" as "bit", 1)).toThrow(/elementSize/);
    expect(() => root.initList("struct" as "bit", 1)).toThrow(/elementSize/);
    expect(() => root.initList("eightBytes", 2 ** 29)).toThrow(RangeError);
    expect(() => root.initStructList(2 ** 28, 2, 0)).toThrow(RangeError);
    expect(() => root.setText(5 as never)).toThrow(/setText\(\): expected a string/);
    expect(() => root.setCapability(-1)).toThrow(RangeError);
    expect(() => root.copyFrom({})).toThrow(/copyFrom\(\) wants a view or builder/);
    expect(() => root.initStruct(1, 0).pointer(0).setText("x")).toThrow(/the struct has no such pointer/);
  });

  test("takes typed values, and parts of other messages", () => {
    const builder = begin();
    builder.root.set(Shape, { name: "typed", which: "corner", corner: { x: 1 } });
    const shape = builder.root.as(Shape);
    if (shape !== undefined) shape.name = "changed";
    expect(decode(Shape, encode(builder))).toMatchObject({ name: "changed", which: "corner", corner: { x: 1 } });
    const list = begin().root.initList("pointer", 5);
    const view = read(Holder, encode(Holder, { point: { label: "p" }, others: [{ id: 1 }] }));
    opened.push(view);
    list.pointer(0).copyFrom(view);
    list.pointer(1).copyFrom(view.others);
    list.pointer(2).copyFrom(builder.root);
    list.pointer(3).copyFrom(list.pointer(1));
    list.pointer(4).copyFrom(builder.root.struct());
    expect(list.pointer(0).as(Holder)?.point?.label).toBe("p");
    expect(list.pointer(1).list().length).toBe(1);
    expect(equals(list.pointer(2), builder.root)).toBe(true);
    expect(equals(list.pointer(3), list.pointer(1))).toBe(true);
    expect(equals(list.pointer(4), list.pointer(2))).toBe(true);
    list.pointer(0).copyFrom(begin().root);
    expect(list.pointer(0).isNull).toBe(true);
  });

  test("moves orphans within itself only", () => {
    const builder = begin();
    const root = builder.root.initStruct(0, 2);
    root.pointer(0).setText("moved");
    const orphan = root.pointer(0).disown();
    expect(root.pointer(0).isNull).toBe(true);
    expect(() => begin().root.adopt(orphan)).toThrow(/only by the message it came from/);
    root.pointer(1).adopt(orphan);
    expect(root.pointer(1).text()).toBe("moved");
    expect(() => root.pointer(0).adopt(orphan)).toThrow(/adopted or discarded before/);
    expect(open(encode(builder)).root.struct().pointer(1).text()).toBe("moved");
  });

  test("grows structs that are taken for a larger type", () => {
    const builder = begin();
    builder.root.initStruct(1, 0).setUint8(0, 9);
    const defaults = builder.root.as(Defaults);
    expect(defaults?.text).toBe("fallback");
    if (defaults !== undefined) defaults.text = "grown";
    expect(decode(Defaults, encode(builder)).text).toBe("grown");
    const list = begin().root;
    list.initList("byte", 2).setUint8(1, 9);
    expect(list.as(List(Point)).at(1).label).toBe("");
    expect(list.list().elementSize).toBe("struct");
    expect(list.list().getUint8(1)).toBe(9);
  });

  test("becomes several segments, all read again", () => {
    const builder = begin();
    const list = builder.root.initList("pointer", 300);
    for (let i = 0; i < 300; i++) list.pointer(i).setText(`text ${i}`.repeat(20));
    const bytes = encode(builder);
    expect(bytes[0]).toBeGreaterThan(0);
    const read = open(bytes).root.list();
    expect(Array.from({ length: 300 }, (_, i) => read.pointer(i).text())).toEqual(Array.from({ length: 300 }, (_, i) => `text ${i}`.repeat(20)));
  });

  test("without a root is a message of a null pointer", () => {
    expect([...encode(begin())]).toEqual([...message("0000000000000000")]);
  });
});

test("released messages say so on every access, and growing memory is survived", () => {
  const builder = new MessageBuilder();
  const root = builder.root.initStruct(1, 1);
  const list = root.pointer(0).initList("byte", 1);
  wasm.memory.grow(1);
  root.setUint8(0, 1);
  wasm.memory.grow(1);
  list.setUint8(0, 2);
  wasm.memory.grow(1);
  const reader = new MessageReader(encode(builder));
  const read = reader.root.struct();
  wasm.memory.grow(1);
  expect([read.getUint8(0), read.pointer(0).list().getUint8(0)]).toEqual([1, 2]);
  release(builder);
  reader[Symbol.dispose]();
  release(reader);
  const said = /message: the message was released/;
  for (const access of [
    () => builder.root,
    () => root.getUint8(0),
    () => root.setUint8(0, 1),
    () => root.dataBytes,
    () => root.pointer(0),
    () => list.length,
    () => list.elementSize,
    () => list.getUint8(0),
    () => list.struct(0),
    () => encode(builder),
    () => reader.root,
    () => read.getBool(0),
    () => read.pointerCount,
    () => totalSize(read),
  ]) {
    expect(access).toThrow(said);
  }
});
