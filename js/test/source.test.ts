import { describe, expect, test } from "vitest";
import { CapnpError, fromWritable, readable, release, serve, source, streamStats, writable } from "../src/node.js";
import { state, turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, LineSink, Tester, Twofold } from "./generated/testing.capnp.js";

/** A server that writes into what `use` is given: `times` chunks, and then the end unless that is told to fail. */
class Writing extends TestServer {
  written = 0;
  fails: Error | undefined;
  ends = true;
  last: Promise<unknown> = Promise.resolve();

  override async use({ sink, times }: { sink: ByteSink | undefined; times: number }): Promise<{ total: bigint }> {
    if (sink === undefined) throw new CapnpError("failed", "no sink");
    try {
      for (let i = 0; i < times; i++) {
        this.last = sink.write({ chunk: new Uint8Array(1000).fill(i) });
        await this.last;
        this.written++;
      }
      if (this.fails !== undefined) throw this.fails;
      return this.ends ? await sink.end() : { total: 0n };
    } finally {
      release(sink);
    }
  }
}

function setUp(): Pair & { server: Writing; tester: Tester } {
  const server = new Writing();
  // At the writer's side a window of two chunks.
  const pair = connectPair(serve(Tester, server), {}, { flowControl: { fixed: 2000 } });
  return { ...pair, server, tester: pair.near.bootstrap(Tester) };
}

const lengthOf = async (stream: ReadableStream<Uint8Array>): Promise<number> => {
  let length = 0;
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) length += chunk.length;
  return length;
};

describe("source(Interface)", () => {
  test("is read with for await, to the end, whose result is the reader's", async () => {
    const { tester, near } = setUp();
    const { client, stream } = source(ByteSink, { result: () => ({ total: 20_000 }) });
    const used = tester.use({ sink: client, times: 20 });
    await expect(lengthOf(stream)).resolves.toBe(20_000);
    await expect(used).resolves.toEqual({ total: 20_000n });
    await turn();
    expect(near.stats()).toMatchObject({ exports: 0, answers: 0, questions: 0 });
  });

  test("is read with for await where the platform's own streams are not, and leaving the loop cancels it", async () => {
    const native = Object.getOwnPropertyDescriptor(ReadableStream.prototype, Symbol.asyncIterator) as PropertyDescriptor;
    Reflect.deleteProperty(ReadableStream.prototype, Symbol.asyncIterator);
    try {
      const { tester } = setUp();
      const whole = source(ByteSink, { result: () => ({ total: 5_000 }) });
      const used = tester.use({ sink: whole.client, times: 5 });
      await expect(lengthOf(whole.stream)).resolves.toBe(5_000);
      await used;
      const left = source(ByteSink);
      const failing = tester.use({ sink: left.client, times: 5 });
      for await (const chunk of left.stream as unknown as AsyncIterable<Uint8Array>) {
        expect(chunk.length).toBe(1000);
        break;
      }
      await expect(failing).rejects.toThrow(/the reader has canceled the stream/);
    } finally {
      Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, native);
    }
  });

  test("a slow reader makes a slow writer: a write returns when its chunk was taken", async () => {
    const { tester, server } = setUp();
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 20 });
    await turn();
    await turn();
    const stuckAt = server.written;
    expect(stuckAt).toBeLessThan(5);
    expect(await state(used)).toBe("pending");
    const reader = stream.getReader();
    for (let i = 0; i < 5; i++) expect((await reader.read()).value).toEqual(new Uint8Array(1000).fill(i));
    await turn();
    expect(server.written).toBeGreaterThan(stuckAt);
    expect(server.written).toBeLessThan(stuckAt + 7);
    while (!(await reader.read()).done);
    await used;
    expect(server.written).toBe(20);
  });

  test("piped from one remote object into another holds no more than both windows", async () => {
    const { tester, server, far } = setUp();
    const taken = new TestSink();
    let openGate!: () => void;
    taken.gate = new Promise((resolve) => (openGate = resolve));
    const { near: other } = connectPair(serve(ByteSink, taken), { flowControl: { fixed: 3000 } });
    const target = other.bootstrap(ByteSink);
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 2000 });
    const piped = stream.pipeTo(writable(target));
    const highest = { inFlight: 0, ahead: 0 };
    const look = (): void => {
      highest.inFlight = Math.max(highest.inFlight, far.stats().inFlight, streamStats(target)?.inFlight ?? 0);
      highest.ahead = Math.max(highest.ahead, server.written - taken.chunks.length);
    };
    for (let i = 0; i < 5; i++) {
      await turn();
      look();
    }
    expect(await state(piped)).toBe("pending");
    openGate();
    let isOver = false;
    void piped.then(() => (isOver = true));
    while (!isOver) {
      await turn();
      look();
    }
    await expect(used).resolves.toEqual({ total: 0n });
    expect(taken.bytes).toBe(2_000_000);
    expect(taken.ended).toBe(true);
    // Each of the two windows and two calls more.
    expect(highest.inFlight).toBeLessThan(3000 + 2 * 1200);
    // What is in flight on both connections, and in the stream that waits to be written: 512 KiB is the most.
    expect(highest.ahead).toBeLessThan(540);
  });

  test.each([
    ["because the writer returns without ending it", (server: Writing) => void (server.ends = false), /without its ending method/],
    ["because the writer fails", (server: Writing) => void (server.fails = new Error("the disk broke")), /without its ending method/],
  ])("a stream that is dropped %s fails to be read", async (_name, prepare, reason) => {
    const { tester, server } = setUp();
    prepare(server);
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 3 }).catch(() => {});
    await expect(lengthOf(stream)).rejects.toThrow(reason);
    await used;
  });

  test("a stream whose connection is lost fails to be read", async () => {
    const { tester, nearSocket } = setUp();
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 1000 });
    const reader = stream.getReader();
    await reader.read();
    nearSocket.break();
    await expect(used).rejects.toMatchObject({ kind: "disconnected" });
    await expect((async () => { while (!(await reader.read()).done); })()).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("that is given to nobody fails when its client is released", async () => {
    const { client, stream } = source(ByteSink);
    release(client);
    await expect(lengthOf(stream)).rejects.toThrow(/without its ending method/);
  });

  test("that is canceled fails the writer with the reason", async () => {
    const { tester } = setUp();
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 100 });
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel("enough");
    await expect(used).rejects.toThrow(/canceled the stream: enough/);
  });

  test("may be read as far as one likes: what was taken is acknowledged", async () => {
    const { tester } = setUp();
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 2 });
    const reader = stream.getReader();
    await reader.read();
    await reader.read();
    // Nobody asked for a third, and the end has nothing to be taken.
    await used;
    expect((await reader.read()).done).toBe(true);
  });

  test("its client goes with the call that carries it", async () => {
    const { tester } = setUp();
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 0 });
    await expect(tester.use({ sink: client })).rejects.toThrow(/was released/);
    await lengthOf(stream);
    await used;
  });

  test("carries structs and takes names where guessing is not enough", async () => {
    const lines = source(LineSink, { result: { lines: 2 } });
    const writer = writable(lines.client).getWriter();
    void writer.write({ text: "a", number: 1 });
    void writer.write({ text: "b" });
    const closed = writer.close();
    const read: LineSink.Line[] = [];
    for await (const line of lines.stream as unknown as AsyncIterable<LineSink.Line>) read.push(line);
    expect(read).toEqual([{ text: "a", number: 1 }, { text: "b", number: 0 }]);
    await closed;
    expect(() => source(Twofold)).toThrow(/source\(\): Twofold has several streaming methods/);
    const left = source(Twofold, { write: "left", end: null });
    release(left.client);
    // Where no method ends it, its release does.
    await expect(lengthOf(left.stream as ReadableStream<Uint8Array>)).resolves.toBe(0);
  });
});

