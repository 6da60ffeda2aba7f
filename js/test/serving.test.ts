import { describe, expect, test } from "vitest";
import { CapnpError, give, promised, release, serve, type ServeOptions, tailCall, whenResolved } from "../src/node.js";
import { sentOver, state, turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, Child, Tester } from "./generated/testing.capnp.js";

/* What a served object can do besides returning results. */

function setUp(server: Partial<Tester.Server>, options?: ServeOptions): Pair & { tester: Tester } {
  const pair = connectPair(give(serve(Tester, server, options)), { batch: false }, { batch: false });
  return { ...pair, tester: pair.near.bootstrap(Tester) };
}

async function expectIdle({ near, far }: Pair): Promise<void> {
  await turn();
  await turn();
  expect(near.stats()).toMatchObject({ questions: 0, answers: 0, imports: 1, exports: 0 });
  expect(far.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0, exports: 1 });
}

class Counted extends TestSink implements Disposable {
  disposed = 0;

  [Symbol.dispose](): void {
    this.disposed++;
  }
}

const chunk = (byte: number): { chunk: Uint8Array } => ({ chunk: new Uint8Array([byte]) });
const bytesOf = (sink: TestSink): number[] => sink.chunks.flatMap((each) => [...each]);

describe("setPipeline", () => {
  test("lets calls on results go on before the method returns", async () => {
    const own = new Counted();
    const other = new Counted();
    let finish!: () => void;
    const pair = setUp({
      async open(_params, context) {
        const results = { sink: give(serve(ByteSink, own)), inner: { sink: give(serve(ByteSink, other)) } };
        context.setPipeline(results);
        await new Promise<void>((resolve) => (finish = resolve));
        return { ...results, inner: { ...results.inner, name: "done" } };
      },
    });
    const call = pair.tester.open();
    const { sink } = call;
    await sink.write(chunk(1));
    await expect(sink.end()).resolves.toEqual({ total: 1n });
    await expect(call.inner.sink.end()).resolves.toEqual({ total: 0n });
    finish();
    const results = await call;
    expect(results.inner?.name).toBe("done");
    expect(results.sink).toBe(sink);
    await sink.write(chunk(2));
    await expect(sink.end()).resolves.toEqual({ total: 2n });
    expect(bytesOf(own)).toEqual([1, 2]);
    for (const client of [results.sink, results.inner?.sink]) release(client as ByteSink);
    await expectIdle(pair);
    expect([own.disposed, other.disposed]).toEqual([1, 1]);
  });

  test("leaves nothing behind when the method fails after all, or nobody waits for it", async () => {
    const own = new Counted();
    const pair = setUp({
      async open(_params, context) {
        using sink = serve(ByteSink, own);
        context.setPipeline({ sink });
        await turn();
        throw new CapnpError("failed", "after all");
      },
    });
    const call = pair.tester.open();
    {
      using sink = call.sink;
      await expect(sink.end()).resolves.toEqual({ total: 0n });
    }
    await expect(call).rejects.toThrow("after all");
    release(pair.tester.open().sink);
    await turn();
    await expectIdle(pair);
    expect(own.disposed).toBe(2);
  });

  test("of results that do not fit says which field, and does nothing once the call is answered", async () => {
    let late: (() => void) | undefined;
    const { tester } = setUp({
      open(_params, context) {
        late = () => context.setPipeline({});
        context.setPipeline({ sink: 5 as unknown as ByteSink });
        return {};
      },
    });
    await expect(tester.open()).rejects.toThrow(/sink: expected a client/);
    late?.();
    await expect(tester.echo()).rejects.toMatchObject({ kind: "unimplemented" });
  });
});

