import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { CapnpError, connect, type Connection, readable, release, serve, source, writable } from "../src/node.js";
import { state, turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/* A connection that is lost fails what was under way as `disconnected`, whenever that happens, and says what to do. */

/** What is under way, when nothing that the other side sends arrives any more; to be rejected when the connection is lost. */
type Phase = (tester: Tester, pair: Pair) => Promise<Promise<unknown>[]> | Promise<unknown>[];

const CHUNK = { chunk: new Uint8Array(1000) };

/** Everything arrives until now, and nothing after. */
async function silence({ farSocket }: Pair): Promise<void> {
  await turn();
  farSocket.hold();
}

const phases: Record<string, Phase> = {
  "before the bootstrap object has come": (tester, { farSocket }) => {
    farSocket.hold();
    return [tester.echo({ text: "a" }), tester.open().sink.end()];
  },
  "with calls in flight": async (tester, pair) => {
    await tester.echo();
    const call = tester.never();
    await silence(pair);
    return [call, tester.echo()];
  },
  "before a pipelined capability has come": async (tester, pair) => {
    await tester.echo();
    await silence(pair);
    const { sink } = tester.open();
    return [sink.end()];
  },
  "in the middle of a stream, by hand": async (tester, pair) => {
    const { sink } = tester.open();
    await sink.write(CHUNK);
    await silence(pair);
    await sink.write(CHUNK);
    // The end says what became of the writes.
    const writes = [sink.write(CHUNK)];
    for (const write of writes) write.catch(() => {});
    return [sink.end()];
  },
  "in the middle of a stream that is piped": async (tester, pair) => {
    const { sink } = tester.open();
    await sink.write(CHUNK);
    await silence(pair);
    const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(100_000)) });
    const stream = writable(sink);
    return [endless.pipeTo(stream), stream.result];
  },
  "in the middle of a stream that is read": async (tester, pair) => {
    await tester.echo();
    const stream = readable(ByteSink, (into, options) => tester.use({ sink: into, times: 1_000_000 }, options));
    const reader = stream.getReader();
    await reader.read();
    await silence(pair);
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    return [rest];
  },
  "in end()": async (tester, pair) => {
    const { sink } = tester.open();
    await sink.write(CHUNK);
    await silence(pair);
    return [sink.end()];
  },
  "in close() of a writable stream": async (tester, pair) => {
    const stream = writable(tester.open().sink);
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    await writer.write(new Uint8Array(1000));
    await silence(pair);
    return [writer.close(), stream.result];
  },
};

describe("a connection that is lost", () => {
  test.each(Object.entries(phases))("%s", async (_phase, begin) => {
    const pair = connectPair(serve(Tester, new TestServer()));
    const tester = pair.near.bootstrap(Tester);
    const underWay = await begin(tester, pair);
    for (const promise of underWay) promise.catch(() => {});
    for (const promise of underWay) expect(await state(promise)).toBe("pending");
    pair.nearSocket.break();
    for (const promise of underWay) {
      const error = await promise.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(CapnpError);
      expect(error).toMatchObject({ kind: "disconnected", reason: expect.stringMatching(/lost without a goodbye.*connect again to go on/) as string });
    }
    expect(await pair.near.closed).toMatchObject({ kind: "disconnected" });
    await expectOver(pair.near, tester);
    // The other side has let go of everything too.
    await pair.far.closed;
    expect(Object.values(pair.far.stats()).some(Boolean)).toBe(false);
  });

  test("while it closes has the reason that it was closed for", async () => {
    const pair = connectPair(serve(Tester, new TestServer()));
    const tester = pair.near.bootstrap(Tester);
    await tester.echo();
    const call = tester.never();
    const closed = pair.near.close("that was all");
    pair.nearSocket.break();
    expect((await closed).reason).toBe("that was all");
    await expect(call).rejects.toMatchObject({ kind: "disconnected", reason: "that was all" });
    await expectOver(pair.near, tester);
    // And the other way round.
    const other = connectPair(serve(Tester, new TestServer()));
    other.nearSocket.break();
    void other.near.close("too late or not");
    expect((await other.near.closed).kind).toBe("disconnected");
  });

  test("aborts what the other side was writing into, and is seen by a method's signal", async () => {
    const signals: AbortSignal[] = [];
    const { client, stream } = source(ByteSink);
    const pair = connectPair(
      serve(Tester, {
        open: () => ({ sink: client }),
        never: (_params, { signal }) => (signals.push(signal), new Promise<never>(() => {})),
      }),
    );
    const tester = pair.near.bootstrap(Tester);
    const { sink } = tester.open();
    await sink.write(CHUNK);
    tester.never().catch(() => {});
    await turn();
    const reader = stream.getReader();
    await reader.read();
    pair.nearSocket.break();
    await expect(reader.read()).rejects.toMatchObject({ kind: "disconnected" });
    await turn();
    expect(signals[0]?.aborted).toBe(true);
  });
});

