import { describe, expect, test } from "vitest";
import { clone, give, release, serve, writable } from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/* Whoever receives clients owns them: each case by what the tables hold afterwards. */

/** Releases what it gives, so that only the caller's side counts. */
class GivingServer extends TestServer {
  override open({ name }: { name: string }): Tester.open$Results.Input {
    const { sink, spare, inner } = super.open({ name });
    return { sink: give(sink as ByteSink), spare: give(spare as ByteSink), inner: { ...inner, sink: give(inner?.sink as ByteSink) } };
  }
}

function setUp(server: Partial<Tester.Server> = new GivingServer()): Pair & { tester: Tester } {
  const pair = connectPair(give(serve(Tester, server)));
  return { ...pair, tester: pair.near.bootstrap(Tester) };
}

async function expectIdle({ near, far }: Pair): Promise<void> {
  await turn();
  await turn();
  // The bootstrap object is left.
  expect(near.stats()).toMatchObject({ questions: 0, answers: 0, imports: 1, exports: 0 });
  expect(far.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0, exports: 1 });
}

/** Counts how often it is let go of. */
class Counted extends TestSink implements Disposable {
  disposed = 0;

  [Symbol.dispose](): void {
    this.disposed++;
  }
}

describe("clients in results", () => {
  test("belong to the caller who awaits them", async () => {
    const pair = setUp();
    const { sink, spare, inner } = await pair.tester.open();
    expect(pair.near.stats().imports).toBe(4);
    for (const client of [sink, spare, inner?.sink]) release(client as ByteSink);
    await expectIdle(pair);
  });

  test("that nobody asked for go with the last that was taken from the promise", async () => {
    const pair = setUp();
    const { sink, inner } = pair.tester.open();
    const taken = inner.sink;
    await pair.tester.echo();
    expect(pair.near.stats().imports).toBe(4);
    await writable(sink).close();
    await turn();
    expect(pair.near.stats().imports).toBe(3);
    release(taken);
    await expectIdle(pair);
  });

  test("that nobody asked for go when all that were taken are released before the return", async () => {
    const pair = setUp();
    release(pair.tester.open().sink);
    await pair.tester.echo();
    await expectIdle(pair);
  });

  test("are the caller's all the same who awaits late, right after the stream that was taken has ended", async () => {
    const pair = setUp();
    const call = pair.tester.open();
    await new Blob(["x"]).stream().pipeTo(writable(call.sink));
    const { spare, inner } = await call;
    await expect((spare as ByteSink).end()).resolves.toEqual({ total: 0n });
    await turn();
    await expect(inner?.sink?.end()).resolves.toEqual({ total: 0n });
    for (const client of [spare, inner?.sink]) release(client as ByteSink);
    await expectIdle(pair);
  });

  test("are the caller's who awaits one call after another, whichever returned first", async () => {
    const { tester } = setUp();
    const calls = [tester.open(), tester.open(), tester.open()];
    await turn();
    for (const call of calls) await expect((await call).spare?.end()).resolves.toEqual({ total: 0n });
  });

  test.each([
    ["then", (call: Promise<unknown>) => void call.then(() => {})],
    ["catch", (call: Promise<unknown>) => void call.catch(() => {})],
    ["finally", (call: Promise<unknown>) => void call.finally(() => {})],
    ["Promise.all", (call: Promise<unknown>) => void Promise.all([call])],
    ["an async function that returns it", (call: Promise<unknown>) => void (async () => call)()],
  ])("count as asked for with %s", async (_name, ask) => {
    const { tester, near } = setUp();
    const call = tester.open();
    const { sink } = call;
    ask(call);
    await tester.echo();
    release(sink);
    await turn();
    await turn();
    expect(near.stats().imports).toBe(3);
  });

  test("that were let go of say why when they are used", async () => {
    const { tester } = setUp();
    const call = tester.open();
    release(call.sink);
    await tester.echo();
    await turn();
    const { spare } = await call;
    await expect(spare?.end()).rejects.toThrow(/which nobody awaited; await it before that, or take this client from it too/);
  });

  test("of a call that was given up, or timed out, leave nothing behind", async () => {
    const pair = setUp();
    pair.farSocket.hold();
    const controller = new AbortController();
    const given = pair.tester.open({}, { signal: controller.signal });
    const late = pair.tester.open({}, { timeout: 1 });
    const { sink } = late;
    controller.abort("no");
    await expect(given).rejects.toBe("no");
    await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
    pair.farSocket.pass();
    // What was taken from the promise has somebody who wants it.
    await expect(sink.end()).resolves.toEqual({ total: 0n });
    release(sink);
    await expectIdle(pair);
  });

  test("stay the giver's, unless given away", async () => {
    const kept = new Counted();
    const given = new Counted();
    const client = serve(ByteSink, kept);
    const pair = setUp({ open: () => ({ sink: client, spare: give(serve(ByteSink, given)) }) });
    for (let i = 0; i < 2; i++) {
      const { sink, spare } = await pair.tester.open();
      release(sink as ByteSink);
      release(spare as ByteSink);
      await expectIdle(pair);
      expect([kept.disposed, given.disposed]).toEqual([0, i + 1]);
    }
    release(client);
    await turn();
    expect(kept.disposed).toBe(1);
  });
});

