import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { accept, connect, connectPort, type Connection, Data, give, init, release, serve, Text, whenResolved, writable } from "../src/node.js";
import { Dedicated } from "../src/capstan/sinks.capnp.js";
import { makeClient } from "../src/client.js";
import * as glue from "../wasm/capstan_web.js";
import { DedicatedConnections, openSink, openSource, readFrom, Sink, sinkInto, type Source, sourceOf, writeTo } from "../src/sinks/index.js";
import { all, depot, texts, writeAll } from "./depot.js";
import { Depot, Person } from "./generated/depot.capnp.js";
import { state } from "./sockets.js";

/* Sinks and sources between two vats of this process, and what strangers try with tokens. */

await init();

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Lets go of all that a stream is, at its end, and says later that this was right. */
function hasty(): Depot {
  return serve(Depot, {
    async put({ items }) {
      const canceler = new AbortController();
      let count = 0;
      await new Promise<void>((resolve) => {
        const into = serve(Sink(Text), {
          write() {
            count++;
          },
          async end() {
            canceler.abort();
            release(items!);
            await new Promise((later) => setTimeout(later, 50));
            resolve();
          },
        });
        (items as Source<typeof Text>).pipe({ into: give(into) }, { signal: canceler.signal }).catch(() => {});
      });
      return { count };
    },
  });
}

/** Takes the first item for ever, and loses interest when it is told to. */
function fickle(): Depot {
  const canceler = new AbortController();
  let from: object | undefined;
  return serve(Depot, {
    stall({ items }) {
      from = items;
      const into = serve(Sink(Data), { write: () => new Promise(() => {}) });
      (items as Source<typeof Data>).pipe({ into: give(into) }, { signal: canceler.signal }).catch(() => {});
    },
    drop() {
      canceler.abort();
      if (from !== undefined) release(from);
    },
  });
}

async function overPort(bootstrap = depot()): Promise<{ near: Connection; client: Depot }> {
  const { port1, port2 } = new MessageChannel();
  const [far, near] = await Promise.all([connectPort(port1, { bootstrap }), connectPort(port2)]);
  closing.push(() => Promise.all([near.close(), far.close()]));
  return { near, client: near.bootstrap(Depot) };
}

describe("over a MessagePort", () => {
  test("streams go both ways, and leave nothing behind", async () => {
    const { near, client } = await overPort();
    const { source, stream } = await openSink(Text);
    const put = client.put({ name: "a", items: source });
    await writeAll(stream, texts(2000));
    expect(await put).toEqual({ count: 2000 });
    const { sink, stream: read } = await openSource(Text);
    const get = client.get({ name: "a", into: sink });
    expect(await all(read)).toEqual(texts(2000));
    await get;
    await expect.poll(() => near.stats()).toMatchObject({ questions: 0, exports: 0, imports: 1 });
  });

  test("streams of the platform's own are passed as they are", async () => {
    const { client } = await overPort();
    const put = client.put({ name: "a", items: sourceOf(Text, texts(10)) });
    expect(await put).toEqual({ count: 10 });
    async function* later(): AsyncGenerator<string> {
      yield "one";
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield "two";
    }
    expect(await client.put({ name: "b", items: sourceOf(Text, later()) })).toEqual({ count: 2 });
    const got: string[] = [];
    await client.get({ name: "b", into: sinkInto(Text, new WritableStream({ write: (item) => void got.push(item) })) });
    expect(got).toEqual(["one", "two"]);
    await expect(client.put({ name: "c", items: sourceOf(Text, failing()) })).rejects.toThrow("out of words");
    function* failing(): Generator<string> {
      yield "one";
      throw new Error("out of words");
    }
  });

  test("an iterator is told that its reader has gone", async () => {
    const { client } = await overPort();
    let told = false;
    function* forever(): Generator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(10);
      } finally {
        told = true;
      }
    }
    await client.stall({ items: sourceOf(Data, forever()) });
    await client.drop();
    await expect.poll(() => told).toBe(true);
  });

  test("a reader that has the end may go before it has answered that", async () => {
    const { client } = await overPort(hasty());
    const { source, stream } = await openSink(Text);
    const put = client.put({ name: "a", items: source });
    await writeAll(stream, texts(3));
    expect(await put).toEqual({ count: 3 });
  });

  test("a dedicated connection is not to be had", async () => {
    const { near } = await overPort();
    await expect(openSink(Text, { dedicated: near })).rejects.toMatchObject({
      kind: "unimplemented",
      reason: expect.stringContaining("connect(url)") as string,
    });
  });

  test("a writable of other interfaces takes a generic sink too", async () => {
    const { client } = await overPort();
    const { into } = await client.fill({ name: "w" });
    await writeAll(writable(into!), texts(3));
    expect(await all(readFrom((await client.take({ name: "w" })).items!))).toEqual(texts(3));
  });
});

