import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ExampleServer, inspect, openPage, PATIENTLY, SERVERS, tabTo } from "./example-pages.js";
import { openBrowser, type Sample, sampleFile } from "./support.js";

let browser: Browser;
let directory: string;
let sample: Sample;
let server: ExampleServer | undefined;

beforeAll(async () => {
  browser = await openBrowser();
  directory = await mkdtemp(join(tmpdir(), "capstan-upload-"));
  sample = await sampleFile(directory, "sample.bin", 3_000_000);
});
afterEach(() => server?.stop());
afterAll(async () => {
  await browser?.close();
  await rm(directory, { recursive: true, force: true });
});

describe.each(SERVERS)("the upload example, with its server in %s", (kind) => {
  test("by keyboard, slows the server down while the plots show it, and speeds it up", async () => {
    server = await ExampleServer.start("upload", kind);
    const errors: string[] = [];
    const page = await openPage(browser, server.url, errors);
    await tabTo(page, "#picker");
    await tabTo(page, "#pace");
    await page.keyboard.press("Home");
    for (let faster = 0; faster < 15; faster++) await page.keyboard.press("ArrowRight");
    const pace = async (): Promise<unknown> => (await fetch(new URL("/pace", server?.url))).json();
    await expect.poll(pace, PATIENTLY).toEqual({ bytesPerSecond: Math.round(50e3 * 4000 ** 0.15) });
    await page.locator("#picker").setInputFiles(sample.path);
    const label = (id: string): Promise<string | null> => page.locator(id).getAttribute("aria-label");
    await expect.poll(() => label("#bytes-plot"), PATIENTLY).toMatch(/^[\d.]+ kB in flight, against a window of [\d.]+ kB$/);
    await expect.poll(() => label("#trip-plot"), PATIENTLY).toMatch(/^Round trip [\d.]+ ms, the shortest of late [\d.]+ ms$/);
    await expect.poll(() => label("#rate-plot"), PATIENTLY).toMatch(/^[\d.]+ kB\/s delivered, the most of late [\d.]+ kB\/s$/);
    // Something to see on the pictures.
    await expect.poll(() => page.locator("#progress").evaluate((bar: HTMLProgressElement) => bar.value), PATIENTLY).toBeGreaterThan(400_000);
    await inspect(page, "upload", kind);

    await page.locator("#pace").focus();
    await page.keyboard.press("End");
    await expect.poll(() => page.locator("#status").textContent(), PATIENTLY).toBe("Sent. The two SHA-256 match.");
    expect(await page.locator("#hash-there").textContent()).toBe(sample.sha256);
    await expect.poll(() => page.locator("#uploads td").allTextContents(), PATIENTLY).toEqual([sample.name, "3.0 MB of 3.0 MB", "complete"]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test("a page that is closed leaves a part", async () => {
    server = await ExampleServer.start("upload", kind);
    await fetch(new URL("/pace?bytes_per_second=200000", server.url), { method: "POST" });
    const page = await openPage(browser, server.url, []);
    await page.locator("#picker").setInputFiles(sample.path);
    await expect.poll(() => page.locator("#in-flight").textContent(), PATIENTLY).toMatch(/kB$/);
    await page.close();
    const uploads = async (): Promise<unknown> => (await fetch(new URL("/uploads", server?.url))).json();
    await expect.poll(uploads, PATIENTLY).toMatchObject([{ name: sample.name, state: "partial", reason: "the sender went away before end()" }]);
  });
});

test("a server in JavaScript takes its own pages, and survives odd requests", async () => {
  server = await ExampleServer.start("upload", "js");
  const { port } = server;
  const ask = async (path: string, headers: Record<string, string>, method = "GET"): Promise<string> => {
    const sent = request({ host: "127.0.0.1", port, path, headers, method }).end();
    const [answer] = (await Promise.race([once(sent, "response"), once(sent, "upgrade")])) as [IncomingMessage];
    answer.destroy();
    return `${answer.statusCode}`;
  };
  const upgrade = (origin: string): Promise<string> =>
    ask("/rpc", { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", origin });
  expect(await upgrade(`http://127.0.0.1:${port}`)).toBe("101");
  for (const origin of ["http://example.com", "null", "nonsense"]) expect(await upgrade(origin)).toBe("403");
  expect(await ask("/pace?bytes_per_second=1", { origin: "http://example.com" }, "POST")).toBe("200");
  expect(await (await fetch(new URL("/pace", server.url))).json()).toEqual({ bytesPerSecond: null });
  expect(await ask("//", {})).toBe("400");
  for (const path of ["/../server.mjs", "/..%2f..%2fpackage.json", "/assets", "/%00"]) expect(await ask(path, {}), path).toBe("404");
  expect(await ask("/", {})).toBe("200");
});