describe("tailCall", () => {
  test("answers with another call's results, clients and all", async () => {
    const upstream = new TestServer();
    const there = setUp(upstream);
    const pair = setUp({
      open: (params) => tailCall(there.tester, "open", params),
      echo: async (params) => tailCall(there.tester, "echo", { text: `${params.text}!` }),
    });
    await expect(pair.tester.echo({ text: "hello" })).resolves.toEqual({ text: "hello!" });
    const { sink, spare, inner } = await pair.tester.open({ name: "a" });
    await expect(sink?.end()).resolves.toEqual({ total: 0n });
    expect(upstream.sinks.get("a")?.ended).toBe(true);
    for (const client of [sink, spare, inner?.sink]) release(client as ByteSink);
    await expectIdle(pair);
    expect(there.near.stats()).toMatchObject({ questions: 0, imports: 1 });
  });

  test("lets what is pipelined go on at once", async () => {
    const upstream = new TestServer();
    const there = setUp(upstream);
    const { tester } = setUp({ open: (params) => tailCall(there.tester, "open", params) });
    there.farSocket.hold();
    const { sink } = tester.open({ name: "a" });
    void sink.write(chunk(3));
    await turn();
    expect(upstream.sinks.get("a")?.bytes).toBe(1);
    there.farSocket.pass();
    await expect(sink.end()).resolves.toEqual({ total: 1n });
  });

  test("to the caller's own object leaves the results with it", async () => {
    const mine = new TestServer();
    // The other side is given an object of this one's, and calls it to answer.
    const relay = serve(Child, { echo: (params) => tailCall(backTo, "echo", params) });
    const back = connectPair(relay, { batch: false, bootstrap: give(serve(Tester, mine)) }, { batch: false, tailCalls: true });
    const backTo = back.far.bootstrap(Tester);
    const there = back.near.bootstrap(Child);
    await whenResolved(backTo);
    await expect(there.echo({ text: "home" })).resolves.toEqual({ text: "home" });
    expect(sentOver(back.farSocket)).toContain("return takeFromOtherQuestion");
    expect(sentOver(back.nearSocket)).toContain("return resultsSentElsewhere");
    expect(mine.calls).toBe(1);
    await turn();
    expect(back.near.stats()).toMatchObject({ questions: 0, answers: 0 });
    expect(back.far.stats()).toMatchObject({ questions: 0, answers: 0 });
  });

  test("is given up with the call that it answers, and fails as it does", async () => {
    const upstream = new TestServer();
    const there = setUp(upstream);
    const { tester } = setUp({
      never: () => tailCall(there.tester, "never"),
      fail: () => tailCall(there.tester, "fail", { kind: 1, reason: "full" }),
    });
    const controller = new AbortController();
    const call = tester.never({}, { signal: controller.signal });
    await turn();
    controller.abort("enough");
    await expect(call).rejects.toBe("enough");
    await turn();
    expect(upstream.canceled).toEqual(["never"]);
    await expect(tester.fail()).rejects.toMatchObject({ kind: "overloaded", reason: expect.stringContaining("full") as string });
  });

  test("releases a client that was given away to it", async () => {
    const sink = new Counted();
    const pair = setUp({
      use: ({ sink }) => tailCall(give(sink as ByteSink), "end"),
    });
    const mine = serve(ByteSink, sink);
    await expect(pair.tester.use({ sink: mine })).resolves.toEqual({ total: 0n });
    release(mine);
    await expectIdle(pair);
    expect(sink.disposed).toBe(1);
  });

  test("of what cannot be called says so", async () => {
    const { tester } = setUp({
      echo: () => tailCall(serve(ByteSink, {}), "write" as never),
      open: () => tailCall(serve(ByteSink, {}), "nothing" as never),
      same: () => {
        const gone = serve(Tester, {});
        release(gone);
        return tailCall(gone, "same", {});
      },
      then_: () => tailCall(tester, "echo", { text: 5 as unknown as string }) as never,
    });
    await expect(tester.echo()).rejects.toThrow(/ByteSink\.write is a streaming method/);
    await expect(tester.open()).rejects.toThrow(/ByteSink has no method nothing/);
    await expect(tester.same()).rejects.toThrow(/was released/);
    await expect(tester.then_()).rejects.toThrow(/text: expected a string/);
  });
});

