import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import * as ours from "../src/node.js";
import { socketPair } from "./sockets.js";
import { TestSink } from "./support.js";
import { Lists, Old, Point } from "./generated/everything.capnp.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/*
 * A page or program that loads the package twice, as when two of its libraries bring one each. Each copy has WebAssembly and
 * connections of its own. Generated modules go with either; what lives in a copy, clients and connections, does not.
 */

type Package = typeof ours;

let theirs: Package;

beforeAll(async () => {
  vi.resetModules();
  theirs = await import("../src/node.js");
  await theirs.init();
});

const open: { close(): Promise<unknown> }[] = [];
afterAll(async () => {
  for (const connection of open) await connection.close();
});

/** A connection of the one copy's to the other. */
function joined(near: Package, far: Package): Tester {
  const [nearSocket, farSocket] = socketPair();
  let total = 0n;
  const sink: Partial<ByteSink.Server> = { write: ({ chunk }) => void (total += BigInt(chunk.length)), end: () => ({ total }) };
  const server: Partial<Tester.Server> = {
    echo: ({ text }) => ({ text }),
    open: () => ({ sink: far.serve(ByteSink, sink) }),
    fail: () => {
      throw new far.CapnpError("overloaded", "too much");
    },
  };
  open.push(far.accept(farSocket, { bootstrap: far.serve(Tester, server) }));
  const connection = near.accept(nearSocket);
  open.push(connection);
  return connection.bootstrap(Tester);
}

describe("two copies of the package", () => {
  test("are two, and talk to each other like any others, with the same generated modules", async () => {
    expect(theirs.connect).not.toBe(ours.connect);
    for (const tester of [joined(ours, theirs), joined(theirs, ours)]) {
      await expect(tester.echo({ text: "x" })).resolves.toEqual({ text: "x" });
      const { sink } = tester.open();
      await sink.write({ chunk: new Uint8Array(100) });
      await expect(sink.end()).resolves.toEqual({ total: 100n });
    }
  });

  test("number the types of those modules each in its own way", () => {
    // One copy knows types that the other does not, before those that both use.
    ours.decode(Old, ours.encode(Old, { t: "old" }));
    const mine = ours.encode(Point, { x: 1, label: "one" });
    ours.decode(Point, mine);
    for (let times = 0; times < 3; times++) {
      expect(theirs.decode(Lists, theirs.encode(Lists, { texts: ["a", "b"] })).texts).toEqual(["a", "b"]);
      expect(theirs.decode(Point, mine)).toMatchObject({ x: 1, label: "one" });
      expect(ours.decode(Lists, ours.encode(Lists, { texts: ["c"] })).texts).toEqual(["c"]);
      expect(ours.decode(Point, mine)).toMatchObject({ x: 1, label: "one" });
    }
  });

  test("refuse each other's clients as parameters, by the field, and say what to do", async () => {
    const tester = joined(ours, theirs);
    const sink = theirs.serve(ByteSink, new TestSink());
    await expect(tester.use({ sink })).rejects.toThrow(
      /sink: this client is of another copy of this package, which has connections of its own; load only one copy/,
    );
    // In results as well, where the caller learns of it.
    const [nearSocket, farSocket] = socketPair();
    open.push(ours.accept(farSocket, { bootstrap: ours.serve(Tester, { open: () => ({ sink }) }) }));
    const connection = ours.accept(nearSocket);
    open.push(connection);
    await expect(connection.bootstrap(Tester).open()).rejects.toThrow(/sink: this client is of another copy of this package/);
  });

  test("refuse each other's clients where a client is wanted", () => {
    const sink = theirs.serve(ByteSink, new TestSink());
    const [socket] = socketPair();
    const uses: (() => unknown)[] = [
      () => ours.accept(socket, { bootstrap: sink }),
      () => ours.writable(sink),
      () => ours.clone(sink),
      () => ours.give(sink),
      () => ours.isSame(sink, sink),
      () => ours.streamStats(sink),
      () => ours.observe(sink),
      () => ours.revocable(sink),
    ];
    for (const use of uses) expect(use, String(use)).toThrow(/wants a client, got object; if it is a client of another copy of this package, load only one copy/);
    // Releasing is a client's own business.
    ours.release(sink);
    expect(() => theirs.clone(sink)).toThrow(/was released/);
  });

  test("take each other's views for objects, and tell each other's errors by their kind", async () => {
    const view = theirs.read(Point, theirs.encode(Point, { x: 3, label: "three" }));
    expect(ours.decode(Point, ours.encode(Point, view))).toMatchObject({ x: 3, label: "three" });
    theirs.release(view);
    expect(() => ours.encode(Point, view)).toThrow(/released/);
    const error: unknown = await joined(theirs, ours)
      .fail({})
      .catch((reason: unknown) => reason);
    expect(error).not.toBeInstanceOf(ours.CapnpError);
    expect(error).toMatchObject({ name: "CapnpError", kind: "overloaded", reason: "too much" });
  });
});
