import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { made, openBrowser, type Sample, sampleFile, UploadServer } from "./support.js";

/** Slow enough that an upload of the sample lasts until the test ends it. */
const SLOW = "/pace?bytes_per_second=200000";
const PATIENTLY = { timeout: 30_000 };

describe("the upload page when things go wrong, or slowly", () => {
  let dir: string;
  let sample: Sample;
  let server: UploadServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "capstan-upload-"));
    sample = await sampleFile(dir, "sample.bin", 3_000_000);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await rm(dir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    server = await UploadServer.start(made.page(), "--file", sample.path);
    page = await browser.newPage();
    await page.goto(`${server.url}/`);
  });

  afterEach(async () => {
    await page?.close();
    await server?.stop();
  });

  const status = (): Promise<string | null> => page.locator("#status").textContent();
  const sendSlowly = async (): Promise<void> => {
    await fetch(server.url + SLOW, { method: "POST" });
    await page.locator("#picker").setInputFiles(sample.path);
    // The window and one message more are in flight, and stay so: the page waits for the server.
    await expect.poll(() => page.locator("#in-flight").textContent(), PATIENTLY).toMatch(/^[\d.]+ kB$/);
  };

  test("a file that is gone is named, and the server reports the part", async () => {
    const path = join(dir, "gone.bin");
    await writeFile(path, "soon gone");
    // A picker of the test's own holds the file until it is gone, and then drops it on the page.
    const holder = await page.evaluateHandle(() => {
      const input = document.createElement("input");
      input.type = "file";
      document.body.append(input);
      return input;
    });
    await holder.setInputFiles(path);
    await unlink(path);
    await holder.evaluate((input) => {
      const dataTransfer = new DataTransfer();
      for (const file of input.files ?? []) dataTransfer.items.add(file);
      document.querySelector("#drop")?.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
    });
    await expect.poll(status, PATIENTLY).toContain("“gone.bin” could not be read");
    expect(await server.outcome("gone.bin")).toMatchObject({ event: "upload_partial", bytes: 0 });
  });

  test("a server that goes away in mid-stream ends the upload with an error", async () => {
    await sendSlowly();
    await server.stop();
    await expect.poll(status, PATIENTLY).toContain("Sending “sample.bin” failed");
    expect(await page.locator("#status").getAttribute("class")).toContain("bad");
  });

  test("a cancelled upload is a partial one, and the next one works", async () => {
    await sendSlowly();
    await page.locator("#cancel").click();
    await expect.poll(status, PATIENTLY).toContain("Cancelled");
    const outcome = await server.outcome(sample.name);
    expect(outcome.event).toBe("upload_partial");
    expect(outcome.bytes).toBeLessThan(sample.size);
    await fetch(`${server.url}/pace`, { method: "POST" });
    await page.locator("#picker").setInputFiles(sample.path);
    await expect.poll(() => page.locator("#hash-there").textContent(), PATIENTLY).toBe(sample.sha256);
  });

  test.each(["light", "dark"] as const)("what flow control does is drawn and said, in %s colours", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await sendSlowly();
    const label = (id: string): Promise<string | null> => page.locator(id).getAttribute("aria-label");
    await expect.poll(() => label("#bytes-plot"), PATIENTLY).toMatch(/^[\d.]+ kB in flight, against a window of [\d.]+ kB$/);
    await expect.poll(() => label("#trip-plot"), PATIENTLY).toMatch(/^Round trip [\d.]+ ms, the shortest of late [\d.]+ ms$/);
    await expect.poll(() => label("#rate-plot"), PATIENTLY).toMatch(/^[\d.]+ kB\/s delivered, the most of late [\d.]+ kB\/s$/);
    for (const id of ["#bytes-plot", "#trip-plot", "#rate-plot"]) {
      const colours = page.locator(id).evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        return new Set(new Uint32Array(Uint8Array.from(data).buffer)).size;
      });
      // The frame alone has one besides the ground.
      expect(await colours, id).toBeGreaterThan(4);
    }
  });

  test("the slider sets the server's pace", async () => {
    const pace = async (): Promise<unknown> => (await (await fetch(`${server.url}/pace`)).json()) as unknown;
    await page.locator("#pace").fill("0");
    await expect.poll(pace, PATIENTLY).toEqual({ bytesPerSecond: 50_000 });
    expect(await page.locator("#pace-value").textContent()).toBe("50.0 kB/s");
    await page.locator("#pace").fill("100");
    await expect.poll(pace, PATIENTLY).toEqual({ bytesPerSecond: null });
  });

  test("the automatic run sends the demo file and reports its hash", async () => {
    const done = await lastReport("auto=1&chunk=10000");
    expect(done).toMatchObject({ done: true, bytes: sample.size, sha256: sample.sha256 });
    expect(await server.outcome(sample.name)).toMatchObject({ event: "upload_done", sha256: sample.sha256 });
  });

  test("the bench measures bare frames and streamed calls", async () => {
    const done = await lastReport("bench=1&bytes=1000000&chunk=65536&rounds=2");
    const { bench } = done as { bench: Record<string, { mbps: number; all: number[] }> };
    for (const name of ["bare", "bareFile", "capstan", "capstanMemory"]) {
      expect(bench[name]?.all).toHaveLength(2);
      expect(bench[name]?.mbps).toBeGreaterThan(0);
    }
  });

  /** What the page tells the terminal last. */
  async function lastReport(query: string): Promise<unknown> {
    const isLast = (body: string): boolean => body.includes('"done"') || body.includes('"error"');
    const [request] = await Promise.all([
      page.waitForRequest((request) => request.url().endsWith("/report") && isLast(request.postData() ?? "")),
      page.goto(`${server.url}/?${query}`),
    ]);
    return request.postDataJSON() as unknown;
  }
});
