import { describe, expect, test } from "vitest";
import { CapabilityServerSet, CapnpError, give, isSame, membrane, type PassingCall, release, revocable, serve, whenResolved } from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

class Counted extends TestSink implements Disposable {
  disposed = 0;

  [Symbol.dispose](): void {
    this.disposed++;
  }
}

/** The far side has what passes the border; the near one is outside. */
function over(guarded: Tester): Pair & { tester: Tester } {
  const pair = connectPair(guarded);
  return { ...pair, tester: pair.near.bootstrap(Tester) };
}

describe("a revocable client", () => {
  test("works like the one it is made of, which stays as it is when it is revoked", async () => {
    const server = new TestServer();
    const own = serve(Tester, server);
    const { client, revoke } = revocable(own);
    const { tester } = over(client);
    await expect(tester.echo({ text: "hello" })).resolves.toEqual({ text: "hello" });
    const { sink, inner } = await tester.open({ name: "a" });
    for (let i = 0; i < 30; i++) await sink?.write({ chunk: new Uint8Array(10_000) });
    await expect(sink?.end()).resolves.toEqual({ total: 300_000n });
    expect(inner?.name).toBe("a");
    expect(server.sinks.get("a")?.mostRunning).toBe(1);
    revoke();
    await expect(tester.echo()).rejects.toMatchObject({ kind: "failed", reason: expect.stringContaining("was revoked") as string });
    await expect(own.echo({ text: "mine" })).resolves.toEqual({ text: "mine" });
    expect(isSame(own, client)).toBe(false);
  });

  test("takes with it what came through it in either direction, and calls under way", async () => {
    const given: ByteSink[] = [];
    const server = new TestServer();
    const { client, revoke } = revocable(
      serve(Tester, {
        open: (params) => server.open(params),
        use: ({ sink }) => (given.push(sink as ByteSink), {}),
        never: (params, context) => server.never(params, context),
      }),
    );
    const { tester } = over(client);
    const { sink, inner } = await tester.open();
    const outside = new TestSink();
    await tester.use({ sink: serve(ByteSink, outside) });
    await expect(given[0]?.end()).resolves.toEqual({ total: 0n });
    const call = tester.never();
    await turn();
    revoke(new CapnpError("overloaded", "enough of you"));
    await expect(call).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringContaining("enough of you") as string });
    for (const client of [sink, inner?.sink, given[0]]) await expect(client?.end()).rejects.toThrow("enough of you");
    await turn();
    expect(server.canceled).toEqual(["never"]);
  });

  test("leaves nothing behind", async () => {
    const mine = new Counted();
    const theirs = new Counted();
    const own = serve(Tester, { same: ({ sink }) => ({ sink: give(sink as ByteSink) }), open: () => ({ sink: give(serve(ByteSink, theirs)) }) });
    const { client, revoke } = revocable(own);
    const pair = over(give(client));
    const sink = serve(ByteSink, mine);
    const { sink: back } = await pair.tester.same({ sink });
    await expect(back?.end()).resolves.toEqual({ total: 0n });
    const { sink: other } = await pair.tester.open();
    for (const client of [sink, back, other]) release(client as ByteSink);
    await turn();
    await turn();
    await turn();
    expect(pair.near.stats()).toMatchObject({ questions: 0, answers: 0, imports: 1, exports: 0 });
    expect([mine.disposed, theirs.disposed]).toEqual([1, 1]);
    // Refused parameters are let go of too.
    revoke();
    const late = new Counted();
    await expect(pair.tester.same({ sink: give(serve(ByteSink, late)) })).rejects.toThrow("revoked");
    await turn();
    await turn();
    expect(late.disposed).toBe(1);
  });
});

test("a membrane decides about each call, inward and outward", async () => {
  const seen: string[] = [];
  const guarded = membrane(serve(Tester, new TestServer()), {
    check({ inward, method, params }: PassingCall) {
      seen.push(`${inward ? "in" : "out"} ${method}`);
      if (method === "Tester.echo" && (params as { text: string }).text === "secret") throw new CapnpError("unimplemented", "not for you");
    },
  });
  const { tester } = over(guarded);
  await expect(tester.echo({ text: "fine" })).resolves.toEqual({ text: "fine" });
  await expect(tester.echo({ text: "secret" })).rejects.toMatchObject({ kind: "unimplemented", reason: expect.stringContaining("not for you") as string });
  const mine = new TestSink();
  await expect(tester.use({ sink: serve(ByteSink, mine), times: 1 })).resolves.toEqual({ total: 1n });
  expect(seen).toEqual(["in Tester.echo", "in Tester.echo", "in Tester.use", "out ByteSink.write", "out ByteSink.end"]);
});

describe("what comes back through a membrane is what it was", () => {
  test.each([
    ["known when it passes", true],
    ["known later", false],
  ])("%s", async (_when, known) => {
    const set = new CapabilityServerSet<ByteSink, ByteSink.Server, Counted>(ByteSink);
    const within = new Counted();
    const found: unknown[] = [];
    const own = set.add(within);
    const guarded = membrane(
      serve(Tester, {
        open: async () => {
          if (!known) await turn();
          return { sink: own };
        },
        use: async ({ sink }) => {
          found.push(await set.getLocalServer(sink as ByteSink));
          release(sink as ByteSink);
          return { total: 0n };
        },
        same: ({ sink }) => ({ sink: give(sink as ByteSink) }),
      }),
      {},
    );
    const { tester } = over(guarded);
    const opened = tester.open();
    const { sink } = known ? await opened : opened;
    await tester.use({ sink: sink as ByteSink });
    const mine = serve(ByteSink, new Counted());
    await tester.use({ sink: mine });
    expect(found).toEqual([within, undefined]);
    const { sink: back } = await tester.same({ sink: mine });
    await whenResolved(back as ByteSink);
    expect(isSame(back as ByteSink, mine)).toBe(true);
    for (const client of [sink, mine, back, own]) release(client as ByteSink);
    for (let turns = 0; turns < 6; turns++) await turn();
    expect(within.disposed).toBe(1);
  });

  test("what is revoked is not held on to", async () => {
    const within = new Counted();
    const { client, revoke } = revocable(serve(Tester, { open: () => ({ sink: give(serve(ByteSink, within)) }) }));
    const { tester } = over(client);
    const { sink } = await tester.open();
    await expect(sink?.end()).resolves.toEqual({ total: 0n });
    revoke();
    for (let turns = 0; turns < 4; turns++) await turn();
    expect(within.disposed).toBe(1);
    await expect(sink?.end()).rejects.toThrow("revoked");
  });
});
