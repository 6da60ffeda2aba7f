import { expect, test } from "vitest";
import { compile } from "../src/compiler-node.js";
import { build, connectPort, decode, encode, fromWritable, init, type InterfaceDescriptor, read, readable, reconnecting, serve, source, type StructDescriptor } from "../src/node.js";
import { connectPair } from "./support.js";
import { Colour, Point } from "./generated/everything.capnp.js";
import { ByteSink } from "./generated/testing.capnp.js";

/* Something else where a type of a generated module belongs. */

await init();
const schema = await compile({ "callback.capnp": "@0xd5a1f0c27b3e4896; interface Callback { call @0 (); }" });

test.each([
  [undefined, "undefined"],
  [{ x: 1 }, "an object \\(Object\\)"],
  ["Point", 'the string "Point"'],
  [ByteSink, "the interface testing\\.capnp:ByteSink"],
])("messages want the type of a struct, not %#", (mistake, got) => {
  const type = mistake as unknown as StructDescriptor;
  for (const [name, use] of Object.entries({
    encode: () => encode(type, {}),
    decode: () => decode(type, new Uint8Array(16)),
    read: () => read(type, new Uint8Array(16)),
    build: () => build(type),
  })) {
    expect(use).toThrow(new RegExp(`^${name}\\(\\): expected the type of a struct, as generated modules export it, got ${got}$`));
    expect(use).toThrow(TypeError);
  }
});

test.each([
  [undefined, "undefined"],
  [Point, "the struct everything\\.capnp:Point"],
  [Colour, "the enum everything\\.capnp:Colour"],
])("clients and what they lead to want that of an interface, not %#", (mistake, got) => {
  const type = mistake as unknown as InterfaceDescriptor<object, object>;
  const { near } = connectPair(serve(ByteSink, {}));
  const expected = `expected the type of an interface, as generated modules export it, got ${got}$`;
  expect(() => serve(type, {})).toThrow(new RegExp(`^serve\\(\\): ${expected}`));
  expect(() => near.bootstrap(type)).toThrow(new RegExp(`^a client: ${expected}`));
  expect(() => source(type)).toThrow(new RegExp(`^source\\(\\): ${expected}`));
  expect(() => readable(type, () => {})).toThrow(new RegExp(`^readable\\(\\): ${expected}`));
  expect(() => fromWritable(type, new WritableStream())).toThrow(new RegExp(`^fromWritable\\(\\): ${expected}`));
});

test("an object of one's own is no client, and serve() makes one of it", () => {
  expect(() => connectPair({ write() {} })).toThrow(/^bootstrap\(\) wants a client, got object; .*; of an object of your own, serve\(type, object\) makes one$/);
});

test("what is written to is a stream", () => {
  expect(() => fromWritable(ByteSink, {} as never)).toThrow(/^fromWritable\(\): expected a WritableStream, got an object \(Object\)$/);
  expect(() => fromWritable(ByteSink, undefined as never)).toThrow(/got undefined$/);
});

test("a timeout is a number of milliseconds that are to come", async () => {
  const { near } = connectPair(serve(ByteSink, {}));
  for (const timeout of [-1, Number.NaN, "5" as never]) {
    await expect(near.bootstrap(ByteSink).end({}, { timeout })).rejects.toThrow(/^timeout: expected a number of milliseconds, got /);
  }
});

test("connections are made of ports and by functions", async () => {
  const expected = /^connectPort\(\): expected a MessagePort, a Worker, or the self of one, got an object \(MessageChannel\)$/;
  await expect(connectPort(new MessageChannel() as never)).rejects.toThrow(expected);
  await expect(connectPort(undefined as never)).rejects.toThrow(/got undefined$/);
  expect(() => reconnecting("ws://localhost" as never)).toThrow(/^reconnecting\(\): expected a function that connects, such as \(\) => connect\(url\), got the string "ws:\/\/localhost"$/);
});

test("what is served is an object", () => {
  for (const mistake of [undefined, null, 5]) {
    expect(() => serve(ByteSink, mistake as never)).toThrow(/^serve\(\): expected an object with the methods of the interface, got /);
  }
  class FileSink {}
  expect(() => serve(ByteSink, FileSink as never)).toThrow(
    new TypeError("serve(): expected an object with the methods of the interface, got a class or function without them; pass an instance: new FileSink()"),
  );
  // Which every class has.
  const Callback = schema.interface("Callback");
  expect(() => serve(Callback, FileSink)).toThrow(/pass an instance: new FileSink\(\)$/);
  expect(() => serve(Callback, { call: 5 } as never)).toThrow(new TypeError("serve(): Callback.call: expected a function, got 5"));
  class Statics {
    static end = () => ({ total: 3n });
  }
  expect(() => serve(ByteSink, Statics)).not.toThrow();
});

test("its methods are functions, those that it has", () => {
  expect(() => serve(ByteSink, { write: 5 } as never)).toThrow(new TypeError("serve(): ByteSink.write: expected a function, got 5"));
  expect(() => serve(ByteSink, { write: undefined } as never)).not.toThrow();
});
