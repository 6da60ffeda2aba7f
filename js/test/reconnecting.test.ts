import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { accept, CapnpError, connect, type Connection, give, reconnecting, release, serve } from "../src/node.js";
import { socketPair, state, turn } from "./sockets.js";
import { TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

const open: Connection[] = [];
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

/** Connects in this process, and keeps both ends. */
function network(server: Partial<Tester.Server>): { connect: () => Connection; ends: { near: Connection; far: Connection; break(): void }[] } {
  const ends: { near: Connection; far: Connection; break(): void }[] = [];
  return {
    ends,
    connect() {
      const [nearSocket, farSocket] = socketPair();
      const far = accept(farSocket, { bootstrap: give(serve(Tester, server)) });
      const near = accept(nearSocket);
      open.push(near, far);
      ends.push({ near, far, break: () => nearSocket.break() });
      return near;
    },
  };
}

describe("a reconnecting client", () => {
  test("connects with the first call, and keeps the connection", async () => {
    const { connect, ends } = network(new TestServer());
    const link = reconnecting(connect);
    using tester = link.bootstrap(Tester);
    using same = link.bootstrap(Tester);
    await turn();
    expect(ends).toHaveLength(0);
    expect(link.connection).toBeUndefined();
    const calls = [1, 2, 3].map((n) => tester.echo({ text: `${n}` }));
    await expect(Promise.all(calls)).resolves.toEqual([1, 2, 3].map((n) => ({ text: `${n}` })));
    await same.echo();
    expect(ends).toHaveLength(1);
    expect(link.connection).toBe(ends[0]?.near);
    await link.close();
  });

  test("connects again with the first call after a loss, and makes no call twice", async () => {
    const server = new TestServer();
    const { connect, ends } = network(server);
    const link = reconnecting(connect);
    const tester = link.bootstrap(Tester);
    const { sink } = tester.open({ name: "a" });
    await sink.write({ chunk: new Uint8Array(3) });
    const lost = tester.never();
    await tester.echo();
    ends[0]?.break();
    await expect(lost).rejects.toMatchObject({ kind: "disconnected" });
    // In the very turn in which it is heard, and through what is pipelined on it.
    await expect(tester.open({ name: "b" }).sink.end()).resolves.toEqual({ total: 0n });
    expect(ends).toHaveLength(2);
    expect(server.calls).toBe(1);
    // What came over the lost connection stays broken.
    await expect(sink.end()).rejects.toMatchObject({ kind: "disconnected" });
    release(tester);
    await link.close();
  });

  test("streams, to and fro, and passes on calls that are given up", async () => {
    const server = new TestServer();
    const { connect } = network(server);
    const link = reconnecting(connect);
    const tester = link.bootstrap(Tester);
    const mine = new TestSink();
    await expect(tester.use({ sink: give(serve(ByteSink, mine)), times: 20 })).resolves.toEqual({ total: 20n });
    const { sink } = tester.open({ name: "a" });
    for (let i = 0; i < 50; i++) await sink.write({ chunk: new Uint8Array(5000) });
    await expect(sink.end()).resolves.toEqual({ total: 250_000n });
    expect(server.sinks.get("a")?.mostRunning).toBe(1);
    const controller = new AbortController();
    const call = tester.never({}, { signal: controller.signal });
    await tester.echo();
    controller.abort();
    await expect(call).rejects.toBeDefined();
    await turn();
    expect(server.canceled).toEqual(["never"]);
    await link.close();
  });

  test("fails the calls that wait when there is no connection to be had, and tries again with the next", async () => {
    const { connect } = network(new TestServer());
    let tries = 0;
    const link = reconnecting(async () => {
      if (++tries < 3) throw new CapnpError("disconnected", `nobody there, ${tries}`);
      return connect();
    });
    const tester = link.bootstrap(Tester);
    const calls = [tester.echo(), tester.echo()];
    for (const call of calls) await expect(call).rejects.toMatchObject({ kind: "disconnected", reason: "nobody there, 1" });
    await expect(tester.open().sink.end()).rejects.toThrow("nobody there, 2");
    await expect(tester.echo({ text: "at last" })).resolves.toEqual({ text: "at last" });
    expect(tries).toBe(3);
    await link.close();
  });

  test("asks a server that is away less and less often, however many calls there are", async () => {
    const waits: number[] = [];
    let last = performance.now();
    const link = reconnecting(() => {
      const now = performance.now();
      waits.push(now - last);
      last = now;
      throw new CapnpError("disconnected", "nobody there");
    });
    const tester = link.bootstrap(Tester);
    for (let i = 0; i < 4; i++) {
      const calls = [tester.echo(), tester.echo(), tester.echo()];
      for (const call of calls) await expect(call).rejects.toThrow("nobody there");
    }
    expect(waits).toHaveLength(4);
    // At least half of 100, 200 and 400 ms lie between; timers ring up to a millisecond early.
    [50, 100, 200].forEach((least, i) => expect(waits[i + 1]).toBeGreaterThan(least - 2));
    // Nobody waits for the next attempt who has closed it.
    const waiting = tester.echo();
    await turn();
    await link.close("enough");
    await expect(waiting).rejects.toThrow("enough");
    expect(waits).toHaveLength(4);
    expect(() => reconnecting(() => { throw new Error(); }, { maxDelay: -1 })).toThrow(/maxDelay: expected milliseconds/);
  });

  test("does not connect at once to a server that takes connections and drops them", async () => {
    const { connect, ends } = network(new TestServer());
    const link = reconnecting(() => {
      const connection = connect();
      setTimeout(() => ends.at(-1)?.break(), 1);
      return connection;
    });
    const tester = link.bootstrap(Tester);
    const begin = performance.now();
    while (ends.length < 3) await expect(tester.never()).rejects.toMatchObject({ kind: "disconnected" });
    expect(performance.now() - begin).toBeGreaterThan(50 + 100 - 4);
    await link.close();
  });

  test("does not connect again to a server that has nothing to offer", async () => {
    let made = 0;
    const link = reconnecting(() => {
      made++;
      const [nearSocket, farSocket] = socketPair();
      open.push(accept(farSocket));
      return accept(nearSocket);
    });
    const tester = link.bootstrap(Tester);
    await expect(tester.echo()).rejects.toMatchObject({ kind: "unimplemented" });
    await expect(tester.echo()).rejects.toMatchObject({ kind: "unimplemented" });
    expect(made).toBe(1);
    await link.close();
  });

  test("makes no connection once it is closed, not even one that was on its way", async () => {
    const { connect, ends } = network(new TestServer());
    let go!: () => void;
    const link = reconnecting(async () => (await new Promise<void>((resolve) => (go = resolve)), connect()));
    const tester = link.bootstrap(Tester);
    const call = tester.echo();
    expect(await state(call)).toBe("pending");
    await link.close("that is all");
    go();
    await expect(call).rejects.toMatchObject({ kind: "disconnected", reason: expect.stringContaining("that is all") as string });
    expect((await (ends[0] as { near: Connection }).near.closed).reason).toContain("that is all");
    await expect(tester.echo()).rejects.toThrow("that is all");
    expect(ends).toHaveLength(1);
  });

  test("leaves nothing behind", async () => {
    const { connect, ends } = network(new TestServer());
    await using link = reconnecting(connect);
    for (let i = 0; i < 3; i++) {
      using tester = link.bootstrap(Tester);
      await tester.echo();
    }
    await turn();
    expect(ends[0]?.near.stats()).toMatchObject({ questions: 0, answers: 0, imports: 1, exports: 0 });
    ends[0]?.break();
    await ends[0]?.near.closed;
    using tester = link.bootstrap(Tester);
    await tester.echo();
    expect(ends).toHaveLength(2);
  });
});

test("a reconnecting client survives a server that restarts, over real WebSockets", async () => {
  const start = async (port: number): Promise<{ port: number; stop(): Promise<void> }> => {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket) => void accept(socket, { bootstrap: serve(Tester, new TestServer()) }));
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return {
      port: (server.address() as AddressInfo).port,
      async stop() {
        for (const socket of sockets.clients) socket.terminate();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  };
  let server = await start(0);
  const { port } = server;
  await using link = reconnecting(() => connect(`ws://127.0.0.1:${port}/`));
  const tester = link.bootstrap(Tester);
  await expect(tester.echo({ text: "one" })).resolves.toEqual({ text: "one" });
  await server.stop();
  await link.connection?.closed;
  await expect(tester.echo()).rejects.toMatchObject({ kind: "disconnected", reason: expect.stringContaining("ECONNREFUSED") as string });
  server = await start(port);
  await expect(tester.echo({ text: "two" })).resolves.toEqual({ text: "two" });
  await server.stop();
});
