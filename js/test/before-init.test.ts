import { expect, test } from "vitest";
import { build, CapnpError, decode, encode, init, MessageBuilder, MessageReader, read, release } from "../src/node.js";
import { Point } from "./generated/everything.capnp.js";

test("messages can be encoded before the WebAssembly is loaded, and decoding says that it is missing", async () => {
  const bytes = encode(Point, { x: 1, label: "early" });
  expect(() => decode(Point, bytes)).toThrow(CapnpError);
  for (const early of [
    () => decode(Point, bytes),
    () => read(Point, bytes),
    () => build(Point),
    () => new MessageReader(bytes),
    () => new MessageBuilder(),
  ]) {
    expect(early).toThrow(/not loaded yet: `await init\(\)` first/);
  }
  await init();
  expect(decode(Point, bytes)).toEqual({ x: 1, y: 0, label: "early" });
  const view = read(Point, bytes);
  expect(view.label).toBe("early");
  release(view);
});
