import { describe, expect, test } from "vitest";
import { CapabilityServerSet, CapnpError, give, isSame, promised, release, serve, whenResolved } from "../src/node.js";
import { sentOver, state, turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/* Clients of objects that are known later. */

interface Later<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function later<T>(): Later<T> {
  let settle!: Omit<Later<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}

class Counted extends TestSink implements Disposable {
  disposed = 0;

  [Symbol.dispose](): void {
    this.disposed++;
  }
}

/** Counts the bytes it gets, in order. */
const bytesOf = (sink: TestSink): number[] => sink.chunks.flatMap((chunk) => [...chunk]);
const chunk = (byte: number): { chunk: Uint8Array } => ({ chunk: new Uint8Array([byte]) });

function setUp(server: Partial<Tester.Server>): Pair & { tester: Tester } {
  const pair = connectPair(give(serve(Tester, server)), { batch: false }, { batch: false });
  return { ...pair, tester: pair.near.bootstrap(Tester) };
}

async function expectIdle({ near, far }: Pair): Promise<void> {
  await turn();
  await turn();
  expect(near.stats()).toMatchObject({ questions: 0, answers: 0, imports: 1, exports: 0 });
  expect(far.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0, exports: 1 });
}

describe("a promised client", () => {
  test("in results may be called at once, and calls come in order when it is known", async () => {
    const sink = new Counted();
    const known = later<ByteSink>();
    const pair = setUp({ open: () => ({ sink: give(promised(ByteSink, known.promise)) }) });
    const client = (await pair.tester.open()).sink as ByteSink;
    for (const byte of [1, 2, 3]) void client.write(chunk(byte));
    await turn();
    expect(sink.chunks).toEqual([]);
    known.resolve(serve(ByteSink, sink));
    for (const byte of [4, 5]) void client.write(chunk(byte));
    await expect(client.end()).resolves.toEqual({ total: 5n });
    expect(bytesOf(sink)).toEqual([1, 2, 3, 4, 5]);
    expect(sentOver(pair.farSocket)).toContain("resolve");
    release(client);
    await expectIdle(pair);
    expect(sink.disposed).toBe(1);
  });

  test("that turns out to be the caller's own object is called directly, behind what went the long way", async () => {
    const sink = new Counted();
    const pass = later<void>();
    const pair = setUp({
      same: ({ sink }) => ({ sink: give(promised(ByteSink, pass.promise.then(() => sink as ByteSink))) }),
    });
    const mine = serve(ByteSink, sink);
    const { sink: back } = (await pair.tester.same({ sink: mine })) as { sink: ByteSink };
    for (const byte of [1, 2]) void back.write(chunk(byte));
    await turn();
    pair.farSocket.hold();
    pass.resolve();
    await turn();
    // The way back is closed, so this one has to wait for those before.
    for (const byte of [3, 4]) void back.write(chunk(byte));
    await turn();
    expect(sink.chunks).toEqual([]);
    pair.farSocket.pass();
    await turn();
    for (const byte of [5, 6]) void back.write(chunk(byte));
    await expect(back.end()).resolves.toEqual({ total: 6n });
    expect(bytesOf(sink)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sentOver(pair.nearSocket)).toContain("disembargo");
    expect(isSame(back, mine)).toBe(true);
    for (const client of [mine, back]) release(client);
    await expectIdle(pair);
    expect(sink.disposed).toBe(1);
  });

  test("in parameters is called by the other side, which learns later what it is", async () => {
    const known = later<ByteSink>();
    const pair = setUp(new TestServer());
    const sink = new Counted();
    const used = pair.tester.use({ sink: give(promised(ByteSink, known.promise)), times: 3 });
    expect(await state(used)).toBe("pending");
    known.resolve(serve(ByteSink, sink));
    await expect(used).resolves.toEqual({ total: 3n });
    expect(bytesOf(sink)).toEqual([0, 1, 2]);
  });

  test("may turn out to be one that the other side has, or another promised one, or one in results to come", async () => {
    const server = new TestServer();
    const { tester } = setUp(server);
    for (const [name, found] of [
      ["a", async () => (await tester.open({ name: "a" })).sink as ByteSink],
      ["b", async () => promised(ByteSink, tester.open({ name: "b" }).then(({ sink }) => sink as ByteSink))],
      ["c", async () => tester.open({ name: "c" }).sink],
    ] as const) {
      using sink = promised(ByteSink, found());
      await sink.write(chunk(7));
      await expect(sink.end()).resolves.toEqual({ total: 1n });
      expect(server.sinks.get(name)?.bytes).toBe(1);
    }
  });

  test("that will never be fails all calls, with the error's kind", async () => {
    const known = later<ByteSink>();
    const pair = setUp({ open: () => ({ sink: give(promised(ByteSink, known.promise)) }) });
    const client = (await pair.tester.open()).sink as ByteSink;
    const end = client.end();
    known.reject(new CapnpError("overloaded", "no room"));
    await expect(end).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringContaining("no room") as string });
    await expect(client.end()).rejects.toMatchObject({ kind: "overloaded" });
    release(client);
    await expectIdle(pair);
    using other = promised(ByteSink, Promise.reject(new Error("no such thing")));
    await expect(other.end()).rejects.toThrow("no such thing");
  });

  test.each([
    ["no client", {} as ByteSink, /promised\(\) wants a client, got object/],
    ["nothing", undefined as unknown as ByteSink, /promised\(\) wants a client, got undefined/],
  ])("of %s says so", async (_name, value, message) => {
    using client = promised(ByteSink, Promise.resolve(value));
    await expect(client.end()).rejects.toThrow(message);
  });

  test("that was released before it was known lets go of what comes", async () => {
    const sink = new Counted();
    const known = later<ByteSink>();
    const pair = setUp({ open: () => ({ sink: give(promised(ByteSink, known.promise)) }) });
    release((await pair.tester.open()).sink as ByteSink);
    await expectIdle(pair);
    known.resolve(serve(ByteSink, sink));
    await expectIdle(pair);
    expect(sink.disposed).toBe(1);
  });

  test("is broken with the connection over which it came", async () => {
    const { tester, near, nearSocket } = setUp({ open: () => ({ sink: promised(ByteSink, new Promise(() => {})) }) });
    const { sink } = (await tester.open()) as { sink: ByteSink };
    const end = sink.end();
    nearSocket.break();
    await near.closed;
    await expect(end).rejects.toMatchObject({ kind: "disconnected" });
    await expect(whenResolved(sink)).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("leads a server set to its object", async () => {
    const sinks = new CapabilityServerSet<ByteSink, ByteSink.Server, TestSink>(ByteSink);
    const own = new TestSink();
    const known = later<ByteSink>();
    using client = promised(ByteSink, known.promise);
    const found = sinks.getLocalServer(client);
    expect(await state(found)).toBe("pending");
    known.resolve(sinks.add(own));
    await expect(found).resolves.toBe(own);
  });
});