test("a source has one reader, and one that nobody takes fails its writer", async () => {
  const { client } = await overPort();
  const { source, stream } = await openSink(Data);
  const { items } = await client.same({ items: source });
  const first = readFrom(items!);
  const { items: again } = await client.same({ items: sourceOf(Data, first) });
  again![Symbol.dispose]();
  const writer = stream.getWriter();
  writer.closed.catch(() => {});
  await expect(
    (async () => {
      for (;;) await writer.write(new Uint8Array(1));
    })(),
  ).rejects.toThrow(/nobody reads this stream any more|canceled/);

  const { source: untaken, stream: unread } = await openSink(Text);
  untaken[Symbol.dispose]();
  await expect(writeAll(unread, ["one"])).rejects.toThrow("nobody reads this stream any more");
});

test("an item that is null is refused: neither reader nor stream is given one", async () => {
  const { sink, stream } = await openSource(Person);
  await sink.write({ item: { name: "Ada" } });
  const reader = stream.getReader();
  expect((await reader.read()).value).toMatchObject({ name: "Ada" });
  const written: Person[] = [];
  const into = sinkInto(Person, new WritableStream<Person>({ write: (person) => void written.push(person) }));
  for (const each of [sink, into]) {
    // What a writer in another language can do, and none of ours.
    void each.write({}).catch(() => {});
    await expect(each.end()).rejects.toThrow('what is written to a stream has to be there: "item" is null');
    release(each);
  }
  await expect(reader.read()).rejects.toThrow("ended without its ending method being called");
  expect(written).toEqual([]);
});

test("writing waits until there is a reader, and an abort does not wait for one", async () => {
  const { stream } = await openSink(Text);
  const writer = stream.getWriter();
  writer.closed.catch(() => {});
  const write = writer.write("one");
  expect(await state(write)).toBe("pending");
  await writer.abort(new Error("enough"));
  await expect(write).rejects.toThrow("enough");
});

