import { expect, test } from "vitest";
import { give, promised, reconnecting, release, revocable, serve, tailCall, writable } from "../src/node.js";
import { wasm } from "../src/seam/memory.js";
import { turn } from "./sockets.js";
import { connectPair, type Pair, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/* No table keeps what is over, and wasm's memory, which never shrinks, does not grow. */

/** Two pages of wasm's memory: a turn of the event loop may hold more at once than any before it. */
const SLACK_BYTES = 2 * 65536;

/** Does `work` until wasm's memory has found its size, and then so often that a few bytes kept each time would show. */
async function holdsItsSize(rounds: number, work: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds; round++) await work(round);
  const found = wasm.memory.buffer.byteLength;
  for (let round = 0; round < 3 * rounds; round++) await work(round);
  expect(wasm.memory.buffer.byteLength - found).toBeLessThanOrEqual(SLACK_BYTES);
}

/** Releases what it serves, as one who does not leave that to the collector. */
function setUp(): Pair & { tester: Tester; end: () => void } {
  const root = serve(Tester, {
    echo: ({ text }) => ({ text }),
    fail({ reason }) {
      throw new Error(reason);
    },
    never: (_params, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
    open() {
      const sink = serve(ByteSink, new TestSink());
      setTimeout(() => release(sink), 0);
      return { sink };
    },
    same: ({ sink }) => {
      setTimeout(() => sink && release(sink), 0);
      return { sink };
    },
  });
  const pair = connectPair(root);
  const tester = pair.near.bootstrap(Tester);
  const end = (): void => {
    release(tester);
    release(root);
  };
  return { ...pair, tester, end };
}

const EMPTY = { questions: 0, answers: 0, imports: 0, exports: 0, streams: 0, queuedFrames: 0, queuedBytes: 0, inFlight: 0 };

async function expectIdle({ near, far }: Pair): Promise<void> {
  await turn();
  await turn();
  // What is left is the bootstrap object.
  expect(near.stats()).toMatchObject({ ...EMPTY, imports: 1 });
  expect(far.stats()).toMatchObject({ ...EMPTY, exports: 1 });
}

test("calls leave nothing behind, whatever comes of them", async () => {
  const pair = setUp();
  const { tester } = pair;
  const text = "x".repeat(300);
  await holdsItsSize(50, async () => {
    const controller = new AbortController();
    const calls = [
      ...Array.from({ length: 100 }, () => tester.echo({ text })),
      tester.fail({ reason: text }),
      tester.echo({ text: 5 as unknown as string }),
      tester.never({}, { signal: controller.signal }),
    ];
    controller.abort();
    await Promise.allSettled(calls);
  });
  await expectIdle(pair);
});

test("streams leave nothing behind, ended or dropped", async () => {
  const pair = setUp();
  const chunk = new Uint8Array(2000);
  await holdsItsSize(60, async (round) => {
    const { sink } = pair.tester.open({ name: "a" });
    const writer = writable(sink).getWriter();
    for (let i = 0; i < 40; i++) await writer.write(chunk);
    if (round % 3 === 0) await writer.abort("no");
    else await writer.close();
  });
  await expectIdle(pair);
});

test("capabilities passed to and fro leave nothing behind", async () => {
  const pair = setUp();
  await holdsItsSize(100, async () => {
    const mine = serve(ByteSink, new TestSink());
    const { sink: home } = await pair.tester.same({ sink: mine });
    const { sink: theirs } = await pair.tester.open({ name: "a" });
    const { sink: back } = await pair.tester.same({ sink: theirs });
    for (const client of [mine, home, theirs, back]) release(client as ByteSink);
    await turn();
  });
  await expectIdle(pair);
});

test("promised clients, early results and calls that are passed on leave nothing behind", async () => {
  const pair = setUp();
  const relay = serve(Tester, {
    open: (params) => tailCall(pair.tester, "open", params),
    same: ({ sink }, context) => {
      const results = { sink: give(promised(ByteSink, turn().then(() => sink as ByteSink))) };
      context.setPipeline(results);
      return results;
    },
    echo(params) {
      return params.text === "" ? Promise.reject(new Error("nothing")) : tailCall(pair.tester, "echo", params);
    },
  });
  const other = connectPair(relay);
  const link = reconnecting(() => other.near);
  const through = link.bootstrap(Tester);
  const { client } = revocable(other.near.bootstrap(Tester));
  await holdsItsSize(100, async (round) => {
    const tester = round % 2 === 0 ? client : through;
    const mine = serve(ByteSink, new TestSink());
    const { sink } = tester.same({ sink: mine });
    const written = sink.write({ chunk: new Uint8Array(2000) });
    await sink.end();
    await written;
    const opened = await tester.open({ name: "a" });
    await Promise.allSettled([tester.echo({ text: "x".repeat(300) }), tester.echo()]);
    for (const each of [mine, sink, opened.sink]) release(each as ByteSink);
    await turn();
  });
  await turn();
  for (const connection of [other.near, other.far, pair.near, pair.far]) expect(connection.stats()).toMatchObject({ questions: 0, answers: 0 });
  await expectIdle(pair);
});

test("connections leave nothing behind, closed or broken in the middle of everything", async () => {
  await holdsItsSize(250, async (round) => {
    const { tester, near, far, nearSocket, end } = setUp();
    await tester.echo({ text: "hello" });
    const { sink } = tester.open({ name: "a" });
    void sink.write({ chunk: new Uint8Array(10_000) });
    const calls = [tester.never(), tester.echo(), sink.end()].map((call) => call.catch(() => {}));
    if (round % 2 === 0) await turn();
    if (round % 4 < 2) void near.close();
    else nearSocket.break();
    await Promise.all([near.closed, far.closed, ...calls]);
    release(sink);
    end();
    await turn();
  });
});
