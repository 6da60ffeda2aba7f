import { describe, expect, expectTypeOf, test } from "vitest";
import {
  AnyPointer,
  build,
  Capability,
  Data,
  decode,
  encode,
  init,
  Int8,
  List,
  type PointerType,
  read,
  serve,
  type StructDescriptor,
  Text,
  UInt32,
} from "../src/node.js";
import { pipelineOf } from "../src/seam/pipeline.js";
import { Colour, Defaults, Point, Shape } from "./generated/everything.capnp.js";
import * as js from "./generated/js/generics.capnp.js";
import * as generics from "./generated/generics.capnp.js";
import {
  anything,
  blob,
  blobs,
  Box,
  boxed,
  colours,
  Either,
  Fallbacks,
  Grow,
  holder,
  infinite,
  Kinds,
  Map as SchemaMap,
  matrix,
  NamedStore,
  nothing,
  people,
  People,
  Person,
  ratio,
  scalars,
  shapes,
  somebody,
  Store,
  User,
} from "./generated/generics.capnp.js";
import { bundled } from "./support.js";
import golden from "./golden-generics.json" with { type: "json" };

await init();

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

describe("a generic struct", () => {
  test("is a function from descriptors to descriptors", () => {
    expect(Box(Person)).toBe(Box(Person));
    expect(Box(Person)).not.toBe(Box(Text));
    expect(Box(List(Person))).toBe(Box(List(Person)));
    expect(Box()).toBe(Box(AnyPointer));
    expect(Box.$).toBe(Box().$);
    expect(SchemaMap(Text, Person)).toBe(SchemaMap(Text, Person));
    expect(SchemaMap(Text, Person).Entry).toBe(SchemaMap.Entry(Text, Person));
    expect(SchemaMap(Text, Person).Entry.Tag(Data)).toBe(SchemaMap.Entry.Tag(Text, Person, Data));
    expect(SchemaMap(Text).Entry).toBe(SchemaMap.Entry(Text, AnyPointer));
    expect(Box(Person).$.applied).toEqual([Person]);
    expect(Box.Mark.$.names).toEqual(["plain", "marked"]);
    expect([Box.limit, Box(Text).limit]).toEqual([12, 12]);
  });

  test("takes only what is behind pointers", () => {
    expect(() => (Box as (type: unknown) => unknown)(Colour)).toThrow(/scalars and enums, put a struct or a List\(…\) around them/);
    expect(() => (Box as (type: unknown) => unknown)(UInt32)).toThrow(TypeError);
    expect(() => (Box as (type: unknown) => unknown)({})).toThrow(/must be a struct, an interface/);
    // @ts-expect-error: a scalar
    expect(() => Box(UInt32)).toThrow(TypeError);
    // @ts-expect-error: an enum
    expect(() => Box(Colour)).toThrow(TypeError);
  });

  test("holds values of any type that is behind a pointer", () => {
    const of = <T extends PointerType>(type: T, value: Box.Input<T>): Box<T> => decode(Box(type), encode(Box(type), value));
    expect(of(Person, { value: { name: "p", age: 3 } }).value).toEqual({ name: "p", age: 3 });
    expect(of(Person, {}).value).toBeUndefined();
    expect(of(Text, { value: "t" }).value).toBe("t");
    expect(of(Text, {}).value).toBe("");
    expect(of(Data, { value: Uint8Array.of(1, 2) }).value).toEqual(Uint8Array.of(1, 2));
    expect(of(List(Int8), { value: Int8Array.of(-1, 2) }).value).toEqual([-1, 2]);
    expect(of(List(Int8), {}).value).toEqual([]);
    expect(of(List(Colour), { value: ["red", 9] }).value).toEqual(["red", 9]);
    expect(of(List(Person), { value: [{ name: "a" }, {}] }).value).toEqual([{ name: "a", age: 0 }, { name: "", age: 0 }]);
    expect(of(List(List(Text)), { value: [["a"], []] }).value).toEqual([["a"], []]);
    expect(of(List(Box(Text)), { value: [{ value: "in" }] }).value).toMatchObject([{ value: "in", next: undefined }]);
    expect(of(Box(Box(Text)), { value: { value: { value: "deep" } } }).value?.value?.value).toBe("deep");
    const any = of(AnyPointer, { value: { type: Person, value: { name: "any" } } }).value;
    expect(decode(Person, any?.message ?? new Uint8Array())).toEqual({ name: "any", age: 0 });
    const text = of(AnyPointer, { value: { type: Text, value: "any text" } }).value;
    expect(decode(Box(Text), encode(Box(), { value: text })).value).toBe("any text");
    expect(() => encode(Box(Person), { value: { age: 256 } })).toThrow(/generics.capnp:Box: value.age: expected an integer/);
    expect(() => encode(Box(Text), { value: 5 as never })).toThrow(/value: expected a string, got 5/);
    expect(() => encode(Box(List(UInt32)), { value: [-1] })).toThrow(/value\[0\]: expected an integer from 0/);
  });

  test("may stand in unions, groups and scopes of its own", () => {
    const either = Either(Person, Text);
    expect(decode(either, encode(either, { which: "left", left: { age: 1 } }))).toEqual({ which: "left", left: { name: "", age: 1 } });
    expect(decode(either, encode(either, { which: "right", right: "r" }))).toEqual({ which: "right", right: "r" });
    const both = { a: { name: "n", age: 0 }, b: "t" };
    expect(decode(either, encode(either, { which: "both", both }))).toEqual({ which: "both", both });
    expect(decode(either, encode(either, { which: 9 }))).toEqual({ which: 9 });
    const entries = [{ key: "k", value: { name: "v", age: 1 }, tag: { extra: "e", key: "kk", swapped: undefined } }];
    const map = SchemaMap(Text, Person);
    expect(decode(map, encode(map, { entries }))).toEqual({ entries });
  });

  test("that contains itself of ever larger types is refused where all of them would be needed", () => {
    const bytes = encode(Grow(Text), { value: "a", next: { value: { value: "b" } } });
    expect(() => decode(Grow(Text), bytes)).toThrow(/Grow leads to ever new types/);
    using view = read(Grow(Text), bytes);
    expect(view.next?.value?.value).toBe("b");
  });

  test("has types that follow what it is applied to", () => {
    expectTypeOf(decode(Box(Person), encode(Box(Person), {})).value).toEqualTypeOf<Person | undefined>();
    expectTypeOf(decode(SchemaMap(Text, Data).Entry, bytesOf(golden.noUser)).value).toEqualTypeOf<Uint8Array>();
    type Boxed<T extends PointerType> = ReturnType<typeof decode<Box<T>>>["value"];
    expectTypeOf<Boxed<typeof Person>>().toEqualTypeOf<Person | undefined>();
    expectTypeOf<Boxed<typeof Text>>().toEqualTypeOf<string>();
    expectTypeOf<Box<ReturnType<typeof List<typeof Int8>>>["value"]>().toEqualTypeOf<number[]>();
    expectTypeOf<Box["value"]>().toEqualTypeOf<AnyPointer | undefined>();
    expectTypeOf<Box<typeof Store>["value"]>().toEqualTypeOf<Store | undefined>();
    expectTypeOf<NonNullable<User["entry"]>["value"]>().toEqualTypeOf<Person | undefined>();
    expectTypeOf<NonNullable<NonNullable<User["tag"]>["swapped"]>["key"]>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<NonNullable<User["numbers"]>["value"]>().toEqualTypeOf<number[]>();
    expectTypeOf<Box.Input<typeof Person>["value"]>().toEqualTypeOf<Person.Input | undefined>();
    expectTypeOf<Box.View<typeof Person>["value"]>().toEqualTypeOf<Person.View | undefined>();
    expectTypeOf<Box.Builder<typeof Person>["initValue"]>().toEqualTypeOf<() => Person.Builder>();
    // @ts-expect-error: no text
    expect(() => encode(Box(Text), { value: { name: "" } })).toThrow(TypeError);
    // @ts-expect-error: no such field
    expect(() => encode(Box(Person), { value: { nom: "" } })).toThrow("generics.capnp:Person: value has no field nom; it has name, age");
  });

  test("reads what the C++ tool wrote", () => {
    const box = <T>(value: T) => ({ value, next: undefined, size: { label: "", count: 0 }, mark: "plain" });
    const user = {
      text: { ...box("t"), next: { ...box("n"), size: { label: "l", count: 3 } }, size: { label: "s", count: 0 } },
      unbound: undefined,
      entry: {
        key: "k",
        value: { name: "p", age: 4 },
        tag: { extra: "e", key: "kk", swapped: { key: "sk", value: { name: "", age: 1 }, tag: undefined } },
      },
      store: undefined,
      numbers: { ...box([1, 4000000000]), size: { label: [], count: 0 } },
      boxes: [
        { ...box(Uint8Array.of(1)), size: { label: new Uint8Array(), count: 0 } },
        { ...box(new Uint8Array()), mark: "marked", size: { label: new Uint8Array(), count: 0 } },
      ],
      nested: { ...box({ ...box(["red", "blue"]), size: { label: [], count: 0 } }), size: { label: undefined, count: 0 } },
      either: { which: "right", right: "r" },
      tag: {
        extra: Uint8Array.of(255),
        key: "tk",
        swapped: { key: Uint8Array.of(1, 2), value: { name: "sw", age: 0 }, tag: undefined },
      },
      grid: [[box("g")], []],
      mark: "marked",
      other: { ...box({ x: 1, y: 0, label: "o" }), size: { label: undefined, count: 0 } },
    };
    expect(decode(User, bytesOf(golden.user))).toEqual(user);
    expect(decode(User, bytesOf(golden.userInSegments))).toEqual(user);
    const again = encode(User, decode(User, bytesOf(golden.user)));
    expect(decode(User, again)).toEqual(user);
    expect(decode(js.User, again)).toEqual(user);
    expect(encode(js.User, decode(User, bytesOf(golden.user)))).toEqual(again);
    expect(decode(User, bytesOf(golden.noUser))).toEqual(decode(User, encode(User, {})));
  });
});

