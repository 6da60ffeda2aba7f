import { expect, test } from "vitest";
import { encode, encodePacked, isCanonical, pack, PackStream, readStream, unpack } from "../src/node.js";
import { readerOf } from "./bytes.js";
import { Point } from "./generated/everything.capnp.js";

test("streams load the WebAssembly by themselves, and what is no stream says that it is missing", async () => {
  const point = { x: 1, y: 0, label: "early" };
  const bytes = encode(Point, point);
  for (const early of [() => pack(bytes), () => unpack(bytes), () => encodePacked(Point, point), () => isCanonical(bytes)]) {
    expect(early).toThrow(/not loaded yet: `await init\(\)` first/);
  }
  const found = [];
  for await (const each of readStream(Point, readerOf([bytes, bytes]).pipeThrough(new PackStream()), { packed: true })) found.push(each);
  expect(found).toEqual([point, point]);
});
