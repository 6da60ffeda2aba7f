import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { Message } from "../src/capnp/rpc.capnp.js";
import { accept, type CallOptions, CapnpError, clone, decode, encode, read, release, serve } from "../src/node.js";
import { socketPair, state, turn } from "./sockets.js";
import { connectPair, TestServer, TestSink } from "./support.js";
import { ByteSink, Child, Tester } from "./generated/testing.capnp.js";

function setUp(): ReturnType<typeof connectPair> & { server: TestServer; tester: Tester } {
  const server = new TestServer();
  const pair = connectPair(serve(Tester, server));
  return { ...pair, server, tester: pair.near.bootstrap(Tester) };
}

async function failure(promise: Promise<unknown>): Promise<CapnpError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CapnpError);
  return error as CapnpError;
}

describe("calls", () => {
  test("take and return plain objects", async () => {
    const { tester } = setUp();
    await expect(tester.echo({ text: "grüße 🜁" })).resolves.toEqual({ text: "grüße 🜁" });
    await expect(tester.echo()).resolves.toEqual({ text: "" });
  });

  test("made at once are answered in order", async () => {
    const { tester } = setUp();
    const order: string[] = [];
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        order.push((await tester.echo({ text: String(i) })).text);
      }),
    );
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });

  test.each([
    [0, "failed"],
    [1, "overloaded"],
    [2, "disconnected"],
    [3, "unimplemented"],
    [99, "failed"],
  ] as const)("that throw kind %i reject with kind %s and the reason", async (kind, name) => {
    const { tester } = setUp();
    const error = await failure(tester.fail({ kind, reason: "no such file: a.txt" }));
    expect(error.kind).toBe(name);
    expect(error.reason).toContain("no such file: a.txt");
    await expect(tester.echo({ text: "still there" })).resolves.toEqual({ text: "still there" });
  });

  test.each([
    ["a number for a message", Object.assign(new Error("x"), { message: 5 }), "5"],
    ["no message and no name", Object.assign(new Error("x"), { message: undefined, name: undefined }), "undefined"],
    ["a CapnpError without a reason", new CapnpError("failed", undefined as unknown as string), ""],
    ["an object that cannot be shown", { toString: null, valueOf: null }, "cannot be shown"],
    ["nothing", undefined, "undefined"],
  ])("that throw %s reject all the same", async (_name, thrown, reason) => {
    const { near } = connectPair(
      serve(Tester, {
        echo() {
          throw thrown;
        },
      }),
    );
    expect((await failure(near.bootstrap(Tester).echo())).reason).toContain(reason);
    const { sink } = near.bootstrap(Tester).open({ name: "a" }, { signal: AbortSignal.abort(thrown) });
    expect((await failure(sink.end())).reason).toBeTypeOf("string");
  });

  test("to a method the object lacks are unimplemented, by name", async () => {
    const pair = connectPair(serve(Tester, {}));
    const error = await failure(pair.near.bootstrap(Tester).echo({ text: "?" }));
    expect(error.kind).toBe("unimplemented");
    expect(error.reason).toContain("Tester.echo");
  });

  test("to an interface the object lacks are unimplemented, by id", async () => {
    const pair = connectPair(serve(Tester, new TestServer()));
    const error = await failure(pair.near.bootstrap(ByteSink).end());
    expect(error.kind).toBe("unimplemented");
    expect(error.reason).toContain(ByteSink.$.id.toString(16));
  });

  test("with parameters of the wrong type reject and send nothing", async () => {
    const { tester, nearSocket } = setUp();
    await tester.echo({ text: "warm" });
    const before = nearSocket.given.length;
    await expect(tester.echo({ text: 5 as unknown as string })).rejects.toThrow(/text: expected a string, got 5/);
    expect(nearSocket.given.length).toBe(before);
    await expect(tester.echo({ text: "fine" })).resolves.toEqual({ text: "fine" });
  });

  test("with an aborted signal are not sent", async () => {
    const { tester, server } = setUp();
    await expect(tester.echo({ text: "x" }, { signal: AbortSignal.abort("no") })).rejects.toBe("no");
    await turn();
    expect(server.calls).toBe(0);
  });

  test("that are aborted reject with the signal's reason and are canceled over there", async () => {
    const { tester, server, near } = setUp();
    const controller = new AbortController();
    const call = tester.never({}, { signal: controller.signal });
    expect(await state(call)).toBe("pending");
    controller.abort("enough");
    await expect(call).rejects.toBe("enough");
    await turn();
    expect(server.canceled).toEqual(["never"]);
    expect(near.stats().questions).toBe(0);
  });

  test("that are aborted by a getter of their parameters reject too", async () => {
    const { tester, near } = setUp();
    const controller = new AbortController();
    const params = {
      get text(): string {
        controller.abort("enough");
        return "x";
      },
    };
    await expect(tester.echo(params, { signal: controller.signal })).rejects.toBe("enough");
    await turn();
    expect(near.stats().questions).toBe(0);
  });

  test("share one listener of their signal, which goes with the last of them", async () => {
    const { tester, server } = setUp();
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const never = Array.from({ length: 15 }, () => tester.never({}, { signal }));
    await Promise.all(Array.from({ length: 15 }, () => tester.echo({}, { signal })));
    expect(listeners()).toBe(1);
    controller.abort("now");
    for (const call of never) await expect(call).rejects.toBe("now");
    expect(listeners()).toBe(0);
    await turn();
    expect(server.canceled).toHaveLength(15);
    const other = new AbortController();
    await tester.echo({}, { signal: other.signal });
    expect(getEventListeners(other.signal, "abort")).toHaveLength(0);
  });

  test("with a timeout reject with a TimeoutError that names the method", async () => {
    const { tester, server } = setUp();
    await expect(tester.never({}, { timeout: 5 })).rejects.toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("Tester.never") as string,
    });
    await turn();
    expect(server.canceled).toEqual(["never"]);
  });

  test.each([
    [{ timeout: "soon" }, 'timeout: expected a number of milliseconds, got the string "soon"'],
    [{ timeout: null }, "timeout: expected a number of milliseconds, got null"],
    [{ timeout: NaN }, "timeout: expected a number of milliseconds, got NaN"],
    [{ signal: 3 }, "signal: expected an AbortSignal, got 3"],
    [{ signal: new AbortController() }, "signal: expected an AbortSignal, got an object (AbortController)"],
  ])("with the options %o are not made", async (options, message) => {
    const { tester, near, nearSocket } = setUp();
    const sink = near.bootstrap(ByteSink);
    const wrong = options as unknown as CallOptions;
    await turn();
    const sent = nearSocket.given.length;
    await expect(tester.echo({ text: "x" }, wrong)).rejects.toThrow(new TypeError(message));
    await expect(sink.write({ chunk: new Uint8Array(1) }, wrong)).rejects.toThrow(new TypeError(message));
    await turn();
    expect(nearSocket.given).toHaveLength(sent);
  });

  test.each([Infinity, 2 ** 40, undefined])("with a timeout of %s wait for as long as it takes", async (timeout) => {
    const { tester, farSocket } = setUp();
    farSocket.hold();
    const call = tester.echo({ text: "x" }, { timeout });
    // A timer that takes such a time for none at all ends within this one.
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await state(call)).toBe("pending");
    farSocket.pass();
    await expect(call).resolves.toEqual({ text: "x" });
  });

  test("of an inherited method work, and the name `then` is escaped", async () => {
    const server = Object.assign(new TestServer(), { extra: () => ({ number: 4 }) });
    const { near } = connectPair(serve(Child, server));
    const child = near.bootstrap(Child);
    await expect(child.extra()).resolves.toEqual({ number: 4 });
    await expect(child.echo({ text: "up" })).resolves.toEqual({ text: "up" });
    const results = await child.then_();
    expect(results.release).toBe(7);
    await expect(results.constructor_?.end()).resolves.toEqual({ total: 0n });
  });

  test("without their client say how to call", async () => {
    const { tester } = setUp();
    const { echo } = tester;
    await expect(echo({ text: "x" })).rejects.toThrow(/client\.echo\(/);
  });

  test("made by a getter of the parameters arrive whole, both of them", async () => {
    const { tester } = setUp();
    let inner: Promise<{ text: string }> | undefined;
    const params = {
      get text(): string {
        inner ??= tester.echo({ text: "i".repeat(100_000) });
        return "outer";
      },
    };
    await expect(tester.echo(params)).resolves.toEqual({ text: "outer" });
    await expect(inner).resolves.toEqual({ text: "i".repeat(100_000) });
  });
});

