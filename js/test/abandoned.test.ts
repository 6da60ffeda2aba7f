import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  CapabilityServerSet,
  CapnpError,
  clone,
  fromWritable,
  give,
  membrane,
  promised,
  readable,
  reconnecting,
  release,
  revocable,
  serve,
  source,
  tailCall,
  whenResolved,
  writable,
} from "../src/node.js";
import { turn } from "./sockets.js";
import { connectPair, type Pair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/*
 * What is left alone goes wrong in silence, unless a promise was handed out that nobody looks at: then that one is an unhandled
 * rejection, which is what JavaScript has for it, and nothing else is.
 */

let unhandled: unknown[];
let others: NodeJS.UnhandledRejectionListener[];

beforeEach(() => {
  unhandled = [];
  others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => void unhandled.push(reason));
});
afterEach(() => {
  process.removeAllListeners("unhandledRejection");
  for (const other of others) process.on("unhandledRejection", other);
});

class FailingSink extends TestSink {
  override failAt = 0;
}

class FailingServer extends TestServer {
  override open(): Tester.open$Results.Input {
    const sink = (): ByteSink => give(serve(ByteSink, new FailingSink()));
    return { sink: sink(), spare: sink(), inner: { sink: sink() } };
  }

  override same(): never {
    throw new CapnpError("failed", "not the same");
  }
}

interface World extends Pair {
  readonly tester: Tester;
}

function setUp(server: Partial<Tester.Server> = new FailingServer()): World {
  const pair = connectPair(give(serve(Tester, server)));
  return { ...pair, tester: pair.near.bootstrap(Tester) };
}

const BYTES = { chunk: new Uint8Array(5000) };
const failing = (): WritableStream<Uint8Array> =>
  new WritableStream({
    write() {
      throw new Error("full");
    },
  });

