import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { made, openBrowser, type Sample, sampleFile, UploadServer } from "./support.js";

declare global {
  interface Window {
    /** How often wasm's own memory was given to a socket. */
    viewsSent: number;
  }
}

describe("Chromium's WebSocket", () => {
  let dir: string;
  let sample: Sample;
  let server: UploadServer;
  let browser: Browser;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "capstan-transport-"));
    sample = await sampleFile(dir, "scribbled.bin", 3_000_000);
    server = await UploadServer.start(made.page(), "--file", sample.path);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test("is given views of wasm memory, and does not mind what becomes of them after send", async () => {
    const page = await browser.newPage();
    await page.addInitScript(() => {
      window.viewsSent = 0;
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data): void {
        send.call(this, data);
        if (!(data instanceof Uint8Array)) throw new Error("something else than bytes was sent");
        if (data.byteLength < data.buffer.byteLength) window.viewsSent++;
        data.fill(0xaa);
      };
    });
    await page.goto(`${server.url}/`);
    await page.locator("#picker").setInputFiles(sample.path);
    expect(await server.outcome(sample.name)).toMatchObject({ event: "upload_done", sha256: sample.sha256 });
    // How long the file's chunks are is the browser's choice; no call carries more than 128 KiB of one.
    expect(await page.evaluate(() => window.viewsSent)).toBeGreaterThan(sample.size / (128 * 1024));
    await page.close();
  });
});
