import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { CapnpError, decode, encode, encodePacked, EncodeStream, init, pack, PackStream, readStream, type ByteSource, type ReadStreamOptions } from "../src/node.js";
import { wasm } from "../src/messages/memory.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { Lists, Point } from "./generated/everything.capnp.js";
import { bytesOf, collect, concat, hexOf, piecesOf, randomFrom, readerOf } from "./bytes.js";
import golden from "./golden.json" with { type: "json" };

await init();

const points = Array.from({ length: 40 }, (_, i) => ({ x: i, y: i % 3, label: "é".repeat(i % 7) }));
const plain = concat(points.map((point) => encode(Point, point)));
const forms: [string, Uint8Array, ReadStreamOptions][] = [
  ["unpacked", plain, {}],
  ["packed", pack(plain), { packed: true }],
];

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

async function* generated(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve();
    yield chunk;
  }
}

const sources: [string, (chunks: readonly Uint8Array[]) => ByteSource][] = [
  ["a ReadableStream", readerOf],
  ["an async generator", generated],
  ["a Node stream", (chunks) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)))],
];

describe.each(forms)("%s messages", (form, bytes, options) => {
  describe.each(sources)("from %s", (_, source) => {
    test("are read however they are split", async () => {
      const random = randomFrom(7);
      for (const split of [() => 1, () => 3, () => 8, () => 1 + random(60), () => bytes.length]) {
        expect(await all(readStream(Point, source(piecesOf(bytes, split)), options))).toEqual(points);
      }
    });

    test("may be none", async () => {
      expect(await all(readStream(Point, source([]), options))).toEqual([]);
    });

    test("may come with chunks of nothing", async () => {
      const nothing = new Uint8Array(0);
      const chunks = [nothing, ...piecesOf(bytes, () => 100).flatMap((piece) => [piece, nothing])];
      expect(await all(readStream(Point, source(chunks), options))).toEqual(points);
    });

    test("are given out before the source ends", async () => {
      let given = 0;
      const values = readStream(
        Point,
        source(piecesOf(bytes, () => bytes.length / 4)),
        options,
      );
      for await (const value of values) {
        expect(value).toEqual(points[given++]);
        if (given === 5) break;
      }
      expect(given).toBe(5);
    });
  });

  test("in every split of two", async () => {
    const values = points.slice(0, 3);
    const short = concat(values.map((value) => (options.packed ? encodePacked : encode)(Point, value)));
    for (let at = 0; at <= short.length; at++) {
      expect(await all(readStream(Point, readerOf([short.subarray(0, at), short.subarray(at)]), options))).toEqual(values);
    }
  });

  test("of megabytes", async () => {
    const texts = Array.from({ length: 100_000 }, (_, i) => `text ${i} ${"x".repeat(i % 20)}`);
    const large = encode(Lists, { texts });
    expect(large.length).toBeGreaterThan(2_000_000);
    const stream = concat([large, encode(Lists, { texts: ["small"] }), large]);
    const found = await all(readStream(Lists, readerOf(piecesOf(options.packed ? pack(stream) : stream, () => 50_001)), options));
    expect(found.map((each) => each.texts.length)).toEqual([100_000, 1, 100_000]);
    expect(found[2]?.texts).toEqual(texts);
  });

  test("in many segments", async () => {
    const stream = concat(Array<Uint8Array>(3).fill(bytesOf(golden.listsInSegments)));
    const input = options.packed ? pack(stream) : stream;
    for (const length of [1, 5, 1000]) {
      const found = await all(readStream(Lists, readerOf(piecesOf(input, () => length)), options));
      expect(found).toEqual(Array(3).fill(decode(Lists, bytesOf(golden.lists))));
    }
  });

  test("that end too early are told, with the place", async () => {
    const lastBegins = plain.length - encode(Point, points.at(-1) as Point).length;
    for (const missing of [1, 8, 9, 20]) {
      const values = readStream(Point, readerOf([bytes.subarray(0, bytes.length - missing)]), options);
      const found: unknown[] = [];
      const error = await (async () => {
        for await (const value of values) found.push(value);
      })().catch((error: unknown) => error);
      expect(error).toBeInstanceOf(CapnpError);
      expect((error as Error).message).toMatch(/the stream ends after \d+ bytes of a message|the packed data ends/);
      if (form === "unpacked") expect((error as Error).message).toContain(`(message 39, which begins at byte ${lastBegins})`);
      expect(found.length).toBe(39);
    }
  });

  test("that are damaged are told, with the place, and those before them are read", async () => {
    const bad = bytesOf("0000000001000000" + "0000000001000000");
    const stream = concat([encode(Point, points[0] as Point), bad, encode(Point, points[1] as Point)]);
    const found: unknown[] = [];
    const values = readStream(Point, readerOf([options.packed ? pack(stream) : stream]), options);
    const failure = (async () => {
      for await (const value of values) found.push(value);
    })();
    await expect(failure).rejects.toThrow(/everything.capnp:Point: .* \(segment 0, word 0\) \(message 1, which begins at byte 48\)/);
    await expect(failure).rejects.toBeInstanceOf(CapnpError);
    expect(found).toEqual([points[0]]);
  });

  test("beyond the limits are refused before they have come", async () => {
    const endless = (table: string) =>
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(options.packed ? pack(bytesOf(table)) : bytesOf(table)),
      });
    await expect(all(readStream(Point, endless("0000000001008000"), options))).rejects.toThrow(
      "the segment table claims a message of 8388609 words; the limit is 8388608 (message 0, which begins at byte 0)",
    );
    await expect(all(readStream(Point, endless("0000000065000000"), { ...options, traversalLimitWords: 100 }))).rejects.toThrow("the limit is 100");
    await expect(all(readStream(Point, endless("0002000001000000"), options))).rejects.toThrow("513 segments; the limit is 512");
    await expect(all(readStream(Point, endless("ffffffffffffffff"), options))).rejects.toThrow("4294967296 segments");
  });

  test("whose table lies cost no memory", async () => {
    const lie = bytesOf("0000000000007f00" + "00".repeat(16));
    const stream = readerOf([options.packed ? pack(lie) : lie]);
    const before = process.memoryUsage().arrayBuffers;
    await expect(all(readStream(Point, stream, options))).rejects.toThrow(/after 24 bytes of a message that needs 66584584/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  test("leave nothing in WebAssembly, however the reading ends", async () => {
    const before = wasm.codec_count();
    await all(readStream(Point, readerOf([bytes]), options));
    await all(readStream(Point, readerOf([bytes.subarray(0, 100)]), options)).catch(() => undefined);
    for await (const value of readStream(Point, readerOf([bytes]), options)) {
      expect(value).toEqual(points[0]);
      expect(wasm.codec_count()).toBe(before + (options.packed ? 1 : 0));
      break;
    }
    expect(wasm.codec_count()).toBe(before);
  });

  test("may be read by several at a time, who pack and encode other things meanwhile", async () => {
    const streams = Array.from({ length: 4 }, (_, i) => readStream(Point, readerOf(piecesOf(bytes, () => 11 + i)), options));
    const found = streams.map(() => [] as Point[]);
    await Promise.all(
      streams.map(async (stream, i) => {
        for await (const value of stream) {
          pack(new Uint8Array(100_000));
          decode(Lists, encodePacked(Lists, { texts: ["y".repeat(100_000)] }), { packed: true });
          found[i]?.push(value);
        }
      }),
    );
    expect(found).toEqual(Array(4).fill(points));
  });
});

test("damaged streams end in an error that says where, or are read, and leave nothing behind", async () => {
  const random = randomFrom(23);
  const before = wasm.codec_count();
  let failed = 0;
  for (let round = 0; round < 600; round++) {
    const [, bytes, options] = forms[round % 2] as (typeof forms)[0];
    const damaged = bytes.slice(0, random(bytes.length));
    for (let i = random(4); i >= 0; i--) damaged[random(Math.min(damaged.length, 300))] = random(3) ? random(256) : 255 * random(2);
    const chunks = piecesOf(damaged, () => 1 + random(200));
    try {
      for await (const point of readStream(Point, readerOf(chunks), { ...options, traversalLimitWords: 1 << 16 })) expect(typeof point.label).toBe("string");
    } catch (error) {
      expect(error).toBeInstanceOf(CapnpError);
      expect((error as Error).message).toMatch(/message \d+, which begins at byte \d+|after \d+ packed bytes/);
      failed++;
    }
  }
  expect(failed).toBeGreaterThan(400);
  expect(wasm.codec_count()).toBe(before);
});

describe("a loop that is left early", () => {
  test("cancels a ReadableStream and unlocks it", async () => {
    let reason: unknown = "not told";
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(plain),
      cancel: (why) => void (reason = why),
    });
    for await (const _ of readStream(Point, source)) break;
    expect(reason).toBeUndefined();
    expect(source.locked).toBe(false);
  });

  test("ends a generator", async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield plain;
      } finally {
        ended = true;
      }
    }
    for await (const _ of readStream(Point, endless())) break;
    expect(ended).toBe(true);
  });

  test("destroys a Node stream", async () => {
    const source = new Readable({
      read() {
        this.push(plain);
      },
    });
    for await (const _ of readStream(Point, source)) break;
    expect(source.destroyed).toBe(true);
  });

  test("by an error in the data tells the source why", async () => {
    let reason: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(8).fill(255)),
      cancel: (why) => void (reason = why),
    });
    await expect(all(readStream(Point, source))).rejects.toThrow("4294967296 segments");
    expect(String(reason)).toContain("4294967296 segments");
    expect(source.locked).toBe(false);
  });
});