/** What becomes of a connection's things after its end. */
async function expectOver(connection: Connection, tester: Tester): Promise<void> {
  expect(Object.values(connection.stats()).some(Boolean)).toBe(false);
  await expect(tester.echo()).rejects.toMatchObject({ kind: "disconnected" });
  await expect(connection.bootstrap(Tester).echo()).rejects.toMatchObject({ kind: "disconnected" });
  const { sink } = tester.open();
  await expect(sink.write(CHUNK)).rejects.toMatchObject({ kind: "disconnected" });
  await expect(sink.end()).rejects.toMatchObject({ kind: "disconnected" });
  await expect(new Blob(["x"]).stream().pipeTo(writable(tester.open().sink))).rejects.toMatchObject({ kind: "disconnected" });
  expect(await connection.close()).toBe(await connection.closed);
  release(tester);
}

describe("connect() fails with the address and the cause when the connection is lost", () => {
  test.each<[string, (socket: Socket) => void]>([
    ["before a word is said", (socket) => socket.destroy()],
    ["in the middle of the handshake", (socket) => socket.once("data", () => socket.end("HTTP/1.1 101 Switching Pro"))],
    ["by an answer that is no handshake", (socket) => socket.once("data", () => socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))],
    ["by something that speaks another protocol", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
  ])("%s", async (_phase, treat) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      treat(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`;
    const error = await connect(url).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    server.close();
    expect(error).toMatchObject({ kind: "disconnected", reason: expect.stringMatching(/^cannot connect to ws:\/\/127.0.0.1:\d+\/rpc: .+; check that/) as string });
  });
});

describe("what is used after its end", () => {
  test("clients, streams and sources say so", async () => {
    const { near } = connectPair(serve(Tester, new TestServer()));
    const tester = near.bootstrap(Tester);
    const { sink } = tester.open();
    const stream = writable(sink);
    const writer = stream.getWriter();
    await writer.write(new Uint8Array(3));
    await writer.close();
    await expect(new Blob(["x"]).stream().pipeTo(writable(sink))).rejects.toThrow(/this client of testing.capnp:ByteSink was released by the stream that took it over; give writable\(\) a clone/);
    await expect(sink.write(CHUNK)).rejects.toThrow(/was released by the stream/);
    const { client, stream: incoming } = source(ByteSink);
    const use = tester.use({ sink: client, times: 3 });
    await incoming.cancel("no more");
    await expect(use).rejects.toThrow(/the reader has canceled the stream: no more/);
    await expect(tester.use({ sink: client, times: 1 })).rejects.toThrow(/this client of testing.capnp:ByteSink was released/);
    const mine = serve(ByteSink, new TestSink());
    release(mine);
    release(mine);
    await expect(tester.use({ sink: mine })).rejects.toThrow(/this client of testing.capnp:ByteSink was released; release it later, or keep a clone/);
  });
});