describe("views and builders", () => {
  test("of generic types", () => {
    using builder = build(Box(Person));
    builder.initValue().name = "built";
    builder.size.label = somebody;
    builder.initNext().value = { age: 5 };
    using view = read(Box(Person), encode(builder));
    expectTypeOf(view.value).toEqualTypeOf<Person.View | undefined>();
    expect(view.value?.name).toBe("built");
    expect(view.size.label?.age).toBe(42);
    expect(view.next?.value?.age).toBe(5);
    using map = build(SchemaMap(Text, List(Int8)));
    map.entries = [{ key: "k", value: [1, -1] }];
    map.entries.at(0).initTag().extra = "e";
    const entries = decode(SchemaMap(Text, List(Int8)), encode(map)).entries;
    expect(entries).toEqual([{ key: "k", value: [1, -1], tag: { extra: "e", key: "", swapped: undefined } }]);
    using user = read(User, bytesOf(golden.user));
    expect(user.tag?.swapped?.value?.name).toBe("sw");
    expect(user.grid.at(0).at(0).value).toBe("g");
    expect(user.nested?.value?.value.toArray()).toEqual(["red", "blue"]);
  });

  test("see defaults behind pointers", () => {
    using view = read(Fallbacks, encode(Fallbacks, {}));
    expect(view.person.age).toBe(99);
    expect(view.numbers.toArray()).toEqual([1, -2, 3]);
    expect(view.people.at(1).name).toBe("b");
    expect(view.box.next?.size.label).toBe("deep");
    expect(view.which === "a" && view.a.name).toBe("a");
  });
});