describe("clients", () => {
  test("carry the schema's methods and symbols, nothing else", () => {
    const { tester } = setUp();
    expect(Object.getOwnPropertyNames(tester)).toEqual([]);
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(tester));
    expect(names.filter((name) => name !== "constructor").sort()).toEqual(
      ["echo", "fail", "never", "open", "same", "then_", "use"].sort(),
    );
    expect((tester as unknown as { then?: unknown }).then).toBeUndefined();
  });

  test("can be shown to a person, and so can their prototypes", () => {
    const { tester } = setUp();
    expect(inspect(tester)).toMatch(/^Tester .*testing\.capnp:Tester/);
    expect(inspect(Object.getPrototypeOf(tester))).toContain("testing.capnp:Tester");
  });

  test("are empty to whatever copies objects, as views are", () => {
    const { tester } = setUp();
    using view = read(Message, encode(Message, {}));
    for (const each of [tester, view]) {
      expect(JSON.stringify(each)).toBe("{}");
      expect(structuredClone(each)).toEqual({});
      expect({ ...each }).toEqual({});
    }
  });

  test("are refused after release, with advice", async () => {
    const { tester } = setUp();
    release(tester);
    release(tester);
    const error = await failure(tester.echo({ text: "x" }));
    expect(error.reason).toMatch(/Tester was released.*clone/);
    expect(() => clone(tester)).toThrow(/released/);
  });

  test("that were cloned live on by themselves", async () => {
    const { tester } = setUp();
    const copy = clone(tester);
    release(tester);
    await expect(copy.echo({ text: "x" })).resolves.toEqual({ text: "x" });
  });

  test("given in parameters are called back, and stay the giver's", async () => {
    const { tester } = setUp();
    const mine = new TestSink();
    const sink = serve(ByteSink, mine);
    await expect(tester.use({ sink, times: 3 })).resolves.toEqual({ total: 3n });
    expect(mine.chunks.map((chunk) => chunk[0])).toEqual([0, 1, 2]);
    await expect(tester.use({ sink, times: 2 })).resolves.toEqual({ total: 5n });
  });

  test("of our own objects come home", async () => {
    const { tester } = setUp();
    const mine = new TestSink();
    const { sink } = await tester.same({ sink: serve(ByteSink, mine) });
    await sink?.write({ chunk: new Uint8Array(3) });
    await expect(sink?.end()).resolves.toEqual({ total: 3n });
    expect(mine.bytes).toBe(3);
  });

  test("that are missing read as undefined", async () => {
    const { tester } = setUp();
    await expect(tester.same()).resolves.toEqual({ sink: undefined });
  });

  test("of the wrong kind are refused with advice", async () => {
    const { tester } = setUp();
    const wrong = (sink: unknown): Promise<unknown> => tester.use({ sink: sink as ByteSink });
    await expect(wrong({ write() {} })).rejects.toThrow(/sink: .*serve\(ByteSink/);
    await expect(wrong(tester.open())).rejects.toThrow(/sink: .*promise/);
    await expect(wrong(5)).rejects.toThrow(/sink: expected a client of .*ByteSink, got 5/);
  });

  test("released on both sides leave the tables empty", async () => {
    const { tester, near, far, server } = setUp();
    const results = await tester.open({ name: "a" });
    expect(near.stats().imports).toBe(4);
    for (const client of [results.sink, results.spare, results.inner?.sink]) release(client as ByteSink);
    release(tester);
    await turn();
    expect(near.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0, exports: 0 });
    // The other side keeps its bootstrap object for the next who asks.
    expect(far.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0 });
    expect(server.sinks.size).toBe(3);
  });
});

