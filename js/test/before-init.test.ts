import { expect, test } from "vitest";
import { CapnpError, decode, encode, init } from "../src/node.js";
import { Point } from "./generated/everything.capnp.js";

test("messages can be encoded before the WebAssembly is loaded, and decoding says that it is missing", async () => {
  const bytes = encode(Point, { x: 1, label: "early" });
  expect(() => decode(Point, bytes)).toThrow(CapnpError);
  expect(() => decode(Point, bytes)).toThrow(/not loaded yet: `await init\(\)` first/);
  await init();
  expect(decode(Point, bytes)).toEqual({ x: 1, y: 0, label: "early" });
});
