import { describe, expect, test } from "vitest";
import { CapnpError, type ConnectionOptions, serve, setFlowControl, streamStats } from "../src/node.js";
import { state, turn } from "./sockets.js";
import { connectPair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

function setUp(options: ConnectionOptions = {}): ReturnType<typeof connectPair> & { far: object; mine: TestSink; sink: ByteSink } {
  const mine = new TestSink();
  const pair = connectPair(serve(ByteSink, mine), options);
  return { ...pair, mine, sink: pair.near.bootstrap(ByteSink) };
}

const KIB = 1024;

describe("a streamed call's promise", () => {
  test("stays pending exactly while the window is full, and resolves when it opens", async () => {
    const { sink, farSocket } = setUp({ flowControl: { fixed: 64 * KIB } });
    await turn();
    farSocket.hold();
    const chunk = new Uint8Array(16 * KIB);
    // Ready while in flight < window + largest: four calls fill the window, a fifth is let through as the largest.
    const writes = Array.from({ length: 7 }, () => sink.write({ chunk }));
    const states = await Promise.all(writes.map(state));
    const stats = streamStats(sink);
    const size = stats?.largest ?? 0;
    expect(size).toBeGreaterThan(16 * KIB);
    expect(stats).toMatchObject({ window: 64 * KIB, inFlight: 7 * size, delivered: 0 });
    const expected = writes.map((_, i) => ((i + 1) * size < 64 * KIB + size ? "resolved" : "pending"));
    expect(states).toEqual(expected);
    expect(expected.filter((each) => each === "pending").length).toBeGreaterThan(0);

    // One Return at a time: a promise resolves as soon as what is in flight allows it, and not before.
    for (let returned = 1; returned <= 7; returned++) {
      farSocket.passOne();
      await turn();
      const inFlight = (7 - returned) * size;
      expect(streamStats(sink)?.inFlight).toBe(inFlight);
      const open = inFlight < 64 * KIB + size;
      const now = await Promise.all(writes.map(state));
      expect(now).toEqual(expected.map((each) => (open ? "resolved" : each)));
    }
    expect(streamStats(sink)?.delivered).toBe(7 * size);
  });

  test("resolves at once while there is room", async () => {
    const { sink, farSocket } = setUp();
    await turn();
    farSocket.hold();
    expect(await state(sink.write({ chunk: new Uint8Array(10) }))).toBe("resolved");
  });

  test("lets the event loop have its turn when writing takes long, whatever the room", async () => {
    const { sink } = setUp({ flowControl: { fixed: 1024 * KIB } });
    await turn();
    let isOver = false;
    setImmediate(() => (isOver = true));
    let writes = 0;
    for (; !isOver && writes < 100; writes++) {
      await sink.write({ chunk: new Uint8Array(10) });
      const until = performance.now() + 1;
      while (performance.now() < until);
    }
    expect(writes).toBe(2);
    // Promises of calls that were made at once say whether there is room, and nothing else.
    const states = await Promise.all([1, 2, 3].map(() => state(sink.write({ chunk: new Uint8Array(10) }))));
    expect(states).toEqual(["resolved", "resolved", "resolved"]);
  });

  test("keeps to a window of its own, also when it is known where it leads", async () => {
    const server = new TestServer();
    const { near, farSocket } = connectPair(serve(Tester, server));
    const { sink } = near.bootstrap(Tester).open({ name: "a" });
    setFlowControl(sink, { fixed: 1234 });
    expect(streamStats(sink)).toMatchObject({ window: 1234, mode: undefined });
    await turn();
    await sink.write({ chunk: new Uint8Array(100) });
    expect(streamStats(sink)).toMatchObject({ window: 1234, mode: undefined });
    farSocket.hold();
    const writes = Array.from({ length: 5 }, () => sink.write({ chunk: new Uint8Array(1000) }));
    const stuck = writes.at(-1) as Promise<void>;
    expect(await state(stuck)).toBe("pending");
    setFlowControl(sink, "adaptive");
    expect(await state(stuck)).toBe("resolved");
    expect(streamStats(sink)?.mode).toBe("growing");
    farSocket.pass();
    expect(() => setFlowControl(sink, { fixed: 0 })).toThrow(/flowControl\.fixed/);
    expect(() => setFlowControl({}, "adaptive")).toThrow(/setFlowControl\(\) wants a client/);
  });

  test("a window smaller than a chunk still lets chunks through", async () => {
    const { sink } = setUp({ flowControl: { fixed: 1 } });
    for (let i = 0; i < 5; i++) await sink.write({ chunk: new Uint8Array(100 * KIB) });
    await expect(sink.end()).resolves.toEqual({ total: BigInt(500 * KIB) });
  });

  test("an abort only ends the waiting: the chunk is delivered all the same", async () => {
    const { sink, farSocket, mine } = setUp({ flowControl: { fixed: 1 } });
    await turn();
    farSocket.hold();
    await sink.write({ chunk: new Uint8Array(8) });
    const controller = new AbortController();
    const waiting = sink.write({ chunk: new Uint8Array(8) }, { signal: controller.signal });
    expect(await state(waiting)).toBe("pending");
    controller.abort("tired");
    await expect(waiting).rejects.toBe("tired");
    farSocket.pass();
    await expect(sink.end()).resolves.toEqual({ total: 16n });
    expect(mine.chunks.length).toBe(2);
  });

  test("with a timeout likewise", async () => {
    const { sink, farSocket } = setUp({ flowControl: { fixed: 1 } });
    await turn();
    farSocket.hold();
    await sink.write({ chunk: new Uint8Array(8) });
    await expect(sink.write({ chunk: new Uint8Array(8) }, { timeout: 5 })).rejects.toMatchObject({ name: "TimeoutError" });
    farSocket.pass();
    await expect(sink.end()).resolves.toEqual({ total: 16n });
  });
});

describe("a stream", () => {
  test("is delivered one call at a time, and the end after all of them", async () => {
    const { sink, mine } = setUp();
    let openGate!: () => void;
    mine.gate = new Promise((resolve) => {
      openGate = resolve;
    });
    for (let i = 0; i < 20; i++) void sink.write({ chunk: new Uint8Array([i]) });
    const end = sink.end();
    await turn();
    expect(mine.chunks.length).toBe(1);
    expect(mine.ended).toBe(false);
    openGate();
    await expect(end).resolves.toEqual({ total: 20n });
    expect(mine.mostRunning).toBe(1);
    expect(mine.chunks.map((chunk) => chunk[0])).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("that failed stays failed, and the end says why", async () => {
    const { sink, mine } = setUp();
    mine.failAt = 1;
    for (let i = 0; i < 4; i++) await sink.write({ chunk: new Uint8Array(1) });
    const end = await sink.end().catch((error: unknown) => error);
    expect(end).toBeInstanceOf(CapnpError);
    expect((end as CapnpError).reason).toContain("the disk is full");
    await expect(sink.write({ chunk: new Uint8Array(1) })).rejects.toThrow("the disk is full");
    expect(mine.ended).toBe(false);
  });

  test("whose writes nobody awaits makes no unhandled rejection, and the end rejects", async () => {
    const { sink, mine } = setUp({ flowControl: { fixed: 1 } });
    mine.failAt = 0;
    for (let i = 0; i < 10; i++) void sink.write({ chunk: new Uint8Array(100) });
    await expect(sink.end()).rejects.toThrow("the disk is full");
  });

  test("of calls that were wrong from the start does reject where nobody could know otherwise", async () => {
    const { sink } = setUp();
    await expect(sink.write({ chunk: "text" as unknown as Uint8Array })).rejects.toThrow(/chunk: expected a Uint8Array/);
  });

  test("of a caller who never waits is refused as overloaded, in time", async () => {
    const { sink, farSocket } = setUp();
    await turn();
    farSocket.hold();
    const chunk = new Uint8Array(1024 * KIB);
    const writes = Array.from({ length: 40 }, () => sink.write({ chunk }));
    const outcomes = await Promise.allSettled(writes.slice(-1));
    expect(outcomes[0]).toMatchObject({ status: "rejected", reason: { kind: "overloaded" } });
    farSocket.pass();
    await expect(sink.end()).rejects.toMatchObject({ kind: "overloaded" });
  });

  test("loses its connection: what waits rejects, and so does all that follows", async () => {
    const { sink, farSocket, nearSocket } = setUp({ flowControl: { fixed: 1 } });
    await turn();
    farSocket.hold();
    await sink.write({ chunk: new Uint8Array(8) });
    const waiting = sink.write({ chunk: new Uint8Array(8) });
    const end = sink.end();
    expect(await state(waiting)).toBe("pending");
    nearSocket.break();
    await expect(waiting).rejects.toMatchObject({ kind: "disconnected" });
    await expect(end).rejects.toMatchObject({ kind: "disconnected" });
    await expect(sink.write({ chunk: new Uint8Array(8) })).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("starts before its sink has arrived", async () => {
    const server = new TestServer();
    const { near, farSocket } = connectPair(serve(Tester, server), { flowControl: { fixed: 20 } });
    farSocket.hold();
    const { sink } = near.bootstrap(Tester).open({ name: "a" });
    await sink.write({ chunk: new Uint8Array(100) });
    const waiting = sink.write({ chunk: new Uint8Array(100) });
    expect(await state(waiting)).toBe("pending");
    expect(server.sinks.get("a")?.bytes).toBe(200);
    farSocket.pass();
    await waiting;
    await expect(sink.end()).resolves.toEqual({ total: 200n });
  });
});

test("what goes out is not wasm's own memory, unless the socket copies at once", async () => {
  const { sink, nearSocket } = setUp();
  for (let i = 0; i < 10; i++) await sink.write({ chunk: new Uint8Array(1000).fill(i) });
  const sent = nearSocket.given.map((data) => data.slice());
  for (let i = 0; i < 10; i++) await sink.write({ chunk: new Uint8Array(1000).fill(77) });
  await sink.end();
  expect(new Set(nearSocket.given.map((data) => data.buffer)).size).toBe(nearSocket.given.length);
  expect(nearSocket.given.slice(0, sent.length)).toEqual(sent);
});
