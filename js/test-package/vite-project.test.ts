import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, pinned, Project, UploadServer } from "./support.js";

const MAIN = `
import { connect, writable } from "capstan";
import { Files } from "./files.capnp.js";

/** Sends \`size\` bytes of one value and returns their hash. */
window.send = async (url, name, size, value) => {
  const file = new File([new Uint8Array(size).fill(value)], name);
  const conn = await connect(url);
  try {
    const { sink } = conn.bootstrap(Files).create({ name, size: file.size });
    await file.stream().pipeTo(writable(sink));
  } finally {
    await conn.close();
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
document.title = "ready";
`;

const PAGE = `<!doctype html><html lang="en"><title>loading</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></html>`;

declare global {
  interface Window {
    send(url: string, name: string, size: number, value: number): Promise<string>;
  }
}

describe("the tarball in an empty Vite project, in Chromium", () => {
  let project: Project;
  let server: UploadServer;
  let browser: Browser;

  beforeAll(async () => {
    project = await Project.create({ "main.js": MAIN, "index.html": PAGE }, [await pinned("vite")]);
    await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
    await project.run("npx", "vite", "build");
    server = await UploadServer.start(join(project.dir, "dist"));
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await project?.remove();
  });

  async function ready(address: string): Promise<Page> {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await page.goto(address);
    await page.waitForFunction(() => document.title === "ready", undefined, { timeout: 20_000 }).catch(() => undefined);
    expect(problems).toEqual([]);
    expect(await page.title()).toBe("ready");
    return page;
  }

  async function sendFrom(page: Page, name: string): Promise<void> {
    const size = 2_000_003;
    const sha256 = await page.evaluate(
      ({ url, name, size }) => window.send(url, name, size, 7),
      { url: server.rpcUrl, name, size },
    );
    expect(await server.outcome(name)).toMatchObject({ event: "upload_done", bytes: size, sha256 });
  }

  test("the production build finds its wasm and streams to the Rust server", async () => {
    const page = await ready(`${server.url}/`);
    await sendFrom(page, "from-build.bin");
    await page.close();
  });

  test("the development server, which bundles dependencies its own way, does as well", async () => {
    const vite = spawn("npx", ["vite", "--port", "0", "--host", "127.0.0.1", "--clearScreen", "false"], {
      cwd: project.dir,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
      // A group of its own: npx does not pass signals on.
      detached: true,
    });
    try {
      const page = await ready(await addressOf(vite.stdout));
      await sendFrom(page, "from-dev.bin");
      await page.close();
    } finally {
      const ended = once(vite, "exit");
      if (vite.pid !== undefined) process.kill(-vite.pid, "SIGTERM");
      await ended;
    }
  });

  test("an unreachable server rejects with its address", async () => {
    const page = await ready(`${server.url}/`);
    const message = await page.evaluate(() =>
      window.send("ws://127.0.0.1:1/rpc", "never.bin", 1, 0).then(
        () => "sent",
        (error: unknown) => String(error),
      ),
    );
    expect(message).toContain("ws://127.0.0.1:1/rpc");
    await page.close();
  });
});

async function addressOf(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const address = /(http:\/\/127\.0\.0\.1:\d+\/)/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error("vite ended without saying its address");
}