describe("readable(Interface, start)", () => {
  test("reads what the call writes", async () => {
    const { tester } = setUp();
    const stream = readable(ByteSink, (sink, options) => tester.use({ sink, times: 7 }, options));
    await expect(lengthOf(stream)).resolves.toBe(7000);
  });

  test("fails with the call's error, before the first chunk and after some", async () => {
    const { tester, server } = setUp();
    server.fails = new Error("the disk broke");
    await expect(lengthOf(readable(ByteSink, (sink) => tester.use({ sink, times: 3 })))).rejects.toThrow("the disk broke");
    await expect(lengthOf(readable(ByteSink, () => Promise.reject(new Error("no file"))))).rejects.toThrow("no file");
    await expect(
      lengthOf(
        readable(ByteSink, () => {
          throw new Error("no such function");
        }),
      ),
    ).rejects.toThrow("no such function");
  });

  test("fails when the call returns without an end", async () => {
    const { tester, server } = setUp();
    server.ends = false;
    await expect(lengthOf(readable(ByteSink, (sink) => tester.use({ sink, times: 3 })))).rejects.toThrow(/without its ending/);
  });

  test("aborts the call when it is canceled", async () => {
    const { tester, server } = setUp();
    let call: Promise<unknown> | undefined;
    const reader = readable(ByteSink, (sink, options) => (call = tester.use({ sink, times: 1000 }, options))).getReader();
    await reader.read();
    await reader.cancel("enough");
    await expect(call).rejects.toBe("enough");
    await turn();
    expect(server.written).toBeLessThan(10);
  });
});

describe("fromWritable(Interface, stream)", () => {
  test("writes, closes and returns the result", async () => {
    const { tester, near } = setUp();
    let bytes = 0;
    let closed = false;
    const sink = fromWritable(
      ByteSink,
      new WritableStream<Uint8Array>({ write: (chunk) => void (bytes += chunk.length), close: () => void (closed = true) }),
      { result: () => ({ total: bytes }) },
    );
    await expect(tester.use({ sink, times: 10 })).resolves.toEqual({ total: 10_000n });
    expect(closed).toBe(true);
    await turn();
    expect(near.stats()).toMatchObject({ exports: 0 });
  });

  test("a slow stream makes a slow writer", async () => {
    const { tester, server } = setUp();
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const used = tester.use({ sink: fromWritable(ByteSink, new WritableStream({ write: () => gate })), times: 20 });
    await turn();
    await turn();
    expect(server.written).toBeLessThan(5);
    open();
    await used;
    expect(server.written).toBe(20);
  });

  test("is aborted when the writer drops it without ending it", async () => {
    const { tester, server } = setUp();
    server.ends = false;
    let aborted: unknown;
    const sink = fromWritable(ByteSink, new WritableStream({ abort: (reason) => void (aborted = reason) }));
    await tester.use({ sink, times: 3 });
    await turn();
    expect(aborted).toMatchObject({ kind: "disconnected" });
  });

  test("fails the writer with what the stream threw", async () => {
    const { tester } = setUp();
    const sink = fromWritable(
      ByteSink,
      new WritableStream({
        write() {
          throw new Error("the disk is full");
        },
      }),
    );
    await expect(tester.use({ sink, times: 30 })).rejects.toThrow("the disk is full");
  });
});
