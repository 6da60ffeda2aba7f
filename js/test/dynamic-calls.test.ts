import { readFileSync } from "node:fs";
import { expect, expectTypeOf, test } from "vitest";
import { type AnyClient, type AnyPipeline, compile } from "../src/compiler-node.js";
import { CapabilityServerSet, fromWritable, readable, release, serve, source, Text, writable } from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair } from "./support.js";
import { Person, Store } from "./generated/generics.capnp.js";

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