describe("pipelining", () => {
  test("needs no round trip: calls on a result leave before it has come", async () => {
    const { tester, server, farSocket } = setUp();
    farSocket.hold();
    const { sink } = tester.open({ name: "a" });
    const written = sink.write({ chunk: new Uint8Array(10) });
    const end = sink.end();
    await turn();
    expect(server.sinks.get("a")?.bytes).toBe(10);
    expect(server.sinks.get("a")?.ended).toBe(true);
    farSocket.pass();
    await written;
    await expect(end).resolves.toEqual({ total: 10n });
  });

  test("goes through structs in the results", async () => {
    const { tester, server } = setUp();
    await tester.open({ name: "a" }).inner.sink.write({ chunk: new Uint8Array(4) });
    await turn();
    expect(server.sinks.get("a.inner")?.bytes).toBe(4);
  });

  test("gives the same client each time, and the results have it too", async () => {
    const { tester } = setUp();
    const call = tester.open({ name: "a" });
    const { sink } = call;
    expect(call.sink).toBe(sink);
    const results = await call;
    expect(results.sink).toBe(sink);
    expect(call.sink).toBe(sink);
    expect(call.spare).toBe(results.spare);
    expect(call.inner.sink).toBe(results.inner?.sink);
    await expect(sink.end()).resolves.toEqual({ total: 0n });
  });

  test("on results that arrived but were not yet looked at works", async () => {
    const { tester } = setUp();
    const call = tester.open({ name: "a" });
    await turn();
    await expect(call.sink.end()).resolves.toEqual({ total: 0n });
  });

  test("a failed call fails its pipelined calls, and is no unhandled rejection", async () => {
    const { near } = connectPair(
      serve(Tester, {
        open() {
          throw new CapnpError("overloaded", "no more files");
        },
      }),
    );
    const { sink } = near.bootstrap(Tester).open({ name: "a" });
    const error = await failure(sink.end());
    expect(error).toMatchObject({ kind: "overloaded", reason: expect.stringContaining("no more files") as string });
  });

  test("on a call that was never sent fails with what was wrong", async () => {
    const { tester } = setUp();
    const { sink } = tester.open({ name: 5 as unknown as string });
    await expect(sink.end()).rejects.toThrow(/name: expected a string/);
  });

  test("on a result without that capability fails and says so", async () => {
    const { tester } = setUp();
    const { sink } = tester.same();
    await expect(sink.end()).rejects.toBeInstanceOf(CapnpError);
    const settled = tester.same();
    await settled;
    await expect(settled.sink.end()).rejects.toThrow(/Tester\.same have no capability at sink/);
  });

  test("call promises are promises", async () => {
    const { tester } = setUp();
    const call = tester.open({ name: "a" });
    expect(call).toBeInstanceOf(Promise);
    const all = await Promise.all([call, call.then((results) => results.inner?.name), call.finally(() => {})]);
    expect(all[1]).toBe("a");
    expect(all[0]).toBe(all[2]);
  });
});