describe("a generic interface", () => {
  test("describes its methods with its type arguments", () => {
    const [get, put, box, push, open] = Store(Person).$.methods;
    expect(Store(Person)).toBe(Store(Person));
    expect(get?.results?.()).toBe(get?.results?.());
    expect(get?.results?.().$.fields()).toMatchObject([{ name: "value", of: Person, at: 0 }]);
    expect(put?.params().$.fields()).toMatchObject([{ name: "key" }, { name: "value", of: Person }]);
    expect(box?.params()).toBe(Box(Person));
    expect(box?.results?.()).toBe(Box(Text));
    expect(push?.streaming).toBe(true);
    const results = open?.results?.() as StructDescriptor;
    expect(results.$.fields()).toMatchObject([{ name: "store", of: Store(Box(Person)) }, { name: "other" }]);
    expect(pipelineOf(results).map(({ name }) => name)).toEqual(["store"]);
    expect(People.$.extends()).toEqual([NamedStore(Person)]);
    expect(NamedStore(Person).$.extends()).toEqual([Store(Person)]);
    // What a capability can be reached through depends on the arguments.
    const [getClient] = Store(People).$.methods;
    expect(getClient?.results && pipelineOf(getClient.results()).map(({ name }) => name)).toEqual(["value"]);
  });

  test("has clients and servers with types of its own", () => {
    type Get = Store<typeof Person>["get"];
    expectTypeOf<Awaited<ReturnType<Get>>["value"]>().toEqualTypeOf<Person | undefined>();
    expectTypeOf<Awaited<ReturnType<Store<typeof People>["get"]>>["value"]>().toEqualTypeOf<People | undefined>();
    expectTypeOf<ReturnType<Store<typeof People>["get"]>["value"]>().toEqualTypeOf<People>();
    expectTypeOf<Awaited<ReturnType<Store["box"]>>["value"]>().toEqualTypeOf<string>();
    expectTypeOf<People>().toExtend<Store<typeof Person>>();
    const server: Store.Server<typeof Person> = {
      get: ({ key }) => ({ value: { name: key } }),
      put: ({ value }) => (expectTypeOf(value).toEqualTypeOf<Person | undefined>(), undefined),
      box: ({ value }) => ({ value: value?.name }),
      push: () => undefined,
      open: () => ({}),
      swap: () => ({}),
      last: () => ({}),
      odd: () => ({}),
    };
    expect(server).toBeDefined();
  });

  test("is called and served", async () => {
    const pushed: unknown[] = [];
    const inner = serve(Store(Box(Person)), { get: ({ key }) => ({ value: { value: { name: key } } }) });
    const kept = new Map<string, Person | undefined>();
    using client = serve(People, {
      get: ({ key }) => ({ value: kept.get(key) }),
      put: ({ key, value }) => void kept.set(key, value),
      box: ({ value, size }) => ({ value: `${value?.name} ${size.label?.age}` }),
      push: ({ value }) => void pushed.push(value),
      open: ({ seed }) => ({ store: inner, other: seed }),
      name: () => ({ name: "people" }),
    });
    await client.put({ key: "k", value: { name: "kept", age: 7 } });
    expect(await client.get({ key: "k" })).toEqual({ value: { name: "kept", age: 7 } });
    expect(await client.get({ key: "none" })).toEqual({ value: undefined });
    expect((await client.box({ value: { name: "b" }, size: { label: { age: 5 } } })).value).toBe("b 5");
    await client.push({ value: { age: 1 } });
    expect(await client.name()).toEqual({ name: "people" });
    expect(pushed).toEqual([{ name: "", age: 1 }]);
    const call = client.open({ seed: { type: Text, value: "seed" } });
    expect((await call.store.get({ key: "piped" })).value?.value).toEqual({ name: "piped", age: 0 });
    const { other, store } = await call;
    expect(decode(Box(Text), encode(Box(), { value: other })).value).toBe("seed");
    store?.[Symbol.dispose]();
  });
});