test("a source's error is the reader's", async () => {
  const failing = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("the cable was cut"));
    },
  });
  await expect(all(readStream(Point, failing))).rejects.toThrow("the cable was cut");
  expect(failing.locked).toBe(false);
});

test.each<[unknown, RegExp]>([
  [undefined, /readStream\(\): expected a ReadableStream or an AsyncIterable of Uint8Array, got undefined/],
  [plain, /expected a ReadableStream/],
  ["text", /expected a ReadableStream/],
  [readerOf(["text" as unknown as Uint8Array]), /readStream\(\): expected a Uint8Array/],
])("what is no source of bytes is refused (%#)", async (source, message) => {
  await expect(all(readStream(Point, source as ByteSource))).rejects.toThrow(message);
});

describe("EncodeStream", () => {
  const objects = (): ReadableStream<Point.Input> => new ReadableStream({ start: (controller) => (points.forEach((point) => controller.enqueue(point)), controller.close()) });

  test("gives what readStream reads", async () => {
    const bytes = await collect(objects().pipeThrough(new EncodeStream(Point)));
    expect(hexOf(bytes)).toBe(hexOf(plain));
    expect(await all(readStream(Point, objects().pipeThrough(new EncodeStream(Point, { packed: true })), { packed: true }))).toEqual(points);
  });

  test("goes with the other streams", async () => {
    const packed = objects().pipeThrough(new EncodeStream(Point)).pipeThrough(new PackStream());
    expect(await all(readStream(Point, packed, { packed: true }))).toEqual(points);
  });

  test("fails on a value that does not fit", async () => {
    const wrong = new ReadableStream<Point.Input>({ start: (controller) => controller.enqueue({ x: "one" } as unknown as Point.Input) });
    await expect(collect(wrong.pipeThrough(new EncodeStream(Point as StructDescriptor<Point, Point.Input>)))).rejects.toThrow(/Point: x: expected a number/);
  });
});
