import { expect, test } from "vitest";
import { decode, encode, encodePacked, init, read, release } from "../src/messages-node.js";
import { wasm } from "../src/messages/memory.js";
import * as seam from "../src/seam/memory.js";
import { Lists, Point } from "./generated/everything.capnp.js";

/* Without connections: everything is in one WebAssembly module and one memory. */

await init();

test("a packed message is decoded for which WebAssembly's memory has to grow", () => {
  // Gives back what was kept of the messages before.
  decode(Lists, encode(Lists, { texts: Array<string>(50_000).fill("large") }));
  const u8s = Array.from({ length: 72_000 }, (_, i) => (i % 3) * 7);
  const packed = encodePacked(Lists, { u8s });
  const hog = (isEnough: (count: number) => boolean): number[] => {
    const ids: number[] = [];
    while (!isEnough(ids.length)) ids.push(wasm.codec_open(0));
    return ids;
  };
  // The table of codecs itself is large enough after that.
  for (const id of hog((count) => count === 4000)) wasm.codec_close(id);
  // What memory there is is full when it grows for something small.
  const found = wasm.memory.buffer.byteLength;
  const hogs = hog(() => wasm.memory.buffer.byteLength > found);
  const full = wasm.memory.buffer.byteLength;
  const decoded = decode(Lists, packed, { packed: true });
  for (const id of hogs) wasm.codec_close(id);
  expect(wasm.memory.buffer.byteLength).toBeGreaterThan(full);
  expect(decoded.u8s).toEqual(u8s);
});

// The last here: from then on there are two.
test("types that were decoded before are when connections have come", async () => {
  const bytes = encode(Point, { x: 7, label: "moves" });
  const decoded = decode(Point, bytes);
  const view = read(Point, bytes);
  expect(seam.wasm).toBe(wasm);
  const { connect } = await import("../src/node.js");
  await connect("ws://127.0.0.1:1").catch(() => undefined);
  expect(seam.wasm).not.toBe(wasm);
  expect(decode(Point, bytes)).toEqual(decoded);
  expect(decode(Lists, encode(Lists, { structs: [decoded] })).structs).toEqual([decoded]);
  expect(view.label).toBe("moves");
  release(view);
});
