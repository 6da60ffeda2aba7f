import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { serve, writable } from "../src/node.js";
import { pieceBytes } from "../src/pieces.js";
import { state, turn } from "./sockets.js";
import { connectPair, TestSink } from "./support.js";
import { ByteSink, LineSink, Tester, Twofold } from "./generated/testing.capnp.js";

function setUp(window?: number): ReturnType<typeof connectPair> & { mine: TestSink; sink: ByteSink } {
  const mine = new TestSink();
  const pair = connectPair(serve(ByteSink, mine), window === undefined ? {} : { flowControl: { fixed: window } });
  return { ...pair, mine, sink: pair.near.bootstrap(ByteSink) };
}

const bytes = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);

const path = (btlBw: number, rtProp: number): Parameters<typeof pieceBytes>[0] => ({
  window: 1 << 20,
  inFlight: 0,
  delivered: 0,
  largest: 0,
  btlBw,
  rtProp,
  mode: "steady",
});

test.each([
  ["10 Mbit/s at 20 ms", 1.25e6, 20, 4096],
  ["50 Mbit/s at 5 ms", 6.25e6, 5, 4096],
  ["50 Mbit/s at 20 ms", 6.25e6, 20, 15_625],
  ["50 Mbit/s at 100 ms", 6.25e6, 100, 65_536],
  ["100 Mbit/s at 1 ms", 12.5e6, 1, 4096],
  ["1 Gbit/s at 1 ms", 125e6, 1, 31_250],
  ["100 Mbit/s at 2 ms", 12.5e6, 2, 4096],
  ["this computer", 400e6, 0.2, 65_536],
  ["an object on this computer that is slow", 1e6, 0.5, 65_536],
])("pieces are an eighth of a round trip of line time, or as long as a frame is worth: %s", (_name, btlBw, rtProp, expected) => {
  expect(pieceBytes(path(btlBw, rtProp))).toBe(expected);
});

