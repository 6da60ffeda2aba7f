import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { CapnpError, connect, type Connection, promised, release, serve, trackClients, writable } from "../src/node.js";
import { wasm } from "../src/seam/memory.js";
import { ByteSink, Files } from "./generated/files.capnp.js";
import "./support.js";
import { BadNetwork, Random } from "./weather.js";
import { UploadServer } from "./upload-server.js";

/*
 * Calls and streams to a Rust server over a network that delays, tears and cuts, by a program that gives up, hangs up and forgets.
 * `CAPSTAN_SEED=<number>` makes the same choices again, as far as timing lets it; `CAPSTAN_CALLS=<count>` makes more calls.
 */

const SEED = Number(process.env["CAPSTAN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const CALLS = Number(process.env["CAPSTAN_CALLS"] ?? 1500);
const CALLERS = 4;

/** What connections that break, servers that refuse and callers who give up make of calls. */
const ORDINARY = /broken promise|no longer kept|has not ended|that create\(\) announced|was aborted/;

let server: UploadServer | undefined;
let network: BadNetwork | undefined;
afterEach(async () => {
  await network?.end();
  await server?.stop();
});

test(`nothing is left of calls over a bad network (CAPSTAN_SEED=${SEED})`, { timeout: 60_000 + CALLS * 20 }, async () => {
  server = await UploadServer.start(join(import.meta.dirname, "../../examples-web/upload"), "--keep", "100000");
  const random = new Random(SEED);
  network = await BadNetwork.before(Number(new URL(server.url).port), random);
  const url = `ws://127.0.0.1:${network.port}/rpc`;
  const tracking = trackClients(() => {});
  let made = 0;
  let broken = 0;
  async function call(count = CALLS): Promise<void> {
    while (made < count) {
      const connection = await connect(url, { timeout: 5000, flowControl: random.chance(50) ? { fixed: 20_000 } : "adaptive" }).catch(
        (error: unknown) => void expect(error).toBeInstanceOf(CapnpError),
      );
      if (connection === undefined) {
        broken++;
        continue;
      }
      let isOver = false;
      void connection.closed.then(() => (isOver = true));
      const talks = Array.from({ length: 1 + random.below(3) }, () => talk(connection, random, (calls) => void (made += calls)));
      if (random.chance(10)) setTimeout(() => void connection.close("gone away"), random.below(20));
      await Promise.all(talks);
      if (random.chance(50)) await expectEmpty(connection);
      if (isOver) broken++;
      await connection.close();
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, () => call(CALLS / 2)));
  const half = wasm.memory.buffer.byteLength;
  await Promise.all(Array.from({ length: CALLERS }, () => call()));
  console.log(`${made} calls, ${broken} connections broken, wasm ${half >> 10} then ${wasm.memory.buffer.byteLength >> 10} KiB`);
  expect(made).toBeGreaterThanOrEqual(CALLS);
  expect(wasm.memory.buffer.byteLength - half).toBeLessThanOrEqual(8 * 65536);
  // What nobody took of results is let go in a later turn.
  await expect.poll(() => tracking.unreleased()).toEqual([]);
  tracking.stop();
  // The server lets go of each sink that it gave, however its connection ended.
  await server.allOver();
});

/** Some calls over one connection, most of which are let go in one of the ways there are. */
async function talk(connection: Connection, random: Random, made: (calls: number) => void): Promise<void> {
  const files = connection.bootstrap(Files);
  for (let step = 5 + random.below(40); step > 0; step--) {
    try {
      await act(files, random, made);
    } catch (error) {
      const timedOut = error instanceof DOMException;
      if (error instanceof CapnpError && error.kind === "disconnected") break;
      if (!timedOut && !(error instanceof CapnpError && ORDINARY.test(error.reason))) throw error;
    }
  }
  release(files);
}

async function act(files: Files, random: Random, made: (calls: number) => void): Promise<void> {
  switch (random.below(6)) {
    case 0:
      made(1);
      await files.list();
      return;
    case 1:
      made(1);
      await files.list({}, random.chance(50) ? { timeout: random.below(4) } : { signal: AbortSignal.abort(new DOMException("no", "AbortError")) });
      return;
    case 2: {
      // By hand, and not always to its end.
      const { sink, handle } = files.create({ name: "by hand", size: 1 << 20 });
      made(1);
      try {
        for (let writes = random.below(20); writes > 0; writes--) {
          made(1);
          const room = sink.write({ chunk: new Uint8Array(random.below(5000)) });
          if (random.chance(90)) await room;
        }
        made(1);
        if (random.chance(70)) await sink.end();
      } finally {
        release(sink);
        release(handle);
      }
      return;
    }
    case 3: {
      const created = files.create({ name: "piped", size: 1 << 20 });
      made(2);
      const { sink } = created;
      const stream = writable(sink);
      const writer = stream.getWriter();
      writer.closed.catch(() => {});
      stream.result.catch(() => {});
      try {
        await writer.write(new Uint8Array(random.below(100_000)));
        if (random.chance(50)) await writer.close();
        else await writer.abort();
      } finally {
        release(sink);
      }
      return;
    }
    case 4:
      // Nobody looks at the promise, and what is taken from it goes before it is there.
      made(1);
      release(files.create({ name: "forgotten", size: 5 }).sink);
      return;
    default: {
      // The server calls back an object of ours, which may be known later or never.
      const { sink: file, handle } = files.create({ name: "read", size: 100_000 });
      made(4);
      void file.write({ chunk: new Uint8Array(100_000) }).catch(() => {});
      void file.end().catch(() => {});
      release(file);
      const sink = serve(ByteSink, { write: () => {}, end: () => ({ total: 0n }) });
      const later = new Promise<ByteSink>((resolve, reject) => {
        setTimeout(() => (random.chance(50) ? resolve(sink) : (release(sink), reject(new Error("broken promise")))), random.below(3));
      });
      const into = random.chance(50) ? sink : promised(ByteSink, later);
      if (into === sink) later.then(release, () => {});
      try {
        await files.read({ handle, into }, { timeout: 1000 });
      } finally {
        if (into !== sink) release(into);
        release(handle);
        await later.catch(() => {});
      }
    }
  }
}

/** Unless it breaks, the tables of a connection on which nothing is held become empty. */
async function expectEmpty(connection: Connection): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const { questions, answers, imports, exports } = connection.stats();
    if (questions + answers + imports + exports === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(connection.stats()).toMatchObject({ questions: 0, answers: 0, imports: 0, exports: 0 });
}