describe("whenResolved", () => {
  test("resolves at once for what is known, and as often as asked", async () => {
    using own = serve(ByteSink, new TestSink());
    await whenResolved(own);
    await Promise.all([whenResolved(own), whenResolved(own)]);
  });

  test("waits for promises, here and there, and does not need the client meanwhile", async () => {
    const known = later<ByteSink>();
    const pair = setUp({ open: () => ({ sink: give(promised(ByteSink, known.promise)) }) });
    const { sink } = pair.tester.open();
    const waits = [whenResolved(sink), whenResolved(sink)];
    expect(await state(waits[0] as Promise<void>)).toBe("pending");
    release(sink);
    known.resolve(serve(ByteSink, new TestSink()));
    await Promise.all(waits);
    await expectIdle(pair);
  });

  test("rejects when there is nothing, and refuses what is no client", async () => {
    const { tester } = setUp({
      same: () => ({}),
      open: () => {
        throw new CapnpError("unimplemented", "not here");
      },
    });
    await expect(whenResolved(tester.open().sink)).rejects.toMatchObject({ kind: "unimplemented" });
    await expect(whenResolved(tester.same().sink)).rejects.toBeInstanceOf(CapnpError);
    const { sink } = tester.open();
    release(sink);
    expect(() => whenResolved(sink)).toThrow(/released/);
    expect(() => whenResolved({})).toThrow(/wants a client/);
  });
});

test("isSame knows the same object behind different clients, once it is known", async () => {
  const mine = serve(ByteSink, new TestSink());
  const other = serve(ByteSink, new TestSink());
  const { tester } = setUp({ same: ({ sink }) => ({ sink }) });
  const { sink: back } = tester.same({ sink: mine });
  expect(isSame(mine, other)).toBe(false);
  expect(isSame(mine, mine)).toBe(true);
  expect(isSame(back, mine)).toBe(false);
  await whenResolved(back);
  expect(isSame(back, mine)).toBe(true);
  expect(isSame(back, other)).toBe(false);
  expect(isSame(tester, mine)).toBe(false);
  expect(() => isSame(mine, {})).toThrow(/isSame\(\) wants a client/);
});
