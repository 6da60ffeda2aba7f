import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { made, openBrowser, type Sample, sampleFile, UploadServer } from "./support.js";

describe("the upload page in Chromium", () => {
  let dir: string;
  let sample: Sample;
  let server: UploadServer;
  let browser: Browser;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "capstan-upload-"));
    sample = await sampleFile(dir, "picked file ü.bin", 5_000_000);
    server = await UploadServer.start(made.page(), "--file", sample.path);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test("sends a picked file and shows the same hash for both ends", async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/`);
    await page.locator("#picker").setInputFiles(sample.path);
    const status = page.locator("#status");
    // The page's own words: where the upload failed, they say why.
    await expect.poll(() => status.textContent(), { timeout: 30_000 }).toBe("Sent. The two SHA-256 match.");
    expect(await page.locator("#hash-there").textContent()).toBe(sample.sha256);
    expect(await page.locator("#hash-here").textContent()).toBe(sample.sha256);
    expect(await server.outcome(sample.name)).toMatchObject({ event: "upload_done", bytes: sample.size, sha256: sample.sha256 });
    await page.close();
  });
});