describe("AnyPointers of a kind", () => {
  test("hold structs and lists", () => {
    const bytes = encode(Kinds, {
      any: { type: List(UInt32), value: [1] },
      struct: { type: Point, value: { x: 2 } },
      list: { type: List(Text), value: ["a"] },
    });
    const kinds = decode(Kinds, bytes);
    expect(decode(Point, kinds.struct?.message ?? new Uint8Array())).toMatchObject({ x: 2 });
    expect(decode(Box(List(Text)), encode(Box(), { value: kinds.list })).value).toEqual(["a"]);
    expect(decode(Kinds, encode(Kinds, kinds))).toEqual(kinds);
    expect(Kinds.$.fields()[3]).toMatchObject({ name: "cap", of: Capability });
  });
});

describe("defaults behind pointers", () => {
  const byDefault = {
    person: { name: "nobody", age: 99 },
    numbers: [1, -2, 3],
    people: [{ name: "a", age: 0 }, { name: "b", age: 2 }],
    texts: ["x", ""],
    box: {
      value: "boxed",
      next: { value: "", next: undefined, size: { label: "deep", count: 7 }, mark: "plain" },
      size: { label: "", count: 0 },
      mark: "plain",
    },
    shape: { name: "s", style: { colour: "green", pen: { which: "dashed", dashed: [1] } }, after: "", which: "circle", circle: 1.5 },
    itself: undefined,
    bools: [true, false, true],
    floats: [0.5, -Infinity],
    everything: decode(Defaults, encode(Defaults, { u8: 1 })),
    which: "a",
    a: { name: "a", age: 0 },
  };

  test("are what an absent value reads as", () => {
    expect(decode(Fallbacks, bytesOf(golden.fallbacks))).toEqual(byDefault);
    expect(decode(Fallbacks, encode(Fallbacks, {}))).toEqual(byDefault);
    expect(encode(Fallbacks, {})).toHaveLength(8 + 8 + (Fallbacks.$.dataWords + Fallbacks.$.pointers) * 8);
    expect(decode(Fallbacks, encode(Fallbacks, { which: "b" }))).toMatchObject({ which: "b", b: [18446744073709551615n] });
    const { a: _, ...common } = byDefault;
    expect(decode(Fallbacks, bytesOf(golden.memberFallback))).toEqual({ ...common, which: "c" });
    expect(decode(js.Fallbacks, bytesOf(golden.fallbacks))).toEqual(byDefault);
    expectTypeOf<Fallbacks["person"]>().toEqualTypeOf<Person>();
    expectTypeOf<Fallbacks["itself"]>().toEqualTypeOf<Fallbacks | undefined>();
  });

  test("give way to what is there", () => {
    const set = decode(Fallbacks, bytesOf(golden.setFallbacks));
    expect(set).toMatchObject({ person: { name: "set" }, numbers: [], people: [], texts: ["t"], bools: [], floats: [1], which: "b", b: [] });
    expect(set.box).toMatchObject({ value: "", next: undefined });
    expect(set.itself).toMatchObject({ numbers: [1], texts: ["x", ""] });
    expect(decode(Fallbacks, encode(Fallbacks, set))).toEqual(set);
  });

  test("are fresh each time", () => {
    const first = decode(Fallbacks, encode(Fallbacks, {}));
    first.numbers.push(4);
    first.person.name = "changed";
    expect(decode(Fallbacks, encode(Fallbacks, {}))).toEqual(byDefault);
  });

  test("are in the table of fields as messages", () => {
    const person = Fallbacks.$.fields().find(({ name }) => name === "person");
    expect(decode(Person, person?.or as Uint8Array)).toEqual({ name: "nobody", age: 99 });
  });
});