describe("the end of a connection", () => {
  test("rejects what is under way and every later call, with the reason", async () => {
    const { tester, near, far, nearSocket } = setUp();
    const call = tester.never();
    const { sink } = tester.never();
    await turn();
    const reason = await near.close("that was all");
    expect(reason).toMatchObject({ kind: "disconnected" });
    expect(await near.closed).toBe(reason);
    expect(await failure(call)).toMatchObject({ kind: "disconnected", reason: expect.stringContaining("that was all") as string });
    expect(await failure(sink.end())).toMatchObject({ kind: "disconnected" });
    expect(await failure(tester.echo({ text: "late" }))).toMatchObject({ kind: "disconnected" });
    expect(await failure(near.bootstrap(Tester).echo())).toMatchObject({ kind: "disconnected" });
    expect(nearSocket.closedWith?.code).toBe(1000);
    expect((await far.closed).kind).toBe("disconnected");
    expect(near.stats()).toMatchObject({ questions: 0, imports: 0, inFlight: 0 });
  });

  test("when the network breaks rejects what is under way", async () => {
    const { tester, near, nearSocket } = setUp();
    const call = tester.never();
    await turn();
    nearSocket.break();
    expect(await failure(call)).toMatchObject({ kind: "disconnected", reason: expect.stringContaining("1006") as string });
    expect((await near.closed).reason).toContain("connect again");
  });

  test("comes when the other side sends more than maxMessageBytes, and the reason says what to do", async () => {
    const { near, nearSocket } = connectPair(serve(Tester, new TestServer()), { maxMessageBytes: 1000 });
    const error = await failure(near.bootstrap(Tester).echo({ text: "x".repeat(2000) }));
    expect(error.reason).toMatch(/more than the limit of 1000; raise maxMessageBytes/);
    expect(nearSocket.closedWith).toMatchObject({ code: 1009 });
  });

  test.each([["a Blob", new Blob(["x"])], ["nothing", undefined], ["an object", {}]])(
    "comes when the socket gives %s instead of bytes, and the reason says what to do",
    async (_name, data) => {
      const { near, nearSocket } = setUp();
      nearSocket.receive(data);
      expect((await near.closed).reason).toMatch(/no ArrayBuffer; use a socket that heeds binaryType/);
      expect(nearSocket.closedWith).toMatchObject({ code: 1003 });
    },
  );

  test.each([["a Uint8Array", (bytes: ArrayBuffer) => new Uint8Array(bytes)], ["a Buffer", (bytes: ArrayBuffer) => Buffer.from(bytes)]])(
    "does not come when the socket gives %s instead of an ArrayBuffer",
    async (_name, wrap) => {
      const { tester, nearSocket } = setUp();
      const receive = nearSocket.receive.bind(nearSocket);
      nearSocket.receive = (data) => receive(wrap(data as ArrayBuffer));
      await expect(tester.echo({ text: "x" })).resolves.toEqual({ text: "x" });
    },
  );

  test("comes when the socket cannot send", async () => {
    const { near, tester, nearSocket } = setUp();
    await tester.echo();
    nearSocket.readyState = 2;
    expect(await failure(tester.echo())).toMatchObject({ kind: "disconnected", reason: expect.stringContaining("the socket is closed") as string });
    expect((await near.closed).reason).toContain("could not send");
  });

  test("by a socket that refuses standard codes, as browsers' do, has codes of its own", async () => {
    const { near, nearSocket } = setUp();
    const close = nearSocket.close.bind(nearSocket);
    nearSocket.close = (code, reason) => {
      if (code !== 1000 && (code ?? 0) < 3000) throw new DOMException("not allowed", "InvalidAccessError");
      close(code, reason);
    };
    nearSocket.receive("text");
    expect((await near.closed).reason).toContain("text frame");
    expect(nearSocket.closedWith).toMatchObject({ code: 4003 });
  });

  test("forgets the socket", async () => {
    const { near, nearSocket } = setUp();
    expect(nearSocket.listenerCount("message")).toBe(1);
    await near.close();
    expect(nearSocket.listenerCount("message")).toBe(0);
    expect(nearSocket.listenerCount("close")).toBe(0);
  });

  test("comes even when close() is given something else than a reason", async () => {
    const { near } = setUp();
    expect((await near.close(new Event("click") as unknown as string)).reason).toContain("Event");
  });

  test("comes with `await using`", async () => {
    const { near } = setUp();
    await near[Symbol.asyncDispose]();
    expect(await state(near.closed)).toBe("resolved");
  });
});

