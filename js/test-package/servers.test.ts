import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as ask } from "node:http";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../test-readme/newcomer.js";
import { blocksOf } from "../test-readme/readme.js";
import { Project, repository } from "./support.js";

/*
 * The servers of docs/servers.md, as they stand there: the package in an empty project, each program in the runtime that it is
 * for, and the same client in Node.
 */

/** Streams into a sink, and waits in the middle until it is told to go on. */
const PAUSING = `
import { once } from "node:events";
import { connect } from "capstan";
import { Shelf } from "./shelf.capnp.js";

const connection = await connect(process.argv[2]);
const { sink } = connection.bootstrap(Shelf).put({ name: "paused" });
await sink.write({ chunk: new Uint8Array(1000) });
await connection.bootstrap(Shelf).put({ name: "other" });
console.log("halfway");
await once(process.stdin, "data");
process.stdin.destroy();
for (let i = 0; i < 100; i++) await sink.write({ chunk: new Uint8Array(50_000) });
await sink.end();
console.log("ended");
`;

/** Reads 200 MB back, a little at a time, and is idle in between for the server to fill what it may. */
const SLOW = `
import { connect, readable, writable } from "capstan";
import { ByteSink, Shelf } from "./shelf.capnp.js";

const connection = await connect(process.argv[2]);
const { sink, book } = connection.bootstrap(Shelf).put({ name: "long" });
const part = new Uint8Array(1 << 20).fill(1);
const stream = writable(sink);
const writer = stream.getWriter();
for (let i = 0; i < 64; i++) await writer.write(part);
await writer.close();
let count = 0;
for await (const chunk of readable(ByteSink, (into) => book.read({ into }))) {
  count += chunk.length;
  if (count % (1 << 22) < chunk.length) await new Promise((resolve) => setTimeout(resolve, 5));
}
console.log(count);
await connection.close();
`;

const workerd = (script: string, more = "") => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:PORT", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "${script}"),
    (name = "./capstan_web_bg.wasm", wasm = embed "node_modules/capstan/wasm/capstan_web_bg.wasm"),
    (name = "./capstan_messages_bg.wasm", wasm = embed "node_modules/capstan/wasm-messages/capstan_messages_bg.wasm"),
  ],
  compatibilityDate = "2026-01-01",
  ${more}
);
`;
const DURABLE = `
  bindings = [(name = "LIBRARY", durableObjectNamespace = "Library")],
  durableObjectNamespaces = [(className = "Library", uniqueKey = "library", preventEviction = true)],
  durableObjectStorage = (inMemory = void),
`;

const WITH_WS = `
import { WebSocketServer } from "ws";
import { give } from "capstan";
import { attach } from "capstan/node";
import { makeShelf } from "./shelf.js";
const sockets = new WebSocketServer({ host: "127.0.0.1", port: 8080, path: "/rpc", perMessageDeflate: false });
const rpc = attach(sockets, { bootstrap: async () => (await new Promise((resolve) => setTimeout(resolve, 20)), give(makeShelf())) });
process.once("SIGTERM", async () => {
  sockets.close();
  console.log(\`\${await rpc.drain()} connections were cut off\`);
});
`;

const program = (name: string) => join(repository, "node_modules/.bin", name);
const DENO = [program("deno"), "run", "--no-prompt", "--no-lock", "--allow-net=127.0.0.1", "--allow-read", "--allow-env"];

let project: Project;

beforeAll(async () => {
  const files = new Map<string, string>();
  const text = await readFile(join(repository, "docs/servers.md"), "utf8");
  for (const { file, code } of blocksOf(text, "docs/servers.md")) if (file !== "") files.set(file, code);
  project = await Project.create({ ...Object.fromEntries(files), "pausing.js": PAUSING, "slow.js": SLOW, "ws-server.js": WITH_WS });
  await project.run("npx", "capstan", "compile", "-o", "js", "shelf.capnp");
  for (const name of ["worker", "durable-object"]) await bundleForWorkers(name);
  await project.write({ "worker.capnp": workerd("worker.bundle.js"), "durable-object.capnp": workerd("durable-object.bundle.js", DURABLE) });
});

afterAll(() => project?.remove());

/** As wrangler does it: WebAssembly stays a module of its own, which workerd compiles. */
async function bundleForWorkers(name: string): Promise<void> {
  await build({
    entryPoints: [join(project.dir, `${name}.js`)],
    outfile: join(project.dir, `${name}.bundle.js`),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    plugins: [
      {
        name: "wasm",
        setup: ({ onResolve }) => onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `./${path.split("/").at(-1)}`, external: true })),
      },
    ],
  });
}

/** A program of the project's, told its port by its text, and what it says. */
class Running {
  readonly port: number;
  readonly process: ChildProcess;
  said = "";

