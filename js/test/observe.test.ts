import { describe, expect, test } from "vitest";
import { observe, release, serve, streamStats, writable } from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair, TestSink } from "./support.js";
import { ByteSink } from "./generated/testing.capnp.js";

function setUp(): ReturnType<typeof connectPair> & { sink: ByteSink } {
  const pair = connectPair(serve(ByteSink, new TestSink()));
  return { ...pair, sink: pair.near.bootstrap(ByteSink) };
}

describe("what flow control does", () => {
  test("is in the stats of a stream and of its connection, once there were acknowledgements", async () => {
    const { sink, near } = setUp();
    expect(near.stats()).toMatchObject({ btlBw: 0, rtProp: undefined, mode: undefined, delivered: 0 });
    for (let i = 0; i < 100; i++) {
      await sink.write({ chunk: new Uint8Array(10_000) });
      await turn();
    }
    const stream = streamStats(sink);
    expect(stream).toMatchObject({ inFlight: 0, mode: expect.stringMatching(/growing|steady|draining/) });
    expect(stream?.btlBw).toBeGreaterThan(1e5);
    expect(stream?.rtProp).toBeGreaterThan(0);
    expect(stream?.window).toBeGreaterThan(10_000);
    const connection = near.stats();
    expect(connection.delivered).toBe(stream?.delivered);
    expect(connection.delivered).toBeGreaterThan(1_000_000);
    expect(connection.btlBw).toBeGreaterThan(1e5);
    expect(connection.rtProp).toBeGreaterThan(0);
    release(sink);
    expect(near.stats().delivered).toBe(stream?.delivered);
  });

  test("can be watched until the stream is closed", async () => {
    const { sink } = setUp();
    const stream = writable(sink);
    const watched = (async () => {
      const samples = [];
      for await (const sample of observe(sink, { interval: 1 })) samples.push(sample);
      return samples;
    })();
    const writer = stream.getWriter();
    for (let i = 0; i < 20; i++) {
      await writer.write(new Uint8Array(1000));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await writer.close();
    const samples = await watched;
    expect(samples.length).toBeGreaterThan(2);
    const times = samples.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(samples.at(-1)?.delivered).toBeGreaterThan(samples[0]?.delivered ?? Infinity);
  });

  test("can be watched until the connection is closed, the watcher stops, or a signal ends it", async () => {
    const { near } = setUp();
    for await (const { window } of observe(near, { interval: 1 })) {
      expect(window).toBeGreaterThan(0);
      break;
    }
    const controller = new AbortController();
    let looks = 0;
    for await (const _ of observe(near, { interval: 1, signal: controller.signal })) if (++looks === 3) controller.abort();
    expect(looks).toBe(3);
    for await (const _ of observe(near, { interval: 1 })) if (++looks === 6) void near.close();
    expect(looks).toBe(6);
  });

  test("is of connections and clients", () => {
    const { near } = setUp();
    expect(() => observe({})).toThrow(/observe\(\) wants a client/);
    expect(() => observe(near, { interval: 0 })).toThrow(/interval: .*got 0/);
    expect(() => observe(near, { interval: Infinity })).toThrow(RangeError);
  });
});
