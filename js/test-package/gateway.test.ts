import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { made, openBrowser, pinned, Project, UploadServer } from "./support.js";

/* A page, and a server on the C++ library that only speaks TCP: `capstan gateway` stands between them. */

const MAIN = `
import { connect, fromWritable, serve, writable } from "capstan";
import { Function, Lab, Log, Number as ANumber, Sink } from "./lab.capnp.js";

const url = new URLSearchParams(location.search).get("gateway");
const connection = await connect(url);
const lab = connection.bootstrap(Lab);

/** Notes what it is told. */
function log() {
  const numbers = [];
  return { numbers, client: serve(Log, { note: ({ number }) => void numbers.push(number), notes: () => ({ numbers }) }) };
}

window.calculator = async () => {
  // (2 + 3) * 4, in one round trip.
  const number = (value) => lab.number({ value }).number;
  const operator = (operator) => lab.operator({ operator }).function;
  const sum = lab.apply({ function: operator("add"), numbers: [number(2), number(3)] }).number;
  const product = lab.apply({ function: operator("multiply"), numbers: [sum, number(4)] }).number;
  // 2 to the 10th: numbers and function are the page's.
  const power = serve(Function, { call: ({ params: [a, b] }) => ({ value: a ** b }) });
  const own = (value) => serve(ANumber, { read: () => ({ value }) });
  const called = lab.apply({ function: power, numbers: [own(2), own(10)] }).number;
  return [(await product.read()).value, (await called.read()).value];
};

window.up = async (chunks) => {
  const { sink } = lab.sink();
  const stream = writable(sink);
  await new Blob(Array.from({ length: chunks }, () => new Uint8Array(10_000))).stream().pipeTo(stream);
  return Number((await stream.result).bytes);
};

window.down = async (chunks) => {
  let bytes = 0;
  const into = fromWritable(Sink, new WritableStream({ write: (chunk) => void (bytes += chunk.length) }), { result: () => ({ bytes }) });
  const result = await lab.pour({ into, chunks });
  return [bytes, Number(result.bytes)];
};

/** The server's promise comes true as an object of the page's while it is being called. */
window.late = async () => {
  const { log: promised, gate } = await lab.later();
  const mine = log();
  const calls = [];
  for (let number = 0; number < 30; number++) {
    if (number === 10) calls.push(gate.open({ log: mine.client }));
    if (number === 20) await calls.at(-11);
    calls.push(promised.note({ number }));
  }
  await Promise.all(calls);
  const broken = await lab.later();
  const waiting = broken.log.note({ number: 1 });
  await broken.gate.break({ reason: "the log was burnt" });
  return { noted: mine.numbers, error: await waiting.catch((error) => error.message) };
};

window.kinds = () =>
  Promise.all([0, 1, 2, 3].map((kind) => lab.fail({ kind, reason: "because" }).catch((error) => error.kind + ": " + error.message)));

window.abandon = async () => {
  const before = (await lab.canceled()).count;
  const controller = new AbortController();
  const hanging = lab.hang({}, { signal: controller.signal }).catch((error) => error.message);
  await lab.canceled();
  controller.abort(new Error("never mind"));
  const how = await hanging;
  while ((await lab.canceled()).count === before);
  return how;
};

window.lost = () => connection.closed.then((reason) => String(reason?.message ?? reason));
document.title = "ready";
`;

const PAGE = `<!doctype html><html lang="en"><title>loading</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></html>`;

declare global {
  interface Window {
    calculator(): Promise<number[]>;
    up(chunks: number): Promise<number>;
    down(chunks: number): Promise<number[]>;
    late(): Promise<{ noted: number[]; error: string }>;
    kinds(): Promise<string[]>;
    abandon(): Promise<string>;
    lost(): Promise<string>;
  }
}

/** A process, and what its first line says behind `prefix`. */
async function started(program: string, args: string[], prefix: RegExp): Promise<{ child: ChildProcess; found: string }> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`${program} ended with ${code}`))),
  ])) as [string];
  const found = prefix.exec(line)?.[1];
  if (found === undefined) throw new Error(`${program} said ${JSON.stringify(line)}`);
  return { child, found };
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<number | null> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
  const ended = once(child, "exit");
  child.kill(signal);
  return ((await ended) as [number | null])[0];
}