async function lose({ near, farSocket }: World): Promise<void> {
  farSocket.break();
  await near.closed;
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

const SILENT: Record<string, (world: World) => unknown> = {
  "a call that fails, of which a client was taken": ({ tester }) => void tester.same().sink,
  "a call that fails, of which a client was taken and used": ({ tester }) => void tester.same().sink.write(BYTES),
  "a call that is not sent, of which a client was taken": ({ tester }) => void tester.open({ name: 5 as unknown as string }).sink,
  "a call that times out, of which a client was taken": ({ tester }) => void tester.never({}, { timeout: 1 }).sink,
  "a call that is aborted, of which a client was taken": ({ tester }) => {
    const controller = new AbortController();
    const { sink } = tester.never({}, { signal: controller.signal });
    controller.abort();
    release(sink);
  },
  "an abort that comes too late": async ({ tester }) => {
    const controller = new AbortController();
    await tester.echo({}, { signal: controller.signal });
    controller.abort();
  },
  "streamed calls that fail, before and behind the failure": async ({ tester }) => {
    const { sink } = tester.open();
    for (let i = 0; i < 100; i++) void sink.write(BYTES);
    await turn();
    void sink.write(BYTES);
    void sink.write(BYTES, { timeout: 1 });
  },
  "streamed calls whose waiting is aborted": ({ tester }) => {
    const controller = new AbortController();
    const { sink } = tester.open();
    for (let i = 0; i < 100; i++) void sink.write(BYTES, { signal: controller.signal });
    controller.abort();
  },
  "everything, when the connection is lost": async (world) => {
    const { sink } = world.tester.open();
    for (let i = 0; i < 100; i++) void sink.write(BYTES);
    void world.tester.never().sink;
    void writable(world.tester.open().spare);
    await turn();
    await lose(world);
    void sink.write(BYTES);
  },
  "everything, when the connection is closed here": async ({ tester, near }) => {
    const { sink } = tester.never();
    for (let i = 0; i < 100; i++) void sink.write(BYTES);
    void near.close();
    void near.close();
  },
  "a writable stream whose writes fail": async ({ tester }) => {
    const stream = writable(tester.open().sink);
    await new Blob(["x"]).stream().pipeTo(stream).catch(() => {});
  },
  "a writable stream of a call that fails": async ({ tester }) => {
    const writer = writable(tester.same().sink).getWriter();
    await writer.close().catch(() => {});
  },
  "a writable stream that is aborted": async ({ tester }) => {
    const writer = writable(tester.open().sink).getWriter();
    void writer.abort(new Error("no"));
  },
  "a writable stream that is dropped": async (world) => {
    void writable(world.tester.open().sink);
    await turn();
    await lose(world);
  },
  "a source whose client is dropped": () => release(source(ByteSink).client),
  "a source that is canceled": async ({ tester }) => {
    const { client, stream } = source(ByteSink);
    const used = tester.use({ sink: client, times: 3 }).catch(() => {});
    await stream.cancel("no");
    await used;
  },
  "a source whose connection is lost": async (world) => {
    const { client } = source(ByteSink);
    world.tester.use({ sink: client, times: 3 }).catch(() => {});
    await turn();
    await lose(world);
  },
  "a readable stream whose call fails": ({ tester }) => void readable(ByteSink, (sink) => tester.same({ sink })),
  "a readable stream that is canceled": async ({ tester }) =>
    readable(ByteSink, (_sink, options) => tester.never({}, options)).cancel("no"),
  "a stream to a writable one that fails": async ({ tester }) => {
    await tester.use({ sink: fromWritable(ByteSink, failing()), times: 3 }).catch(() => {});
  },
  "a writable one that nobody writes to": () => release(fromWritable(ByteSink, failing())),
  "a promised client that will never be": () => void promised(ByteSink, Promise.reject(new Error("never"))),
  "a promised client that will never be, passed on": async ({ tester }) => {
    await tester.use({ sink: promised(ByteSink, Promise.reject(new Error("never"))) }).catch(() => {});
  },
  "a promised client of a call that fails": ({ tester }) => {
    release(promised(ByteSink, tester.same().then(({ sink }) => sink as ByteSink)));
  },
  "a promised client of something else": () => void promised(ByteSink, Promise.resolve(5 as unknown as ByteSink)),
  "a server set asked about a client that breaks": async (world) => {
    const found = new CapabilityServerSet(ByteSink).getLocalServer(world.tester.never().sink);
    await turn();
    await lose(world);
    await found;
  },
  "a reconnecting client that cannot connect": async () => {
    const link = reconnecting(() => Promise.reject(new Error("nobody there")));
    void link.bootstrap(Tester).open().sink.write(BYTES);
    await turn();
    void link.close();
    void link.bootstrap(Tester).open().sink;
  },
  "a client that is revoked with calls under way": async ({ tester }) => {
    const { client, revoke } = revocable(tester);
    const { sink } = client.never();
    void sink.write(BYTES);
    await turn();
    revoke();
    void client.never().sink;
  },
  "a membrane that refuses": ({ tester }) => {
    const refusing = membrane(tester, {
      check() {
        throw new Error("no");
      },
    });
    void refusing.open().sink.write(BYTES);
  },
  "a method that fails after its caller has gone": async () => {
    const world = setUp({
      never: (_params, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("late")))),
      async open(_params, context) {
        context.setPipeline({ sink: give(serve(ByteSink, new FailingSink())) });
        await turn();
        await turn();
        throw new Error("later");
      },
    });
    void world.tester.never().sink;
    void world.tester.open().sink.write(BYTES);
    await turn();
    await lose(world);
    await settled();
  },
  "a method that passes its call on to what is gone": async (world) => {
    const relay = setUp({ open: () => tailCall(world.tester, "open"), never: () => tailCall(world.tester, "never") });
    void relay.tester.never().sink;
    await turn();
    await lose(world);
    void relay.tester.open().sink.write(BYTES);
  },
  "clients of a connection that ends": async (world) => {
    const twin = clone(world.tester);
    await lose(world);
    release(twin);
    void world.tester.open().sink;
  },
};

describe("in silence fails", () => {
  test.each(Object.entries(SILENT))("%s", async (_name, abandon) => {
    await abandon(setUp());
    await settled();
    expect(unhandled).toEqual([]);
  });
});

const LOUD: Record<string, (world: World) => unknown> = {
  "a call that nobody awaits and no client was taken of": ({ tester }) => void tester.same(),
  "a call on a pipelined client, though not the one before": ({ tester }) => void tester.same().sink.end(),
  "a streamed call that was never sent": ({ tester }) => void tester.open().sink.write({ chunk: 5 as unknown as Uint8Array }),
  "whenResolved": ({ tester }) => void whenResolved(tester.same().sink),
};

describe("is told of as one unhandled rejection", () => {
  test.each(Object.entries(LOUD))("%s", async (_name, abandon) => {
    await abandon(setUp());
    await settled();
    expect(unhandled).toHaveLength(1);
  });
});
