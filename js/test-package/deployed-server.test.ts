import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, Project, repository } from "./support.js";

/* The example of a server as one deploys it, crates/net/examples/server, with clients of the package over TLS. */

const UPLOAD = `
  import { connect } from "capstan";
  import { Files } from "./files.capnp.js";

  const CHUNK = new Uint8Array(100_000);

  /** Sends 100 chunks; \`halfway\` is waited for in the middle. */
  export async function upload(url, halfway = () => {}) {
    const connection = await connect(url);
    const { sink } = connection.bootstrap(Files).create({ name: "a.bin", size: 100 * CHUNK.length });
    for (let i = 0; i < 100; i++) {
      if (i === 50) await halfway();
      await sink.write({ chunk: CHUNK });
    }
    const { total } = await sink.end();
    return { total: String(total), connection };
  }
`;

const PAGE = `<!doctype html><html lang="en"><title>working</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "capstan": "/node_modules/capstan/dist/index.js", "capstan/codegen/v1": "/node_modules/capstan/dist/codegen/v1.js" } }</script>
<script type="module">
  import { upload } from "./upload.js";
  try {
    const { total, connection } = await upload("wss://" + location.host + "/rpc");
    await connection.close();
    document.title = total;
  } catch (error) {
    document.title = String(error);
  }
</script></html>`;

const NODE = `
  import { once } from "node:events";
  import { upload } from "./upload.js";

  const { total, connection } = await upload(process.argv[2], async () => {
    if (process.argv[3] !== "pause") return;
    console.log("halfway");
    await once(process.stdin, "data");
    process.stdin.destroy();
  });
  console.log(total);
  if (process.argv[3] === "pause") console.log((await connection.closed).reason);
  else await connection.close();
`;

class Server {
  readonly port: string;
  /** Where the certificate is that clients have to trust. */
  readonly authority: string;
  readonly #process: ChildProcess;
  readonly #last: Promise<string>;

  private constructor(process: ChildProcess, lines: Interface, authority: string, port: string) {
    this.#process = process;
    this.authority = authority;
    this.port = port;
    this.#last = once(lines, "line").then(([line]) => line as string);
  }

  static async start(assets: string): Promise<Server> {
    const program = process.env["CAPSTAN_DEPLOYED_SERVER"] ?? join(repository, "target/debug/examples/server");
    const child = spawn(program, ["--assets", assets], { stdio: ["ignore", "pipe", "ignore"] });
    const lines = createInterface({ input: child.stdout });
    const next = async (pattern: RegExp): Promise<string> => {
      const [line] = (await once(lines, "line")) as [string];
      const found = pattern.exec(line)?.[1];
      if (found === undefined) throw new Error(`the server said ${JSON.stringify(line)}`);
      return found;
    };
    const authority = await next(/^authority (.+)$/);
    const port = await next(/^listening https:\/\/127\.0\.0\.1:(\d+)$/);
    return new Server(child, lines, authority, port);
  }

  get rpcUrl(): string {
    return `wss://localhost:${this.port}/rpc`;
  }

  /** Asks it to end. */
  terminate(): void {
    this.#process.kill("SIGTERM");
  }

  /** Its last words. */
  async ended(): Promise<{ said: string; status: number | null }> {
    const status = this.#process.exitCode ?? ((await once(this.#process, "exit")) as [number | null])[0];
    return { said: await this.#last, status };
  }
}

describe("a server with TLS, beside other routes", () => {
  let project: Project;
  let server: Server;

  beforeAll(async () => {
    project = await Project.create({ "upload.js": UPLOAD, "index.html": PAGE, "node.js": NODE });
    await project.take("crates/net/examples/server/files.capnp", "files.capnp");
    await project.run("npx", "capstan", "compile", "-o", "js", "files.capnp");
    server = await Server.start(project.dir);
  });

  afterAll(async () => {
    server?.terminate();
    if (server !== undefined) await rm(server.authority, { force: true });
    await project?.remove();
  });

  test("takes uploads of Node, which trusts its authority", async () => {
    const line = `node node.js ${server.rpcUrl}`;
    const output = await project.shell(line, { NODE_EXTRA_CA_CERTS: server.authority });
    expect(output.trim()).toBe("10000000");
    await expect(project.shell(line)).rejects.toThrow(/disconnected|certificate/i);
  });

  test("takes uploads of a page of its own in Chromium, and counts all of it", async () => {
    const browser = await openBrowser();
    try {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      await page.goto(`https://localhost:${server.port}/`);
      await expect.poll(() => page.title(), { timeout: 30_000 }).not.toBe("working");
      expect(await page.title()).toBe("10000000");
      const metrics = await page.evaluate(async () => (await fetch("/metrics")).text());
      expect(metrics).toMatch(/^capstan_calls_total\{interface="Files",method="create",outcome="ok"\} 2$/m);
      expect(metrics).toMatch(/^capstan_calls_total\{interface="ByteSink",method="write",outcome="ok"\} \d+$/m);
      expect(metrics).toMatch(/^capstan_accepted_connections_total 2$/m);
    } finally {
      await browser.close();
    }
  });

  test("lets an upload end before it ends itself", async () => {
    const client = spawn("node", ["node.js", server.rpcUrl, "pause"], {
      cwd: project.dir,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: server.authority },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value as string;
    expect(await line()).toBe("halfway");
    server.terminate();
    // It lets nobody in from here on.
    await expect.poll(() => project.shell(`node node.js ${server.rpcUrl}`, { NODE_EXTRA_CA_CERTS: server.authority }).then(() => "in", () => "out")).toBe("out");
    client.stdin.end("go on\n");
    expect(await line()).toBe("10000000");
    expect(await line()).toMatch(/shutting down/);
    expect(await server.ended()).toEqual({ said: "ended, 0 connections cut off", status: 0 });
  });
});
