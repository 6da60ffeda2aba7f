import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "../src/compiler-node.js";
import { accept, CapnpError, connect, type ConnectionLimits, type ConnectionOptions, promised, release, serve } from "../src/node.js";
import { sentOver, socketPair, state, turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { Files } from "./generated/files.capnp.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";
import { UploadServer } from "./upload-server.js";

/* What one side may make the other do and keep. A second connection never notices. */

function setUp(
  server: Partial<Tester.Server>,
  limits: { near?: ConnectionLimits; far?: ConnectionLimits },
): Pair & { tester: Tester; expectOthersUnharmed(): Promise<void> } {
  const bootstrap = serve(Tester, server);
  const options = (side: ConnectionLimits | undefined): ConnectionOptions => ({ limits: side, batch: false });
  const pair = connectPair(bootstrap, options(limits.near), options(limits.far));
  const other = connectPair(serve(Tester, new TestServer()), {}, options(limits.far));
  return {
    ...pair,
    tester: pair.near.bootstrap(Tester),
    async expectOthersUnharmed() {
      await expect(other.near.bootstrap(Tester).echo({ text: "well" })).resolves.toEqual({ text: "well" });
    },
  };
}

async function expectEnded(pair: Pair & { expectOthersUnharmed(): Promise<void> }, calls: Promise<unknown>[], reason: RegExp): Promise<void> {
  for (const call of calls) call.catch(() => {});
  expect(await pair.far.closed).toMatchObject({ kind: "overloaded", reason: expect.stringMatching(reason) as string });
  // The one who exceeds it is told as much.
  expect((await pair.near.closed).reason).toMatch(reason);
  for (const call of calls) await expect(call).rejects.toBeInstanceOf(CapnpError);
  expect(pair.far.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0, exports: 0 });
  await pair.expectOthersUnharmed();
}

describe("a call fails as overloaded", () => {
  test("beyond maxQuestions of this side, until others return", async () => {
    const { tester, near } = setUp({ echo: ({ text }) => ({ text }) }, { near: { maxQuestions: 3 } });
    await tester.echo();
    const calls = [1, 2, 3, 4].map((n) => tester.echo({ text: `${n}` }));
    await expect(calls[3]).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringMatching(/3 calls to this peer have not returned/) as string });
    await expect(Promise.all(calls.slice(0, 3))).resolves.toHaveLength(3);
    await expect(tester.echo({ text: "again" })).resolves.toEqual({ text: "again" });
    expect(near.stats().questions).toBe(0);
  });

  test("beyond maxExports to the other side, until it releases some", async () => {
    const held: ByteSink[] = [];
    const { tester } = setUp({ use: ({ sink }) => (held.push(sink as ByteSink), {}) }, { near: { maxExports: 2 } });
    const give = (): Promise<unknown> => tester.use({ sink: serve(ByteSink, {}) });
    await give();
    await give();
    await expect(give()).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringMatching(/more than 2 objects/) as string });
    release(held[0] as ByteSink);
    await turn();
    await give();
  });

  test("beyond maxExports in results", async () => {
    const { tester } = setUp(new TestServer(), { far: { maxExports: 2 } });
    await expect(tester.open()).rejects.toMatchObject({ kind: "overloaded" });
    await expect(tester.echo({ text: "x" })).resolves.toEqual({ text: "x" });
  });

  test("beyond maxWaitingCalls of the other side", async () => {
    let known!: (sink: ByteSink) => void;
    const later = promised(ByteSink, new Promise<ByteSink>((resolve) => (known = resolve)));
    const pair = setUp({ open: () => ({ sink: later }) }, { far: { maxWaitingCalls: 2 } });
    const { sink } = (await pair.tester.open()) as { sink: ByteSink };
    const calls = [sink.end(), sink.end()];
    await expect(sink.end()).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringMatching(/2 calls of the peer wait/) as string });
    known(serve(ByteSink, new TestSink()));
    await expect(Promise.all(calls)).resolves.toEqual([{ total: 0n }, { total: 0n }]);
    await pair.expectOthersUnharmed();
  });

  test("beyond maxPromiseDepth of calls on results of calls", async () => {
    const schema = await compile({ "chain.capnp": "@0xb7d3a0f1c2e49586; interface Chain { next @0 () -> (link :Chain); }" });
    const Chain = schema.interface("Chain");
    interface Link {
      next(): Promise<{ link: Link }> & { link: Link };
    }
    let go!: () => void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const chain: Link = serve(Chain, { next: async () => (await gate, { link: chain }) }) as unknown as Link;
    const { near } = connectPair(chain, {}, { limits: { maxPromiseDepth: 5 } });
    let at = near.bootstrap(Chain) as unknown as Link;
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < 8; i++) {
      const call = at.next();
      at = call.link;
      ends.push(call);
    }
    await expect(ends[7]).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringMatching(/more than 5 calls would wait/) as string });
    go();
    await expect(ends[0]).resolves.toHaveProperty("link");
  });
});

