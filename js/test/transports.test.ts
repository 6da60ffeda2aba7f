import { rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { MessageChannel as NodeChannel, Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Connection, connectPort, connectTransport, give, type PortLike, serve, type Transport, type TransportEvents, writable } from "../src/node.js";
import { state, turn } from "./sockets.js";
import { TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

const open: Connection[] = [];
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

function keep(connection: Connection): Connection {
  open.push(connection);
  return connection;
}

/** Calls with parameters and results of all sizes, a stream each way, and capabilities. */
async function exercise(tester: Tester): Promise<void> {
  const texts = Array.from({ length: 40 }, (_, i) => "x".repeat(i * 500));
  await expect(Promise.all(texts.map((text) => tester.echo({ text })))).resolves.toEqual(texts.map((text) => ({ text })));
  const call = tester.open({ name: "a" });
  const stream = writable(call.sink);
  await new Blob([new Uint8Array(600_000).fill(7)]).stream().pipeTo(stream);
  await expect(stream.result).resolves.toEqual({ total: 600_000n });
  const mine = new TestSink();
  await expect(tester.use({ sink: serve(ByteSink, mine), times: 10 })).resolves.toEqual({ total: 10n });
  expect(mine.chunks).toEqual(Array.from({ length: 10 }, (_, i) => new Uint8Array([i])));
}

describe("a MessagePort", () => {
  test("connects two vats, each with its own bootstrap object", async () => {
    const { port1, port2 } = new NodeChannel();
    const [near, far] = await Promise.all([
      connectPort(port1, { bootstrap: serve(ByteSink, new TestSink()) }),
      connectPort(port2, { bootstrap: serve(Tester, new TestServer()) }),
    ]);
    open.push(near, far);
    await exercise(near.bootstrap(Tester));
    await expect(far.bootstrap(ByteSink).end()).resolves.toEqual({ total: 0n });
    const reason = await near.close("enough of that");
    expect(reason.reason).toBe("enough of that");
    expect((await far.closed).kind).toBe("disconnected");
    expect((await far.closed).reason).toContain("enough of that");
  });

  test("an object given as the bootstrap object goes with its connection", async () => {
    const { port1, port2 } = new NodeChannel();
    let isGone = () => {};
    const gone = new Promise<void>((resolve) => (isGone = resolve));
    const sink = Object.assign(new TestSink(), { [Symbol.dispose]: isGone });
    const [near, far] = await Promise.all([connectPort(port1, { bootstrap: give(serve(ByteSink, sink)) }), connectPort(port2)]);
    open.push(near, far);
    await expect(far.bootstrap(ByteSink).end()).resolves.toEqual({ total: 0n });
    await near.close();
    await gone;
  });

  test("may be listened to late: nothing is lost", async () => {
    const { port1, port2 } = new NodeChannel();
    const near = keep(await connectPort(port1));
    const echoed = near.bootstrap(Tester).echo({ text: "early" });
    expect(await state(echoed)).toBe("pending");
    keep(await connectPort(port2, { bootstrap: serve(Tester, new TestServer()) }));
    await expect(echoed).resolves.toEqual({ text: "early" });
  });

  test("that loses what comes before anyone listens, as a worker's does, loses nothing of ours", async () => {
    const { port1, port2 } = new NodeChannel();
    const heardByNobody = (): void => {};
    port2.on("message", heardByNobody);
    const near = keep(await connectPort(port1));
    const echoed = near.bootstrap(Tester).echo({ text: "early" });
    await turn();
    await turn();
    port2.off("message", heardByNobody);
    keep(await connectPort(port2, { bootstrap: serve(Tester, new TestServer()) }));
    await expect(echoed).resolves.toEqual({ text: "early" });
  });

  test("leaves messages of others alone", async () => {
    const { port1, port2 } = new NodeChannel();
    const near = keep(await connectPort(port1));
    const far = keep(await connectPort(port2, { bootstrap: serve(Tester, new TestServer()) }));
    for (const message of ["a string", 5, null, undefined, { type: "hello" }, [new Uint8Array(3)]]) port1.postMessage(message);
    await expect(near.bootstrap(Tester).echo({ text: "x" })).resolves.toEqual({ text: "x" });
    // A buffer, however, can only be a message.
    port1.postMessage(new ArrayBuffer(5));
    expect((await far.closed).reason).toMatch(/a frame that is not one message/);
  });

  test("that is closed ends the connection, and says so", async () => {
    const { port1, port2 } = new NodeChannel();
    const near = keep(await connectPort(port1));
    keep(await connectPort(port2, { bootstrap: serve(Tester, new TestServer()) }));
    const call = near.bootstrap(Tester).never();
    await turn();
    port2.close();
    await expect(call).rejects.toMatchObject({ kind: "disconnected" });
    expect((await near.closed).reason).toMatch(/the other side is gone; connect again/);
  });

  test("is given buffers of its own, which it transfers", async () => {
    const { port1, port2 } = new NodeChannel();
    let sent = 0;
    const scribbling: PortLike = Object.assign(port1, {
      postMessage(message: unknown, transfer: ArrayBuffer[]) {
        Object.getPrototypeOf(port1).postMessage.call(port1, message, transfer);
        if (!(message instanceof ArrayBuffer)) return;
        expect(transfer).toEqual([message]);
        // Transferred: nobody here can scribble over it any more.
        expect(message.byteLength).toBe(0);
        sent++;
      },
    });
    const near = keep(await connectPort(scribbling));
    keep(await connectPort(port2, { bootstrap: serve(Tester, new TestServer()) }));
    await exercise(near.bootstrap(Tester));
    expect(sent).toBeGreaterThan(50);
  });
});

describe("a Worker of Node's", () => {
  // Beside the sources, from where the WebAssembly is found.
  const script = fileURLToPath(new URL("../src/worker-of-a-test.tmp.mjs", import.meta.url));

  beforeAll(async () => {
    const entry = `
      import { parentPort, workerData } from "node:worker_threads";
      import { connectPort, init, serve } from "../src/node.js";
      import { TestServer } from "./objects.js";
      import { Tester } from "./generated/testing.capnp.js";
      if (workerData === "broken") throw new Error("no such thing");
      // A served object needs the WebAssembly; messages that come meanwhile wait for connectPort all the same.
      await init();
      await connectPort(parentPort, { bootstrap: serve(Tester, new TestServer()) });
    `;
    const { outputFiles } = await build({
      stdin: { contents: entry, resolveDir: fileURLToPath(new URL(".", import.meta.url)), loader: "ts" },
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      packages: "external",
      alias: { "capstan/codegen/v1": fileURLToPath(new URL("../src/codegen/v1.ts", import.meta.url)) },
    });
    await writeFile(script, outputFiles[0]?.contents ?? "");
  });
  afterAll(() => rm(script, { force: true }));

  test("is a whole vat with the same API", async () => {
    const worker = new Worker(script);
    const connection = await connectPort(worker);
    await exercise(connection.bootstrap(Tester));
    const call = connection.bootstrap(Tester).never();
    await turn();
    await worker.terminate();
    await expect(call).rejects.toMatchObject({ kind: "disconnected" });
    expect((await connection.closed).reason).toMatch(/the other side is gone/);
  });

  test("that cannot start ends the connection with its error", async () => {
    const connection = await connectPort(new Worker(script, { workerData: "broken" }));
    await expect(connection.bootstrap(Tester).echo()).rejects.toThrow(/the worker could not start: no such thing/);
  });
});

/** Two transports without anything between them. Each end keeps what it is given and scribbles over it later. */
class Pipe implements Transport {
  other!: Pipe;
  events: TransportEvents | undefined;
  closedWith: [number, string] | undefined;
  readonly given: Uint8Array[] = [];
  readonly copiesAtOnce: boolean;

  constructor(copiesAtOnce: boolean) {
    this.copiesAtOnce = copiesAtOnce;
  }

  start(events: TransportEvents): void {
    this.events = events;
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    this.given.push(message);
    if (this.copiesAtOnce) {
      const copy = message.slice();
      message.fill(0xaa);
      queueMicrotask(() => this.other.events?.message(copy));
    } else {
      queueMicrotask(() => {
        this.other.events?.message(message);
        message.fill(0xaa);
      });
    }
  }

  close(code: number, reason: string): void {
    this.closedWith = [code, reason];
    queueMicrotask(() => this.other.events?.closed(reason));
  }
}

function pipe(copiesAtOnce: boolean): [Pipe, Pipe] {
  const [a, b] = [new Pipe(copiesAtOnce), new Pipe(copiesAtOnce)];
  a.other = b;
  b.other = a;
  return [a, b];
}

describe("a transport of the user's", () => {
  test.each([false, true])("carries messages, and may scribble over each after it is sent (copies at once: %s)", async (copiesAtOnce) => {
    const [nearEnd, farEnd] = pipe(copiesAtOnce);
    const near = keep(await connectTransport(nearEnd));
    keep(await connectTransport(farEnd, { bootstrap: serve(Tester, new TestServer()) }));
    await exercise(near.bootstrap(Tester));
    expect(nearEnd.given.length).toBeGreaterThan(50);
    // Lent from the memory that everything is in, or given away for good.
    for (const { byteLength, buffer } of nearEnd.given) {
      if (!copiesAtOnce) expect(buffer.byteLength).toBe(byteLength);
    }
  });

  test("is closed with a code and the reason, and tells the other side as it likes", async () => {
    const [nearEnd, farEnd] = pipe(false);
    const near = await connectTransport(nearEnd);
    const far = await connectTransport(farEnd);
    await near.close("that was all");
    expect(nearEnd.closedWith).toEqual([1000, "that was all"]);
    expect((await far.closed).reason).toContain("that was all");
  });

  test("is named in messages, and ends the connection when it cannot send or start", async () => {
    const [end] = pipe(false);
    end.send = () => {
      throw new Error("the wire is cut");
    };
    const connection = await connectTransport(end, { name: "the cellar" });
    const call = connection.bootstrap(Tester).echo();
    await expect(call).rejects.toThrow("could not send to the cellar: the wire is cut; connect again to go on");
    const [broken] = pipe(false);
    broken.start = () => {
      throw new Error("no wire");
    };
    await expect(connectTransport(broken)).rejects.toThrow("no wire");
  });

  test("may refuse what arrived, and deliver what is no message", async () => {
    const [end] = pipe(false);
    const connection = await connectTransport(end);
    end.events?.refuse(4711, "this is a fax");
    expect(await connection.closed).toMatchObject({ kind: "failed", reason: "this is a fax" });
    expect(end.closedWith).toEqual([4711, "this is a fax"]);
    const [other] = pipe(false);
    const garbled = await connectTransport(other, { maxMessageBytes: 100 });
    other.events?.message(new Uint8Array(7));
    expect((await garbled.closed).reason).toMatch(/not one message/);
    // What comes after the end has no effect.
    other.events?.message(new Uint8Array(7));
    other.events?.closed("again");
    const [long] = pipe(false);
    const limited = await connectTransport(long, { maxMessageBytes: 100 });
    long.events?.message(new ArrayBuffer(101));
    expect((await limited.closed).reason).toMatch(/101 bytes, more than the limit of 100/);
  });
});