describe("writable(sink)", () => {
  test("is a real WritableStream into which anything can be piped", async () => {
    const { sink, mine } = setUp();
    const file = new Blob([bytes(300_000)]);
    const stream = writable(sink);
    expect(stream).toBeInstanceOf(WritableStream);
    await file.stream().pipeTo(stream);
    await expect(stream.result).resolves.toEqual({ total: 300_000n });
    expect(Buffer.concat(mine.chunks).equals(bytes(300_000))).toBe(true);
    expect(mine.ended).toBe(true);
  });

  test("splits long chunks into even pieces, so that each is acknowledged in time", async () => {
    // A window that does not adapt says nothing of the way.
    const { sink, mine } = setUp(1 << 20);
    const writer = writable(sink).getWriter();
    await writer.write(bytes(1000));
    await writer.write(bytes(300_000));
    await writer.close();
    expect(mine.chunks.map((chunk) => chunk.length)).toEqual([1000, 60_000, 60_000, 60_000, 60_000, 60_000]);
    expect(Buffer.concat(mine.chunks).subarray(1000).equals(bytes(300_000))).toBe(true);
  });

  test("sends what is left of a chunk with the next one, rather than cut both in half", async () => {
    const { sink, mine } = setUp(1 << 20);
    const writer = writable(sink).getWriter();
    const all = [bytes(1000), ...Array.from({ length: 4 }, (_, i) => bytes(66_000).map((byte) => byte ^ i)), bytes(20_000), bytes(600)];
    const [first, ...others] = all.map((chunk) => chunk.slice()) as [Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]];
    await writer.write(first);
    for (const chunk of others) void writer.write(chunk);
    await writer.close();
    expect(Buffer.concat(mine.chunks).equals(Buffer.concat(all))).toBe(true);
    expect(mine.chunks.map((chunk) => chunk.length)).toEqual([1000, 33_000, 33_000, 65_536, 65_536, 65_536, 21_392, 600]);
  });

  test("keeps nothing that no chunk is behind", async () => {
    const { sink, mine } = setUp(1 << 20);
    const writer = writable(sink).getWriter();
    await writer.write(bytes(1000));
    await writer.write(bytes(66_000));
    await turn();
    expect(mine.chunks.map((chunk) => chunk.length)).toEqual([1000, 33_000, 33_000]);
    await writer.write(bytes(65_536));
    await turn();
    expect(mine.chunks.at(-1)?.length).toBe(65_536);
    await writer.close();
  });

  test("makes small pieces as long as nothing is known of the way", async () => {
    const { sink, mine, farSocket } = setUp();
    await turn();
    farSocket.hold();
    const writer = writable(sink).getWriter();
    await writer.write(bytes(48 * 1024));
    farSocket.pass();
    await writer.close();
    expect(mine.chunks.map((chunk) => chunk.length)).toEqual([16384, 16384, 16384]);
  });

  test("sends short chunks together that are written in one turn, in order and with a longer one behind them", async () => {
    const { sink, mine, nearSocket } = setUp();
    const writer = writable(sink).getWriter();
    const all: Uint8Array[] = [];
    const write = (length: number): void => {
      const chunk = bytes(length).map((byte) => (byte + all.length) & 0xff);
      all.push(chunk.slice());
      void writer.write(chunk);
    };
    for (let i = 0; i < 1000; i++) write(20);
    write(5000);
    write(0);
    for (let i = 0; i < 3; i++) write(100);
    const sent = nearSocket.given.length;
    await writer.close();
    expect(Buffer.concat(mine.chunks).equals(Buffer.concat(all))).toBe(true);
    // The first goes at once, as nobody is behind it when it comes.
    expect(mine.chunks.map((chunk) => chunk.length).filter((length) => length > 20)).toEqual([4080, 4080, 4080, 4080, 8680, 300]);
    expect(nearSocket.given.length - sent).toBeLessThan(50);
  });

  test("sends a short chunk that is written alone without waiting for others", async () => {
    const { sink, mine } = setUp();
    const writer = writable(sink).getWriter();
    for (let i = 1; i <= 3; i++) {
      await writer.write(bytes(10));
      await turn();
      expect(mine.bytes).toBe(10 * i);
    }
    await writer.close();
  });

  test("takes the next chunk only when the window has room, and says so by desiredSize", async () => {
    const { sink, farSocket } = setUp(1);
    await turn();
    farSocket.hold();
    const writer = writable(sink).getWriter();
    const { desiredSize } = writer;
    expect(desiredSize).toBeGreaterThan(100_000);
    await writer.write(bytes(1000));
    const second = writer.write(bytes(1000));
    const third = writer.write(bytes(3000));
    expect(await state(second)).toBe("pending");
    expect(writer.desiredSize).toBe((desiredSize ?? 0) - 4000);
    farSocket.pass();
    await third;
    await writer.close();
  });

  test("releases its client when closed", async () => {
    const { sink, near, far } = setUp();
    const stream = writable(sink);
    await stream.close();
    await turn();
    expect(near.stats().imports).toBe(0);
    expect(far.stats().answers).toBe(0);
    await expect(sink.end()).rejects.toThrow(/released/);
  });

  test("errors when a write failed over there, and its result rejects too", async () => {
    const { sink, mine } = setUp(1);
    mine.failAt = 1;
    const stream = writable(sink);
    await expect(new Blob([bytes(10_000_000)]).stream().pipeTo(stream)).rejects.toThrow("the disk is full");
    await expect(stream.result).rejects.toThrow("the disk is full");
    expect(mine.ended).toBe(false);
  });

  test("close() rejects when the last write failed", async () => {
    const { sink, mine } = setUp();
    mine.failAt = 0;
    const writer = writable(sink).getWriter();
    await writer.write(bytes(10));
    await expect(writer.close()).rejects.toThrow("the disk is full");
  });

  test.each([
    ["without an ending method", null],
    ["with an ending method that answers early", "end"],
  ])("close() waits for everything to be acknowledged, %s", async (_how, end) => {
    let acknowledge!: () => void;
    const acknowledged = new Promise<void>((resolve) => (acknowledge = resolve));
    const { near } = connectPair(serve(ByteSink, { write: () => acknowledged, end: () => ({ total: 1n }) }, { concurrent: true }));
    const writer = writable(near.bootstrap(ByteSink), { end }).getWriter();
    await writer.write(bytes(1000));
    const closing = writer.close();
    expect(await state(closing)).toBe("pending");
    acknowledge();
    await closing;
    await turn();
    expect(near.stats()).toMatchObject({ questions: 0, imports: 0, inFlight: 0 });
    expect(near.stats().delivered).toBeGreaterThan(1000);
  });

  test("close() rejects when a write fails that has no ending to tell of it", async () => {
    const { sink, mine } = setUp();
    mine.failAt = 0;
    const stream = writable(sink, { end: null });
    const writer = stream.getWriter();
    await writer.write(bytes(1000));
    await expect(writer.close()).rejects.toThrow("the disk is full");
    await expect(stream.result).rejects.toThrow("the disk is full");
  });

  test("abort() drops the capability without ending it", async () => {
    const { sink, mine, near } = setUp();
    const stream = writable(sink);
    const writer = stream.getWriter();
    await writer.write(bytes(10));
    await writer.abort("changed my mind");
    await expect(stream.result).rejects.toBe("changed my mind");
    await turn();
    expect(mine.ended).toBe(false);
    expect(near.stats().imports).toBe(0);
  });

  test("abort() does not wait for room that never comes", async () => {
    const { sink, farSocket } = setUp(1);
    await turn();
    farSocket.hold();
    const writer = writable(sink).getWriter();
    await writer.write(bytes(1000));
    const stuck = writer.write(bytes(1000));
    expect(await state(stuck)).toBe("pending");
    const aborted = writer.abort("enough");
    await expect(stuck).rejects.toBe("enough");
    await aborted;
  });

  test("abort() does not wait for an end that never comes", async () => {
    const { sink, near, farSocket } = setUp();
    const writer = writable(sink).getWriter();
    await writer.write(bytes(10));
    await turn();
    farSocket.hold();
    const closing = writer.close();
    expect(await state(closing)).toBe("pending");
    const aborting = writer.abort("enough");
    await expect(closing).rejects.toBe("enough");
    await expect(aborting).rejects.toBe("enough");
    farSocket.pass();
    await turn();
    expect(near.stats()).toMatchObject({ questions: 0, imports: 0 });
  });

  test.each([
    ["while it waits in the stream", 2, 10],
    ["while its pieces are sent", 1, 300_000],
  ])("fails rather than lose a chunk that is transferred away %s", async (_when, nth, length) => {
    const { sink, mine } = setUp(1);
    const stream = writable(sink);
    const writer = stream.getWriter();
    const chunks = [bytes(300_000), bytes(10)].slice(0, nth);
    const writes = chunks.map((chunk) => writer.write(chunk));
    const last = chunks.at(-1) as Uint8Array<ArrayBuffer>;
    expect(last.length).toBe(length);
    await Promise.resolve();
    structuredClone(last.buffer, { transfer: [last.buffer] });
    await expect(writes.at(-1)).rejects.toThrow(/transferred away/);
    await expect(stream.result).rejects.toThrow(/transferred away/);
    expect(mine.ended).toBe(false);
  });

  test("a source that fails drops the capability, and pipeTo rejects with the source's error", async () => {
    const { sink, mine, near } = setUp();
    let pulls = 0;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 3) controller.error(new Error("the file could not be read"));
        else controller.enqueue(bytes(100));
      },
    });
    await expect(source.pipeTo(writable(sink))).rejects.toThrow("the file could not be read");
    await turn();
    expect(mine.ended).toBe(false);
    expect(near.stats().imports).toBe(0);
  });

  test("takes buffers and views, and refuses what is no bytes", async () => {
    const { sink, mine } = setUp();
    const writer = (writable(sink) as WritableStream<unknown>).getWriter();
    await writer.write(bytes(8).buffer);
    await writer.write(new DataView(new ArrayBuffer(4)));
    await writer.write(new SharedArrayBuffer(4));
    await writer.write(new Uint8Array(new SharedArrayBuffer(4)));
    await writer.write(runInNewContext("new ArrayBuffer(4)"));
    await writer.write(runInNewContext("new Uint16Array(2)"));
    await writer.write(new ArrayBuffer(0));
    expect(mine.bytes).toBe(28);
    await expect(writer.write("text")).rejects.toThrow(/Uint8Array.*TextEncoder/);
  });

  test("says of a sink that is used after it that the stream had taken it over", async () => {
    const { sink } = setUp();
    const writer = (writable(sink) as WritableStream<unknown>).getWriter();
    await expect(writer.write(3)).rejects.toThrow(/Uint8Array/);
    await expect(sink.end()).rejects.toThrow(
      "this client of testing.capnp:ByteSink was released by the stream that took it over; give writable() a clone(client) to keep this one",
    );
  });

  test("carries structs, and finds another ending", async () => {
    const lines: string[] = [];
    const { near } = connectPair(
      serve(LineSink, {
        put({ line }) {
          lines.push(`${line?.number} ${line?.text}`);
        },
        done: () => ({ lines: lines.length }),
      }),
    );
    const stream = writable(near.bootstrap(LineSink));
    const writer = stream.getWriter();
    await writer.write({ text: "one", number: 1 });
    await writer.write({ text: "two", number: 2 });
    await writer.close();
    await expect(stream.result).resolves.toEqual({ lines: 2 });
    expect(lines).toEqual(["1 one", "2 two"]);
  });

  test("does not guess", () => {
    const { near } = setUp();
    expect(() => writable(near.bootstrap(Twofold))).toThrow(/several streaming methods \(left, right\).*write: "…"/);
    expect(() => writable(near.bootstrap(Twofold), { write: "left" })).toThrow(/no method end, done or close.*end: "…"/);
    expect(() => writable(near.bootstrap(Twofold), { write: "right", end: "finish" })).toThrow(/exactly one parameter/);
    expect(() => writable(near.bootstrap(Twofold), { write: "finish" })).toThrow(/not a streaming method/);
    expect(() => writable(near.bootstrap(Twofold), { write: "up" })).toThrow(/no method up/);
    expect(() => writable(near.bootstrap(Twofold), { write: "left", end: "right" })).toThrow(/right is a streaming method/);
    expect(() => writable(near.bootstrap(Tester))).toThrow(/no streaming method/);
    expect(() => writable({} as ByteSink)).toThrow(/wants a client/);
  });

  test("takes names where guessing is not enough", async () => {
    const sizes: number[] = [];
    const { near } = connectPair(
      serve(Twofold, {
        left({ chunk }) {
          sizes.push(chunk.length);
        },
        finish: () => ({ total: 5n }),
      }),
    );
    const writer = writable(near.bootstrap(Twofold), { write: "left", end: "finish" }).getWriter();
    await writer.write(bytes(3) as never);
    await writer.close();
    expect(sizes).toEqual([3]);
    const endless = writable(near.bootstrap(Twofold), { write: "left", end: null }).getWriter();
    await endless.close();
  });
});