  private constructor(port: number, process: ChildProcess) {
    this.port = port;
    this.process = process;
    const hear = (text: Buffer): void => void (this.said += text.toString());
    process.stdout?.on("data", hear);
    process.stderr?.on("data", hear);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/rpc`;
  }

  static async server(file: string, [command, ...args]: readonly string[]): Promise<Running> {
    const port = await freePort();
    const text = await readFile(join(project.dir, file), "utf8");
    const own = `at-${port}-${file}`;
    await project.write({ [own]: text.replaceAll("127.0.0.1:PORT", `127.0.0.1:${port}`).replaceAll("8080", String(port)) });
    // A group of its own: some programs are scripts that start the real one.
    const running = new Running(port, spawn(command as string, [...args, own], { cwd: project.dir, stdio: ["ignore", "pipe", "pipe"], detached: true }));
    const deadline = Date.now() + 30_000;
    while (!(await answers(port))) {
      if (Date.now() > deadline) throw new Error(`${file} does not listen:\n${running.said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return running;
  }

  static client(script: string, ...args: string[]): Running {
    return new Running(0, spawn("node", [script, ...args], { cwd: project.dir, stdio: ["pipe", "pipe", "pipe"] }));
  }

  async says(text: string): Promise<void> {
    await expect.poll(() => this.said, { timeout: 30_000 }).toContain(text);
  }

  get ended(): Promise<number | null> {
    const { process } = this;
    return process.exitCode !== null || process.signalCode !== null ? Promise.resolve(process.exitCode) : once(process, "exit").then(([code]) => code as number | null);
  }

  signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name);
  }

  async stop(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }
}

async function answers(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/`).then(
    async (response) => (await response.text(), true),
    () => false,
  );
}

/** The answer to a request for a WebSocket. */
function handshake(port: number, path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asking = ask({
      host: "127.0.0.1",
      port,
      path,
      headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers },
    });
    asking.on("error", reject);
    asking.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, text: "" });
    });
    asking.on("response", (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asking.end();
  });
}

const servers: readonly [string, string, readonly string[], { drains: boolean; status: boolean }][] = [
  ["Node", "node-server.js", [process.execPath], { drains: true, status: true }],
  ["Node with ws", "ws-server.js", [process.execPath], { drains: true, status: false }],
  ["Deno", "deno-server.js", DENO, { drains: true, status: true }],
  ["Bun", "bun-server.js", [program("bun")], { drains: true, status: true }],
  ["a Worker", "worker.capnp", [program("workerd"), "serve"], { drains: false, status: true }],
  ["a Durable Object", "durable-object.capnp", [program("workerd"), "serve", "--experimental"], { drains: false, status: true }],
];

describe.each(servers)("a server in %s", (_name, file, command, { drains, status }) => {
  let server: Running;

  beforeAll(async () => {
    server = await Running.server(file, command);
  });

  afterAll(() => server?.stop());

  test("is streamed to and from, on capabilities that are still on their way, by clients one after the other and at once", async () => {
    const client = () => project.run("node", "shelf-client.js", server.url);
    expect(await client()).toBe("7000000\n");
    expect(await Promise.all([client(), client()])).toEqual(["7000000\n", "7000000\n"]);
  });

  test("sends a slow reader all of a long stream", async () => {
    expect(await project.run("node", "slow.js", server.url)).toBe(`${64 << 20}\n`);
  });

  if (status) {
    test("lets pages of its own host in, and refuses others with status 403 and why", async () => {
      for (const origin of ["http://localhost:5173", `http://127.0.0.1:${server.port}`]) {
        expect(await handshake(server.port, "/rpc", { Origin: origin })).toMatchObject({ status: 101 });
      }
      expect(await handshake(server.port, "/rpc", {})).toMatchObject({ status: 101 });
      for (const origin of ["https://example.com", "null", "http://127.0.0.1.example.com"]) {
        expect(await handshake(server.port, "/rpc", { Origin: origin })).toEqual({
          status: 403,
          text: `Pages of ${origin} may not connect to this server; the server's option \`origins\` says whose may. Without, only pages of its own host may, and it was asked for 127.0.0.1:${server.port}.\n`,
        });
      }
    });
  }

  if (drains) {
    test("lets a stream end that is under way when it is told to end, refuses new clients, and ends", async () => {
      const client = Running.client("pausing.js", server.url);
      await client.says("halfway");
      server.signal("SIGTERM");
      await expect.poll(() => project.attempt("node", "shelf-client.js", server.url).then(({ output }) => output), { timeout: 30_000 }).toMatch(/503|ECONNREFUSED|connection was refused/);
      expect(server.process.exitCode).toBe(null);
      client.process.stdin?.write("go on\n");
      await client.says("ended");
      expect(await client.ended).toBe(0);
      expect(await server.ended).toBe(0);
      expect(server.said).toContain("0 connections were cut off");
    });
  }
});
