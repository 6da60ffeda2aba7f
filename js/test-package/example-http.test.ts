import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ExampleServer, inspect, openPage, PATIENTLY, SERVERS, tabTo } from "./example-pages.js";
import { openBrowser } from "./support.js";

let browser: Browser;
let server: ExampleServer | undefined;

beforeAll(async () => {
  browser = await openBrowser();
});
afterEach(() => server?.stop());
afterAll(() => browser?.close());

const status = (page: Page): Promise<string | null> => page.locator("#status").textContent();
const body = (page: Page): Promise<string | null> => page.locator("#body").textContent();

async function fetch(page: Page, path: string): Promise<void> {
  await page.locator("#path").fill(path);
  await page.locator("#fetch").click();
}

describe.each(SERVERS)("the HTTP example, with its server in %s", (kind) => {
  test("by keyboard, fetches a body that is shown as it comes", async () => {
    server = await ExampleServer.start("http", kind);
    const errors: string[] = [];
    const page = await openPage(browser, server.url, errors);
    // What the body was when more was added to it.
    await page.evaluate(() => {
      const seen: number[] = [];
      const shown = document.querySelector("#body");
      if (shown !== null) new MutationObserver(() => seen.push(shown.textContent?.length ?? 0)).observe(shown, { childList: true });
      (globalThis as { seen?: number[] }).seen = seen;
    });
    await tabTo(page, "#path");
    await page.keyboard.press("Enter");
    await expect.poll(() => status(page), PATIENTLY).toMatch(/^Complete: /);
    expect(await body(page)).toMatch(/^A winch stood on the deck.*\n[^]*\nHere it ends\.\n$/);
    const seen = await page.evaluate(() => (globalThis as { seen?: number[] }).seen ?? []);
    expect(new Set(seen).size, "it came in several pieces").toBeGreaterThan(5);
    expect(await page.locator("#response-title").textContent()).toMatch(/^200/);
    await tabTo(page, "summary");
    await page.keyboard.press("Enter");
    expect(await page.locator("#headers dd").allTextContents()).toContain("text/plain; charset=utf-8");
    await inspect(page, "http-story", kind);

    await fetch(page, "/");
    await expect.poll(() => status(page), PATIENTLY).toMatch(/^Complete: /);
    const shown = page.frameLocator("#page").locator("h1");
    await expect.poll(() => shown.textContent(), PATIENTLY).toBe("A page without a web server");
    await page.locator("#page").scrollIntoViewIfNeeded();
    await inspect(page, "http-page", kind);

    await fetch(page, "/nowhere");
    await expect.poll(() => page.locator("#response-title").textContent(), PATIENTLY).toMatch(/^404/);
    expect(errors).toEqual([]);
    await page.close();
  });

  test("aborts a body that has no end, at the server too", async () => {
    server = await ExampleServer.start("http", kind);
    const page = await openPage(browser, server.url, []);
    await fetch(page, "/endless");
    await expect.poll(() => body(page), PATIENTLY).toContain("line 3\n");
    const other = await openPage(browser, server.url, []);
    await fetch(other, "/running");
    await expect.poll(() => body(other), PATIENTLY).toBe("1\n");
    await tabTo(page, "#abort");
    await page.keyboard.press("Enter");
    await expect.poll(() => status(page), PATIENTLY).toMatch(/^Aborted after \d+ bytes/);
    await expect
      .poll(async () => {
        await fetch(page, "/running");
        await expect.poll(() => status(page), PATIENTLY).toMatch(/^Complete: /);
        return body(page);
      }, PATIENTLY)
      .toBe("0\n");
    await Promise.all([page.close(), other.close()]);
  });

  test("a body that is cut off says so, and the next request connects again", async () => {
    server = await ExampleServer.start("http", kind);
    const page = await openPage(browser, server.url, []);
    await fetch(page, "/endless");
    await expect.poll(() => body(page), PATIENTLY).toContain("line 3\n");
    await server.stop();
    await expect.poll(() => page.locator("#status").getAttribute("class"), PATIENTLY).toBe("status bad");
    server = await ExampleServer.start("http", kind, server.port);
    await fetch(page, "/running");
    await expect.poll(() => body(page), PATIENTLY).toBe("0\n");
    await page.close();
  });
});