describe("constants", () => {
  test("and generics are dropped from a bundle but for what is used", async () => {
    const bundle = await bundled(`export { ratio } from "./generated/generics.capnp.js";`);
    expect(bundle).toContain(".10000000149");
    expect(bundle).not.toMatch(/decode|encode\$|freeze|generics\.capnp:|AnyPointer/);
    const one = await bundled(`export { Person, people } from "./generated/generics.capnp.js";`);
    expect(one).toContain("generics.capnp:Person");
    expect(one).not.toMatch(/generics\.capnp:Box|make\$|everything\.capnp/);
  });

  test("are plain values of every kind", () => {
    expect(somebody).toEqual({ name: 'Some "one"', age: 42 });
    expect(people).toEqual([{ name: "a", age: 1 }, somebody]);
    expect(matrix).toEqual([[1, 2], [], [-3]]);
    expect(boxed).toMatchObject({ value: ["p", "q"], mark: "marked", next: undefined });
    expect(shapes).toMatchObject([{ which: "circle", circle: 2 }, { which: "none" }]);
    expect(decode(Shape, encode(Shape, shapes[0] ?? {}))).toEqual(shapes[0]);
    expect(blob).toEqual(Uint8Array.of(0, 255, 16));
    expect(blobs).toEqual([Uint8Array.of(1), new Uint8Array()]);
    expect(decode(Person, anything.message)).toEqual(somebody);
    expect([nothing, ratio, infinite, colours]).toEqual([undefined, Math.fround(0.1), -Infinity, ["red", "blue"]]);
    expect(scalars).toMatchObject({ i64: -9007199254740993n, u64: 18446744073709551615n, f32: 1.5, colour: "blue", b: true });
    expect(holder).toMatchObject({ text: { value: "t" }, either: { which: "right", right: "r" }, boxes: [{ value: Uint8Array.of(0xaa) }] });
    expect(decode(User, encode(User, holder))).toEqual(holder);
    expect(Object.keys(js).sort()).toEqual(Object.keys(generics).sort());
    expect([js.somebody, js.matrix, js.scalars]).toEqual([somebody, matrix, scalars]);
  });

  test("cannot be changed", () => {
    expect(() => {
      // @ts-expect-error: it is read-only
      somebody.age = 1;
    }).toThrow(TypeError);
    // @ts-expect-error: and so are lists
    expect(() => people.push({ name: "", age: 0 })).toThrow(TypeError);
    expect(Object.isFrozen(holder.text?.size)).toBe(true);
  });
});
