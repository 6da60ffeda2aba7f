import { execFileSync, spawnSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { CapnpError, decode, encode, encodePacked, init, MessageReader, pack, PackStream, read, readStream, unpack, UnpackStream } from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { wasm } from "../src/messages/memory.js";
import { Holder, Lists, NewHolder, Point, Scalars } from "./generated/everything.capnp.js";
import golden from "./golden.json" with { type: "json" };
import forms from "./golden-forms.json" with { type: "json" };
import { bytesOf, collect, concat, hexOf, piecesOf, randomFrom, reader, readerOf } from "./bytes.js";

await init();

const names = Object.keys(forms) as (keyof typeof forms)[];
const frameOf = (name: keyof typeof forms): Uint8Array => bytesOf(golden[name]);
const words = (count: number, byte: (index: number) => number): Uint8Array => Uint8Array.from({ length: count * 8 }, (_, i) => byte(i));

describe("a packed message that is not said to be", () => {
  const advice = /; if it is packed, say \{ packed: true \}/;

  test.each(names)("%s", async (name) => {
    const bytes = bytesOf(forms[name].packed);
    expect(() => decode(Point, bytes)).toThrow(advice);
    expect(() => read(Point, bytes)).toThrow(advice);
    expect(() => new MessageReader(bytes)).toThrow(advice);
    await expect(readStream(Point, new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()).next()).rejects.toThrow(advice);
  });

  test("is no advice where that was said", async () => {
    const bytes = pack(new Uint8Array(8).fill(255));
    const whole = /segments; the limit is 512( \(|$)/;
    expect(() => decode(Point, bytes, { packed: true })).toThrow(whole);
    expect(() => read(Point, bytes, { packed: true })).toThrow(whole);
    await expect(readStream(Point, new Blob([bytes]).stream(), { packed: true }).next()).rejects.toThrow(whole);
  });
});

describe("pack and unpack", () => {
  test.each(names)("%s is packed as the C++ tool packs it, and back", (name) => {
    expect(hexOf(pack(frameOf(name)))).toBe(forms[name].packed);
    expect(hexOf(unpack(bytesOf(forms[name].packed)))).toBe(golden[name]);
  });

  // From the description of the encoding.
  test.each([
    ["0800000003000200190000002a010000", "510803023119 2a01"],
    ["0000000000000000", "0000"],
    ["00".repeat(32), "0003"],
    ["08".repeat(8), "ff080808080808080800"],
    ["0000000c22000000", "180c22"],
    ["01".repeat(16) + "00".repeat(8), `ff${"01".repeat(17)}0000`],
    ["", ""],
  ])("%s", (plain, packed) => {
    packed = packed.replaceAll(" ", "");
    expect(hexOf(pack(bytesOf(plain)))).toBe(packed);
    expect(hexOf(unpack(bytesOf(packed)))).toBe(plain);
  });

  test("sizes around those of the blocks that pass between JavaScript and WebAssembly", () => {
    const random = randomFrom(5);
    for (const size of [8191, 8192, 8193, 9216, 16384, 16385, 100_000]) {
      for (const zeros of [0, 3, 30, 256]) {
        const plain = words(size, () => (random(256) < zeros ? 0 : random(256)));
        expect(Buffer.compare(unpack(pack(plain)), plain)).toBe(0);
      }
      const nothing = new Uint8Array(size * 8);
      expect(Buffer.compare(unpack(pack(nothing)), nothing)).toBe(0);
    }
  });

  test("results are the caller's own", () => {
    const first = pack(frameOf("lists"));
    const second = pack(frameOf("scalars"));
    expect([hexOf(first), hexOf(second)]).toEqual([forms.lists.packed, forms.scalars.packed]);
    expect(first.buffer.byteLength).toBe(first.length);
    const large = unpack(pack(new Uint8Array(500_000)));
    expect(large.buffer.byteLength).toBe(500_000);
  });

  test("runs end with their segment, because some readers take segments one by one", () => {
    // Three segments of two, one and two words, with zeros over the borders.
    const plain = bytesOf(`0200000002000000${"0100000002000000"}${"01".padEnd(16, "0")}${"0".repeat(16)}${"0".repeat(16)}${"0".repeat(16)}${"01".padEnd(16, "0")}`);
    expect(hexOf(pack(plain))).toBe("11020211010201010000000000000101");
    expect(hexOf(unpack(pack(plain)))).toBe(hexOf(plain));
  });

  test.each([
    [[0x24, 12], /ends in the middle of a word, after 2 packed bytes and 0 unpacked/],
    [[0x01, 5, 0], /before the length of a run of zeros, after 3 packed bytes and 8 unpacked/],
    [[0xff, 1, 2, 3, 4, 5, 6, 7, 8], /before the length of a run of words that are not packed, after 9 packed bytes/],
    [[0xff, 1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 1, 1], /in the middle of a run of words that are not packed, after 13 packed bytes and 11 unpacked/],
  ])("input that ends too early: %j", (packed, message) => {
    expect(() => unpack(Uint8Array.from(packed))).toThrow(message);
    expect(() => unpack(Uint8Array.from(packed))).toThrow(CapnpError);
    // The codec is fit for use again.
    expect(hexOf(unpack(Uint8Array.of(0, 0)))).toBe("00".repeat(8));
  });

  test("a part of a word is refused, with how much there was", () => {
    expect(() => pack(new Uint8Array(13))).toThrow(/only whole words can be packed, but the last has 5 bytes \(after 13 bytes\)/);
    expect(hexOf(pack(new Uint8Array(16)))).toBe("0001");
  });

  test("a limit bounds what a bomb unpacks to", () => {
    const bomb = new Uint8Array(100_000).map((_, i) => (i % 2 ? 255 : 0));
    expect(unpack(bomb.subarray(0, 1024)).length).toBe(512 * 2048);
    expect(() => unpack(bomb)).toThrow(/unpacks to more than the limit of 67108864 bytes \(at packed byte \d+\)/);
    expect(() => unpack(bomb, { limitBytes: 100_000 })).toThrow(/limit of 100000 bytes/);
    expect(unpack(bomb.subarray(0, 2), { limitBytes: 2048 }).length).toBe(2048);
    expect(() => unpack(bomb.subarray(0, 2), { limitBytes: 2047 })).toThrow(/limit of 2047 bytes/);
  });

  test("what is no bytes is a TypeError", () => {
    expect(() => pack("text" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => unpack(new ArrayBuffer(8) as unknown as Uint8Array)).toThrow(/new Uint8Array\(buffer\)/);
    const gone = new Uint8Array(8);
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(() => pack(gone)).toThrow(/transferred away/);
  });
});

describe("encodePacked and decode", () => {
  const value = { x: 1, y: 2, label: "packed" };

  test("are each other's reverse", () => {
    const packed = encodePacked(Point, value);
    expect(hexOf(packed)).toBe(hexOf(pack(encode(Point, value))));
    expect(decode(Point, packed, { packed: true })).toEqual(value);
  });

  test("of a large message", () => {
    const texts = Array.from({ length: 20_000 }, (_, i) => `text ${i}`);
    expect(decode(Lists, encodePacked(Lists, { texts }), { packed: true }).texts).toEqual(texts);
  });

  test.each<[keyof typeof forms, StructDescriptor]>([
    ["lists", Lists],
    ["listsInSegments", Lists],
    ["holder", Holder],
    ["scalars", Scalars],
    ["newInSegments", NewHolder],
  ])("%s, packed by the C++ tool", (name, type) => {
    expect(decode(type, bytesOf(forms[name].packed), { packed: true })).toEqual(decode(type, frameOf(name)));
  });

  test("damage is told", () => {
    const packed = encodePacked(Point, value);
    expect(() => decode(Point, packed.subarray(0, packed.length - 1), { packed: true })).toThrow(/the packed data ends/);
    expect(() => decode(Point, concat([packed, packed]), { packed: true })).toThrow(/message ends after/);
    expect(() => decode(Point, new Uint8Array(0), { packed: true })).toThrow(CapnpError);
  });

  test("the traversal limit bounds what is unpacked", () => {
    const bomb = new Uint8Array(2000).map((_, i) => (i % 2 ? 255 : 0));
    expect(() => decode(Point, bomb, { packed: true, traversalLimitWords: 1000 })).toThrow(/more than the limit of 10056 bytes/);
  });
});

describe("PackStream and UnpackStream", () => {
  const stream = concat(names.map(frameOf));
  const packedStream = concat(names.map((name) => bytesOf(forms[name].packed)));

  test("give what pack and unpack give, however the bytes are split", async () => {
    const random = randomFrom(11);
    const splits: (() => number)[] = [() => 1, () => 2, () => 7, () => random(50), () => stream.length];
    for (const split of splits) {
      expect(hexOf(await collect(readerOf(piecesOf(stream, split)).pipeThrough(new PackStream())))).toBe(hexOf(packedStream));
      expect(hexOf(await collect(readerOf(piecesOf(packedStream, split)).pipeThrough(new UnpackStream())))).toBe(hexOf(stream));
    }
  });

  test("every split of a short stream in two", async () => {
    const plain = concat([frameOf("circle"), frameOf("newInSegments")]);
    const packed = pack(plain);
    for (let at = 0; at <= plain.length; at++) {
      const there = readerOf([plain.subarray(0, at), plain.subarray(at)]).pipeThrough(new PackStream());
      expect(hexOf(await collect(there))).toBe(hexOf(packed));
    }
    for (let at = 0; at <= packed.length; at++) {
      const back = readerOf([packed.subarray(0, at), new Uint8Array(0), packed.subarray(at)]).pipeThrough(new UnpackStream());
      expect(hexOf(await collect(back))).toBe(hexOf(plain));
    }
  });

  test("many megabytes go through both", async () => {
    const random = randomFrom(3);
    const block = words(8192, () => (random(2) ? 0 : random(256)));
    const blocks = Array.from({ length: 100 }, (_, i) => block.subarray(random(50), block.length - random(70) - i));
    const plain = concat([...blocks, new Uint8Array(8 - (concat(blocks).length % 8))]);
    const through = readerOf(blocks.concat(plain.subarray(concat(blocks).length))).pipeThrough(new PackStream()).pipeThrough(new UnpackStream());
    expect(Buffer.compare(await collect(through), plain)).toBe(0);
  });

  test("nothing becomes nothing", async () => {
    expect((await collect(readerOf([]).pipeThrough(new PackStream()))).length).toBe(0);
    expect((await collect(readerOf([]).pipeThrough(new UnpackStream()))).length).toBe(0);
    expect((await collect(readerOf([new Uint8Array(0)]).pipeThrough(new UnpackStream()))).length).toBe(0);
  });

  test("a bomb comes out in pieces, and only while somebody reads", async () => {
    const bomb = new Uint8Array(1 << 20).map((_, i) => (i % 2 ? 255 : 0));
    let given = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          given++;
          controller.enqueue(bomb);
        },
      },
      { highWaterMark: 0 },
    );
    const from = reader(source.pipeThrough(new UnpackStream()));
    const found = wasm.memory.buffer.byteLength;
    for (let i = 0; i < 100; i++) {
      const { value } = await from.read();
      expect(value?.length).toBeGreaterThan(0);
      expect(value?.length).toBeLessThanOrEqual(72 * 1024);
      expect(value?.every((byte) => byte === 0)).toBe(true);
    }
    // One chunk is being unpacked and one waits, of the endless stream.
    expect(given).toBeLessThanOrEqual(2);
    expect(wasm.memory.buffer.byteLength).toBe(found);
    await from.cancel();
  });

  test("a limit makes both sides fail", async () => {
    const { readable, writable } = new UnpackStream({ limitBytes: 1 << 20 });
    const bomb = new Uint8Array(10_000).map((_, i) => (i % 2 ? 255 : 0));
    const written = writable.getWriter().write(bomb);
    written.catch(() => undefined);
    await expect(collect(readable)).rejects.toThrow(/unpacks to more than the limit of 1048576 bytes \(at packed byte \d+\)/);
    await expect(written).rejects.toThrow(/limit of 1048576 bytes/);
  });

  test.each([
    [[0x24, 12], /in the middle of a word, after 2 packed bytes and 0 unpacked/],
    [[0x01, 5, 0], /before the length of a run of zeros, after 3 packed bytes/],
  ])("a stream of packed bytes that ends too early: %j", async (bytes, message) => {
    await expect(collect(readerOf(bytes.map((byte) => Uint8Array.of(byte))).pipeThrough(new UnpackStream()))).rejects.toThrow(message);
  });

  test("a stream of words that ends inside one", async () => {
    const through = readerOf([new Uint8Array(8), new Uint8Array(5)]).pipeThrough(new PackStream());
    await expect(collect(through)).rejects.toThrow(/the last has 5 bytes \(after 13 bytes\)/);
  });

  test("chunks that are no bytes make the stream fail", async () => {
    const chunks = readerOf(["text" as unknown as Uint8Array]);
    await expect(collect(chunks.pipeThrough(new PackStream()))).rejects.toThrow(TypeError);
  });

  test("closing does not wait for a reader", async () => {
    const { readable, writable } = new PackStream();
    const writer = writable.getWriter();
    const from = reader(readable);
    const first = from.read();
    await writer.write(bytesOf("ff".repeat(8)));
    expect(hexOf((await first).value)).toBe("ff".repeat(9));
    // The length of the run is still to come.
    await writer.close();
    expect(hexOf((await from.read()).value)).toBe("00");
    expect((await from.read()).done).toBe(true);
  });

  describe("leave nothing in WebAssembly", () => {
    const part = bytesOf("510803");

    test.each<[string, (stream: UnpackStream) => Promise<unknown>]>([
      ["at the end", ({ readable, writable }) => Promise.all([readerOf([bytesOf("0003")]).pipeTo(writable), collect(readable)])],
      ["after an error", ({ readable, writable }) => Promise.allSettled([readerOf([part]).pipeTo(writable), collect(readable)])],
      ["when nothing was written", ({ writable }) => writable.abort()],
      [
        "when the writer aborts",
        async ({ readable, writable }) => {
          const writer = writable.getWriter();
          const from = reader(readable);
          const read = from.read();
          await writer.write(part);
          expect(wasm.codec_count()).toBe(before + 1);
          await writer.abort(new Error("no more"));
          await expect(read).rejects.toThrow("no more");
        },
      ],
      [
        "when the writer aborts while a chunk waits for a reader",
        async ({ readable, writable }) => {
          const writer = writable.getWriter();
          const written = writer.write(part);
          written.catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 5));
          expect(wasm.codec_count()).toBe(before + 1);
          await writer.abort(new Error("no more"));
          await expect(written).rejects.toThrow("no more");
          await expect(reader(readable).read()).rejects.toThrow("no more");
        },
      ],
      [
        "when the reader cancels",
        async ({ readable, writable }) => {
          const writer = writable.getWriter();
          const written = writer.write(part);
          written.catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 5));
          await readable.cancel(new Error("enough"));
          await expect(written).rejects.toThrow("enough");
          await expect(writer.closed).rejects.toThrow("enough");
        },
      ],
    ])("%s", async (_, use) => {
      before = wasm.codec_count();
      await use(new UnpackStream());
      expect(wasm.codec_count()).toBe(before);
    });

    test("when they are dropped half-way", async () => {
      setFlagsFromString("--expose-gc");
      const collectGarbage = runInNewContext("gc") as () => void;
      before = wasm.codec_count();
      await (async () => {
        const { readable, writable } = new UnpackStream();
        const read = reader(readable).read();
        await writable.getWriter().write(bytesOf("0003510803"));
        expect((await read).value?.length).toBe(32);
        expect(wasm.codec_count()).toBe(before + 1);
      })();
      await expect
        .poll(() => {
          collectGarbage();
          return wasm.codec_count();
        })
        .toBe(before);
    });

    let before = 0;
  });

  test("cancelling tells the source", async () => {
    let reason: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Uint8Array.of(0, 255)),
      cancel: (why) => void (reason = why),
    });
    for await (const chunk of source.pipeThrough(new UnpackStream())) {
      expect(chunk.length).toBe(2048);
      break;
    }
    // Word of it passes through the pipe.
    await expect.poll(() => "told" in { told: reason } && source.locked).toBe(false);
  });
});

