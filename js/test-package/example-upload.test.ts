import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ExampleServer, inspect, openPage, PATIENTLY, SERVERS, tabTo } from "./example-pages.js";
import { openBrowser, type Sample, sampleFile } from "./support.js";

declare global {
  interface Window {
    shifted: number;
  }
}

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

  test("keeps still while its figures change, gives the focus back, and finds a server again that was gone", async () => {
    server = await ExampleServer.start("upload", kind);
    const slow = (url: string): Promise<unknown> => fetch(new URL("/pace?bytes_per_second=400000", url), { method: "POST" });
    await slow(server.url);
    const page = await openPage(browser, server.url, []);
    const progress = (): Promise<number> => page.locator("#progress").evaluate((bar: HTMLProgressElement) => bar.value);
    const status = (): Promise<string | null> => page.locator("#status").textContent();
    await page.locator("#picker").setInputFiles(sample.path);
    await expect.poll(progress, PATIENTLY).toBeGreaterThan(1);
    await page.evaluate(() => {
      window.shifted = 0;
      const add = (list: PerformanceObserverEntryList): void => {
        for (const { value } of list.getEntries() as (PerformanceEntry & { value: number })[]) window.shifted += value;
      };
      new PerformanceObserver(add).observe({ type: "layout-shift" });
    });
    const then = await progress();
    await expect.poll(progress, PATIENTLY).toBeGreaterThan(then + 400_000);
    // A figure may grow by a digit; the plots, each time that they move, count for a tenth and more.
    expect(await page.evaluate(() => window.shifted)).toBeLessThan(0.02);

    await page.locator("#cancel").focus();
    await page.keyboard.press("Enter");
    await expect.poll(status, PATIENTLY).toMatch(/^Cancelled/);
    await expect.poll(() => page.evaluate(() => document.activeElement?.id), PATIENTLY).toBe("picker");

    await page.locator("#picker").setInputFiles(sample.path);
    await expect.poll(progress, PATIENTLY).toBeGreaterThan(1);
    await server.stop();
    await expect.poll(status, PATIENTLY).toMatch(/^Sending “sample.bin” failed: the connection to .* is closed/);
    const nothing = page.locator("#no-uploads");
    await expect.poll(() => nothing.isVisible(), PATIENTLY).toBe(true);
    expect(await nothing.textContent()).toBe("The server does not answer.");
    server = await ExampleServer.start("upload", kind, server.port);
    await expect.poll(() => nothing.textContent(), PATIENTLY).toBe("Nothing yet.");
    await page.locator("#picker").setInputFiles(sample.path);
    await expect.poll(status, PATIENTLY).toBe("Sent. The two SHA-256 match.");
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