describe("a streamed method", () => {
  const slow = (): { sink: TestSink; open: () => void } => {
    const sink = new TestSink();
    let open!: () => void;
    sink.gate = new Promise((resolve) => (open = resolve));
    return { sink, open };
  };

  test("runs alone, and the ending one after it", async () => {
    const { sink, open } = slow();
    const pair = connectPair(give(serve(ByteSink, sink)));
    const client = pair.near.bootstrap(ByteSink);
    for (let i = 0; i < 5; i++) void client.write(chunk(i));
    const end = client.end();
    expect(await state(end)).toBe("pending");
    expect(sink.running).toBe(1);
    open();
    await expect(end).resolves.toEqual({ total: 5n });
    expect(sink.mostRunning).toBe(1);
  });

  test("of a concurrent object comes at once, as do the others", async () => {
    const { sink, open } = slow();
    const pair = connectPair(give(serve(ByteSink, sink, { concurrent: true })));
    const client = pair.near.bootstrap(ByteSink);
    const writes = Array.from({ length: 5 }, (_, i) => client.write(chunk(i)));
    await expect(client.end()).resolves.toEqual({ total: 0n });
    expect(sink.running).toBe(5);
    open();
    await Promise.all(writes);
    expect(bytesOf(sink)).toEqual([0, 1, 2, 3, 4]);
    await expect(client.end()).resolves.toEqual({ total: 5n });
  });
});

describe("a method's signal", () => {
  test("is aborted when the connection is lost, asked for early or late", async () => {
    const reasons: unknown[] = [];
    const { tester, near, nearSocket } = setUp({
      never: (_params, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(reasons.push(signal.reason)))),
      async open(_params, context) {
        await turn();
        await turn();
        reasons.push(context.signal.aborted && context.signal.reason);
        return {};
      },
    });
    const calls = [tester.never(), tester.open()];
    await turn();
    nearSocket.break();
    await near.closed;
    for (const call of calls) await expect(call).rejects.toMatchObject({ kind: "disconnected" });
    await turn();
    await turn();
    await turn();
    expect(reasons).toHaveLength(2);
    for (const reason of reasons) expect(reason).toBeInstanceOf(CapnpError);
  });

  test("goes on to calls of the method's own", async () => {
    const upstream = new TestServer();
    const there = setUp(upstream);
    const { tester } = setUp({ never: (_params, { signal }) => there.tester.never({}, { signal }) });
    await expect(tester.never({}, { timeout: 5 })).rejects.toMatchObject({ name: "TimeoutError" });
    await turn();
    await turn();
    expect(upstream.canceled).toEqual(["never"]);
  });

  test("stays quiet for those who pipelined on a call and gave up only its results", async () => {
    let finish!: (sink: ByteSink) => void;
    let signal: AbortSignal | undefined;
    const { tester } = setUp({
      never(_params, context) {
        signal = context.signal;
        return { sink: promised(ByteSink, new Promise((resolve) => (finish = resolve))) };
      },
    });
    const controller = new AbortController();
    const call = tester.never({}, { signal: controller.signal });
    const { sink } = call;
    controller.abort();
    const end = sink.end();
    await turn();
    expect(signal?.aborted).toBe(false);
    finish(serve(ByteSink, new TestSink()));
    await expect(end).resolves.toEqual({ total: 0n });
  });
});

test("a call on a capability that the results lack says so, before they come and while they are on their way", async () => {
  const pair = setUp({ never: () => ({}) });
  const reason = "the results have no capability there";
  await expect(pair.tester.never().sink.end()).rejects.toMatchObject({ kind: "failed", reason });

  pair.farSocket.hold();
  const call = pair.tester.never();
  await turn();
  const ended = call.sink.end();
  pair.farSocket.pass();
  await expect(ended).rejects.toMatchObject({ kind: "failed", reason });
  await expectIdle(pair);
});
