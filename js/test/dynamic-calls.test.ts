import { readFileSync } from "node:fs";
import { expect, expectTypeOf, test } from "vitest";
import { type AnyClient, type AnyPipeline, compile } from "../src/compiler-node.js";
import { AnyPointer, CapabilityServerSet, decode, encode, fromWritable, List, readable, release, serve, source, Text, writable } from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair } from "./support.js";
import type { ListType } from "../src/codegen/v1.js";
import { Point } from "./generated/everything.capnp.js";
import { Box, type Either, Person, Pipe, Store } from "./generated/generics.capnp.js";

/* Generic interfaces, and those of schemas that are compiled at run time, in all that is done with clients. */

const schema = await compile({ "testing.capnp": readFileSync(new URL("schemas/testing.capnp", import.meta.url), "utf8") });
const ByteSink = schema.interface("ByteSink");
const Tester = schema.interface("Tester");

test("an interface of a schema compiled at run time streams both ways", async () => {
  const sinks = new CapabilityServerSet(ByteSink);
  const total = async (stream: ReadableStream<unknown>): Promise<bigint> => {
    let bytes = 0n;
    for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) bytes += BigInt(chunk.length);
    return bytes;
  };
  const own = { end: () => ({ total: 77n }) };
  const served = sinks.add(own);
  const found: unknown[] = [];
  let received = 0;
  const server = {
    open: () => ({
      sink: fromWritable(ByteSink, new WritableStream<Uint8Array>({ write: (chunk) => void (received += chunk.length) }), {
        result: () => ({ total: received }),
      }),
    }),
    async use({ sink, times }: { sink: { write(params: object): Promise<unknown>; end(): Promise<object> }; times: number }) {
      for (let i = 0; i < times; i++) await sink.write({ chunk: new Uint8Array(100) });
      return await sink.end();
    },
    async same({ sink }: { sink: typeof served | undefined }) {
      found.push(sink && (await sinks.getLocalServer(sink)));
      return { sink: served };
    },
  };
  const { near } = connectPair(serve(Tester, server));
  const tester = near.bootstrap(Tester);
  const stream = writable((await tester.open?.())?.sink as object);
  await new Blob([new Uint8Array(300_000)]).stream().pipeTo(stream as WritableStream<Uint8Array>);
  await expect(stream.result).resolves.toEqual({ total: 300_000n });
  const { client, stream: incoming } = source(ByteSink);
  const used = tester.use?.({ sink: client, times: 5 });
  await expect(total(incoming)).resolves.toBe(500n);
  await used;
  await expect(total(readable(ByteSink, (sink) => tester.use?.({ sink, times: 3 })))).resolves.toBe(300n);
  const { sink } = (await tester.same?.()) as { sink: typeof client };
  await expect(sink.end?.()).resolves.toEqual({ total: 77n });
  await tester.same?.({ sink });
  expect(found).toEqual([undefined, own]);
});

test("results of an interface that is compiled at run time are pipelined before they arrive", async () => {
  const written: unknown[] = [];
  const sink = { write: ({ chunk }: { chunk: Uint8Array }) => void written.push(chunk.length), end: () => ({ total: 5 }) };
  const { near } = connectPair(serve(Tester, { open: async () => (await turn(), { sink: serve(ByteSink, sink) }) }));
  using tester = near.bootstrap(Tester);
  const call = tester.open?.();
  const early: (AnyClient & AnyPipeline) | undefined = call?.sink;
  expectTypeOf(call).resolves.toEqualTypeOf<Record<string, unknown>>();
  await early?.write?.({ chunk: new Uint8Array(7) }, { timeout: 10_000 });
  await expect(early?.end?.()).resolves.toEqual({ total: 5n });
  expect(written).toEqual([7]);
  release(early as AnyClient);
});

test("a generic interface is served, called and streamed to with its types, over a connection", async () => {
  const People = Store(Person);
  const pushed: Person[] = [];
  const local = { get: ({ key }: { key: string }) => ({ value: { name: key, age: 3 } }), push: ({ value }: { value: Person | undefined }) => void (value && pushed.push(value)) };
  const { near } = connectPair(serve(People, local));
  const people = near.bootstrap(People);
  const { value } = await people.get({ key: "Ada" });
  expectTypeOf(value).toEqualTypeOf<Person | undefined>();
  expect(value).toEqual({ name: "Ada", age: 3 });
  const stream = writable(people, { write: "push", end: null });
  expectTypeOf(stream).toExtend<WritableStream<Person.Input>>();
  const writer = stream.getWriter();
  await writer.write({ name: "Bo" });
  await writer.write({ name: "Cy", age: 9 });
  await writer.close();
  await turn();
  expect(pushed).toEqual([{ name: "Bo", age: 0 }, { name: "Cy", age: 9 }]);

  const texts = source(Store(Text), { write: "push", end: null });
  const push = texts.client.push({ value: "one" });
  const reader = texts.stream.getReader();
  const one = await reader.read();
  expectTypeOf(one.value).toEqualTypeOf<string | undefined>();
  expect(one.value).toBe("one");
  await push;
  release(texts.client);
  expect((await reader.read()).done).toBe(true);
});

