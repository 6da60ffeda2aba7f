import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdtemp, truncate } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { made, Project, UploadServer } from "./support.js";

const MIB = 1 << 20;
const BYTES = 256 * MIB;
const PACE = 20_000_000;
const ALLOWED_GROWTH = 24 * MIB;

/** Where the bytes come from: some sources leave garbage behind, which is not to lie about either. */
const SOURCES = {
  "the same chunk again and again": "chunks(() => chunk)",
  "new chunks": "chunks(() => chunk.slice())",
  "a file": "file.slice(0, size).stream()",
};

const PAGE = (source: string) => `
import { connect, init, writable } from "capstan";
import { Files } from "./files.capnp.js";
const chunk = crypto.getRandomValues(new Uint8Array(65536));
const file = await (await fetch("/large.bin")).blob();
async function send(name, size) {
  const { sink } = connection.bootstrap(Files).create({ name, size });
  let left = size;
  const chunks = (next) => new ReadableStream({
    pull(controller) {
      controller.enqueue(next());
      left -= chunk.length;
      if (left === 0) controller.close();
    },
  });
  await ${source}.pipeTo(writable(sink));
}
await init("/capstan.wasm");
const connection = await connect(new URL("/rpc", location.href.replace(/^http/, "ws")));
await send("first", ${32 * MIB});
await new Promise((resolve) => setTimeout(resolve, 4000));
await send("large", ${BYTES});
`;

let project: Project;
let server: UploadServer | undefined;
let browser: ChildProcess | undefined;

beforeAll(async () => {
  project = await Project.create({ "index.html": `<!doctype html><script type="module" src="/bundle.js"></script>`, "large.bin": "" });
  await truncate(join(project.dir, "large.bin"), BYTES);
  await project.take("examples-web/upload/files.capnp", "files.capnp");
  await project.run("npx", "capstan", "compile", "-o", "js", "files.capnp");
  await copyFile(join(project.dir, "node_modules/capstan/wasm/capstan_web_bg.wasm"), join(project.dir, "capstan.wasm"));
});

afterEach(async () => {
  if (browser?.exitCode === null && browser.kill()) await once(browser, "exit");
  await server?.stop();
});

afterAll(() => project?.remove());

async function open(source: string): Promise<UploadServer> {
  await project.write({ "page.js": PAGE(source) });
  await build({ entryPoints: [join(project.dir, "page.js")], bundle: true, format: "esm", outfile: join(project.dir, "bundle.js") });
  server = await UploadServer.start(project.dir, "--pace", String(PACE));
  // Without a debugger, to which every frame would be told.
  const profile = await mkdtemp(join(project.dir, "profile-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`];
  browser = spawn(made.chromium(), [...flags, `${server.url}/`], { stdio: "ignore" });
  return server;
}

/** What each of the browser's processes for pages has in memory, by its id. */
function renderers(): Map<string, number> {
  const read = (id: string, file: string): string => {
    try {
      return readFileSync(`/proc/${id}/${file}`, "latin1");
    } catch {
      // It has ended since.
      return "";
    }
  };
  const isOurs = (id: string): boolean => {
    let each = id;
    while (Number(each) > 1 && each !== String(browser?.pid)) each = /^PPid:\s+(\d+)/m.exec(read(each, "status"))?.[1] ?? "0";
    return each === String(browser?.pid);
  };
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && read(name, "cmdline").includes("--type=renderer") && isOurs(name));
  return new Map(ids.map((id) => [id, Number(/^VmRSS:\s+(\d+) kB/m.exec(read(id, "status"))?.[1] ?? 0) * 1024]));
}

// Only where there is a /proc to look into.
test.runIf(process.platform === "linux").each(Object.entries(SOURCES))(
  "a page that has more to send than the server takes does not gather it, from %s",
  async (from, source) => {
    const server = await open(source);
    await server.outcome("first");
    await new Promise((resolve) => setTimeout(resolve, 3500));
    const before = renderers();
    expect(before.size).toBeGreaterThan(0);
    const most = new Map(before);
    const outcome = server.outcome("large");
    let isOver = false;
    void outcome.then(() => (isOver = true));
    while (!isOver) {
      for (const [id, bytes] of renderers()) most.set(id, Math.max(most.get(id) ?? 0, bytes));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await outcome).toMatchObject({ event: "upload_done", bytes: BYTES });
    const growth = [...before].map(([id, bytes]) => (most.get(id) ?? 0) - bytes);
    console.log(`${BYTES / MIB} MiB from ${from} at ${PACE / 1e6} MB/s: the pages' processes grew by at most ${growth.map((bytes) => (bytes / MIB).toFixed(1)).join(" and ")} MiB`);
    expect(Math.max(...growth)).toBeLessThan(ALLOWED_GROWTH);
  },
  90_000,
);