describe("a page and a C++ server, through capstan gateway", () => {
  let project: Project;
  let assets: UploadServer;
  let browser: Browser;
  let server: ChildProcess;
  let gateway: ChildProcess;
  let address: string;
  let page: Page;

  beforeAll(async () => {
    project = await Project.create({ "main.js": MAIN, "index.html": PAGE }, [await pinned("vite")]);
    await project.take("crates/interop/schemas/lab.capnp", "lab.capnp");
    for (const name of ["lab.cpp", "lab_objects.h"]) await project.take(`crates/interop/cpp/${name}`, name);
    await project.run("npx", "capstan", "compile", "-o", "js", "lab.capnp");
    await project.run("npx", "vite", "build");
    await project.run("capnp", "compile", "-oc++", "lab.capnp");
    const libraries = ["capnp-websocket", "kj-http", "capnp-rpc", "capnp", "kj-async", "kj"].map((name) => `-l${name}`);
    await project.run("g++", "-std=c++17", "-O1", "-I.", "-x", "c++", "lab.capnp.c++", "lab.cpp", ...libraries, "-pthread", "-o", "lab");
    assets = await UploadServer.start(join(project.dir, "dist"));
    const cpp = await started(join(project.dir, "lab"), ["server", "tcp"], /^listening (\d+)$/);
    server = cpp.child;
    const args = ["gateway", "--listen", "127.0.0.1:0", "--to", `127.0.0.1:${cpp.found}`, "--origin", assets.url];
    const between = await started(made.cli(), args, /^listening (ws:\S+) /);
    gateway = between.child;
    address = between.found;
    browser = await openBrowser();
    page = await open();
  });

  afterAll(async () => {
    await browser?.close();
    await end(gateway, "SIGKILL");
    await end(server, "SIGKILL");
    await assets?.stop();
    await project?.remove();
  });

  async function open(): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${assets.url}/?gateway=${encodeURIComponent(address)}`);
    await page.waitForFunction(() => document.title === "ready");
    return page;
  }

  test("calculates, with pipelining and callbacks", async () => {
    expect(await page.evaluate(() => window.calculator())).toEqual([20, 1024]);
  });

  test("streams both ways", async () => {
    expect(await page.evaluate(() => window.up(500))).toBe(5_000_000);
    expect(await page.evaluate(() => window.down(500))).toEqual([5_000_000, 5_000_000]);
  });

  test("keeps the order of calls on a promise that comes true late, and hears of one that breaks", async () => {
    const { noted, error } = await page.evaluate(() => window.late());
    expect(noted).toEqual(Array.from({ length: 30 }, (_, number) => number));
    expect(error).toContain("the log was burnt");
  });

  test("tells the kinds of errors apart", async () => {
    const kinds = await page.evaluate(() => window.kinds());
    expect(kinds.map((kind) => kind.split(":")[0])).toEqual(["failed", "overloaded", "disconnected", "unimplemented"]);
    for (const kind of kinds) expect(kind).toContain("because");
  });

  test("gives up a call, which the server sees", async () => {
    expect(await page.evaluate(() => window.abandon())).toBe("never mind");
  });

  test("is refused to pages of other origins", async () => {
    const other = await browser.newPage();
    await other.goto("data:text/html,<title>elsewhere</title>");
    const opened = await other.evaluate(
      (address) =>
        new Promise((resolve) => {
          const socket = new WebSocket(address);
          socket.onopen = () => resolve(true);
          socket.onerror = () => resolve(false);
        }),
      address,
    );
    expect(opened).toBe(false);
    await other.close();
  });

  // The last ones: they end the server, and then the gateway.

  test("learns why the connection ended", async () => {
    const lost = page.evaluate(() => window.lost());
    await end(server, "SIGKILL");
    expect(await lost).toMatch(/server behind the gateway/);
    // And what a new connection is told.
    const reason = await page.evaluate(
      (address) =>
        new Promise<string>((resolve) => {
          const socket = new WebSocket(address);
          socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`);
        }),
      address,
    );
    expect(reason).toMatch(/^1013 the gateway cannot reach the server behind it: connection refused/);
  });

  test("ends in good order", async () => {
    expect(await end(gateway, "SIGTERM")).toBe(0);
  });
});