const hasTool = spawnSync("capnp", ["--version"]).status === 0;

describe.runIf(hasTool)("the C++ tool, as it is installed here", () => {
  const convert = (forms: string, input: Uint8Array): Uint8Array => execFileSync("capnp", ["convert", forms], { input, stdio: ["pipe", "pipe", "pipe"] });

  test("packs random messages to the same bytes, and takes ours", () => {
    const random = randomFrom(17);
    const messages = Array.from({ length: 200 }, () => {
      const sizes = Array.from({ length: 1 + random(4) }, () => random(300));
      sizes[0] = Math.max(1, sizes[0] ?? 1);
      const table = Buffer.alloc(((sizes.length >> 1) + 1) * 8);
      table.writeUInt32LE(sizes.length - 1, 0);
      sizes.forEach((size, i) => table.writeUInt32LE(size, 4 + 4 * i));
      const zeros = random(256);
      return concat([table, ...sizes.map((size) => words(size, () => (random(256) < zeros ? 0 : random(256))))]);
    });
    // The tool copies each message from its root on, so only what it writes can be compared.
    const theirs = convert("packed:packed", pack(concat(messages.map(() => frameOf("lists")))));
    expect(hexOf(theirs)).toBe(hexOf(pack(convert("packed:binary", theirs))));
    for (const message of messages) expect(Buffer.compare(unpack(pack(message)), message)).toBe(0);
  });

  test("reads a stream of ours", () => {
    const plain = concat(names.map(frameOf));
    const theirs = convert("binary:packed", plain);
    expect(hexOf(convert("packed:binary", pack(plain)))).toBe(hexOf(unpack(theirs)));
  });
});
