import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { accept, CapnpError, connect, type Connection, Data, isSame, List, release, Text, UInt16, whenResolved } from "../src/node.js";
import { DedicatedConnections, openSink, openSource, readFrom, type SinkOptions, sourceOf, writeTo } from "../src/sinks/index.js";
import { all, depot, texts, writeAll } from "./depot.js";
import { Depot, Person } from "./generated/depot.capnp.js";

/* Sinks and sources over real sockets, with servers in JavaScript and in Rust, on the shared connection and on connections of their own. */

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Serves in this process; gives the address. */
async function startJavaScript(dedicated = new DedicatedConnections()): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  const accepted: Connection[] = [];
  server.on("connection", (socket) => accepted.push(dedicated.allow(accept(socket, { bootstrap: depot() }))));
  await once(server, "listening");
  closing.push(() => {
    for (const connection of accepted) void connection.close();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/rpc`;
}

async function startRust(...options: string[]): Promise<string> {
  const program = join(import.meta.dirname, "../../target/debug/examples/depot");
  const child: ChildProcess = spawn(program, options, { stdio: ["ignore", "pipe", "inherit"] });
  closing.push(() => child.kill());
  const failed = once(child, "error").then(([error]) =>
    Promise.reject(new Error(`${program} does not start; \`cargo build -p capstan-net --example depot\` makes it`, { cause: error })),
  );
  const [line] = (await Promise.race([once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line"), failed])) as [string];
  return line;
}

async function connected(url: string): Promise<{ connection: Connection; client: Depot }> {
  const connection = await connect(url);
  closing.push(() => connection.close());
  return { connection, client: connection.bootstrap(Depot) };
}

describe.each([
  ["JavaScript", startJavaScript],
  ["Rust", startRust],
] as const)("with a server in %s", (server, start) => {
  describe.each([
    ["the shared connection", () => ({})],
    ["a connection of its own", (connection: Connection) => ({ dedicated: connection })],
  ] as const)("over %s", (_, choose) => {
    async function open(): Promise<{ connection: Connection; client: Depot; how: SinkOptions }> {
      const { connection, client } = await connected(await start());
      return { connection, client, how: choose(connection) };
    }

    test("a sink passed in a call arrives as a source, and the other way round", async () => {
      const { client, how } = await open();
      const { source, stream } = await openSink(Text, how);
      const put = client.put({ name: "a", items: source });
      await writeAll(stream, texts(1000));
      expect(await put).toEqual({ count: 1000 });

      const { sink, stream: read } = await openSource(Text, how);
      const get = client.get({ name: "a", into: sink });
      expect(await all(read)).toEqual(texts(1000));
      await get;
    });

    test("results carry them too", async () => {
      const { client, how } = await open();
      await writeAll(writeTo((await client.fill({ name: "b" })).into!, how), texts(100));
      expect(await all(readFrom(client.take({ name: "b" }).items, how))).toEqual(texts(100));
    });

    test("both directions have types of their own", async () => {
      const { client, how } = await open();
      const { source, stream } = await openSink(Text, how);
      const { people } = await client.introduce({ names: source });
      const reader = readFrom(people!, how).getReader();
      const writer = stream.getWriter();
      await writer.write("Ada");
      expect(await reader.read()).toEqual({ done: false, value: { name: "Ada", born: 1803 } });
      await writer.write("Last");
      expect((await reader.read()).value?.name).toBe("Last");
      expect((await reader.read()).done).toBe(true);
      // Its reader has what it wanted, and is gone.
      writer.closed.catch(() => {});
      await expect(
        (async () => {
          for (;;) await writer.write("Charles");
        })(),
      ).rejects.toThrow("nobody reads this stream any more");
    });

    test("a writer's reason to stop reaches the reader", async () => {
      const { client, how } = await open();
      const { source, stream } = await openSink(Text, how);
      const { people } = await client.introduce({ names: source });
      const writer = stream.getWriter();
      writer.closed.catch(() => {});
      writer.write("Nobody").catch(() => {});
      await expect(all(readFrom(people!, how))).rejects.toThrow("nobody is nobody");

      const { source: second, stream: given } = await openSink(Text, how);
      const put = client.put({ name: "a", items: second });
      await given.abort(new Error("thought better of it"));
      await expect(put).rejects.toThrow("thought better of it");
    });

    test("a stream that stops before its end is an error", async () => {
      const { client, how } = await open();
      const { into } = await client.fill({ name: "f" });
      const stream = writeTo(into!, how);
      const writer = stream.getWriter();
      await writer.write("one");
      await writer.abort(new Error("no reason that arrives"));
      const { items } = await client.take({ name: "f" });
      expect(await all(readFrom(items!))).toEqual([expect.stringMatching(/ended without|stopped before its end/)]);
    });

    test("a slow reader makes a slow writer, and dropping it fails the writer", async () => {
      const { client, how } = await open();
      const { source, stream } = await openSink(Data, how);
      await client.stall({ items: source });
      const writer = stream.getWriter();
      writer.closed.catch(() => {});
      let written = 0;
      const write = async (): Promise<void> => {
        for (; written < 2000; written++) await writer.write(new Uint8Array(10_000));
        await writer.close();
      };
      const writing = write();
      writing.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 300));
      // All of it would be 20 MB.
      expect(written).toBeLessThan(500);
      expect(await client.resume()).toEqual({ bytes: 20_000_000n });
      await writing;

      const { source: other, stream: unread } = await openSink(Data, how);
      await client.stall({ items: other });
      const again = unread.getWriter();
      again.closed.catch(() => {});
      await again.write(new Uint8Array(1000));
      await client.drop();
      await expect(
        (async () => {
          for (;;) await again.write(new Uint8Array(1000));
        })(),
      ).rejects.toThrow("nobody reads this stream any more");
    });

    test("canceling fails the writer", async () => {
      const { client, how } = await open();
      await writeAll(writeTo((await client.fill({ name: "c" })).into!, how), texts(5000));
      const { sink, stream } = await openSource(Text, how);
      const get = client.get({ name: "c", into: sink });
      for await (const item of stream) {
        expect(item).toBe("item 0");
        break;
      }
      await expect(get).rejects.toThrow(/reader has canceled/);
    });

    test("a hundred thousand items arrive, with little in flight", { timeout: 180_000 }, async () => {
      const { connection, client, how } = await open();
      const { source, stream } = await openSink(Text, how);
      const put = client.put({ name: "many", items: source });
      const writer = stream.getWriter();
      let most = 0;
      for (let n = 0; n < 100_000; n++) {
        await writer.ready;
        writer.write(`item ${n}`).catch(() => {});
        if (n % 100 === 0) most = Math.max(most, connection.stats().questions);
      }
      await writer.close();
      expect(await put).toEqual({ count: 100_000 });
      expect(most).toBeLessThan(20_000);
      let count = 0;
      for await (const item of readFrom(client.take({ name: "many" }).items, how)) {
        if (item !== `item ${count}`) throw new Error(`${item} came as number ${count}`);
        count++;
      }
      expect(count).toBe(100_000);
    });
  });

  test("items are of every kind of type", async () => {
    const { client } = await connected(await start());
    const copies = async <T extends Parameters<typeof openSink>[0]>(type: T, items: unknown[]): Promise<unknown[]> => {
      const { items: copied } = await client.copy({ items: sourceOf(type, items as never[]) as never }, { types: [type] as never });
      return await all(readFrom(copied as never));
    };
    expect(await copies(Text, ["naïve", ""])).toEqual(["naïve", ""]);
    // Items stay what they are: nothing is split or merged.
    expect(await copies(Data, [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(200_000)])).toEqual([new Uint8Array(0), Uint8Array.of(1), new Uint8Array(200_000)]);
    expect(await copies(List(UInt16), [[1, 2, 3], []])).toEqual([[1, 2, 3], []]);
    expect(await copies(List(Text), [["a", "b"]])).toEqual([["a", "b"]]);
    expect(await copies(List(Person), [[{ name: "Ada" }]])).toEqual([[{ name: "Ada", born: 0 }]]);
    expect(await copies(Person, [{ born: 1815 }])).toEqual([{ name: "", born: 1815 }]);
    const mine = depot();
    // A server in JavaScript has to know the type of a capability.
    const [back] = (server === "Rust" ? await copies(Depot, [mine]) : await all(readFrom(sourceOf(Depot, [mine])))) as [object];
    await whenResolved(back);
    expect(isSame(back, mine)).toBe(true);
    release(mine);
  });

  test("bulk data does not go over the parent, which is answered meanwhile", async () => {
    const { connection, client } = await connected(await start());
    const { source, stream } = await openSink(Data, { dedicated: connection });
    await client.stall({ items: source });
    const writing = writeAll(stream, Array.from({ length: 500 }, () => new Uint8Array(65536)));
    expect(await client.resume()).toEqual({ bytes: 500n * 65536n });
    await writing;
    const { delivered, exports } = connection.stats();
    expect({ delivered, exports }).toEqual({ delivered: 0, exports: 0 });
  });

  test("a dedicated stream ends with its parent", async () => {
    const { connection, client } = await connected(await start());
    const { source, stream } = await openSink(Text, { dedicated: connection });
    const { people } = await client.introduce({ names: source });
    const reader = readFrom(people!, { dedicated: connection }).getReader();
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    await writer.write("Ada");
    await reader.read();
    await connection.close();
    await expect(reader.read()).rejects.toThrow("closed that this dedicated one belongs to");
    await expect(
      (async () => {
        for (;;) await writer.write("Charles");
      })(),
    ).rejects.toBeInstanceOf(CapnpError);
  });
});

test("a server in Rust that does not offer dedicated connections is an error that says so", async () => {
  const { connection, client } = await connected(await startRust("--plain"));
  const opening = openSink(Text, { dedicated: connection });
  await expect(opening).rejects.toMatchObject({ kind: "unimplemented", reason: expect.stringContaining("the server does not offer them") as string });
  const { into } = await client.fill({ name: "a" });
  await expect(writeAll(writeTo(into!, { dedicated: connection }), ["one"])).rejects.toThrow("does not offer them");
});

test("other interfaces, other connections and other objects are told apart", async () => {
  const { client } = await connected(await startJavaScript());
  expect(() => readFrom(client as never)).toThrow("readFrom() wants a client of Source(…), got one of Depot");
  expect(() => writeTo(client as never)).toThrow("writeTo() wants a client of Sink(…), got one of Depot");
  await expect(openSink(Text, { dedicated: {} as Connection })).rejects.toThrow("dedicated: expected a connection");
});