describe("a socket", () => {
  test("may deliver from within `send`", async () => {
    const [nearSocket, farSocket] = socketPair();
    for (const socket of [nearSocket, farSocket]) socket.send = (data) => socket.peer.receive(data.slice().buffer);
    accept(farSocket, { bootstrap: serve(Tester, new TestServer()) });
    const near = accept(nearSocket, { flowControl: { fixed: 1 } });
    const { sink } = near.bootstrap(Tester).open({ name: "a" });
    for (let i = 0; i < 20; i++) await sink.write({ chunk: new Uint8Array(100) });
    await expect(sink.end()).resolves.toEqual({ total: 2000n });
    await near.close();
  });

  test("may call back from within `send` and `close`, and frames stay in order", async () => {
    const { near, tester, nearSocket } = setUp();
    await tester.echo();
    const order: string[] = [];
    const called: Promise<void>[] = [];
    const call = (text: string): void => {
      called.push(tester.echo({ text }).then(() => void order.push(text), (error: CapnpError) => void order.push(error.kind)));
    };
    const send = nearSocket.send.bind(nearSocket);
    nearSocket.send = (data) => {
      if (called.length < 4) call(`from send ${called.length}`);
      send(data);
    };
    call("first");
    while (order.length < 5) await turn();
    expect(order).toEqual(["first", "from send 0", "from send 1", "from send 2", "from send 3"]);
    const close = nearSocket.close.bind(nearSocket);
    nearSocket.close = (code, reason) => {
      call("from close");
      void near.close();
      close(code, reason);
    };
    await near.close();
    await Promise.all(called);
    expect(order.at(-1)).toBe("disconnected");
  });
});

