import { once } from "node:events";
import { cp, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { made, openBrowser, Project, UploadServer } from "./support.js";

/* What a page meets on bad days: WebAssembly that is not there, a network that goes, and going back to a page. In Chromium. */

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

const PAGE = `<!doctype html><html lang="en"><title>a page</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "capstan": "/capstan/dist/index.js", "capstan/codegen/v1": "/capstan/dist/codegen/v1.js" } }</script>
<script type="module">
  import * as capstan from "capstan";
  import { Files } from "./files.capnp.js";
  window.capstan = capstan;
  window.Files = Files;
  window.tried = (promise) => promise.then(() => "fine", (error) => error.name + " " + (error.kind ?? "") + ": " + error.message);
</script></html>`;

/** A page that can be gone back to; `closing` says what it does when it is left. */
const SLEEPER = (server: string, closing = "") => `<!doctype html><html lang="en"><title>a sleeper</title><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "capstan": "/capstan/dist/index.js", "capstan/codegen/v1": "/capstan/dist/codegen/v1.js" } }</script>
<script type="module">
  import { connect, init, reconnecting } from "capstan";
  import { Files } from "./files.capnp.js";

  await init();
  const link = reconnecting(() => connect(${JSON.stringify(server)}));
  const files = link.bootstrap(Files);
  window.list = () => files.list().then(({ entries }) => entries.length);
  window.woke = [];
  window.watch = () => void link.connection.closed.then(({ reason }) => (window.ended = reason));
  ${closing}
  addEventListener("pageshow", (event) => woke.push(event.persisted));
</script></html>`;

/** As the guide's chapter on errors has it. */
const CLOSING = 'addEventListener("pagehide", () => void link.connection?.close("the page is left"));';

interface Window {
  capstan: typeof import("capstan");
  tried(promise: Promise<unknown>): Promise<string>;
}
declare const window: Window & typeof globalThis & Record<string, never>;

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

let project: Project;
let upload: UploadServer;
let site: Server;
let url: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What is different today. */
let answer: Answer = () => false;

beforeAll(async () => {
  project = await Project.create({ "index.html": PAGE });
  upload = await UploadServer.start(made.page());
  await project.write({ "sleeper.html": SLEEPER(upload.rpcUrl), "closing.html": SLEEPER(upload.rpcUrl, CLOSING), "other.html": "<!doctype html><title>elsewhere</title>" });
  await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
  await cp(join(project.dir, "node_modules/capstan"), join(project.dir, "capstan"), { recursive: true });
  site = createServer((request, response) => {
    if (answer(request, response)) return;
    const path = new URL(request.url ?? "/", "http://host").pathname;
    readFile(join(project.dir, path === "/" ? "index.html" : path)).then(
      (content) => response.setHeader("Content-Type", TYPES[extname(path)] ?? "text/html").end(content),
      () => response.writeHead(404, { "Content-Type": "text/html" }).end("<!doctype html><title>not found</title>"),
    );
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  site?.closeAllConnections();
  site?.close();
  await upload?.stop();
  await project?.remove();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});

afterEach(async () => {
  answer = () => false;
  await context.close();
});

async function open(): Promise<void> {
  await page.goto(url);
  await page.waitForFunction("window.tried !== undefined");
}

const tryInit = (): Promise<string> => page.evaluate(() => window.tried(window.capstan.init()));
const tryConnect = (to: string): Promise<string> => page.evaluate((to) => window.tried(window.capstan.connect(to)), to);

/** Every request for the runtime's WebAssembly is answered so. */
function wasmIs(status: number, type: string, body?: string): void {
  answer = (request, response) => {
    if (!request.url?.endsWith("capstan_web_bg.wasm")) return false;
    response.writeHead(status, { "Content-Type": type });
    if (body !== undefined) response.end(body);
    else void readFile(join(project.dir, "capstan/wasm/capstan_web_bg.wasm")).then((wasm) => response.end(wasm));
    return true;
  };
}

describe("WebAssembly", () => {
  test.each(["text/plain", "application/octet-stream", ""])("of the MIME type %j is loaded all the same, and the console says what it costs", async (type) => {
    wasmIs(200, type);
    await open();
    const warned = page.waitForEvent("console", (message) => message.type() === "warning");
    expect(await tryInit()).toBe("fine");
    expect((await warned).text()).toMatch(/MIME/);
  });

  test.each<[string, number, string | undefined]>([
    ["is not there", 404, "<!doctype html><title>not found</title>"],
    ["is a page, as of servers that have one for every address", 200, "<!doctype html><title>our app</title>"],
    ["is empty", 200, ""],
    ["is an error of the server's", 500, "it broke"],
  ])("that %s is an error that says what to check; the next attempt may be better", async (_what, status, body) => {
    wasmIs(status, "text/html", body);
    await open();
    const advice = /^CapnpError failed: Capstan's WebAssembly could not be loaded: .+; check that capstan_web_bg\.wasm, not a page in its place, is served beside the script/;
    expect(await tryInit()).toMatch(advice);
    expect(await tryConnect(upload.rpcUrl)).toMatch(advice);
    const early = await page.evaluate(() => window.tried((async () => window.capstan.accept({} as never))()));
    expect(early).toMatch(/accept\(\) was called before Capstan's WebAssembly was loaded/);
    answer = () => false;
    expect(await tryConnect(upload.rpcUrl)).toBe("fine");
  });

  test("that a policy forbids is an error that names what has to be allowed", async () => {
    answer = (_request, response) => {
      response.setHeader("Content-Security-Policy", "script-src 'self' 'unsafe-inline'");
      return false;
    };
    await open();
    expect(await tryInit()).toMatch(/could not be loaded: .*Content Security Policy.*the page's content security policy allows 'wasm-unsafe-eval'/i);
  });

  test("that is blocked on its way is an error that says what to check", async () => {
    await page.route("**/*.wasm", (route) => route.abort("blockedbyclient"));
    await open();
    expect(await tryInit()).toMatch(/could not be loaded: .*fetch.*; check that capstan_(web|messages)_bg\.wasm/);
  });

  test("from a source that is none is an error, and from a right one there is no second", async () => {
    await open();
    const tries = await page.evaluate(async () => {
      const { capstan, tried } = window;
      const sources: unknown[] = [new Uint8Array([1, 2, 3]), "/nowhere.wasm", new Response("no"), { runtime: 5 }, Promise.reject(new Error("lost it"))];
      const results: string[] = [];
      for (const source of sources) results.push(await tried(capstan.init(source as Uint8Array)));
      results.push(await tried(capstan.init(fetch("/capstan/wasm/capstan_web_bg.wasm"))));
      return results;
    });
    expect(tries.pop()).toBe("fine");
    for (const text of tries) expect(text).toMatch(/^CapnpError failed: Capstan's WebAssembly could not be loaded: .+; check that/);
    expect(tries.at(-1)).toContain("lost it");
    // It is there: whatever comes later changes nothing.
    expect(await page.evaluate(() => window.tried(window.capstan.init("/nowhere.wasm")))).toBe("fine");
  });
});

describe("a page that is offline", () => {
  test("fails to connect with an error that says so, and connects when it is back", async () => {
    await open();
    expect(await tryInit()).toBe("fine");
    await context.setOffline(true);
    expect(await tryConnect(upload.rpcUrl)).toMatch(/^CapnpError disconnected: cannot connect to ws:.*This browser is offline/);
    await context.setOffline(false);
    expect(await tryConnect(upload.rpcUrl)).toBe("fine");
  });
});

describe("a page that is left and gone back to, from the browser's cache", () => {
  let caching: Browser;

  beforeAll(async () => {
    caching = await chromium.launch({
      executablePath: made.chromium(),
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
      // By default browsers that are driven have none.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
  });

  afterAll(() => caching?.close());

  test.each([
    ["had its connection broken by the browser", "sleeper.html", /lost without a goodbye.*connect again to go on/],
    ["closed its connection on `pagehide`", "closing.html", /^the page is left$/],
  ])("%s, and connects again with the next call", async (_what, path, reason) => {
    const page = await caching.newPage();
    await page.goto(`${url}/${path}`);
    await page.waitForFunction("window.list !== undefined");
    expect(await page.evaluate("list()")).toBe(0);
    await page.evaluate("watch()");
    await page.goto(`${url}/other.html`);
    // One from the cache does not load again.
    await page.goBack({ waitUntil: "commit" });
    await page.waitForFunction("window.ended !== undefined");
    expect(await page.evaluate("woke")).toEqual([true]);
    expect(await page.evaluate("ended")).toMatch(reason);
    expect(await page.evaluate("list()")).toBe(0);
    await page.close();
  });
});