test("a generic method is called with what its type parameters stand for", async () => {
  const People = Store(Person);
  const any = (text: string): AnyPointer | undefined => decode(Box(), encode(Box(Text), { value: text })).value;
  const held: (AnyPointer | undefined)[] = [];
  const server: Store.Server<typeof Person> = {
    get: () => ({}),
    put: () => undefined,
    box: () => ({}),
    push: () => undefined,
    // Those who serve it are not told.
    open: ({ seed }) => {
      held.push(seed);
      return { other: seed };
    },
    swap: ({ which, ...members }) => (which === "left" ? { which: "right", right: (members as { left: AnyPointer }).left } : {}),
    last: () => ({ value: { type: Text, value: "last" } }),
    odd: ({ a, b, c }) => ({ c, either: b === undefined ? { which: "right", right: a } : { which: "left", left: b } }),
  };
  const { near } = connectPair(serve(People, server));
  const people = near.bootstrap(People);

  const { other } = await people.open({ seed: "seed" }, { types: [Text] });
  expectTypeOf(other).toEqualTypeOf<string>();
  expect(other).toBe("seed");
  expect(held).toEqual([any("seed")]);
  // @ts-expect-error: a number is no text
  await expect(people.open({ seed: 5 }, { types: [Text] })).rejects.toThrow(/seed: expected a string/);

  const ada = { name: "Ada", age: 3 };
  const swapped = await people.swap({ which: "left", left: ada }, { types: [Person, Text] });
  expect(swapped).toEqual({ which: "right", right: ada });
  if (swapped.which === "right" && typeof swapped !== "number") expectTypeOf(swapped.right).toEqualTypeOf<Person | undefined>();
  expect((await people.last({}, { types: [Person, Text] })).value).toBe("last");

  const odd = await people.odd({ a: "a", b: ["b"], c: { x: 1 } }, { types: [Text, List(Text), Point] });
  expectTypeOf(odd.either).toEqualTypeOf<Either<ListType<typeof Text>, typeof Text> | undefined>();
  expect(odd).toEqual({ c: { x: 1, y: 0, label: "" }, either: { which: "left", left: ["b"] } });
  const flowed: (AnyPointer | undefined)[] = [];
  const pipe = connectPair(serve(Pipe, { flow: ({ value }) => void flowed.push(value) })).near.bootstrap(Pipe);
  expectTypeOf(pipe.flow({ value: "flows" }, { types: [Text] })).toEqualTypeOf<Promise<void>>();
  await pipe.flow({ value: { type: Text, value: "flows" } });
  await turn();
  expect(flowed).toEqual([any("flows"), any("flows")]);

  // Unsaid, they are AnyPointers.
  const open = await people.open({ seed: { type: Text, value: "any" } });
  expectTypeOf(open.other).toEqualTypeOf<AnyPointer | undefined>();
  expect(open.other).toEqual(any("any"));

  const files = ["generics.capnp", "everything.capnp", "other.capnp"];
  const generics = await compile(Object.fromEntries(files.map((name) => [name, readFileSync(new URL(`schemas/${name}`, import.meta.url), "utf8")])));
  // The same interface with other arguments is another.
  generics.interface("Store", Text).$.methods[0]?.results?.();
  const dynamic = connectPair(serve(People, server)).near.bootstrap(generics.interface("Store", generics.struct("Person")));
  expect(await dynamic.open?.({ seed: "seed" }, { types: [Text] })).toEqual({ other: "seed" });
  expect(await dynamic.swap?.({ which: "left", left: ada }, { types: [generics.struct("Person"), Text] })).toEqual({ which: "right", right: ada });
  expect((await dynamic.open?.({ seed: { type: Text, value: "any" } }))?.other).toEqual(any("any"));
  expect(await dynamic.get?.({ key: "" })).toEqual({ value: undefined });
});

test("capabilities in the results of a generic method are pipelined", async () => {
  const inner = serve(Store(Box(Person)), { get: ({ key }: { key: string }) => ({ value: { value: { name: key } } }) });
  const { near } = connectPair(serve(Store(Person), { open: () => ({ store: inner, other: { type: Text, value: "o" } }) }));
  const call = near.bootstrap(Store(Person)).open({}, { types: [Text] });
  await expect(call.store.get({ key: "x" })).resolves.toMatchObject({ value: { value: { name: "x", age: 0 } } });
  await expect(call).resolves.toMatchObject({ other: "o" });
  release(call.store);
});
