import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuiltPage, openBuilt, pinned, Project } from "./support.js";

const SCHEMA = `@0xbd4a8c7a1e09f2d3;

interface Sink {
  write @0 (chunk :Data) -> stream;
  end @1 () -> (bytes :UInt64);
}

interface Numbers {
  sum @0 (numbers :List(Float64)) -> (sum :Float64);
  open @1 () -> (sink :Sink);
  fill @2 (bytes :UInt64, into :Sink) -> ();
  where @3 () -> (place :Text);
  fail @4 () -> ();
}
`;

const WORKER = `
import { connectPort, fromWritable, init, serve } from "capstan";
import { Numbers, Sink } from "./numbers.capnp.js";

// While this waits, the page's first calls are under way already.
await init();
await new Promise((resolve) => setTimeout(resolve, 100));
const connection = await connectPort(self, {
  bootstrap: serve(Numbers, {
    sum: ({ numbers }) => ({ sum: numbers.reduce((a, b) => a + b, 0) }),
    where: () => ({ place: self.constructor.name }),
    fail() {
      throw new Error("not here");
    },
    open() {
      let bytes = 0;
      return { sink: fromWritable(Sink, new WritableStream({ write: (chunk) => void (bytes += chunk.length) }), { result: () => ({ bytes }) }) };
    },
    async fill({ bytes, into }) {
      for (let left = Number(bytes); left > 0; left -= 65536) await into.write({ chunk: new Uint8Array(Math.min(left, 65536)).fill(7) });
      await into.end();
      into[Symbol.dispose]();
    },
  }),
});
postMessage({ mine: "not of the connection" });
void connection.closed.then(() => postMessage({ mine: "closed" }));
`;

const MAIN = `
import { connectPort, readable, writable } from "capstan";
import { Numbers, Sink } from "./numbers.capnp.js";

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const heard = [];
worker.addEventListener("message", ({ data }) => data?.mine && heard.push(data.mine));

// The transport's buffers: transferred, so that nobody is left who could scribble over them.
let sent = 0, left = 0;
const post = worker.postMessage.bind(worker);
worker.postMessage = (message, transfer) => {
  post(message, transfer);
  if (message instanceof ArrayBuffer) { sent++; left += message.byteLength; }
};

const connection = await connectPort(worker);
const numbers = connection.bootstrap(Numbers);

window.calls = async () => {
  const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => numbers.sum({ numbers: [i, 0.5] })));
  return { sums: sums.reduce((a, { sum }) => a + sum, 0), place: (await numbers.where()).place, error: await numbers.fail().catch((error) => error.message) };
};
window.up = async (length) => {
  const stream = writable(numbers.open().sink);
  await new Blob([new Uint8Array(length)]).stream().pipeTo(stream);
  return { bytes: Number((await stream.result).bytes), sent, left };
};
window.down = async (length) => {
  let bytes = 0;
  for await (const chunk of readable(Sink, (into) => numbers.fill({ bytes: length, into }))) {
    if (chunk.some((byte) => byte !== 7)) throw new Error("damaged");
    bytes += chunk.length;
  }
  return bytes;
};
window.end = async () => {
  const { questions, answers, exports } = connection.stats();
  const reason = await connection.close("enough");
  for (let i = 0; i < 100 && !heard.includes("closed"); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  worker.terminate();
  return { questions, answers, exports, reason: reason.reason, heard };
};
window.broken = async () => {
  const connection = await connectPort(new Worker("data:text/javascript,throw new Error('no such thing')"));
  return (await connection.closed).message;
};
document.title = "ready";
`;

const PAGE = `<!doctype html><html lang="en"><title>loading</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></html>`;

declare global {
  interface Window {
    calls(): Promise<Record<string, unknown>>;
    up(length: number): Promise<{ bytes: number; sent: number; left: number }>;
    down(length: number): Promise<number>;
    end(): Promise<Record<string, unknown>>;
    broken(): Promise<string>;
  }
}

describe("a vat in a dedicated Worker in Chromium", () => {
  let project: Project;
  let built: BuiltPage;
  let page: Page;

  beforeAll(async () => {
    project = await Project.create(
      {
        "numbers.capnp": SCHEMA,
        "worker.js": WORKER,
        "main.js": MAIN,
        "index.html": PAGE,
        "vite.config.js": `export default { worker: { format: "es" }, build: { target: "esnext" } };`,
      },
      [await pinned("vite")],
    );
    await project.run("npx", "capstan", "compile", "-o", "js", "numbers.capnp");
    built = await openBuilt(project);
    page = built.page;
  });

  afterAll(async () => {
    await built?.close();
    await project?.remove();
  });

  test("answers calls, those made before it listened included", async () => {
    expect(await page.evaluate(() => window.calls())).toEqual({ sums: 5000, place: "DedicatedWorkerGlobalScope", error: "not here" });
  });

  test("takes a stream, each frame in a buffer that goes with it", async () => {
    const { bytes, sent, left } = await page.evaluate(() => window.up(3_000_000));
    expect(bytes).toBe(3_000_000);
    expect(sent).toBeGreaterThan(20);
    expect(left).toBe(0);
  });

  test("gives a stream", async () => {
    expect(await page.evaluate(() => window.down(2_000_000))).toBe(2_000_000);
  });

  test("learns that the page has closed the connection, and leaves its other messages alone", async () => {
    expect(await page.evaluate(() => window.end())).toEqual({
      questions: 0,
      answers: 0,
      exports: 0,
      reason: "enough",
      heard: ["not of the connection", "closed"],
    });
  });

  test("that cannot start says so", async () => {
    expect(await page.evaluate(() => window.broken())).toMatch(/the worker could not start: .*no such thing/);
  });
});
