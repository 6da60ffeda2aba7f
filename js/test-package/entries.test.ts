import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firefox, webkit } from "./browsers.js";
import { Site } from "./site.js";
import { Project, repository } from "./support.js";

/* Sinks, their dedicated connections, and HTTP, in whatever the package runs in: as client and, where that is possible, as server. */

const SCHEMA = `@0xd0b7c1a92e5f4837;
using import "/capstan/sinks.capnp".Sink;
using import "/capstan/sinks.capnp".Source;
using import "/capnp/compat/http-over-capnp.capnp".HttpService;

struct Reading { place @0 :Text; celsius @1 :Float64; }

interface Station {
  report @0 (readings :Source(Reading)) -> (warm :UInt32);
  watch @1 (into :Sink(Reading)) -> ();
  count @2 (items :Source(Data)) -> (bytes :UInt64);
  http @3 () -> (service :HttpService);
}
`;

const STATION = `
import { give, serve } from "capstan";
import { serveHttp } from "capstan/http";
import { readFrom, writeTo } from "capstan/sinks";
import { Station } from "./station.capnp.js";

export const makeStation = () => serve(Station, {
  async report({ readings }) {
    let warm = 0;
    for await (const { celsius } of readFrom(readings)) if (celsius > 20) warm++;
    return { warm };
  },
  async watch({ into }) {
    const writer = writeTo(into).getWriter();
    for (const celsius of [19.5, 21]) await writer.write({ place: "Uster", celsius });
    await writer.close();
  },
  async count({ items }) {
    let bytes = 0;
    for await (const item of readFrom(items)) bytes += item.length;
    return { bytes };
  },
  http() {
    let abort;
    const aborted = new Promise((resolve) => (abort = resolve));
    const service = serveHttp(async (request) => {
      if (request.url.endsWith("/echo")) return new Response(request.body, { status: 201, headers: { "x-was": request.headers.get("x-is") } });
      if (request.url.endsWith("/hang")) return new Promise(() => request.signal.addEventListener("abort", () => abort("aborted")));
      return new Response(await aborted);
    });
    return { service: give(service) };
  },
});
`;

const CLIENT = `
import { connect, Data } from "capstan";
import { httpClient } from "capstan/http";
import { openSink, openSource } from "capstan/sinks";
import { Reading, Station } from "./station.capnp.js";

export async function visit(url) {
  const connection = await connect(url);
  const station = connection.bootstrap(Station);
  const { source, stream } = await openSink(Reading, { dedicated: connection });
  const reported = station.report({ readings: source });
  const writer = stream.getWriter();
  for (const celsius of [18, 22, 25]) await writer.write({ place: "Basel", celsius });
  await writer.close();
  const seen = ["warm " + (await reported).warm];

  const { sink, stream: readings } = await openSource(Reading, { dedicated: connection });
  const watching = station.watch({ into: sink });
  for await (const { place, celsius } of readings) seen.push(place + " " + celsius);
  await watching;

  const bulk = await openSink(Data, { dedicated: connection });
  const counted = station.count({ items: bulk.source });
  await new Blob([new Uint8Array(3_000_000)]).stream().pipeTo(bulk.stream);
  seen.push("counted " + (await counted).bytes);

  const fetch = httpClient(station.http().service);
  const body = new Blob([new Uint8Array(1_000_000).fill(9)]).stream();
  const echoed = await fetch("/echo", { method: "POST", body, headers: { "X-Is": "here" } });
  const bytes = new Uint8Array(await echoed.arrayBuffer());
  seen.push("echoed " + echoed.status + " " + echoed.headers.get("x-was") + " " + bytes.filter((byte) => byte === 9).length);
  const stop = new AbortController();
  const hanging = fetch("/hang", { signal: stop.signal }).catch((error) => error.name);
  setTimeout(() => stop.abort(), 20);
  seen.push(await hanging, await (await fetch("/aborted")).text());
  seen.push((await connection.close("done")).reason);
  return seen.join(", ");
}
`;
const EXPECTED = "warm 2, Uster 19.5, Uster 21, counted 3000000, echoed 201 here 1000000, AbortError, aborted, done";

const RUN = `
import { visit } from "./client.js";
console.log(await visit(process.argv[2]));
`;
const PAGE = `
import { visit } from "./client.js";
const server = new URLSearchParams(location.search).get("server");
visit(server).catch((error) => error.stack).then((text) => fetch("/report", { method: "POST", body: text }));
`;

const OPTIONS = `{ bootstrap: () => give(makeStation()), onConnection: (connection) => void dedicated.allow(connection) }`;
const SERVER = `
import { give } from "capstan";
import { DedicatedConnections } from "capstan/sinks";
import { makeStation } from "./station.js";
const dedicated = new DedicatedConnections();
const options = ${OPTIONS};
`;
const NODE = `${SERVER}
import { createServer } from "node:http";
import { attach } from "capstan/node";
const server = createServer();
attach(server, { path: "/rpc", ...options });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;
const DENO = `${SERVER}
import { endpoint } from "capstan/server";
const rpc = endpoint(options);
Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) }, (request) => rpc.upgrade(request));
`;
const BUN = `${SERVER}
import { endpoint } from "capstan/server";
const rpc = endpoint(options);
console.log(Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request, server) => rpc.upgrade(request, server), websocket: rpc.websocket }).port);
`;
const WORKER = `
import { give } from "capstan";
import { endpoint } from "capstan/server";
import { DedicatedConnections } from "capstan/sinks";
import { visit } from "./client.js";
import { makeStation } from "./station.js";