describe("clients in parameters", () => {
  test("belong to the method, and stay the caller's too", async () => {
    const mine = new Counted();
    const pair = setUp({
      use: async ({ sink }) => {
        release(sink as ByteSink);
        return {};
      },
    });
    const sink = serve(ByteSink, mine);
    await pair.tester.use({ sink });
    await expectIdle(pair);
    expect(mine.disposed).toBe(0);
    await expect(sink.end()).resolves.toEqual({ total: 0n });
    release(sink);
    await turn();
    expect(mine.disposed).toBe(1);
  });

  test.each([
    ["a method that is missing", (tester: Tester, sink: ByteSink) => tester.use({ sink })],
    ["a method of another interface", (tester: Tester, sink: ByteSink) => tester.same({ sink })],
  ])("of %s are let go of", async (_name, call) => {
    const mine = new Counted();
    const pair = setUp({ echo: ({ text }) => ({ text }) });
    await expect(call(pair.tester, give(serve(ByteSink, mine)))).rejects.toMatchObject({ kind: "unimplemented" });
    await expectIdle(pair);
    expect(mine.disposed).toBe(1);
  });

  test("given away are let go of even when the call cannot go out, but not when it cannot be encoded", async () => {
    const mine = new Counted();
    const { near, tester } = setUp();
    const sink = give(serve(ByteSink, mine));
    await expect(tester.use({ sink, times: "x" as unknown as number })).rejects.toThrow(/times/);
    await turn();
    expect(mine.disposed).toBe(0);
    await near.close();
    await expect(tester.use({ sink })).rejects.toMatchObject({ kind: "disconnected" });
    await turn();
    expect(mine.disposed).toBe(1);
    expect(() => clone(sink)).toThrow(/released/);
  });

  test("are let go of when the connection is lost, held by a method or not", async () => {
    const mine = new Counted();
    let held: ByteSink | undefined;
    const { tester, nearSocket, near } = setUp({
      same: ({ sink }) => {
        held = sink;
        return {};
      },
    });
    await tester.same({ sink: give(serve(ByteSink, mine)) });
    nearSocket.break();
    await near.closed;
    await turn();
    expect(mine.disposed).toBe(1);
    await expect(held?.end()).rejects.toMatchObject({ kind: "disconnected" });
  });
});

test("nothing that goes wrong is an unhandled rejection which nobody could have handled", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", listener);
  try {
    const { tester, near, farSocket } = setUp();
    // Through what was taken from them, calls that fail are known of.
    void tester.never().sink.write({ chunk: new Uint8Array(1) });
    const failing = tester.same();
    void failing.sink.write({ chunk: new Uint8Array(5) });
    const { sink } = tester.open();
    for (let i = 0; i < 100; i++) void sink.write({ chunk: new Uint8Array(5000) });
    const writer = writable(tester.open().sink);
    await tester.echo();
    farSocket.break();
    await near.closed;
    void sink.write({ chunk: new Uint8Array(1) });
    await expect(writer.getWriter().write(new Uint8Array(1))).rejects.toBeDefined();
    await turn();
    await turn();
    expect(unhandled).toEqual([]);
    // This one could have been handled.
    void tester.echo();
    await turn();
    expect(unhandled).toHaveLength(1);
  } finally {
    process.removeListener("unhandledRejection", listener);
    for (const other of others) process.on("unhandledRejection", other);
  }
});

test("what closes a socket is told to it as far as there is room, in whole characters", async () => {
  const { near, nearSocket } = connectPair(serve(Tester, {}));
  await near.close(`${"x".repeat(122)}é and more`);
  expect(nearSocket.closedWith).toEqual({ code: 1000, reason: "x".repeat(122) });
});
