import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, test } from "vitest";
import { type ClientTracking, release, serve, trackClients, type UnreleasedClient } from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

let tracking: ClientTracking | undefined;
afterEach(() => tracking?.stop());

async function callFromHere(tester: Tester): Promise<ByteSink | undefined> {
  const { sink, spare, inner } = await tester.open();
  for (const client of [spare, inner?.sink]) if (client !== undefined) release(client);
  return sink;
}

test("the debug mode names where each unreleased client was made", async () => {
  tracking = trackClients();
  let kept: ByteSink | undefined;
  const root = serve(Tester, {
    open: () => new TestServer().open({ name: "a" }),
    same: ({ sink }) => {
      kept = sink;
      return {};
    },
  });
  const { near } = connectPair(root);
  const tester = near.bootstrap(Tester);
  const [served, bootstrap] = tracking.unreleased();
  expect(served?.type).toBe("Tester");
  // The first line is the caller's, none is of the package's own.
  expect(served?.madeAt.split("\n")[0]).toContain("debug.test.ts");
  expect(bootstrap?.madeAt).not.toContain("/js/src/");

  const before = new Set(tracking.unreleased().map(({ madeAt }) => madeAt));
  const sink = await callFromHere(tester);
  const left = tracking.unreleased().filter(({ type, madeAt }) => type === "ByteSink" && madeAt.includes("callFromHere") && !before.has(madeAt));
  expect(left).toHaveLength(1);
  release(sink as ByteSink);
  expect(tracking.unreleased().some(({ madeAt }) => madeAt.includes("callFromHere"))).toBe(false);

  await tester.same({ sink: serve(ByteSink, new TestSink()) });
  expect(tracking.unreleased().at(-1)).toMatchObject({ type: "ByteSink", madeAt: "the parameters of Tester.same" });
  release(kept as ByteSink);
  for (const client of [root, tester]) release(client);
  tracking.stop();
  expect(tracking.unreleased()).toEqual([]);
});

test("the debug mode tells of clients that had to be collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const leaks: UnreleasedClient[] = [];
  tracking = trackClients((leak) => leaks.push(leak));
  (function forgetOne(): void {
    serve(ByteSink, new TestSink());
  })();
  for (let i = 0; i < 50 && leaks.length === 0; i++) {
    collect();
    await turn();
  }
  expect(leaks).toEqual([{ type: "ByteSink", madeAt: expect.stringContaining("forgetOne") as string }]);
});