describe("the tokens of a server in JavaScript", () => {
  async function start(dedicated = new DedicatedConnections(), bootstrap = depot): Promise<{ url: string; accepted: Connection[]; connection: Connection; connectAgain(): Promise<Connection> }> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    const accepted: Connection[] = [];
    server.on("connection", (socket) => accepted.push(dedicated.allow(accept(socket, { bootstrap: bootstrap() }))));
    await once(server, "listening");
    closing.push(() => server.close());
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}/rpc`;
    const connectAgain = async (): Promise<Connection> => {
      const connection = await connect(url);
      closing.push(() => connection.close());
      return connection;
    };
    return { url, accepted, connection: await connectAgain(), connectAgain };
  }

  const door = (connection: Connection): Dedicated =>
    makeClient(Dedicated, glue.dedicated((connection.constructor as typeof Connection).id(connection)));

  test("are random, and good for one time", async () => {
    const { connection, connectAgain } = await start();
    const { token } = await door(connection).open();
    expect(token).toHaveLength(32);
    expect((await door(connection).open()).token).not.toEqual(token);
    const [first, second] = [await connectAgain(), await connectAgain()];
    await door(first).join({ token });
    await expect(door(second).join({ token })).rejects.toThrow("used before");
    await first.bootstrap(Depot).drop();
  });

  test("are refused when they are wrong, of another server, or of the connection itself", async () => {
    const [here, elsewhere] = [await start(), await start()];
    const { token } = await door(here.connection).open();
    const almost = token.slice();
    almost[31]! ^= 1;
    const other = await here.connectAgain();
    for (const wrong of [new Uint8Array(0), new Uint8Array(32), almost, token.subarray(1)]) {
      await expect(door(other).join({ token: wrong })).rejects.toThrow("not known");
    }
    await expect(door(await elsewhere.connectAgain()).join({ token })).rejects.toThrow("not of this server");
    await expect(door(here.connection).join({ token })).rejects.toThrow("has to be new");
    const { token: one } = await door(here.connection).open();
    const { token: two } = await door(here.connection).open();
    await door(other).join({ token: one });
    await expect(door(other).join({ token: two })).rejects.toThrow("has to be new");
  });

  test("expire, and break what was promised", async () => {
    const { connection, connectAgain } = await start(new DedicatedConnections({ tokenLifetime: 30 }));
    const { token, carried } = await door(connection).open();
    await expect(whenResolved(carried!)).rejects.toThrow("did not come within 30 ms");
    await expect(door(await connectAgain()).join({ token })).rejects.toThrow("has expired");
  });

  test("are limited for each connection", async () => {
    const { connection, connectAgain } = await start(new DedicatedConnections({ perConnection: 2 }));
    const { stream } = await openSink(Text, { dedicated: connection });
    const second = await openSink(Text, { dedicated: connection });
    await expect(openSink(Text, { dedicated: connection })).rejects.toMatchObject({ kind: "overloaded" });
    await openSink(Text, { dedicated: await connectAgain() });
    // Nobody was given the other end: it goes with this one.
    second.source[Symbol.dispose]();
    await stream.abort(new Error("enough"));
    await expect.poll(() => openSink(Text, { dedicated: connection }).then(() => "opened", () => "refused")).toBe("opened");
  });

  test("are for connections that last until the end of the stream was answered", async () => {
    const { connection, accepted } = await start(undefined, hasty);
    const { source, stream } = await openSink(Text, { dedicated: connection });
    const put = connection.bootstrap(Depot).put({ name: "a", items: source });
    await writeAll(stream, texts(3));
    expect(await put).toEqual({ count: 3 });
    await accepted[1]!.closed;
  });

  test("are for connections that close when the reader goes, and the write that waits says why", async () => {
    const { connection } = await start(undefined, fickle);
    const { source, stream } = await openSink(Data, { dedicated: connection });
    await connection.bootstrap(Depot).stall({ items: source });
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    let write: Promise<void>;
    do {
      write = writer.write(new Uint8Array(10_000));
    } while ((await Promise.race([write, new Promise((resolve) => setTimeout(resolve, 100, "waits"))])) !== "waits");
    const failing = expect(write).rejects.toThrow("nobody reads this stream any more");
    await connection.bootstrap(Depot).drop();
    await failing;
  });

  test("go with their connection", async () => {
    const { connection, connectAgain, accepted } = await start();
    const { token } = await door(connection).open();
    const other = await connectAgain();
    await connection.close();
    await accepted[0]!.closed;
    await expect(door(other).join({ token })).rejects.toThrow("not known");
  });

  test("of a parent that closes later take the dedicated connection along, on either side", async () => {
    const { connection, connectAgain, accepted } = await start();
    const { token } = await door(connection).open();
    const other = await connectAgain();
    await door(other).join({ token });
    void accepted[0]!.close();
    expect((await other.closed).reason).toContain("closed that this dedicated one belongs to");
  });

  test("are not to be had where they were not allowed", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (socket) => accept(socket, { bootstrap: depot() }));
    await once(server, "listening");
    closing.push(() => server.close());
    const connection = await connect(`ws://127.0.0.1:${(server.address() as { port: number }).port}/`);
    closing.push(() => connection.close());
    await expect(openSource(Text, { dedicated: connection })).rejects.toMatchObject({ kind: "unimplemented" });
    const { into } = await connection.bootstrap(Depot).fill({ name: "a" });
    await writeAll(writeTo(into!), ["one"]);
  });
});