describe("a connection ends", () => {
  const stuck = (): Promise<never> => new Promise(() => {});
  const echo = ({ text }: { text: string }): { text: string } => ({ text });

  test("beyond maxAnswers", async () => {
    const pair = setUp({ never: stuck, echo }, { far: { maxAnswers: 3 } });
    await pair.tester.echo();
    const calls = Array.from({ length: 5 }, () => pair.tester.never());
    await expectEnded(pair, calls, /more than 3 calls of the peer are unanswered/);
  });

  test("beyond maxHeldBytes", async () => {
    const pair = setUp({ fail: stuck, echo }, { far: { maxHeldBytes: 10_000 } });
    await pair.tester.echo();
    const calls = Array.from({ length: 5 }, () => pair.tester.fail({ reason: "x".repeat(4000) }));
    await expectEnded(pair, calls, /more than 10000 bytes of the peer's calls/);
  });

  test("beyond maxQueuedBytes, of a socket that knows", async () => {
    const pair = setUp({ echo }, { far: { maxQueuedBytes: 1000 } });
    await pair.tester.echo({ text: "fine" });
    Object.assign(pair.farSocket, { bufferedAmount: 1001 });
    await expectEnded(pair, [pair.tester.echo()], /more than 1000 bytes wait to be sent to the peer, which goes on sending/);
  });

  test("when the other side gives no sign of life, or never says a word", async () => {
    const [nearSocket] = socketPair();
    const near = accept(nearSocket, { limits: { idleTimeout: 10 }, batch: false });
    const [farSocket] = socketPair();
    const far = accept(farSocket, { limits: { handshakeTimeout: 10 }, batch: false });
    const call = near.bootstrap(Tester).echo();
    for (const connection of [near, far]) {
      expect(await connection.closed).toMatchObject({
        kind: "disconnected",
        reason: expect.stringMatching(/has sent nothing for \d+ ms after it was asked for a sign of life/) as string,
      });
    }
    await expect(call).rejects.toMatchObject({ kind: "disconnected" });
    expect(sentOver(farSocket)[0]).toBe("bootstrap");
  });
});

test("an idle connection lives on as long as the other side answers, and one that spoke once has shaken hands", async () => {
  const pair = connectPair(serve(Tester, new TestServer()), { limits: { idleTimeout: 5 }, batch: false }, { limits: { handshakeTimeout: 5 }, batch: false });
  const asked = (): number => sentOver(pair.nearSocket).filter((kind) => kind === "bootstrap").length;
  while (asked() < 4) await turn();
  expect(await state(pair.near.closed)).toBe("pending");
  await expect(pair.near.bootstrap(Tester).echo({ text: "there" })).resolves.toEqual({ text: "there" });
  await pair.near.close();
  const before = asked();
  for (let i = 0; i < 20; i++) await turn();
  expect(asked()).toBe(before);
});

test("a Rust server gives signs of life over a real WebSocket", async () => {
  const server = await UploadServer.start(join(import.meta.dirname, "../../examples-web/upload"));
  const connection = await connect(server.rpcUrl, { limits: { idleTimeout: 5, maxQuestions: 10 } });
  try {
    const files = connection.bootstrap(Files);
    await files.list();
    for (let i = 0; i < 50; i++) await turn();
    await expect(files.list()).resolves.toEqual({ entries: [] });
    const calls = Array.from({ length: 11 }, () => files.list());
    await expect(calls.pop()).rejects.toMatchObject({ kind: "overloaded" });
    await Promise.all(calls);
  } finally {
    await connection.close();
    await server.kill();
  }
});

test("limits that make no sense are refused, Infinity is none", async () => {
  const [socket] = socketPair();
  for (const limit of [0, -1, 1.5, Number.NaN, 2 ** 33, "5" as unknown as number]) {
    for (const name of ["maxQuestions", "maxQueuedBytes", "idleTimeout"]) {
      expect(() => accept(socket, { limits: { [name]: limit } })).toThrow(`limits.${name}: expected a whole number from 1 to 4294967295`);
    }
  }
  await expect(connect("ws://127.0.0.1:1/", { limits: { maxAnswers: 0 } })).rejects.toThrow(RangeError);
  const endless = Object.fromEntries(
    ["maxQuestions", "maxAnswers", "maxExports", "maxHeldBytes", "maxQueuedBytes", "maxWaitingCalls", "maxPromiseDepth", "idleTimeout", "handshakeTimeout"].map(
      (name) => [name, Infinity],
    ),
  );
  const { tester } = setUp(new TestServer(), { near: endless, far: endless });
  await expect(tester.echo({ text: "on and on" })).resolves.toEqual({ text: "on and on" });
});
