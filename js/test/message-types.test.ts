import { describe, expectTypeOf, test } from "vitest";
import {
  adopt,
  build,
  disown,
  encode,
  encodePacked,
  equals,
  List,
  type ListBuilder,
  type ListView,
  MessageBuilder,
  MessageReader,
  type Orphan,
  read,
  release,
  Text,
  totalSize,
  type TotalSize,
} from "../src/index.js";
import { Holder, Lists, Point, Scalars, Shape } from "./generated/everything.capnp.js";
import { Box, Person } from "./generated/generics.capnp.js";

/* What the type checker has to say of views and builders. Nothing here runs. */

declare const bytes: Uint8Array;

function never(_body: () => unknown): void {}

describe("types", () => {
  test("of views", () => {
    never(() => {
      const shape = read(Shape, bytes, { traversalLimitWords: 9, nestingLimit: 3, packed: true });
      expectTypeOf(shape).toExtend<Shape.View & Disposable>();
      expectTypeOf(shape.name).toEqualTypeOf<string>();
      expectTypeOf(shape.style.colour).toEqualTypeOf<"red" | "green" | "blue" | number>();
      if (shape.which === "polygon") expectTypeOf(shape.polygon).toEqualTypeOf<ListView<Point.View>>();
      if (shape.which === "inner") expectTypeOf(shape.inner).toEqualTypeOf<Shape.View | undefined>();
      // @ts-expect-error: only the member that is there can be read
      void shape.circle;
      // @ts-expect-error: a view cannot be set
      shape.name = "x";
      const scalars = read(Scalars, bytes);
      expectTypeOf(scalars.u64).toEqualTypeOf<bigint>();
      expectTypeOf(scalars.b).toEqualTypeOf<boolean>();
      const lists = read(Lists, bytes);
      expectTypeOf(lists.structs.at(0).label).toEqualTypeOf<string>();
      expectTypeOf(lists.matrix.at(0).at(0)).toEqualTypeOf<number>();
      expectTypeOf([...lists.texts]).toEqualTypeOf<string[]>();
      expectTypeOf(lists.datas.toArray()).toEqualTypeOf<Uint8Array[]>();
      expectTypeOf(read(Holder, bytes).any?.as(Point)).toEqualTypeOf<Point.View | undefined>();
      expectTypeOf(read(Holder, bytes).any?.as(Text)).toEqualTypeOf<string | undefined>();
      expectTypeOf(read(Box(Person), bytes).value?.age).toEqualTypeOf<number | undefined>();
      // @ts-expect-error: a type is no bytes
      read(Shape, Shape);
      // @ts-expect-error: a list is not the type of a root struct
      read(List(Text), bytes);
    });
  });

  test("of builders", () => {
    never(() => {
      const shape = build(Shape);
      expectTypeOf(shape).toExtend<Shape.Builder & Disposable>();
      expectTypeOf(shape.which).toExtend<string | number>();
      expectTypeOf(shape.circle).toEqualTypeOf<number | undefined>();
      expectTypeOf(shape.initPolygon(2).at(0)).toEqualTypeOf<Point.Builder>();
      expectTypeOf(shape.initBox()).toEqualTypeOf<Shape.box.Builder>();
      shape.corner = { x: 1 };
      shape.corner = read(Point, bytes);
      shape.corner = build(Point);
      shape.none = undefined;
      shape.style = { colour: "red", pen: { which: "solid" } };
      // @ts-expect-error: a name is a string
      shape.name = 5;
      // @ts-expect-error: another struct
      shape.corner = build(Holder);
      // @ts-expect-error: a message changes its member by setting it
      shape.which = "none";
      const lists = build(Lists);
      lists.u64s = [1, 2n];
      lists.u64s = BigUint64Array.of(1n);
      lists.structs = read(Lists, bytes).structs;
      lists.structs = [{ x: 1 }];
      lists.initStructs(1).set(0, { x: 1 });
      lists.initGrid(1).init(0, 3).at(0).x = 1;
      expectTypeOf(lists.initTexts(1)).toEqualTypeOf<ListBuilder<string>>();
      // @ts-expect-error: a text is no number
      lists.initTexts(1).set(0, 1);
      const scalars = build(Scalars);
      scalars.u64 = 5n;
      scalars.colour = "blue";
      // @ts-expect-error: there is no such enumerant
      scalars.colour = "pink";
    });
  });

  test("of orphans", () => {
    never(() => {
      const shape = build(Shape);
      expectTypeOf(disown(shape, "corner")).toEqualTypeOf<Orphan<Point.Builder>>();
      adopt(shape, "corner", disown(shape, "corner"));
      adopt(shape, "name", disown(shape, "after"));
      // @ts-expect-error: a text is no point
      adopt(shape, "corner", disown(shape, "name"));
      // @ts-expect-error: there is no such field
      disown(shape, "nonsense");
      const list = build(Lists).initTexts(2);
      adopt(list, 0, disown(list, 1));
      // @ts-expect-error: a list is disowned from by index
      disown(list, "first");
    });
  });

  test("of messages without a schema, and of functions over open ones", () => {
    never(() => {
      const reader = new MessageReader(bytes, { packed: true });
      expectTypeOf(reader.root.struct().getUint64(0)).toEqualTypeOf<bigint>();
      expectTypeOf(reader.root.as(Point)).toEqualTypeOf<Point.View | undefined>();
      expectTypeOf(reader.root.capability()).toEqualTypeOf<number | undefined>();
      // @ts-expect-error: what is read cannot be set
      reader.root.setText("x");
      const builder = new MessageBuilder();
      builder.root.set(Point, { x: 1 });
      builder.root.initList("bit", 1).setBool(0, true);
      // @ts-expect-error: lists of structs have a method of their own
      builder.root.initList("struct", 1);
      // @ts-expect-error: no point
      builder.root.set(Point, { z: 1 });
      expectTypeOf(encode(builder)).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
      expectTypeOf(encodePacked(build(Point))).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
      expectTypeOf(totalSize(builder.root)).toEqualTypeOf<TotalSize>();
      expectTypeOf(equals(builder.root, reader.root)).toEqualTypeOf<boolean>();
      expectTypeOf(release(builder)).toEqualTypeOf<void>();
      expectTypeOf(encode(Point, build(Point))).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    });
  });
});