describe("ownership", () => {
  test("clients that nobody holds any more are released once they are collected", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { tester, near } = setUp();
    for (let i = 0; i < 5; i++) void tester.open({ name: "a" }).sink;
    await tester.echo();
    expect(near.stats().imports).toBe(1 + 5 * 3);
    for (let i = 0; i < 50 && near.stats().imports > 1; i++) {
      collect();
      await turn();
    }
    expect(near.stats().imports).toBe(1);
  });

  test("a pipelined client that was released before the return takes the results' one with it", async () => {
    const { tester, near, farSocket } = setUp();
    await tester.echo();
    farSocket.hold();
    const call = tester.open({ name: "a" });
    release(call.sink);
    farSocket.pass();
    const results = await call;
    expect(() => clone(results.sink as ByteSink)).toThrow(/released/);
    release(results.spare as ByteSink);
    release(results.inner?.sink as ByteSink);
    await turn();
    // The bootstrap object is left.
    expect(near.stats().imports).toBe(1);
  });

  test("results of a call that was given up leave nothing behind", async () => {
    const { tester, near, farSocket } = setUp();
    await tester.echo();
    farSocket.hold();
    const controller = new AbortController();
    const call = tester.open({ name: "a" }, { signal: controller.signal });
    controller.abort("no");
    await expect(call).rejects.toBe("no");
    farSocket.pass();
    await turn();
    expect(near.stats()).toMatchObject({ imports: 1, questions: 0 });
  });

  test("parameters' clients belong to the object that got them", async () => {
    const server = new TestServer();
    const { near } = connectPair(serve(Tester, server));
    const tester = near.bootstrap(Tester);
    const sink = serve(ByteSink, new TestSink());
    const { sink: back } = await tester.same({ sink });
    release(sink);
    await expect(back?.end()).resolves.toEqual({ total: 0n });
  });
});

test("an exception of the other side comes with its kind and its trace", async () => {
  const [socket, peer] = socketPair();
  const connection = accept(socket);
  const call = connection.bootstrap(Tester).echo();
  // Played by hand: our servers keep their stacks to themselves.
  peer.addEventListener("message", ({ data }: { data: ArrayBuffer }) => {
    const message = decode(Message, new Uint8Array(data));
    if (message.which !== "call") return;
    const exception = { reason: "too much", type: "overloaded", trace: "there:\n  line 1" } as const;
    peer.send(encode(Message, { which: "return", return: { answerId: message.call?.questionId, which: "exception", exception } }));
  });
  const error: unknown = await call.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(CapnpError);
  expect(error).toMatchObject({ kind: "overloaded", reason: "too much", trace: "there:\n  line 1" });
  await connection.close();
});