export class Station {
  #rpc;
  constructor() {
    const dedicated = new DedicatedConnections();
    this.#rpc = endpoint(${OPTIONS});
  }
  fetch(request) {
    return this.#rpc.upgrade(request);
  }
}

export default {
  async fetch(request, env) {
    const server = new URL(request.url).searchParams.get("server");
    if (server !== null) return new Response(await visit(server).catch((error) => error.stack));
    return env.STATION.get(env.STATION.idFromName("main")).fetch(request);
  },
};
`;
const WORKERD = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["local", "private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.bundle.js"),
    (name = "./capstan_web_bg.wasm", wasm = embed "node_modules/capstan/wasm/capstan_web_bg.wasm"),
    (name = "./capstan_messages_bg.wasm", wasm = embed "node_modules/capstan/wasm-messages/capstan_messages_bg.wasm"),
  ],
  compatibilityDate = "2026-01-01",
  bindings = [(name = "STATION", durableObjectNamespace = "Station")],
  durableObjectNamespaces = [(className = "Station", uniqueKey = "station", preventEviction = true)],
  durableObjectStorage = (inMemory = void),
);
`;

const program = (name: string) => join(repository, "node_modules/.bin", name);
const deno = [program("deno"), "run", "--no-prompt", "--no-lock", "--allow-net=127.0.0.1", "--allow-read"];

let project: Project;

/** A program that says its port first. */
class Server {
  readonly #process: ChildProcess;
  readonly port: number;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  static async start([command, ...args]: readonly string[]): Promise<Server> {
    // A group of its own: some programs are scripts that start the real one.
    const child = spawn(command as string, args, { cwd: project.dir, stdio: ["ignore", "pipe", "inherit", "pipe"], detached: true });
    const said = [child.stdout, child.stdio[3] as Readable].map((input) => once(createInterface({ input: input as Readable }), "line") as Promise<[string]>);
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${command} ended with ${code}`)));
    const [line] = await Promise.race([...said, ended]);
    // workerd says it in JSON.
    return new Server(child, Number(/\d+/.exec(line)?.[0]));
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/rpc`;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, "exit").catch(() => {});
    if (this.#process.pid !== undefined) process.kill(-this.#process.pid, "SIGKILL");
    await ended;
  }
}

const bundle = (from: string, to: string, options: BuildOptions = {}) =>
  build({ entryPoints: [join(project.dir, from)], outfile: join(project.dir, to), bundle: true, format: "esm", ...options });

beforeAll(async () => {
  const scripts = { "station.js": STATION, "client.js": CLIENT, "run.js": RUN, "page.js": PAGE, "worker.js": WORKER };
  project = await Project.create({ ...scripts, "station.capnp": SCHEMA, "node.js": NODE, "deno.js": DENO, "bun.js": BUN, "config.capnp": WORKERD });
  await project.run("npx", "capstan", "compile", "-o", "js", "station.capnp");
  await project.write({ "index.html": `<!doctype html><title>test</title><link rel="icon" href="data:,"><script type="module" src="/page.bundle.js"></script>` });
  await bundle("page.js", "page.bundle.js");
  for (const [dir, name] of [["wasm", "capstan_web_bg"], ["wasm-messages", "capstan_messages_bg"]]) {
    await copyFile(join(project.dir, `node_modules/capstan/${dir}/${name}.wasm`), join(project.dir, `${name}.wasm`));
  }
  // As wrangler does it: WebAssembly stays a module of its own, which workerd compiles.
  const setup: Plugin["setup"] = ({ onResolve }) =>
    onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `./${path.split("/").at(-1)}`, external: true }));
  await bundle("worker.js", "worker.bundle.js", { conditions: ["workerd", "worker", "browser"], plugins: [{ name: "wasm", setup }] });
});

afterAll(() => project?.remove());

describe.each([
  ["Node", [process.execPath, "node.js"]],
  ["Deno", [...deno, "deno.js"]],
  ["Bun", [program("bun"), "bun.js"]],
  ["a Durable Object", [program("workerd"), "serve", "--experimental", "config.capnp", "--control-fd=3"]],
])("with a server in %s", (name, line) => {
  let server: Server;

  beforeAll(async () => {
    server = await Server.start(line);
  });

  afterAll(() => server?.stop());

  test("sinks have connections of their own, and HTTP its bodies, for a client in Node", async () => {
    expect(await project.run("node", "run.js", server.url)).toBe(`${EXPECTED}\n`);
  });

  if (name === "Node") {
    test.each([
      ["Deno", deno],
      ["Bun", [program("bun")]],
    ])("for one in %s", async (_, [command, ...args]) => {
      expect(await project.run(command as string, ...args, "run.js", server.url)).toBe(`${EXPECTED}\n`);
    });

    // Chromium has pages of its own in other tests.
    test.each([firefox, webkit])("for a page in $name", async (kind) => {
      const site = await Site.start(project.dir);
      const browser = await kind.open(`${site.url}/tour`);
      try {
        expect((await site.visit(`/?server=${encodeURIComponent(server.url)}`)).report).toBe(EXPECTED);
      } finally {
        await browser.close();
        await site.stop();
      }
    });
  }

  if (name === "a Durable Object") {
    test("for a Worker", async () => {
      const node = await Server.start([process.execPath, "node.js"]);
      const answer = await fetch(`http://127.0.0.1:${server.port}/?server=${encodeURIComponent(node.url)}`);
      expect(await answer.text()).toBe(EXPECTED);
      await node.stop();
    });
  }
});
